"""How the addresses of a name are tried; nothing is sent."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from openai_scan import Timeout
from openai_scan.transport.clock import Clock
from openai_scan.transport.session import dial as dialling
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
