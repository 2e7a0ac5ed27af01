"""Turn raw events into typed events, whatever the habits of the server."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import attrs

from openai_scan import bounded_json
from openai_scan.errors import DecodeError, NotAnEventStreamError, TransportError
from openai_scan.events import DONE, DoneEvent, ErrorEvent, Event, UnknownEvent, decode
from openai_scan.events.base import FIRST_WORDS, MAX_ERROR_CHARACTERS, first_word
from openai_scan.events.error import read_error, reports_error
from openai_scan.events.families import decode_anew
from openai_scan.events.glued import Glue
from openai_scan.events.names import identify
from openai_scan.events.whole import events_of, from_body
from openai_scan.snippet import readable
from openai_scan.sse import RawEvent
from openai_scan.sse.bare import BareText
from openai_scan.sse.raw_stream import RawStream

if TYPE_CHECKING:
    from openai_scan.events.decoding.repeats import Repeats
    from openai_scan.events.decoding.structure import Structurer


# How many raw events of a split one to keep ready; the others are created later.
_BATCH = 64

# Whether an object has none of the members by which a whole answer is recognized.
_NO_ANSWER = frozenset({"choices", "data", "object", "text"}).isdisjoint

# Members of an event with an error; anything else in it becomes an event of its own.
_ERROR_MEMBERS = frozenset({"error", "errors", "base_resp"})


class Decoder:
    """Decodes the events of a stream and of those chained to it.

    Args:
        strict: See `StreamerV2`.
        note_unknown: See `StreamerV2`.

    Attributes:
        notes: What was tolerated, with counts.
        repeats: What the events so far have in common.
        hole: Why part of the answer is missing from the last event, or None.
        ready: Raw events that were part of another one and have not been decoded yet; only the
            first of them, if there are many.
        says_end: Whether the last event from the input was named `done` or was a whole answer, so
            that the input may end after it as if `[DONE]` had come.
        has_all: Whether the block that the end of the input cut off was complete and has been read.
    """

    def __init__(self, *, strict: bool, note_unknown: bool = False) -> None:
        self._strict = strict
        self.notes: Counter[str] = Counter()
        self._structure = _structurer(strict=strict, notes=self.notes, note_unknown=note_unknown)
        self.note = self._structure.note
        self.repeats: Repeats = self._structure.repeats
        self.hole: DecodeError | None = None
        self.ready: deque[RawEvent] = deque()
        self._more: list[Iterator[RawEvent]] = []  # what comes after `ready`, in reverse order
        self._is_part = False
        self.says_end = False
        self.has_all = False
        self._at_end = False  # the block that the end cut off has been examined
        self._unread = ""  # bare text that is neither an error nor an answer
        self._words = ""  # a line without a field, as in plain text
        self._has_events = False

    def decode(self, raw: RawEvent) -> Event:
        """Return the typed event of *raw*; if it contains several events, the first of them."""
        self._has_events = True
        if self._is_part:
            self._is_part = False
        else:
            self.says_end = raw.type == "done"
        repeats = self.repeats
        event = repeats.event(raw)
        if event is None or (repeat := repeats.last) is None or repeat.has_error:
            return self._decode(raw)
        self.hole = None  # it is as complete as the event that it repeats
        return event

    def after(self, raw: RawEvent | None, current: RawStream) -> RawEvent | None:
        """Return the next raw event of an input that has just returned *raw*, bare text or nothing.

        Returns:
            None if there is none, or none yet.
        """
        while type(raw) is BareText:
            current.discount()
            if (event := self._first_in(raw)) is not None:
                return event
            raw = current.next()
        if raw is None and current.ended:
            if current.err is None:
                return self._last_of(current)
            if isinstance(current.err, TransportError):
                return self._glued_before_break(current)
        return raw

    def _glued_before_break(self, current: RawStream) -> RawEvent | None:
        """Return the first of the events that a broken input has left, or None.

        A server that ends all lines with one LF never ends a block. From any other server, a
        pending block is the beginning of one event.
        """
        pending = current.pending
        if pending is None or self._at_end:
            return None
        self._at_end = True
        return self._taken_apart(pending, at_least=2)

    def _last_of(self, current: RawStream) -> RawEvent | None:
        """Return the next of the raw events left at the end of the input, or None."""
        pending = current.pending
        if pending is not None and not self._at_end:
            self._at_end = True
            raw = self._cut_off(pending)
            if raw is not None:
                self.note("unterminated_event")
                return raw
        if self.says_end and (pending is None or self.has_all):
            self.says_end = False
            return RawEvent("done", DONE)
        return None

    def _cut_off(self, pending: RawEvent) -> RawEvent | None:
        """Return the first of the whole events in a block without its blank line."""
        self.says_end = pending.type == "done"
        self.has_all = is_whole(pending.data)
        if self.has_all:
            return pending
        return self._taken_apart(pending, at_least=1)

    def _taken_apart(self, pending: RawEvent, *, at_least: int) -> RawEvent | None:
        """Return the first event in a block that has at least *at_least* events, or None."""
        glue = None if self._strict else Glue(pending)
        if glue is None or glue.count < at_least or not glue.is_ours:
            return None
        if glue.count > 1:
            self.note("glued_events")
        self.has_all = glue.is_whole
        self._open(glue.whole_pieces())
        return self.next_ready()

    def _first_in(self, text: BareText) -> RawEvent | None:
        """Return the first event of bare text, read as a response body; None if it has none.

        The others become `ready`.
        """
        if text.unclaimed:
            self.notes["unclaimed_line"] += text.unclaimed
            self._words = self._words or text.data
            return None
        payload = bounded_json.value_or(text.data)
        name, _ = identify("message", payload)
        is_answer = name != "error" and isinstance(payload, dict) and not _NO_ANSWER(payload)
        if is_answer and (events := from_body(payload)):
            self.note("whole_answer")
            self._open(iter(one for one in events if one.data != DONE))
            self.says_end = True
            return self.next_ready()
        if name == "error" or first_word(name) in FIRST_WORDS:
            self.note("bare_event")
            return RawEvent("message", text.data)
        self.note("unclaimed_line")
        self._unread = self._unread or text.data
        return None

    def not_events(self) -> NotAnEventStreamError | None:
        """Return the error for text sent instead of a stream or of its rest, or None."""
        text = self._unread or ("" if self._has_events else self._words)
        if not text:
            return None
        return NotAnEventStreamError(
            f"the server sent something other than events: {readable(text)}",
            body=text[:MAX_ERROR_CHARACTERS],
        )

    def next_ready(self) -> RawEvent:
        """Return the first `ready` raw event; there must be one."""
        raw = self.ready.popleft()
        if not self.ready:
            self._make_ready()
        self._is_part = True
        return raw

    def drop_ready(self) -> None:
        """Drop the parts of another event that have not been decoded."""
        self.ready.clear()
        self._more.clear()
        self.says_end = self.has_all = self._at_end = False
        self._unread = self._words = ""
        self._has_events = False

    def _decode(self, raw: RawEvent) -> Event:
        event = self._typed(raw)
        match event:
            case ErrorEvent():
                if not self._strict and (first := self._unglued(raw)) is not None:
                    return first
                self._put_first(_beside(raw, self._structure.choices_name))
            case UnknownEvent() if not self._strict:
                return self._repaired(event) or event
            case DoneEvent() if not self._strict and raw.data.strip() not in ("", DONE):
                return (
                    self._unglued(raw)
                    or self._whole(_payload_of(raw))
                    or self._opened("glued_events", _beside(raw, self._structure.choices_name))
                    or event
                )
            case _ if first_word(raw.type) in FIRST_WORDS and '"error"' in raw.data:
                payload = _payload_of(raw)
                if payload is not None and reports_error(payload):
                    rest = json.dumps(_without_error(payload))
                    self._put_first(iter([RawEvent(raw.type, rest, raw.last_event_id)]))
                    return ErrorEvent(read_error(payload), raw=raw)
        return event

    def _typed(self, raw: RawEvent) -> Event:
        """Return the typed event of *raw* alone, and set `hole`."""
        structure = self._structure
        structure.lost = ""
        self.hole = None
        event = decode_anew(raw, structure)
        if structure.lost:
            self.hole = DecodeError(f"the answer has a hole: {structure.lost}")
        elif type(event) is UnknownEvent and event.is_hole:
            reason = event.error or DecodeError(f"{event.type}: the data are not JSON")
            self.hole = DecodeError(f"the answer has a hole: {reason}")
            self.hole.__cause__ = reason
            event = attrs.evolve(event, error=reason if self._strict else self.hole)
        return event

    def _repaired(self, event: UnknownEvent) -> Event | None:
        """Return the first of the events of which an event without a class consists, or None."""
        payload = event.payload
        if isinstance(payload, str):
            return self._unglued(event.raw)
        if event.error is not None:
            return None
        if isinstance(payload, list):
            return self._opened("glued_events", _events_in(payload))
        return self._whole(payload)

    def _whole(self, payload: Any) -> Event | None:
        """Return the first of the events of which *payload* consists, if it is a whole answer."""
        first = self._opened("whole_answer", events_of(payload), is_part=False)
        self.says_end = self.says_end or (first is not None and "choices" in payload)
        return first

    def _unglued(self, raw: RawEvent) -> Event | None:
        """Return the first of the events that are glued together in *raw*, if they are."""
        glue = Glue(raw)
        if glue.count > 1 if glue.is_whole else glue.is_ours:
            return self._opened("glued_events", glue.pieces())
        return None

    def _opened(
        self, note: str, pieces: Iterator[RawEvent], *, is_part: bool = True
    ) -> Event | None:
        """Return the first event of *pieces*, if there is one, and make the others `ready`."""
        first = next(pieces, None)
        if first is None:
            return None
        self.note(note)
        self._open(pieces)
        # The parts of a whole answer are known not to be whole answers.
        return self._decode(first) if is_part else self._typed(first)

    def _open(self, pieces: Iterator[RawEvent]) -> None:
        """Make *pieces* come next, before what is `ready`."""
        if self.ready:
            self._more.append(iter([*self.ready]))
            self.ready.clear()
        self._more.append(pieces)
        self._make_ready()

    def _put_first(self, pieces: Iterator[RawEvent]) -> None:
        self.ready.extendleft(reversed([*pieces]))

    def _make_ready(self) -> None:
        while self._more and len(self.ready) < _BATCH:
            self.ready.extend(islice(self._more[-1], _BATCH - len(self.ready)))
            if len(self.ready) < _BATCH:
                self._more.pop()


def _structurer(*, strict: bool, notes: Counter[str], note_unknown: bool) -> Structurer:
    # Imported here because they are slow to load and not needed until a stream is read.
    if note_unknown:
        from openai_scan.events.decoding.unknown import NotingStructurer

        return NotingStructurer(strict=strict, notes=notes)
    from openai_scan.events.decoding.structure import Structurer

    return Structurer(strict=strict, notes=notes)


def _beside(raw: RawEvent, choices_name: str | None) -> Iterator[RawEvent]:
    """Yield the event that an error or an end came with, if it adds anything."""
    payload = _payload_of(raw)
    if payload is None:
        return
    rest = _without_error(payload)
    is_nameless = "choices" not in rest and identify("message", rest)[0] == "message"
    if is_nameless and isinstance(rest.get("usage"), dict):
        rest["choices"] = []  # so that it becomes a chunk with usage only
    if choices_name is not None:
        rest.setdefault("object", choices_name)
    piece = RawEvent("message", json.dumps(rest), raw.last_event_id)
    event = decode(piece)
    if event.family and (event.has_content() or event.unwrap_usage() is not None):
        yield piece


def _without_error(payload: dict[str, Any]) -> dict[str, Any]:
    """Return *payload* without the members that `reports_error()` recognizes."""
    rest = {key: value for key, value in payload.items() if key not in _ERROR_MEMBERS}
    choices = rest.get("choices")
    if isinstance(choices, list):
        rest["choices"] = [
            {key: value for key, value in choice.items() if key != "error"}
            if isinstance(choice, dict)
            else choice
            for choice in choices
        ]
    return rest


def _payload_of(raw: RawEvent) -> dict[str, Any] | None:
    payload = bounded_json.value_or(raw.data)
    return payload if isinstance(payload, dict) else None


def _events_in(items: list[Any]) -> Iterator[RawEvent]:
    """Yield the events that were sent as one list; nothing if they are not events."""
    if all(isinstance(item, dict) for item in items) and any(
        identify("message", item)[0] != "message" for item in items
    ):
        for item in items:
            yield RawEvent("message", json.dumps(item))


def is_keep_alive(raw: RawEvent) -> bool:
    """Return whether *raw* is an event that servers send only to keep the connection alive.

    It has no data, or a comment as data. An end or an error needs no data.
    """
    return raw.type not in ("done", "error") and (not raw.data or raw.data.startswith(":"))


def is_whole(data: str) -> bool:
    """Return whether *data* is complete although no blank line followed it.

    A JSON object shows where it ends, and so does a list of them; a number, for example, does not.
    """
    if data.strip() == DONE:
        return True
    value = bounded_json.value_or(data)
    if isinstance(value, list) and value:
        return all(isinstance(one, dict) for one in value)
    return isinstance(value, dict)
