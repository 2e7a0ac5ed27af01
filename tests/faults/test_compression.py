"""Compression that nobody asked for: decoded as it comes, within bounds, or an error."""

from __future__ import annotations

import contextlib
import tracemalloc
import zlib
from collections.abc import Iterator
from itertools import repeat
from typing import Any

import pytest
import urllib3
from server import CHUNKED, CLOSE_DELIMITED, END, FIN, WAIT_FOR_HANG_UP, Script, ch, serving

from faults.scripts import DONE, HI, STOP
from openai_scan import (
    Client,
    EventTooLargeError,
    InternalServerError,
    NotAnEventStreamError,
    RetryPolicy,
    StreamerV2,
)

MEBIBYTE = 1024 * 1024
BOMB = 100


@contextlib.contextmanager
def answered(script: Script, **settings: Any) -> Iterator[StreamerV2]:
    """Stream a chat completion that is answered so."""
    with (
        serving(script) as server,
        Client("sk-1", server.base_url, retries=RetryPolicy(attempts=1), **settings) as client,
        client.create_chat_completion_stream(model="m", messages=[]) as s,
    ):
        yield s


def encoded(head: bytes, encoding: str) -> bytes:
    """Return *head* with one header more."""
    return head.replace(b"\r\n\r\n", f"\r\nContent-Encoding: {encoding}\r\n\r\n".encode())


def gzipped(*events: bytes, flush: bool = False) -> bytes:
    """Return *events* in one gzip file; with a flush each of them can be read at once."""
    packer = zlib.compressobj(wbits=31)
    mode = zlib.Z_SYNC_FLUSH if flush else zlib.Z_NO_FLUSH
    packed = [packer.compress(event) + packer.flush(mode) for event in events]
    return b"".join([*packed, packer.flush()])


def bomb() -> bytes:
    """Return a gzip file of one event that is far too large, and is small itself."""
    packer = zlib.compressobj(wbits=31)
    packed = [packer.compress(b"data: ")]
    packed += [packer.compress(zeros) for zeros in repeat(b"0" * MEBIBYTE, BOMB)]
    return b"".join([*packed, packer.compress(b"\n\n"), packer.flush()])


@pytest.mark.parametrize("flush", [True, False], ids=["flushed", "held back"])
@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("head", [CHUNKED, CLOSE_DELIMITED], ids=["chunked", "close-delimited"])
def test_a_compressed_stream_is_whole(head: bytes, size: int, *, flush: bool) -> None:
    """However it was flushed and is cut, no event is lost, and the end is the end."""
    body = gzipped(HI, STOP, DONE, flush=flush)
    pieces = [body[place : place + size] for place in range(0, len(body), size)]
    sent = b"".join(ch(piece) for piece in pieces) + END if head is CHUNKED else body
    with answered([encoded(head, "gzip"), sent, FIN]) as s:
        assert "".join(s.text_deltas()) == "Hi"
        assert (s.outcome, s.events_read, dict(s.notes)) == ("completed", 3, {})


def test_a_compressed_stream_that_is_cut_is_truncated() -> None:
    """Nothing in gzip's own end replaces that of the answer."""
    body = gzipped(HI, STOP, DONE, flush=True)[:-40]
    with answered([encoded(CHUNKED, "gzip") + ch(body) + END]) as s:
        while s.next():
            pass
        assert type(s.err()).__name__ == "TruncatedStreamError"
        assert (s.outcome, s.events_read) == ("truncated", 1)


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, x-new"])
def test_what_cannot_be_decoded_is_an_error(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told by its name, rather than read as an empty stream."""
    known = ["gzip", "x-gzip", "deflate"]  # br and zstd need libraries, which some have
    monkeypatch.setattr(urllib3.response.HTTPResponse, "CONTENT_DECODERS", known)
    with answered([encoded(CHUNKED, encoding) + ch(b"\x28\xb5") + END]) as s:
        assert not s.next()
        error = s.err()
    assert isinstance(error, NotAnEventStreamError)
    unknown = encoding.rpartition(" ")[2]
    assert str(error) == f"the Content-Encoding {unknown!r} is not known"


def test_only_what_is_not_compressed_is_asked_for() -> None:
    """A compressor would hold events back, so none is invited."""
    with serving([CHUNKED + ch(HI + STOP + DONE) + END]) as server:
        with Client("sk-1", server.base_url) as client:
            client.create_chat_completion_stream(model="m", messages=[]).read()
        assert server.requests[0].headers["accept-encoding"] == "identity"


def peak_of(s: StreamerV2) -> int:
    """Read *s*, which has no event, and return how much memory that took at most."""
    tracemalloc.start()
    try:
        assert not s.next()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_bomb_is_bounded_by_the_limit_of_an_event() -> None:
    """100 MiB in one event take no more memory than the limit and a few reads."""
    body = bomb()
    assert len(body) < MEBIBYTE
    script = [encoded(CHUNKED, "gzip") + ch(body), WAIT_FOR_HANG_UP]
    with answered(script, max_event_bytes=2 * MEBIBYTE) as s:
        peak = peak_of(s)
        error = s.err()
    assert isinstance(error, EventTooLargeError)
    assert error.bytes_read < 3 * MEBIBYTE
    assert peak < 8 * MEBIBYTE


def test_a_bomb_in_a_refusal_is_bounded() -> None:
    """Of an error's body only the beginning is decompressed."""
    head = encoded(CHUNKED, "gzip").replace(b"200 OK", b"500 No")
    with answered([head + ch(bomb()), WAIT_FOR_HANG_UP]) as s:
        peak = peak_of(s)
        error = s.err()
    assert isinstance(error, InternalServerError)
    assert peak < 4 * MEBIBYTE
