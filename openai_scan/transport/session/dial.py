"""Connect to a server within one time limit, so that another thread can cancel it.

A name may have several addresses, and some of them may be dead: the machine is down, or there is no
route for IPv6. The attempts overlap, as in RFC 8305 ("Happy Eyeballs"):

- The families alternate, beginning with that of the first address.
- The next attempt begins as soon as one fails, at the latest 0.25 s after the last one began.
- The first connection wins, and the other attempts are closed.
- All attempts share one limit.

So a dead address costs 0.25 s. IPv6 and IPv4 are not looked up separately, as the RFC suggests:
`getaddrinfo()` returns all addresses at once, in the order that the system prefers.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import math
import os
import select
import socket
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from urllib3.util.connection import allowed_gai_family

from openai_scan import waiting
from openai_scan.interruptions import carry
from openai_scan.transport.clock import Clock
from openai_scan.transport.lookups import Found, look_up, look_up_in_thread
from openai_scan.transport.session.cancellation import SocketCancellation, notify

# RFC 8305, section 5: the "Connection Attempt Delay".
_HEAD_START_SECONDS = 0.25

_UNDER_WAY = (errno.EINPROGRESS, errno.EWOULDBLOCK)

# These errors only mean that this machine cannot reach an address, such as an IPv6 one. Any other
# error says more.
_NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def dial(
    host: str,
    port: int,
    *,
    options: Iterable[tuple[int, int, int | bytes]],
    clock: Clock,
    cancellation: SocketCancellation,
) -> socket.socket:
    """Return a socket connected to *host*, within the time that the clock allows.

    Raises:
        socket.gaierror: The name is unknown.
        TimeoutError: It took too long.
        OSError: No address of the host can be reached, or the exchange was cancelled.
    """
    addresses = _in_turns(resolve(host, port, clock=clock, cancellation=cancellation))
    with contextlib.closing(_Attempts(options, cancellation)) as attempts:
        for left, address in zip(reversed(range(len(addresses))), addresses, strict=True):
            if not attempts.begin(address) and left:
                continue
            while attempts.under_way and attempts.connected is None:
                seconds = clock.left()
                attempts.wait(min(seconds, _HEAD_START_SECONDS) if left else seconds)
                if left:
                    break
            if attempts.connected is not None:
                with closing_on_error(attempts.connected) as connected:
                    cancellation.hold(connected)
                    connected.settimeout(clock.left())
                return connected
        raise attempts.failure or OSError(f"{host} has no address")


class _Attempts:
    """Connection attempts to the addresses of one host.

    Args:
        options: The options of each socket.
        cancellation: May end the wait for them.

    Attributes:
        under_way: The sockets that may still connect.
        connected: The first socket that connected, or None.
        failure: Why others failed, or None.
    """

    connected: socket.socket | None = None
    failure: OSError | None = None

    def __init__(
        self, options: Iterable[tuple[int, int, int | bytes]], cancellation: SocketCancellation
    ) -> None:
        self.under_way: list[socket.socket] = []
        self._options = options
        self._cancellation = cancellation

    def begin(self, address: Found) -> bool:
        """Start to connect to *address*; return False if that failed immediately."""
        try:
            sock = socket.socket(*address[:3])
        except OSError as error:
            return self._failed(error)
        with closing_on_error(sock):
            try:
                _set_options(sock, self._options)
                sock.setblocking(False)
                code = sock.connect_ex(address[4])
            except OSError as error:
                carry(error)
                sock.close()
                return self._failed(error)
            if code not in _UNDER_WAY:
                return self._ended(sock, code)
            # Registered before the attempt, because shutting it down would have no effect until
            # then.
            self._cancellation.watch(sock)
        self.under_way.append(sock)
        return True

    def wait(self, seconds: float) -> None:
        """Wait until an attempt has ended, at most *seconds*.

        Raises:
            OSError: The exchange was cancelled.
        """
        ended = _ended(self.under_way, seconds)
        self._cancellation.check()
        for sock in ended:
            if self.connected is None:
                self.under_way.remove(sock)
                self._cancellation.forget(sock)
                self._ended(sock, sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    def close(self) -> None:
        """Close the sockets that are still connecting."""
        for sock in self.under_way:
            self._cancellation.forget(sock)
            sock.close()

    def _ended(self, sock: socket.socket, code: int) -> bool:
        """Register how an attempt has ended; return whether *sock* is connected."""
        if not code:
            self.connected = sock
            return True
        sock.close()
        return self._failed(system_error(code))

    def _failed(self, error: OSError) -> bool:
        if self.failure is None or error.errno not in _NO_WAY:
            self.failure = error
        return False


def system_error(number: int) -> OSError:
    """Return the system's error with that number, and its message."""
    # On Windows os.strerror() does not know socket errors; Python has a table of them.
    words: dict[int, str] = getattr(socket, "errorTab", {})
    return OSError(number, words.get(number) or os.strerror(number))


def _in_turns(addresses: Sequence[Found]) -> list[Found]:
    """Return *addresses* with alternating families, each in its original order."""
    families: dict[object, list[Found]] = {}
    for address in addresses:
        families.setdefault(address[0], []).append(address)
    rounds = itertools.zip_longest(*families.values())
    return [address for each in rounds for address in each if address is not None]


def _ended(connecting: Sequence[socket.socket], seconds: float) -> Sequence[socket.socket]:
    """Wait at most *seconds*; return the sockets that are connected or have failed."""
    a_while = waiting.slice_of(seconds)
    # Looked up at each call, because gevent replaces it. `select()` accepts no descriptor above
    # 1023.
    if not hasattr(select, "poll"):
        # Windows reports a failed attempt in the third list.
        _, *found = select.select([], connecting, connecting, a_while)
        ended: set[Any] = set(itertools.chain(*found))
        return [sock for sock in connecting if sock in ended]
    poll = select.poll()
    for sock in connecting:
        poll.register(sock, select.POLLOUT)
    ended = {descriptor for descriptor, _ in poll.poll(math.ceil(a_while * 1000))}
    return [sock for sock in connecting if sock.fileno() in ended]


def resolve(
    host: str, port: int, *, clock: Clock, cancellation: SocketCancellation
) -> Sequence[Found]:
    """Return the addresses of *host*, within the time that the clock allows.

    Numeric addresses are not looked up.
    """
    family = allowed_gai_family()
    try:
        return look_up(host, port, family, socket.AI_NUMERICHOST)
    except OSError as error:
        carry(error)
    results: list[Sequence[Found] | OSError] = []

    def take(result: Sequence[Found] | OSError) -> None:
        results.append(result)
        notify()

    look_up_in_thread(host, port, family, take)
    happened = cancellation.wait_for(lambda: bool(results), clock.left())
    cancellation.check()
    if not happened:
        raise TimeoutError(f"looking up {host} took too long")
    found = results[0]
    if isinstance(found, OSError):
        raise found
    return found


@contextlib.contextmanager
def closing_on_error(sock: socket.socket) -> Iterator[socket.socket]:
    """Close *sock* if the block raises an exception."""
    try:
        yield sock
    except BaseException as error:  # Ctrl-C too
        sock.close()
        carry(error)
        raise


def _set_options(sock: socket.socket, options: Iterable[tuple[int, int, int | bytes]]) -> None:
    """Set each of *options* that the system supports: a connection also works without them."""
    for option in options:
        try:
            sock.setsockopt(*option)
        except OSError as error:  # noqa: PERF203 - each of them may be unsupported
            carry(error)
