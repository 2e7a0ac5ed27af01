"""A relay behind a real server on this machine, and browsers that ask it."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPResponse
from socketserver import ThreadingMixIn
from typing import Any, Literal, TypeAlias
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import uvicorn
from attrs import define, evolve, frozen
from server import PATIENCE

Kind: TypeAlias = Literal["asgi", "wsgi"]


@contextlib.contextmanager
def serving(
    app: Any, kind: Kind, *, lifespan: Literal["on", "off"] = "off", unread: int | None = None
) -> Iterator[int]:
    """Serve an application, and give the port. Open streams have to end before the block does.

    Args:
        app: The application.
        kind: By which kind of server.
        lifespan: Whether the application is notified of the beginning and the end.
        unread: How many bytes, about, the system takes that a browser does not read; None for many.
    """
    with _serving_asgi(app, lifespan, unread) if kind == "asgi" else _serving_wsgi(app) as port:
        yield port


@contextlib.contextmanager
def _serving_asgi(app: Any, lifespan: Literal["on", "off"], unread: int | None) -> Iterator[int]:
    config = uvicorn.Config(app, log_config=None, lifespan=lifespan)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        if unread is not None:  # connections have what their listener has
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, unread)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, unread)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
            assert not thread.is_alive()


class _Threading(ThreadingMixIn, WSGIServer):
    """Serves each connection in a thread of its own."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of browsers that leave."""


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Log no request."""


@contextlib.contextmanager
def _serving_wsgi(app: Any) -> Iterator[int]:
    with make_server("127.0.0.1", 0, app, _Threading, _Silent) as server:  # waits for its threads
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join(PATIENCE)


@frozen
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of the error."""
        code: str = self.json["error"]["code"]
        return code


@define
class Browser:
    """Asks a server, as a user.

    Attributes:
        port: Where the server is.
        user: The user who is signed in, for `by_header()`, or None.
        mount: Where the relay is mounted.
    """

    port: int
    user: str | None = "alice"
    mount: str = ""

    def of(self, user: str | None) -> Browser:
        """Return the browser of another user."""
        return evolve(self, user=user)

    def get(self, path: str, **headers: str) -> Answer:
        """Get what is at a path, whole."""
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Any = None, /, **headers: str) -> Answer:
        """Post a JSON object."""
        encoded = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        headers.setdefault("content_type", "application/json")
        return self.ask("POST", path, encoded, **headers)

    def ask(self, method: str, path: str, body: bytes | None = None, /, **headers: str) -> Answer:
        """Send a request, and return all that comes back. Names of headers have `_` for `-`."""
        with self._sent(method, path, body, headers) as response:
            return _answer(response, response.read())

    @contextlib.contextmanager
    def open(self, path: str, **headers: str) -> Iterator[HTTPResponse]:
        """Get a stream, to be read as it comes; the browser leaves at the end of the block."""
        with self._sent("GET", path, None, headers) as response:
            assert response.status == 200, response.read()
            yield response

    def start(self, prompt: str = "Hello", **fields: str) -> str:
        """Ask for an answer, and return the id of its stream."""
        answer = self.post("/streams", {"prompt": prompt, **fields})
        assert answer.status == 202, answer
        stream: str = answer.json["stream"]
        return stream

    @contextlib.contextmanager
    def _sent(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Iterator[HTTPResponse]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        user = {} if self.user is None else {"x-user": self.user}
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        with contextlib.closing(connection):
            connection.request(method, self.mount + path, body, {**user, **given})
            with connection.getresponse() as response:  # which may own the socket
                yield response


def _answer(response: HTTPResponse, body: bytes) -> Answer:
    return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, body)


def by_header(headers: Mapping[str, str]) -> str | None:
    """Return the user that a `Browser` says it is: an `authorize` of tests."""
    return headers.get("x-user")


def frames_of(body: bytes) -> list[tuple[str, Any]]:
    """Return the events of a whole stream in the relay's own frames, by name and data."""
    found = []
    for block in body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "data" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


def text_of(body: bytes) -> str:
    """Return the text that a browser shows at the end of a whole stream."""
    text = ""
    for name, data in frames_of(body):
        if name == "reset":
            text = data["text"]
        elif name == "delta":
            text += data.get("text", "")
    return text


def read_until(response: HTTPResponse, expected: bytes) -> bytes:
    """Read lines until one of them has *expected*, and return them all."""
    seen = b""
    while expected not in seen:
        line = response.readline()
        assert line, seen
        seen += line
    return seen
