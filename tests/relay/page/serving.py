"""Serve a relay in a thread, by either kind of server; stop it, and start it again."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping
from http import HTTPStatus
from socketserver import ThreadingMixIn
from typing import Any, Literal, TypeAlias, get_args
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import uvicorn
from attrs import field, frozen
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import Self

from openai_scan.relay import Relay, asgi, wsgi

Kind: TypeAlias = Literal["asgi", "wsgi"]

KINDS: tuple[Kind, ...] = get_args(Kind)


@frozen
class Fault:
    """What a proxy answers once in place of the relay.

    Attributes:
        path: How the path of the request begins.
        status: The status.
        headers: The headers.
    """

    path: str
    status: int
    headers: Mapping[str, str] = field(factory=dict)


class Serving:
    """A server; a `with` block starts and ends it.

    Attributes:
        user: The user who is signed in, or None.
        port: Where it is.
        faults: What is answered next in place of the relay, by ASGI.
        asked: The methods and paths of all requests, by ASGI.
    """

    def __init__(self, relay: Relay, kind: Kind) -> None:
        self._relay = relay
        self._kind = kind
        self.user: str | None = None
        self.port = 0
        self.faults: deque[Fault] = deque()
        self.asked: list[str] = []
        self._stop: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.port}/"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen, where it did before."""
        if self._kind == "asgi":
            listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
            self.port = listener.getsockname()[1]
            proxy = _Faulty(asgi(self._relay, self._authorize), self)
            self._stop = _serve_asgi(proxy, listener)
        else:
            app = wsgi(self._relay, self._authorize)
            server = make_server("127.0.0.1", self.port, app, _Threading, _Silent)
            self.port = server.server_port
            self._stop = _serve_wsgi(server)

    def stop(self) -> None:
        """End all connections, and listen no more."""
        stop, self._stop = self._stop, lambda: None
        stop()

    def _authorize(self, headers: Mapping[str, str]) -> str | None:
        return self.user


def _serve_asgi(app: ASGIApp, listener: socket.socket) -> Callable[[], None]:
    config = uvicorn.Config(
        app, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=0
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()

    def stop() -> None:
        server.should_exit = True
        thread.join()

    return stop


class _Threading(ThreadingMixIn, WSGIServer):
    """Serves each connection in a thread, and ends them all."""

    daemon_threads = True

    def __init__(self, *args: Any) -> None:
        self.connections: list[socket.socket] = []
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.append(request)
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of browsers that leave."""


class _Silent(WSGIRequestHandler):
    """Logs no requests."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _serve_wsgi(server: _Threading) -> Callable[[], None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()

    def stop() -> None:
        server.shutdown()
        thread.join()
        server.server_close()
        for connection in server.connections:
            with contextlib.suppress(OSError):  # it has ended before
                connection.shutdown(socket.SHUT_RDWR)

    return stop


class _Faulty:
    """A proxy in front of an application, which answers by itself when it is told to."""

    def __init__(self, app: ASGIApp, serving: Serving) -> None:
        self._app = app
        self._serving = serving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        self._serving.asked.append(f"{scope['method']} {path}")
        faults = self._serving.faults
        if faults and path.startswith(faults[0].path):
            fault = faults.popleft()
            phrase = HTTPStatus(fault.status).phrase
            await Response(phrase, fault.status, dict(fault.headers))(scope, receive, send)
        else:
            await self._app(scope, receive, send)
