"""A stream's text: as strings, as bytes, as a file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from openai_scan.errors import ScanError
from openai_scan.sse import utf8

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class TextEvents(Protocol):
    """Events that one can step through and ask for their text, such as a `StreamerV2`."""

    def next(self) -> bool:
        """Step to the next event; return False at the end and after an error."""

    def text(self) -> str | None:
        """Return the text that the current event adds, or None."""

    def err(self) -> ScanError | None:
        """Return what the events ended with, or None."""


class TextJoiner:
    """Steps through events for their text, and joins what they have cut in two.

    The events belong to whoever steps through them, and come with each call: a streamer that has
    a joiner shall not be kept alive by it.
    """

    def __init__(self) -> None:
        self._half = ""  # half a surrogate pair, while its other half may be in the next delta
        self._rest = memoryview(b"")  # text that read() has not handed out yet
        self._err_seen = False  # read() has shown that the stream ended with an error

    def deltas(self, events: TextEvents) -> Iterator[str]:
        """Yield the text, delta by delta, each fit to be encoded.

        Raises:
            ScanError: The events ended with an error; raised after the last delta.
        """
        while (text := self._next(events)) is not None:
            yield text
        self._raise_err(events)

    def read(self, events: TextEvents, size: int | None) -> bytes:
        """Return text that is still to come, as UTF-8; see `StreamerV2.read`."""
        if size == 0:
            return b""
        unlimited = size is None or size < 0
        if unlimited or not self._rest:
            parts: list[bytes | memoryview] = [self._rest]
            while unlimited or not any(parts):
                text = self._next(events)
                if text is None:
                    break
                parts.append(utf8(text))
            self._rest = memoryview(b"".join(parts))
        if not self._rest or (unlimited and not self._err_seen):
            self._raise_err(events)
        cut = len(self._rest) if unlimited else size
        data, self._rest = bytes(self._rest[:cut]), self._rest[cut:]
        return data

    def _next(self, events: TextEvents) -> str | None:
        """Step to the next event with text and return it; None at the end."""
        while events.next():
            text = self._half + (events.text() or "")
            self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
            text = text.removesuffix(self._half) if self._half else text
            if text:
                return text if text.isascii() else utf8(text).decode()
        half, self._half = self._half, ""
        return "\ufffd" if half else None

    def _raise_err(self, events: TextEvents) -> None:
        if (error := events.err()) is not None:
            self._err_seen = True
            raise error


class TextSource(Protocol):
    """What a `TextReader` reads from, such as a `StreamerV2`."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most *size* bytes of text, and none at a clean end only."""


class TextReader(io.RawIOBase):
    """The text of a stream as a raw binary file of UTF-8, read while it arrives.

    It can be wrapped as any raw file can: `io.TextIOWrapper(io.BufferedReader(s.reader()))` gives
    lines of text. Closing it leaves the stream open, so that a wrapper that is dropped does not
    end the stream; the streamer's own `with` or `close()` ends it.

    Args:
        source: The stream. Its `read()` and all its readers share what is still to come.
    """

    def __init__(self, source: TextSource) -> None:
        self._source = source

    def readable(self) -> bool:
        """Return True.

        Raises:
            ValueError: The reader is closed.
        """
        self._check_open()
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Wait for text and put it into *buffer*.

        Returns:
            How many bytes were put: 0 at a clean end only, or if *buffer* is empty.

        Raises:
            ScanError: The stream ended with an error; all text has been delivered before.
            ValueError: The reader is closed.
        """
        self._check_open()
        view = memoryview(buffer).cast("B")
        data = self._source.read(len(view))
        view[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        """Return all text that is still to come; see `StreamerV2.read`."""
        self._check_open()
        return self._source.read()

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on a closed reader")
