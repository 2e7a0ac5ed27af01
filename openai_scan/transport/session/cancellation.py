"""What `cancel()` takes hold of, whatever an exchange over sockets is waiting for."""

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
# wakes those who wait for something other than a socket. It is held for a system call at most.
_changed = PerProcess(threading.Condition)


class Held(Protocol):
    """A connection that can be held: one that knows its socket."""

    owner: object
    """The token of the exchange that it carries."""

    sock: Any
    """The socket, or TLS over another connection, which has the socket as its `socket`."""


class SocketCancellation:
    """Lets any thread end what one thread waits for: a name, a connection, bytes, a pause.

    Attributes:
        requested: Whether a thread did.
        token: Identifies the exchange to the connection that carries it. A reference to the
            exchange itself would keep a dropped stream alive.
    """

    requested: bool = False

    def __init__(self) -> None:
        self.token = object()
        self._pid = os.getpid()
        self._socket: socket.socket | None = None
        self._attached = False  # to a connection; until then the socket is a copy of our own
        self._connecting: list[socket.socket] = []

    def request(self) -> None:
        """Wake the thread that waits, now and whenever it would wait again."""
        with _changed.value:
            self.requested = True
            self._shut_down()
            _changed.value.notify_all()

    @property
    def inherited(self) -> bool:
        """Whether a parent process created it, and this process must not end the connection."""
        return self._pid != os.getpid()

    def check(self) -> None:
        """Do nothing, unless `request()` was called.

        Raises:
            OSError: It was.
        """
        if self.requested:
            raise OSError("cancelled")

    async def pause(self, seconds: float) -> None:
        """Wait so many seconds, less if `request()` is called."""
        self.wait_for(lambda: False, seconds)

    def wait_for(self, happened: Callable[[], bool], seconds: float) -> bool:
        """Wait for *happened*, a cancellation or the end of the time; return what happened says.

        What makes it happen calls `notify()`.
        """
        with _changed.value:
            waiting.wait_for(_changed.value, lambda: self.requested or happened(), seconds)
        return happened()

    def watch(self, connecting: socket.socket) -> None:
        """Take hold of a socket that is being connected too. Call `forget()` before it is closed.

        Raises:
            OSError: The exchange was cancelled already.
        """
        with _changed.value:
            self.check()
            self._connecting.append(connecting)

    def forget(self, connecting: socket.socket) -> None:
        """Let go of a socket that `watch()` took."""
        with _changed.value:
            self._connecting.remove(connecting)

    def hold(self, connected: socket.socket) -> None:
        """Take hold of a socket that is not part of a connection yet.

        Raises:
            OSError: The exchange was cancelled already.
        """
        self.let_go()
        with _changed.value:
            self.check()
            # A TLS handshake moves the descriptor into another object; a copy stays.
            self._socket = connected.dup()
            self._attached = False

    def let_go(self) -> None:
        """Let go of the socket that `hold()` took."""
        with _changed.value:
            held, self._socket = self._socket, None
        if held is not None:
            held.close()

    def attach(self, connection: Held) -> None:
        """Take hold of the connection that carries the exchange."""
        with _changed.value:
            connection.owner = self.token
            self._attached = True
            # TLS through a proxy that itself speaks TLS is one connection inside the other.
            self._socket = getattr(connection.sock, "socket", connection.sock)
            if self.requested:
                self._shut_down()

    def release(self) -> None:
        """Let go of the connection: the answer is over, and the next one may be another's.

        While no connection is attached, the answer that is over is a proxy's; nothing is let go.
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
                with contextlib.suppress(OSError):  # it may be closed already
                    _shutdown_of(held)(socket.SHUT_RDWR)


def notify() -> None:
    """Have every `wait_for()` check whether what it waits for has happened."""
    with _changed.value:
        _changed.value.notify_all()


def _shutdown_of(held: socket.socket) -> Callable[[int], object]:
    """Return what shuts *held* down, whatever kind of socket it is.

    It is not ssl's own `shutdown()`: after that a reader would get what lies there, still
    encrypted. So it is that of the first class the others are derived from. eventlet's class has
    none, since its sockets pass on what they do not have.
    """
    for kind in reversed(type(held).__mro__):
        if "shutdown" in vars(kind):
            return functools.partial(vars(kind)["shutdown"], held)
    return held.shutdown
