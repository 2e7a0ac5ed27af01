"""Clients of the OpenAI API read answers from the relay, and continue after a disconnect."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPResponse
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from openai_scan import APIError, StreamerV2
from openai_scan import ChatCompletionChunk as OurChunk
from openai_scan.relay import Relay
from openai_scan.testing import (
    FakeServer,
    ToolCall,
    chat_answer,
    chat_calls,
    chat_chunk,
    cut,
    done,
    error,
    hold,
)
from relay.memory_store import MemoryStore
from relay.served import Browser

pytestmark = pytest.mark.unmeasured


def chunks_of(response: HTTPResponse) -> Iterator[bytes]:
    """Yield the chunks of a response as they arrive."""
    return iter(lambda: response.read1(65536), b"")


@pytest.fixture
def client(browser: Browser) -> Iterator[openai.OpenAI]:
    """Make an official client that uses the relay as its server."""
    with openai.OpenAI(
        api_key="k",
        base_url=f"http://127.0.0.1:{browser.port}",
        default_headers={"x-user": "alice"},
        max_retries=0,
    ) as made:
        yield made


def read(client: openai.OpenAI, stream: str, **options: str) -> openai.Stream[ChatCompletionChunk]:
    """Read a stream of the relay with the official client."""
    return client.get(
        f"/streams/{stream}/events",
        cast_to=ChatCompletionChunk,
        options={"params": {"format": "openai", **options}},
        stream=True,
        stream_cls=openai.Stream[ChatCompletionChunk],
    )


def test_our_streamer(upstream: FakeServer, browser: Browser) -> None:
    """It gets the answer, the finish reason and the usage."""
    upstream.add(chat_answer("Hello there"))
    stream = browser.start()
    with browser.open(f"/streams/{stream}/events?format=openai") as response:
        with StreamerV2(chunks_of(response)) as events:
            assert "".join(events.text_deltas()) == "Hello there"
        assert events.outcome == "completed"
        answer = events.final()
    assert answer.usage is not None
    assert (answer.finish_reason, answer.usage.total_tokens) == ("stop", 15)
    assert events.notes == {}


def test_our_streamer_comes_back(upstream: FakeServer, browser: Browser) -> None:
    """Cut off after any chunk, it gets the rest with the id of the last event."""
    upstream.add(chat_answer(" ".join("abcdefgh")))
    path = f"/streams/{browser.start()}/events?format=openai"
    whole = browser.get(path).body
    cursors = []
    with StreamerV2([whole]) as events:
        texts = [
            (event.raw.last_event_id, events.text())
            for event in events
            if events.text() is not None
        ]
    for count, (cursor, _) in enumerate(texts, 1):
        if cursor:  # the first chunk is not an entry
            with browser.open(path, last_event_id=cursor) as response:
                with StreamerV2(chunks_of(response)) as rest:
                    later = "".join(rest.text_deltas())
            assert "".join(text or "" for _, text in texts[:count]) + later == "a b c d e f g h"
            cursors.append(cursor)
    assert len(cursors) == 8


def test_openai_python(upstream: FakeServer, client: openai.OpenAI, browser: Browser) -> None:
    """It reads chunks as from the API, and reconnects with the cursor in the last one."""
    held = hold()
    upstream.add(
        [chat_chunk("Hello"), held, chat_chunk(" there"), *chat_answer(" you", usage=True)]
    )
    stream = browser.start()
    with read(client, stream) as chunks:
        first, second = next(chunks), next(chunks)
    assert (first.choices[0].delta.role, second.choices[0].delta.content) == ("assistant", "Hello")
    held.release()
    extra: Any = second.model_extra
    rest = list(read(client, stream, after=extra["cursor"]))
    texts = [chunk.choices[0].delta.content or "" for chunk in rest if chunk.choices]
    assert "".join(texts) == " there you"
    assert rest[-2].choices[0].finish_reason == "stop"
    assert rest[-1].usage is not None
    assert rest[-1].usage.total_tokens == 15


def test_openai_python_gets_calls(
    upstream: FakeServer, client: openai.OpenAI, browser: Browser
) -> None:
    """The pieces have all that is needed to join them: index, name and arguments."""
    upstream.add(chat_calls(ToolCall("weather", {"city": "Oslo"}), ToolCall("time", {})))
    arguments: dict[int, str] = {}
    names: dict[int, str] = {}
    chunks = list(read(client, browser.start()))
    for chunk in chunks:
        for call in (chunk.choices[0].delta.tool_calls or []) if chunk.choices else []:
            assert call.function is not None
            arguments[call.index] = arguments.get(call.index, "") + (call.function.arguments or "")
            if call.function.name:
                names[call.index] = call.function.name
    assert names == {0: "weather", 1: "time"}
    assert arguments == {0: '{"city": "Oslo"}', 1: "{}"}
    reasons = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    assert reasons[-1] == "tool_calls"


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        (error(401, "no such key"), "AuthenticationError"),
        ([chat_chunk("Hel"), cut()], "TransportError"),
        ([chat_chunk("Hel", finish_reason=None), b""], "TruncatedStreamError"),
    ],
)
def test_an_answer_that_fails(
    upstream: FakeServer, client: openai.OpenAI, browser: Browser, steps: Any, code: str
) -> None:
    """Both clients raise an error with the relay's code."""
    upstream.add(steps)
    stream = browser.start()
    with pytest.raises(openai.APIError) as raised:
        list(read(client, stream))
    assert raised.value.code == code
    with browser.open(f"/streams/{stream}/events?format=openai") as response:
        with pytest.raises(APIError) as ours, StreamerV2(chunks_of(response)) as events:
            list(events)
    assert ours.value.code == code


def test_an_answer_that_was_stopped(
    relay: Relay, upstream: FakeServer, client: openai.OpenAI, browser: Browser
) -> None:
    """The client raises an error, so the text is not mistaken for a whole answer."""
    upstream.add([chat_chunk("Hel"), hold()])
    stream = browser.start()
    chunks = read(client, stream)
    assert [next(chunks).choices[0].delta.content for _ in range(2)] == ["", "Hel"]
    relay.stop(stream)
    with pytest.raises(openai.APIError) as raised:
        next(chunks)
    assert (raised.value.code, raised.value.message) == ("cancelled", "The answer was stopped.")


def test_an_answer_whose_log_is_gone(
    relay: Relay,
    upstream: FakeServer,
    client: openai.OpenAI,
    browser: Browser,
    monkeypatch: pytest.MonkeyPatch,
    store: MemoryStore,
) -> None:
    """The whole answer comes from the store; a reader that has a part must start over."""
    upstream.add([chat_chunk("Hello"), chat_chunk(finish_reason="stop"), done()])
    stream = browser.start()
    cursor: Any = list(read(client, stream))[1].model_extra
    monkeypatch.setattr(relay.log, "_streams", {})
    assert store.finished == [stream]
    chunks = list(read(client, stream))
    texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert texts == ["", "Hello", None]
    with pytest.raises(openai.APIError) as raised:
        list(read(client, stream, after=cursor["cursor"]))
    assert raised.value.code == "replaced"


def test_heartbeats(
    relay: Relay,
    upstream: FakeServer,
    client: openai.OpenAI,
    browser: Browser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The official client ignores heartbeats in the middle of a stream."""
    monkeypatch.setattr(relay, "heartbeat", 0.001)
    held = hold()
    upstream.add([chat_chunk("Hello"), held, *chat_answer(" you")])
    stream = browser.start()
    with browser.open(f"/streams/{stream}/events?format=openai") as beside:
        chunks = read(client, stream)
        assert [next(chunks).choices[0].delta.content for _ in range(2)] == ["", "Hello"]
        for _ in range(20):
            while beside.readline() != b":\n":
                pass
        held.release()
        texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(texts) == " you"


def test_our_types(upstream: FakeServer, browser: Browser) -> None:
    """The events are those of Chat Completions."""
    upstream.add(chat_answer("Hi"))
    body = browser.get(f"/streams/{browser.start()}/events?format=openai").body
    with StreamerV2([body]) as events:
        assert isinstance(next(iter(events)), OurChunk)
        list(events)
