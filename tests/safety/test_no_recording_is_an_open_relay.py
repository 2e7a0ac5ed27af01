"""A server that spends a real key, or plays a recording, accepts only a key of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openai_scan import AuthenticationError, Client
from openai_scan.testing import Cassette, FakeServer, chat_answer, data, done
from openai_scan.testing.guard import new_key

REAL_KEY = "sk-the-real-key"
CHAT = "/v1/chat/completions"
BODY = json.dumps({"model": "m", "messages": [], "stream": True})


@pytest.fixture
def real() -> Iterator[FakeServer]:
    """Start a server in place of the real API."""
    with FakeServer(always=chat_answer("Hi")) as server:
        yield server


@pytest.fixture
def cassette(real: FakeServer, tmp_path: Path) -> Iterator[Cassette]:
    """Start a cassette that records."""
    made = Cassette(tmp_path / "a.jsonl", api_key=REAL_KEY, base_url=real.base_url)
    with made:
        yield made


def ask(
    server: FakeServer, method: str = "POST", target: str = CHAT, **headers: str
) -> tuple[int, str]:
    """Send a request without a key, and return the status and the body."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    key = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
    sent = {**key, **{name.replace("_", "-"): value for name, value in headers.items()}}
    with contextlib.closing(connection):
        connection.putrequest(method, target, skip_host="Host" in sent)
        for name, value in {"Content-Length": str(len(BODY)), **sent}.items():
            if value:
                connection.putheader(name, value)
        connection.endheaders(BODY.encode())
        response = connection.getresponse()
        return response.status, response.read().decode()


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer test-key"},
        {"Authorization": f"Bearer {REAL_KEY}"},
        {"Authorization": "Bearer \xe9"},
        {"Authorization": "", "api-key": "k"},
    ],
    ids=["none", "empty", "usual", "real", "not ASCII", "Azure"],
)
def test_nothing_goes_upstream_without_the_key(
    headers: dict[str, str], cassette: Cassette, real: FakeServer
) -> None:
    """Not even with the real key, which must only be sent to the API."""
    status, body = ask(cassette, **headers)
    assert status == 401
    assert "this server needs its own key" in body
    assert cassette.key not in body
    assert REAL_KEY not in body
    assert real.requests == cassette.requests == []


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1:1", "a@[::1]"])
def test_nothing_goes_upstream_under_another_name(
    host: str, cassette: Cassette, real: FakeServer
) -> None:
    """A web page can have a name of its own that leads to this machine."""
    port = cassette.url.rpartition(":")[2]
    assert ask(cassette, Host=host.format(port=port))[0] == 403
    assert real.requests == []


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:3000"])
def test_nothing_goes_upstream_for_a_web_page(
    origin: str, cassette: Cassette, real: FakeServer
) -> None:
    """A browser names the page that sends the request."""
    assert ask(cassette, Origin=origin)[0] == 403
    assert real.requests == []


@pytest.mark.parametrize(
    "target",
    [
        "/v1/files",
        "/v1/organization/admin_api_keys",
        "/v1/chat/completions/../../files",
        "/v1/threads/../runs",
        "/v1/threads/%2e%2e/runs",
        "/v1/threads/a%2f..%2f../runs",
        "/v1/responses/..",
        "/v1/responses/a%00",
        "//evil.example/v1/files",
        "http://evil.example/",
        "*",
    ],
)
def test_nothing_goes_upstream_but_what_an_api_has(
    target: str, cassette: Cassette, real: FakeServer
) -> None:
    """Neither another path, nor an id that leads to one."""
    assert ask(cassette, target=f"{target}?stream=true")[0] in {403, 404}
    assert real.requests == []


def test_nothing_is_deleted_by_a_stream(cassette: Cassette, real: FakeServer) -> None:
    """Only streams are recorded, so a request that deletes is refused."""
    status, body = ask(cassette, "DELETE", "/v1/threads/a?stream=true")
    assert status == 400
    assert "only streams" in body
    assert real.requests == []


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
@pytest.mark.parametrize("header", ["Authorization", "api-key"])
def test_a_client_with_the_key_is_served(
    name: str, header: str, cassette: Cassette, real: FakeServer
) -> None:
    """The client may use any name of this machine, and Azure's header."""
    port = cassette.url.rpartition(":")[2]
    key = {"Authorization": "", "api-key": cassette.key} if header == "api-key" else {}
    assert ask(cassette, Host=f"{name}:{port}", **key)[0] == 200
    assert [request.key for request in real.requests] == [REAL_KEY]


def test_each_run_has_another_key() -> None:
    """It is long and differs each time, so that it cannot be guessed."""
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(len(key) > 32 for key in keys)


def test_a_cassette_that_is_played_spends_nothing(
    cassette: Cassette, real: FakeServer, tmp_path: Path
) -> None:
    """Nothing is sent upstream, so a client may use any key."""
    path = tmp_path / "b.jsonl"
    with Cassette(path, api_key=REAL_KEY, base_url=real.base_url) as recording:
        assert ask(recording)[0] == 200
    with Cassette(path) as played:
        assert ask(played, Authorization="Bearer x")[0] == 200
    assert len(real.requests) == 1


def test_a_wrong_key_is_reported_in_words(cassette: Cassette) -> None:
    """The error says what is wrong."""
    with Client("test-key", cassette.base_url) as client:
        with pytest.raises(AuthenticationError, match="this server needs its own key"):
            client.create_chat_completion_stream(model="m", messages=[]).read()


@pytest.mark.parametrize(
    ("length", "status"),
    [
        ("100000000000000", 413),
        ("99999999999999999999", 400),
        ("-1", 400),
        ("1_0", 400),
        ("\u0663".encode().decode("latin-1"), 400),
        ("x", 400),
    ],
)
@pytest.mark.parametrize("is_guarded", [False, True])
def test_a_body_of_any_length_is_not_waited_for(
    length: str, status: int, is_guarded: bool, real: FakeServer, cassette: Cassette
) -> None:
    """The server refuses it without waiting for it."""
    server = cassette if is_guarded else real
    assert ask(server, Content_Length=length)[0] == status
    assert real.requests == []


def test_a_body_of_an_unknown_length_is_not_read(cassette: Cassette) -> None:
    """The server cannot know where it ends."""
    assert ask(cassette, Transfer_Encoding="chunked")[0] == 411


@contextlib.contextmanager
def served(file: Path, *arguments: str) -> Iterator[tuple[str, str]]:
    """Serve *file* in a process; yield the base URL and the key."""
    process = subprocess.Popen(
        [sys.executable, "-m", "openai_scan", "replay", str(file), "--serve", *arguments],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        found = re.search(r"at (http://\S+/v1) with the key (\S+);", said)
        assert found, said + process.stderr.read()
        yield found[1], found[2]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait(60)


@pytest.mark.unmeasured
@pytest.mark.parametrize("arguments", [[], ["--key", "my-key"]], ids=["random", "given"])
def test_a_served_recording_has_a_key(arguments: list[str], tmp_path: Path) -> None:
    """The server prints a random key when it starts, or takes the given one."""
    file = tmp_path / "a.sse"
    file.write_bytes(b"".join(chat_answer("Hi")))
    with served(file, *arguments) as (url, key):
        assert (key == "my-key") is bool(arguments)
        with Client(key, url) as client:
            assert client.create_chat_completion_stream(model="m", messages=[]).read() == b"Hi"
        for wrong in ("k", ""):
            with Client(wrong, url) as client, pytest.raises(AuthenticationError):
                client.create_chat_completion_stream(model="m", messages=[]).read()


def test_a_fake_server_with_a_key() -> None:
    """Your own server can be protected in the same way."""
    body: Any = [data({"a": 1}), done()]
    with FakeServer(always=body, key="my-key") as server:
        assert ask(server)[0] == 200
        assert ask(server, Authorization="Bearer your-key")[0] == 401
        assert len(server.requests) == 1
