"""Turn event-stream bytes into raw events, wherever the chunks happen to break.

This is the WHATWG standard's "Parsing an event stream" and "Interpreting an event stream", byte
for byte. Nothing here reads, waits or knows what the data mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import frozen

from openai_scan.errors import EventTooLargeError

# A base64 image of 4096 x 4096 fits into one event with room to spare; more is a broken server.
DEFAULT_MAX_EVENT_BYTES = 64 * 1024 * 1024

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# A huge chunk is cut before it is split, so that a chunk of nothing but line ends does not
# become a list of as many lines.
_PIECE_BYTES = 64 * 1024

# int() may refuse longer texts, since converting one takes quadratic time: 4300 digits is its
# default limit, and this the lowest that can be set.
_MAX_DIGITS = 640

# What a line that was not kept reads as. No field has this name, since no line holds a line end.
_SKIPPED = b"\n"


@frozen
class RawEvent:
    """One event off the wire: what a blank line dispatches.

    Attributes:
        type: The event type; `"message"` if the stream named none.
        data: The data lines, joined by LF.
        last_event_id: The stream's last event ID as it stood at the dispatch.
    """

    type: str
    data: str
    last_event_id: str = ""


class EventTokenizer:
    """Bytes in, raw events out; the state of one event stream.

    Args:
        max_event_bytes: How many bytes of one event may be kept: its data, type and id.
            Comments and unknown fields are not kept and do not count.
        event_fields: Fields beyond the standard, each read as an event type and its data in one
            line: some servers report an error as `error: {...}`. None by default.

    Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
    """

    last_event_id: str = ""
    """The last event ID; what a reconnection would send."""

    reconnection_time: int | None = None
    """The server's wish, in milliseconds, or None if it named none."""

    comments: int = 0
    """How many comments have been skipped; servers use them as keep-alive."""

    replacements: int = 0
    """How many events held bad UTF-8 and were repaired with U+FFFD."""

    def __init__(
        self,
        max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES,
        *,
        event_fields: Iterable[str] = (),
    ) -> None:
        if max_event_bytes < 1:
            raise ValueError(f"max_event_bytes must be at least 1, not {max_event_bytes}")
        self._max_event_bytes = max_event_bytes
        self._event_fields = frozenset(name.encode() for name in event_fields)
        self._kept_fields = self._event_fields | {b"data", b"event", b"id", b"retry"}
        self._longest_name = max(map(len, self._kept_fields))
        self._error: EventTooLargeError | None = None
        # The stream's first bytes while they may still be a byte order mark, then None.
        self._head: bytes | None = b""
        self._after_cr = False  # the last line ended in CR: an LF here belongs to it
        self._line = bytearray()  # the unfinished line
        self._skipping = False  # the unfinished line is not kept
        self._id_buffer = ""
        self._clear_block()

    def _clear_block(self) -> None:
        self._type = b""
        # One buffer, not a list of lines: a short line as an object is many times its size.
        self._data: bytearray | None = None
        # What the block's `event` and `id` fields take of max_event_bytes.
        self._type_bytes = 0
        self._id_bytes = 0

    def feed(self, chunk: bytes | bytearray | memoryview) -> Iterable[RawEvent]:
        """Take *chunk* in and return the events that it completes.

        Nothing is read or waited for. What the chunk leaves unfinished is kept, at most
        `max_event_bytes` of it, until a later chunk finishes it.

        Args:
            chunk: Bytes of the event stream, split anywhere, even inside a character.

        Returns:
            Raw events, in stream order; none if no blank line has arrived.

        Raises:
            EventTooLargeError: One event outgrew `max_event_bytes`. It is raised when the events
                before it have been taken. Feed no more: from now on it is raised again.
            TypeError: *chunk* is not bytes.
        """
        if self._error is not None:
            raise self._error
        if not isinstance(chunk, bytes):
            chunk = bytes(memoryview(chunk))
        if self._head is not None:
            chunk = self._head + chunk
            if len(chunk) < len(BYTE_ORDER_MARK) and BYTE_ORDER_MARK.startswith(chunk):
                self._head = chunk
                return []
            self._head = None
            chunk = chunk.removeprefix(BYTE_ORDER_MARK)
        events: list[RawEvent] = []
        try:
            if len(chunk) <= _PIECE_BYTES:
                self._take(chunk, events)
            else:
                for start in range(0, len(chunk), _PIECE_BYTES):
                    self._take(chunk[start : start + _PIECE_BYTES], events)
        except EventTooLargeError as error:
            self._error = error
            if not events:
                raise
            return _then_raise(events, error)
        return events

    @property
    def pending(self) -> RawEvent | None:
        """The block that has data but no blank line yet, as an event; None if there is none.

        The standard discards it at the end of the input. An unfinished line is part of it if it is
        one of data, or of a field that `event_fields` reads as data; any other is not, since its
        end is unknown.
        """
        kind = self._type
        data: bytes | bytearray | None = self._data
        name, value = _split_field(bytes(self._line))
        if len(self._line) > len(name) and self._has_data(name):  # its colon has arrived
            kind = kind if name == b"data" else name
            data = value if data is None else b"\n".join((data, value))
        return None if data is None else self._event(kind, data.decode("utf-8", "replace"))

    def _take(self, piece: bytes, events: list[RawEvent]) -> None:
        """Split *piece* into lines and work through them; keep the unfinished last one."""
        if self._after_cr and piece:
            self._after_cr = False
            if piece[0] == 0x0A:
                piece = piece[1:]
        if not piece:
            return
        # For bytes (unlike str) splitlines() knows just the three line ends of the standard.
        lines = piece.splitlines()
        last = piece[-1]
        # A CR ends its line at once, so that no event waits for the chunk after it.
        self._after_cr = last == 0x0D
        tail = b"" if last in (0x0A, 0x0D) else lines.pop()
        if lines:
            if self._line or self._skipping:
                lines[0] = self._finish_line(lines[0])
            for line in lines:
                if line:
                    self._process_line(line)
                else:
                    self._end_block(events)
        if tail:
            self._extend_line(tail)

    def _process_line(self, line: bytes) -> None:
        """Interpret one line.

        Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
        """
        name, value = _split_field(line)
        match name:
            case b"data":
                self._add_data(value)
            case b"event":
                self._check(len(value))
                self._type = value
                self._type_bytes = len(value)
            case b"":
                self.comments += 1
            case b"id":
                self._check(len(value))
                if b"\0" not in value:  # with a NULL the field is ignored
                    self._id_bytes = len(value)
                    self._id_buffer = value.decode("utf-8", "replace")
            case b"retry":
                self._check(len(value))
                digits = value.lstrip(b"0") or value[-1:]
                # isdigit() of bytes knows ASCII digits only, as the standard asks.
                if digits.isdigit() and len(digits) <= _MAX_DIGITS:
                    self.reconnection_time = int(digits)
            case _ if name in self._event_fields:
                self._add_data(value)
                self._type = name
                self._type_bytes = 0  # the name is ours
            # Any other field is ignored.

    def _add_data(self, value: bytes) -> None:
        if self._data is None:
            self._check(len(value))
            self._data = bytearray(value)
        else:
            self._check(len(value) + 1)
            self._data += b"\n"
            self._data += value

    def _end_block(self, events: list[RawEvent]) -> None:
        """Dispatch the block that a blank line ends; one without data is no event."""
        self.last_event_id = self._id_buffer
        if self._data is not None:
            try:
                data = self._data.decode()
            except UnicodeDecodeError:
                data = self._data.decode("utf-8", "replace")
                self.replacements += 1
            events.append(self._event(self._type, data))
        self._clear_block()

    def _event(self, kind: bytes, data: str) -> RawEvent:
        return RawEvent(
            kind.decode("utf-8", "replace") if kind else "message", data, self._id_buffer
        )

    def _has_data(self, name: bytes) -> bool:
        return name == b"data" or name in self._event_fields

    def _extend_line(self, part: bytes) -> None:
        """Add to the unfinished line; stop keeping it once its name says it will be ignored."""
        if self._skipping:
            return
        self._line += part
        name, colon, _ = bytes(self._line[: self._longest_name + 1]).partition(b":")
        if not colon:
            if len(name) <= self._longest_name:
                return  # the name may still become a known one
        elif name in self._kept_fields:
            start = len(name) + 1
            start += self._line[start : start + 1] == b" "
            joint = self._data is not None and self._has_data(name)
            self._check(len(self._line) - start + joint)
            return
        elif not name:
            self.comments += 1
        self._line.clear()
        self._skipping = True

    def _finish_line(self, rest: bytes) -> bytes:
        """Return the unfinished line with its *rest*; a line that is not kept reads as unknown."""
        if self._skipping:
            self._skipping = False
            return _SKIPPED
        line = bytes(self._line) + rest
        self._line.clear()
        return line

    def _check(self, size: int) -> None:
        """Make sure that *size* more bytes may be kept."""
        kept = self._type_bytes + self._id_bytes + len(self._data or b"")
        if kept + size > self._max_event_bytes:
            self._line.clear()
            self._clear_block()
            raise EventTooLargeError(
                f"one event is larger than max_event_bytes={self._max_event_bytes}",
                limit=self._max_event_bytes,
            )


def _split_field(line: bytes) -> tuple[bytes, bytes]:
    """Return the field name and its value, without the one space that may follow the colon."""
    name, _, value = line.partition(b":")
    return name, value[1:] if value[:1] == b" " else value


def _then_raise(events: Iterable[RawEvent], error: EventTooLargeError) -> Iterator[RawEvent]:
    yield from events
    raise error
