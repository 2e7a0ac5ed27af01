"""What `cancel()` ends, whatever an exchange over sockets is waiting for."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import threading
from collections.abc import Callable
from typing import Any, Protocol

from openai_scan import waiting
from openai_scan.transport.per_process import PerProcess

# Guards which exchange a connection carries, so that a late cancel() does not hit the next one; and
# wakes threads that wait for something other than a socket. It is held for a system call at most.
_changed = PerProcess(threading.Condition)


class Held(Protocol):
    """A connection that can be attached: one that knows its socket."""

    owner: object
    """The token of the exchange that it carries."""

    sock: Any
    """The socket, or TLS over another connection, which has the socket as its `socket`."""


class SocketCancellation:
    """Lets any thread end what one thread waits for: a name, a connection, bytes, a pause.

    Attributes:
        requested: Whether `request()` has been called.
        token: Identifies the exchange to the connection that carries it. A reference to the
            exchange itself would keep a dropped stream alive.
    """

    requested: bool = False

    def __init__(self) -> None:
        self.token = object()
        self._pid = os.getpid()
        self._socket: socket.socket | None = None
        self._attached = False  # to a connection; until then we have a copy of the socket
        self._connecting: list[socket.socket] = []

    def request(self) -> None:
        """Wake the waiting thread from this wait and every later one."""
        with _changed.value:
            self.requested = True
            self._shut_down()
            _changed.value.notify_all()

    @property
    def inherited(self) -> bool:
        """Whether a parent process created it, so that this process must not end the connection."""
        return self._pid != os.getpid()

    def check(self) -> None:
        """Raise an error if `request()` has been called.

        Raises:
            OSError: It has been called.
        """
        if self.requested:
            raise OSError("cancelled")

    async def pause(self, seconds: float) -> None:
        """Wait *seconds*, less if `request()` is called."""
        self.wait_for(lambda: False, seconds)

    def wait_for(self, happened: Callable[[], bool], seconds: float) -> bool:
        """Wait for *happened*, a cancellation or the end of the time; return whether it happened.

        The code that makes it happen calls `notify()`.
        """
        with _changed.value:
            waiting.wait_for(_changed.value, lambda: self.requested or happened(), seconds)
        return happened()

    def watch(self, connecting: socket.socket) -> None:
        """Register another socket that is being connected. Call `forget()` before closing it.

        Raises:
            OSError: The exchange has already been cancelled.
        """
        with _changed.value:
            self.check()
            self._connecting.append(connecting)

    def forget(self, connecting: socket.socket) -> None:
        """Unregister a socket that was passed to `watch()`."""
        with _changed.value:
            self._connecting.remove(connecting)

    def hold(self, connected: socket.socket) -> None:
        """Register a socket that is not part of a connection yet.

        Raises:
            OSError: The exchange has already been cancelled.
        """
        self.let_go()
        with _changed.value:
            self.check()
            # A TLS handshake moves the descriptor into another object; the copy stays valid.
            self._socket = connected.dup()
            self._attached = False

    def let_go(self) -> None:
        """Unregister the socket that was passed to `hold()`."""
        with _changed.value:
            held, self._socket = self._socket, None
        if held is not None:
            held.close()

    def attach(self, connection: Held) -> None:
        """Register the connection that carries the exchange."""
        with _changed.value:
            connection.owner = self.token
            self._attached = True
            # TLS through a proxy that itself uses TLS is one connection inside another.
            self._socket = getattr(connection.sock, "socket", connection.sock)
            if self.requested:
                self._shut_down()

    def release(self) -> None:
        """Unregister the connection: the answer is over, and the next may be another's.

        If no connection is attached, the answer was a proxy's, and this is a no-op.
        """
        with _changed.value:
            if self._attached:
                self._socket, self._attached = None, False

    def hang_up(self) -> None:
        """Shut the connection down, so that the other side notices at once."""
        with _changed.value:
            self._shut_down()

    def _shut_down(self) -> None:
        if self.inherited:
            return
        for held in (self._socket, *self._connecting):
            if held is not None:
                with contextlib.suppress(OSError):  # it may already be closed
                    _shutdown_of(held)(socket.SHUT_RDWR)


def notify() -> None:
    """Make every `wait_for()` check whether what it waits for has happened."""
    with _changed.value:
        _changed.value.notify_all()


def _shutdown_of(held: socket.socket) -> Callable[[int], object]:
    """Return the function that shuts *held* down, whatever kind of socket it is.

    It is not ssl's own `shutdown()`, after which a reader would get buffered bytes, still
    encrypted. So it is that of the most basic class. eventlet's class has none, because its sockets
    delegate what they do not have.
    """
    for kind in reversed(type(held).__mro__):
        if "shutdown" in vars(kind):
            return functools.partial(vars(kind)["shutdown"], held)
    return held.shutdown
