"""Compression that was not requested: decoded as it comes, within bounds, or an error."""

from __future__ import annotations

import contextlib
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from itertools import repeat
from types import SimpleNamespace
from typing import Any

import brotli
import pytest
import urllib3
from server import (
    CHUNKED,
    CLOSE_DELIMITED,
    END,
    FIN,
    WAIT_FOR_HANG_UP,
    Script,
    answer,
    ch,
    json_answer,
    serving,
)

from faults.scripts import DONE, HI, STOP
from openai_scan import (
    BadRequestError,
    Client,
    EventTooLargeError,
    InternalServerError,
    NotAnEventStreamError,
    RetryPolicy,
    StreamCancelledError,
    StreamerV2,
    StreamTimeoutError,
    Timeout,
)
from openai_scan.transport.session.codings import Decoder

pytestmark = pytest.mark.usefixtures("wire")

pytestmark = pytest.mark.usefixtures("wire")

MEBIBYTE = 1024 * 1024
BOMB = 100

# What each wire decompresses a piece with.
STEPS: dict[str, tuple[Any, str]] = {
    "blocking": (urllib3.response.HTTPResponse, "read1"),
    "aiohttp": (Decoder, "take"),
}


@contextlib.contextmanager
def answered(script: Script, **settings: Any) -> Iterator[StreamerV2]:
    """Yield the stream of a chat completion that *script* answers."""
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


@pytest.mark.unmeasured
@pytest.mark.parametrize("flush", [True, False], ids=["flushed", "held back"])
@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("head", [CHUNKED, CLOSE_DELIMITED], ids=["chunked", "close-delimited"])
def test_a_compressed_stream_is_whole(head: bytes, size: int, *, flush: bool) -> None:
    """However the body was flushed and is cut, all events arrive and the stream is completed."""
    body = gzipped(HI, STOP, DONE, flush=flush)
    pieces = [body[place : place + size] for place in range(0, len(body), size)]
    sent = b"".join(ch(piece) for piece in pieces) + END if head is CHUNKED else body
    with answered([encoded(head, "gzip"), sent, FIN]) as s:
        assert "".join(s.text_deltas()) == "Hi"
        assert (s.outcome, s.events_read, dict(s.notes)) == ("completed", 3, {})


@pytest.mark.unmeasured
@pytest.mark.parametrize("coding", ["gzip", "X-GZIP"])
@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("start", [b"", b"\r\n", b"\xef\xbb\xbf", b": ping\n\n"])
def test_a_stream_that_was_decompressed_on_the_way_is_read(
    coding: str, size: int, start: bytes
) -> None:
    """Many proxies decompress an answer, but pass on its Content-Encoding header."""
    body = start + HI + STOP + DONE
    pieces = (ch(body[place : place + size]) for place in range(0, len(body), size))
    with answered([encoded(CHUNKED, coding), *pieces, END]) as s:
        assert "".join(s.text_deltas()) == "Hi"
        assert s.outcome == "completed"


def test_anything_else_may_have_been_decompressed_as_well() -> None:
    """Calls and refusals are read as well, and the connection is reused."""
    value = json_answer({"id": "thread_1"}, headers="Content-Encoding: gzip\r\n")
    words = json_answer(
        {"error": {"message": "no"}}, status="400 No", headers="Content-Encoding: gzip\r\n"
    )
    nothing = encoded(CHUNKED, "gzip") + END
    with serving([value], [words], [nothing], [value]) as server:
        with Client("sk-1", server.base_url) as client:
            assert client.retrieve_thread("thread_1").id == "thread_1"
            with pytest.raises(BadRequestError, match="no"):
                client.retrieve_thread("thread_1")
            assert client.delete_thread("thread_1").deleted
            assert client.retrieve_thread("thread_1").id == "thread_1"
        assert server.connections == 1


@pytest.mark.parametrize("start", [b"no gzip at all", b"\x1f", b"\x1f\x8bdata: 1\n\n", b"data"])
def test_what_is_neither_compressed_nor_plain_is_an_error(start: bytes) -> None:
    """It may begin with a byte of gzip, or as a field of an event stream does."""
    with answered([encoded(CLOSE_DELIMITED, "gzip") + start, FIN]) as s:
        assert not s.next()
        assert s.err() is not None


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (CHUNKED, END),
        (answer(b"", headers="Content-Type: text/event-stream\r\n"), b""),
        (CLOSE_DELIMITED, b""),
    ],
)
def test_an_empty_body_is_not_decompressed(
    head: bytes, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To zstd it would look like one that was cut off."""
    decoders: list[str] = []
    monkeypatch.setattr(urllib3.response, "_get_decoder", decoders.append)
    with answered([encoded(head, "gzip") + body, FIN]) as s:
        assert not s.next()
        assert type(s.err()).__name__ == "TruncatedStreamError"
    assert decoders == []


def test_a_compressed_stream_that_is_cut_is_truncated() -> None:
    """It is truncated like any answer without its end; the event before the cut is read."""
    body = gzipped(HI, STOP, DONE, flush=True)[:-40]
    with answered([encoded(CHUNKED, "gzip") + ch(body) + END]) as s:
        while s.next():
            pass
        assert type(s.err()).__name__ == "TruncatedStreamError"
        assert (s.outcome, s.events_read) == ("truncated", 1)


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, x-new"])
def test_what_cannot_be_decoded_is_an_error(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the encoding; the body is not read as an empty stream."""
    known = ["gzip", "x-gzip", "deflate"]  # br and zstd need libraries, which may be installed
    monkeypatch.setattr(urllib3.response.HTTPResponse, "CONTENT_DECODERS", known)
    with answered([encoded(CHUNKED, encoding) + ch(b"\x28\xb5") + END]) as s:
        assert not s.next()
        error = s.err()
    assert isinstance(error, NotAnEventStreamError)
    unknown = encoding.rpartition(" ")[2]
    assert str(error) == f"the Content-Encoding {unknown!r} is not supported"


def test_only_what_is_not_compressed_is_asked_for() -> None:
    """The client asks for no compression, because a compressor would hold events back."""
    with serving([CHUNKED + ch(HI + STOP + DONE) + END]) as server:
        with Client("sk-1", server.base_url) as client:
            client.create_chat_completion_stream(model="m", messages=[]).read()
        assert server.requests[0].headers["accept-encoding"] == "identity"


def test_two_layers_are_an_error() -> None:
    """Each layer multiplies the size, so neither an answer nor a refusal is decompressed."""
    body = zlib.compress(gzipped(HI, STOP, DONE))
    for status in ("200 OK", "500 No"):
        head = encoded(CHUNKED, "gzip, deflate").replace(b"200 OK", status.encode())
        with answered([head + ch(body) + END]) as s:
            assert not s.next()
            error = s.err()
        message = "the answer is compressed more than once"
        if status == "500 No":
            message = "the server answered with HTTP status 500 No (HTTP status 500)"
        assert str(error) == message


def test_brotli_is_read() -> None:
    """Where its library can decompress in pieces."""
    body = brotli.compress(HI + STOP + DONE)
    with answered([encoded(CHUNKED, "br") + ch(body) + END]) as s:
        assert "".join(s.text_deltas()) == "Hi"


def test_brotli_that_decompresses_all_at_once_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions before 1.2 do so, and a few bytes would take any amount of memory."""
    monkeypatch.setattr(urllib3.response, "brotli", SimpleNamespace(Decompressor=object))
    with answered([encoded(CHUNKED, "br") + ch(brotli.compress(HI)) + END]) as s:
        assert not s.next()
        assert str(s.err()) == "the Content-Encoding 'br' is not supported"


def comments(encoding: str) -> bytes:
    """Return very many comments, which are small when they are compressed, and never an event."""
    pieces = repeat((b":" + b"x" * 9997 + b"\n\n") * 100, 64)
    if encoding == "br":
        smaller = brotli.Compressor(quality=1)
        return b"".join([*map(smaller.process, pieces), smaller.finish()])
    packer = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
    return b"".join([*map(packer.compress, pieces), packer.flush()])


@pytest.mark.unmeasured
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_what_becomes_far_larger_is_an_error(encoding: str) -> None:
    """The stream fails after 16 MiB at most, before everything was decompressed."""
    body = comments(encoding)
    assert len(body) < MEBIBYTE // 2
    with answered([encoded(CHUNKED, encoding) + ch(body), WAIT_FOR_HANG_UP]) as s:
        assert not s.next()
        error = s.err()
        read = s.bytes_read
    assert isinstance(error, NotAnEventStreamError)
    message = "the answer expands to more than 100 times its size when decompressed"
    assert str(error) == message
    assert read <= 16 * MEBIBYTE


@pytest.mark.unmeasured
@pytest.mark.wires("blocking", "aiohttp")
@pytest.mark.parametrize("limit", ["event_idle", "total"])
def test_a_limit_holds_while_decompressing(
    limit: str, wire: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small body keeps the reader decompressing, and the limit expires meanwhile."""
    script = [encoded(CHUNKED, "gzip") + ch(comments("gzip")), WAIT_FOR_HANG_UP]
    now = 0.0
    pieces = 0

    def later(raw: Any, *args: Any, **kwargs: Any) -> bytes:
        nonlocal now, pieces
        pieces += 1
        now += 1.0  # how long it takes to decompress a piece
        return read1(raw, *args, **kwargs)

    place, name = STEPS[wire]
    read1: Callable[..., bytes] = getattr(place, name)
    monkeypatch.setattr(place, name, later)
    monkeypatch.setattr("openai_scan.transport.clock.time", SimpleNamespace(monotonic=lambda: now))
    with answered(script, timeout=Timeout(**{limit: 20.0})) as s:
        assert not s.next()
        error = s.err()
    assert isinstance(error, StreamTimeoutError)
    assert (error.limit, pieces) == (limit, 20)


@pytest.mark.wires("blocking", "aiohttp")
def test_cancel_is_heard_while_decompressing(wire: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that does not wait cannot be woken, but it stops after its next piece."""
    pieces = 0

    def cancelling(raw: Any, *args: Any, **kwargs: Any) -> bytes:
        nonlocal pieces
        pieces += 1
        if pieces == 3:
            s.cancel()
        return read1(raw, *args, **kwargs)

    place, name = STEPS[wire]
    read1: Callable[..., bytes] = getattr(place, name)
    monkeypatch.setattr(place, name, cancelling)
    with answered([encoded(CHUNKED, "gzip") + ch(comments("gzip")), WAIT_FOR_HANG_UP]) as s:
        assert not s.next()
        assert isinstance(s.err(), StreamCancelledError)
    assert pieces == 3


@pytest.mark.unmeasured
def test_a_call_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole answer may be long, but not without end."""
    monkeypatch.setattr("openai_scan.transport.exchange._MAX_ANSWER_BYTES", 8 * MEBIBYTE)
    body = comments("gzip")
    script = [encoded(CHUNKED, "gzip") + ch(body), WAIT_FOR_HANG_UP]
    with serving(script) as server, Client("sk-1", server.base_url) as client:
        with pytest.raises(NotAnEventStreamError, match="the answer is longer than 8 MiB"):
            client.retrieve_response("resp_1")


def peak_of(s: StreamerV2) -> int:
    """Read *s*, which has no event, and return how much memory that took at most."""
    tracemalloc.start()
    try:
        assert not s.next()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.unmeasured
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


@pytest.mark.unmeasured
def test_a_bomb_in_a_refusal_is_bounded() -> None:
    """Of an error's body only the beginning is decompressed."""
    head = encoded(CHUNKED, "gzip").replace(b"200 OK", b"500 No")
    with answered([head + ch(bomb()), WAIT_FOR_HANG_UP]) as s:
        peak = peak_of(s)
        error = s.err()
    assert isinstance(error, InternalServerError)
    assert peak < 4 * MEBIBYTE
