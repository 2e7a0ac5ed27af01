"""Connect to a server within one time limit, and so that another thread can cancel it."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from urllib3.util import wait_for_write
from urllib3.util.connection import allowed_gai_family

from openai_scan.transport.clock import Clock
from openai_scan.transport.session.cancellation import SocketCancellation, notify

Address: TypeAlias = "tuple[Any, ...]"
"""What the socket module calls a sockaddr."""

_UNDER_WAY = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)


def dial(
    host: str,
    port: int,
    *,
    options: Iterable[tuple[int, int, int | bytes]],
    clock: Clock,
    cancellation: SocketCancellation,
) -> socket.socket:
    """Return a socket that is connected to *host*, waiting no longer than the clock allows.

    Raises:
        socket.gaierror: The name is not known.
        TimeoutError: It took too long.
        OSError: None of the host's addresses can be reached, or the exchange was cancelled.
    """
    addresses = resolve(host, port, clock=clock, cancellation=cancellation)
    failure = OSError(f"{host} has no address")
    for place, (family, kind, protocol, _, address) in enumerate(addresses):
        # A dead address must not use up the time of those after it.
        share = clock.left() / (len(addresses) - place)
        try:
            sock = socket.socket(family, kind, protocol)
            with closing_on_error(sock):
                for option in options:
                    sock.setsockopt(*option)
                _connect(sock, address, share, cancellation)
                sock.settimeout(clock.left())
        except OSError as error:
            failure = error
        else:
            return sock
        if cancellation.requested:
            break
    raise failure


def resolve(
    host: str, port: int, *, clock: Clock, cancellation: SocketCancellation
) -> list[tuple[socket.AddressFamily, socket.SocketKind, int, str, Address]]:
    """Return the addresses of *host*, as `socket.getaddrinfo` does.

    That call can neither be woken nor be given a time limit, so it runs in a thread of its own,
    which is left behind if it takes too long. A numeric address is not looked up.
    """
    with contextlib.suppress(OSError, UnicodeError):
        return _look_up(host, port, socket.AI_NUMERICHOST)
    found: list[Any] = []

    def look_up() -> None:
        try:
            found.append(_look_up(host, port))
        except (OSError, UnicodeError) as error:
            found.append(error)
        notify()

    threading.Thread(target=look_up, name="openai_scan-resolver", daemon=True).start()
    happened = cancellation.wait_for(lambda: bool(found), clock.left())
    cancellation.check()
    if not happened:
        raise TimeoutError(f"looking up {host} took too long")
    if isinstance(found[0], UnicodeError):  # a label that is too long, or empty
        raise socket.gaierror(socket.EAI_NONAME, f"{host!r} is not a name") from found[0]
    if isinstance(found[0], OSError):
        raise found[0]
    addresses: list[tuple[socket.AddressFamily, socket.SocketKind, int, str, Address]] = found[0]
    return addresses


@contextlib.contextmanager
def closing_on_error(sock: socket.socket) -> Iterator[None]:
    """Close *sock* if the block raises."""
    try:
        yield
    except BaseException:  # Ctrl-C too
        sock.close()
        raise


def _look_up(host: str, port: int, flags: int = 0) -> list[Any]:
    family = allowed_gai_family()
    return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=flags)


def _connect(
    sock: socket.socket, address: Address, seconds: float, cancellation: SocketCancellation
) -> None:
    """Connect *sock* without blocking, so that a cancellation can end the wait."""
    sock.setblocking(False)
    code = sock.connect_ex(address)
    if code in _UNDER_WAY:
        cancellation.hold(sock)  # before the attempt, shutting it down would do nothing
        if not wait_for_write(sock, seconds):
            raise TimeoutError(f"{address[0]} does not answer")
        cancellation.check()
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))
