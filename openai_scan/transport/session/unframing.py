"""Remove the HTTP framing of a body, without reading it.

RFC 9112, section 6, defines three kinds of frames: a length, chunks, and the end of the connection.
Each is a class here with the same few names. Bytes go in as they arrive, split anywhere, and
content comes out as soon as it is known to be content::

    while frame.open:
        content = frame.take(...)  # the result of a read, or b"" at the end of the connection

Rules:

1. `take()` returns all content of its input at once. An error that follows the content is kept in
   `error`, so that the reader gets the content first.
2. A frame closes once: at its end, or with an error. `found_end` says that the end was found where
   HTTP says it is. A connection that ends within the trailer closes the frame without an error,
   because all content has arrived; but its end was not found.
3. Whatever follows the end is `surplus`. It is not parsed.
4. What a frame keeps is bounded: part of one line, and no content.

What never happens: content after an error or an end; content that depends on how the bytes were
split; a truncated body that closes without an error, unless the end of the connection is its frame.
"""

from __future__ import annotations

import http.client
import re
from typing import Protocol

from openai_scan.transport.session.framing import Framing
from openai_scan.transport.session.head import MAX_LINE, Bounds

# The line before a chunk as every server writes it; it may also contain spaces and extensions.
# Python's int() would also accept `-5` and `0x5`.
_PLAIN_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
_SIZE = re.compile(rb"([0-9A-Fa-f]+)[ \t]*(?:;.*)?\r?\n", re.DOTALL)


class Frame(Protocol):
    """A frame around a body; see the module.

    Attributes:
        open: Whether more bytes are needed to find the end.
        error: Why the frame is closed, if not at its end.
        found_end: Whether the end of the body was found.
        surplus: Whether bytes came after the end.
    """

    open: bool
    error: Exception | None
    found_end: bool
    surplus: bool

    def take(self, data: bytes) -> bytes:
        """Return the content of *data*, which is `b""` only at the end of the connection."""


class _Closing:
    """How a frame closes."""

    open: bool = True
    error: Exception | None = None
    found_end: bool = False
    surplus: bool = False

    def _end(self, *, surplus: bool) -> None:
        self.open, self.found_end, self.surplus = False, True, surplus

    def _fail(self, error: Exception) -> None:
        self.open, self.error = False, error


class Counted(_Closing):
    """A body with a length."""

    def __init__(self, length: int) -> None:
        self._left = length
        if not length:
            self._end(surplus=False)

    def take(self, data: bytes) -> bytes:
        """See `Frame`."""
        if not data:
            self._fail(http.client.IncompleteRead(b"", self._left))
            return b""
        content = data[: self._left]
        self._left -= len(content)
        if not self._left:
            self._end(surplus=len(data) > len(content))
        return content


class Unbounded(_Closing):
    """A body that ends with the connection."""

    def take(self, data: bytes) -> bytes:
        """See `Frame`."""
        if not data:
            self._end(surplus=False)
        return data


class Chunked(_Closing):
    """A body in chunks, the last of which is empty and followed by a trailer.

    Each byte belongs to one of four parts, in this order::

        SIZE ──▶ CONTENT ──▶ CONTENT_END ──▶ SIZE ...
          └──▶ TRAILER, after the size 0

    `_left` counts the missing content; `_kept` holds the beginning of a line.
    """

    def __init__(self) -> None:
        self._part = Chunked._size
        self._left = 0
        self._kept = b""
        self._trailer_bounds = Bounds()

    def take(self, data: bytes) -> bytes:
        """See `Frame`."""
        if not data:
            self._cut()
            return b""
        contents = []
        position = 0
        if self._part is Chunked._size and not self._kept:
            # The usual case: whole chunks, of one event each.
            while (head := _PLAIN_SIZE.match(data, position)) is not None:
                start = head.end()
                stop = start + int(head[1], 16)
                if stop == start or data[stop : stop + 2] != b"\r\n":
                    break
                contents.append(data[start:stop])
                position = stop + 2
            if position == len(data):
                return contents[0] if len(contents) == 1 else b"".join(contents)
        if self._kept:
            data, self._kept = self._kept + data, b""
        while self.open and position < len(data):
            if self._part is Chunked._content:
                contents.append(data[position : position + self._left])
            position = self._part(self, data, position)
        return b"".join(contents)

    # The parts. Each parses one thing that begins at *position*, and returns the position after it.

    def _size(self, data: bytes, position: int) -> int:
        line = self._line(data, position)
        if line is None:
            return len(data)
        found = _SIZE.fullmatch(line)
        if found is None:
            self._fail(http.client.HTTPException("a chunk has no size"))
            return position
        self._left = int(found[1], 16)
        self._part = Chunked._content if self._left else Chunked._trailer
        return position + len(line)

    def _content(self, data: bytes, position: int) -> int:
        taken = min(self._left, len(data) - position)
        self._left -= taken
        if not self._left:
            self._part = Chunked._content_end
        return position + taken

    def _content_end(self, data: bytes, position: int) -> int:
        line_end = data[position : position + 2]
        if line_end == b"\r\n":
            self._part = Chunked._size
        elif line_end == b"\r":
            self._kept = line_end
        else:
            self._fail(http.client.HTTPException("a chunk is longer than its size"))
        return position + len(line_end)

    def _trailer(self, data: bytes, position: int) -> int:
        line = self._line(data, position)
        if line is None:
            return len(data)
        behind = position + len(line)
        if line in (b"\r\n", b"\n"):
            self._end(surplus=behind < len(data))
            return behind
        try:
            self._trailer_bounds.count(line)
        except http.client.HTTPException as error:
            self._fail(error)
        return behind

    def _line(self, data: bytes, position: int) -> bytes | None:
        """Return the line at *position*; None if it is incomplete, and then its beginning is kept.

        If a line is too long, its beginning is returned.
        """
        stop = data.find(b"\n", position, position + MAX_LINE) + 1
        if not stop:
            stop = position + MAX_LINE + 1
            if len(data) < stop:
                self._kept = data[position:]
                return None
        return data[position:stop]

    def _cut(self) -> None:
        """Close because the connection has ended."""
        if self._part is Chunked._trailer:
            self.open = False
        else:
            self._fail(http.client.IncompleteRead(b""))


def unframed(framing: Framing) -> Frame:
    """Return the frame that *framing* describes."""
    if framing.chunked:
        return Chunked()
    return Unbounded() if framing.length is None else Counted(framing.length)
