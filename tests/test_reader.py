"""TextReader: a stream's text as a file, under everything that takes a raw file."""

from __future__ import annotations

import array
import io
import json
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openai_scan import StreamerV2, TextReader, TransportError, TruncatedStreamError

DONE = b"data: [DONE]\n\n"


def delta(text: str) -> bytes:
    """Return a message delta that adds *text*."""
    part = {"index": 0, "type": "text", "text": {"value": text}}
    payload = {"id": "msg_1", "delta": {"content": [part]}}
    return f"event: thread.message.delta\ndata: {json.dumps(payload)}\n\n".encode()


def reader_of(*texts: str, end: bytes = DONE) -> TextReader:
    """Return a reader over a stream of deltas with these *texts*."""
    return StreamerV2([*map(delta, texts), end]).reader()


def test_it_is_a_raw_readable_file() -> None:
    """A reader says of itself what a raw file says: it can be read, not written, not sought."""
    reader = reader_of("a")
    assert isinstance(reader, io.RawIOBase)
    assert reader.readable()
    assert not reader.writable()
    assert not reader.seekable()
    with pytest.raises(io.UnsupportedOperation):
        reader.fileno()


def test_readinto_fills_as_much_as_there_is() -> None:
    """readinto() puts one delta's text, at most the buffer's size, and 0 at the end only."""
    reader = reader_of("Hello", "", "!")
    buffer = bytearray(b"....")
    assert reader.readinto(buffer) == 4
    assert buffer == b"Hell"
    assert reader.readinto(buffer) == 1
    assert buffer == b"oell"
    assert reader.readinto(buffer) == 1
    assert buffer == b"!ell"
    assert reader.readinto(buffer) == 0
    assert reader.readinto(buffer) == 0
    assert buffer == b"!ell"


def test_empty_buffer_takes_nothing() -> None:
    """readinto() of an empty buffer is 0, and no text is lost by it."""
    reader = reader_of("Hello")
    assert reader.readinto(bytearray()) == 0
    assert reader.readall() == b"Hello"


def test_buffer_of_larger_items_is_filled_with_bytes() -> None:
    """A buffer whose items are not bytes is filled byte by byte, as the io module does."""
    reader = reader_of("abcdefgh", "rest")
    buffer = array.array("I", [0, 0])
    assert reader.readinto(buffer) == 2 * buffer.itemsize
    assert buffer.tobytes() == b"abcdefgh"


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_characters_may_be_split(size: int) -> None:
    """A small buffer gets parts of characters; put together they are whole."""
    reader = reader_of("aß", "😀", "\ud83d", "\ude00", "\u2028")
    read = []
    while piece := reader.read(size):
        assert len(piece) <= size
        read.append(piece)
    assert b"".join(read).decode() == "aß😀😀\u2028"


def test_readall() -> None:
    """readall() and read() without a size are all the text that is still to come."""
    reader = reader_of("Hel", "lo")
    assert reader.read(1) == b"H"
    assert reader.readall() == b"ello"
    assert reader.readall() == b""
    assert reader_of("Hel", "lo").read() == b"Hello"


def test_buffered_reader() -> None:
    """Under an `io.BufferedReader` the text can be read by size, by line, and peeked at."""
    buffered = io.BufferedReader(reader_of("one\ntw", "o\n\nthr", "ee"))
    assert buffered.peek(1)[:1] == b"o"
    assert buffered.read(2) == b"on"
    assert buffered.readline() == b"e\n"
    assert buffered.read1(100) == b"tw"
    assert buffered.read() == b"o\n\nthree"
    assert buffered.read() == b""


def test_text_wrapper_gives_lines() -> None:
    """Under an `io.TextIOWrapper` the text comes in lines, as of any text file."""
    reader = reader_of("one\ntw", "o ß😀", "\n", "\nthree")
    text = io.TextIOWrapper(io.BufferedReader(reader), encoding="utf-8")
    assert list(text) == ["one\n", "two ß😀\n", "\n", "three"]


def test_lines_of_the_reader_itself() -> None:
    """A loop over the reader gives lines of bytes, as over any raw file."""
    assert list(reader_of("one\ntw", "o\n", "three")) == [b"one\n", b"two\n", b"three"]
    assert reader_of("one\ntwo").readline() == b"one\n"


def test_first_line_does_not_wait_for_the_second() -> None:
    """A line is there when its line end is: nothing behind it is read for it."""
    s = StreamerV2([delta("one\n"), delta("two\n"), DONE])
    text = io.TextIOWrapper(io.BufferedReader(s.reader()), encoding="utf-8")
    assert text.readline() == "one\n"
    assert s.events_read == 1


def test_copyfileobj() -> None:
    """`shutil.copyfileobj` copies a reader to the end."""
    file = io.BytesIO()
    shutil.copyfileobj(reader_of("Hel", "lo"), file)
    assert file.getvalue() == b"Hello"


def test_readers_share_what_is_to_come() -> None:
    """Two readers and the streamer's own read() take turns; no text comes twice."""
    s = StreamerV2([delta("abc"), DONE])
    assert s.reader().read(1) == b"a"
    assert s.reader().read(1) == b"b"
    assert s.read(1) == b"c"
    assert s.reader().read(1) == b""


def test_closed_reader_is_closed() -> None:
    """Whatever is asked of a closed reader is a ValueError, as of any closed file."""
    reader = reader_of("a")
    with reader:
        pass
    reader.close()
    assert reader.closed
    for use in (reader.readable, reader.readall, reader.read, reader.readline):
        with pytest.raises(ValueError, match="closed"):
            use()
    with pytest.raises(ValueError, match="closed"):
        reader.readinto(bytearray(1))


def test_closing_the_reader_leaves_the_stream_open() -> None:
    """A wrapper that is dropped or closed does not end the stream: another may continue."""
    s = StreamerV2([delta("ab"), DONE])
    with io.BufferedReader(s.reader(), 1) as buffered:
        assert buffered.read(1) == b"a"
    assert s.outcome is None
    assert s.reader().read() == b"b"


@pytest.mark.parametrize("wrapped", [True, False])
def test_error_comes_after_the_text(*, wrapped: bool) -> None:
    """Text that had arrived is read first; then the stream's error is raised, not hidden."""
    reader = reader_of("par", end=b"")
    file = io.BufferedReader(reader, 2) if wrapped else reader
    assert file.read(3) == b"par"
    for _ in range(2):
        with pytest.raises(TruncatedStreamError):
            file.read(3)


def test_error_of_the_network_comes_through() -> None:
    """An error of the source reaches the reader of the text unchanged, as a ScanError."""

    class Broken:
        """A file that breaks."""

        def read(self, _size: int) -> bytes:
            raise OSError("reset")

    text = io.TextIOWrapper(io.BufferedReader(StreamerV2(Broken()).reader()), encoding="utf-8")
    with pytest.raises(TransportError):
        text.read()


def test_error_in_readall_comes_first() -> None:
    """readall() raises the error; what had arrived until then is what the next call returns."""
    reader = reader_of("par", end=b"")
    with pytest.raises(TruncatedStreamError):
        reader.readall()
    assert reader.readall() == b"par"


@settings(deadline=None)
@given(st.lists(st.text(max_size=20), max_size=5), st.integers(min_value=1, max_value=7))
def test_any_text_in_any_buffer(texts: list[str], size: int) -> None:
    """However small the buffer, the text is that of the deltas, one after the other."""
    buffered = io.BufferedReader(reader_of(*texts), size)
    assert buffered.read().decode() == "".join(texts)
