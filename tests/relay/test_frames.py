"""The frames that readers get of entries and of stored answers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_scan import EventScanner
from openai_scan.relay import StoredMessage
from openai_scan.relay.entries import TEXTS, Entry, delta_of, encode_json
from openai_scan.relay.frames import HEADERS, HEARTBEAT, Frames, stored_end
from openai_scan.values import Piece


def parsed(frames: bytes) -> list[tuple[str, str, object]]:
    """Return the events in *frames*: the last event ID, the type and the data of each."""
    scanner, events = EventScanner([frames]), []
    while scanner.next():
        event = scanner.event()
        events.append((event.last_event_id, event.type, json.loads(event.data)))
    assert scanner.err() is None
    return events


def answer(status: str = "completed", **facts: object) -> StoredMessage:
    """Return a stored answer."""
    return StoredMessage("m", "c", "alice", "assistant", "Hello", status, facts)  # type: ignore[arg-type] # one of them


def test_the_opening() -> None:
    """A new reader gets an empty text; one that reconnects gets only the retry time."""
    assert Frames().opening([]) == b'retry: 1000\nevent: reset\ndata: {"text":""}\n\n'
    assert Frames().opening([Entry(0, 1, "head")]) == b"retry: 1000\n:\n\n"


def test_entries() -> None:
    """Readers get deltas, resets and the end, each with its cursor, and nothing else."""
    frames = Frames().frames(
        [
            Entry(0, 1, "head", b'{"user":"alice"}'),
            Entry(1, 0, "begin"),
            Entry(1, 1, "ask"),
            Entry(1, 2, "delta", b'{"text":"a"}'),
            Entry(1, 3, "mark"),
            Entry(1, 4, "reset", b'{"text":"b"}'),
            Entry(1, 5, "leave"),
            Entry(2, 1, "end"),
            Entry(2, 2, "done", b'{"status":"completed"}'),
        ]
    )
    assert parsed(frames) == [
        ("1-2", "delta", {"text": "a"}),
        ("1-4", "reset", {"text": "b"}),
        ("2-2-end", "done", {"status": "completed"}),
    ]


def test_nothing_is_reported() -> None:
    """Entries that only processes need have no frames."""
    assert Frames().frames([Entry(0, 1, "head"), Entry(1, 0, "begin")]) == b""
    assert Frames().frames([]) == b""


def test_a_heartbeat() -> None:
    """A heartbeat is not an event."""
    assert parsed(HEARTBEAT) == []


def test_the_headers() -> None:
    """A browser sees an event stream, and proxies are told not to transform it."""
    assert Frames().headers is HEADERS
    assert HEADERS["Content-Type"] == "text/event-stream; charset=utf-8"
    assert "no-transform" in HEADERS["Cache-Control"]


def test_an_answer_that_is_stored() -> None:
    """Readers get all of its texts, and the end."""
    message = answer(
        "incomplete", error="TooLong", reasoning="why", usage={"input": 1}, mine="not theirs"
    )
    end = {
        "status": "incomplete",
        "error": "TooLong",
        "usage": {"input": 1},
        "saved": True,
        "message": "m",
    }
    assert stored_end(message) == end
    assert parsed(Frames().stored(message)) == [
        ("", "reset", {"text": "Hello", "reasoning": "why"}),
        ("0-0-end", "done", end),
    ]


def test_an_answer_that_is_running() -> None:
    """Without a log, the reader gets nothing yet, and reconnects."""
    assert Frames().stored(answer("running")) == b"retry: 1000\n:\n\n"


@given(st.lists(st.builds(Piece, st.sampled_from(TEXTS), text=st.text(min_size=1)), min_size=1))
def test_any_text(pieces: list[Piece]) -> None:
    """No text can forge a field, and it is the same after parsing."""
    data = delta_of(pieces)
    assert data is not None
    entries = [Entry(1, 1, "delta", data), Entry(1, 2, "reset", encode_json({"text": "x"}))]
    first, second = parsed(Frames().frames(entries))
    assert first == ("1-1", "delta", json.loads(data))
    assert second == ("1-2", "reset", {"text": "x"})


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled", "requires_action"])
def test_the_status_of_what_is_stored(status: str) -> None:
    """The end has the status of the message."""
    assert stored_end(answer(status))["status"] == status
