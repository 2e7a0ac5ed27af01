"""A recording of someone else can be served, and what cannot be sent is refused."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from openai_scan import (
    AzureClient,
    Client,
    ConfigurationError,
    DecodeError,
    RecordingError,
    ScanError,
    StreamerV2,
    replay,
)
from openai_scan.testing import Cassette, FakeServer, Reply, chat_answer, json_answer, recorded
from safety.conftest import Terminal


def recording(**head: Any) -> bytes:
    """Return a recording of a stream with *head*."""
    lines = [
        {"format": "openai_scan recording", "version": 1, "method": "POST",
         "url": "http://a/v1/chat/completions", "status": 200, **head},
        {"t": 0.1, "text": b"".join(chat_answer("Hi")).decode()},
        {"t": 0.2, "end": "clean"},
    ]  # fmt: skip
    return "".join(f"{json.dumps(line)}\n" for line in lines).encode()


SPLIT = "a\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-a": SPLIT},
        {SPLIT: "a"},
        {"x-a": "a\n"},
        {"x-a": "a\rb"},
        {"x-a": "a\x00b"},
        {"x-a": " a"},
        {"x-a": "\u2028"},
        {"": "a"},
        {"x a": "a"},
        {"x-a:": "a"},
        {"trailer\r\nx": "a"},
    ],
)
def test_headers_that_are_more_than_headers_are_refused(
    headers: dict[str, str], tmp_path: Path, terminal: Terminal
) -> None:
    """The error is one sentence without the headers, and comes before anything is served."""
    data = recording(headers=headers)
    with pytest.raises(RecordingError, match="the recording cannot be served: ") as caught:
        recorded(io.BytesIO(data))
    assert "HTTP/1.1" not in str(caught.value)
    path = tmp_path / "a.jsonl"
    path.write_bytes(data)
    assert terminal.run("replay", str(path), "--serve") == 2
    with pytest.raises(RecordingError):
        Cassette(path)


@pytest.mark.parametrize("status", [0, 1, 99, 100, 101, 199, 1000, 10**14, -200])
def test_a_status_that_is_none_is_refused(status: int) -> None:
    """An informational status is refused as well: the answer would still have to come."""
    with pytest.raises(RecordingError, match=f"{status} is not an HTTP status"):
        recorded(io.BytesIO(recording(status=status)))


@pytest.mark.parametrize(
    "headers",
    [
        {"content-length": "100000000000000"},
        {"Content-Length": "100000000000000"},
        {"CONTENT-LENGTH": "0", "content-length": "1"},
        {"Transfer-Encoding": "gzip"},
        {"Content-Encoding": "gzip"},
        {"Connection": "close", "Upgrade": "x", "Trailer": "x", "Keep-Alive": "x"},
    ],
)
def test_what_frames_the_answer_is_the_servers_own(headers: dict[str, str]) -> None:
    """However a name is written, the answer is read to its end, and so is the next one."""
    [reply] = recorded(io.BytesIO(recording(headers=headers)))
    with FakeServer(always=reply) as server, Client("k", server.base_url) as client:
        for _ in range(2):
            assert client.create_chat_completion_stream(model="m", messages=[]).read() == b"Hi"
        assert server.connections == 1


def test_an_absurd_time_is_waited_for_and_no_error() -> None:
    """The reader's own limit ends the wait."""
    [reply] = recorded(io.BytesIO(recording()), speed=1e-300)
    with FakeServer(always=reply) as server, Client("k", server.base_url, timeout=0.1) as client:
        with client.create_chat_completion_stream(model="m", messages=[]) as s:
            assert not s.next()
            assert "first_byte=0.1 s" in str(s.err())
    played = replay(io.BytesIO(recording()), speed=1e-300)
    with StreamerV2(played) as s:
        played.expire(0.0)
        assert not s.next()
        assert s.err() is not None


def test_notes_of_a_recording_have_a_bound() -> None:
    """No more than 100 are kept, as of a stream."""
    notes = {f"note {number}": 1 for number in range(10_000)}
    data = recording().replace(b'"clean"', b'"clean", "notes": ' + json.dumps(notes).encode())
    source = replay(io.BytesIO(data))
    assert len(source.notes) == 100


@pytest.mark.parametrize("depth", [500, 900])
def test_an_answer_nested_deeply_is_an_error_of_the_library(depth: int) -> None:
    """A call raises nothing but a ScanError."""
    nested = depth // 2 * '{"a": [' + "1" + depth // 2 * "]}"
    json_headers = {"Content-Type": "application/json"}
    with FakeServer() as server, Client("k", server.base_url) as client:
        for field in ("output", "tools"):
            body = f'{{"id": "a", "{field}": {nested}}}'.encode()
            server.add(Reply(headers=json_headers, body=body))
        for call in (client.retrieve_response, client.retrieve_assistant):
            with contextlib.suppress(ScanError):  # the answer may be accepted
                call("a")


def test_an_answer_that_is_nested_too_deeply_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the request that was answered."""

    def give_up(*_: object) -> None:
        raise RecursionError

    with FakeServer() as server, Client("k", server.base_url) as client:
        server.add(json_answer({"id": "a"}))
        monkeypatch.setattr(client, "_structure", give_up)
        with pytest.raises(DecodeError, match="the answer to GET /responses/a is nested too deep"):
            client.retrieve_response("a")


def unfinished(cls: Any, *arguments: Any, **settings: Any) -> Any:
    """Return an object whose constructor raises, as a debugger finds it."""
    made = cls.__new__(cls)
    with pytest.raises((ConfigurationError, RecordingError, TypeError)):
        made.__init__(*arguments, **settings)
    return made


def test_what_is_half_made_can_be_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A debugger may show an object whose constructor has raised."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert repr(unfinished(Client)) == "Client(unfinished)"
    assert repr(unfinished(AzureClient)) == "AzureClient(unfinished)"
    assert repr(unfinished(Cassette, tmp_path / "a")) == "Cassette(unfinished)"
    assert repr(unfinished(FakeServer, 7)) == "FakeServer(unfinished)"
    with Client("k", "http://a/v1") as client:
        assert repr(client) == "Client(base_url='http://a/v1')"
