"""Turn event-stream bytes into raw events, wherever the chunks happen to break.

This is the WHATWG standard's "Parsing an event stream" and "Interpreting an event stream", byte
for byte. Nothing here reads, waits or knows what the data means.

The current block is kept in one of two forms:

- *As received*, in `_block`. This is the usual form. When the blank line arrives, the block is
  processed in one step, together with all other whole blocks of the chunk (see `blocks.py`).
- *By line*, in `_type`, `_data`, `_id_buffer` and `_line`, the unfinished line. A block gets this
  form when it outgrows `_block_limit`, or when the caller asks for `pending` or a count. It keeps
  this form until its blank line.

Rules:

1. Chunk boundaries change nothing: the events, ids and counts are those of the bytes joined.
2. Every line end becomes LF first. A CR ends its line at once; an LF that follows belongs to it,
   even in the next chunk (`_after_cr`).
3. At most `max_event_bytes` of a block's data, type and id are kept, plus a line of at most
   `_BLOCK_BYTES` that may still turn out to be ignored. Comments and unknown fields are not kept,
   except for bare text, if requested (see `bare.py`).
4. No byte is searched twice, whatever the size of the chunks: a limit that grows, grows by
   doubling.
5. After an `EventTooLargeError` the tokenizer never continues, because it cannot know where the
   next event begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from openai_scan.errors import EventTooLargeError
from openai_scan.sse.bare import BareLines
from openai_scan.sse.beginnings import BYTE_ORDER_MARK
from openai_scan.sse.blocks import CR, LF, LONG_LINE, end_of_blocks, find_blocks
from openai_scan.sse.event import RawEvent

# A base64 image of 4096 x 4096 fits into one event with room to spare; a larger event is an error.
DEFAULT_MAX_EVENT_BYTES = 64 * 1024 * 1024

# A huge chunk is cut before it is split, so that a chunk of nothing but line ends does not become
# a list of that many lines.
_PIECE_BYTES = 64 * 1024

# The current block is kept as received up to this size. A larger one is processed line by line, so
# that comments and unknown fields are not kept.
_BLOCK_BYTES = 8 * 1024

# int() rejects longer texts, because converting them takes quadratic time: its default limit is
# 4300 digits, and this is the lowest limit that can be set.
_MAX_DIGITS = 640

_NO_EVENTS: tuple[RawEvent, ...] = ()

# Replaces a line that was not kept. No field has this name, because no line contains a line end.
_SKIPPED = b"\n"


# Sets all fields at once, in 0.3 us. The __init__ of a frozen class sets them one by one, in 0.5.
_new = object.__new__
_set_fields = vars(RawEvent)["__dict__"].__set__


class EventTokenizer:
    """Bytes in, raw events out; the state of one event stream.

    Args:
        max_event_bytes: How many bytes of one event may be kept: its data, type and id.
            Comments and unknown fields are not kept and do not count.
        event_fields: Fields beyond the standard, each read as an event type and its data in one
            line: some servers report an error as `error: {...}`. None by default.
        bare_text: Whether to return bare text as a `BareText`, in stream order. By default it is
            ignored, as the standard requires.

    Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
    """

    last_event_id: str = ""
    """The last event ID, which a reconnection would send."""

    replacements: int = 0
    """How many events contained invalid UTF-8, which was replaced with U+FFFD."""

    def __init__(
        self,
        max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES,
        *,
        event_fields: Iterable[str] = (),
        bare_text: bool = False,
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
        self._reconnection_time: int | None = None
        self._comments = 0
        self._bare = BareLines(is_kept=bare_text, max_bytes=max_event_bytes)
        self._late: list[RawEvent] = []  # bare text found between two chunks
        # The current block in one of two forms: as received or, if _by_line, as the fields of its
        # lines and the unfinished line.
        self._block = bytearray()
        self._block_limit = self._least_limit = min(max_event_bytes, _BLOCK_BYTES)
        self._by_line = False
        self._in_block = False  # it is kept as received, with nothing to check first
        self._line = bytearray()
        self._value_start = 0  # where its value begins, once its name is known to be kept
        self._is_joint = False  # its value is appended to existing data
        self._skipping = False  # the unfinished line is not kept
        self._id_buffer = ""
        self._clear_block()

    def _clear_block(self) -> None:
        self._type = b""
        # One buffer, not a list of lines: a short line as an object is many times its size.
        self._data: bytearray | None = None
        self._bare.scanned = 0
        # How much of max_event_bytes the block's `event` and `id` fields use.
        self._type_bytes = 0
        self._id_bytes = 0

    def feed(self, chunk: bytes | bytearray | memoryview) -> Iterable[RawEvent]:
        """Process *chunk* and return the events that it completes.

        An unfinished event is kept, at most `max_event_bytes` of it, until a later chunk ends it.

        Args:
            chunk: Bytes of the event stream, split anywhere, even inside a character.

        Returns:
            Raw events, in stream order; empty if no blank line has arrived.

        Raises:
            EventTooLargeError: One event exceeded `max_event_bytes`. It is raised after you have
                iterated over the events before it. Every later call raises it again.
            TypeError: *chunk* is not bytes.
        """
        if not self._in_block or type(chunk) is not bytes:
            chunk = self._begin(chunk)
            if self._head is not None:
                return _NO_EVENTS
        elif (
            LF not in chunk
            and CR not in chunk
            and len(self._block) + len(chunk) <= self._block_limit
        ):  # most small chunks end no line: 0.2 us instead of 1.1
            self._block += chunk
            return _NO_EVENTS
        # With a packet for each token, the chunk is whole and nothing was left before it.
        is_whole = not self._block and self._in_block and chunk.endswith(b"\n\n")
        events, self._late = self._late, []
        try:
            if is_whole and CR not in chunk and len(chunk) <= self._least_limit:
                self._take_blocks(chunk, events)
            elif len(chunk) <= _PIECE_BYTES:
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
    def reconnection_time(self) -> int | None:
        """The reconnection time that the server asked for, in milliseconds, or None."""
        self._settle()
        return self._reconnection_time

    @property
    def comments(self) -> int:
        """How many comments have been skipped; servers use them as keep-alives."""
        self._settle()
        return self._comments

    def rest(self) -> list[RawEvent]:
        """Return the bare text that has not been returned, after the end of the input."""
        self._settle()
        if self._line and not self._value_start and self._bare.may_take(self._line, self._data):
            self._take_lines(b"\n", self._late)
        self._bare.close(self._late)
        late, self._late = self._late, []
        return late

    @property
    def pending(self) -> RawEvent | None:
        """The block that has data but no blank line yet, as an event; None if there is none.

        The standard discards it at the end of the input. An unfinished line counts if it is a line
        of data, or of one of the `event_fields`; the end of any other line is unknown.
        """
        self._settle()
        kind = self._type
        data: bytes | bytearray | None = self._data
        name, value = _split_field(bytes(self._line))
        if len(self._line) > len(name) and self._has_data(name):  # its colon has arrived
            kind = kind if name == b"data" else name
            data = value if data is None else b"\n".join((data, value))
        return None if data is None else self._event(kind, data.decode("utf-8", "replace"))

    def _begin(self, chunk: bytes | bytearray | memoryview) -> bytes:
        """Return *chunk* as bytes, without a leading byte order mark."""
        if self._error is not None:
            raise self._error
        if not isinstance(chunk, bytes):
            chunk = bytes(memoryview(chunk))
        if self._head is not None:
            chunk = self._head + chunk
            if len(chunk) < len(BYTE_ORDER_MARK) and BYTE_ORDER_MARK.startswith(chunk):
                self._head = chunk
                return b""
            self._head = None
            chunk = chunk.removeprefix(BYTE_ORDER_MARK)
        return chunk

    def _take(self, piece: bytes, events: list[RawEvent]) -> None:
        """Process *piece*: whole blocks in one step, the rest as the current block."""
        if self._after_cr or CR in piece:
            piece = self._with_lf(piece)
        if self._by_line:
            piece = self._finish_block(piece, events)
        block = self._block
        end = end_of_blocks(block, piece)
        if end:
            blocks = block + piece[:end] if block else piece[:end]
            block.clear()
            self._block_limit = self._least_limit
            # If all the blocks together are no larger than the limit, no event is.
            if len(blocks) - 2 <= self._max_event_bytes:
                self._take_blocks(blocks, events)
            else:
                self._take_lines(blocks, events)
            piece = piece[end:]
        block += piece
        if len(block) > self._block_limit:
            self._grow_or_settle(events)
        self._in_block = not (self._by_line or self._after_cr)

    def _with_lf(self, piece: bytes) -> bytes:
        """Return *piece* with LF for each of the three line ends of the standard."""
        if self._after_cr and piece:
            self._after_cr = False
            piece = piece.removeprefix(b"\n")
        # A CR ends its line at once, so that no event waits for the next chunk.
        self._after_cr = self._after_cr or piece.endswith(b"\r")
        if piece.find(b"\r") < LONG_LINE:
            return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        first, *others = piece.split(b"\r")
        return b"\n".join([first, *(other.removeprefix(b"\n") for other in others)])

    def _take_blocks(self, blocks: bytes | bytearray, events: list[RawEvent]) -> None:
        """Process whole blocks, each with its blank line."""
        try:
            found = find_blocks(blocks.decode())
        except UnicodeDecodeError:
            found = []
        if not found:
            self._take_lines(blocks, events)
        elif self._bare.is_open:  # their fields end it
            self._bare.close(events)
        last_event_id = self.last_event_id
        for name, data in found:
            event = _new(RawEvent)
            fields = {"type": name or "message", "data": data, "last_event_id": last_event_id}
            _set_fields(event, fields)
            events.append(event)

    def _finish_block(self, piece: bytes, events: list[RawEvent]) -> bytes:
        """Process the rest of a block kept *by line*; return what follows the block."""
        if LF not in piece:  # like most chunks of an image
            self._extend_line(piece)
            return b""
        # The blank line may be a chunk of its own.
        blank = piece.startswith(b"\n") and not self._line and not self._skipping
        end = 1 if blank else piece.find(b"\n\n") + 2
        self._by_line = end < (1 if blank else 2)
        if self._by_line:
            end = len(piece)
        self._take_lines(piece[:end], events)
        return piece[end:]

    def _grow_or_settle(self, events: list[RawEvent]) -> None:
        """Keep the block as received if it is data, kept anyway; else process its lines."""
        line = self._block.rfind(b"\n") + 1
        is_data = self._block.startswith(b"data:", line)
        if is_data and 8 * self._block_limit <= self._max_event_bytes:
            self._block_limit *= 2
        else:
            self._block_limit = self._least_limit
            self._settle(events)

    def _settle(self, events: list[RawEvent] | None = None) -> None:
        """Process the lines of the current block, as far as it has arrived."""
        if self._block:
            self._by_line = True
            self._in_block = False
            lines, self._block = self._block, bytearray()
            self._take_lines(lines, self._late if events is None else events)

    def _take_lines(self, piece: bytes | bytearray, events: list[RawEvent]) -> None:
        """Split *piece* into lines and process them; keep the unfinished last one."""
        # All line ends are LF by now. For bytes (unlike str) splitlines() knows no others but CR.
        lines = bytes(piece).splitlines()
        tail = b"" if piece.endswith(b"\n") else lines.pop()
        if lines:
            if self._line or self._skipping:
                lines[0] = self._finish_line(lines[0])
            for line in lines:
                if line:
                    self._process_line(line, events)
                else:
                    self._end_block(events)
        if tail:
            self._extend_line(tail)

    def _process_line(self, line: bytes, events: list[RawEvent]) -> None:
        """Interpret one line.

        Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
        """
        name, value = _split_field(line)
        if self._bare.is_open and (not name or name in self._kept_fields):
            self._bare.close(events)
        match name:
            case b"data":
                self._add_data(value)
            case b"event":
                self._check(len(value))
                self._type = value
                self._type_bytes = len(value)
            case b"":
                self._comments += 1
            case b"id":
                self._check(len(value))
                if b"\0" not in value:  # a field with a NULL is ignored
                    self._id_bytes = len(value)
                    self._id_buffer = value.decode("utf-8", "replace")
            case b"retry":
                self._check(len(value))
                digits = value.lstrip(b"0") or value[-1:]
                # isdigit() of bytes accepts ASCII digits only, as the standard requires.
                if digits.isdigit() and len(digits) <= _MAX_DIGITS:
                    self._reconnection_time = int(digits)
            case _ if name in self._event_fields:
                self._add_data(value)
                self._type = name
                self._type_bytes = 0  # the type is our constant
            case _ if line != _SKIPPED:  # any other field is ignored
                if self._bare.goes_on(self._data):
                    self._bare.unclaimed += 1
                    self._add_data(line)
                else:
                    self._bare.take(line, events)

    def _add_data(self, value: bytes) -> None:
        if self._data is None:
            self._check(len(value))
            self._data = bytearray(value)
        else:
            self._check(len(value) + 1)
            self._data += b"\n"
            self._data += value

    def _end_block(self, events: list[RawEvent]) -> None:
        """Dispatch the block that a blank line ends; a block without data is not an event."""
        self.last_event_id = self._id_buffer
        if self._bare.unclaimed:
            self._bare.report(events)
        if self._data is not None:
            try:
                data = self._data.decode()
            except UnicodeDecodeError:
                data = self._data.decode("utf-8", "replace")
                self.replacements += 1
            events.append(self._event(self._type, data))
        self._clear_block()

    def _event(self, kind: bytes, data: str) -> RawEvent:
        name = kind.decode("utf-8", "replace") or "message"
        return RawEvent(name, data, self._id_buffer)

    def _has_data(self, name: bytes) -> bool:
        return name == b"data" or name in self._event_fields

    def _extend_line(self, part: bytes) -> None:
        """Add to the unfinished line; stop keeping it once its name shows that it is ignored."""
        if self._skipping:
            return
        line = self._line
        line += part
        if not self._value_start:
            name, colon, _ = bytes(line[: self._longest_name + 1]).partition(b":")
            if not colon and len(name) <= self._longest_name:
                return  # it may still become the name of a known field
            if name not in self._kept_fields or not colon:
                if name and self._bare.may_take(line, self._data):
                    return
                self._comments += not name
                if name:
                    self._bare.skip(line)
                line.clear()
                self._skipping = True
                return
            self._value_start = len(name) + 1
            self._is_joint = self._data is not None and self._has_data(name)
        start = self._value_start + (line[self._value_start : self._value_start + 1] == b" ")
        self._check(len(line) - start + self._is_joint)

    def _finish_line(self, rest: bytes) -> bytes:
        """Return the unfinished line with its *rest*; a line that was not kept reads as unknown."""
        if self._skipping:
            self._skipping = False
            return _SKIPPED
        self._line += rest
        line = bytes(self._line)
        self._line.clear()
        self._value_start = 0
        return line

    def _check(self, size: int) -> None:
        """Raise an error unless *size* more bytes may be kept."""
        kept = self._type_bytes + self._id_bytes + len(self._data or b"")
        if kept + size > self._max_event_bytes:
            self._in_block = False
            self._block.clear()
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
