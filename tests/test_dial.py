"""How the addresses of a name are tried; nothing is sent."""

from __future__ import annotations

import contextlib
import errno
import functools
import math
import os
import select
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import socks
from attrs import frozen
from clocks import Now
from server import PATIENCE

from openai_scan import Timeout, waiting
from openai_scan.transport.clock import Clock
from openai_scan.transport.session import dial as dialling
from openai_scan.transport.session import socks_dial
from openai_scan.transport.session.cancellation import SocketCancellation


def address(port: int, family: socket.AddressFamily = socket.AF_INET) -> Any:
    """Return an address as the system looks it up."""
    return family, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)


@frozen
class Host:
    """How an attempt to connect to an address ends.

    Attributes:
        code: The error number of the attempt; 0 if it connects.
        after: After how many seconds it ends; None for at once, infinity for never.
        family: The family of the address.
    """

    code: int = 0
    after: float | None = 0.0
    family: socket.AddressFamily = socket.AF_INET


DEAD = Host(after=math.inf)
LIVE = Host()
REFUSED = Host(errno.ECONNREFUSED)
REFUSED_AT_ONCE = Host(errno.ECONNREFUSED, after=None)
NO_WAY = Host(errno.ENETUNREACH, after=None)
INVALID = Host(errno.EINVAL, after=-math.inf)
NO_FAMILY = Host(family=socket.AF_UNSPEC)


class Net:
    """A simulated network, whose time passes while the code waits for it.

    Attributes:
        begun: The port of each attempt, and after how many seconds it has begun.
        open: The sockets that are open.
        held: Which copies of sockets are open.
        waits: The number of waits.
    """

    def __init__(self, now: Now, *hosts: Host) -> None:
        self.begun: list[tuple[int, float]] = []
        self.open: set[Plug] = set()
        self.held: set[Plug] = set()
        self.waits = 0
        self.hosts = hosts
        self.addresses = [address(port, host.family) for port, host in enumerate(hosts)]
        self._now, self._start = now, now.seconds

    @property
    def seconds(self) -> float:
        """How much time has passed."""
        return round(self._now.seconds - self._start, 6)

    def plug(self, family: socket.AddressFamily, *_: object) -> Plug:
        """Return a socket, if the family is supported."""
        if family is socket.AF_UNSPEC:
            raise OSError(errno.EAFNOSUPPORT, "no such family")
        return Plug(self)

    def ended(self, plugs: Sequence[Plug], seconds: float) -> Sequence[Plug]:
        """Wait until an attempt has ended."""
        self.waits += 1
        end = min(self.seconds + seconds, *(plug.ends_at for plug in plugs), math.inf)
        self._now.seconds = self._start + end
        return [plug for plug in plugs if plug.ends_at <= end]


class Plug:
    """A socket in the net."""

    host: Host
    port = -1
    ends_at = math.inf
    timeout: float | None = None

    def __init__(self, net: Net) -> None:
        self.options: list[Any] = []
        self._net = net
        net.open.add(self)

    def setsockopt(self, *option: int) -> None:
        """Note the option."""
        self.options.append(option)

    def setblocking(self, flag: bool) -> None:
        """Check that the socket does not block."""
        assert not flag

    def settimeout(self, seconds: float) -> None:
        """Note the timeout."""
        self.timeout = seconds

    def connect_ex(self, place: tuple[str, int]) -> int:
        """Begin to connect, fail, or connect at once."""
        self.port = place[1]
        self.host = self._net.hosts[self.port]
        self._net.begun.append((self.port, self._net.seconds))
        if self.host is INVALID:
            raise OSError(self.host.code, "invalid")
        if self.host.after is None:
            return self.host.code
        self.ends_at = self._net.seconds + self.host.after
        return errno.EINPROGRESS

    def getsockopt(self, *_: int) -> int:
        """Return how the attempt has ended."""
        return self.host.code

    def dup(self) -> Any:
        """Return a copy, which has to be closed too."""
        self._net.held.add(self)
        return SimpleNamespace(close=lambda: self._net.held.remove(self))

    def close(self) -> None:
        """Close the socket; a second time does nothing."""
        self._net.open.discard(self)


class TestAddresses:
    """A name may have several, some of which may be dead."""

    @pytest.fixture
    def dialled(self, now: Now, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
        """Return what connects to hosts within 10 seconds: the net, and the socket or the error."""

        def dial(*hosts: Host, cancellation: SocketCancellation | None = None) -> Any:
            net = Net(now, *hosts)
            monkeypatch.setattr(socket, "socket", net.plug)
            monkeypatch.setattr(dialling, "resolve", lambda *_, **__: net.addresses)
            monkeypatch.setattr(dialling, "_ended", net.ended)
            clock = Clock(Timeout(connect=10))
            clock.start()
            ours = cancellation or SocketCancellation()
            found: Any
            try:
                found = dialling.dial("a", 80, options=[(1, 2, 3)], clock=clock, cancellation=ours)
            except OSError as error:
                assert not net.open
                return net, error
            finally:
                assert ours._connecting == []
            assert net.open == net.held == {found}
            return net, found

        return dial

    @pytest.mark.parametrize(
        ("hosts", "begun", "winner"),
        [
            pytest.param([LIVE, LIVE], [0], 0, id="the first is there"),
            pytest.param([Host(after=9), DEAD], [0, 0.25], 0, id="the first comes late"),
            pytest.param([DEAD, LIVE], [0, 0.25], 1, id="the first is dead"),
            pytest.param([DEAD, DEAD, LIVE], [0, 0.25, 0.5], 2, id="two are dead"),
            pytest.param([DEAD, Host(after=0.3), Host(after=0.2)], [0, 0.25, 0.5], 1, id="a race"),
            pytest.param([REFUSED, LIVE], [0, 0], 1, id="the first refuses"),
            pytest.param([REFUSED_AT_ONCE, LIVE], [0, 0], 1, id="the first refuses at once"),
            pytest.param([NO_FAMILY, LIVE], [0], 1, id="there is no such family"),
            pytest.param([INVALID, LIVE], [0, 0], 1, id="the first cannot be used"),
            pytest.param(
                [Host(errno.ECONNREFUSED, 0.1), DEAD, LIVE],
                [0, 0.1, 0.35],
                2,
                id="the first refuses a little later",
            ),
            pytest.param(
                [Host(errno.ECONNREFUSED, 0.3), DEAD, LIVE],
                [0, 0.25, 0.3],
                2,
                id="the one before the last refuses",
            ),
            pytest.param(
                [DEAD, REFUSED_AT_ONCE, LIVE],
                [0, 0.25, 0.25],
                2,
                id="one refuses beside a dead one",
            ),
            pytest.param([DEAD, Host(after=None)], [0, 0.25], 1, id="the last is there at once"),
            pytest.param([Host(after=0.25), LIVE], [0], 0, id="both at the same time"),
            pytest.param([Host(after=0.5), Host(after=0.25)], [0, 0.25], 0, id="at once"),
            pytest.param([Host(after=5), REFUSED, NO_WAY], [0, 0.25, 0.25], 0, id="others refuse"),
        ],
    )
    def test_the_first_that_connects_wins(
        self, dialled: Any, hosts: list[Host], begun: list[float], winner: int
    ) -> None:
        """The next is tried when one has failed, or a quarter of a second later."""
        net, found = dialled(*hosts)
        assert [seconds for _, seconds in net.begun] == begun
        assert found.port == winner
        assert found.options == [(1, 2, 3)]
        assert found.timeout == pytest.approx(10 - net.seconds)

    @pytest.mark.parametrize(
        ("hosts", "number", "seconds"),
        [
            ([REFUSED], errno.ECONNREFUSED, 0),
            ([REFUSED, Host(errno.ECONNRESET, 3)], errno.ECONNRESET, 3),
            ([Host(errno.ECONNRESET, 3), REFUSED], errno.ECONNRESET, 3),
            ([REFUSED, NO_WAY, NO_FAMILY], errno.ECONNREFUSED, 0),
            ([NO_WAY, REFUSED], errno.ECONNREFUSED, 0),
            ([NO_FAMILY, NO_WAY], errno.EAFNOSUPPORT, 0),
        ],
    )
    def test_the_last_failure_is_reported(
        self, dialled: Any, hosts: list[Host], number: int, seconds: float
    ) -> None:
        """An address without a route or a family does not hide the failure of another one."""
        net, error = dialled(*hosts)
        assert error.errno == number
        assert net.seconds == seconds

    def test_no_address_but_the_last_has_a_head_start(self, dialled: Any) -> None:
        """The last address is waited for in one call, however long it takes."""
        for hosts, waits in (([Host(after=5)], 1), ([REFUSED, Host(after=5)], 2)):
            net, _ = dialled(*hosts)
            assert net.waits == waits

    @pytest.mark.parametrize("hosts", [[DEAD], [DEAD, DEAD], [DEAD, REFUSED], [DEAD] * 50])
    def test_all_share_one_limit(self, dialled: Any, hosts: list[Host]) -> None:
        """All addresses of a name share one time limit, however many there are."""
        net, error = dialled(*hosts)
        assert isinstance(error, TimeoutError)
        assert net.seconds == 10
        assert len(net.begun) == min(len(hosts), 41)

    def test_a_name_may_have_no_address(self, dialled: Any) -> None:
        """An empty list of addresses is an error, although no known system returns one."""
        assert str(dialled()[1]) == "a has no address"

    def test_who_was_cancelled_has_no_connection(self, dialled: Any) -> None:
        """After a cancellation there is none, even if the address connects at once."""
        for host in (LIVE, Host(after=None)):
            cancellation = SocketCancellation()
            cancellation.request()
            _, error = dialled(host, cancellation=cancellation)
            assert str(error) == "cancelled"

    def test_families_take_turns(self) -> None:
        """The one that the system prefers is first, and no order within one changes."""
        four, six = (
            functools.partial(address, family=f) for f in (socket.AF_INET, socket.AF_INET6)
        )
        found = [six(1), six(2), six(3), four(4), four(5)]
        assert dialling._in_turns(found) == [six(1), four(4), six(2), four(5), six(3)]
        assert dialling._in_turns([four(1), six(2), four(3)]) == [four(1), six(2), four(3)]
        assert dialling._in_turns([]) == []


@pytest.fixture(params=["poll", "select"])
def waiting_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Wait with `poll()` or, as on Windows, with `select()`."""
    if request.param == "select":
        monkeypatch.delattr(select, "poll")
    return str(request.param)


@contextlib.contextmanager
def full() -> Iterator[int]:
    """Yield a port that does not answer: connections are never accepted there."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.mark.usefixtures("waiting_by")
class TestSockets:
    """The same with the system's own sockets."""

    @staticmethod
    def dial(ports: list[int], cancellation: SocketCancellation, seconds: float) -> socket.socket:
        """Connect to one of the ports within so many seconds."""
        clock = Clock(Timeout(connect=seconds))
        clock.start()
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(dialling, "_HEAD_START_SECONDS", 0.001)
            patched.setattr(dialling, "resolve", lambda *_, **__: list(map(address, ports)))
            return dialling.dial("a", 80, options=(), clock=clock, cancellation=cancellation)

    def test_dead_addresses_are_left_for_a_live_one(self) -> None:
        """The live address is connected, with the timeout that the clock allows."""
        cancellation = SocketCancellation()
        with full() as dead, socket.create_server(("127.0.0.1", 0)) as listener:
            live = listener.getsockname()[1]
            with self.dial([dead, dead, live], cancellation, PATIENCE) as connected:
                accepted, place = listener.accept()
                with accepted:
                    assert connected.getsockname() == place
                    assert 0 < (connected.gettimeout() or 0) <= PATIENCE
            cancellation.let_go()

    def test_a_port_without_a_listener_refuses(self) -> None:
        """The error is the system's own, in its words."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        with pytest.raises(ConnectionRefusedError) as caught:
            self.dial([port, port], SocketCancellation(), PATIENCE)
        assert caught.value.strerror == os.strerror(errno.ECONNREFUSED)

    def test_dead_addresses_take_all_of_the_time(self) -> None:
        """If no address answers, a TimeoutError is raised."""
        with full() as dead, pytest.raises(TimeoutError):
            self.dial([dead, dead], SocketCancellation(), 0.01)

    @pytest.mark.parametrize("cut", [False, True])
    def test_a_cancellation_ends_all_attempts(
        self, cut: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another thread can cancel; where nothing wakes the wait, it ends with its slice."""
        cancellation = SocketCancellation()
        if cut:
            monkeypatch.setattr(waiting, "sliced", True)
            monkeypatch.setattr(waiting, "SLICE_SECONDS", 0.001)
            monkeypatch.setattr(cancellation, "_shut_down", lambda: None)
        under_way = threading.Event()

        def watch(connecting: socket.socket) -> None:
            SocketCancellation.watch(cancellation, connecting)
            if len(cancellation._connecting) == 2:
                under_way.set()

        def cancel() -> None:
            assert under_way.wait(PATIENCE)
            cancellation.request()

        monkeypatch.setattr(cancellation, "watch", watch)
        canceller = threading.Thread(target=cancel)
        canceller.start()
        with full() as dead, pytest.raises(OSError, match=r"^cancelled$"):
            self.dial([dead, dead], cancellation, PATIENCE)
        canceller.join(PATIENCE)


def test_errors_of_sockets_have_words_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has the words for errors of sockets in a table of its own."""
    monkeypatch.setattr(socket, "errorTab", {10061: "Connection refused."}, raising=False)
    error = dialling.system_error(10061)
    assert (error.errno, error.strerror) == (10061, "Connection refused.")
    assert dialling.system_error(errno.EPIPE).strerror == os.strerror(errno.EPIPE)


def test_a_name_is_looked_up_in_a_thread_that_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It does not keep the program from ending; its name says what it is."""
    asked: list[Any] = []

    def look_up(host: str, port: int, family: int, kind: int, *, flags: int) -> list[Any]:
        if flags == socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "not a number")
        thread = threading.current_thread()
        asked.append((host, port, kind, flags, thread.name, thread.daemon))
        return [address(1)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    found = dialling.resolve(
        "a.test", 80, clock=Clock(Timeout()), cancellation=SocketCancellation()
    )
    assert found == [address(1)]
    assert asked == [("a.test", 80, socket.SOCK_STREAM, 0, "openai_scan-resolver", True)]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "later"), "later"),
        (UnicodeError("label too long"), "'a.test' is not a valid host name"),
    ],
)
def test_a_name_that_is_not_known_has_the_system_s_error(
    monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    """A name that cannot be a host name raises the same class."""

    def look_up(*_: Any, **__: Any) -> list[Any]:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(socket.gaierror) as caught:
        dialling.resolve("a.test", 80, clock=Clock(Timeout()), cancellation=SocketCancellation())
    assert caught.value.strerror == message


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_lookup_may_take_too_long(monkeypatch: pytest.MonkeyPatch, *, cancelled: bool) -> None:
    """A lookup that takes too long or is cancelled is abandoned."""
    known = threading.Event()
    cancellation = SocketCancellation()

    def look_up(*_: Any, flags: int) -> list[Any]:
        if flags:
            raise socket.gaierror(socket.EAI_NONAME, "not a number")
        if cancelled:
            cancellation.request()
        known.wait(PATIENCE)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    clock: Any = SimpleNamespace(left=lambda: PATIENCE if cancelled else 0.01)
    message = "cancelled" if cancelled else "looking up a.test took too long"
    with pytest.raises(OSError, match=f"^{message}$") as caught:
        dialling.resolve("a.test", 80, clock=clock, cancellation=cancellation)
    known.set()
    assert isinstance(caught.value, TimeoutError) is not cancelled


IPV6 = (socket.AF_INET6, socket.SOCK_STREAM, 0, "", ("::1", 0, 0, 0))
IPV4 = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 0))


@pytest.mark.parametrize(
    ("kind", "rdns", "port", "told", "dialled_port"),
    [
        (socks.PROXY_TYPE_SOCKS4, False, None, "127.0.0.1", 1080),
        (socks.PROXY_TYPE_SOCKS4, True, "9", "a.test", 9),
        (socks.PROXY_TYPE_SOCKS5, False, 9, "::1", 9),
        (socks.PROXY_TYPE_SOCKS5, True, None, "a.test", 1080),
    ],
)
def test_a_socks_proxy_is_told_what_it_understands(
    monkeypatch: pytest.MonkeyPatch,
    kind: int,
    rdns: bool,
    port: str | int | None,
    told: str,
    dialled_port: int,
) -> None:
    """Version 4 knows no IPv6; a name is looked up here only if the proxy does not do that."""
    asked: list[Any] = []
    ours, theirs = socket.socketpair()

    def resolve(*place: object, **_: object) -> list[Any]:
        asked.append(place)
        return [IPV6, IPV4]

    def dial(*place: object, **how: object) -> socket.socket:
        asked.append((*place, how["options"]))
        return ours

    def negotiate(negotiating: Any, *place: object) -> None:
        asked.append((negotiating.proxy, *place))

    monkeypatch.setattr(socks_dial, "resolve", resolve)
    monkeypatch.setattr(socks_dial, "dial", dial)
    monkeypatch.setattr(socks_dial, "_negotiate", negotiate)
    clock = Clock(Timeout(connect=PATIENCE))
    clock.start()
    proxy = {
        "socks_version": kind,
        "proxy_host": "proxy.test",
        "proxy_port": port,
        "rdns": rdns,
        "username": "me",
        "password": "s3cret",
    }
    with (
        theirs,
        socks_dial.dial_through(
            proxy, "a.test", 80, options=[(1, 2, 3)], clock=clock, cancellation=SocketCancellation()
        ) as connected,
    ):
        assert type(connected) is socket.socket
        assert 0 < (connected.gettimeout() or 0) <= PATIENCE
        connected.send(b"a")
        assert theirs.recv(9) == b"a"
    looked_up = [] if rdns else [("a.test", 80)]
    assert asked == [
        *looked_up,
        ("proxy.test", dialled_port, [(1, 2, 3)]),
        ((kind, "proxy.test", dialled_port, rdns, b"me", b"s3cret"), told, 80),
    ]


@pytest.mark.parametrize(
    ("inner", "number", "words"),
    [
        (None, errno.EPROTO, "the SOCKS proxy did not connect: refused"),
        (socks.SOCKS5Error("0x05"), errno.EPROTO, "the SOCKS proxy did not connect: 0x05"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), errno.ECONNRESET, "reset"),
    ],
)
def test_a_refusal_of_a_socks_proxy_is_an_error_of_the_system(
    inner: Exception | None, number: int, words: str
) -> None:
    """The error has the number and words of the innermost error."""
    error = socks.ProxyError("refused", inner)

    def connect(_: object) -> None:
        raise error

    negotiating: Any = SimpleNamespace(connect=connect)
    with pytest.raises(OSError, match=r".") as caught:
        socks_dial._negotiate(negotiating, "a.test", 80)
    assert (caught.value.errno, caught.value.strerror) == (number, words)
    assert caught.value.__cause__ is error
