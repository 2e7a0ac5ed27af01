"""A body is taken out of its frame the same way however its bytes arrive."""

from __future__ import annotations

import http.client
import re

import pytest
from attrs import frozen
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import chunk_sizes

from openai_scan.transport.session.framing import Framing
from openai_scan.transport.session.head import MAX_BYTES, MAX_LINE, MAX_LINES
from openai_scan.transport.session.unframing import Chunked, Frame, unframed


@frozen
class Told:
    """What a frame reports about the bytes of a connection.

    Attributes:
        content: All content.
        error: What it closed with, in words; None without an error.
        found_end: Whether the end was found.
        surplus: Whether something followed it.
    """

    content: bytes
    error: str | None = None
    found_end: bool = False
    surplus: bool = False


def told(frame: Frame, *pieces: bytes) -> Told:
    """Return what *frame* reports about *pieces*, after which the connection ends."""
    content = b""
    left = [*filter(None, pieces), b""]
    while frame.open:
        content += frame.take(left.pop(0))
    error = None if frame.error is None else str(frame.error) or type(frame.error).__name__
    surplus = frame.surplus or (frame.found_end and any(left))
    return Told(content, error, frame.found_end, surplus)


def chunked(*pieces: bytes) -> Told:
    """Return what a `Chunked` frame reports about *pieces*."""
    return told(Chunked(), *pieces)


CUT = "IncompleteRead(0 bytes read)"
NO_SIZE = "a chunk has no size"
LONGER = "a chunk is longer than its size"
TOO_MANY = "the answer has more than 1000 header lines"
TOO_LONG = "the answer has a header line of more than 64 KiB"
TOO_MUCH = "the answer has more than 256 KiB of headers"
WHOLE = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"

BODIES: dict[str, tuple[bytes, Told]] = {
    "whole": (WHOLE, Told(b"abcde", found_end=True)),
    "empty": (b"0\r\n\r\n", Told(b"", found_end=True)),
    "more behind it": (WHOLE + b"x", Told(b"abcde", found_end=True, surplus=True)),
    "a second answer": (WHOLE + WHOLE, Told(b"abcde", found_end=True, surplus=True)),
    "a trailer": (WHOLE[:-2] + b"A: b\r\nC: d\n\n", Told(b"abcde", found_end=True)),
    "a size in capitals": (b"A\r\n0123456789\r\n0\r\n\r\n", Told(b"0123456789", found_end=True)),
    "zeros before a size": (b"0003\r\nabc\r\n000\r\n\r\n", Told(b"abc", found_end=True)),
    "a long size": (b"0" * 40 + b"3\r\nabc\r\n0\r\n\r\n", Told(b"abc", found_end=True)),
    "blanks and an extension": (
        b'3 \t;a="\xff"\r\nabc\r\n0;x\r\n\r\n',
        Told(b"abc", found_end=True),
    ),
    "LF after a size": (b"3\nabc\r\n0\n\r\n", Told(b"abc", found_end=True)),
    "a chunk that looks like a frame": (
        b"5\r\n0\r\n\r\n\r\n0\r\n\r\n",
        Told(b"0\r\n\r\n", found_end=True),
    ),
    "cut in a size": (b"3\r\nabc\r\n1", Told(b"abc", CUT)),
    "cut behind a size": (b"3\r\nabc\r\n1\r\n", Told(b"abc", CUT)),
    "cut in a chunk": (b"3\r\nab", Told(b"ab", CUT)),
    "cut behind a chunk": (b"3\r\nabc", Told(b"abc", CUT)),
    "cut in the line end of a chunk": (b"3\r\nabc\r", Told(b"abc", CUT)),
    "cut before a size": (b"3\r\nabc\r\n", Told(b"abc", CUT)),
    "nothing": (b"", Told(b"", CUT)),
    "cut in the trailer": (WHOLE[:-2] + b"A: b", Told(b"abcde")),
    "cut before the trailer": (WHOLE[:-2], Told(b"abcde")),
    "no size": (b"3\r\nabc\r\nno size\r\n" + WHOLE, Told(b"abc", NO_SIZE)),
    "a negative size": (b"-3\r\nabc\r\n", Told(b"", NO_SIZE)),
    "a blank line for a size": (b"\r\n3\r\nabc\r\n", Told(b"", NO_SIZE)),
    "a size without an end": (b"5" * (MAX_LINE + 1) + WHOLE, Told(b"", NO_SIZE)),
    "a chunk that goes on": (b"3\r\nabcd\r\n" + WHOLE, Told(b"abc", LONGER)),
    "a chunk that ends with LF": (b"3\r\nabc\n2\r\nde\r\n", Told(b"abc", LONGER)),
    "a chunk that ends with half a line end": (b"3\r\nabc\rx", Told(b"abc", LONGER)),
    "a large trailer": (
        WHOLE[:-2] + b"A: b\r\n" * MAX_LINES + b"\r\n",
        Told(b"abcde", found_end=True),
    ),
    "an endless trailer": (WHOLE[:-2] + b"A: b\r\n" * (MAX_LINES + 1), Told(b"abcde", TOO_MANY)),
    "a trailer of long lines": (
        WHOLE[:-2] + (b"x" * 60_000 + b"\n") * (MAX_BYTES // 60_000 + 1),
        Told(b"abcde", TOO_MUCH),
    ),
    "a trailer without a line end": (WHOLE[:-2] + b"x" * (MAX_LINE + 1), Told(b"abcde", TOO_LONG)),
}


@pytest.mark.parametrize(("body", "expected"), BODIES.values(), ids=list(BODIES))
def test_chunks_however_they_arrive(body: bytes, expected: Told) -> None:
    """Chunks may arrive at once, in two pieces, or byte by byte."""
    assert chunked(body) == expected
    places = range(len(body)) if len(body) < 100 else (1, 2, 3, len(body) // 2, len(body) - 1)
    for place in places:
        assert chunked(body[:place], body[place:]) == expected
    if len(body) < MAX_LINE:
        assert chunked(*(body[place : place + 1] for place in range(len(body)))) == expected


def plainly(body: bytes) -> Told:
    """Return what a simple parser that sees all bytes at once reports about them."""
    content = b""
    while True:
        line = re.match(rb"[^\n]*\n", body)
        if line is None:
            return Told(content, CUT)
        size = re.fullmatch(rb"([0-9A-Fa-f]+)[ \t]*(;[^\n]*)?\r?\n", line[0])
        if size is None:
            return Told(content, NO_SIZE)
        body = body[len(line[0]) :]
        length = int(size[1], 16)
        if not length:
            break
        content += body[:length]
        after = body[length : length + 2]
        if after != b"\r\n":
            return Told(content, CUT if b"\r\n".startswith(after) else LONGER)
        body = body[length + 2 :]
    lines = re.findall(rb"[^\n]*\n|[^\n]+", body)
    trailer = next((n for n, line in enumerate(lines) if line in (b"\r\n", b"\n")), None)
    if trailer is None:
        return Told(content)
    behind = b"".join(lines[trailer + 1 :])
    return Told(content, found_end=True, surplus=bool(behind))


pieces = st.sampled_from(
    [b"0\r\n", b"1\r\n", b"3\r\n", b"\r\n", b"abc", b"\n", b"\r", b"0", b"5;x\r\n", b"A: b\r\n"]
)


@given(body=st.lists(pieces, max_size=12).map(b"".join), sizes=chunk_sizes)
@example(body=b"3\r\nabc\r\n0\r\nA: b\r\n\r\n", sizes=[1])
def test_chunks_are_what_they_plainly_are(body: bytes, sizes: list[int]) -> None:
    """Any bytes, however they are split, are read as the simple parser reads them."""
    split = []
    position = 0
    for size in sizes * (len(body) + 1):
        split.append(body[position : position + size])
        position += size
    assert chunked(*split) == plainly(body) == chunked(body)


def test_content_is_returned_before_the_error_behind_it() -> None:
    """Both may have arrived at once."""
    frame = Chunked()
    assert frame.take(b"3\r\nabc\r\nx\r\n") == b"abc"
    assert frame.open is False
    assert isinstance(frame.error, http.client.HTTPException)


def test_content_is_returned_as_it_comes() -> None:
    """Content is returned before its chunk is complete."""
    frame = Chunked()
    assert [frame.take(one) for one in (b"5\r\nab", b"c", b"de", b"\r\n")] == [
        b"ab",
        b"c",
        b"de",
        b"",
    ]


@pytest.mark.parametrize(
    ("length", "sent", "expected"),
    [
        (3, (b"abc",), Told(b"abc", found_end=True)),
        (3, (b"a", b"bc"), Told(b"abc", found_end=True)),
        (3, (b"ab", b"cd"), Told(b"abc", found_end=True, surplus=True)),
        (3, (b"ab",), Told(b"ab", "IncompleteRead(0 bytes read, 1 more expected)")),
        (0, (), Told(b"", found_end=True)),
    ],
)
def test_a_length(length: int, sent: tuple[bytes, ...], expected: Told) -> None:
    """The body has so many bytes, or it was cut; bytes after it are surplus."""
    assert told(unframed(Framing(length, chunked=False, clear=True)), *sent) == expected


def test_the_end_of_the_connection() -> None:
    """Without a length, everything until the end of the connection is content."""
    frame = unframed(Framing(None, chunked=False, clear=False))
    assert told(frame, b"abc", b"\r\n") == Told(b"abc\r\n", found_end=True)


def test_the_headers_choose_the_framing() -> None:
    """Chunks come before a length, see RFC 9112, section 6.3."""
    assert isinstance(unframed(Framing(None, chunked=True, clear=True)), Chunked)
