"""What is in the way and no server's doing: names, ports, limits; and what the log can tell."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable, Iterator
from typing import Any

from server import PATIENCE

from faults.scripts import Signals
from faults.table import Cell, Fault, Phase, Route
from faults.world import World

# The length of a timeout that should expire. Nothing arrives in it, so it may be short.
BRIEF = 0.1


@contextlib.contextmanager
def obstacle(cell: Cell, route: Route, around: World, signals: Signals) -> Iterator[str]:
    """Put what is not a server's fault in the way; give the base URL to use."""
    set_attribute = around.environment.setattr
    # After the answer all waits have limits of their own, which are none of `Timeout`.
    brief = cell.fault in (Fault.STALL, Fault.COMMENTS, Fault.PINGS, Fault.CLOSE)
    set_attribute("openai_scan.stream.machine.GRACE_SECONDS", BRIEF if brief else PATIENCE)
    if cell.phase is Phase.DONE:
        seconds = BRIEF if brief else PATIENCE
        set_attribute("openai_scan.transport.exchange._DRAIN_SECONDS", seconds)
    match cell.phase:
        case Phase.RESOLVE:
            blocked = _lookup(cell, signals)
            set_attribute(socket, "getaddrinfo", blocked)
            yield around.server.base_url
        case Phase.CONNECT:
            with _unreachable(cell) as port:
                for name in ("connect_ex", "connect"):  # of the wire that blocks, and of asyncio
                    set_attribute(socket.socket, name, _telling(name, signals))
                _redirect(route, around, port)
                scheme = "http" if around.server.tls is None else "https"
                yield f"{scheme}://127.0.0.1:{port}/v1"
        case _:
            yield around.server.base_url


class _Ear(logging.Handler):
    """Hears from the log how far the client is, which no server can know."""

    def __init__(self, signals: Signals) -> None:
        super().__init__()
        self._signals = signals

    def emit(self, record: logging.LogRecord) -> None:
        """Tell the others."""
        message = record.getMessage()
        if ": HTTP status " in message:
            self._signals.answered.set()
        if ": attempt 2 in " in message:
            self._signals.pausing.set()


@contextlib.contextmanager
def listening(signals: Signals) -> Iterator[None]:
    """Hear from the log what the signals are to tell."""
    log = logging.getLogger("openai_scan")
    ear = _Ear(signals)
    log.addHandler(ear)
    before = log.level
    log.setLevel(logging.DEBUG)
    yield
    log.setLevel(before)
    log.removeHandler(ear)


def _telling(name: str, signals: Signals) -> Callable[..., Any]:
    """Return the method of a socket of that name, which tells that the fault is reached."""
    connect = getattr(socket.socket, name)

    def told(self: socket.socket, address: Any) -> Any:
        try:
            return connect(self, address)
        finally:
            signals.reached.set()

    return told


def _lookup(cell: Cell, signals: Signals) -> Callable[..., Any]:
    """Return a lookup of names that does not end before the reader has left, or fails."""
    look_up = socket.getaddrinfo

    def blocked(host: str, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("flags") or signals.left.is_set():  # an address in numbers needs none
            return look_up(host, *args, **kwargs)
        if cell.fault is Fault.REFUSAL:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        signals.reached.set()
        assert signals.left.wait(PATIENCE)
        return []

    return blocked


def _redirect(route: Route, around: World, port: int) -> None:
    if route in (Route.PROXY, Route.TUNNEL):
        for name in ("http_proxy", "https_proxy"):
            around.environment.setenv(name, f"http://127.0.0.1:{port}")


@contextlib.contextmanager
def _unreachable(cell: Cell) -> Iterator[int]:
    """Give a port where no server listens, or one whose queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        if cell.fault is Fault.RST:
            listener.close()
        with contextlib.ExitStack() as waiting:
            for _ in range(0 if cell.fault is Fault.RST else 4):
                one = waiting.enter_context(socket.socket())
                one.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    one.connect(("127.0.0.1", port))
            yield port
