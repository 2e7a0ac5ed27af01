"""The parts of the aiohttp wire, most of them without a network."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import math
import select
import socket
import threading
import time
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from loops import on_asyncio
from server import PATIENCE, WAIT_FOR_HANG_UP, json_answer, serving
from urllib3.exceptions import DecodeError

from openai_scan import ConnectError, Timeout
from openai_scan.transport import Request, probes
from openai_scan.transport.aio_http import failures, lines
from openai_scan.transport.aio_http.arrived import Arrived
from openai_scan.transport.aio_http.cancellation import Alarm, LoopCancellation
from openai_scan.transport.aio_http.environment import Proxy, proxy_for
from openai_scan.transport.aio_http.lines import Lease, Line, current, has_arrived
from openai_scan.transport.aio_http.resolver import Resolver
from openai_scan.transport.aio_http.sending import PIECE_BYTES, SentRequest, in_pieces
from openai_scan.transport.aio_http.wire import AiohttpWire
from openai_scan.transport.clock import Clock
from openai_scan.transport.session.arriving import ArrivingHead
from openai_scan.transport.session.codings import Decoder
from openai_scan.transport.transport import AsyncTransport

VALUE = [json_answer({"a": 1})]


class Transport:
    """A connection without a network.

    Attributes:
        asked: What it was asked to do.
    """

    def __init__(self, **extra: Any) -> None:
        self.asked: list[str] = []
        self.protocol: Any = None
        self._extra = extra

    def set_protocol(self, protocol: Any) -> None:
        """Note it."""
        self.protocol = protocol

    def get_extra_info(self, name: str) -> Any:
        """Return what there is."""
        return self._extra.get(name)

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.asked.append(name)


def line(**extra: Any) -> Line:
    """Return a line over a connection without a network."""
    protocol: Any = Transport()
    transport: Any = Transport(**extra)
    return Line(protocol, transport)


class TestAlarm:
    """A timer is set as seldom as possible, and never too late."""

    @on_asyncio
    async def test_a_timer_is_kept_for_later_waits(self) -> None:
        """Only a wait that ends earlier sets another timer; between waits none rings."""
        rung: list[float] = []
        alarm = Alarm(asyncio.get_running_loop(), lambda: rung.append(time.monotonic()))
        alarm.set(1000)
        first = alarm._timer
        alarm.set(2000)
        assert alarm._timer is first
        alarm.set(0.01)
        assert alarm._timer is not first
        alarm.rest()
        while alarm._timer is not None:
            await asyncio.sleep(0.001)
        assert rung == []
        alarm.set(0.001)
        while not rung:
            await asyncio.sleep(0.001)
        alarm.stop()
        alarm.stop()

    @on_asyncio
    async def test_a_timer_that_is_early_is_set_for_the_rest(self) -> None:
        """The timer goes off for a wait that is over, and is set again for the current one."""
        rung: list[bool] = []
        alarm = Alarm(asyncio.get_running_loop(), lambda: rung.append(True))
        alarm.set(0.01)
        alarm.set(1000)
        while alarm._timer_due < time.monotonic() + 500:
            await asyncio.sleep(0.001)
        assert rung == []
        alarm.stop()
        assert alarm._due == math.inf


class TestCancellation:
    """A cancellation may come at any time, even before there is an event loop."""

    @on_asyncio
    async def test_a_pause_that_is_cancelled_already_is_none(self) -> None:
        """pause() returns at once if another thread has already cancelled."""
        cancellation = LoopCancellation()
        cancellation.request()
        await cancellation.pause(1000)

    @on_asyncio
    async def test_a_request_that_is_cancelled_already_is_not_sent(self) -> None:
        """Its first wait raises at once."""
        clock = Clock(Timeout())
        clock.start()
        cancellation = LoopCancellation()
        cancellation.request()
        carried: Any = SimpleNamespace(clock=clock, cancellation=cancellation)

        async def never() -> Any:
            await asyncio.sleep(1000)

        with pytest.raises(OSError, match="cancelled"):
            await SentRequest(carried).answered(never)

    def test_a_socket_that_cannot_be_shut_down_is_left(self) -> None:
        """Some event loops have such sockets; the socket of a parent process is left as well."""
        shut: list[int] = []
        cancellation = LoopCancellation()
        cancellation.hang_up()
        for connected in (object(), SimpleNamespace(shutdown=shut.append)):
            kept: Any = connected
            cancellation.hold(lambda: None, kept)
            cancellation.hang_up()
        cancellation._pid += 1
        cancellation.hang_up()
        assert shut == [socket.SHUT_RDWR]


class TestLines:
    """Which request gets what arrives, and what becomes of a connection."""

    @on_asyncio
    async def test_a_line_that_carries_nothing_takes_nothing(self) -> None:
        """Data that no request has asked for end the connection."""
        idle = line()
        idle.eof_received()
        idle.data_received(b"x")
        transport: Any = idle.transport
        assert transport.asked == ["abort"]
        idle.pause_writing()
        idle.resume_writing()
        idle.connection_lost(None)
        assert idle.closed.done()

    @on_asyncio
    async def test_what_a_reset_has_overtaken_is_read(self) -> None:
        """If there is any, on a plain connection whose socket the event loop shows."""
        ours, theirs = socket.socketpair()
        got: list[Any] = []
        for extra, sent in (
            ({"socket": ours}, b"413"),
            ({"socket": ours}, b""),
            ({"socket": ours, "sslcontext": object()}, b"lost"),
            ({}, b""),
        ):
            theirs.sendall(sent)
            lost = line(**extra)
            receiver: Any = SimpleNamespace(received=got.append, ended=got.append)
            lost.receiver = receiver
            error = ConnectionResetError()
            lost.connection_lost(error)
            assert got.pop() is error
        assert got == [b"413"]
        ours.close()
        theirs.close()

    @on_asyncio
    async def test_only_the_first_that_lets_go_of_a_lease_counts(self) -> None:
        """After give_back() the connection may carry another request, so abort() does nothing."""
        connection: Any = Transport()
        connector: Any = SimpleNamespace(in_use=0, ended=lambda: None)
        lease = Lease(connection, line(), connector)
        lease.give_back()
        lease.abort()
        lease.give_back()
        assert connection.asked == ["release"]

    @on_asyncio
    async def test_a_connection_that_is_gone_is_not_aborted(self) -> None:
        """If the other side has ended and then read the rest, asyncio would raise an error."""
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
        protocol: Any = Transport()
        carrying = Line(protocol, transport)
        transport.write(b"x" * 8_000_000)
        theirs.shutdown(socket.SHUT_WR)
        while not carrying.closed.done():
            await asyncio.sleep(0)
            with contextlib.suppress(BlockingIOError):
                theirs.recv(1_000_000)
        connection: Any = Transport()
        ended: list[bool] = []
        connector: Any = SimpleNamespace(in_use=0, ended=lambda: ended.append(True))
        Lease(connection, carrying, connector).abort()
        assert (connection.asked, ended) == (["close"], [True])
        theirs.close()

    def test_what_has_arrived_shows_without_a_wait(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Data are seen with and without poll(); a closed or missing socket has none."""
        ours, theirs = socket.socketpair()
        closed = socket.socket()
        closed.close()
        for _ in range(2):
            assert [has_arrived(one) for one in (None, closed, ours)] == [False] * 3
            theirs.sendall(b"x")
            assert has_arrived(ours)
            ours.recv(1)
            monkeypatch.delattr(select, "poll", raising=False)
        ours.close()
        theirs.close()

    def test_a_system_may_refuse_an_option(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The connection has probes, and works without those that the system refuses."""
        address = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 1))
        with lines._probed_socket(address) as made:
            assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        monkeypatch.setattr(probes, "options", lambda: [(-1, -1, 1)])
        lines._probed_socket(address).close()

    @on_asyncio
    async def test_a_connection_on_which_something_has_come_is_not_used_again(self) -> None:
        """The wire looks at the socket, since the event loop has not read it yet."""
        more, sent = threading.Event(), threading.Event()
        script = [*VALUE, more, b"HTTP/1.1 200 OK\r\n", sent.set, WAIT_FOR_HANG_UP]
        with serving(script, VALUE) as server:
            transport = AsyncTransport(server.base_url, key="", wire=AiohttpWire())
            request = Request(method="POST", path="/x", body={})
            assert await transport.call(request) == {"a": 1}
            more.set()
            assert sent.wait(PATIENCE)  # without a turn of the loop
            assert await transport.call(request) == {"a": 1}
            assert server.connections == 2
            await transport.aclose()


class TestSending:
    """A long body is sent in pieces."""

    @on_asyncio
    async def test_what_has_arrived_is_read_before_more_is_sent(self) -> None:
        """The next piece waits while the socket holds something that the loop has not read."""
        ours, theirs = socket.socketpair()
        sender: Any = SimpleNamespace(socket=ours)
        token = current.set(sender)
        pieces = in_pieces(b"a" * PIECE_BYTES + b"b")
        assert await anext(pieces) == b"a" * PIECE_BYTES
        theirs.sendall(b"413")
        following = asyncio.ensure_future(anext(pieces))
        for _ in range(3):
            await asyncio.sleep(0)
        assert not following.done()
        assert ours.recv(3) == b"413"
        assert await following == b"b"
        current.reset(token)
        ours.close()
        theirs.close()


class TestArrived:
    """The response headers and the body as they arrive."""

    @staticmethod
    def arrived(told: list[str]) -> Arrived:
        """Return what a line tells, and add to *told* what that comes to."""
        transport = SimpleNamespace(
            pause_reading=lambda: told.append("pause"), resume_reading=lambda: told.append("resume")
        )
        lease: Any = SimpleNamespace(
            line=SimpleNamespace(over=lambda: told.append("over"), transport=transport),
            abort=lambda: told.append("abort"),
        )
        clock = Clock(Timeout())
        clock.start()
        return Arrived(
            lease,
            clock=clock,
            cancellation=LoopCancellation(),
            alarm=Alarm(asyncio.get_running_loop(), str),
            interrupt=lambda: told.append("interrupt"),
        )

    @on_asyncio
    async def test_wrong_headers_are_reported_once(self) -> None:
        """What follows them is not reported again."""
        told: list[str] = []
        arrived = self.arrived(told)
        arrived.received(b"HTTP/2.0 200 OK\r\n\r\n")
        arrived.received(b"more")
        arrived.ended(None)
        assert told == ["interrupt"]
        assert str(arrived.error) == "HTTP/2.0"

    @on_asyncio
    async def test_what_is_not_read_stays_with_the_server(self) -> None:
        """The connection pauses when a lot is kept, and continues when that is read."""
        told: list[str] = []
        arrived = self.arrived(told)
        arrived.received(b"HTTP/1.1 200 OK\r\n\r\n")
        piece = b"x" * 100_000
        for count in (2, 3, 4):
            for _ in range(count):
                arrived.received(piece)
            assert await arrived.more() == count * piece
        assert told == ["over", "pause", "resume", "pause", "resume"]

    @on_asyncio
    async def test_the_end_can_be_read_again(self) -> None:
        """Reading again returns nothing, and closing is no error."""
        with serving(VALUE) as server:
            transport = AsyncTransport(server.base_url, key="", wire=AiohttpWire())
            source = transport.stream(Request(method="POST", path="/x", body={}))
            assert await source.json() == {"a": 1}
            reader: Any = source._answer
            assert await reader.read() == b""
            reader.close()
            await transport.aclose()

    def test_after_its_loop_a_connection_needs_no_close(self) -> None:
        """close() does nothing, since the loop that would do it is gone."""
        told: list[str] = []

        async def make() -> Arrived:
            return self.arrived(told)

        arrived = asyncio.run(make())
        arrived.close()
        assert told == []

    @on_asyncio
    async def test_another_thread_closes_it_in_the_loop(self) -> None:
        """close() in another thread aborts the connection in the event loop, not at once."""
        told: list[str] = []
        await asyncio.to_thread(self.arrived(told).close)
        await asyncio.sleep(0)
        assert told == ["abort"]


class TestResolver:
    """A thread for each name, which nothing waits for."""

    @on_asyncio
    async def test_without_a_thread_it_is_looked_up_here(self) -> None:
        """The name is looked up in this thread, as happens while the program ends."""
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(threading.Thread, "start", _no_thread)
            found = await Resolver().resolve("127.0.0.1", 80)
        assert [(one["host"], one["port"]) for one in found] == [("127.0.0.1", 80)]

    @on_asyncio
    async def test_a_scope_is_part_of_the_address(self) -> None:
        """A link-local address means nothing without it."""
        address = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 80, 0, 3))
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(socket, "getaddrinfo", lambda *_, **__: [address])
            found = await Resolver().resolve("a.test", 80)
        assert found[0]["host"] == "fe80::1%3"
        await Resolver().close()


def _no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


KEY: Any = SimpleNamespace(host="a.test", port=1, ssl=True)
REFUSED = OSError(errno.ECONNREFUSED, "Connect call failed")
INFO: Any = SimpleNamespace(real_url="https://a.test/?token=s3cret", headers={"key": "s3cret"})


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (aiohttp.ClientConnectorError(KEY, REFUSED), ": Connection refused"),
        (
            aiohttp.ClientProxyConnectionError(KEY, REFUSED),
            " through the proxy: Connection refused",
        ),
        (
            aiohttp.ClientHttpProxyError(INFO, (), status=407, message="No"),
            (
                " through the proxy: the proxy requires a user name and password (HTTP 407): add"
                " them to its URL in HTTPS_PROXY, such as http://user:password@proxy:3128"
            ),
        ),
        (aiohttp.ServerDisconnectedError(), " through the proxy: the proxy closed the connection"),
        (
            aiohttp.ClientResponseError(INFO, ()),
            " through the proxy: the answer of the proxy is not HTTP",
        ),
        (
            aiohttp.ClientOSError(errno.ECONNRESET, "odd"),
            " through the proxy: Connection reset by peer",
        ),
        (aiohttp.ClientPayloadError("s3cret"), " through the proxy: ClientPayloadError"),
        (OSError(errno.EMFILE, "Too many open files"), ": Too many open files"),
    ],
)
def test_what_aiohttp_raises_is_reported_in_the_same_words(error: Exception, words: str) -> None:
    """The error does not keep that of aiohttp, which holds the request."""
    if isinstance(error, aiohttp.ClientError):
        error = failures.plain(error, None)
    clock = Clock(Timeout())
    clock.start()
    clock.left()
    ours = failures.no_answer(error, "U", clock)
    assert type(ours) is ConnectError
    assert str(ours) == f"no connection to U{words}"
    assert not isinstance(error, aiohttp.ClientError)


def test_a_url_that_aiohttp_refuses_is_malformed() -> None:
    """The error does not show the URL, since it may contain a password."""
    found = failures.plain(aiohttp.InvalidURL("http://a:s3cret@"), None)
    assert isinstance(found, ValueError)
    assert "s3cret" not in str(found)


def test_what_cannot_be_decoded_to_its_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder such as that of zstd raises at the end of a body that was cut off."""

    class Cut:
        has_unconsumed_tail = False

        def flush(self) -> bytes:
            raise DecodeError("incomplete")

    decoder = Decoder("gzip")
    cut: Any = Cut()
    decoder._decoder = cut
    with pytest.raises(OSError, match="the body cannot be decompressed"):
        decoder.end()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", None),
        ("proxy.test:3128", Proxy("http://proxy.test:3128", {})),
        ("http://proxy.test", Proxy("http://proxy.test", {})),
        ("https://[::1]:1", Proxy("https://[::1]:1", {})),
        (
            "http://me:p%40ss@proxy.test:1",
            Proxy("http://proxy.test:1", {"Proxy-Authorization": "Basic bWU6cEBzcw=="}),
        ),
    ],
)
def test_the_environment_names_a_proxy(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: Proxy | None
) -> None:
    """The proxy gets its credentials in a header; servers in NO_PROXY need no proxy."""
    for name in ("http_proxy", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", value)
    monkeypatch.setenv("NO_PROXY", "direct.test")
    assert proxy_for("http://a.test/v1") == expected
    assert proxy_for("http://direct.test/v1") is None


@pytest.mark.parametrize("value", ["http://proxy:99999", "ftp://proxy", "http://"])
def test_a_proxy_with_a_malformed_url_is_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """The error does not show the URL."""
    monkeypatch.setenv("HTTP_PROXY", value)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(ValueError, match=r"^the URL of the proxy is malformed$"):
        proxy_for("http://a.test/v1")


def test_headers_may_be_split_anywhere() -> None:
    """What follows the headers belongs to the body."""
    head = ArrivingHead()
    assert head.take(b"HTTP/1.1 200 OK\r\nA: b\r\n") is None
    assert head.take(b"\r\nrest") == b"rest"
    assert (head.status, head.reason, head.headers["a"]) == (200, "OK", "b")
