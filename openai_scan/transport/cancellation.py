"""What `cancel()` takes hold of, in whatever phase an exchange is."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openai_scan.transport.connections import WatchedConnection

# Guards whom a connection carries, so that a late cancel() does not hit the next one; and wakes
# those who wait for something else than a socket. It is held for no longer than a system call.
_changed = threading.Condition()


def _after_fork() -> None:
    """Give the child a condition of its own: a thread that is not there may have held this one."""
    global _changed  # noqa: PLW0603 - there is one for the process
    _changed = threading.Condition()


with contextlib.suppress(AttributeError):  # Windows does not fork
    os.register_at_fork(after_in_child=_after_fork)


class Cancellation:
    """Lets any thread end what one thread waits for: a name, a connection, bytes, a pause.

    Attributes:
        requested: Whether somebody did.
        token: Stands for the exchange in a connection that carries it.
    """

    requested: bool = False

    def __init__(self) -> None:
        self.token = object()
        self._pid = os.getpid()
        self._socket: socket.socket | None = None
        self._attached = False  # to a connection; until then the socket is one of our own

    def request(self) -> None:
        """Wake the thread that waits, now and whenever it would wait again."""
        with _changed:
            self.requested = True
            self._shut_down()
            _changed.notify_all()

    @property
    def inherited(self) -> bool:
        """Whether a parent process made it, whose connection is not this one's to end."""
        return self._pid != os.getpid()

    def check(self) -> None:
        """Go on only if nobody has asked to stop.

        Raises:
            OSError: Somebody has.
        """
        if self.requested:
            raise OSError("cancelled")

    def wait_for(self, happened: Callable[[], bool], seconds: float) -> bool:
        """Wait until *happened*, cancellation or the end of the time; return what happened says.

        Whoever makes it happen calls `tell()`.
        """
        with _changed:
            _changed.wait_for(lambda: self.requested or happened(), seconds)
        return happened()

    def hold(self, connecting: socket.socket) -> None:
        """Take hold of a socket that is not a connection's yet.

        Raises:
            OSError: It is too late: the exchange was cancelled.
        """
        self.let_go()
        with _changed:
            self.check()
            # A handshake moves the descriptor into another object; this one stays.
            self._socket = connecting.dup()
            self._attached = False

    def let_go(self) -> None:
        """Let go of the socket that `hold()` took."""
        with _changed:
            held, self._socket = self._socket, None
        if held is not None:
            held.close()

    def attach(self, connection: WatchedConnection) -> None:
        """Take hold of the connection that carries the exchange."""
        with _changed:
            connection.owner = self.token
            self._attached = True
            # TLS to a proxy and TLS through it are one in the other.
            self._socket = getattr(connection.sock, "socket", connection.sock)
            if self.requested:
                self._shut_down()

    def release(self) -> None:
        """Let go of the connection: the answer is over, and it may carry others from now on.

        While there is none yet, an answer that is over is a proxy's, and nothing is let go.
        """
        with _changed:
            if self._attached:
                self._socket, self._attached = None, False

    def hang_up(self) -> None:
        """Shut the connection down, so that the other side learns of it at once."""
        with _changed:
            self._shut_down()

    def _shut_down(self) -> None:
        if self._socket is not None and not self.inherited:
            with contextlib.suppress(OSError):  # it may be closed already
                self._socket.shutdown(socket.SHUT_RDWR)


def tell() -> None:
    """Have all who wait look whether what they wait for has happened."""
    with _changed:
        _changed.notify_all()
