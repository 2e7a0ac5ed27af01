"""A proxy in front of a server, which may stop, cut connections, or lose replies."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self


class Proxy:
    """Forwards connections to a server on this machine.

    Args:
        port: The port of the server.
        tls: How to speak TLS with clients; None to speak none.

    Attributes:
        port: The port of the proxy.
        connections: How many connections there have been.
        arrived: Set as soon as something has come for the server since it was cleared.
    """

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._server = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.arrived = threading.Event()
        self._changed = threading.Condition()
        self._stops = self._refuses = self._is_closed = False
        self._lost: bytes | None = None
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def stop(self) -> None:
        """Forward nothing more, but keep what comes and all connections, as a frozen proxy does."""
        with self._changed:
            self._stops = True

    def cut(self) -> None:
        """Reset all connections, and those to come."""
        with self._changed:
            self._refuses = True
            self._reset(self._sockets)

    def lose_replies(self, to: bytes = b"") -> None:
        """Forward what comes for the server from now on, and reset the connection at the reply.

        Args:
            to: Lose only replies to what has these bytes.
        """
        with self._changed:
            self._lost = to

    def restore(self) -> None:
        """Forward again, first what came meanwhile."""
        with self._changed:
            self._stops = self._refuses = False
            self._lost = None
            self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._changed:
            self._is_closed = True
            self._reset(self._sockets)
            self._changed.notify_all()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _start(self, do: Callable[[], None]) -> None:
        thread = threading.Thread(target=do, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _reset(self, sockets: set[socket.socket]) -> None:
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.shutdown(socket.SHUT_RDWR)
        self._sockets -= sockets

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            self.connections += 1
            with self._changed:
                if self._refuses or self._is_closed:
                    client.close()
                    continue
                try:
                    if self._tls is not None:
                        client = self._tls.wrap_socket(client, server_side=True)
                    server = socket.create_connection(self._server)
                except OSError:  # the client trusts no certificate, or no server is running
                    client.close()
                    continue
                for sock in (client, server):
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sockets |= {client, server}
                asked = threading.Event()
                self._start(partial(self._forward, client, server, asked, is_reply=False))
                self._start(partial(self._forward, server, client, asked, is_reply=True))

    def _forward(
        self,
        source: socket.socket,
        target: socket.socket,
        asked: threading.Event,
        *,
        is_reply: bool,
    ) -> None:
        """Forward one direction of a connection; *asked* says that its next reply may be lost."""
        with contextlib.suppress(OSError), source:
            while data := source.recv(65536):
                if not is_reply:
                    self.arrived.set()
                with self._changed:
                    self._changed.wait_for(lambda: not self._stops or self._is_closed)
                    if self._lost is None:
                        asked.clear()
                    elif not is_reply and self._lost in data:
                        asked.set()
                    elif is_reply and asked.is_set():
                        self._reset({source, target})
                        return
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)
