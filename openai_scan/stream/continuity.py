"""Which event of an answer a stream has reached, and which may come next after it is resumed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openai_scan.errors import EventStreamError
from openai_scan.events import Event
from openai_scan.sse import RawEvent

if TYPE_CHECKING:
    from openai_scan.events.decoding.repeats import Make

# How many ids to keep. OpenAI's own client keeps as many.
_MOST_IDS = 1024


class Continuity:
    """The event numbers of one answer, across all the streams that deliver it."""

    answer_id: str | None = None
    """The server's id of the answer, once it has been resumed; None before that."""

    position: int | None = None
    """The highest event number so far, or None if no event has had one."""

    session_id: str | None = None
    """The session of the stream, if it has one and has named it."""

    def __init__(self) -> None:
        self._repeated: int | None = None  # events up to this number may be repeated

    def take(self, event: Event) -> None:
        """Register the number of *event*, if it has one."""
        number = event.stream_position()
        if number is not None and (self.position is None or number > self.position):
            self.position = number

    def resume(self, answer_id: str, position: int) -> None:
        """Expect the events of the answer that come after *position*."""
        self.answer_id, self.position, self._repeated = answer_id, position, position

    def is_of_session(self, event: Event) -> bool:
        """Return whether *event* is from the session that the stream named first, or names none."""
        session_id = event.stream_session_id()
        if session_id is not None and self.session_id is None:
            self.session_id = session_id
        return session_id is None or session_id == self.session_id

    def is_new(self, event: Event, answer_id: str) -> bool:
        """Return whether *event* continues the resumed answer; False if it was sent before.

        Raises:
            EventStreamError: Events are missing, or *event* belongs to another answer.
        """
        if event.stream_answer_id() not in (None, answer_id):
            raise EventStreamError("the resumed stream contains events of another answer")
        number, position = event.stream_position(), self._repeated
        if position is None:
            return True
        if number is None:
            # A ping, for example, proves nothing. A part of the answer without a number comes from
            # a server that sends the whole answer instead of the rest: only an event with the
            # answer itself can show what is missing.
            return not event.family or event.stream_answer_id() is not None
        if number <= position:
            return False
        if number > position + 1:
            raise EventStreamError(
                f"events were lost between {position} and {number}, where the stream was resumed"
            )
        self._repeated = None
        return True


class EventIds:
    """The ids of the last events, which a server may send again.

    Attributes:
        last: The id of the last event that has one, or None.
    """

    def __init__(self) -> None:
        self.last: str | None = None
        self._known: dict[str, None] = {}  # oldest first

    def is_new(self, event: Event) -> bool:
        """Register the id of *event*, if it has one; return whether it is new."""
        id = event.stream_event_id()
        if id is None:
            return True
        if id in self._known:
            return False
        self.add(id)
        return True

    def checked(self, make: Make, continuity: Continuity) -> Make:
        """Return a version of *make* that skips events that are repeated or of another session.

        Args:
            make: Creates an event from its raw event.
            continuity: Knows the session of the stream.
        """

        def checked(raw: RawEvent) -> tuple[Event, str | None] | None:
            made = make(raw)
            if made is None or (continuity.is_of_session(made[0]) and self.is_new(made[0])):
                return made
            return None

        return checked

    def add(self, id: str) -> None:
        """Register the id of an event that is not at hand."""
        self.last = id
        self._known[id] = None
        if len(self._known) > _MOST_IDS:
            del self._known[next(iter(self._known))]
