"""How the addresses of a name are tried; nothing is sent."""

from __future__ import annotations

import errno
import socket
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
import socks
from server import PATIENCE

from openai_scan import Timeout
from openai_scan.transport.clock import Clock
from openai_scan.transport.session import dial as dialling
from openai_scan.transport.session import socks_dial
from openai_scan.transport.session.cancellation import SocketCancellation


def address(port: int) -> Any:
    """Return an address as the system looks it up."""
    return socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)


def dialled(addresses: list[Any], monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], OSError]:
    """Return what each address got of 30 seconds, all of which it takes, and the error."""
    tried: list[Any] = []
    now = 1000.0

    def connect(sock: socket.socket, place: Any, seconds: float, _: object) -> None:
        nonlocal now
        tried.append((place[1], seconds))
        now += seconds / 2
        raise OSError(place[1], f"refused {sock.type == socket.SOCK_STREAM}")

    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(dialling, "resolve", lambda *_, **__: addresses)
    monkeypatch.setattr(dialling, "_connect", connect)
    clock = Clock(Timeout(connect=30))
    clock.start()
    with pytest.raises(OSError, match=r".") as caught:
        dialling.dial("a", 80, options=(), clock=clock, cancellation=SocketCancellation())
    return tried, caught.value


def test_each_address_gets_its_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead one leaves enough for those after it; the last error is told."""
    tried, error = dialled([address(1), address(2), address(3)], monkeypatch)
    assert tried == [(1, 10), (2, 12.5), (3, 18.75)]
    assert (error.errno, error.strerror) == (3, "refused True")


def test_a_name_may_have_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Although no system is known that says so."""
    assert str(dialled([], monkeypatch)[1]) == "a has no address"


def test_a_name_is_looked_up_in_a_thread_that_nobody_waits_for(
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
        (UnicodeError("label too long"), "'a.test' is not a name"),
    ],
)
def test_a_name_that_is_not_known_has_the_system_s_error(
    monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    """So has one that cannot be one."""

    def look_up(*_: Any, **__: Any) -> list[Any]:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(socket.gaierror) as caught:
        dialling.resolve("a.test", 80, clock=Clock(Timeout()), cancellation=SocketCancellation())
    assert caught.value.strerror == message


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_lookup_may_take_too_long(monkeypatch: pytest.MonkeyPatch, *, cancelled: bool) -> None:
    """It is left behind then."""
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
    clock = Clock(Timeout(connect=PATIENCE if cancelled else 0.01))
    clock.start()
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
    """In the words of the innermost error."""
    error = socks.ProxyError("refused", inner)

    def connect(_: object) -> None:
        raise error

    negotiating: Any = SimpleNamespace(connect=connect)
    with pytest.raises(OSError, match=r".") as caught:
        socks_dial._negotiate(negotiating, "a.test", 80)
    assert (caught.value.errno, caught.value.strerror) == (number, words)
    assert caught.value.__cause__ is error
