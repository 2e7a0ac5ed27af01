"""A loopback server that is told, byte for byte, what to send: the one real server of the tests.

Each request is answered by the next script. A script is a list of steps: bytes to send, a
`threading.Event` to wait for, an iterator of more bytes, `FIN` or `RST` to end the connection with.
After a script that ends otherwise the connection waits for the next request.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from attrs import define, field
from typing_extensions import Self

FIN = object()
RST = object()

Step: TypeAlias = "bytes | threading.Event | Iterator[bytes] | object"
Script: TypeAlias = "Sequence[Step]"

CHUNKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
CLOSE_DELIMITED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
END = b"0\r\n\r\n"

# Nothing here takes long; who waits so long waits in vain, and the test has failed.
PATIENCE = 10.0


def ch(data: bytes) -> bytes:
    """Return *data* as one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def answer(body: bytes, *, status: str = "200 OK", headers: str = "") -> bytes:
    """Return a whole answer with a Content-Length; *headers* are lines that end in CRLF."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def json_answer(value: Any, *, status: str = "200 OK", headers: str = "") -> bytes:
    """Return a whole answer of JSON."""
    headers += "Content-Type: application/json\r\n"
    return answer(json.dumps(value).encode(), status=status, headers=headers)


@define
class SeenRequest:
    """A request that arrived: its first line, its headers in lower case, and its body."""

    line: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as a JSON value."""
        return json.loads(self.body)


@define
class ScriptedServer:
    """The server; a `with` block starts and ends it.

    Attributes:
        scripts: What is left to be played, in order.
        requests: What was asked.
        connections: How many connections were accepted.
        hung_up: Set when a client has closed its side, between two requests or at
            `WAIT_FOR_HANG_UP`.
    """

    scripts: list[Script] = field(factory=list)
    tls: ssl.SSLContext | None = None
    requests: list[SeenRequest] = field(factory=list)
    connections: int = 0
    hung_up: threading.Event = field(factory=threading.Event)
    _listener: socket.socket = field(init=False)
    _port: int = field(init=False)
    _threads: list[threading.Thread] = field(factory=list)
    _sockets: list[socket.socket] = field(factory=list)
    _lock: threading.Lock = field(factory=threading.Lock)

    @property
    def base_url(self) -> str:
        """What a client takes as its base URL."""
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://localhost:{self._port}/v1"

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for accepted in self._sockets:
            with contextlib.suppress(OSError):
                accepted.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def _start(self, target: Any, *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:  # the listener was closed
                return
            self.connections += 1
            self._sockets.append(accepted)
            self._start(self._serve, accepted)

    def _serve(self, plain: socket.socket) -> None:
        connection = plain
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(plain)
            if self.tls is not None:
                connection = stack.enter_context(self.tls.wrap_socket(plain, server_side=True))
                self._sockets.append(connection)
            lines = stack.enter_context(connection.makefile("rb"))
            while (request := _read_request(lines)) is not None:
                with self._lock:
                    self.requests.append(request)
                    script = self.scripts.pop(0)
                if not self._play(connection, script):
                    return
            self.hung_up.set()

    def _play(self, connection: socket.socket, script: Script) -> bool:
        """Play *script*; return whether the connection is still open."""
        for step in script:
            if isinstance(step, bytes):
                connection.sendall(step)
            elif isinstance(step, threading.Event):
                assert step.wait(PATIENCE)
            elif isinstance(step, Iterator):
                for piece in step:
                    connection.sendall(piece)
            elif step is RST:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            elif step is WAIT_FOR_HANG_UP:
                connection.settimeout(PATIENCE)
                with contextlib.suppress(ConnectionError):
                    assert connection.recv(1) == b""
                self.hung_up.set()
                return False
            else:
                assert step is FIN
                return False
        return True


WAIT_FOR_HANG_UP = object()


@contextlib.contextmanager
def serving(*scripts: Script, tls: ssl.SSLContext | None = None) -> Iterator[ScriptedServer]:
    """Serve one script per request."""
    with ScriptedServer(list(scripts), tls) as server:
        yield server


def _read_request(lines: Any) -> SeenRequest | None:
    """Return the next request of a connection, or None if there is none."""
    line = lines.readline().decode().strip()
    if not line:
        return None
    headers = {}
    while header := lines.readline().decode().strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    return SeenRequest(line, headers, lines.read(int(headers.get("content-length", 0))))
