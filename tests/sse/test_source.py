"""What a source may be, and what is said about anything else."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from openai_scan.sse.source import chunks_of, is_callers, write_all


async def _asynchronous() -> AsyncIterator[bytes]:
    yield b"a"


class Both:
    """It can be read in both ways."""

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"a"])

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _asynchronous()


class Arriving:
    """A file whose `read1()` returns what has arrived, and whose `read()` would wait."""

    def __init__(self) -> None:
        self.left = [b"a", b"b", b""]

    def read1(self, size: int) -> bytes:
        """Return the next piece; *size* leaves room for it."""
        assert size >= 1024
        return self.left.pop(0)

    def read(self, size: int) -> bytes:
        """Fail."""
        raise AssertionError(f"it would wait for {size} bytes")


@pytest.mark.parametrize(
    ("source", "chunks"),
    [
        ([b"a", b"b"], [b"a", b"b"]),
        (Both(), [b"a"]),
        (io.BytesIO(b"ab"), [b"ab"]),
        (io.BytesIO(b""), []),
        (Arriving(), [b"a", b"b"]),
    ],
    ids=["list", "both", "file", "empty file", "read1"],
)
def test_it_is_read_chunk_by_chunk(source: Any, chunks: list[bytes]) -> None:
    """A file ends when it returns nothing."""
    assert list(chunks_of(source)) == chunks


_SOURCES = "a source is an iterable of bytes or a binary file, not "
_CHUNKS = "a source is an iterable of byte chunks, not {}: put a single chunk into a list"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (5, _SOURCES + "int"),
        (None, _SOURCES + "NoneType"),
        (
            _asynchronous(),
            _SOURCES + "async_generator; use AsyncStreamerV2 for asynchronous sources",
        ),
        ("a", _CHUNKS.format("str")),
        (b"a", _CHUNKS.format("bytes")),
        (bytearray(b"a"), _CHUNKS.format("bytearray")),
        (memoryview(b"a"), _CHUNKS.format("memoryview")),
        (io.StringIO("a"), 'a source is binary: open the file in mode "rb"'),
    ],
    ids=["number", "None", "async", "str", "bytes", "bytearray", "memoryview", "text file"],
)
def test_anything_else_is_refused(source: Any, message: str) -> None:
    """The message names its class, or what to do instead."""
    with pytest.raises(TypeError) as refused:
        chunks_of(source)
    assert str(refused.value) == message


class Interrupted:
    """A source that says that its last exception was the caller's own."""

    interrupted = True


def test_a_source_may_know_whose_an_exception_is() -> None:
    """Otherwise its traceback shows it."""
    error = OSError("reset")
    assert is_callers(Interrupted(), error)
    assert not is_callers(object(), error)


class Slow:
    """A file that takes two bytes at a time."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Take the first two bytes."""
        self.written.append(bytes(data[:2]))
        return len(self.written[-1])


def test_a_raw_file_gets_all() -> None:
    """No byte is written twice, and nothing is written when nothing is left."""
    file = Slow()
    write_all(file, b"abcd")
    assert file.written == [b"ab", b"cd"]
    write_all(file, b"")
    assert file.written == [b"ab", b"cd"]
