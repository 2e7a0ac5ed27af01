"""Resume an answer elsewhere: bookmarks, and the events that were seen before one.

A bookmark says which answer a stream delivers and which of its events came last. It is a dict that
can be stored as JSON, and read by another process with another version of this library::

    {"format": 1, "answer_id": "resp_1", "position": 7}

A response numbers its events, and its server can send those after a number. In an agent's session
events have ids, and its server sends only what happens from now on::

    {"format": 1, "answer_id": "sess_1", "position": "event_7"}
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from openai_scan.errors import EventStreamError, ScanError
from openai_scan.events import Event, Outcome, UnknownEvent
from openai_scan.observer import Observers, Watched
from openai_scan.sse import RawEvent
from openai_scan.sse.raw_stream import RawStream
from openai_scan.stream.answer_so_far import AnswerSoFar
from openai_scan.stream.continuity import Continuity, EventIds
from openai_scan.stream.decoder import Decoder, is_keep_alive
from openai_scan.stream.ends import Ends

# A later format may contain more, which this version must not claim to understand.
_FORMAT = 1

_KEYS = {"format", "answer_id", "position"}

# More than any server counts to, and small enough for every JSON parser.
_MAX_POSITION = 2**53


def read_bookmark(bookmark: Mapping[str, Any]) -> tuple[str, int]:
    """Return the answer's id in a bookmark, and the number of the last event.

    Raises:
        ValueError: It is not the bookmark of a response, or is of a later version.
    """
    answer_id, position = _read(bookmark)
    if isinstance(position, str):
        raise ValueError(  # noqa: TRY004 - as for all other bookmarks
            "the position of the bookmark is the id of an event, as in an agent's session:"
            " pass the bookmark to resume_agent_session_stream()"
        )
    if type(position) is not int or abs(position) > _MAX_POSITION:
        raise ValueError(
            "the position of the bookmark must be the number of an event, a whole number"
        )
    return answer_id, position


def read_session_bookmark(bookmark: Mapping[str, Any]) -> tuple[str, str]:
    """Return the session's id in a bookmark, and the id of the last event.

    Raises:
        ValueError: It is not the bookmark of a session, or is of a later version.
    """
    session_id, event_id = _read(bookmark)
    if not (isinstance(event_id, str) and event_id):
        raise ValueError("the position of the bookmark must be the id of an event")
    return session_id, event_id


def _read(bookmark: Mapping[str, Any]) -> tuple[str, Any]:
    if bookmark is None:
        raise ValueError(
            "there is no bookmark: bookmark() returns None if the answer is whole or cannot be"
            " resumed"
        )
    if not isinstance(bookmark, Mapping):
        raise ValueError(f"a bookmark must be a dict, not {type(bookmark).__name__}")  # noqa: TRY004 - likely read from a file
    number = bookmark.get("format")
    if type(number) is int and number > _FORMAT:
        raise ValueError(
            f"the bookmark has format {number}, from a newer version: upgrade openai_scan"
        )
    if bookmark.keys() != _KEYS or type(number) is not int or number != _FORMAT:
        raise ValueError(
            "this is not a bookmark: it must have the keys format, answer_id and position, as"
            " bookmark() returns them"
        )
    answer_id = bookmark["answer_id"]
    if not (isinstance(answer_id, str) and answer_id):
        raise ValueError("the answer_id of the bookmark must be a non-empty string")
    return answer_id, bookmark["position"]


class TakesUp(ABC):
    """The part of a `StreamMachine` that continues an answer begun by another input.

    The machine has the state.

    Attributes:
        answer: The answer so far.
        current: The input that is being read.
    """

    answer: AnswerSoFar
    current: RawStream
    outcome: Outcome | None
    observers: Observers
    _ids: EventIds
    _closed: bool
    _strict: bool
    _decoder: Decoder
    _ends: Ends
    _continuity: Continuity
    _last: Event
    _committed: bool

    @property
    def answer_id(self) -> str | None:
        """The server's id of the answer if it can be resumed, else None."""
        return self._continuity.answer_id or self.answer.resumable_id()

    @property
    def bookmark(self) -> dict[str, Any] | None:
        """Where to resume the answer; None if it cannot be resumed, or is whole."""
        self._continuity.take(self._last)
        position: int | str | None = self._continuity.position
        position, answer_id = self._ids.last if position is None else position, self.answer_id
        if position is None or answer_id is None or self._ends.whole:
            return None
        return {"format": _FORMAT, "answer_id": answer_id, "position": position}

    def take_up(self, answer_id: str, position: int, seen: Iterable[RawEvent]) -> None:
        """Continue an answer before the first step.

        Args:
            answer_id: The server's id of the answer.
            position: The number of the last event that counts.
            seen: The raw events that came before, which are not delivered again. Later ones and
                repetitions are ignored. If some are missing, or belong to another answer, the
                stream fails.
        """
        self._committed = True  # what a retry would send has been delivered elsewhere
        try:
            for event in _up_to(position, self._decoded(seen), answer_id):
                self._take_seen(event)
        except ScanError as error:
            self.current.end(error)
        self._expect_rest(answer_id, position)

    def take_up_session(self, session_id: str, event_id: str, seen: Iterable[RawEvent]) -> None:
        """Continue what happens in a session before the first step.

        Args:
            session_id: The id of the session.
            event_id: The id of the last event that counts. It and those before it are not delivered
                again.
            seen: The raw events that came before, as for `take_up()`.
        """
        self._committed = True
        try:
            any_came = False
            for event in self._decoded(seen):
                any_came = True
                if event.stream_answer_id() not in (None, session_id):
                    raise EventStreamError(
                        "the events in seen and the bookmark belong to different sessions"
                    )
                if self._ids.is_new(event):
                    self._take_seen(event)
                if event.stream_event_id() == event_id:
                    break
            else:
                if any_came:
                    raise EventStreamError(
                        f"events are missing in seen: the last one is not {event_id}"
                    )
        except ScanError as error:
            self.current.end(error)
        self._ids.add(event_id)
        self._continuity.answer_id = session_id  # no number: only the session is checked
        self._ends.resume()

    def read_on(self, reader: Watched) -> None:
        """Continue with the same input: what it waited for was sent by another request."""
        if not self._closed:
            self.outcome = None
            self._ends = Ends()
            self.current.expire(None)
            self.observers.began(reader)

    @property
    def can_read_on(self) -> bool:
        """Whether the current input may still have data."""
        return not self.current.interrupted

    def _continues(self, reader: Watched, event: Event, answer_id: str) -> bool:
        """Return whether *event* is new; end the stream if it cannot belong to the answer."""
        try:
            is_new = self._continuity.is_new(event, answer_id)
        except EventStreamError as error:
            self._end_input(reader, error)
            return False
        if not is_new:  # a server that repeats old events counts as silent
            self.current.discount()
        return is_new

    def _skip(self, why: str) -> bool:
        """Note an event that is not delivered and does not end the server's silence."""
        self.current.discount()
        self._decoder.note(why)
        return False

    @abstractmethod
    def _end_input(self, reader: Watched, error: ScanError | None = None) -> None:
        """Judge the end of the current input; see the machine."""

    def _expect_rest(self, answer_id: str, position: int) -> None:
        """Expect the events of the answer that come after *position*."""
        self._continuity.resume(answer_id, position)
        self._ends.resume()

    def _decoded(self, seen: Iterable[RawEvent]) -> Iterator[Event]:
        decoder = self._decoder
        for raw in seen:
            if not is_keep_alive(raw):
                yield decoder.decode(raw)
                while decoder.ready:
                    yield decoder.decode(decoder.next_ready())

    def _take_seen(self, event: Event) -> None:
        """Process an event as the machine does, without delivering it.

        Raises:
            DecodeError: It cannot be read, and the stream is strict.
        """
        decoder, hole = self._decoder, self._decoder.hole
        if type(event) is UnknownEvent and event.error is not None:
            if self._strict:
                raise event.error
            decoder.note("malformed_event")
        if hole is not None and self._ends.leave_hole(hole):
            self.answer.leave_hole()
        self._ends.take(event)
        self.answer.take(event, decoder.note, decoder.repeats.last)


def _up_to(position: int, events: Iterable[Event], answer_id: str) -> Iterator[Event]:
    """Yield *events*, each once, up to the one whose number is *position*."""
    last, any_came = None, False
    for event in events:
        any_came = True
        if event.stream_answer_id() not in (None, answer_id):
            raise EventStreamError(
                "the events in seen and the bookmark belong to different answers"
            )
        number = event.stream_position()
        if number is not None:
            if number > position:  # the server sends it again
                break
            if last is not None and number <= last:
                continue
            # Every answer begins with an event that names it. Servers count from 0 or from 1.
            is_first = number == 0 or event.stream_answer_id() is not None
            if number > last + 1 if last is not None else not is_first:
                raise _lost(last, number)
            last = number
        yield event
    if any_came and last != position:
        raise _lost(last, position)


def _lost(last: int | None, number: int) -> EventStreamError:
    begin = f"after {last}" if last is not None else "at the beginning"
    return EventStreamError(f"events are missing in seen: {begin}, up to {number}")
