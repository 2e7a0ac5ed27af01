"""A real proxy on loopback: it forwards plain HTTP, tunnels CONNECT, counts, and may misbehave."""

from __future__ import annotations

import contextlib
import re
import select
import socket
from typing import Any

from attrs import define, field
from server import Script, ScriptedServer, reset

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


@define
class Proxy(ScriptedServer):
    """A server whose scripts are its answers to CONNECT; without one it does its work.

    Attributes:
        heads: The heads of the requests that were made of the proxy itself, as they came.
    """

    heads: list[str] = field(factory=list)

    @property
    def url(self) -> str:
        """What a variable such as HTTP_PROXY is set to."""
        return self.base_url.removesuffix("/v1")

    def _serve(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            client = stack.enter_context(plain)
            if self.tls is not None:
                client = stack.enter_context(self.tls.wrap_socket(plain, server_side=True))
                self._sockets.append(client)
            head = _read_head(client)
            if not head:
                return
            self.heads.append(head.decode())
            with self._lock:
                script: Script = self.scripts.pop(0) if self.scripts else ()
            if script:
                self._play(client, script)
                return
            upstream = stack.enter_context(_dial(head))
            self._sockets.append(upstream)
            if head.startswith(b"CONNECT "):
                client.sendall(ESTABLISHED)
            else:
                upstream.sendall(head)
            _relay(client, upstream)


def _read_head(connection: socket.socket) -> bytes:
    """Return the first request's head, and what of its body came along."""
    head = b""
    while b"\r\n\r\n" not in head:
        some = connection.recv(65536)
        if not some:
            return b""
        head += some
    return head


def _dial(head: bytes) -> socket.socket:
    """Connect to the server that the request is for."""
    found = re.match(rb"\w+ (?:http://)?(?:[^/@: ]+):(\d+)", head)
    assert found is not None
    upstream = socket.create_connection(("127.0.0.1", int(found[1])))
    upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return upstream


def _relay(one: socket.socket, other: socket.socket) -> None:
    """Pass on what either side sends, how each ends included."""
    partner: dict[Any, socket.socket] = {one: other, other: one}
    while partner:
        for side in select.select(list(partner), [], [])[0]:
            try:
                data = side.recv(65536)
                if data:
                    partner[side].sendall(data)
                    continue
                partner[side].shutdown(socket.SHUT_WR)
            except ConnectionError:  # a reset is passed on as one
                if side is one:
                    # The server may have answered before it reset: that is here already. If the
                    # client has reset, the server has nothing to say, and waits.
                    with contextlib.suppress(ConnectionError):
                        while select.select([other], [], [], 0)[0] and (data := other.recv(65536)):
                            one.sendall(data)
                reset(one)
                reset(other)
                return
            del partner[side]
