"""The relay in applications of other frameworks: mounted, and in views of their own.

Each token has to reach the browser before the fake server sends the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import django
import pytest
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, StreamingHttpResponse
from django.middleware import gzip
from django.test import RequestFactory
from django.urls import path
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, StreamingResponse
from flask import Flask, Response, request
from server import PATIENCE
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response as StarletteResponse
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import WSGIRequestHandler, make_server

from openai_scan.relay import Relay, UnknownStreamError, asgi, wsgi
from openai_scan.relay.frames import HEADERS
from openai_scan.testing import FakeServer, chat_answer, chat_chunk, done, hold
from relay.served import Browser, Kind, by_header, read_until, serving, text_of

Make: TypeAlias = Callable[[Relay], Any]


def fastapi_mount(relay: Relay) -> Any:
    """Return an application with the relay mounted."""
    app = FastAPI()
    app.mount("/chat", asgi(relay, by_header))
    return app


def fastapi_gzip(relay: Relay) -> Any:
    """Return the mounted relay in a compressing middleware, which leaves event streams alone."""
    return GZipMiddleware(fastapi_mount(relay), minimum_size=1)


def fastapi_route(relay: Relay) -> Any:
    """Return an application with a route of its own, which first checks that the stream exists."""
    app = FastAPI()

    @app.exception_handler(UnknownStreamError)
    async def missing(*_: object) -> PlainTextResponse:
        return PlainTextResponse("not found", 404)

    @app.get("/chat/streams/{stream}/events")
    async def events(stream: str, request: Request) -> StarletteResponse:
        after, user = request.headers.get("last-event-id"), by_header(request.headers)
        reading = await asyncio.to_thread(relay.follow, stream, after, user=user)
        if reading.is_over:
            return StarletteResponse(status_code=204)
        return StreamingResponse(reading, headers=reading.encoding.headers)

    return app


def flask_mount(relay: Relay) -> Any:
    """Return an application with the relay mounted beside it."""
    return DispatcherMiddleware(Flask("shop"), {"/chat": wsgi(relay, by_header)})


def flask_view(relay: Relay) -> Any:
    """Return an application with a view of its own, which first checks that the stream exists."""
    app = Flask("shop")

    @app.errorhandler(UnknownStreamError)
    def missing(_: Exception) -> tuple[str, int]:
        return "not found", 404

    @app.get("/chat/streams/<stream>/events")
    def events(stream: str) -> Response:
        after, user = request.headers.get("Last-Event-ID"), request.headers.get("X-User")
        reading = relay.follow(stream, after, user=user)
        if reading.is_over:
            return Response(status=204)
        return Response(iter(reading), headers=dict(reading.encoding.headers))

    return app


class Urls:
    """The URL patterns of a Django application, as an object that each test can replace."""

    def __init__(self, view: Any) -> None:
        self.urlpatterns = [path("chat/streams/<stream>/events", view)]


def django_wsgi(relay: Relay) -> Any:
    """Return a Django application with a blocking view."""

    def events(request: HttpRequest, stream: str) -> StreamingHttpResponse:
        after, user = request.headers.get("Last-Event-ID"), request.headers.get("X-User")
        return StreamingHttpResponse(relay.iter(stream, after, user=user), headers=HEADERS)

    return _django(events, WSGIHandler)


def django_asgi(relay: Relay) -> Any:
    """Return a Django application with an asynchronous view."""

    async def events(request: HttpRequest, stream: str) -> StreamingHttpResponse:
        after, user = request.headers.get("Last-Event-ID"), request.headers.get("X-User")
        return StreamingHttpResponse(relay.aiter(stream, after, user=user), headers=HEADERS)

    return _django(events, ASGIHandler)


def _django(view: Any, handler: Callable[[], Any]) -> Any:
    settings.ROOT_URLCONF = Urls(view)
    return handler()


@pytest.fixture(scope="module", autouse=True)
def _with_django() -> None:
    """Configure Django, which can be done once in a process."""
    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="k", MIDDLEWARE=[], ROOT_URLCONF=None)
        django.setup()


@contextlib.contextmanager
def served(relay: Relay, make: Make, kind: Kind) -> Iterator[Browser]:
    """Serve an application, and yield a browser for the relay in it."""
    with serving(make(relay), kind) as port:
        yield Browser(port, mount="/chat")
        relay.close()


MOUNTS: list[tuple[Make, Kind]] = [(fastapi_mount, "asgi"), (flask_mount, "wsgi")]
VIEWS: list[tuple[Make, Kind]] = [
    (fastapi_gzip, "asgi"),
    (fastapi_route, "asgi"),
    (flask_view, "wsgi"),
    (django_wsgi, "wsgi"),
    (django_asgi, "asgi"),
]


@pytest.mark.unmeasured
@pytest.mark.parametrize(("make", "kind"), MOUNTS + VIEWS)
def test_each_token_comes_by_itself(
    relay: Relay, upstream: FakeServer, make: Make, kind: Kind
) -> None:
    """No token is held back until the next one or the end."""
    holds = [hold() for _ in range(5)]
    pieces = [chat_chunk(f"w{number} ") for number in range(5)]
    upstream.add([*(step for pair in zip(pieces, holds, strict=True) for step in pair), done()])
    stream = relay.start("Hi", user="alice").stream
    with (
        served(relay, make, kind) as browser,
        browser.open(f"/streams/{stream}/events", accept_encoding="gzip") as events,
    ):
        assert events.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert events.headers["Content-Encoding"] is None
        for number, held in enumerate(holds):
            read_until(events, b"w%d " % number)
            held.release()
        assert b'"status":"completed"' in events.read()


@pytest.mark.unmeasured
@pytest.mark.parametrize(("make", "kind"), MOUNTS + VIEWS)
def test_a_reader_comes_back(relay: Relay, upstream: FakeServer, make: Make, kind: Kind) -> None:
    """A reader that reconnects gets what follows its cursor."""
    upstream.add(chat_answer("Hello there"))
    stream = relay.start("Hi", user="alice").stream
    with served(relay, make, kind) as browser:
        whole = browser.get(f"/streams/{stream}/events").body
        cursors = [line[4:].decode() for line in whole.splitlines() if line.startswith(b"id: ")]
        assert text_of(whole) == "Hello there"
        rest = browser.get(f"/streams/{stream}/events", last_event_id=cursors[0]).body
        assert text_of(rest) == " there"


@pytest.mark.parametrize(("make", "kind"), MOUNTS)
def test_all_of_it_is_mounted(relay: Relay, upstream: FakeServer, make: Make, kind: Kind) -> None:
    """Paths are relative to the mount, and the page's address gets its trailing slash."""
    upstream.add(chat_answer("Hello"))
    with served(relay, make, kind) as browser:
        started = browser.post("/streams", {"prompt": "Hi"})
        assert started.status == 202
        assert text_of(browser.get(f"/{started.json['events']}").body) == "Hello"
        assert browser.get("/").status == 200
        there = browser.get("")
        assert there.status == 307
        assert there.headers["location"].endswith("chat/")


@pytest.mark.parametrize(("make", "kind"), [(flask_view, "wsgi"), (fastapi_route, "asgi")])
def test_a_view_knows_before_it_answers(
    relay: Relay, upstream: FakeServer, make: Make, kind: Kind
) -> None:
    """It knows whether the stream exists, whose it is, and whether the reader has its end."""
    upstream.add(chat_answer("Hello"))
    events = f"/streams/{relay.start('Hi', user='bob').stream}/events"
    with served(relay, make, kind) as browser:
        assert browser.get(events).status == 404
        assert text_of(browser.of("bob").get(events).body) == "Hello"
        assert browser.of("bob").get(events, last_event_id="1-9-end").status == 204


class Counted:
    """The frames of a stream, with a count.

    Attributes:
        taken: How many frames have been taken.
    """

    def __init__(self, relay: Relay, stream: str) -> None:
        self.taken = 0
        self._frames = relay.iter(stream)

    def __iter__(self) -> Iterator[bytes]:
        for frames in self._frames:
            self.taken += 1
            yield frames


@pytest.fixture
def counted(relay: Relay, upstream: FakeServer) -> Counted:
    """Return a finished stream that is read one entry at a time."""
    upstream.add(chat_answer("Hello there you"))
    stream = relay.start("Hi", user="alice").stream
    with relay.follow(stream) as reading:
        for frames in reading:
            if b"event: done" in frames:
                break
    tail = relay.log.open(stream)
    wait = tail.wait
    tail.wait = lambda position, seconds=None: wait(position, seconds)[:1]  # type: ignore[method-assign]  # one at a time
    return Counted(relay, stream)


def test_django_on_asyncio_takes_all_of_a_blocking_iterator_first(counted: Counted) -> None:
    """With `iter()`, nothing is sent before the end. `aiter()` is for such servers."""

    async def read() -> list[int]:
        return [counted.taken async for _ in StreamingHttpResponse(counted, headers=HEADERS)]

    with pytest.warns(Warning, match="must consume synchronous iterators"):
        taken = asyncio.run(read())
    assert set(taken) == {counted.taken}
    assert len(taken) == counted.taken > 3


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "identity"}])
def test_django_holds_back_what_it_compresses(counted: Counted, headers: dict[str, str]) -> None:
    """`GZipMiddleware` sends nearly everything at the end, unless an encoding is already set."""

    def view(_: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(counted, headers={**HEADERS, **headers})

    response = gzip.GZipMiddleware(view)(
        RequestFactory().get("/", headers={"accept-encoding": "gzip"})
    )
    taken = [counted.taken for _ in response]
    if headers:
        assert taken == [*range(1, counted.taken + 1)]
    else:
        assert response.headers["Content-Encoding"] == "gzip"
        assert len(set(taken)) <= 2 < counted.taken


class _Silent(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # with which bodies may be chunked

    def log(self, type: str, message: str, *args: object) -> None:
        """Log no request."""


@pytest.fixture
def werkzeug(relay: Relay) -> Iterator[int]:
    """Serve the relay by a server that decodes chunked bodies, and return the port."""
    server = make_server(
        "127.0.0.1", 0, wsgi(relay, by_header), threaded=True, request_handler=_Silent
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_port
    relay.close()
    server.shutdown()
    thread.join(PATIENCE)
    server.server_close()


def test_a_body_whose_length_is_not_told(upstream: FakeServer, werkzeug: int) -> None:
    """If the server knows where a chunked body ends, the relay reads it up to the limit."""
    upstream.add(chat_answer("Hello"))
    head = (
        b"POST /streams HTTP/1.1\r\nHost: localhost\r\nX-User: alice\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    body = b'{"prompt":"Hi","id":"chosen-by-the-browser"}'
    large = b"%x\r\n%b\r\n" % (64 * 1024, b" " * 64 * 1024)
    statuses = []
    for chunks in (b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body), large * 5 + b"0\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", werkzeug), PATIENCE) as connection:
            connection.sendall(head + chunks)
            statuses.append(connection.recv(65536).split()[1])
    assert statuses == [b"202", b"413"]
    assert text_of(Browser(werkzeug).get("/streams/chosen-by-the-browser/events").body) == "Hello"
