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
                print(s.text() or "", end="", flush=True)
            if err := s.err():
                raise err

    Args:
        source: An iterable of byte chunks, split anywhere, or a binary file object. The streamer
            owns it from now on: `close()` closes it.
        max_event_bytes: How many bytes of one event may be buffered. A larger event ends the stream
            with an `EventTooLargeError`.
        strict: Whether an event that does not match its class ends the stream with a
            `DecodeError`. By default such an event is tolerated and counted in `notes`.
        require_terminal: Whether input that ends without the family's terminal event is a
            `TruncatedStreamError`. Pass False for servers that never send one.
        note_unknown: Whether to count in `notes` what the classes do not model, such as a field
            that is newer than this version. Decoding an event then takes several times as long.

    Raises:
        TypeError: *source* is text, a single bytes object, or not a source at all.
        ValueError: *max_event_bytes* is less than 1.
    """

    _chunks_of = staticmethod(chunks_of)

    def next(self) -> bool:
        """Wait for the next event and step to it.

        Never raises for bad input or a bad network: it returns False at the end and after an
        error, and from then on. `err()` and `outcome` say which it was.

        Your own exceptions pass through unchanged: those that a signal handler raises during the
        wait, such as KeyboardInterrupt, and gevent's `Timeout`. The source is closed then, and the
        stream ends as `cancelled`, because bytes may have been lost.
        """
        machine = self._machine
        try:
            while (step := machine.step(self)) is not EVENT:
                if step is NEED_DATA:
                    read_into(machine.current, self._tee)
                    continue
                left, machine.left = machine.left, None
                try:
                    if step is SWITCH:  # first: closing may be interrupted
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
        """Close the source. You may call it any number of times; `with` calls it for you.

        If the stream has shown its end, its outcome and error are those that it reported. Otherwise
        it ends as `cancelled`, without an error: you may stop reading whenever you like.
        """
        machine = self._machine
        try:
            inputs = machine.leave(self)
        except BaseException:  # raised by an observer; the second call notifies no one
            close_inputs(*machine.leave(self))
            raise
        if not self._handed_over:
            close_inputs(*inputs)

    def _abandon(self) -> None:
        """Close after an interruption; an error while closing must not replace it."""
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
        """Close; then raise the error, if there is one that you have not checked with `err()`."""
        self.close()
        if exc_type is None and not self._err_seen:
            self._raise_err()

    def chain_from(
        self, successor: Callable[[Self, Outcome], StreamerV2 | Source | Outcome]
    ) -> None:
        """Let *successor* decide what follows each time the chain would end without an error.

        `next()` calls it with this streamer and the outcome. `snapshot()` and `final()` then belong
        to the stream that has just ended. It returns what to read next (see `chain()`), or this
        streamer to continue reading its source, or the outcome to end with. If it raises an
        exception, the stream ends and `next()` raises that exception.

        Raises:
            RuntimeError: This stream has already ended.
        """
        self._follow(successor)

    def read(self, size: int | None = -1) -> bytes:
        """Return text that has not been returned yet, as UTF-8, as `shutil.copyfileobj` expects.

        It steps through the events itself. A character may be split over two calls; the two halves
        of a surrogate pair are joined.

        Args:
            size: How many bytes at most; negative or None for all until the end.

        Returns:
            At least one byte, as soon as there is one, and `b""` only at a clean end.

        Raises:
            ScanError: The stream ended with an error. A call with a size raises it after all text
                has been returned. A call without a size raises it at once; the next call then
                returns the text that arrived.
        """
        text = self._text
        while text.wants(size) and (piece := self._next_text()) is not None:
            text.write(piece)
        if self._machine.err is not None and text.reports(size):
            self._raise_err()
        return text.take(size)

    def reader(self) -> TextReader:
        """Return the text as an `io.RawIOBase`, which you can wrap in `io.TextIOWrapper`."""
        return TextReader(self)

    def text_deltas(self) -> Iterator[str]:
        """Yield the text delta by delta, for `print(delta, end="", flush=True)`.

        Raises:
            ScanError: The stream ended with an error; raised after the last delta.
        """
        while (text := self._next_text()) is not None:
            yield text
        self._raise_err()

    def _next_text(self) -> str | None:
        """Step to the next event that adds text and return the text; None at the end."""
        while self.next():
            if text := self.text():
                return text
        return self._machine.answer.flush() or None

    def _ask_what_next(self, machine: StreamMachine) -> None:
        self._go_on_with(machine.successor(self, machine.outcome))
