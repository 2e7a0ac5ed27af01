"""One connection of the fake server: it reads requests and sends the answers."""

from __future__ import annotations

import contextlib
import io
import re
import socket
import struct
import sys
import threading
import time
import weakref
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import TCPServer
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import attrs

from openai_scan.testing.hold import Hold
from openai_scan.testing.paths import api_path
from openai_scan.testing.request import SeenRequest
from openai_scan.testing.steps import Cut, Delay, Due, Reply, Reset, error
from openai_scan.testing.waking import StoppableFile

# A little more than a request with many images.
_MAX_BODY = 512 * 1024 * 1024

CONNECTION = "openai_scan-fake-connection"
"""The name of each thread that serves a connection."""

# How long stop() waits for all connections together, in seconds. They need a fraction of one.
_MAX_WAIT = 5.0

# What most servers allow if they accept requests from web pages at all.
_PREFLIGHT = {
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Allow-Methods": "DELETE, GET, POST",
}
_EXPOSED = "Retry-After, X-Request-ID"

_KEY_HEADERS = ("authorization", "api-key")

# Lingering for zero seconds makes close() reset the connection. Windows has shorter integers.
_NO_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class Script(Protocol):
    """Supplies the answers of a server."""

    hung_up: threading.Event
    """Set when a client has disconnected before the end of an answer."""

    pages: str | None
    """The origin of web pages that may send requests, `*` for any, or None."""

    def refuse(self, request: SeenRequest) -> Reply | None:
        """Return the error for a request whose body has not been read, or None to serve it."""

    def take(self, request: SeenRequest) -> Reply:
        """Return the answer to *request*."""


class Listener(HTTPServer):
    """Accepts connections and serves each in a thread; `stop()` ends them all.

    Args:
        script: Supplies the answers.
        port: The port; 0 for any free port.

    Attributes:
        script: Supplies the answers.
        connections: How many there have been.
        stopping: Set when they must end.

    Raises:
        OSError: The port is in use or not allowed.
    """

    allow_reuse_port = False  # otherwise a second server could take half of the requests

    def __init__(self, script: Script, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Connection)
        # A connection that the client has already aborted must not block the others.
        self.socket.settimeout(1.0)
        self.script = script
        self.stopping = threading.Event()
        self._sockets: list[socket.socket] = []
        self._handlers: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
        # The polling interval is how long stop() may have to wait.
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @property
    def connections(self) -> int:
        """How many there have been."""
        return len(self._sockets)

    def server_bind(self) -> None:
        """Bind the port for this server alone."""
        # On Windows SO_REUSEADDR would let a second server use the port; another option prevents
        # that. Elsewhere it only allows a port that another server has just left.
        exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
        self.allow_reuse_address = exclusive is None
        if exclusive is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, exclusive, 1)
        # Not HTTPServer's method, which looks up the name of 127.0.0.1: slow on some networks.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.socket.getsockname()

    def start(self) -> None:
        """Start to accept connections."""
        self._thread.start()

    def stop(self) -> None:
        """End all connections, and wait until they have ended.

        An answer that is stuck in the test's own code cannot be ended. After a few seconds it is
        left running, and dies with the process.
        """
        self.stopping.set()
        self.shutdown()
        self._thread.join()
        for connection in self._sockets:
            with contextlib.suppress(OSError):  # already closed
                connection.shutdown(socket.SHUT_RDWR)
        deadline = time.monotonic() + _MAX_WAIT
        for handler in list(self._handlers):
            handler.join(max(0.0, deadline - time.monotonic()))
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Count the connection, and serve it in a thread."""
        self._sockets.append(request)
        handler = threading.Thread(
            target=self._serve, args=(request, client_address), name=CONNECTION, daemon=True
        )
        handler.start()
        self._handlers.add(handler)

    def _serve(self, request: Any, client_address: Any) -> None:
        """Serve one connection to its end."""
        try:
            self.finish_request(request, client_address)
        except ConnectionError:  # the client has disconnected
            pass
        except Exception:  # noqa: BLE001 - an error in an answer ends only its connection
            self.handle_error(request, client_address)
        finally:
            self.shutdown_request(request)


class Connection(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a chunk is sent at once, however small
    server: Listener

    def setup(self) -> None:
        """Make all reads and writes end when the server stops."""
        super().setup()
        self.rfile.close()
        file = StoppableFile(self.connection, self.server.stopping)
        self.rfile = io.BufferedReader(file)
        self.wfile = file  # type: ignore[assignment] # the base class also stores such a file here

    def do_GET(self) -> None:
        """Answer the request."""
        self._answer()

    def do_POST(self) -> None:
        """Answer the request."""
        self._answer()

    def do_DELETE(self) -> None:
        """Answer the request."""
        self._answer()

    def do_OPTIONS(self) -> None:
        """Tell a browser which requests of a page the server takes."""
        self._has_head = False
        is_taken = self.server.script.pages is not None
        status, headers = (204, _PREFLIGHT) if is_taken else (501, {})
        self._send(Reply(status=status, headers=headers, body=b""))

    def _answer(self) -> None:
        self._began = time.monotonic()
        self._has_head = False
        try:
            request = self._read_head()
            reply = self._refusal() or self.server.script.refuse(request)
            if reply is not None:
                self.close_connection = True  # part of its body may still arrive
                self._drop_body()
                self._send(reply)
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._send(self.server.script.take(attrs.evolve(request, body=body)))
        except OSError:  # the client has disconnected
            self._leave()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the terminal belongs to the tests."""

    def _refusal(self) -> Reply | None:
        """Return the error for a body that cannot be read, or None."""
        if "Transfer-Encoding" in self.headers:
            return error(411, "the fake server needs a Content-Length")
        length = self.headers.get("Content-Length", "0")
        if not re.fullmatch(r"[0-9]{1,18}", length):
            return error(400, "the Content-Length is not a number")
        if int(length) > _MAX_BODY:
            return error(413, f"the fake server accepts at most {_MAX_BODY} bytes")
        return None

    def _drop_body(self) -> None:
        """Read a short body, because a connection closed before that may be reset."""
        length = self.headers.get("Content-Length", "0")
        if re.fullmatch(r"[0-9]{1,5}", length):
            self.rfile.read(int(length))

    def _read_head(self) -> SeenRequest:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        key = None
        for name in _KEY_HEADERS:
            if name in headers:
                kind, _, key = headers[name].rpartition(" ")
                headers[name] = f"{kind} [key]".lstrip()
        return SeenRequest(
            method=self.command,
            path=api_path(url.path),
            target=self.path,
            query=parse_qs(url.query),
            headers=headers,
            body=b"",
            key=key,
        )

    def _send(self, reply: Reply) -> None:
        if reply.body is not None:
            self._send_head(reply, "Content-Length", str(len(reply.body)))
            self.wfile.write(reply.body)
            return
        for step in reply.steps:
            match step:
                case Delay(seconds):
                    self._wait(seconds)
                case Due(seconds):
                    self._wait(self._began + seconds - time.monotonic())
                case Hold():
                    if not step.wait(self.connection, self.server.stopping):
                        raise ConnectionAbortedError
                case Cut():
                    self.close_connection = True
                    return
                case Reset():
                    self._reset()
                    return
                case chunk:
                    self._send_chunk(reply, chunk)
        self._send_chunk(reply, b"")
        self.wfile.write(b"0\r\n\r\n")

    def _send_head(self, reply: Reply, framing: str, value: str) -> None:
        self.send_response(reply.status)
        for name, text in reply.headers.items():
            self.send_header(name, text)
        self.send_header(framing, value)
        if self.server.script.pages is not None:
            self.send_header("Access-Control-Allow-Origin", self.server.script.pages)
            self.send_header("Access-Control-Expose-Headers", _EXPOSED)
        self.end_headers()

    def _send_chunk(self, reply: Reply, chunk: bytes) -> None:
        """Send the response headers, unless they were sent before, and *chunk*."""
        if not self._has_head:
            self._has_head = True
            self._send_head(reply, "Transfer-Encoding", "chunked")
        if chunk:  # an empty chunk would end the body
            self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))

    def _wait(self, seconds: float) -> None:
        if self.server.stopping.wait(min(max(0.0, seconds), threading.TIMEOUT_MAX)):
            raise ConnectionAbortedError

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.connection.close()

    def _leave(self) -> None:
        self.close_connection = True
        if not self.server.stopping.is_set():
            self.server.script.hung_up.set()
