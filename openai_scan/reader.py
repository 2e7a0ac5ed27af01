"""The text of a stream as a file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class TextSource(Protocol):
    """What a `TextReader` reads from, such as a `StreamerV2`."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most *size* bytes of text; `b""` only at a clean end."""


class TextReader(io.RawIOBase):
    """The text of a stream as a raw binary file of UTF-8, read while it arrives.

    You can wrap it like any raw file: `io.TextIOWrapper(io.BufferedReader(s.reader()))` reads
    lines of text. Closing it leaves the stream open, so that a discarded wrapper does not end the
    stream; the streamer's own `with` or `close()` does.

    Args:
        source: The stream. Its `read()` and all its readers share the text that is left.
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
        """Wait for text and write it to *buffer*.

        Returns:
            The number of bytes written: 0 only at a clean end or if *buffer* is empty.

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
        """Return all text that is left; see `StreamerV2.read`."""
        self._check_open()
        return self._source.read()

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on a closed reader")
