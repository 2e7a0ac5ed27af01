"""`--header`, for all commands that send requests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openai_scan.cli import main, options
from openai_scan.testing import FakeServer, assistant_answer, chat_answer, error, response_answer

SECRET = "pk-0123456789"

ASKING = {
    "chat": ["chat", "Hello"],
    "respond": ["respond", "Hello"],
    "run": ["run", "--assistant", "asst_1", "Hello"],
    "record": ["record", "hello.jsonl", "Hello"],
    "bench": ["bench", "{url}", "-n", "1"],
}


@pytest.mark.parametrize("name", ASKING)
def test_headers_are_sent_with_every_request(
    name: str, server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gateways route requests by such headers."""
    monkeypatch.chdir(tmp_path)
    server.add(
        assistant_answer("Hi")
        if name == "run"
        else response_answer("Hi")
        if name == "respond"
        else chat_answer("Hi")
    )
    words = [word.format(url=server.base_url) for word in ASKING[name]]
    more = ["--header", f"x-portkey-api-key={SECRET}", "--header", "X-Config=a=b, c"]
    assert main([*words, *more]) == 0
    [request] = server.requests
    assert request.headers["x-config"] == "a=b, c"
    assert request.headers["x-portkey-api-key"] == SECRET
    assert request.key == "k"


def test_the_value_of_a_header_is_a_secret(
    server: FakeServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is redacted under any name, since a server may repeat it in an error or a header."""
    monkeypatch.chdir(tmp_path)
    server.add(error(400, f"{SECRET} is unknown", headers={"x-request-id": SECRET}))
    words = ["record", "a.jsonl", "--with-request", "-q", "--header", f"X-Config={SECRET}", "Hello"]
    assert main(words) == 1
    printed = capsys.readouterr()
    assert printed.err == ("openai-scan: [key] is unknown (HTTP status 400, request id [key])\n")
    recording = Path("a.jsonl").read_text("utf-8")
    assert SECRET not in recording
    assert "[key] is unknown" in recording
    assert json.loads(recording.splitlines()[0])


def test_an_authorization_header_takes_the_place_of_the_key(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No API key is needed then, and none is sent instead of the header."""
    for has_key in (True, False):
        if not has_key:
            monkeypatch.delenv("OPENAI_API_KEY")
        server.add(chat_answer("Hi"))
        assert main(["chat", "-q", "--header", "authorization=Basic abc", "Hello"]) == 0
    assert [request.headers["authorization"] for request in server.requests] == ["Basic [key]"] * 2
    assert [request.key for request in server.requests] == ["abc"] * 2


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("secret-1", "it must be NAME=VALUE, such as x-portkey-provider=openai"),
        ("X-Key=", "it must be NAME=VALUE, such as x-portkey-provider=openai"),
        ("X-Key: secret-1=", "it must be NAME=VALUE, such as x-portkey-provider=openai"),
        ("X Key=secret-1", "the name of a header is malformed"),
        ("X-Key=secret\n1", "the header X-Key contains a line break or another control character"),
    ],
)
def test_a_malformed_header_is_not_shown(
    header: str, problem: str, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was given may be a key, so the error does not repeat it."""
    assert main(["chat", "--header", header, "Hello"]) == 2
    assert capsys.readouterr().err == (
        f"openai-scan: Invalid value for '--header': {problem}; see openai-scan chat --help\n"
    )
    assert server.requests == []


def test_the_key_of_a_demonstration_stays(server: FakeServer) -> None:
    """A key that the command sets itself takes precedence over an Authorization header."""
    server.add(chat_answer("Hi"))
    headers = {"Authorization": "Bearer mine"}
    with options.client_of(server.base_url, None, headers=headers, api_key="own") as client:
        client.create_chat_completion(model="m", messages=[])
    assert server.requests[0].key == "own"
