"""Read typed events from a source, one `next()` at a time, and judge how the stream ended."""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from openai_scan.errors import (
    APIError,
    DecodeError,
    EventStreamError,
    ScanError,
    StreamCancelledError,
    StreamTimeoutError,
)
from openai_scan.events import (
    DONE,
    Event,
    Outcome,
    UnknownEvent,
    decode,
    fold,
    from_answer,
    unglue,
)
from openai_scan.events.ends import Ends
from openai_scan.observer import Observer
from openai_scan.reader import TextJoiner, TextReader
from openai_scan.redaction import redact_error
from openai_scan.sources import ClockedSource, RenewableSource, RequestedSource
from openai_scan.sse import DEFAULT_MAX_EVENT_BYTES, EventScanner, RawEvent, Source

if TYPE_CHECKING:
    from typing_extensions import Self

    from openai_scan.events import assistants
    from openai_scan.events.base import Append, Fold
    from openai_scan.events.decoding.repeats import Make
    from openai_scan.partial_json import PartialJSON
    from openai_scan.sse import WritableFile
    from openai_scan.stats import Stats, Timer
    from openai_scan.values import Answer

# After the terminal event a usage chunk or a late event may follow, or nothing at all while the
# server holds the connection open: so much longer is listened to.
GRACE_SECONDS = 2.0

# llama.cpp reports errors in a field of their own.
_EVENT_FIELDS = ("error",)

# Stands where there is no current event, and has no answer to anything.
_NO_EVENT = Event(raw=RawEvent("message", ""))


T = TypeVar("T")

Successor: TypeAlias = "Callable[[StreamerV2, Outcome], StreamerV2 | Source | Outcome]"
"""Says what comes after a stream that has ended without an error; see `chain_from`."""


class StreamerV2:
    """The typed events of a stream, read as Go's `bufio.Scanner` reads lines.

    ::

        with StreamerV2(source) as s:
            while s.next():
                match s.event():
                    case ThreadMessageDelta(delta=delta):
                        ...

    Args:
        source: An iterable of byte chunks, split anywhere, or a binary file object. The streamer
            owns it from now on: `close()` closes it.
        max_event_bytes: How many bytes of one event may be kept; a larger one is an
            `EventTooLargeError`.
        strict: Whether an event that does not fit its class ends the stream with a
            `DecodeError`, rather than being tolerated and counted in `notes`.
        require_terminal: Whether input that ends without the family's terminal event is a
            `TruncatedStreamError`. False is for servers that never send one.

    Raises:
        TypeError: *source* is text, a single bytes object, or no source at all.
        ValueError: *max_event_bytes* is less than 1.
    """

    def __init__(
        self,
        source: Source,
        *,
        max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES,
        strict: bool = False,
        require_terminal: bool = True,
    ) -> None:
        # It takes its time to load, and who only imports the package shall not wait for it.
        from openai_scan.events.decoding.structure import Structurer

        self._max_event_bytes = max_event_bytes
        self._strict = strict
        self._require_terminal = require_terminal
        self._source: Source | None = source  # None once another streamer has taken it over
        self._scanner = self._scan(source)
        self._chained: deque[EventScanner] = deque()
        self._successor: Successor | None = None  # says what comes after the chain
        self._ready: deque[RawEvent] = deque()  # the rest of what came as one event
        self._ends = Ends()
        self._notes: Counter[str] = Counter()
        self._structure = Structurer(strict=strict, notes=self._notes)
        self._tee: WritableFile | None = None
        self._started = False
        self._cancelled = False
        self._event = _NO_EVENT
        # For events that add text and nothing else to what the last one was: what makes such an
        # event, and what takes its text in. All else that `_step()` does it has done.
        self._again: Make | None = None
        self._append: Append = str
        self._fold: Fold | None = None
        self._json: PartialJSON | None = None  # of the fold's text, once somebody asks for it
        self._last = _NO_EVENT  # that has been handed out
        self._position: int | None = None  # the number of an event before it; see _reached()
        self._away_since: float | None = None  # the caller has been handed a keep-alive
        self._committed = False  # content has been handed out: another try would repeat it
        self._resumed_id: str | None = None  # the answer that was taken up; no other may follow
        self._repeated: int | None = None  # events up to this number may come once more
        self._events = 0
        self._bytes_before = 0  # what the streams before the current one had
        self._pending_taken = False
        self._outcome: Outcome | None = None
        self._err: ScanError | None = None
        self._err_seen = False  # somebody has been told of the error
        self._text = TextJoiner()
        self._observers: tuple[Observer, ...] = ()
        self._observing = False  # an answer has begun, and not ended
        self._timer: Timer | None = None  # once somebody asks for statistics

    # The scanner.

    def next(self) -> bool:
        """Wait for the next event and step to it.

        Never raises for bad input or a bad network: it returns False at the end and after an
        error, and from then on; `err()` and `outcome` tell which.
        """
        if not self._started:
            self._started = True
            self._tell_begin()
        if self._away_since is not None:
            self._come_back(self._away_since)
        self._event = _NO_EVENT
        while self._outcome is None:
            raw = self._next_raw()
            if raw is None:
                self._end_stream()
            elif self._again is not None and (event := self._again(raw)) is not None:
                self._add_text(event)
                return True
            elif (not raw.data or raw.data[0] == ":") and _is_keep_alive(raw):
                self._scanner.discount()
                self._structure.note("empty_event")
            elif self._step(self._decode(raw)):
                return True
        return False

    def event(self) -> Event:
        """Return the current event.

        Raises:
            RuntimeError: The last `next()` was not True, or there was none.
        """
        if self._event is _NO_EVENT:
            raise RuntimeError("there is no event: call event() only after next() returned True")
        return self._event

    def err(self) -> ScanError | None:
        """Return None after a clean end or while it runs; else the first error, for good."""
        if self._outcome is not None:
            self._err_seen = True
        return self._err

    @property
    def outcome(self) -> Outcome | None:
        """How the stream ended, or None while it runs.

        ======================================================  ======================
        outcome                                                 `err()`
        ======================================================  ======================
        `completed`                                             None
        `incomplete`: cut short by a limit or a filter          None
        `requires_action`: it waits for tool outputs            None
        `cancelled`: on the server, or left early by `close()`  None
        `cancelled`: by `cancel()`                              `StreamCancelledError`
        `timed_out`                                             `StreamTimeoutError`
        `truncated`                                             `TruncatedStreamError`
        `failed`                                                any other `ScanError`
        ======================================================  ======================
        """
        return self._outcome

    @property
    def source(self) -> Source:
        """Where the events come from; of chained streams, those of the current one.

        Of a client's stream it is an `Exchange`, which knows the `request_id`.
        """
        return self._scanner.source

    @property
    def events_read(self) -> int:
        """How many events `next()` has stepped to, those of chained streams included."""
        return self._events

    @property
    def bytes_read(self) -> int:
        """How many bytes have been read, those of chained streams included."""
        return self._bytes_before + self._scanner.bytes_read

    @property
    def notes(self) -> Counter[str]:
        """What was tolerated, counted, so that a broken server can be reported.

        A note is a word such as `malformed_event`, some followed by a colon and the place.
        """
        return self._notes + self._scanner.notes

    def __iter__(self) -> Iterator[Event]:
        """Yield the events.

        Raises:
            ScanError: The stream ended with an error; raised after the last event.
        """
        while self.next():
            yield self.event()
        self._raise_err()

    # Its end.

    def close(self) -> None:
        """Let go of the source. Call it any number of times; `with` does it for you.

        A stream that has shown its end is judged by what it said, an error included. Any other is
        left as `cancelled`, without an error: to stop listening is no fault.
        """
        self._event = _NO_EVENT
        self._successor = None  # to leave is not to go on
        if self._outcome is None:
            if self._ends.terminal and not self._chained:
                self._settle(*self._ends.verdict(None, cut=False, require_terminal=False))
            else:
                self._settle("cancelled", None)
        if self._source is not None:
            self._scanner.close()
        while self._chained:
            self._chained.popleft().close()

    def cancel(self) -> None:
        """End the stream, from any thread and at any moment.

        A reader that waits for the network returns at once, with `StreamCancelledError`; one
        that waits for a plain file or iterable does so when that hands over its next chunk.
        """
        self._cancelled = True
        self._scanner.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close; then raise the error that nobody has asked for, if there is one."""
        self.close()
        if exc_type is None and not self._err_seen:
            self._raise_err()

    # More than one stream, more than one reader.

    def chain(self, other: StreamerV2 | Source) -> None:
        """Go on with *other* in the same loop, after this stream ends without an error.

        So tool outputs are answered without a second loop. Several go on one after the other.
        This streamer's settings hold for all of them, and `close()` closes them.

        Args:
            other: A streamer that nobody has read from yet, or a source.

        Raises:
            RuntimeError: This stream has ended already, or *other* has been started or chained.
            TypeError: *other* is text, a single bytes object, or no source at all.
            ValueError: *other* is this streamer.
        """
        if other is self:
            raise ValueError("a stream cannot be chained to itself")
        if self._outcome is not None:
            raise RuntimeError("the stream has ended: chain() has to come before its last event")
        self._chained.append(self._scan(_source_of(other)))

    def chain_from(self, successor: Successor) -> None:
        """Let *successor* say what comes next, whenever the chain would end without an error.

        It is called by `next()` and gets this streamer, whose `snapshot()` and `final()` are of
        the stream that has just ended, and the outcome. It returns what to go on with, as
        `chain()` takes it, or the outcome to end with. What it raises is raised by `next()`, and
        the stream has ended.

        Raises:
            RuntimeError: This stream has ended already.
        """
        if self._outcome is not None:
            raise RuntimeError("the stream has ended: chain_from() has to come before its end")
        self._successor = successor

    def tee(self, file: WritableFile) -> None:
        """Write every byte read from now on, chained streams included, to *file* as well.

        The file stays open and is yours. An error in writing is raised by `next()` as it is; the
        events of that chunk are not lost and come with the calls after it.
        """
        self._tee = file
        self._scanner.tee(file)

    def observe(self, observer: Observer) -> None:
        """Tell *observer* what happens from now on; of several, each in turn.

        Raises:
            RuntimeError: The stream has ended already.
        """
        if self._outcome is not None:
            raise RuntimeError("the stream has ended: observe() has to come before its end")
        self._observers += (observer,)
        if self._observing:
            observer.began(self)

    @property
    def stats(self) -> Stats:
        """How fast the stream is, how much it is and what it costs, as of now.

        The first time that it is asked for, times begin to be taken. So ask before the first
        `next()`; afterwards there are only the figures that are known anyway.
        """
        if self._timer is None:
            from openai_scan.stats import Timer

            self._timer = Timer()
            if self._outcome is None:
                self.observe(self._timer)
        return self._timer.stats(self)

    # The whole answer.

    def snapshot(self) -> Answer | None:
        """Return the answer as far as it has come, or None before the first event of one.

        It never changes afterwards: ask again for a later one. Of chained streams it is the
        last one's answer; an Assistants answer goes on over all of them.
        """
        return None if self._fold is None else self._fold.value()

    def final(self) -> Answer:
        """Return the whole answer, after `next()` has returned False.

        An answer that is `incomplete`, or waits for tool outputs, is returned as it is.

        Raises:
            ScanError: The answer is not whole, since the stream was truncated, failed, timed out
                or was cancelled. What came is the exception's `snapshot`.
            RuntimeError: The stream has not ended.
        """
        if self._outcome is None:
            raise RuntimeError("the stream has not ended: call final() after next() returned False")
        self._raise_err()
        answer = self.snapshot()
        error: ScanError
        if self._outcome == "cancelled":
            error = StreamCancelledError("the answer was cancelled before it was whole")
        elif answer is None:
            error = EventStreamError("the stream ended well, but no answer was in it")
        else:
            return answer
        self._equip(error)
        raise error

    def final_as(self, cls: type[T]) -> T:
        """Return the whole answer as an instance of *cls*, after `next()` has returned False.

        Its text is to be the JSON that `json_schema_format(cls)` asks for.

        Raises:
            DecodeError: The text is no JSON, as after a refusal or where it was cut short, or it
                does not fit the class. The answer is the exception's `snapshot`.
            ScanError: See `final()`.
            RuntimeError: See `final()`.
        """
        from openai_scan.events.decoding.structure import Structurer

        text = self.final().text
        try:
            return Structurer(strict=True)(json.loads(text), cls)
        except (ValueError, RecursionError) as cause:
            error = DecodeError(f"the answer, which is {self._outcome}, is not JSON: {cause}")
            error.__cause__ = cause
        except DecodeError as caught:
            error = caught
        self._equip(error)
        raise error

    def partial(self) -> Any:
        """Return the JSON of the current answer's text so far as a Python value, or None.

        An object has the keys that have come, and a string what has come of it; a number is there
        when it is whole. From text that is no JSON comes what was JSON until then. To ask at
        every step costs no more than to ask once: objects and lists are the same each time, and
        grow, so copy what you want to keep.
        """
        if self._json is None:
            from openai_scan.partial_json import PartialJSON

            self._json = PartialJSON()
            answer = self.snapshot()
            if answer is not None:
                self._json.feed(answer.text)
        if self._outcome is not None:
            self._json.finish()
        return self._json.value

    # The text.

    def read(self, size: int | None = -1) -> bytes:
        """Return text that is still to come, as UTF-8: what `shutil.copyfileobj` calls.

        It steps through the events itself. A character may be split over two calls; half a
        surrogate pair is joined with its other half.

        Args:
            size: How many bytes at most; negative or None for all until the end.

        Returns:
            At least one byte, as soon as there is some, and `b""` only at a clean end.

        Raises:
            ScanError: The stream ended with an error. All text is delivered before: where the
                size is unlimited, what came until then is what the next call returns.
        """
        return self._text.read(self, size)

    def reader(self) -> TextReader:
        """Return the text as an `io.RawIOBase`, to be wrapped by `io.TextIOWrapper` and others."""
        return TextReader(self)

    def text_deltas(self) -> Iterator[str]:
        """Return the text, delta by delta, for `print(delta, end="", flush=True)`.

        Raises:
            ScanError: The stream ended with an error; raised after the last delta.
        """
        return self._text.deltas(self)

    # Unwrappers: one question each about the current event. None means "not here", also where
    # there is no current event. None of them ever raises.

    # Where several choices were asked for, *choice* says which; `text_deltas()`, `read()` and
    # `reader()` stay with the first, number 0.

    def text(self, choice: int = 0) -> str | None:
        """The text that the current event adds, or None.

        It may end in half a character that the next event completes; `text_deltas()` joins them.
        """
        return self._event.unwrap_text(choice)

    def reasoning_text(self, choice: int = 0) -> str | None:
        """The text that the current event adds to the reasoning before the answer, or None."""
        return self._event.unwrap_reasoning_text(choice)

    def refusal(self, choice: int = 0) -> str | None:
        """The text that the current event adds to a refusal to answer, or None."""
        return self._event.unwrap_refusal(choice)

    def message_delta_text(self) -> str | None:
        """The text of an Assistants message delta, or None."""
        return self._event.unwrap_message_delta_text()

    def image_file(self) -> assistants.ImageFile | None:
        """The image file that the current event adds, or None."""
        return self._event.unwrap_image_file()

    def message(self) -> assistants.Message | None:
        """The message that the current event reports on, or None."""
        return self._event.unwrap_message()

    def run(self) -> assistants.Run | None:
        """The run that the current event reports on, or None."""
        return self._event.unwrap_run()

    def run_step(self) -> assistants.RunStep | None:
        """The run step that the current event reports on, or None."""
        return self._event.unwrap_run_step()

    def required_action(self) -> assistants.RequiredAction | None:
        """The action that the server waits for from this event on, or None."""
        return self._event.unwrap_required_action()

    def tool_calls(self, choice: int = 0) -> tuple[Any, ...] | None:
        """The tool calls, or pieces of tool calls, that the current event brings, or None."""
        return self._event.unwrap_tool_calls(choice)

    def finish_reason(self, choice: int = 0) -> str | None:
        """Why the answer ends with the current event, in the server's word, or None."""
        return self._event.unwrap_finish_reason(choice)

    def usage(self) -> Any | None:
        """The count of tokens that the current event brings, or None."""
        return self._event.unwrap_usage()

    def annotations(self, choice: int = 0) -> tuple[Any, ...] | None:
        """The citations and other annotations that the current event adds, or None."""
        return self._event.unwrap_annotations(choice)

    def audio(self, choice: int = 0) -> bytes | None:
        """The sound that the current event adds, decoded, or None."""
        return self._event.unwrap_audio(choice)

    def partial_image(self) -> bytes | None:
        """The image as far as it has got with the current event, decoded, or None."""
        return self._event.unwrap_partial_image()

    # How it works.

    def _scan(self, source: Source) -> EventScanner:
        return EventScanner(
            source, max_event_bytes=self._max_event_bytes, event_fields=_EVENT_FIELDS
        )

    def _next_raw(self) -> RawEvent | None:
        """Return the next raw event of the current stream, or None at its end."""
        if self._ends.done:  # [DONE] ends any stream at once
            return None
        if self._ready:
            return self._ready.popleft()
        if self._scanner.next():
            return self._scanner.event()
        pending = self._scanner.pending
        if self._scanner.err() is None and pending is not None and not self._pending_taken:
            self._pending_taken = _is_whole(pending.data)
            if self._pending_taken:
                self._structure.note("unterminated_event")
                return pending
        return None

    def _decode(self, raw: RawEvent) -> Event:
        """Return the typed event; the first of several if *raw* stands for more than one."""
        event = decode(raw, self._structure)
        if type(event) is UnknownEvent and not self._strict:
            note, pieces = (
                ("whole_answer", from_answer(event.payload))
                if event.error is None
                else ("glued_events", unglue(raw))
            )
            if pieces:
                self._structure.note(note)
                self._ready.extend(pieces[1:])
                return decode(pieces[0], self._structure)
        return event

    def _step(self, event: Event) -> bool:
        """Make *event* the current one, unless it has to end the stream, or has come before."""
        ends = self._ends
        self._again = None
        if self._resumed_id is not None and not self._follows(event, self._resumed_id):
            self._scanner.discount()
            return False
        if type(event) is UnknownEvent:
            if event.is_keep_alive:
                self._scanner.discount()
                self._away_since = time.monotonic()
            if event.error is None:
                self._structure.note(f"unknown_event: {event.type}")
            elif self._strict:
                self._end_stream(event.error)
                return False
            else:
                self._structure.note("malformed_event")
        was_terminal = ends.terminal
        told = ends.note(event)
        if ends.done and not ends.terminal:  # [DONE] in the middle of the answer
            return False
        if not self._committed:
            if ends.error is not None and self._renew(ends.error):
                return False
            self._committed = event.has_content()
        before, self._fold = self._fold, fold(event, self._fold, self._structure.note)
        if self._json is not None:
            if self._fold is not before:
                self._json = type(self._json)()
            self._json.feed(event.unwrap_text() or "")
        if ends.terminal:
            if not was_terminal or told or event.stream_goes_on():
                self._scanner.expire(GRACE_SECONDS)
        elif was_terminal:  # another choice has begun after the first had ended
            self._scanner.expire(None)
        elif self._committed:
            self._expect_text(event)
        self._position = self._reached()
        self._hand_out(event)
        return True

    def _come_back(self, away_since: float) -> None:
        """Have the source not take for silence what the caller has done since *away_since*.

        An event ends the silence, and what comes before the next is asked for; a keep-alive not.
        """
        self._away_since = None
        source = self._scanner.source
        if isinstance(source, ClockedSource):
            source.spare(time.monotonic() - away_since)

    def _hand_out(self, event: Event) -> None:
        self._event = self._last = event
        self._events += 1
        for observer in self._observers:
            observer.event(self, event)

    def _add_text(self, event: Event) -> None:
        """Make *event* the current one, which adds text and nothing else: 0.4 us, not 2.5."""
        text = event.unwrap_text() or ""
        self._append(text)
        if self._json is not None:
            self._json.feed(text)
        self._hand_out(event)

    def _expect_text(self, event: Event) -> None:
        """Get ready for events that add text and nothing else to what *event* has brought."""
        repeat = self._structure.repeats.last
        if repeat is not None and repeat.adds_text and self._fold is not None:
            append = self._fold.appender(event)
            if append is not None:
                self._again, self._append = repeat.make, append

    def _reached(self) -> int | None:
        """Return the highest number of the events so far, or None if none has had one.

        Events that add text and nothing else are alike: all of them have a number, or none has.
        So it is enough to ask the last one, before another kind of event takes its place.
        """
        number, before = self._last.stream_position(), self._position
        return before if number is None or (before is not None and before > number) else number

    def _follows(self, event: Event, answer_id: str) -> bool:
        """Tell whether *event* goes on with the answer that was taken up again; if not, it is old.

        One that cannot follow ends the stream: something is lost, or it is another answer.
        """
        if event.stream_answer_id() not in (None, answer_id):
            self._end_stream(
                EventStreamError("the stream was taken up again with events of another answer")
            )
            return False
        number, position = event.stream_position(), self._repeated
        if number is None or position is None:  # a ping, say, tells nothing of those behind it
            return True
        if number <= position:
            return False
        if number > position + 1:
            self._end_stream(
                EventStreamError(
                    f"events were lost between {position} and {number}, where the stream was taken"
                    " up again"
                )
            )
            return False
        self._repeated = None
        return True

    def _end_stream(self, error: ScanError | None = None) -> None:
        """Judge the end of the current stream; then end, or go on with the next one."""
        error = error or self._scanner.err()
        outcome, verdict = self._ends.verdict(
            error,
            cut=self._scanner.pending is not None and not self._pending_taken,
            require_terminal=self._require_terminal,
        )
        if verdict is not None and self._renew(verdict):
            return
        if verdict is None:
            if error is not None:
                held = isinstance(error, StreamTimeoutError)
                self._structure.note("held_open" if held else "broken_end")
            if self._ends.missing_done:
                self._structure.note("missing_done")
            if not self._chained and self._successor is not None:
                outcome = self._ask_successor(self._successor, outcome)
            if self._chained:
                self._tell_end(outcome, None)
                self._go_on(self._chained.popleft())
                return
        self._settle(outcome, verdict)
        if verdict is not None:
            self._scanner.close()

    def _settle(self, outcome: Outcome, error: ScanError | None) -> None:
        """End, for good."""
        if error is not None:
            self._equip(error)
        self._outcome, self._err = outcome, error
        self._tell_end(outcome, error)

    def _ask_successor(self, successor: Successor, outcome: Outcome) -> Outcome:
        """Chain what comes next, or return the outcome to end with."""
        # If it raises, the stream has ended as it would have without it.
        self._outcome = outcome
        self._tell_end(outcome, None)
        answer = successor(self, outcome)
        if isinstance(answer, str):
            return answer
        self._chained.append(self._scan(_source_of(answer)))
        self._outcome = None
        return outcome

    def _equip(self, error: ScanError) -> None:
        """Have *error* say how far the stream had come, and no secret."""
        error.events_read = self.events_read
        error.bytes_read = self.bytes_read
        error.snapshot = self.snapshot()
        source = self._scanner.source
        if isinstance(error, APIError) and isinstance(source, RequestedSource):
            error.request_id = error.request_id or source.request_id
        if isinstance(source, RequestedSource):  # what the server says of a wrong key may repeat it
            redact_error(error, source.redact)

    def _tell_begin(self) -> None:
        self._observing = True
        for observer in self._observers:
            observer.began(self)

    def _tell_renewal(self, how: str, error: ScanError) -> None:
        self._structure.note(f"{how}: {type(error).__name__}")
        for observer in self._observers:
            observer.renewed(self, error)

    def _tell_end(self, outcome: Outcome, error: ScanError | None) -> None:
        """Tell of an end that nobody has been told of yet."""
        if self._observing:
            self._observing = False
            for observer in self._observers:
                observer.ended(self, outcome, error)

    def _renew(self, error: ScanError) -> bool:
        """Go on with another source of the same answer after *error*, if there is one."""
        source = self._scanner.source
        if not isinstance(source, RenewableSource):
            return False
        position = self._reached()
        answer_id = None if self._fold is None else self._fold.resumable_id()
        if position is not None and answer_id is not None:
            onward = source.resume(error, answer_id, position)
            if onward is not None:
                self._tell_renewal("resume", error)
                self._resumed_id, self._repeated = answer_id, position
                self._ends.resume()
                self._switch(self._scan(onward))
                return True
        again = None if self._committed else source.retry(error)
        if again is None:
            return False
        self._tell_renewal("retry", error)
        self._start_over(self._scan(again))
        return True

    def _go_on(self, scanner: EventScanner) -> None:
        """Step to the next stream of the chain."""
        self._committed = False
        self._start_over(scanner)
        self._tell_begin()

    def _start_over(self, scanner: EventScanner) -> None:
        """Read another stream, which has an end of its own."""
        self._ends = Ends()
        self._last, self._position = _NO_EVENT, None
        self._resumed_id = self._repeated = None
        if self._fold is not None:
            self._fold.over = True
        self._switch(scanner)

    def _switch(self, scanner: EventScanner) -> None:
        """Read on with *scanner*."""
        self._again = self._away_since = None
        self._notes.update(self._scanner.notes)
        self._bytes_before += self._scanner.bytes_read
        self._scanner.close()
        self._scanner = scanner
        self._ready.clear()  # what came behind a [DONE]
        self._pending_taken = False
        if self._tee is not None:
            self._scanner.tee(self._tee)
        if self._cancelled:  # while it was between the two
            self._scanner.cancel()

    def _hand_over(self) -> Source:
        """Give the source to another streamer, and end."""
        followed = self._chained or self._successor is not None
        if self._started or self._outcome is not None or self._source is None or followed:
            raise RuntimeError(
                "chain() takes a streamer that nobody has read from yet, and that nothing follows"
            )
        source, self._source = self._source, None
        self._outcome = "completed"
        return source

    def _raise_err(self) -> None:
        if (error := self.err()) is not None:
            raise error


def _source_of(other: StreamerV2 | Source) -> Source:
    """Return the source to be chained, taken over from its streamer if it has one."""
    return other._hand_over() if isinstance(other, StreamerV2) else other  # noqa: SLF001 - our own class


def _is_keep_alive(raw: RawEvent) -> bool:
    """Tell whether *raw* is one of the keep-alives that some servers put into an event.

    Those have a comment as data, or no data at all; an end or an error needs none to be one.
    """
    return raw.type not in ("done", "error") and (not raw.data or raw.data.startswith(":"))


def _is_whole(data: str) -> bool:
    """Tell whether *data* are complete, although the blank line behind them is missing.

    A JSON object says itself where it ends; a number, say, does not.
    """
    if data.strip() == DONE:
        return True
    try:
        return isinstance(json.loads(data), dict)
    except (ValueError, RecursionError):
        return False
