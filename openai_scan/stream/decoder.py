"""Raw events to typed events, whatever habits the server has."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import attrs

from openai_scan import bounded_json
from openai_scan.errors import DecodeError
from openai_scan.events import DONE, Event, UnknownEvent, decode
from openai_scan.events.glued import unglued
from openai_scan.events.whole import events_of
from openai_scan.sse import RawEvent

if TYPE_CHECKING:
    from openai_scan.events.decoding.repeats import Repeats


# How many of the raw events that came as one are kept ready; the others are made later.
_BATCH = 64


class Decoder:
    """Decodes the events of a stream and of those that are chained to it.

    Args:
        strict: See `StreamerV2`.

    Attributes:
        notes: What was tolerated, counted.
        repeats: What the events so far have in common.
        hole: Why a part of the answer is missing from the last event, or None.
        ready: Raw events that came as part of another one and have not been decoded yet; the next
            of them, if there are many.
    """

    def __init__(self, *, strict: bool) -> None:
        # Imported here because it is slow to load and not needed until a stream is read.
        from openai_scan.events.decoding.structure import Structurer

        self._strict = strict
        self.notes: Counter[str] = Counter()
        self._structure = Structurer(strict=strict, notes=self.notes)
        self.note = self._structure.note
        self.repeats: Repeats = self._structure.repeats
        self.hole: DecodeError | None = None
        self.ready: deque[RawEvent] = deque()
        self._more: Iterator[RawEvent] = iter(())

    def decode(self, raw: RawEvent) -> Event:
        """Return the typed event of *raw*; if that brings several events, the first of them."""
        event = self._decode(raw)
        if type(event) is UnknownEvent and not self._strict:
            note, pieces = (
                ("whole_answer", events_of(event.payload))
                if event.error is None
                else ("glued_events", unglued(raw))
            )
            first = next(pieces, None)
            if first is not None:
                self.note(note)
                self._more = pieces
                self._make_ready()
                return self._decode(first)
        return event

    def _decode(self, raw: RawEvent) -> Event:
        """Return the typed event of *raw*, and set `hole`."""
        structure = self._structure
        structure.lost = ""
        self.hole = None
        event = decode(raw, structure)
        if structure.lost:
            self.hole = DecodeError(f"the answer has a hole: {structure.lost}")
        elif type(event) is UnknownEvent and event.is_hole:
            reason = event.error or DecodeError(f"{event.type}: the data are not JSON")
            self.hole = DecodeError(f"the answer has a hole: {reason}")
            self.hole.__cause__ = reason
            event = attrs.evolve(event, error=reason if self._strict else self.hole)
        return event

    def next_ready(self) -> RawEvent:
        """Return the first raw event that is `ready`; there must be one."""
        raw = self.ready.popleft()
        if not self.ready:
            self._make_ready()
        return raw

    def drop_ready(self) -> None:
        """Forget what came as part of another event and has not been decoded."""
        self.ready.clear()
        self._more = iter(())

    def _make_ready(self) -> None:
        self.ready.extend(islice(self._more, _BATCH))


def is_keep_alive(raw: RawEvent) -> bool:
    """Return whether *raw* is an event that some servers send only to keep the connection alive.

    It has no data, or a comment as data. An end or an error needs no data to be one.
    """
    return raw.type not in ("done", "error") and (not raw.data or raw.data.startswith(":"))


def is_whole(data: str) -> bool:
    """Return whether *data* is complete although no blank line followed it.

    A JSON object shows where it ends; a number, for example, does not.
    """
    if data.strip() == DONE:
        return True
    try:
        return isinstance(bounded_json.loads(data), dict)
    except (ValueError, RecursionError):
        return False
