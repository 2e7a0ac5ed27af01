"""How openai_scan is timed: chunks in, the number of events and of characters out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn, TypeAlias
from unittest.mock import patch

from openai_scan import Event, StreamerV2
from openai_scan.events import folds
from openai_scan.events.base import Fold, Note
from openai_scan.sse import EventScanner, EventTokenizer
from openai_scan.values import Piece

Read: TypeAlias = Callable[[Iterable[bytes]], tuple[int, int]]
"""Reads a stream; returns how many events came, and how many characters of text or of data."""

# As often as a screen would show it: some 20 times in a second of a fast stream.
_EVENTS_PER_SNAPSHOT = 100


def loads(payloads: Iterable[str]) -> None:
    """Parse the payloads and nothing else: what all else is measured by."""
    for payload in payloads:
        json.loads(payload)


def typed(chunks: Iterable[bytes], streamer: type[StreamerV2] = StreamerV2) -> tuple[int, int]:
    """Step through the typed events, and ask each for its text."""
    s = StreamerV2(chunks)
    events = characters = 0
    while s.next():
        s.event()
        events += 1
        characters += len(s.text() or "")
    _check(s)
    return events, characters


def with_snapshots(chunks: Iterable[bytes]) -> tuple[int, int]:
    """Do the same, and ask for the whole answer so far again and again, and at the end."""
    s = StreamerV2(chunks)
    events = characters = 0
    while s.next():
        s.event()
        events += 1
        characters += len(s.text() or "")
        if not events % _EVENTS_PER_SNAPSHOT:
            s.snapshot()
    _check(s)
    s.final()
    return events, characters


def without_answers(chunks: Iterable[bytes]) -> tuple[int, int]:
    """Do the same as `typed`, but keep nothing of the answer."""
    with patch.object(folds, "_new_fold", _Nothing):
        return typed(chunks)


class _Nothing(Fold):
    """A fold that keeps nothing."""

    def __init__(self, family: str) -> None:
        self.family = family  # type: ignore[misc] # it is of any

    def take(self, event: Event, note: Note) -> Sequence[Piece]:
        return event.pieces()

    def value(self) -> NoReturn:
        raise AssertionError("nobody asks for the answer")

    def appender(self, _: Event) -> Callable[[str], object]:
        return str


def raw(chunks: Iterable[bytes]) -> tuple[int, int]:
    """Step through the raw events."""
    scanner = EventScanner(chunks)
    events = characters = 0
    while scanner.next():
        events += 1
        characters += len(scanner.event().data)
    return events, characters


def tokens(chunks: Iterable[bytes]) -> tuple[int, int]:
    """Feed the tokenizer by hand."""
    tokenizer = EventTokenizer()
    events = characters = 0
    for chunk in chunks:
        for event in tokenizer.feed(chunk):
            events += 1
            characters += len(event.data)
    return events, characters


def _check(s: StreamerV2) -> None:
    """Make sure that nothing was timed that went wrong."""
    # The recorded server never sends `done`.
    if s.outcome != "completed" or set(s.notes) - {"missing_done"}:
        raise ValueError(f"the stream is {s.outcome}, with {dict(s.notes)}: {s.err()!r}")
