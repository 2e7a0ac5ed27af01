"""Read typed events from a source, one `next()` at a time: the driver that blocks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING

from openai_scan.events import Outcome
from openai_scan.reader import TextReader
from openai_scan.sse import Source
from openai_scan.sse.reading import close_inputs, read_into
from openai_scan.sse.source import chunks_of, is_callers
from openai_scan.stream.kinds import AnswerT, EventT
from openai_scan.stream.machine import StreamMachine
from openai_scan.stream.step import ASK_WHAT_NEXT, EVENT, NEED_DATA, SWITCH
from openai_scan.stream.whole import Whole

if TYPE_CHECKING:
    from typing_extensions import Self


class StreamerV2(Whole[EventT, AnswerT]):
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
        note_unknown: Whether to count in `notes` what the classes have no place for, such as a
            field that the API did not have when this version was made. Events take several times
            as long to decode then.

    Raises:
        TypeError: *source* is text, a single bytes object, or not a source at all.
        ValueError: *max_event_bytes* is less than 1.
    """

    _chunks_of = staticmethod(chunks_of)

    def next(self) -> bool:
        """Wait for the next event and step to it.

        Never raises for bad input or a bad network: it returns False at the end and after an
        error, and from then on. `err()` and `outcome` say which it was.

        An exception of your own that interrupts the wait leaves it as it is: that of a signal
        handler, KeyboardInterrupt included, or gevent's `Timeout`. The source is closed then, and
        the stream ends as `cancelled`, because bytes may have been lost.
        """
        machine = self._machine
        try:
            while (step := machine.step(self)) is not EVENT:
                if step is NEED_DATA:
                    read_into(machine.current, self._tee)
                    continue
                left, machine.left = machine.left, None
                try:
                    if step is SWITCH:  # before closing could be interrupted
                        self._open(machine.current)
                finally:
                    if left is not None:
                        close_inputs(left)
                if step is ASK_WHAT_NEXT:
                    self._ask_what_next(machine)
                elif step is not SWITCH:
                    return False
        except BaseException as error:
            if is_callers(machine.current.source, error):
                self._abandon()
            raise
        return True

    def __iter__(self) -> Iterator[EventT]:
        """Yield the events.

        Raises:
            ScanError: The stream ended with an error; raised after the last event.
        """
        while self.next():
            yield self.event()
        self._raise_err()

    def close(self) -> None:
        """Close the source. Call it any number of times; `with` does it for you.

        A stream that has shown its end is judged by what it said, an error included. Any other is
        left as `cancelled`, without an error: you may stop reading whenever you like.
        """
        machine = self._machine
        try:
            inputs = machine.leave(self)
        except BaseException:  # an observer's; the stream has ended, so nobody is told again
            close_inputs(*machine.leave(self))
            raise
        if not self._handed_over:
            close_inputs(*inputs)

    def _abandon(self) -> None:
        """Close because of an interruption, which no error of closing may replace."""
        with contextlib.suppress(Exception):
            self.close()

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

    def chain_from(
        self, successor: Callable[[Self, Outcome], StreamerV2 | Source | Outcome]
    ) -> None:
        """Let *successor* decide what comes next, whenever the chain would end without an error.

        `next()` calls it with this streamer, whose `snapshot()` and `final()` belong to the stream
        that has just ended, and with the outcome. It returns what to go on with, as `chain()` takes
        it; this streamer, to read on from its source; or the outcome to end with. If it raises an
        exception, that leaves `next()`, and the stream has ended.

        Raises:
            RuntimeError: This stream has ended already.
        """
        self._follow(successor)

    def read(self, size: int | None = -1) -> bytes:
        """Return text that is still to come, as UTF-8: what `shutil.copyfileobj` calls.

        It steps through the events itself. A character may be split over two calls; half a
        surrogate pair is joined with its other half.

        Args:
            size: How many bytes at most; negative or None for all until the end.

        Returns:
            At least one byte, as soon as there is some, and `b""` only at a clean end.

        Raises:
            ScanError: The stream ended with an error. A call with a size raises it once all text
                has been returned. A call without one raises it at once; the text that came is what
                the next call returns.
        """
        text = self._text
        while text.wants(size) and (piece := self._next_text()) is not None:
            text.write(piece)
        if self._machine.err is not None and text.reports(size):
            self._raise_err()
        return text.take(size)

    def reader(self) -> TextReader:
        """Return the text as an `io.RawIOBase`, which `io.TextIOWrapper` and others can wrap."""
        return TextReader(self)

    def text_deltas(self) -> Iterator[str]:
        """Yield the text, delta by delta, for `print(delta, end="", flush=True)`.

        Raises:
            ScanError: The stream ended with an error; raised after the last delta.
        """
        while (text := self._next_text()) is not None:
            yield text
        self._raise_err()

    def _next_text(self) -> str | None:
        """Step to the next text that can be handed out, and return it; None at the end."""
        while self.next():
            if text := self.text():
                return text
        return self._machine.answer.flush() or None

    def _ask_what_next(self, machine: StreamMachine) -> None:
        self._go_on_with(machine.successor(self, machine.outcome))
