"""Everything about a stream that needs no reading: the base of every streamer."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from openai_scan import bounded_json
from openai_scan.errors import DecodeError, EventStreamError, ScanError, StreamCancelledError
from openai_scan.events import Outcome
from openai_scan.observer import Observer
from openai_scan.sse import DEFAULT_MAX_EVENT_BYTES, RawEvent, WritableFile
from openai_scan.sse.raw_stream import RawStream
from openai_scan.sse.source import broken_off
from openai_scan.stream.conversation import Conversation
from openai_scan.stream.described import described
from openai_scan.stream.kinds import AnswerT, EventT
from openai_scan.stream.machine import NO_EVENT, StreamMachine
from openai_scan.stream.text import TextBuffer

if TYPE_CHECKING:
    from typing_extensions import Self

    from openai_scan.events import assistants
    from openai_scan.stats import Stats, Timer
    from openai_scan.stream.kinds import BringsAnnotations, BringsCalls, HasUsage
    from openai_scan.values import Piece, PieceKind

T = TypeVar("T")
SourceT = TypeVar("SourceT")


class StreamView(Conversation, Generic[SourceT, EventT, AnswerT]):
    """A stream, its current event, its answer and its end; the streamers add the reading."""

    def __init__(
        self,
        source: SourceT,
        *,
        max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES,
        strict: bool = False,
        require_terminal: bool = True,
        note_unknown: bool = False,
    ) -> None:
        self._machine = StreamMachine(
            source,
            self._chunks_of(source),
            max_event_bytes=max_event_bytes,
            strict=strict,
            require_terminal=require_terminal,
            note_unknown=note_unknown,
        )
        self._tee: WritableFile | None = None
        self._text = TextBuffer()
        self._timer: Timer | None = None  # once statistics are asked for
        self._err_seen = False  # err() has returned the error
        self._handed_over = False  # another streamer reads and closes the source

    def __repr__(self) -> str:
        # A debugger also shows objects whose constructor has raised.
        machine = getattr(self, "_machine", None)
        return f"<{type(self).__name__}{'' if machine is None else described(machine)}>"

    @staticmethod
    @abstractmethod
    def _chunks_of(source: Any) -> Any:
        """Return what the driver reads the chunks of *source* with.

        Raises:
            TypeError: It cannot be read.
        """

    def event(self) -> EventT:
        """Return the current event.

        Raises:
            RuntimeError: The last `next()` was not True, or there was none.
        """
        event = self._machine.event
        if event is NO_EVENT:
            raise RuntimeError("there is no event: call event() only after next() returns True")
        return event  # type: ignore[return-value] # EventT is the caller's claim

    def err(self) -> ScanError | None:
        """Return the error that ended the stream, or None after a clean end or while it runs."""
        if self._machine.outcome is not None:
            self._err_seen = True
        return self._machine.err

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
        return self._machine.outcome

    @property
    def source(self) -> Any:
        """The source of the events; with chained streams, that of the current one.

        The source of a client's stream is an `Exchange`, which has the `request_id`.
        """
        return self._machine.current.source

    @property
    def events_read(self) -> int:
        """How many events `next()` has stepped to, chained streams included."""
        return self._machine.events_read

    @property
    def bytes_read(self) -> int:
        """How many bytes have been read, chained streams included."""
        return self._machine.bytes_read

    @property
    def notes(self) -> Counter[str]:
        """What was tolerated, with counts, so that you can report a broken server.

        A note is a word such as `malformed_event`; some are followed by a colon and a place.
        """
        return self._machine.notes

    def cancel(self) -> None:
        """End the stream, from any thread or task and at any moment.

        A reader that waits for the network returns at once, and `err()` is a
        `StreamCancelledError`. For other sources, see the class of the streamer.
        """
        self._machine.cancel()

    def chain(self, other: Self | SourceT) -> None:
        """Continue with *other* in the same loop after this stream ends without an error.

        This is how you answer tool calls without a second loop. Chained streams are read one after
        the other. The settings of this streamer apply to all of them, and `close()` closes them.

        Args:
            other: A streamer of the same kind that has not been started yet, or a source.

        Raises:
            RuntimeError: This stream has already ended, or *other* has been started or chained.
            TypeError: *other* is text, a single bytes object, or not a source at all.
            ValueError: *other* is this streamer.
        """
        if other is self:
            raise ValueError("a stream cannot be chained to itself")
        self._check_running("call chain() before its last event")
        self._machine.chained.append(self._input_of(other))

    def tee(self, file: WritableFile) -> None:
        """Also write every byte read from now on, chained streams included, to *file*.

        The file stays open; closing it is up to you. `next()` raises an error in writing unchanged;
        the events of that chunk are not lost: the next calls deliver them.
        """
        self._tee = file

    def observe(self, observer: Observer) -> None:
        """Notify *observer* of what happens from now on. Observers are notified in order.

        Raises:
            RuntimeError: The stream has ended.
        """
        self._check_running("call observe() before its end")
        self._machine.observers.add(observer, self)

    @property
    def stats(self) -> Stats:
        """How fast the stream is, how large it is and what it costs, as of now.

        Times are measured from your first access, so access it before the first `next()`. After
        that, only the figures that need no timing are available.
        """
        if self._timer is None:
            from openai_scan.stats import Timer

            self._timer = Timer()
            if self.outcome is None:
                self.observe(self._timer)
        return self._timer.stats(self)

    # The whole answer.

    def snapshot(self) -> AnswerT | None:
        """Return the answer so far, or None before its first event.

        The value never changes; call it again for a later one. With chained streams it is the
        answer of the last one, except that an Assistants answer spans all of them.
        """
        return self._machine.answer.value()  # type: ignore[return-value] # likewise

    def partial(self) -> Any:
        """Return the text of the current answer, parsed as JSON as far as it has come, or None.

        An object has the keys that have arrived, a string its text so far; a number appears once
        it is complete. If the text stops being valid JSON, the value is what was valid until then.
        Calling it at every step costs no more than calling it once, because each call returns the
        same objects and lists, which grow. Copy what you want to keep.
        """
        return self._machine.answer.partial(is_over=self.outcome is not None)

    # Unwrappers: each asks the current event one question. They never raise; None means that the
    # event has no answer or that there is no current event. With several choices (n > 1), *choice*
    # selects one; `text_deltas()`, `read()` and `reader()` use the first, number 0.

    def text(self, choice: int = 0) -> str | None:
        """The text that the current event adds to what has been returned so far, or None.

        It always consists of whole characters: half a surrogate pair is kept until the other half
        arrives. Text that arrived without deltas is returned with the event that ends it.
        """
        machine = self._machine
        added = machine.answer.added
        event = machine.event
        if added and event is not NO_EVENT:
            if type(added) is str and not choice:
                return added  # the short way, for nearly all events
            if text := machine.answer.text("text", choice):
                return text
        text = event.unwrap_text(choice)
        return None if text is None else ""

    def reasoning_text(self, choice: int = 0) -> str | None:
        """The text that the current event adds to the reasoning before the answer, or None."""
        text = self._machine.event.unwrap_reasoning_text(choice)
        return self._added("reasoning", choice) or _only_empty(text)

    def refusal(self, choice: int = 0) -> str | None:
        """The text that the current event adds to a refusal to answer, or None."""
        text = self._machine.event.unwrap_refusal(choice)
        return self._added("refusal", choice) or _only_empty(text)

    def pieces(self) -> tuple[Piece, ...]:
        """What the current event adds to the answer, in the same form for every API.

        A loop over the pieces forwards or stores any stream completely, each part once, in order::

            while s.next():
                for piece in s.pieces():
                    send(piece.kind, piece.choice, piece.call_id, piece.text)
        """
        machine = self._machine
        return () if machine.event is NO_EVENT else machine.answer.pieces()

    def message_delta_text(self) -> str | None:
        """The text of an Assistants message delta, or None."""
        return self._machine.event.unwrap_message_delta_text()

    def image_file(self) -> assistants.ImageFile | None:
        """The image file that the current event adds, or None."""
        return self._machine.event.unwrap_image_file()

    def message(self) -> assistants.Message | None:
        """The message that the current event reports on, or None."""
        return self._machine.event.unwrap_message()

    def run(self) -> assistants.Run | None:
        """The run that the current event reports on, or None."""
        return self._machine.event.unwrap_run()

    def run_step(self) -> assistants.RunStep | None:
        """The run step that the current event reports on, or None."""
        return self._machine.event.unwrap_run_step()

    def required_action(self) -> assistants.RequiredAction | None:
        """The action that the server waits for since this event, or None."""
        return self._machine.event.unwrap_required_action()

    def tool_calls(
        self: StreamView[Any, BringsCalls[T], Any], choice: int = 0
    ) -> tuple[T, ...] | None:
        """The tool calls, or parts of tool calls, in the current event, or None."""
        return self._machine.event.unwrap_tool_calls(choice)

    def finish_reason(self, choice: int = 0) -> str | None:
        """Why the answer ends with the current event, in the server's words, or None."""
        return self._machine.event.unwrap_finish_reason(choice)

    def usage(self: StreamView[Any, Any, HasUsage[T]]) -> T | None:
        """The token counts in the current event, or None."""
        return self._machine.event.unwrap_usage()

    def annotations(
        self: StreamView[Any, BringsAnnotations[T], Any], choice: int = 0
    ) -> tuple[T, ...] | None:
        """The citations and other annotations that the current event adds, or None."""
        return self._machine.event.unwrap_annotations(choice)

    def audio(self, choice: int = 0) -> bytes | None:
        """The audio that the current event adds, as decoded bytes, or None."""
        return self._machine.event.unwrap_audio(choice)

    def partial_image(self) -> bytes | None:
        """The image so far, if the current event has one, as decoded bytes; or None."""
        return self._machine.event.unwrap_partial_image()

    def _added(self, kind: PieceKind, choice: int) -> str | None:
        """Return what the current event adds to a text of the answer, or None."""
        machine = self._machine
        return None if machine.event is NO_EVENT else machine.answer.text(kind, choice)

    # For the drivers.

    def _final(self) -> AnswerT:
        """Return the whole answer of a stream that has ended."""
        self._raise_err()
        answer = self.snapshot()
        error: ScanError
        if self.outcome == "cancelled":
            error = StreamCancelledError("the answer was cancelled before it was complete")
        elif answer is None:
            error = EventStreamError("the stream ended without an error but contained no answer")
        else:
            return answer
        self._machine.describe(error)
        raise error

    def _final_as(self, cls: type[T]) -> T:
        """Return the whole answer of a stream that has ended, as an instance of *cls*."""
        from openai_scan.events.decoding.structure import Structurer

        self._final()
        text = self._machine.answer.final_text()
        try:
            return Structurer(strict=True)(bounded_json.loads_strictly(text), cls)
        except (ValueError, RecursionError) as cause:
            error = DecodeError(f"the answer is not JSON (outcome: {self.outcome}): {cause}")
            error.__cause__ = cause
        except DecodeError as caught:
            error = caught
        self._machine.describe(error)
        raise error

    def _check_running(self, advice: str) -> None:
        if self._machine.outcome is not None:
            raise RuntimeError(f"the stream has ended: {advice}")

    def _take_up(self, answer_id: str, position: int, seen: Iterable[RawEvent]) -> None:
        """Continue an answer after the event *position*, before the first step."""
        self._machine.take_up(answer_id, position, seen)

    def _take_up_session(self, session_id: str, event_id: str, seen: Iterable[RawEvent]) -> None:
        """Continue what happens in a session after the event *event_id*, before the first step."""
        self._machine.take_up_session(session_id, event_id, seen)

    @property
    def _can_read_on(self) -> bool:
        """Whether the source may still have data."""
        return self._machine.can_read_on

    def _follow(self, successor: Any) -> None:
        """Have the driver call *successor* at the end of the chain."""
        self._check_running("call chain_from() before its end")
        self._machine.successor = successor

    def _go_on_with(self, following: Self | SourceT | Outcome) -> None:
        """Do what a successor has decided: read *following*, or end with that outcome."""
        if isinstance(following, str):
            self._machine.stop(cast("Outcome", following))
        elif following is self:
            self._machine.read_on(self)
        else:
            self._machine.go_on(self, self._input_of(following))

    def _input_of(self, other: Self | SourceT) -> RawStream:
        """Return the input to continue with, taken over from its streamer if it has one."""
        # A streamer of the other kind (async or blocking) is rejected because it is not a source.
        if isinstance(other, StreamView) and other._chunks_of is self._chunks_of:  # noqa: SLF001 - our own class
            source = other._hand_over()  # noqa: SLF001 - likewise
        else:
            source = other
        return self._machine.input_of(source, self._chunks_of(source))

    def _open(self, renewed: RawStream) -> None:
        """Prepare to read an input that the machine has asked for.

        Raises:
            TypeError: A source has returned something that is not a source. The stream will end
                with an error because of it.
        """
        if renewed.chunks is None:
            try:
                renewed.chunks = self._chunks_of(renewed.source)
            except TypeError as error:
                renewed.end(broken_off(error))
                raise

    def _hand_over(self) -> SourceT:
        """Give the source to another streamer and end."""
        machine = self._machine
        followed = machine.chained or machine.successor is not None
        if machine.started or machine.outcome is not None or followed:
            raise RuntimeError(
                "chain() needs a streamer that has not been started and has nothing chained to it"
            )
        self._handed_over = True
        machine.stop("completed")
        source: SourceT = machine.current.source
        return source

    def _raise_err(self) -> None:
        if (error := self.err()) is not None:
            raise error


def _only_empty(text: str | None) -> str | None:
    """Return "" if the event has text that adds nothing new, None if it has no text."""
    return None if text is None else ""
