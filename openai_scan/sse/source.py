"""Sources: where the bytes of a stream come from, and what a source may offer besides them."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import AsyncIterable, Iterable, Iterator
from typing import Any, Protocol, TypeAlias, runtime_checkable

from openai_scan.errors import TransportError
from openai_scan.interruptions import is_interruption

# As large as the chunks of a socket; a larger read only takes longer to fill.
_READ_BYTES = 64 * 1024


class BinaryFile(Protocol):
    """A binary file object: anything with `read(size) -> bytes`, such as an open file."""

    def read(self, size: int, /) -> bytes:
        """Return at most *size* bytes; `b""` only at the end of the file."""


class WritableFile(Protocol):
    """What `tee()` can write to: anything with `write(bytes)`."""

    def write(self, data: bytes, /) -> Any:
        """Write *data*; return how many bytes were written, or None for all of them."""


Source: TypeAlias = "Iterable[bytes] | BinaryFile"
"""Where a stream comes from: an iterable of byte chunks, split anywhere, or a binary file."""


@runtime_checkable
class LiveSource(Protocol):
    """A source that reads from a live connection.

    All of its methods return at once, whether the source is iterated with `for` or `async for`.
    """

    def cancel(self) -> None:
        """Wake the reader from whatever it is waiting for. Any thread may call it."""

    def expire(self, seconds: float | None) -> None:
        """End the input in *seconds* if it has not ended by then; None lifts that limit."""

    def heard(self) -> None:
        """Restart the clock that limits the time between events. A keep-alive does not."""


@runtime_checkable
class InterruptibleSource(Protocol):
    """A source that tells the caller's own exceptions from those of its input."""

    interrupted: bool
    """Whether the last exception that it raised is the caller's own."""


@runtime_checkable
class NotingSource(Protocol):
    """A source that repairs what it receives before it yields it."""

    notes: Counter[str]
    """What was repaired, with counts."""


def chunks_of(source: Any) -> Iterator[bytes]:
    """Return an iterator over the chunks of *source*.

    Raises:
        TypeError: *source* is text, a single bytes object, or not iterable.
    """
    refuse_text(source)
    if isinstance(source, AsyncIterable) and not isinstance(source, Iterable):
        raise TypeError(
            f"a source is an iterable of bytes or a binary file, not {type(source).__name__};"
            " use AsyncStreamerV2 for asynchronous sources"
        )
    # read1() returns what has arrived; read() of a buffered file waits until the buffer is full.
    read = getattr(source, "read1", None) or getattr(source, "read", None)
    if read is not None:
        return iter(lambda: read(_READ_BYTES), b"")
    if not isinstance(source, Iterable):
        raise TypeError(
            f"a source is an iterable of bytes or a binary file, not {type(source).__name__}"
        )
    return iter(source)


def refuse_text(source: Any) -> None:
    """Raise an error if the source is text or a single bytes object.

    Raises:
        TypeError: It is.
    """
    if isinstance(source, str | bytes | bytearray | memoryview):
        raise TypeError(
            f"a source is an iterable of byte chunks, not {type(source).__name__}: put a single"
            " chunk into a list"
        )
    if isinstance(source, io.TextIOBase):
        raise TypeError('a source is binary: open the file in mode "rb"')


def broken_off(error: Exception) -> TransportError:
    """Return the error of a stream whose source raised *error*."""
    failed = TransportError(f"the source broke off: {type(error).__name__}: {error}")
    failed.__cause__ = error
    return failed


def is_callers(source: Any, error: BaseException) -> bool:
    """Return whether *error*, raised by *source*, is the caller's own; see `interruptions`.

    Call it while *error* is being handled.
    """
    knows = isinstance(source, InterruptibleSource)
    return (knows and source.interrupted) or is_interruption(error)


def write_all(file: WritableFile, data: bytes) -> None:
    """Write all of *data*, even to a raw file that accepts only part of it at a time.

    Raises:
        OSError: The file accepts no more bytes.
    """
    while data:
        written = file.write(data)
        if not isinstance(written, int) or written >= len(data):
            return
        if written < 1:
            raise OSError("the file of tee() accepts no more bytes")
        data = data[written:]
