"""The transport, against a real server on loopback that sends what each test says."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import logging
import os
import socket
import ssl
import threading
import traceback
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
import urllib3
from server import (
    CHUNKED,
    CLOSE_DELIMITED,
    END,
    FIN,
    PATIENCE,
    RST,
    WAIT_FOR_HANG_UP,
    Script,
    ScriptedServer,
    answer,
    ch,
    json_answer,
    serving,
)

from openai_scan import (
    APIError,
    AuthenticationError,
    BadRequestError,
    ConnectError,
    InternalServerError,
    NotAnEventStreamError,
    NotFoundError,
    RateLimitError,
    RedirectError,
    ScanError,
    StreamCancelledError,
    StreamerV2,
    StreamTimeoutError,
    Timeout,
    TLSError,
    TransportError,
    TruncatedStreamError,
)
from openai_scan.redaction import redact_error, redact_foreign
from openai_scan.transport import Request, RetryPolicy, Transport, Upload
from openai_scan.transport.causes import causes
from openai_scan.transport.clock import Clock
from openai_scan.transport.session import failures
from openai_scan.transport.session.cancellation import Held, SocketCancellation
from openai_scan.transport.session.wire import SessionAnswer
from openai_scan.transport.wire import at_once

DELTA = (
    b"event: thread.message.delta\n"
    b'data: {"id":"msg_1","object":"thread.message.delta",'
    b'"delta":{"content":[{"index":0,"type":"text","text":{"value":"par"}}]}}\n\n'
)
COMPLETED = (
    b"event: thread.run.completed\n"
    b'data: {"id":"run_1","object":"thread.run","thread_id":"t","status":"completed"}\n\n'
)
DONE = b"event: done\ndata: [DONE]\n\n"
KEY = "sk-secret-1234"
SECRET_NAMES = [
    *("Authorization", "Proxy-Authorization", "X-Auth", "api-key", "X-API-KEY", "apikey", "key"),
    *(
        "Cookie",
        "X-Access-Token",
        "access_token",
        "X-Client-Secret",
        "X-Password",
        "X-Amz-Signature",
    ),
    *("sig", "X-JWT", "credentials"),
]
ONCE = RetryPolicy(attempts=1)

pytestmark = pytest.mark.usefixtures("wire")


@pytest.fixture
def transports() -> Iterator[Callable[[ScriptedServer], Transport]]:
    """Make transports to a server; they are closed at the end of the test."""
    made: list[Transport] = []

    def make(server: ScriptedServer) -> Transport:
        made.append(Transport(server.base_url, key=KEY))
        return made[-1]

    yield make
    for transport in made:
        transport.close()


@contextlib.contextmanager
def socks_proxy(response: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the port of a SOCKS proxy that answers for any host, and the hosts it was asked for."""
    asked: list[bytes] = []

    def serve() -> None:
        sock, _ = listener.accept()
        with sock, sock.makefile("rb") as lines:
            methods = lines.read(2)[1]
            lines.read(methods)
            sock.sendall(b"\x05\x00")  # no authentication is required
            *_, length = lines.read(5)
            asked.append(lines.read(length))
            lines.read(2)  # the port
            sock.sendall(b"\x05\x00\x00\x01" + bytes(6))
            while lines.readline() != b"\r\n":
                pass
            sock.sendall(response)
            sock.shutdown(socket.SHUT_WR)
            lines.read()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], asked
        thread.join()


def post(timeout: Timeout | None = None, retries: RetryPolicy = ONCE) -> Request:
    """Return a request without retries, unless the test sets them."""
    timeout = timeout or Timeout()
    return Request(method="POST", path="/x", body={}, timeout=timeout, retries=retries)


def read_all(transport: Transport, timeout: Timeout | None = None) -> tuple[str, StreamerV2]:
    """Return the text of a stream, and the stream after its end."""
    text = ""
    with StreamerV2(transport.stream(post(timeout))) as s:
        while s.next():
            text += s.text() or ""
        s.err()
    return text, s


def failure(transport: Transport, timeout: Timeout | None = None) -> ScanError:
    """Return the error that a stream ends with."""
    error = read_all(transport, timeout)[1].err()
    assert error is not None
    return error


class TestReading:
    """Bytes come up as they arrive, in every framing."""

    @pytest.mark.parametrize(
        ("head", "frame", "end"),
        [
            pytest.param(CHUNKED, ch, [END], id="chunked"),
            pytest.param(CLOSE_DELIMITED, bytes, [FIN], id="close-delimited"),
        ],
    )
    def test_an_event_is_here_before_the_next_is_sent(
        self,
        transports: Callable[[ScriptedServer], Transport],
        head: bytes,
        frame: Callable[[bytes], bytes],
        end: list[object],
    ) -> None:
        """The server sends each event only after the one before it has been read."""
        seen = [threading.Event() for _ in range(3)]
        script: Script = [
            head,
            frame(DELTA),
            seen[0],
            frame(DELTA),
            seen[1],
            frame(COMPLETED),
            seen[2],
            frame(DONE),
            *end,
        ]
        with serving(script) as server:
            with StreamerV2(transports(server).stream(post())) as s:
                for event in seen:
                    assert s.next()
                    event.set()
                assert s.next()
                assert not s.next()
            assert s.outcome == "completed"

    def test_many_small_chunks_come_up_at_once(
        self, transports: Callable[[ScriptedServer], Transport]
    ) -> None:
        """Servers send a chunk for each event; those that have arrived are read in one step."""
        with serving([CHUNKED + ch(DELTA) * 3 + END]) as server:
            assert list(transports(server).stream(post())) == [DELTA * 3]

    @pytest.mark.parametrize(
        ("chunk", "content"),
        [
            pytest.param(b"5;x=y\r\n: abc\r\n", b": abc", id="extended"),
            pytest.param(b"0005\r\n: abc\r\n", b": abc", id="padded"),
            pytest.param(b"5 \t\n: abc\r\n", b": abc", id="loose"),
            pytest.param(ch(b":" * 80_000), b":" * 80_000, id="larger than the buffer"),
        ],
    )
    def test_odd_chunks_are_read_as_ever(
        self, transports: Callable[[ScriptedServer], Transport], chunk: bytes, content: bytes
    ) -> None:
        """What http.client accepts is read, before and after chunks that are read in one step."""
        with serving([CHUNKED + ch(DELTA) * 2 + chunk + ch(DELTA) * 2 + END]) as server:
            body = b"".join(transports(server).stream(post()))
        assert body == DELTA * 2 + content + DELTA * 2

    @pytest.mark.parametrize(
        "size",
        [b"-5", b"+5", b"0x5", b"5_0", b" 5", b"", b"5 5", b"\xd9\xa5", b"5" * 65536],
        ids=["negative", "signed", "prefixed", "parted", "late", "none", "two", "foreign", "long"],
    )
    def test_a_chunk_without_a_size_is_a_broken_answer(
        self, transports: Callable[[ScriptedServer], Transport], size: bytes
    ) -> None:
        """Python accepts it as a number, HTTP does not, and the next event cannot be found."""
        script = [CHUNKED + ch(COMPLETED) + ch(DELTA), size + b"\r\n: abc\r\n" + END, FIN]
        with serving(script) as server:
            exchange = transports(server).stream(post())
            with pytest.raises(TransportError) as caught:
                list(exchange)
        assert str(caught.value) == ("the connection broke during the answer: a chunk has no size")

    @pytest.mark.parametrize(
        ("headers", "coding"),
        [
            ("Transfer-Encoding: identity, chunked\r\n", "identity, chunked"),
            ("Transfer-Encoding: gzip\r\nTransfer-Encoding: Chunked\r\n", "gzip, chunked"),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n", "chunked, gzip"),
        ],
        ids=["listed", "two headers", "in the wrong order"],
    )
    def test_an_unknown_transfer_encoding_is_an_error(
        self, transports: Callable[[ScriptedServer], Transport], headers: str, coding: str
    ) -> None:
        """The sizes of chunks are not taken for events."""
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{headers}\r\n".encode()
        with serving([head + ch(DELTA + COMPLETED + DONE) + END, WAIT_FOR_HANG_UP]) as server:
            error = failure(transports(server))
            assert server.hung_up.wait(PATIENCE)
        assert type(error) is NotAnEventStreamError
        assert str(error) == f"the Transfer-Encoding {coding!r} is not supported"

    @pytest.mark.parametrize("coding", ["Chunked", "identity", ""])
    def test_a_known_transfer_encoding_is_read(
        self, transports: Callable[[ScriptedServer], Transport], coding: str
    ) -> None:
        """The case of "chunked" does not matter, and "identity" and an empty value are known."""
        kind = f"Content-Type: text/event-stream\r\nTransfer-Encoding: {coding}\r\n"
        head = f"HTTP/1.1 200 OK\r\n{kind}\r\n".encode()
        body = DELTA + COMPLETED + DONE
        with serving([head, *([ch(body), END] if coding == "Chunked" else [body, FIN])]) as server:
            text, s = read_all(transports(server))
        assert (text, s.outcome) == ("par", "completed")

    @pytest.mark.wires("blocking")
    def test_no_more_is_read_than_asked_for(
        self, transports: Callable[[ScriptedServer], Transport]
    ) -> None:
        """A read never returns more than its size, even if whole chunks have arrived."""
        with serving([CHUNKED + ch(b": abc") * 5 + END]) as server:
            transport = transports(server)
            exchange = transport.stream(post())
            exchange.clock.start()
            parcel = transport.pack(post(), "key", "text/event-stream")
            answer = at_once(transport.wire.send(parcel, exchange))
            assert isinstance(answer, SessionAnswer)
            read = answer._answered.read1  # the sizes are not the caller's to choose
            assert [read(size) for size in (3, 12, 9, -1, 99)] == [
                b": a",
                b"bc: abc: abc",
                b": abc: ab",
                b"c",
                b"",
            ]

    @pytest.mark.parametrize(
        ("encoding", "compress"),
        [
            ("gzip", lambda: zlib.compressobj(wbits=31)),
            ("deflate", zlib.compressobj),
        ],
    )
    def test_a_compressed_stream_is_read_live(
        self,
        transports: Callable[[ScriptedServer], Transport],
        encoding: str,
        compress: Callable[[], zlib._Compress],
    ) -> None:
        """Compression is declined, but a server that flushes each event may compress anyway."""
        packer = compress()
        first = packer.compress(DELTA) + packer.flush(zlib.Z_SYNC_FLUSH)
        rest = packer.compress(COMPLETED + DONE) + packer.flush()
        head = CHUNKED.replace(b"\r\n\r\n", f"\r\nContent-Encoding: {encoding}\r\n\r\n".encode())
        seen = threading.Event()
        with serving([head, ch(first), seen, ch(rest), END]) as server:
            with StreamerV2(transports(server).stream(post())) as s:
                assert s.next()
                seen.set()
                assert [event.type for event in s] == ["thread.run.completed", "done"]
            assert server.requests[0].headers["accept-encoding"] == "identity"

    def test_an_unknown_encoding_is_an_error(
        self, transports: Callable[[ScriptedServer], Transport]
    ) -> None:
        """Bytes that cannot be decoded are not taken for a stream."""
        body = answer(
            b"\xf1" + DELTA,
            headers="Content-Type: text/event-stream\r\nContent-Encoding: x-new\r\n",
        )
        with serving([body]) as server:
            error = failure(transports(server))
        assert str(error) == "the Content-Encoding 'x-new' is not supported"

    @pytest.mark.parametrize(
        "coding", ["none", "UTF-8", "binary", "8bit", "chunked", "identity", "none, utf-8"]
    )
    def test_a_plain_body_is_read_whatever_its_encoding_is_called(
        self, transports: Callable[[ScriptedServer], Transport], coding: str
    ) -> None:
        """A plain stream is read under such a name, and so is the answer to a call.

        Servers use these names to keep a proxy from compressing a stream.
        """
        head = CHUNKED.replace(b"\r\n\r\n", f"\r\nContent-Encoding: {coding}\r\n\r\n".encode())
        value = json_answer({"a": 1}, headers=f"Content-Encoding: {coding}\r\n")
        with serving([head + ch(DELTA), ch(DONE) + END], [value]) as server:
            text, s = read_all(transports(server))
            assert (text, s.err()) == ("par", None)
            assert transports(server).call(post()) == {"a": 1}

    @pytest.mark.parametrize("coding", ["none, gzip", "gzip, x-new", "x-gzip, utf-8"])
    def test_an_unknown_encoding_among_others_is_an_error(
        self, transports: Callable[[ScriptedServer], Transport], coding: str
    ) -> None:
        """Compressed bytes are neither read as plain text nor partly decoded."""
        headers = f"Content-Type: text/event-stream\r\nContent-Encoding: {coding}\r\n"
        with serving([answer(gzip.compress(DELTA), headers=headers)]) as server:
            error = failure(transports(server))
        assert isinstance(error, NotAnEventStreamError)
        assert str(error).startswith("the Content-Encoding '")

    def test_a_broken_encoding_is_an_error(
        self, transports: Callable[[ScriptedServer], Transport]
    ) -> None:
        """A body that is not gzip although its header says so causes a transport error."""
        headers = "Content-Type: text/event-stream\r\nContent-Encoding: gzip\r\n"
        with serving([answer(b"no gzip at all", headers=headers)]) as server:
            error = failure(transports(server))
        assert isinstance(error, TransportError)
        assert any(isinstance(one, zlib.error) for one in causes(error))

    @pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
    def test_an_answer_of_known_length_may_close_the_connection(
        self, transports: Callable[[ScriptedServer], Transport], version: str
    ) -> None:
        """http.client closes the socket at the end of the body, before the exchange does."""

        def closing(body: bytes, kind: str) -> bytes:
            head = f"{version} 200 OK\r\nConnection: close\r\nContent-Type: {kind}\r\n"
            return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

        scripts = [
            [closing(DELTA + COMPLETED, "text/event-stream"), FIN],
            [closing(DELTA, "text/event-stream"), FIN],
            [closing(b'{"id": 1}', "application/json"), FIN],
        ]
        with serving(*scripts) as server:
            transport = transports(server)
            _, s = read_all(transport)
            assert (s.outcome, dict(s.notes)) == ("completed", {"missing_done": 1})
            assert read_all(transport)[1].outcome == "truncated"
            assert transport.call(post()) == {"id": 1}


class TestCuts:
    """A cut stream is never a finished one."""

    @pytest.mark.parametrize(
        "script",
        [
            pytest.param([CLOSE_DELIMITED, DELTA, FIN], id="close-delimited"),
            pytest.param([CHUNKED, ch(DELTA), END], id="clean chunked end"),
        ],
    )
    def test_an_end_without_a_terminal_event_is_a_truncation(
        self, transports: Callable[[ScriptedServer], Transport], script: Script
    ) -> None:
        """What came is delivered, and the error says that it is not all."""
        with serving(script) as server:
            text, s = read_all(transports(server))
        assert text == "par"
        assert s.outcome == "truncated"
        assert isinstance(s.err(), TruncatedStreamError)

    @pytest.mark.parametrize(
        ("script", "bytes_read"),
        [
            pytest.param([CHUNKED, b'40\r\ndata: {"id":', FIN], 12, id="in a chunk"),
            pytest.param([CHUNKED, ch(DELTA), FIN], len(DELTA), id="between chunks"),
            pytest.param([CHUNKED + ch(DELTA) * 2, FIN], 2 * len(DELTA), id="behind many chunks"),
            pytest.param(
                [CHUNKED + ch(DELTA) * 2 + b"5\r\nda", FIN],
                2 * len(DELTA) + 2,
                id="in the last of many chunks",
            ),
            pytest.param(
                [CHUNKED + ch(DELTA) * 2 + b"no size\r\n" + ch(DELTA) + END],
                2 * len(DELTA),
                id="where a size should be",
            ),
            pytest.param(
                [CHUNKED + ch(DELTA) * 2 + b"0", FIN],  # of 0a, say
                2 * len(DELTA),
                id="in the middle of a size",
            ),
            pytest.param(
                [
                    (
                        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                        b"Content-Length: 100\r\n\r\ndata: {}\n"
                    ),
                    FIN,
                ],
                9,
                id="before its length",
            ),
        ],
    )
    def test_a_connection_that_breaks_is_a_transport_error(
        self,
        transports: Callable[[ScriptedServer], Transport],
        script: Script,
        bytes_read: int,
    ) -> None:
        """It is our own class, counts the bytes that came before, and keeps its cause."""
        with serving(script) as server:
            _, s = read_all(transports(server))
        error = s.err()
        assert isinstance(error, TransportError)
        assert isinstance(error.__cause__, http.client.HTTPException | OSError)
        assert error.bytes_read == bytes_read
        assert not s.next()
        assert s.err() is error

    def test_a_reset_is_a_transport_error(
        self, transports: Callable[[ScriptedServer], Transport]
    ) -> None:
        """The error quotes the system."""
        seen = threading.Event()
        with serving([CHUNKED, ch(DELTA), seen, RST]) as server:
            with StreamerV2(transports(server).stream(post())) as s:
                assert s.next()
                seen.set()
                assert not s.next()
                error = s.err()
        assert isinstance(error, TransportError)
        assert str(error) == "the connection broke during the answer: Connection reset by peer"

    def test_a_server_that_hangs_up_without_an_answer_is_a_transport_error(
        self, transports: Callable[[ScriptedServer], Transport]
    ) -> None:
        """The request was sent, so it is not a ConnectError: it may have been billed."""
        with serving([FIN]) as server:
            error = failure(transports(server))
        assert type(error) is TransportError


class TestReuse:
    """The connection is kept for the next request."""

    def test_five_streams_take_one_connection(
        self, transports: Callable[[ScriptedServer], Transport]
    ) -> None:
        """The end of the body is read after [DONE], and then the connection is free again."""
        script = [CHUNKED + ch(DELTA) + ch(COMPLETED) + ch(DONE), END]
        with serving(*[script] * 5) as server:
            transport = transports(server)
            for _ in range(5):
                assert read_all(transport)[0] == "par"
            assert server.connections == 1

    def test_an_end_that_comes_a_little_later_is_waited_for(
        self, transports: Callable[[ScriptedServer], Transport]
    ) -> None:
        """The stream is over at [DONE]; only close() waits for the rest."""
        over = threading.Event()
        script = [CHUNKED + ch(COMPLETED) + ch(DONE), over, END]
        with serving(script, script) as server:
            transport = transports(server)
            for _ in range(2):
                over.clear()
                s = StreamerV2(transport.stream(post()))
                assert [event.type for event in s] == ["thread.run.completed", "done"]
                over.set()
                s.close()
            assert server.connections == 1

    def test_a_server_that_holds_the_connection_open_is_left(
        self, transports: Callable[[ScriptedServer], Transport], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No stream waits longer than a moment for an end that never comes."""
        monkeypatch.setattr("openai_scan.transport.exchange._DRAIN_SECONDS", 0.01)
        with serving([CHUNKED + ch(COMPLETED) + ch(DONE), WAIT_FOR_HANG_UP]) as server:
            assert read_all(transports(server))[1].outcome == "completed"
            assert server.hung_up.wait(PATIENCE)

    def test_a_server_that_talks_on_after_the_end_is_left(
        self, transports: Callable[[ScriptedServer], Transport], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is read after [DONE] is bounded."""
        monkeypatch.setattr("openai_scan.transport.exchange._DRAIN_BYTES", 10)
        over = threading.Event()
        script = [CHUNKED + ch(COMPLETED) + ch(DONE), over, ch(b"x" * 10), WAIT_FOR_HANG_UP]
        with serving(script) as server:
            s = StreamerV2(transports(server).stream(post()))
            assert [event.type for event in s] == ["thread.run.completed", "done"]
            over.set()
            s.close()
            assert server.hung_up.wait(PATIENCE)
        assert s.outcome == "completed"

    def test_after_the_terminal_event_the_input_has_a_short_grace(
        self, transports: Callable[[ScriptedServer], Transport], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A server that sends no [DONE] and holds the connection open does not hang the caller."""
        monkeypatch.setattr("openai_scan.stream.machine.GRACE_SECONDS", 0.05)
        with serving([CHUNKED + ch(DELTA) + ch(COMPLETED), WAIT_FOR_HANG_UP]) as server:
            text, s = read_all(transports(server))
        assert text == "par"
        assert s.outcome == "completed"
        assert s.err() is None

    def test_a_stream_that_is_left_early_is_hung_up(
        self, transports: Callable[[ScriptedServer], Transport]
    ) -> None:
        """Leaving the block closes the connection, so that the server can stop generating."""
        with serving([CHUNKED + ch(DELTA), WAIT_FOR_HANG_UP]) as server:
            with StreamerV2(transports(server).stream(post())) as s:
                assert s.next()
            assert server.hung_up.wait(PATIENCE)
            assert s.outcome == "cancelled"
            assert s.err() is None

    def test_a_forgotten_stream_is_closed_with_a_warning(
        self, transports: Callable[[ScriptedServer], Transport]
    ) -> None:
        """A stream that is not closed is closed when it is freed."""
        with serving([CHUNKED + ch(DELTA), WAIT_FOR_HANG_UP]) as server:
            exchange = transports(server).stream(post())
            assert next(iter(exchange)) == DELTA
            with pytest.warns(ResourceWarning, match="unclosed stream: POST /x"):
                exchange.__del__()
            assert server.hung_up.wait(PATIENCE)

    # Nothing would await the end of the body of an asynchronous stream that is not closed.
    @pytest.mark.wires("blocking")
    def test_a_stream_that_was_read_to_its_end_needs_no_close(
        self, transports: Callable[[ScriptedServer], Transport]
    ) -> None:
        """After [DONE] nothing is left to warn of; the connection is given back."""
        script = [CHUNKED + ch(COMPLETED) + ch(DONE) + END]
        with serving(script, script) as server:
            transport = transports(server)
            for _ in range(2):
                for _ in StreamerV2(transport.stream(post())):
                    pass
            assert server.connections == 1


class TestCancel:
    """cancel() from another thread wakes the reader in any phase."""

    @pytest.mark.parametrize(
        ("head", "frame"),
        [
            pytest.param(b"", None, id="before the headers"),
            pytest.param(CHUNKED, ch, id="chunked"),
            pytest.param(CLOSE_DELIMITED, bytes, id="close-delimited"),
        ],
    )
    @pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
    def test_a_waiting_reader_returns(
        self,
        head: bytes,
        frame: Callable[[bytes], bytes] | None,
        secure: bool,
        certificate: trustme.CA,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        """The reader sees a cancellation, never a clean end, and the server sees a hang-up."""
        waiting = threading.Event()
        body = [] if frame is None else [head + frame(DELTA)]
        tls = trusted(certificate, monkeypatch, tmp_path) if secure else None
        with serving([*body, WAIT_FOR_HANG_UP], tls=tls) as server:
            transport = Transport(server.base_url, key=KEY)
            s = StreamerV2(transport.stream(post()))

            def read() -> None:
                while s.next():
                    waiting.set()

            reader = threading.Thread(target=read)
            reader.start()
            if frame is None:
                while not server.requests:
                    reader.join(0.001)
            else:
                assert waiting.wait(PATIENCE)
            s.cancel()
            reader.join(PATIENCE)
            assert not reader.is_alive()
            assert s.outcome == "cancelled"
            assert isinstance(s.err(), StreamCancelledError)
            s.close()
            assert server.hung_up.wait(PATIENCE)
            transport.close()

    def test_a_cancelled_request_is_never_sent(
        self, transports: Callable[[ScriptedServer], Transport]
    ) -> None:
        """cancel() before the first next() keeps the request from being made."""
        with serving() as server:
            s = StreamerV2(transports(server).stream(post()))
            s.cancel()
            assert not s.next()
            assert isinstance(s.err(), StreamCancelledError)
            assert server.connections == 0

    def test_an_exchange_that_was_closed_is_not_sent(
        self, transports: Callable[[ScriptedServer], Transport]
    ) -> None:
        """A source that is closed before it is read stays closed."""
        with serving() as server:
            exchange = transports(server).stream(post())
            exchange.close()
            with pytest.raises(StreamCancelledError):
                next(iter(exchange))
            assert server.connections == 0

    @pytest.mark.wires("blocking", "threads")
    def test_cancel_during_the_connect_is_noticed(
        self, transports: Callable[[ScriptedServer], Transport], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A connection that is made after cancel() is shut down at once."""
        with serving([WAIT_FOR_HANG_UP]) as server:
            exchange = transports(server).stream(post())
            attach = SocketCancellation.attach

            def cancel_first(self: SocketCancellation, connection: Held) -> None:
                exchange.cancel()
                attach(self, connection)

            monkeypatch.setattr(SocketCancellation, "attach", cancel_first)
            with pytest.raises(TransportError):
                next(iter(exchange))

    def test_a_late_cancel_does_not_touch_the_next_stream(
        self, transports: Callable[[ScriptedServer], Transport]
    ) -> None:
        """The connection belongs to the stream that uses it now, not to the one before."""
        seen = threading.Event()
        with serving(
            [CHUNKED + ch(COMPLETED) + ch(DONE) + END],
            [CHUNKED + ch(DELTA), seen, ch(COMPLETED) + ch(DONE) + END],
        ) as server:
            transport = transports(server)
            _, first = read_all(transport)
            with StreamerV2(transport.stream(post())) as second:
                assert second.next()
                first.cancel()
                seen.set()
                assert [event.type for event in second] == ["thread.run.completed", "done"]
            assert server.connections == 1


class TestClocks:
    """Each time limit has its own message."""

    @pytest.mark.parametrize(
        ("script", "timeout", "message"),
        [
            pytest.param(
                [WAIT_FOR_HANG_UP],
                Timeout(first_byte=0.02),
                "no answer from {} within first_byte=0.02 s",
                id="first byte",
            ),
            pytest.param(
                [CHUNKED + ch(DELTA), WAIT_FOR_HANG_UP],
                Timeout(idle=0.02),
                "no data arrived for idle=0.02 s",
                id="idle",
            ),
            pytest.param(
                [CHUNKED + ch(DELTA), WAIT_FOR_HANG_UP],
                Timeout(idle=None, total=0.02),
                "the answer took longer than total=0.02 s",
                id="total",
            ),
            pytest.param(
                [WAIT_FOR_HANG_UP],
                Timeout(total=0.02),
                "the answer took longer than total=0.02 s",
                id="total, before the head",
            ),
        ],
    )
    def test_a_limit_that_runs_out_is_a_timeout(
        self,
        transports: Callable[[ScriptedServer], Transport],
        script: Script,
        timeout: Timeout,
        message: str,
    ) -> None:
        """The outcome is timed_out and the message names the limit."""
        with serving([json_answer({})], script) as server:
            transport = transports(server)
            transport.call(post())  # so that no time goes by while it connects
            _, s = read_all(transport, timeout)
            assert s.outcome == "timed_out"
            assert isinstance(s.err(), StreamTimeoutError)
            assert str(s.err()) == message.format(server.base_url)

    def test_after_expire_nothing_is_waited_for(
        self, transports: Callable[[ScriptedServer], Transport]
    ) -> None:
        """The time that the streamer grants after the terminal event is a limit too."""
        with serving([CHUNKED + ch(DELTA), WAIT_FOR_HANG_UP]) as server:
            exchange = transports(server).stream(post())
            chunks = iter(exchange)
            assert next(chunks) == DELTA
            exchange.expire(0)
            with pytest.raises(StreamTimeoutError, match="kept the connection open"):
                next(chunks)

    def test_expire_can_be_taken_back(
        self, transports: Callable[[ScriptedServer], Transport]
    ) -> None:
        """`expire(None)` lifts the limit, as when another choice begins."""
        seen = threading.Event()
        with serving([CHUNKED + ch(DELTA), seen, ch(DONE) + END]) as server:
            exchange = transports(server).stream(post())
            chunks = iter(exchange)
            assert next(chunks) == DELTA
            exchange.expire(0)
            exchange.expire(None)
            seen.set()
            assert list(chunks) == [DONE]

    def test_a_limit_is_a_positive_number(self) -> None:
        """A limit of zero would not wait at all, which no stream survives."""
        with pytest.raises(ValueError, match="idle must be a positive number"):
            Timeout(idle=0)


class TestRefusals:
    """An answer that is not a stream is an error with its text."""

    @pytest.mark.unmeasured
    @pytest.mark.parametrize(
        ("reply", "cls", "message"),
        [
            pytest.param(
                json_answer(
                    {"error": {"message": "Bad key sk-secret-1234.", "code": "invalid_api_key"}},
                    status="401 Unauthorized",
                    headers="x-request-id: req_7\r\n",
                ),
                AuthenticationError,
                "Bad key [key]. (HTTP status 401, code invalid_api_key, request id req_7)",
                id="401 JSON",
            ),
            pytest.param(
                answer(
                    b"<html><style>p{}</style><h1>Not  here</h1></html>", status="404 Not Found"
                ),
                NotFoundError,
                "Not here (HTTP status 404)",
                id="404 HTML",
            ),
            pytest.param(
                answer(b"", status="500 Internal Server Error"),
                InternalServerError,
                "the server answered with HTTP status 500 Internal Server Error (HTTP status 500)",
                id="500 empty",
            ),
            pytest.param(
                json_answer({"detail": "slow down"}, status="429 Too Many Requests"),
                RateLimitError,
                "slow down (HTTP status 429)",
                id="429 detail",
            ),
            pytest.param(
                answer(
                    b'data: {"error": {"message": "no such model"}}\n\n', status="400 Bad Request"
                ),
                BadRequestError,
                "no such model (HTTP status 400)",
                id="400 event",
            ),
            pytest.param(
                answer(b"", status="529 "),
                InternalServerError,
                "the server answered with HTTP status 529 (HTTP status 529)",
                id="529 without a reason",
            ),
            pytest.param(
                answer(b"", status="307 Moved", headers="Location: https://b.example/v1?key=1\r\n"),
                RedirectError,
                "the server redirects to https://b.example/v1: set base_url to that"
                " (HTTP status 307)",
                id="307",
            ),
            pytest.param(
                json_answer({"error": {"message": "bad"}}), APIError, "bad", id="200 JSON error"
            ),
            pytest.param(
                json_answer({"error": {"code": 3}}),
                APIError,
                "the server reported an error and did not say which (code 3)",
                id="200 JSON error without words",
            ),
            pytest.param(
                answer(b"<html>login</html>", headers="Content-Type: text/html\r\n"),
                NotAnEventStreamError,
                "the server sent text/html instead of text/event-stream: login",
                id="200 HTML",
            ),
            pytest.param(
                answer(b""),
                NotAnEventStreamError,
                "the server sent a response without Content-Type instead of text/event-stream:"
                " (nothing)",
                id="200 empty",
            ),
            pytest.param(
                json_answer([1]),
                NotAnEventStreamError,
                "the server sent application/json instead of text/event-stream: [1]",
                id="200 JSON",
            ),
        ],
    )
    def test_a_refusal_has_its_class_and_its_text(
        self,
        transports: Callable[[ScriptedServer], Transport],
        reply: bytes,
        cls: type[ScanError],
        message: str,
    ) -> None:
        """Status and body together make one error; the key is never part of it."""
        with serving([reply]) as server:
            error = failure(transports(server))
        assert type(error) is cls
        assert str(error) == message

    @pytest.mark.unmeasured
    @pytest.mark.parametrize("how", ["stream", "call", "chunks"])
    @pytest.mark.parametrize(
        "reply",
        [
            pytest.param(
                b"HTTP/1.1 401 No sk-secret-1234\r\nContent-Length: 0\r\n\r\n", id="reason"
            ),
            pytest.param(b"sk-secret-1234 200 OK\r\n\r\n", id="no status line"),
            pytest.param(b"HTTP/1.1 sk-secret-1234\r\n\r\n", id="no status"),
            pytest.param(
                answer(b"", status="307 Moved", headers="Location: /sk-secret-1234/v1\r\n"),
                id="redirect",
            ),
            pytest.param(
                answer(b"<p>", headers="Content-Type: text/sk-secret-1234\r\n"), id="Content-Type"
            ),
            pytest.param(
                answer(b"", headers="Content-Encoding: gzip, sk-secret-1234\r\n"),
                id="Content-Encoding",
            ),
            pytest.param(
                json_answer(
                    {
                        "error": {
                            "message": "m sk-secret-1234",
                            "code": "c sk-secret-1234",
                            "type": "t sk-secret-1234",
                            "param": "p sk-secret-1234",
                            "sk-secret-1234": [{"key": "k sk-secret-1234", "n": 1}],
                        }
                    },
                    status="400 Bad",
                    headers="X-Request-Id: r sk-secret-1234\r\n",
                ),
                id="body",
            ),
            pytest.param(
                answer(rb'{"error": {"message": "\u0073k-secret-1234"}}', status="400 Bad"),
                id="escaped",
            ),
        ],
    )
    def test_a_key_that_the_server_repeats_is_nowhere_in_the_error(
        self, transports: Callable[[ScriptedServer], Transport], how: str, reply: bytes
    ) -> None:
        """Streams, calls and bare exchanges alike: not in words, nor in any of its facts."""
        with serving([reply, FIN]) as server:
            transport = transports(server)
            if how == "stream":
                error = failure(transport)
            elif how == "call":
                with pytest.raises(ScanError) as caught:
                    transport.call(post())
                error = caught.value
            else:
                with pytest.raises(ScanError) as caught:
                    list(transport.stream(post()))
                error = caught.value
        shown = f"{error} {error!r} {vars(error)}"
        assert "[key]" in shown
        assert "secret" not in shown.lower()

    def test_a_key_in_capitals_is_known_in_a_name_that_is_put_in_lower_case(self) -> None:
        """A key in the Content-Encoding is hidden although the name is made lower-case."""
        headers = "Content-Encoding: SK-Secret-1234\r\n"
        with serving([answer(b"", headers=headers)]) as server:
            transport = Transport(server.base_url, key="SK-Secret-1234")
            assert str(failure(transport)) == "the Content-Encoding '[key]' is not supported"

    def test_all_of_an_error_in_a_stream_is_without_the_key(
        self, transports: Callable[[ScriptedServer], Transport]
    ) -> None:
        """Its code, type and param too, and the server's name for the request."""
        event = (
            b'data: {"error": {"message": "m sk-secret-1234", "code": "c sk-secret-1234",'
            b' "type": "t sk-secret-1234", "param": "p sk-secret-1234"}}\n\n'
        )
        headers = "Content-Type: text/event-stream\r\nX-Request-Id: r sk-secret-1234\r\n"
        with serving([answer(event, headers=headers)]) as server:
            error = failure(transports(server))
        assert isinstance(error, APIError)
        assert str(error) == "m [key] (code c [key], param p [key], request id r [key])"
        assert error.type == "t [key]"
        assert "secret" not in repr(vars(error))

    @pytest.mark.parametrize("sent", range(8, 14))
    def test_half_a_key_at_the_end_of_a_cut_body_is_hidden(
        self, transports: Callable[[ScriptedServer], Transport], sent: int
    ) -> None:
        """This holds wherever the cut falls, if at least eight characters of the key are left."""
        before = "sk-secret sk-secret-".rjust(65536 - sent, "x")
        with serving([answer(f"{before}{KEY}.".encode(), status="500 No")]) as server:
            error = failure(transports(server))
        assert isinstance(error, InternalServerError)
        assert error.body == f"{before}[key]"

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("no: xxxxxxxx-xxxxxxxx-1.", "no: [key]."),
            ("no: xxxxxxxxx", "no: x[key]"),
            ("no: xxxxxxxx-xxxxxxxx", "no: [key]"),
            ("no: xxxxxxxxx.", "no: xxxxxxxxx."),
            ("no: xxxxxxx", "no: xxxxxxx"),
        ],
    )
    def test_a_key_that_repeats_itself_is_found_all_the_same(self, text: str, shown: str) -> None:
        """The longest beginning of the key at the end of a text is hidden."""
        transport = Transport("http://a/v1", key="xxxxxxxx-xxxxxxxx-1")
        assert transport.redact(text) == shown

    @pytest.mark.parametrize("name", SECRET_NAMES)
    def test_a_value_of_a_secret_name_is_hidden_as_the_key_is(self, name: str) -> None:
        """It may be in a header or a parameter, of all requests or of one, or cut short."""
        secret = "not/to be seen"
        parts: list[dict[str, Any]] = [{"headers": {name: secret}}, {"query": {name: secret}}]
        for part in parts:
            of_all = Transport("http://a/v1", key="", **part)
            of_one = Transport("http://a/v1", key="").stream(
                Request(method="GET", path="/x", **part)
            )
            for hides in (of_all, of_all.stream(post()), of_one):
                shown = hides.redact(f"{secret}, not%2Fto+be+seen, not/to be")
                assert shown == "[key], [key], [key]"

    @pytest.mark.parametrize("name", ["X-Author", "Idempotency-Key", "OpenAI-Project", "keyword"])
    def test_another_value_is_shown(self, name: str) -> None:
        """Values that are not secret stay, since they help you find the fault."""
        transport = Transport("http://a/v1", key="", headers={name: "some-value"})
        assert transport.redact("some-value") == "some-value"

    @pytest.mark.parametrize(
        ("value", "secret"),
        [
            ("Bearer abcdefgh", "abcdefgh"),
            ("Basic dXNlcjpwYXNzd29yZA==", "password"),
            ("Basic dXNlcjpwYXNzd29yZA==", "user:password"),
            ("Basic not-base64", "not-base64"),
            ("theme=dark; id=abcdefgh", "abcdefgh"),
            ('with "quotes"', 'with \\"quotes\\"'),
            ("zw\xf6lf zeichen", "zw\xc3\xb6lf zeichen"),
        ],
    )
    def test_so_is_what_such_a_value_consists_of(self, value: str, secret: str) -> None:
        """A part or another form of such a value is hidden too, as a server may repeat it."""
        transport = Transport("http://a/v1", key="", headers={"Authorization": value})
        assert transport.redact(f"<{secret}>") == "<[key]>"
        assert transport.redact("short, long enough") == "short, long enough"

    def test_the_longest_secret_is_hidden_first(self) -> None:
        """If a secret contains another one, hiding the shorter first would leave the rest."""
        headers = {"X-Key": "abcdefgh", "X-Token": "abcdefgh-ijkl"}
        transport = Transport("http://a/v1", key="", headers=headers)
        assert transport.redact("abcdefgh-ijkl abcdefgh.") == "[key] [key]."

    def test_a_body_of_too_many_arrays_has_no_text_to_show(self) -> None:
        """A body that is nested too deeply to search for a key is dropped."""
        body: Any = []
        for _ in range(100_000):
            body = [body]
        error = APIError("m", body=body)
        redact_error(error, str)
        assert (error.message, error.body) == ("m", None)
        while body:
            body = body.pop()

    @pytest.mark.parametrize("kind", ["text/plain; charset=utf-8", "application/json", "text/html"])
    def test_a_stream_under_another_name_is_read(
        self, transports: Callable[[ScriptedServer], Transport], kind: str
    ) -> None:
        """The beginning of the body decides, also behind a byte order mark and blank lines."""
        body = b"\xef\xbb\xbf\n\n" + DELTA + COMPLETED + DONE
        script = [answer(body, headers=f"Content-Type: {kind}\r\n")]
        with serving(script) as server:
            assert read_all(transports(server))[0] == "par"

    def test_the_body_of_an_error_is_bounded(
        self, transports: Callable[[ScriptedServer], Transport]
    ) -> None:
        """No more than its beginning is read, and the connection is dropped."""
        head = b"HTTP/1.1 500 No\r\nContent-Length: 10000000\r\n\r\n"
        with serving([head, b"x" * 200_000, WAIT_FOR_HANG_UP]) as server:
            error = failure(transports(server))
            assert server.hung_up.wait(PATIENCE)
        assert isinstance(error, InternalServerError)
        assert error.body == "x" * 65536
        assert str(error) == "x" * 200 + " (HTTP status 500)"

    def test_the_body_of_an_error_may_break_off(
        self, transports: Callable[[ScriptedServer], Transport]
    ) -> None:
        """The message has the part that arrived."""
        head = b"HTTP/1.1 400 No\r\nContent-Length: 100\r\n\r\nbecause"
        with serving([head, FIN]) as server:
            error = failure(transports(server))
        assert isinstance(error, BadRequestError)
        assert error.message == "because"


class TestCalls:
    """A call returns the JSON value of the answer."""

    def test_a_call_returns_json(self, transports: Callable[[ScriptedServer], Transport]) -> None:
        """A call returns the JSON of the answer, and asks for JSON."""
        with serving([json_answer({"id": "x"})]) as server:
            assert transports(server).call(post()) == {"id": "x"}
            assert server.requests[0].headers["accept"] == "application/json"

    def test_an_answer_that_is_not_json_is_an_error(
        self, transports: Callable[[ScriptedServer], Transport]
    ) -> None:
        """A web page with status 200 is not an answer."""
        with serving([answer(b"<p>Hi", headers="Content-Type: text/html\r\n")]) as server:
            with pytest.raises(NotAnEventStreamError) as caught:
                transports(server).call(post())
        assert str(caught.value) == "the server sent text/html instead of application/json: Hi"


class TestRequests:
    """What is sent, and what never is."""

    def test_a_netrc_file_does_not_replace_the_key(
        self,
        transports: Callable[[ScriptedServer], Transport],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        """Requests would replace a header by what it finds in ~/.netrc."""
        netrc = tmp_path / "netrc"
        netrc.write_text("machine localhost login me password other\n")
        monkeypatch.setenv("NETRC", str(netrc))
        with serving([json_answer({})]) as server:
            transports(server).call(post())
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"

    def test_no_key_sends_no_header(self) -> None:
        """A server that needs no key gets none, not even an empty one."""
        with serving([json_answer({})]) as server:
            transport = Transport(server.base_url, key="")
            transport.call(post())
            transport.close()
        assert "authorization" not in server.requests[0].headers
        assert transport.redact("text") == "text"

    def test_cookies_are_not_kept(self, transports: Callable[[ScriptedServer], Transport]) -> None:
        """A cookie that a server sets is not sent with the next request."""
        reply = json_answer({}, headers="Set-Cookie: a=b\r\n")
        with serving([reply], [reply]) as server:
            transport = transports(server)
            transport.call(post())
            transport.call(post())
        assert "cookie" not in server.requests[1].headers

    @pytest.mark.parametrize("how", ["stream", "call"])
    @pytest.mark.parametrize(
        ("wrong", "cls", "message"),
        [
            ({"body": {"a": {1}}}, TypeError, "set cannot be sent as JSON"),
            ({"body": {"a": Upload}}, TypeError, r"pass json_schema_format\(Upload\)"),
            ({"body": {"a": post}}, TypeError, r"pass tool_of\(post\)"),
            ({"body": {"a": float("nan")}}, ValueError, "not JSON compliant"),
            ({"query": {"a": object()}}, TypeError, "object cannot be sent as JSON"),
            ({"headers": {"X-A": "s3cret\n"}}, ValueError, "the header X-A ends with a line break"),
            ({"headers": {"X-A": "\u20ac"}}, ValueError, "the header X-A contains a character"),
            ({"headers": {"X-A": None}}, TypeError, "values of headers must be strings"),
            (
                {"uploads": (Upload("f", "a.txt", b"a"),), "body": {"a": {1}}},
                TypeError,
                "set cannot be sent as JSON",
            ),
        ],
        ids=["set", "class", "function", "NaN", "query", "line end", "not Latin-1", "None", "form"],
    )
    def test_what_cannot_be_sent_is_refused(
        self, how: str, wrong: dict[str, Any], cls: type[Exception], message: str
    ) -> None:
        """It is the caller's mistake and raised at once, not by the first step of the stream."""
        transport = Transport("http://nowhere.invalid", key=KEY)
        with pytest.raises(cls, match=message) as caught:
            getattr(transport, how)(Request(method="POST", path="/x", **wrong))
        assert "s3cret" not in str(caught.value)

    def test_what_is_sent_is_as_it_was_when_the_stream_was_made(
        self, transports: Callable[[ScriptedServer], Transport]
    ) -> None:
        """A list that keeps growing does not change a request that has been made of it."""
        body = {"messages": ["first"]}
        with serving([answer(COMPLETED, headers="Content-Type: text/event-stream\r\n")]) as server:
            exchange = transports(server).stream(Request(method="POST", path="/x", body=body))
            body["messages"].append("second")
            assert b"".join(exchange) == COMPLETED
        assert server.requests[0].json() == {"messages": ["first"]}

    def test_nothing_shows_the_key_or_the_question(
        self,
        transports: Callable[[ScriptedServer], Transport],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Neither a repr nor the log has them; the log has method, path and status."""
        caplog.set_level(logging.DEBUG, "openai_scan")
        request = Request(method="POST", path="/x", body={"q": "prompt"}, headers={"h": "prompt"})
        with serving([json_answer({})]) as server:
            transport = transports(server)
            transport.call(request)
        shown = repr(request) + repr(transport) + caplog.text
        assert KEY not in shown
        assert "prompt" not in shown
        assert "POST /x: HTTP status 200" in caplog.text

    def test_an_error_in_a_stream_has_the_request_id_and_not_the_key(
        self, transports: Callable[[ScriptedServer], Transport]
    ) -> None:
        """What an event reports is treated like the body of an error."""
        event = b'data: {"error": {"message": "Incorrect key sk-secret-1234"}}\n\n'
        headers = "Content-Type: text/event-stream\r\nX-Request-Id: r1\r\n"
        with serving([answer(event, headers=headers)]) as server:
            error = failure(transports(server))
        assert isinstance(error, APIError)
        assert str(error) == "Incorrect key [key] (request id r1)"
        assert repr(error) == "APIError('Incorrect key [key]')"
        assert error.body == '{"error": {"message": "Incorrect key [key]"}}'

    def test_closing_closes_what_is_not_in_use(
        self, transports: Callable[[ScriptedServer], Transport]
    ) -> None:
        """The server sees the idle connection go, also while the stream is still held."""
        with serving([CHUNKED + ch(COMPLETED) + ch(DONE) + END]) as server:
            transport = transports(server)
            _, s = read_all(transport)
            transport.close()
            assert server.hung_up.wait(PATIENCE)
            assert s.outcome == "completed"

    @pytest.mark.wires("blocking")
    def test_tcp_probes_are_on(self, transports: Callable[[ScriptedServer], Transport]) -> None:
        """A peer that is gone is noticed although nothing is sent."""
        import socket

        with serving([CHUNKED + ch(DELTA), WAIT_FOR_HANG_UP]) as server:
            exchange = transports(server).stream(post())
            next(iter(exchange))
            assert isinstance(exchange.cancellation, SocketCancellation)
            connected = exchange.cancellation._socket  # there is no public way to the socket
            assert connected is not None
            assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
            for name, value in (("KEEPIDLE", 60), ("KEEPINTVL", 60), ("KEEPCNT", 5)):
                option = getattr(socket, f"TCP_{name}", None)  # no system has all of them
                assert option is None or connected.getsockopt(socket.IPPROTO_TCP, option) == value
            exchange.close()

    @pytest.mark.wires("blocking", "threads")
    def test_a_fork_gets_connections_of_its_own(
        self, transports: Callable[[ScriptedServer], Transport], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Parent and child must not write to the same socket."""
        with serving([json_answer({})], [json_answer({})]) as server:
            transport = transports(server)
            transport.call(post())
            parent = os.getpid()
            monkeypatch.setattr(os, "getpid", lambda: parent + 1)
            transport.call(post())
            assert server.connections == 2

    @pytest.mark.wires("blocking")
    def test_a_fork_gives_no_connection_back(
        self, transports: Callable[[ScriptedServer], Transport], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The pool is the parent's, and may be locked forever; the connection is closed."""
        given_back: list[object] = []
        monkeypatch.setattr(
            urllib3.HTTPConnectionPool, "_put_conn", lambda _, given: given_back.append(given)
        )
        with serving([CHUNKED + ch(DELTA), WAIT_FOR_HANG_UP]) as server:
            exchange = transports(server).stream(post())
            next(iter(exchange))
            parent = os.getpid()
            monkeypatch.setattr(os, "getpid", lambda: parent + 1)
            exchange.close()
            assert server.hung_up.wait(PATIENCE)
        assert given_back == []

    def test_a_proxy_is_used_as_the_environment_says(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The request goes to the proxy, with the whole URL in its first line."""
        with serving(*[[json_answer({"via": "proxy"})]] * 2) as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.base_url.removesuffix("/v1"))
            monkeypatch.setenv("NO_PROXY", "")
            transport = Transport("http://api.example/v1", key=KEY)
            assert transport.call(post()) == {"via": "proxy"}
            assert transport.call(post()) == {"via": "proxy"}
            transport.close()
        assert proxy.requests[0].line == "POST http://api.example/v1/x HTTP/1.1"
        assert proxy.connections == 1

    @pytest.mark.wires("blocking", "threads")
    def test_a_socks_proxy_is_used_as_the_environment_says(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The library for such proxies makes the connection, and the rest is as ever."""
        with socks_proxy(json_answer({"via": "proxy"})) as (port, asked):
            monkeypatch.setenv("ALL_PROXY", f"socks5h://127.0.0.1:{port}")
            monkeypatch.setenv("NO_PROXY", "")
            transport = Transport("http://api.example/v1", key=KEY)
            assert transport.call(post()) == {"via": "proxy"}
            transport.close()
        assert asked == [b"api.example"]

    def test_the_request_id_is_known_after_the_headers(
        self, transports: Callable[[ScriptedServer], Transport]
    ) -> None:
        """It is None before; afterwards it is what the server calls the request."""
        reply = answer(COMPLETED, headers="Content-Type: text/event-stream\r\nX-Request-Id: r1\r\n")
        with serving([reply]) as server:
            exchange = transports(server).stream(post())
            assert exchange.request_id is None
            assert b"".join(exchange) == COMPLETED
            assert exchange.request_id == "r1"


class TestFailures:
    """What goes wrong before there is an answer."""

    def test_a_refused_connection_is_a_connect_error(self) -> None:
        """Nothing was sent, and the message gives the reason."""
        with serving() as server:
            pass
        transport = Transport(server.base_url, key=KEY)
        with pytest.raises(ConnectError) as caught:
            transport.call(post())
        assert str(caught.value) == f"no connection to {server.base_url}: Connection refused"
        assert isinstance(caught.value.__cause__, OSError)

    def test_an_untrusted_certificate_is_a_tls_error(self, certificate: trustme.CA) -> None:
        """The message gives the reason, and how to trust the certificate."""
        with serving(tls=tls_context(certificate)) as server:
            transport = Transport(server.base_url, key=KEY)
            with pytest.raises(
                TLSError, match=r"verify failed.*; if you trust .* REQUESTS_CA_BUNDLE"
            ):
                transport.call(post())

    @pytest.mark.parametrize(
        ("error", "connecting", "expected"),
        [
            (
                requests.exceptions.ProxyError("no"),
                True,
                "ConnectError: no connection to U through the proxy: no",
            ),
            (requests.RequestException("odd"), False, "TransportError: no answer from U: odd"),
            (
                urllib3.exceptions.HTTPError("odd"),
                False,
                "TransportError: no answer from U: odd",
            ),
            (
                requests.exceptions.InvalidHeader("in header value: 's3cret\n'"),
                True,
                "TransportError: no request to U: the value of a header is malformed",
            ),
        ],
    )
    def test_every_error_of_requests_has_its_own(
        self, error: Exception, connecting: bool, expected: str
    ) -> None:
        """Errors that are hard to cause on loopback are translated too."""
        clock = Clock(Timeout())
        clock.connecting = connecting
        ours = failures.no_answer(error, "U", clock)
        assert f"{type(ours).__name__}: {ours}" == expected

    @pytest.mark.parametrize(
        ("script", "error"),
        [
            ([FIN], TransportError),
            ([b"sk-secret-1234 200\r\n\r\n", FIN], TransportError),
            ([CHUNKED + b"sk-secret-1234\r\n", FIN], TransportError),
            ([WAIT_FOR_HANG_UP], StreamTimeoutError),
            (None, ConnectError),
        ],
        ids=["no answer", "no HTTP", "no chunk", "silence", "no server"],
    )
    def test_the_causes_of_an_error_do_not_hold_the_request(
        self, script: Script | None, error: type[ScanError]
    ) -> None:
        """Their messages, attributes and tracebacks do not refer to it."""
        request = Request(
            method="POST",
            path="/x",
            body={"input": "secret question"},
            timeout=Timeout(first_byte=0.2),
            retries=ONCE,
        )
        with serving(script or []) as server:
            transport = Transport(server.base_url, key=KEY, query={"token": "secret-token"})
            if script is None:
                server.__exit__()
            with pytest.raises(error) as caught:
                transport.call(request)
            transport.close()
        causes = all_causes(caught.value)
        assert causes
        for cause in causes:
            assert cause.__traceback__ is None
            assert getattr(cause, "request", None) is None
            assert getattr(cause, "response", None) is None
            assert "secret" not in f"{cause} {cause!r} {getattr(cause, 'url', None)}"

    @pytest.mark.parametrize("script", [[FIN], [CHUNKED + ch(DELTA), RST]], ids=["send", "read"])
    def test_what_the_caller_is_handling_is_left_alone(
        self, transports: Callable[[ScriptedServer], Transport], script: Script
    ) -> None:
        """A request in an `except` block does not change the exception, nor have it as a cause."""
        with serving(script) as server, StreamerV2(transports(server).stream(post())) as s:
            try:
                int("no number")
            except ValueError as caught:
                own = caught
                while s.next():
                    pass
            error = s.err()
        assert type(error) is TransportError
        assert own not in all_causes(error)
        assert own.args == ("invalid literal for int() with base 10: 'no number'",)
        assert own.__traceback__ is not None

    def test_a_cause_that_would_show_a_header_is_empty(self) -> None:
        """Messages of requests that quote the value of a header are removed."""
        inner = urllib3.exceptions.LocationParseError("http://me:s3cret@proxy:99999")
        error = requests.exceptions.InvalidHeader(
            "in header value: 's3cret'", request=requests.Request()
        )
        error.__context__ = inner
        assert redact_foreign(error, str, strip=failures.strip, handled=None) is error
        assert (error.args, error.request, inner.args, vars(inner)) == ((), None, (), {})

    @pytest.mark.parametrize(
        "proxy",
        [
            "http://me:s3cret@proxy:99999",
            "me:s3cret@proxy",
            "socks5h://me:s3cret@proxy:99999",
            "socks9://me:s3cret@proxy",
        ],
    )
    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_a_proxy_with_a_malformed_url_is_reported_without_its_password(
        self, monkeypatch: pytest.MonkeyPatch, scheme: str, proxy: str
    ) -> None:
        """A traceback does not print it either."""
        monkeypatch.setenv("ALL_PROXY", proxy)
        monkeypatch.setenv("NO_PROXY", "")
        transport = Transport(f"{scheme}://api.example/v1", key=KEY)
        with pytest.raises(TransportError) as caught:
            transport.call(post())
        assert str(caught.value) == (
            f"no request to {scheme}://api.example/v1: its URL, or that of the proxy in the"
            " environment, is malformed"
        )
        assert "s3cret" not in "".join(traceback.format_exception(caught.value))

    @pytest.mark.parametrize("kind", ["http", "socks5h"])
    def test_a_proxy_that_cannot_be_reached_is_reported_without_its_password(
        self, monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        """It is a ConnectError, since nothing was sent."""
        with serving() as server:
            pass
        place = server.base_url.removeprefix("http://").removesuffix("/v1")
        monkeypatch.setenv("ALL_PROXY", f"{kind}://me:s3cret@{place}")
        monkeypatch.setenv("NO_PROXY", "")
        transport = Transport("https://api.example/v1", key=KEY)
        with pytest.raises(ConnectError, match="Connection refused") as caught:
            transport.call(post())
        assert "s3cret" not in "".join(traceback.format_exception(caught.value))

    def test_a_ring_of_causes_is_not_a_trap(self) -> None:
        """The search for the reason ends, even if causes form a ring."""
        first, second = ValueError("first"), ValueError("second")
        first.__cause__, second.__cause__ = second, first
        assert failures.reason(first) == "first"
        assert redact_foreign(first, str, strip=failures.strip, handled=None) is first


def all_causes(error: BaseException) -> list[BaseException]:
    """Return the causes of *error*, by the references that Python itself keeps."""
    inner = error.__cause__ or error.__context__
    return [] if inner is None else [inner, *all_causes(inner)]


@pytest.fixture(scope="session")
def certificate() -> trustme.CA:
    """Return a certificate authority that no one trusts yet."""
    return trustme.CA()


def tls_context(certificate: trustme.CA) -> ssl.SSLContext:
    """Return what a server needs to speak TLS as localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.issue_cert("localhost").configure_cert(context)
    return context


def trusted(
    certificate: trustme.CA, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> ssl.SSLContext:
    """Return a server's TLS context, and make requests trust its certificate by the environment."""
    bundle = folder / "ca.pem"
    certificate.cert_pem.write_to_path(bundle)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    return tls_context(certificate)
