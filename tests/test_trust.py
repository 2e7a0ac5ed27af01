"""Clocks, cancellation, retries and resumption, over real sockets."""

from __future__ import annotations

import contextlib
import email.utils
import gc
import io
import itertools
import json
import logging
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from forks import failed, fork
from server import (
    CHUNKED,
    END,
    FIN,
    PATIENCE,
    RST,
    TAKE,
    WAIT_FOR_HANG_UP,
    Repeat,
    Script,
    ScriptedServer,
    answer,
    ch,
    full_queue,
    json_answer,
    serving,
)

from openai_scan import (
    Client,
    ConnectError,
    ConnectTimeoutError,
    EventStreamError,
    InternalServerError,
    NotFoundError,
    RateLimitError,
    RetryPolicy,
    StreamCancelledError,
    StreamerV2,
    StreamTimeoutError,
    Timeout,
    TransportError,
    TruncatedStreamError,
)
from openai_scan.transport import Request, Transport
from openai_scan.transport.clock import Clock
from openai_scan.transport.exchange import BaseExchange
from openai_scan.transport.retries import backoff, retry_after, should_retry
from openai_scan.transport.session import cancellation, connections
from openai_scan.transport.session import wire as session_module
from openai_scan.transport.session.dial import dial

pytestmark = pytest.mark.usefixtures("wire")

KEY = "sk-secret-1234"
ONCE = RetryPolicy(attempts=1)
AT_ONCE = RetryPolicy(wait_initial=0, wait_max=0)
HEAD = CHUNKED

HI = (
    b'data: {"id":"c","object":"chat.completion.chunk",'
    b'"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
)
ROLE = (
    b'data: {"id":"c","object":"chat.completion.chunk",'
    b'"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
)
STOP = (
    b'data: {"id":"c","object":"chat.completion.chunk",'
    b'"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
)
DONE = b"data: [DONE]\n\n"
OVERLOADED = b'data: {"error":{"message":"busy","type":"server_error","code":"overloaded"}}\n\n'
PING = b'data: {"type":"ping"}\n\n'
USAGE = (
    b'data: {"id":"c","object":"chat.completion.chunk","choices":[],'
    b'"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}\n\n'
)
WHOLE = [HEAD + ch(HI + STOP + DONE) + END]


@contextlib.contextmanager
def chatting(
    server: ScriptedServer,
    *,
    timeout: Timeout | None = None,
    retries: RetryPolicy = ONCE,
    record: io.BytesIO | None = None,
) -> Iterator[StreamerV2]:
    """Stream a chat completion from *server*."""
    with (
        Client(KEY, server.base_url, timeout=timeout, retries=retries) as client,
        client.create_chat_completion_stream(
            model="m", messages=[{"role": "user", "content": "secret question"}], record=record
        ) as s,
    ):
        yield s


def read(s: StreamerV2) -> str:
    """Return the text of *s*, which is at its end then."""
    text = ""
    while s.next():
        text += s.text() or ""
    return text


def cancel_when(happened: threading.Event, s: StreamerV2) -> threading.Thread:
    """Start a thread that cancels *s* as soon as something has happened."""

    def wait_and_cancel() -> None:
        assert happened.wait(PATIENCE)
        s.cancel()

    thread = threading.Thread(target=wait_and_cancel)
    thread.start()
    return thread


class TestClocks:
    """Each limit watches what it says, and nothing else."""

    @pytest.mark.parametrize(
        "alive",
        [
            b": ping\n\n",
            b'data: {"type":"ping"}\n\n',
            b'event: keepalive\ndata: {"type":"keepalive","sequence_number":3}\n\n',
            b"data:\n\n",
        ],
        ids=["comment", "ping", "keepalive", "empty"],
    )
    def test_what_keeps_the_connection_alive_is_silence_of_events(self, alive: bytes) -> None:
        """Keep-alives do not restart event_idle, but they restart idle."""
        hung_up = threading.Event()

        def keep_alive() -> Iterator[bytes]:
            while not hung_up.wait(0.01):  # not to synchronise: this is the server's rhythm
                yield ch(alive)

        with serving([HEAD + ch(HI), keep_alive()]) as server:
            timeout = Timeout(idle=PATIENCE, event_idle=0.2)
            with chatting(server, timeout=timeout) as s:
                assert read(s) == "Hi"
                error = s.err()
            hung_up.set()
        assert isinstance(error, StreamTimeoutError)
        assert (error.limit, s.outcome) == ("event_idle", "timed_out")
        assert str(error) == "no event arrived for event_idle=0.2 s"

    @pytest.mark.parametrize("recorded", [False, True], ids=["plain", "recorded"])
    @pytest.mark.parametrize("first", [HI, HI + PING, PING + HI, PING])
    def test_the_reader_s_own_time_is_not_silence(
        self, monkeypatch: pytest.MonkeyPatch, first: bytes, recorded: bool
    ) -> None:
        """The time that a reader takes for an event, or a keep-alive, does not count."""
        real, away = time.monotonic, 0.0
        monkeypatch.setattr(time, "monotonic", lambda: real() + away)
        with serving([HEAD + ch(first), go := threading.Event(), *WHOLE_REST]) as server:
            record = io.BytesIO() if recorded else None
            with chatting(server, timeout=Timeout(event_idle=5), record=record) as s:
                while s.next():
                    away += 3600
                    go.set()
                assert s.err() is None
                assert s.outcome == "completed"

    @pytest.mark.parametrize("alive", [b": ping\n\n", b"data:\n\n", PING])
    def test_what_is_done_with_keep_alives_is_silence(
        self, monkeypatch: pytest.MonkeyPatch, alive: bytes
    ) -> None:
        """The time that it takes to process keep-alives counts towards event_idle."""
        real, away = time.monotonic, 0.0
        monkeypatch.setattr(time, "monotonic", lambda: real() + away)

        class SlowFile(io.BytesIO):
            """A file that takes an hour for each write."""

            def write(self, data: Any, /) -> int:
                nonlocal away
                away += 3600
                if len(self.getvalue()) >= len(HI):
                    kept_alive.set()
                return super().write(data)

        begun, kept_alive = threading.Event(), threading.Event()
        with serving([HEAD + ch(HI), begun, ch(alive), kept_alive, *WHOLE_REST]) as server:
            with chatting(server, timeout=Timeout(event_idle=60)) as s:
                s.tee(SlowFile())
                assert s.next()
                begun.set()
                assert read(s) == ""
                error = s.err()
        assert isinstance(error, StreamTimeoutError)
        assert error.limit == "event_idle"

    @pytest.mark.further
    @pytest.mark.unmeasured
    @pytest.mark.parametrize(
        "flood",
        [ch(b": ping\n\n" * 999), ch(PING * 999), ch(b"data:\n\n" * 999)],
        ids=["comments", "pings", "empty events"],
    )
    def test_a_flood_of_keep_alives_is_silence_of_events(
        self, monkeypatch: pytest.MonkeyPatch, flood: bytes
    ) -> None:
        """event_idle expires although keep-alives come so fast that no read has to wait."""
        # Reading the clock takes a millisecond. Otherwise, on a busy machine, nearly all time would
        # be the reader's, which does not count.
        real, readings = time.monotonic, itertools.count()
        monkeypatch.setattr(time, "monotonic", lambda: real() + next(readings) / 1000)
        with serving([HEAD + ch(HI), itertools.repeat(flood)]) as server:
            timeout = Timeout(event_idle=0.2, total=3600)
            with chatting(server, timeout=timeout) as s:
                assert read(s) == "Hi"
                error = s.err()
        assert isinstance(error, StreamTimeoutError)
        assert error.limit == "event_idle"

    def test_a_trailer_without_an_end_is_silence_of_events(self) -> None:
        """The time limits also apply to what follows the last chunk."""
        with serving([HEAD + ch(HI) + b"0\r\n", Repeat(b"X: y\r\n")]) as server:
            timeout = Timeout(event_idle=0.2, total=PATIENCE)
            with chatting(server, timeout=timeout) as s:
                assert read(s) == "Hi"
                error = s.err()
        assert isinstance(error, StreamTimeoutError)
        assert error.limit == "event_idle"

    def test_a_reader_that_leaves_late_still_leaves_a_connection(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """event_idle does not apply to the rest of the body, so the connection is reused."""
        real, away = time.monotonic, 0.0
        monkeypatch.setattr(time, "monotonic", lambda: real() + away)
        with (
            serving([HEAD + ch(HI + STOP + DONE) + END], WHOLE) as server,
            Client(KEY, server.base_url, timeout=Timeout(event_idle=5)) as client,
        ):
            for _ in range(2):
                with client.create_chat_completion_stream(model="m", messages=[]) as s:
                    while s.next():
                        away += 3600
            assert server.connections == 1

    @pytest.mark.unmeasured
    @pytest.mark.parametrize(
        ("after", "expected"),
        [
            ([ch(USAGE + DONE), END], 3),
            ([ch(USAGE), ch(DONE), END], 3),
            ([ch(PING + USAGE + DONE), END], 4),
            ([ch(STOP), ch(STOP + USAGE), ch(DONE), END], 5),
            ([ch(USAGE), END], 2),
            ([ch(DONE), END], 2),
        ],
        ids=["at once", "one by one", "ping", "repeated ends", "no [DONE]", "no usage"],
    )
    @pytest.mark.parametrize("recorded", [False, True], ids=["plain", "recorded"])
    def test_the_reader_s_own_time_is_not_the_grace_s(
        self,
        monkeypatch: pytest.MonkeyPatch,
        after: list[bytes],
        expected: int,
        recorded: bool,
    ) -> None:
        """A reader that is busy with the last event still gets the usage that has arrived."""
        real, away = time.monotonic, 0.0
        monkeypatch.setattr(time, "monotonic", lambda: real() + away)
        with (
            serving([HEAD + ch(HI + STOP), go := threading.Event(), *after], WHOLE) as server,
            Client(KEY, server.base_url) as client,
        ):
            record = io.BytesIO() if recorded else None
            with client.create_chat_completion_stream(model="m", messages=[], record=record) as s:
                assert s.next()
                events = 0
                while s.next():
                    events += 1
                    away += 3600
                    go.set()
                assert events == expected
                assert (s.outcome, s.err()) == ("completed", None)
                assert "held_open" not in s.notes
            with client.create_chat_completion_stream(model="m", messages=[]) as s:
                assert s.read() == b"Hi"
            assert server.connections == 1

    @pytest.mark.unmeasured
    def test_old_events_are_silence(self) -> None:
        """A resumed response that only repeats old events runs into event_idle."""
        replay = itertools.repeat(ch(BEGINNING * 99))
        with (
            serving([HEAD + ch(BEGINNING), RST], [HEAD, replay]) as server,
            Client(
                KEY,
                server.base_url,
                timeout=Timeout(event_idle=0.2, total=PATIENCE),
                retries=RetryPolicy(attempts=2, wait_initial=0),
            ) as client,
            client.create_response_stream(model="m", input="q", background=True) as s,
        ):
            assert read(s) == "Hel"
            error = s.err()
        assert isinstance(error, StreamTimeoutError)
        assert error.limit == "event_idle"

    def test_headers_that_trickle_in_do_not_extend_the_time(self) -> None:
        """first_byte is the limit for all response headers, not for each byte."""
        hung_up = threading.Event()

        def trickle() -> Iterator[bytes]:
            yield b"HTTP/1.1 200 OK\r\nX-Slow: "
            while not hung_up.wait(0.01):
                yield b"x"

        with serving([trickle()]) as server:
            with chatting(server, timeout=Timeout(first_byte=0.2)) as s:
                assert not s.next()
                error = s.err()
            hung_up.set()
        assert isinstance(error, StreamTimeoutError)
        assert error.limit == "first_byte"

    def test_a_name_that_is_unknown_in_time_is_a_connect_timeout(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The lookup is within the limit for connecting, though the system's call has none."""
        known = threading.Event()
        blocked_lookup(monkeypatch, until=known)
        transport = Transport("http://nowhere.test/v1", key=KEY)
        request = Request(method="GET", path="/x", timeout=Timeout(connect=0.05), retries=ONCE)
        with pytest.raises(ConnectTimeoutError) as caught:
            transport.call(request)
        known.set()
        assert caught.value.limit == "connect"
        assert str(caught.value) == "no connection to http://nowhere.test/v1 within connect=0.05 s"

    def test_total_is_a_limit_for_connecting_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """If total expires first, the message names it."""
        known = threading.Event()
        blocked_lookup(monkeypatch, until=known)
        transport = Transport("http://nowhere.test/v1", key=KEY)
        with pytest.raises(ConnectTimeoutError, match=r"within total=0\.05 s"):
            transport.call(Request(method="GET", path="/x", timeout=Timeout(total=0.05)))
        known.set()

    def test_total_includes_all_attempts(self) -> None:
        """It continues in the next attempt, and does not start again."""
        busy = answer(b"", status="503 Busy")
        with serving([busy], [HEAD + ch(HI), WAIT_FOR_HANG_UP]) as server:
            with chatting(server, timeout=Timeout(total=0.5), retries=AT_ONCE) as s:
                first = s.source
                assert isinstance(first, BaseExchange)
                assert s.next()
                second = s.source
                assert isinstance(second, BaseExchange)
                assert second is not first
                assert second.clock.deadline == first.clock.deadline
                assert not s.next()
                error = s.err()
        assert isinstance(error, StreamTimeoutError)
        assert error.limit == "total"

    def test_a_server_that_does_not_answer_a_connection_is_a_connect_timeout(self) -> None:
        """Its queue is full, so that it neither accepts nor refuses."""
        with full_queue() as port:
            transport = Transport(f"http://127.0.0.1:{port}/v1", key=KEY)
            request = Request(method="GET", path="/x", timeout=Timeout(connect=0.05), retries=ONCE)
            with pytest.raises(ConnectTimeoutError) as caught:
                transport.call(request)
        assert caught.value.limit == "connect"

    def test_a_server_that_does_not_take_the_request_is_a_timeout(self) -> None:
        """Sending it counts towards the timeout for the response headers."""
        timed_out = threading.Event()
        with serving(openings=[[timed_out]], buffer=4096) as server:
            transport = Transport(server.base_url, key=KEY)
            request = Request(
                method="POST",
                path="/x",
                body={"input": "x" * 20_000_000},
                timeout=Timeout(first_byte=0.1),
                retries=ONCE,
            )
            with pytest.raises(StreamTimeoutError) as caught:
                transport.call(request)
            timed_out.set()
        assert caught.value.limit == "first_byte"

    def test_a_limit_that_is_over_is_not_waited_for(self) -> None:
        """If a limit has expired before the next wait begins, there is no wait."""
        with serving([HEAD + ch(HI), WAIT_FOR_HANG_UP]) as server:
            with chatting(server) as s:
                assert s.next()
                exchange = s.source
                assert isinstance(exchange, BaseExchange)
                exchange.expire(-1)
                assert not s.next()
                error = s.err()
        assert isinstance(error, StreamTimeoutError)
        assert error.limit is None

    def test_no_limits_are_none_at_all(self) -> None:
        """With None for each limit, a stream is read to its end."""
        with serving([HEAD + ch(PING + HI + STOP + DONE) + END]) as server:
            for_ever = Timeout(
                connect=None, first_byte=None, idle=None, event_idle=None, total=None
            )
            with chatting(server, timeout=for_ever) as s:
                assert read(s) == "Hi"


WHOLE_REST = [ch(STOP + DONE) + END]


def blocked_lookup(
    monkeypatch: pytest.MonkeyPatch, *, until: threading.Event, begun: threading.Event | None = None
) -> None:
    """Let every name lookup fail; numeric addresses still work."""
    real = socket.getaddrinfo

    def look_up(host: str, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("flags"):
            return real(host, *args, **kwargs)
        if begun is not None:
            begun.set()
        assert until.wait(PATIENCE)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


class TestDialling:
    """A connection is made to the first address that takes it."""

    def test_the_next_address_is_tried(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """An address that refuses is no reason to give up."""
        with serving(WHOLE) as server, socket.create_server(("127.0.0.2", 0)) as refusing:
            refused = refusing.getsockname()
            refusing.close()
            real = socket.getaddrinfo

            def both(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
                found = real("127.0.0.1", port, *args, **kwargs)
                return [(*found[0][:4], refused), *found]

            monkeypatch.setattr(socket, "getaddrinfo", both)
            with chatting(server) as s:
                assert read(s) == "Hi"

    def test_an_address_that_cannot_be_reached_is_a_connect_error(self) -> None:
        """The system refuses it at once."""
        transport = Transport("http://255.255.255.255/v1", key=KEY)
        with pytest.raises(ConnectError, match=r"^no connection to http://255\.255\.255\.255/v1: "):
            transport.call(Request(method="GET", path="/x", retries=ONCE))

    @pytest.mark.parametrize("name", ["nowhere.invalid", "a..b", "x" * 64 + ".test"])
    def test_a_name_that_is_not_known_is_a_connect_error(self, name: str) -> None:
        """A name that cannot be a host name raises the same error."""
        transport = Transport(f"http://{name}/v1", key=KEY)
        with pytest.raises(ConnectError, match=f"no connection to http://{name}/v1: "):
            transport.call(Request(method="GET", path="/x", retries=ONCE))

    def test_a_name_without_an_address_is_a_connect_error(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """This holds although no known system gives such an answer."""
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
        transport = Transport("http://nowhere.test/v1", key=KEY)
        with pytest.raises(ConnectError, match=r"nowhere\.test has no address"):
            transport.call(Request(method="GET", path="/x", retries=ONCE))

    @pytest.mark.parametrize("told", [True, False])
    @pytest.mark.wires("blocking", "threads")
    def test_a_server_that_is_gone_before_the_handshake_is_a_connect_error(
        self, monkeypatch: pytest.MonkeyPatch, *, told: bool
    ) -> None:
        """Whether ssl notices, or skips the handshake: no socket is left, and nothing is sent."""
        dialled = threading.Event()

        def dial_slowly(*args: Any, **kwargs: Any) -> socket.socket:
            sock = dial(*args, **kwargs)
            dialled.set()
            assert select.select([sock], [], [], PATIENCE)[0]  # the reset is here
            if not told:
                assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            return sock

        monkeypatch.setattr(connections, "dial", dial_slowly)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with serving(tls=context, handshakes=[[dialled, RST]]) as server:
            with chatting(server) as s:
                assert not s.next()
                error = s.err()
        assert type(error) is ConnectError
        if not told:
            assert str(error).endswith("/v1: Connection reset by peer")
            assert error.lost == "reset"


# How a SOCKS proxy starts: no authentication is required, and the host will be connected.
WELCOME = [TAKE, b"\x05\x00", TAKE]
SOCKS_CONNECTED = b"\x05\x00\x00\x01" + bytes(6)


@pytest.mark.wires("blocking", "threads")
class TestSocks:
    """A SOCKS proxy cannot delay a request longer than any other."""

    @pytest.fixture
    def through(self, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
        """Make a server the proxy, of the given kind, for the rest of the test."""

        def use(server: ScriptedServer, kind: str = "socks5h") -> None:
            place = server.base_url.removeprefix("http://").removesuffix("/v1")
            monkeypatch.setenv("ALL_PROXY", f"{kind}://{place}")
            monkeypatch.setenv("NO_PROXY", "")

        return use

    @pytest.mark.parametrize(
        "script",
        [
            [TAKE, WAIT_FOR_HANG_UP],
            [*WELCOME, WAIT_FOR_HANG_UP],
            [*WELCOME, b"\x05\x00\x00\x03\xff", Repeat(b"x")],
        ],
        ids=["silent", "silent later", "byte by byte"],
    )
    @pytest.mark.parametrize("limit", ["connect", "total"])
    def test_a_proxy_that_does_not_continue_is_a_connect_timeout(
        self, through: Callable[..., None], script: list[Any], limit: str
    ) -> None:
        """One limit holds for the whole handshake with the proxy."""
        timeout = Timeout(**{"connect": PATIENCE, limit: 0.2})
        with serving(openings=[script]) as server, Client(KEY, "http://api.example/v1") as client:
            through(server)
            with pytest.raises(ConnectTimeoutError) as caught:
                client.list_models(timeout=timeout, retries=ONCE)
            assert server.hung_up.wait(PATIENCE)
        assert caught.value.limit == limit
        message = f"no connection to http://api.example/v1 within {limit}=0.2 s"
        assert str(caught.value) == message

    def test_cancel_is_heard(self, through: Callable[..., None]) -> None:
        """cancel() ends the wait for a silent proxy."""
        taken = threading.Event()
        with serving(openings=[[TAKE, taken.set, WAIT_FOR_HANG_UP]]) as server:
            through(server)
            with Client(KEY, "http://api.example/v1") as client:
                with client.create_completion_stream(model="m", prompt="p") as s:
                    thread = cancel_when(taken, s)
                    assert not s.next()
                    assert isinstance(s.err(), StreamCancelledError)
                thread.join(PATIENCE)

    @pytest.mark.parametrize(
        ("script", "message"),
        [
            (
                [*WELCOME, b"\x05\x05\x00"],
                "the SOCKS proxy did not connect: 0x05: Connection refused",
            ),
            ([TAKE, FIN], "the SOCKS proxy did not connect: Connection closed unexpectedly"),
            ([TAKE, RST], "Connection reset by peer"),
        ],
        ids=["refused", "closed", "reset"],
    )
    def test_a_proxy_that_does_not_connect_is_a_connect_error(
        self, through: Callable[..., None], script: list[Any], message: str
    ) -> None:
        """The message has the reason, and the base URL without its query."""
        with serving(openings=[script]) as server:
            through(server)
            with Client(KEY, "http://api.example/v1", query={"q": "s3cret"}) as client:
                with pytest.raises(ConnectError) as caught:
                    client.list_models(retries=ONCE)
        assert str(caught.value) == f"no connection to http://api.example/v1: {message}"

    @pytest.mark.parametrize(
        ("kind", "opening"),
        [
            ("socks4", [TAKE, b"\x00\x5a" + bytes(6)]),
            ("socks4a", [TAKE, b"\x00\x5a" + bytes(6)]),
            ("socks5", [*WELCOME, SOCKS_CONNECTED]),
            ("socks5h", [*WELCOME, SOCKS_CONNECTED]),
        ],
    )
    def test_every_kind_of_proxy_is_spoken_to(
        self, through: Callable[..., None], kind: str, opening: list[Any]
    ) -> None:
        """Some kinds get the name of the host, and some its address."""
        with serving(WHOLE, openings=[opening]) as server:
            through(server, kind)
            with Client(KEY, "http://localhost/v1", retries=ONCE) as client:
                with client.create_completion_stream(model="m", prompt="p") as s:
                    assert read(s) == "Hi"
        assert server.requests[0].headers["host"] == "localhost"

    def test_a_name_is_looked_up_within_the_limit(
        self, through: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The lookup counts towards `connect` where the proxy does not do it."""
        known = threading.Event()
        blocked_lookup(monkeypatch, until=known)
        with serving() as server:
            through(server, "socks5")
            transport = Transport("http://nowhere.test/v1", key=KEY)
            with pytest.raises(ConnectTimeoutError, match=r"within connect=0\.05 s"):
                transport.call(
                    Request(method="GET", path="/x", timeout=Timeout(connect=0.05), retries=ONCE)
                )
        known.set()


class TestCancel:
    """cancel() works in every phase."""

    def test_while_the_name_is_looked_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The lookup continues in its own thread, and no thread waits for it."""
        known, begun = threading.Event(), threading.Event()
        blocked_lookup(monkeypatch, until=known, begun=begun)
        with Client(KEY, "http://nowhere.test/v1") as client:
            with client.create_completion_stream(model="m", prompt="p") as s:
                thread = cancel_when(begun, s)
                assert not s.next()
                assert isinstance(s.err(), StreamCancelledError)
            thread.join(PATIENCE)
        known.set()

    def test_while_it_connects(self, connecting: threading.Event) -> None:
        """A server whose queue of connections is full does not block the client."""
        with full_queue() as port:
            with Client(KEY, f"http://127.0.0.1:{port}/v1") as client:
                with client.create_completion_stream(model="m", prompt="p") as s:
                    thread = cancel_when(connecting, s)
                    assert not s.next()
                    assert isinstance(s.err(), StreamCancelledError)
                thread.join(PATIENCE)

    def test_before_it_connects(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A cancel() between the lookup and the connection is not lost."""
        real = socket.getaddrinfo
        streams: list[StreamerV2] = []

        def look_up(*args: Any, **kwargs: Any) -> Any:
            streams[0].cancel()
            return real(*args, **kwargs)

        with serving(WHOLE) as server, Client(KEY, server.base_url) as client:
            monkeypatch.setattr(socket, "getaddrinfo", look_up)
            with client.create_completion_stream(model="m", prompt="p") as s:
                streams.append(s)
                assert not s.next()
                assert isinstance(s.err(), StreamCancelledError)
            assert server.requests == []

    def test_while_it_pauses(self) -> None:
        """cancel() ends the pause before a retry."""
        slow = RetryPolicy(wait_initial=3600, wait_max=3600)
        pausing = threading.Event()
        log = logging.getLogger("openai_scan")
        told = Told(pausing, "attempt 2 in")
        log.addHandler(told)
        log.setLevel(logging.INFO)
        try:
            with serving([answer(b"", status="503 Busy")]) as server:
                with chatting(server, retries=slow) as s:
                    thread = cancel_when(pausing, s)
                    assert not s.next()
                    assert isinstance(s.err(), StreamCancelledError)
                    thread.join(PATIENCE)
        finally:
            log.removeHandler(told)
            log.setLevel(logging.NOTSET)

    def test_it_does_not_touch_a_connection_that_was_given_back(self) -> None:
        """After the end, cancel() leaves the connection alone: another exchange may be using it."""
        with serving(WHOLE, WHOLE) as server, Client(KEY, server.base_url) as client:
            for _ in range(2):
                with client.create_completion_stream(model="m", prompt="p") as s:
                    assert read(s) == "Hi"
                s.cancel()
        assert server.connections == 1

    # Python warns of a fork beside threads, and the server has some.
    @pytest.mark.wires("blocking")
    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_a_child_process_leaves_the_connection_alone(self) -> None:
        """A stream that was inherited by fork is released without ending it for the parent."""
        with serving([HEAD + ch(HI), go := threading.Event(), *WHOLE_REST]) as server:
            with chatting(server) as s:
                assert s.next()

                def leave() -> None:
                    s.cancel()
                    s.close()

                assert not failed(fork(leave))
                go.set()
                assert read(s) == ""
                assert s.outcome == "completed"


@pytest.mark.wires("blocking", "threads")
class TestFork:
    """A child process finds nothing locked, whatever the threads of its parent were doing."""

    # Python warns of a fork beside threads; this test needs a thread.
    @pytest.mark.wires("blocking")
    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    @pytest.mark.parametrize("used_before", [True, False])
    def test_a_child_is_not_locked_out_by_a_thread_that_was_connecting(
        self, monkeypatch: pytest.MonkeyPatch, *, used_before: bool
    ) -> None:
        """The child connects by itself, and closes no connection of its parent."""
        making, made = threading.Event(), threading.Event()

        def make_slowly() -> requests.Session:
            making.set()
            assert made.wait(PATIENCE)
            return connections.new_session()

        with (
            serving(*[[json_answer({"data": []})]] * 4) as server,
            Client(KEY, server.base_url) as client,
            Client(KEY, server.base_url) as other,
        ):
            if used_before:
                client.list_models()
            monkeypatch.setattr(session_module, "new_session", make_slowly)
            thread = threading.Thread(target=other.list_models)
            thread.start()
            assert making.wait(PATIENCE)

            def ask() -> None:
                monkeypatch.undo()
                other.close()
                client.close()
                client.list_models()
                client.close()

            is_locked_out = failed(fork(ask))
            made.set()
            thread.join(PATIENCE)
            assert not is_locked_out
            client.list_models()
            assert server.connections == 3

    @pytest.mark.wires("blocking")
    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    @pytest.mark.parametrize("reads_on", [False, True])
    def test_a_child_is_not_locked_out_of_a_pool(self, *, reads_on: bool) -> None:
        """It takes no part in the pools of its parent, whose locks may be held forever."""
        models = [json_answer({"data": []})]
        rest = [go := threading.Event(), *WHOLE_REST]
        with (
            serving([HEAD + ch(HI), *rest], models, models) as server,
            Client(KEY, server.base_url) as client,
            client.create_completion_stream(model="m", prompt="p") as s,
        ):
            assert s.next()
            pool = s._machine.current.source._answer._raw._pool  # there is no public way to it
            pool.pool.mutex.acquire()  # as a thread does that takes a connection

            def leave() -> None:
                if reads_on:
                    read(s)
                s.close()
                client.list_models()
                client.close()
                gc.collect()

            child = fork(leave)
            pool.pool.mutex.release()
            if reads_on:
                go.set()
            assert not failed(child)
            go.set()
            client.list_models()

    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_a_child_is_not_locked_out_by_a_thread_that_was_cancelling(self) -> None:
        """What a thread of the parent held while it shut a socket down is free in the child."""
        held, over = threading.Event(), threading.Event()

        def hold() -> None:
            with cancellation._changed.value:  # as cancel() does for the length of a system call
                held.set()
                assert over.wait(PATIENCE)

        thread = threading.Thread(target=hold)
        thread.start()
        assert held.wait(PATIENCE)

        def wait() -> None:
            assert cancellation.SocketCancellation().wait_for(lambda: True, 0)

        is_locked_out = failed(fork(wait))
        over.set()
        thread.join(PATIENCE)
        assert not is_locked_out


class Told(logging.Handler):
    """Sets an event when something with *message* in it is logged."""

    def __init__(self, event: threading.Event, message: str) -> None:
        super().__init__()
        self.event = event
        self.addFilter(lambda record: message in record.getMessage())

    def emit(self, record: logging.LogRecord) -> None:
        """Notify the waiting thread."""
        self.event.set()


class TestRetries:
    """What has certainly failed is retried, until content has arrived."""

    @pytest.mark.parametrize(
        ("first", "note"),
        [
            (answer(b"", status="503 Busy"), "retry: InternalServerError"),
            (answer(b"", status="408 Slow"), "retry: APIError"),
            (answer(b"", status="409 Conflict"), "retry: ConflictError"),
            (json_answer({"error": {}}, status="429 Slow down"), "retry: RateLimitError"),
            (
                answer(b"", status="404 No", headers="x-should-retry: true\r\n"),
                "retry: NotFoundError",
            ),
        ],
        ids=["503", "408", "409", "429", "404, but"],
    )
    def test_a_refusal_for_now_is_not_an_end(self, first: bytes, note: str) -> None:
        """The retry repeats the request, with the same idempotency key."""
        with serving([first], WHOLE) as server, chatting(server, retries=AT_ONCE) as s:
            assert read(s) == "Hi"
            assert s.err() is None
            assert s.notes == {note: 1}
        one, two = server.requests
        assert one == two
        assert one.headers["idempotency-key"].startswith("openai-scan-")

    @pytest.mark.parametrize(
        "refusal",
        [
            answer(b"", status="401 Who"),
            answer(b"", status="503 Busy", headers="x-should-retry: false\r\n"),
            json_answer({"error": {"code": "insufficient_quota"}}, status="429 Pay"),
        ],
        ids=["401", "503, but", "429 quota"],
    )
    def test_a_refusal_for_good_is_one(self, refusal: bytes) -> None:
        """The same request would be refused again."""
        with serving([refusal]) as server, chatting(server, retries=AT_ONCE) as s:
            assert not s.next()
            assert s.err() is not None
            assert len(server.requests) == 1

    def test_there_is_an_end_to_trying(self) -> None:
        """After the last attempt, its error is the stream's."""
        busy = [answer(b"", status="503 Busy")]
        with serving(busy, busy, busy) as server, chatting(server, retries=AT_ONCE) as s:
            assert not s.next()
            assert isinstance(s.err(), InternalServerError)
            assert s.notes == {"retry: InternalServerError": 2}
            assert len(server.requests) == 3

    @pytest.mark.parametrize("before", [b"", ROLE, b": hello\n\n", b'data: {"type":"ping"}\n\n'])
    def test_an_overload_before_any_content_is_not_an_end(self, before: bytes) -> None:
        """The error event is not handed out; what came before it is not part of the answer."""
        with (
            serving([HEAD + ch(before + OVERLOADED + DONE) + END], WHOLE) as server,
            chatting(server, retries=AT_ONCE) as s,
        ):
            names = []
            while s.next():
                names.append(s.event().type)
            assert "error" not in names
            assert s.err() is None
            assert s.final().text == "Hi"

    def test_an_overload_after_content_is_the_end(self) -> None:
        """What was handed out cannot be taken back."""
        with (
            serving([HEAD + ch(HI + OVERLOADED + DONE) + END]) as server,
            chatting(server, retries=AT_ONCE) as s,
        ):
            assert read(s) == "Hi"
            assert s.err() is not None
            assert len(server.requests) == 1

    @pytest.mark.parametrize(
        "script", [[FIN], [RST], [HEAD, RST], [HEAD, FIN], [HEAD + ch(ROLE) + END]]
    )
    def test_a_request_that_may_have_been_served_is_not_sent_again(self, script: list[Any]) -> None:
        """It could be billed twice, so it is sent again only with `resend=True`."""
        with serving(script) as server, chatting(server, retries=AT_ONCE) as s:
            assert not read(s)
            assert isinstance(s.err(), TransportError | TruncatedStreamError)
            assert len(server.requests) == 1
        resending = RetryPolicy(wait_initial=0, wait_max=0, resend=True)
        with serving(script, WHOLE) as server, chatting(server, retries=resending) as s:
            assert read(s) == "Hi"
            assert s.err() is None

    def test_no_connection_is_retried(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing was sent then."""
        lookups: list[str] = []
        real = socket.getaddrinfo

        def look_up(host: str, *args: Any, **kwargs: Any) -> Any:
            if not kwargs.get("flags"):
                lookups.append(host)
                if len(lookups) == 1:
                    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            return real(host, *args, **kwargs)

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        with serving(WHOLE) as server, chatting(server, retries=AT_ONCE) as s:
            assert read(s) == "Hi"
            assert s.notes == {"retry: ConnectError": 1}

    def test_a_call_without_a_stream_is_retried_too(self) -> None:
        """The policy for streams also holds for calls."""
        with (
            serving([answer(b"", status="503 Busy")], [json_answer({"id": "r"})]) as server,
            Client(KEY, server.base_url, retries=AT_ONCE) as client,
        ):
            assert client.retrieve_response("r").id == "r"
            assert "idempotency-key" not in server.requests[0].headers  # a GET needs none

    def test_a_call_can_have_its_own_policy(self) -> None:
        """It replaces the client's."""
        with (
            serving([answer(b"", status="503 Busy")]) as server,
            Client(KEY, server.base_url, retries=AT_ONCE) as client,
            pytest.raises(InternalServerError),
        ):
            client.retrieve_response("r", retries=ONCE)

    def test_a_key_of_the_users_own_is_kept(self) -> None:
        """If you send an idempotency key, you know why."""
        with (
            serving([json_answer({"id": "t", "object": "thread"})]) as server,
            Client(KEY, server.base_url) as client,
        ):
            client.create_thread(extra_headers={"idempotency-key": "mine"})
            assert server.requests[0].headers["idempotency-key"] == "mine"

    def test_a_server_that_asks_for_too_long_a_wait_is_not_waited_for(self) -> None:
        """Its error comes at once, with what it asked for."""
        busy = answer(b"", status="429 Later", headers="retry-after: 121\r\n")
        with serving([busy]) as server, chatting(server, retries=AT_ONCE) as s:
            assert not s.next()
            error = s.err()
        assert isinstance(error, RateLimitError)
        assert error.retry_after == 121

    def test_a_wait_that_would_outlast_the_total_is_not_begun(self) -> None:
        """The time limit is one for all attempts together."""
        busy = answer(b"", status="429 Later", headers="retry-after: 60\r\n")
        with (
            serving([busy]) as server,
            chatting(server, timeout=Timeout(total=30), retries=AT_ONCE) as s,
        ):
            assert not s.next()
            assert isinstance(s.err(), RateLimitError)

    def test_the_server_s_wish_is_obeyed(self) -> None:
        """If the server asks for a pause of 0 seconds, there is none."""
        hurry = answer(b"", status="429 Now", headers="retry-after-ms: 0\r\n")
        never = RetryPolicy(wait_initial=3600, wait_max=3600)
        with serving([hurry], WHOLE) as server, chatting(server, retries=never) as s:
            assert read(s) == "Hi"

    @pytest.mark.parametrize(
        ("number", "bound"), [(1, 1), (2, 2), (3, 3), (9, 3), (5000, 3)], ids=str
    )
    def test_the_waits_grow_and_are_random(self, number: int, bound: float) -> None:
        """Each is between zero and a bound, which doubles up to `wait_max`, all equally likely."""
        policy = RetryPolicy(wait_initial=1, wait_max=3)
        draws = iter([0.0, 0.5, 1.0])
        waits = [backoff(number, policy, draws.__next__) for _ in range(3)]
        assert waits == [0, bound / 2, bound]

    def test_no_two_waits_are_the_same(self) -> None:
        """Pauses differ, so that clients which failed together do not return together."""
        policy = RetryPolicy()
        waits = {backoff(1, policy) for _ in range(50)}
        assert len(waits) == 50
        assert all(0 <= wait <= policy.wait_initial for wait in waits)

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({}, None),
            ({"retry-after": "2"}, 2.0),
            ({"retry-after": "0.5"}, 0.5),
            ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
            ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
            ({"retry-after": "-1"}, None),
            ({"retry-after": "nan"}, None),
            ({"retry-after": "inf"}, None),
            ({"retry-after": "soon"}, None),
            ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
            ({"retry-after": "Mon, 01 Jan 9999999999999999999999 00:00:00 GMT"}, None),
            ({"retry-after": "Mon, 01 Jan 10000 00:00:00 GMT"}, None),
        ],
    )
    def test_the_wish_is_read(self, headers: dict[str, str], seconds: float | None) -> None:
        """A pause may be in milliseconds, in seconds or a date; nonsense is ignored."""
        assert retry_after(headers) == seconds

    def test_a_date_is_counted_from_now(self) -> None:
        """It has whole seconds."""
        date = email.utils.formatdate(time.time() + 100, usegmt=True)
        seconds = retry_after({"retry-after": date})
        assert seconds is not None
        assert 90 < seconds <= 100

    def test_the_server_may_say_nothing_of_trying_again(self) -> None:
        """Only "true" and "false" count, in any case."""
        assert should_retry({"x-should-retry": "TRUE"}) is True
        assert should_retry({"x-should-retry": "false"}) is False
        assert should_retry({"x-should-retry": "maybe"}) is None

    @pytest.mark.parametrize(
        ("setting", "value"),
        [
            ("attempts", 0),
            ("wait_initial", -1),
            ("wait_max", float("inf")),
            ("max_retry_after", float("nan")),
        ],
    )
    def test_a_policy_refuses_nonsense(self, setting: str, value: float) -> None:
        """The constructor raises a ValueError with the name of the setting."""
        with pytest.raises(ValueError, match=setting):
            RetryPolicy(**{setting: value})  # type: ignore[arg-type] # that is the point

    @pytest.mark.wires("blocking", "threads")
    def test_a_connection_that_is_reset_within_an_answer_is_not_stale(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The server has got the request, although the connection had been used before."""
        begun = threading.Event()
        left = Clock.left

        def told(clock: Clock) -> float:
            if clock.answering and len(server.requests) == 2:
                begun.set()
            return left(clock)

        reset = [b"HTTP/1.1 200 OK\r\nContent-Ty", begun, RST]
        with serving(WHOLE, reset, WHOLE) as server, Client(KEY, server.base_url) as client:
            monkeypatch.setattr(Clock, "left", told)
            for _ in range(2):
                s = client.create_completion_stream(model="m", prompt="p")
                read(s)
                s.close()
            assert type(s.err()) is TransportError
            assert (server.connections, len(server.requests)) == (1, 2)

    def test_a_connection_that_had_just_been_closed_is_replaced(self) -> None:
        """The server closed it when the second request came: not a byte was answered."""
        with (
            serving([*WHOLE], [FIN], [*WHOLE]) as server,
            Client(KEY, server.base_url) as client,
        ):
            for notes in ({}, {"stale_connection": 1}):
                with client.create_chat_completion_stream(model="m", messages=[]) as s:
                    assert read(s) == "Hi"
                    assert s.notes == notes
            assert len(server.requests) == 3

    @pytest.mark.parametrize("resend", [False, True])
    def test_a_connection_that_is_closed_after_a_while_is_not_stale(
        self, monkeypatch: pytest.MonkeyPatch, resend: bool
    ) -> None:
        """The server may have worked on the request: to send it again is for the policy."""
        real, worked = time.monotonic, 0.0
        monkeypatch.setattr(time, "monotonic", lambda: real() + worked)

        def work() -> None:
            nonlocal worked
            worked += 0.5

        policy = RetryPolicy(wait_initial=0, resend=resend)
        with (
            serving([*WHOLE], [work, FIN], [*WHOLE]) as server,
            Client(KEY, server.base_url, retries=policy) as client,
        ):
            for _ in range(2):
                with client.create_chat_completion_stream(model="m", messages=[]) as s:
                    read(s)
                    error = s.err()
            assert len(server.requests) == (3 if resend else 2)
        assert error is None if resend else type(error) is TransportError
        assert s.notes == ({"retry: TransportError": 1} if resend else {})

    def test_each_stream_of_a_chain_may_be_retried(self) -> None:
        """The second stream is retried, even if the first one has brought content."""
        busy = answer(b"", status="503 Busy")
        with serving(WHOLE[:], [busy], WHOLE[:]) as server:
            with chatting(server, retries=AT_ONCE) as s, chatting(server, retries=AT_ONCE) as other:
                s.chain(other)
                assert read(s) == "HiHi"
                assert s.err() is None

    def test_each_attempt_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        """It names the request and the error, and has no secret in it."""
        caplog.set_level(logging.DEBUG)
        with (
            serving([answer(b"", status="503 Busy")], WHOLE) as server,
            chatting(server, retries=AT_ONCE) as s,
        ):
            read(s)
        message = "POST /chat/completions: attempt 2 in 0.000 s, after InternalServerError"
        assert message in caplog.text
        assert KEY not in caplog.text
        assert "secret question" not in caplog.text


def response_event(name: str, number: int, *, background: bool = True, **more: Any) -> bytes:
    """Return an event of a response that can be resumed."""
    response = {"id": "resp_1", "object": "response", "background": background, "output": []}
    if name in ("created", "in_progress", "completed", "failed"):
        status = name if name in ("completed", "failed") else "in_progress"
        more = {"response": {**response, "status": status}}
    payload = {"type": f"response.{name}", "sequence_number": number, **more}
    return f"event: response.{name}\ndata: {json.dumps(payload)}\n\n".encode()


def text_event(text: str, number: int) -> bytes:
    """Return an event with text."""
    return response_event(
        "output_text.delta", number, item_id="m", output_index=0, content_index=0, delta=text
    )


BEGINNING = response_event("created", 0) + text_event("He", 1) + text_event("l", 2)


class TestResume:
    """A background response that breaks off continues by itself."""

    @pytest.fixture
    def responding(self) -> Iterator[Callable[..., StreamerV2]]:
        """Create a background response on a server; the streams are closed afterwards."""
        with contextlib.ExitStack() as stack:

            def respond(server: ScriptedServer, retries: RetryPolicy = AT_ONCE) -> StreamerV2:
                client = stack.enter_context(Client(KEY, server.base_url, retries=retries))
                stream = client.create_response_stream(
                    model="m", input="q", background=True, include=["x"]
                )
                return stack.enter_context(stream)

            yield respond

    @pytest.mark.parametrize("cut", [RST, FIN, END], ids=["reset", "closed", "ended"])
    def test_no_event_is_lost_and_none_comes_twice(
        self, responding: Callable[..., StreamerV2], cut: Any
    ) -> None:
        """This holds even if the server repeats an event that has already arrived."""
        rest = text_event("l", 2) + text_event("lo", 3) + response_event("completed", 4)
        with serving([HEAD + ch(BEGINNING), cut], [HEAD + ch(rest) + END]) as server:
            s = responding(server)
            assert read(s) == "Hello"
            assert s.err() is None
            assert s.outcome == "completed"
            assert s.final().text == "Hello"
            assert s.events_read == 5
            name = "TruncatedStreamError" if cut is END else "TransportError"
            assert s.notes == {f"resume: {name}": 1}
        line = server.requests[1].line
        assert line.startswith("GET /v1/responses/resp_1?")
        assert "starting_after=2" in line
        assert "stream=true" in line
        assert "include%5B%5D=x" in line

    def test_it_breaks_as_often_as_it_likes_if_it_gets_on(
        self, responding: Callable[..., StreamerV2]
    ) -> None:
        """The count of attempts restarts with each event."""
        scripts: list[Script] = [
            [HEAD + ch(BEGINNING), RST],
            *([HEAD + ch(text_event(".", number)), RST] for number in range(3, 9)),
            [HEAD + ch(response_event("completed", 9)) + END],
        ]
        with serving(*scripts) as server:
            s = responding(server)
            assert read(s) == "Hel......"
            assert s.err() is None

    def test_only_what_was_asked_for_is_resumed(self) -> None:
        """A `Request` of your own does not say how to request the rest."""
        with serving([HEAD + ch(BEGINNING), RST]) as server, Client(KEY, server.base_url) as client:
            request = Request(method="POST", path="/responses", body={"background": True})
            with client.stream(request) as s:
                assert read(s) == "Hel"
                assert isinstance(s.err(), TransportError)

    def test_it_gives_up_where_nothing_comes(self, responding: Callable[..., StreamerV2]) -> None:
        """Attempts without a new event are counted, and a temporary refusal is one."""
        with serving(
            [HEAD + ch(BEGINNING), RST], [answer(b"", status="503 Busy")], [HEAD, RST]
        ) as server:
            s = responding(server)
            assert read(s) == "Hel"
            error = s.err()
        assert isinstance(error, TransportError)
        assert s.notes == {"resume: TransportError": 1, "resume: InternalServerError": 1}
        assert error.snapshot is not None
        assert error.snapshot.text == "Hel"

    def test_old_events_are_no_progress(self, responding: Callable[..., StreamerV2]) -> None:
        """A server that starts again each time gets no more than the allowed attempts."""
        replay: Script = [HEAD + ch(BEGINNING), RST]
        with serving(replay, replay, replay) as server:
            s = responding(server)
            assert read(s) == "Hel"
            error = s.err()
            assert len(server.requests) == AT_ONCE.attempts == 3
        assert isinstance(error, TransportError)
        assert s.notes == {"resume: TransportError": 2}

    @pytest.mark.parametrize(
        "last",
        [
            b'event: ping\ndata: {"type":"ping"}\n\n',
            b'event: keepalive\ndata: {"type":"keepalive","sequence_number":0}\n\n',
            b"event: response.output_text.delta\ndata: {not JSON\n\n",
        ],
        ids=["ping", "stale number", "malformed"],
    )
    def test_an_event_without_a_number_may_come_last(
        self, responding: Callable[..., StreamerV2], last: bytes
    ) -> None:
        """The stream resumes after the last event with a valid number, whatever came later."""
        texts = b"".join(text_event(".", number) for number in range(3, 9))
        rest = last + text_event("lo", 9) + response_event("completed", 10)
        with serving([HEAD + ch(BEGINNING + texts + last), RST], [HEAD + ch(rest) + END]) as server:
            s = responding(server)
            assert read(s) == "Hel......lo"
            assert (s.err() is not None) == (b"not JSON" in last)  # which is a hole
            assert "starting_after=8" in server.requests[1].line

    def test_what_is_behind_an_event_without_a_number_may_be_old(
        self, responding: Callable[..., StreamerV2]
    ) -> None:
        """After a ping, repeated events are still recognized as old."""
        ping = b'event: ping\ndata: {"type":"ping"}\n\n'
        replay = ping + BEGINNING + response_event("completed", 3)
        with serving([HEAD + ch(BEGINNING), RST], [HEAD + ch(replay) + END]) as server:
            s = responding(server)
            assert read(s) == "Hel"
            assert s.err() is None

    def test_numbers_begin_again_with_another_answer(
        self, responding: Callable[..., StreamerV2]
    ) -> None:
        """A chained response is resumed after its own last event."""
        first = BEGINNING + response_event("completed", 3)
        begun = response_event("created", 0)
        rest = text_event("lo", 1) + response_event("completed", 2)
        with serving(
            [HEAD + ch(first) + END], [HEAD + ch(begun), RST], [HEAD + ch(rest) + END]
        ) as server:
            s = responding(server)
            s.chain(responding(server))
            assert read(s) == "Hello"
            assert s.err() is None
            assert "starting_after=0" in server.requests[2].line

    @pytest.mark.parametrize("number", [4, 5])
    def test_a_gap_is_an_error(self, responding: Callable[..., StreamerV2], number: int) -> None:
        """A server that has forgotten some events does not make half an answer a whole one."""
        rest = text_event("!", number) + response_event("completed", number + 1)
        with serving([HEAD + ch(BEGINNING), RST], [HEAD + ch(rest) + END]) as server:
            s = responding(server)
            assert read(s) == "Hel"
            error = s.err()
            assert len(server.requests) == 2
        assert type(error) is EventStreamError
        assert str(error) == (
            f"events were lost between 2 and {number}, where the stream was resumed"
        )
        assert s.outcome == "failed"
        assert error.snapshot is not None
        assert error.snapshot.text == "Hel"

    @pytest.mark.parametrize("number", [0, 3], ids=["at once", "later"])
    def test_another_answer_is_an_error(
        self, responding: Callable[..., StreamerV2], number: int
    ) -> None:
        """A resumed answer ends with the response that it started with."""
        rest = text_event("lo", 3).replace(b"resp_1", b"resp_2") if number else b""
        rest += response_event("completed", number + 1).replace(b"resp_1", b"resp_2")
        with serving([HEAD + ch(BEGINNING), RST], [HEAD + ch(rest) + END]) as server:
            s = responding(server)
            assert read(s) == ("Hello" if number else "Hel")
            assert s.events_read == (4 if number else 3)  # and not that of the other answer
            error = s.err()
        assert type(error) is EventStreamError
        assert str(error) == "the resumed stream contains events of another answer"
        assert s.outcome == "failed"

    @pytest.mark.parametrize("rest", [b"", text_event("lo", 3)], ids=["alone", "behind text"])
    def test_done_in_the_middle_is_not_an_end(
        self, responding: Callable[..., StreamerV2], rest: bytes
    ) -> None:
        """After an early [DONE] the client resumes, since the answer is not whole."""
        after = 3 if rest else 2
        ended = response_event("completed", after + 1)
        with serving(
            [HEAD + ch(BEGINNING), RST], [HEAD + ch(rest + DONE) + END], [HEAD + ch(ended) + END]
        ) as server:
            s = responding(server)
            assert read(s) == ("Hello" if rest else "Hel")
            assert s.err() is None
            assert f"starting_after={after}" in server.requests[2].line
        assert s.notes == {"resume: TransportError": 1, "resume: TruncatedStreamError": 1}

    def test_done_and_nothing_else_is_a_truncation(
        self, responding: Callable[..., StreamerV2]
    ) -> None:
        """If the resumed streams have only [DONE], the answer is truncated."""
        nothing: Script = [HEAD + ch(DONE) + END]
        with serving([HEAD + ch(BEGINNING), RST], nothing, nothing) as server:
            s = responding(server)
            assert read(s) == "Hel"
            assert isinstance(s.err(), TruncatedStreamError)
        assert s.outcome == "truncated"
        assert s.events_read == 3

    def test_done_after_the_end_of_what_was_resumed_is_handed_out(
        self, responding: Callable[..., StreamerV2]
    ) -> None:
        """It ends this stream as it ends any other."""
        rest = response_event("completed", 3) + DONE
        with serving([HEAD + ch(BEGINNING), RST], [HEAD + ch(rest) + END]) as server:
            s = responding(server)
            assert [event.type for event in s][-1] == "done"
            assert s.outcome == "completed"

    def test_a_refusal_says_what_the_limits_are(
        self, responding: Callable[..., StreamerV2]
    ) -> None:
        """The server keeps the events for a while only."""
        gone = json_answer({"error": {"message": "no such response"}}, status="404 Not Found")
        with serving([HEAD + ch(BEGINNING), RST], [gone]) as server:
            s = responding(server)
            read(s)
            error = s.err()
        assert isinstance(error, NotFoundError)
        assert error.message == (
            "no such response: only a response created with background=True can be resumed,"
            " and not for long; retrieve_response returns it once it is finished"
        )

    def test_what_is_not_in_the_background_is_not_resumed(
        self, responding: Callable[..., StreamerV2]
    ) -> None:
        """The server would refuse to resume it."""
        created = response_event("created", 0, background=False)
        with serving([HEAD + ch(created + text_event("He", 1)), RST]) as server:
            s = responding(server)
            assert read(s) == "He"
            assert isinstance(s.err(), TransportError)
            assert len(server.requests) == 1

    def test_one_attempt_is_one(self, responding: Callable[..., StreamerV2]) -> None:
        """If you do not allow a second attempt, there is none."""
        with serving([HEAD + ch(BEGINNING), RST]) as server:
            s = responding(server, ONCE)
            assert read(s) == "Hel"
            assert isinstance(s.err(), TransportError)

    def test_an_overload_is_retried_from_the_start(
        self, responding: Callable[..., StreamerV2]
    ) -> None:
        """A response that failed before its first word cannot be continued."""
        failed = response_event("created", 0) + (
            b'event: error\ndata: {"type":"error","code":"server_error","message":"busy"}\n\n'
        )
        whole = BEGINNING + response_event("completed", 3)
        with serving([HEAD + ch(failed) + END], [HEAD + ch(whole) + END]) as server:
            s = responding(server)
            assert read(s) == "Hel"
            assert s.notes == {"retry: InternalServerError": 1}
            assert [request.line.split()[0] for request in server.requests] == ["POST", "POST"]

    def test_unknown_events_count_as_well(self, responding: Callable[..., StreamerV2]) -> None:
        """They have a number like all others."""
        new = response_event("brand.new", 3)
        with serving(
            [HEAD + ch(BEGINNING + new), RST], [HEAD + ch(response_event("completed", 4)) + END]
        ) as server:
            s = responding(server)
            read(s)
            assert s.err() is None
            assert "starting_after=3" in server.requests[1].line


def test_the_assistants_api_of_openai_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A 404 from there says so."""
    transport = Transport("https://api.openai.com/v1", key=KEY)
    request = Request(method="POST", path="/threads/runs")
    assert "shut down its Assistants API" in (transport.hint(request, 404, "") or "")
    assert transport.hint(request, 500, "") is None
