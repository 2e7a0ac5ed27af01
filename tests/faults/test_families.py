"""How an answer ended is reported correctly in every family, at every event, in every framing."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from attrs import frozen
from server import (
    CHUNKED,
    CLOSE_DELIMITED,
    END,
    FIN,
    PATIENCE,
    WAIT_FOR_HANG_UP,
    Script,
    ch,
    serving,
)

from openai_scan import Client, RetryPolicy, StreamerV2, Timeout

pytestmark = [pytest.mark.usefixtures("wire"), pytest.mark.unmeasured]


@frozen
class Family:
    """A short stream of a family.

    Attributes:
        events: All of it.
        whole: After how many events the answer is whole.
        shown: From how many events on there is a snapshot.
    """

    events: tuple[bytes, ...]
    whole: int
    shown: int = 1


def _event(payload: Any, name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(payload)}\n\n".encode()


def _chunk(delta: dict[str, str], finish_reason: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return _event({"id": "c", "object": "chat.completion.chunk", "choices": [choice]})


def _completion(text: str, finish_reason: str | None) -> bytes:
    choice = {"index": 0, "text": text, "finish_reason": finish_reason}
    return _event({"id": "c", "object": "text_completion", "choices": [choice]})


def _typed(name: str, **payload: Any) -> bytes:
    return _event({"type": name, **payload}, name)


def _run(status: str) -> bytes:
    return _event({"id": "run_1", "object": "thread.run", "status": status}, f"thread.run.{status}")


DONE = b"data: [DONE]\n\n"
_DELTA = {"content": [{"index": 0, "type": "text", "text": {"value": "Hi"}}]}

FAMILIES = {
    "agents": Family(
        (
            _typed("agent.session.turn.created", turn={"id": "t", "status": "queued"}),
            _typed("agent.session.turn.output_text.delta", item_id="i", delta="Hi"),
            _typed("agent.session.turn.completed", turn={"id": "t", "status": "completed"}),
            _typed("agent.session.idle", session={"id": "s", "status": "idle"}),
        ),
        whole=3,
    ),
    "chat": Family((_chunk({"content": "Hi"}, None), _chunk({}, "stop"), DONE), whole=2),
    "completions": Family((_completion("Hi", None), _completion("", "stop"), DONE), whole=2),
    "responses": Family(
        (
            _typed("response.created", response={"id": "resp_1", "status": "in_progress"}),
            _typed("response.output_text.delta", item_id="i", delta="Hi"),
            _typed("response.completed", response={"id": "resp_1", "status": "completed"}),
        ),
        whole=3,
    ),
    "transcription": Family(
        (
            _typed("transcript.text.delta", delta="Hi"),
            _typed("transcript.text.done", text="Hi"),
            DONE,
        ),
        whole=2,
    ),
    "speech": Family(
        (_typed("speech.audio.delta", audio="AAE="), _typed("speech.audio.done"), DONE), whole=2
    ),
    "images": Family(
        (
            _typed("image_generation.partial_image", b64_json="AAE=", partial_image_index=0),
            _typed("image_generation.completed", b64_json="AAE="),
        ),
        whole=2,
    ),
    "assistants": Family(
        (
            _run("queued"),
            _event({"id": "m", "delta": _DELTA}, "thread.message.delta"),
            _run("completed"),
            b"event: done\ndata: [DONE]\n\n",
        ),
        whole=3,
    ),
}

_LENGTH = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 1000000\r\n\r\n"

# How the input ends, and what that is before the answer is whole.
ENDS: dict[str, tuple[bytes, list[object], str, str]] = {
    "chunked, ended": (CHUNKED, [END], "truncated", "TruncatedStreamError"),
    "chunked, cut": (CHUNKED, [FIN], "failed", "TransportError"),
    "chunked, silent": (CHUNKED, [WAIT_FOR_HANG_UP], "timed_out", "StreamTimeoutError"),
    "close-delimited, ended": (CLOSE_DELIMITED, [FIN], "truncated", "TruncatedStreamError"),
    "close-delimited, silent": (
        CLOSE_DELIMITED,
        [WAIT_FOR_HANG_UP],
        "timed_out",
        "StreamTimeoutError",
    ),
    "with a length, cut": (_LENGTH, [FIN], "failed", "TransportError"),
}

POINTS = [
    pytest.param(family, count, id=f"{name}-{count}")
    for name, family in FAMILIES.items()
    for count in range(family.whole + 1)
]


def answered(family: Family, count: int, end: str) -> Script:
    """Return a script that sends the first *count* events of *family*, then ends as *end* says."""
    head, steps, *_ = ENDS[end]
    body = b"".join(family.events[:count])
    return [head + (ch(body) if head is CHUNKED and body else body), *steps]


def opened(client: Client, **limits: float) -> StreamerV2:
    """Return a stream whose family is known only from what the server sends."""
    return client.create_chat_completion_stream(
        model="m", messages=[], timeout=Timeout(**limits), retries=RetryPolicy(attempts=1)
    )


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(("family", "count"), POINTS)
def test_an_end_is_told_as_what_it_is(family: Family, count: int, end: str) -> None:
    """A bad end is an error with all that arrived, unless the answer was whole before."""
    with serving(answered(family, count, end)) as server, Client("sk-1", server.base_url) as client:
        # On a busy machine, the other ends may not arrive within a short limit.
        s = opened(client, idle=0.05 if end.endswith("silent") else PATIENCE)
        while s.next():
            pass
        error = s.err()
        if count == family.whole:
            assert (s.outcome, error) == ("completed", None)
        else:
            assert error is not None
            assert (s.outcome, type(error).__name__) == ENDS[end][2:]
            assert error.events_read == count
            assert error.bytes_read == len(b"".join(family.events[:count]))
            assert error.snapshot == s.snapshot()
        assert s.events_read == count
        assert (s.snapshot() is not None) == (count >= family.shown)
        s.close()


@pytest.mark.parametrize("end", ["chunked, silent", "close-delimited, silent"])
@pytest.mark.parametrize(("family", "count"), POINTS)
def test_a_cancellation_is_told_as_one(family: Family, count: int, end: str) -> None:
    """The error is that of a cancellation at every point, even where the answer was whole."""
    with serving(answered(family, count, end)) as server, Client("sk-1", server.base_url) as client:
        s = opened(client)
        for _ in range(count):
            assert s.next()
        thread = threading.Thread(target=s.cancel)
        thread.start()
        assert not s.next()
        thread.join()
        error = s.err()
        assert (s.outcome, type(error).__name__) == ("cancelled", "StreamCancelledError")
        assert error is not None
        assert (error.events_read, error.snapshot) == (count, s.snapshot())
        s.close()
