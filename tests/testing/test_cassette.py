"""The cassette: recorded from the real API once, replayed from then on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openai_scan import (
    BadRequestError,
    Client,
    RateLimitError,
    RecordingError,
    RetryPolicy,
    StreamerV2,
    TransportError,
)
from openai_scan.recording import read_recording
from openai_scan.testing import (
    Cassette,
    FakeServer,
    assistant_answer,
    chat_answer,
    chat_chunk,
    error,
    hold,
    reset,
    response_answer,
)

KEY = "sk-the-real-key"


def ask(client: Client, **params: Any) -> StreamerV2:
    """Ask for a chat completion."""
    return client.create_chat_completion_stream(model="m", messages=[], **params)


def play(cassette: Cassette) -> list[str]:
    """Ask as an application does, and return what it gets."""
    once = RetryPolicy(attempts=1)
    got = []
    with Client(cassette.key, cassette.base_url, organization="org_1", retries=once) as client:
        for stream in (
            ask(client),
            ask(client),
            client.create_run_stream("t1", assistant_id="a"),
            client.retrieve_response_stream("r1", starting_after=3),
            ask(client),
        ):
            with stream as s:
                text = "".join(s.text() or "" for _ in iter(s.next, False))
                got.append(f"{text} {type(s.err()).__name__}")
    return got


def test_a_cassette_is_recorded_once(tmp_path: Path) -> None:
    """The second run sends nothing to the real API and gets the same answers, even errors."""
    path = tmp_path / "cassettes" / "a.jsonl"
    with FakeServer() as real:
        real.add(
            chat_answer("Hi"),
            error(429, "slow"),
            assistant_answer("Hi there"),
            response_answer("Hi you")[4:],
            [chat_chunk("Hi"), reset()],
        )
        with Cassette(path, api_key=KEY, base_url=real.base_url) as cassette:
            assert cassette.recording
            first = play(cassette)
    assert first == [
        "Hi NoneType",
        " RateLimitError",
        "Hi there NoneType",
        "Hi you NoneType",
        "Hi TransportError",
    ]
    assert {request.key for request in real.requests} == {KEY}
    assert real.requests[2].headers["openai-beta"] == "assistants=v2"
    assert real.requests[2].headers["openai-organization"] == "org_1"
    assert real.requests[3].query == {"stream": ["true"], "starting_after": ["3"]}
    assert KEY not in path.read_text()
    assert [section.head.status for section in read_recording(path)] == [200, 429, 200, 200, 200]
    with Cassette(path) as cassette:
        assert not cassette.recording
        assert play(cassette) == first
    assert list(path.parent.iterdir()) == [path]


def test_a_cassette_comes_as_it_is_recorded(tmp_path: Path) -> None:
    """What has come is passed on at once; a client that leaves ends the recording."""
    with FakeServer() as real:
        real.add([chat_chunk("Hi"), hold()])
        with Cassette(tmp_path / "a.jsonl", api_key=KEY, base_url=real.base_url) as cassette:
            with Client(cassette.key, cassette.base_url) as client, ask(client) as s:
                assert s.next()
                assert s.text() == "Hi"
    (section,) = read_recording(tmp_path / "a.jsonl")
    assert section.end is not None
    assert section.end.end == "cancelled"


def test_a_real_api_that_is_not_there_is_reported(tmp_path: Path) -> None:
    """The application sees a broken connection, and no cassette is made of it."""
    with FakeServer() as real:
        url = real.base_url
    once = RetryPolicy(attempts=1)
    with Cassette(tmp_path / "a.jsonl", api_key=KEY, base_url=url) as cassette:
        with Client(cassette.key, cassette.base_url, retries=once) as client, ask(client) as s:
            assert not s.next()
            assert type(s.err()) is TransportError
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_key_is_not_recorded(tmp_path: Path) -> None:
    """The next run asks again, with the right one."""
    path = tmp_path / "a.jsonl"
    with FakeServer() as real:
        real.add(error(401, "wrong key"), chat_answer("Hi"))
        for expected in ("", "Hi"):
            assert not path.exists()
            with Cassette(path, api_key=KEY, base_url=real.base_url) as cassette:
                with Client(cassette.key, cassette.base_url) as client, ask(client) as s:
                    assert "".join(s.text() or "" for _ in iter(s.next, False)) == expected
                    assert (s.err() is None) is bool(expected)


def test_only_streams_are_recorded(tmp_path: Path) -> None:
    """Anything else is refused in words, and no file is made for it."""
    with Cassette(tmp_path / "a.jsonl", api_key=KEY, base_url="http://127.0.0.1/v1") as cassette:
        with Client(cassette.key, cassette.base_url) as client:
            with pytest.raises(BadRequestError, match="a cassette records only streams"):
                client.retrieve_response("r1")
            with pytest.raises(BadRequestError, match="of requests with a JSON body"):
                client.create_transcription_stream(model="m", file=b"sound").read()
    assert list(tmp_path.iterdir()) == []


def test_without_recording_and_key_there_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what to do."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    path = tmp_path / "a.jsonl"
    with pytest.raises(RecordingError) as caught:
        Cassette(path)
    assert str(caught.value) == (
        f"there is no recording {path}, and no key to create one: set OPENAI_API_KEY and run the"
        " test once"
    )


def test_the_environment_says_where_the_real_api_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Key and URL are those that a client would take."""
    with FakeServer(error(429, "slow")) as real:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", real.base_url)
        once = RetryPolicy(attempts=1)
        with Cassette(tmp_path / "a.jsonl") as cassette:
            with Client(cassette.key, cassette.base_url, retries=once) as client:
                with pytest.raises(RateLimitError):
                    ask(client).read()
    assert real.requests[0].key == KEY
