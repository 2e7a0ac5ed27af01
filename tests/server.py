"""A loopback server that sends, byte for byte, what its scripts say: the tests' one real server.

Each request is answered by the next script. A script is a list of steps: bytes to send, a
`threading.Event` to wait for, an iterator of more bytes, a function to call, `Repeat` or
`WAIT_FOR_HANG_UP` to end with the client's hang-up, `FIN` or `RST` to end the connection with.
After a script that ends otherwise the connection waits for the next request.

A connection begins with scripts too: its handshake before TLS, and its opening before the first
request.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from attrs import define, field, frozen
from typing_extensions import Self

FIN = object()
RST = object()
WAIT_FOR_HANG_UP = object()
TAKE = object()
"""Take something of what the client sends, or its hang-up, which ends the script."""
HALF_CLOSE = object()
"""Say that nothing more will be sent, and continue taking."""


@frozen
class Repeat:
    """Send *data* again and again until the client hangs up, at an even pace."""

    data: bytes


@frozen
class Raw:
    """Send *data* as it is, without encryption even if the connection has TLS."""

    data: bytes


@frozen
class Sip:
    """Take what the client sends in small sips, with pauses until the event *until* is set."""

    until: threading.Event


Step: TypeAlias = (
    "bytes | threading.Event | Iterator[bytes] | Callable[[], object] | Raw | Repeat | Sip | object"
)
Script: TypeAlias = "Sequence[Step]"

# Seconds between two sends or sips; no test depends on how long they are.
_PACE = 0.01
_SIP = 512

CHUNKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
CLOSE_DELIMITED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
END = b"0\r\n\r\n"

# Nothing here takes long: if a wait takes longer, the test has failed.
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
        scripts: The scripts for the next requests, in order.
        requests: The requests that have arrived.
        connections: How many connections were accepted.
        hung_up: Set when a client has closed its side, between two requests or where the script
            waits for it.
        handshakes: The scripts that connections begin with, before TLS, in order.
        openings: The scripts that connections continue with, after TLS is up if there is TLS.
        buffer: How many bytes a connection holds before the server reads them; None for the
            default of the system.
    """

    scripts: list[Script] = field(factory=list)
    tls: ssl.SSLContext | None = None
    handshakes: list[Script] = field(factory=list)
    openings: list[Script] = field(factory=list)
    buffer: int | None = None
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
        """The base URL for a client of this server."""
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://localhost:{self._port}/v1"

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        if self.buffer is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.buffer)
        self._port = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for accepted in self._sockets:
            with contextlib.suppress(OSError):
                # Not SSLSocket.shutdown(), after which a thread would read encrypted bytes.
                socket.socket.shutdown(accepted, socket.SHUT_RDWR)
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
            # Small pieces are sent at once, rather than held back until there is more.
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            self._sockets.append(accepted)
            self._start(self._serve, accepted)

    def _serve(self, plain: socket.socket) -> None:
        connection = plain
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(plain)
            if not self._play(plain, self._next_of(self.handshakes)):
                return
            if self.tls is not None:
                connection = stack.enter_context(self.tls.wrap_socket(plain, server_side=True))
                self._sockets.append(connection)
            if not self._play(connection, self._next_of(self.openings)):
                return
            lines = stack.enter_context(connection.makefile("rb"))
            while (request := _read_request(lines)) is not None:
                if not self._play(connection, self._script_for(request)):
                    return
            self.hung_up.set()

    def _script_for(self, request: SeenRequest) -> Script:
        with self._lock:
            self.requests.append(request)
            return self.scripts.pop(0)

    def _next_of(self, beginnings: list[Script]) -> Script:
        with self._lock:
            return beginnings.pop(0) if beginnings else ()

    def _play(self, connection: socket.socket, script: Script) -> bool:
        """Play *script*; return whether the connection is still open."""
        for step in script:
            match step:
                case bytes():
                    connection.sendall(step)
                case threading.Event():
                    assert step.wait(PATIENCE)
                case Iterator():
                    for piece in step:
                        connection.sendall(piece)
                case Raw():
                    socket.socket.sendall(connection, step.data)
                case Repeat() | Sip():
                    self._keep_busy(connection, step)
                    return False
                case _ if step is RST:
                    reset(connection)
                    return False
                case _ if step is WAIT_FOR_HANG_UP:
                    connection.settimeout(PATIENCE)
                    with contextlib.suppress(ConnectionError):
                        # A client may have begun a TLS handshake, whose first byte is 22.
                        while received := connection.recv(4096):
                            assert received[0] == 22
                    self.hung_up.set()
                    return False
                case _ if step is TAKE:
                    if not connection.recv(65536):
                        self.hung_up.set()
                        return False
                case _ if step is HALF_CLOSE:
                    connection.shutdown(socket.SHUT_WR)
                case _ if step is FIN:
                    return False
                case _:
                    assert callable(step)
                    step()
        return True

    def _keep_busy(self, connection: socket.socket, step: Repeat | Sip) -> None:
        """Send or take a little again and again, until the client has hung up."""
        with contextlib.suppress(OSError):
            if isinstance(step, Repeat):
                while not select.select([connection], [], [], _PACE)[0] or connection.recv(65536):
                    connection.sendall(step.data)
            else:
                while connection.recv(_SIP):
                    if not step.until.is_set():
                        select.select([], [], [], _PACE)
        self.hung_up.set()


def reset(connection: socket.socket) -> None:
    """Make *connection* end in a reset, rather than in a FIN, when it is closed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextlib.contextmanager
def serving(
    *scripts: Script,
    tls: ssl.SSLContext | None = None,
    handshakes: Sequence[Script] = (),
    openings: Sequence[Script] = (),
    buffer: int | None = None,
) -> Iterator[ScriptedServer]:
    """Start a server that plays one script per request, and others as connections begin."""
    with ScriptedServer(list(scripts), tls, list(handshakes), list(openings), buffer) as server:
        yield server


@contextlib.contextmanager
def full_queue() -> Iterator[int]:
    """Yield the port of a server that accepts no connections and whose queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        with contextlib.ExitStack() as waiting:
            for _ in range(4):
                one = waiting.enter_context(socket.socket())
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))
            yield port


def _read_request(lines: Any) -> SeenRequest | None:
    """Return the next request of a connection, or None if there is none or it is incomplete."""
    line = lines.readline().decode().strip()
    if not line:
        return None
    headers = {}
    while header := lines.readline().decode().strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    length = int(headers.get("content-length", 0))
    body = lines.read(length)
    return SeenRequest(line, headers, body) if len(body) == length else None
