"""What only ASGI servers do: they report browsers that leave, stall, or send slowly."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from server import PATIENCE

from openai_scan.relay import Reading, Relay, asgi, asgi_app, sending
from openai_scan.relay import http as relay_http
from openai_scan.testing import FakeServer, chat_answer, chat_chunk, done, hold
from relay.served import Browser, by_header, read_until, serving, text_of

Send = Callable[[Any], Awaitable[None]]


class Request:
    """A request as an ASGI server has it, without a server.

    Attributes:
        sent: What the application has sent.
        messages: What the application receives.
    """

    def __init__(self, method: str, path: str, **scope: Any) -> None:
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "query_string": b"",
            "headers": [(b"x-user", b"alice"), (b"content-type", b"application/json")],
            "client": ("127.0.0.1", 1),
            **scope,
        }
        self.messages: asyncio.Queue[Any] = asyncio.Queue()
        self.sent: list[Any] = []

    async def send(self, message: Any) -> None:
        """Take a message of the application."""
        self.sent.append(message)

    async def answer(self, app: Any, send: Send | None = None) -> None:
        """Let the application answer."""
        await asyncio.wait_for(app(self.scope, self.messages.get, send or self.send), PATIENCE)

    def body(self, data: bytes, *, more: bool = False) -> None:
        """Send a part of the body."""
        self.messages.put_nowait({"type": "http.request", "body": data, "more_body": more})

    def leave(self) -> None:
        """Close the connection."""
        self.messages.put_nowait({"type": "http.disconnect"})

    @property
    def status(self) -> int:
        """The status of the response."""
        status: int = self.sent[0]["status"]
        return status

    @property
    def headers(self) -> dict[bytes, bytes]:
        """The headers of the response."""
        return dict(self.sent[0]["headers"])


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[Reading]:
    """Return the list of readings that have been closed."""
    closed: list[Reading] = []
    close = Reading.close

    def noted(self: Reading) -> None:
        closed.append(self)
        close(self)

    monkeypatch.setattr(Reading, "close", noted)
    return closed


def test_a_browser_that_leaves_in_silence(
    relay: Relay, upstream: FakeServer, closed: list[Reading]
) -> None:
    """The relay notices at once, without a heartbeat."""
    upstream.add([chat_chunk("Hel"), hold()])
    stream = relay.start("Hi", user="alice").stream

    async def scenario() -> None:
        request = Request("GET", f"/streams/{stream}/events")
        request.body(b"")

        async def send(message: Any) -> None:
            await request.send(message)
            if b"Hel" in message.get("body", b""):
                request.body(b"")  # which says nothing
                request.leave()

        await request.answer(asgi(relay, by_header), send)
        assert closed

    asyncio.run(scenario())


def test_a_browser_that_takes_nothing(
    relay: Relay, upstream: FakeServer, closed: list[Reading], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relay gives it up after a while, but not a browser that is only waiting."""
    monkeypatch.setattr(sending, "_STALL_SECONDS", 0.01)
    monkeypatch.setattr(relay, "heartbeat", 0.03)
    upstream.add([chat_chunk("Hel"), hold()])
    stream = relay.start("Hi", user="alice").stream

    async def scenario() -> None:
        request = Request("GET", f"/streams/{stream}/events")
        request.body(b"")
        heartbeats = 0

        async def send(message: Any) -> None:
            nonlocal heartbeats
            await request.send(message)
            heartbeats += message.get("body") == b":\n\n"
            if heartbeats == 3:
                await asyncio.Event().wait()

        await request.answer(asgi(relay, by_header), send)
        assert heartbeats == 3
        assert closed

    asyncio.run(scenario())


def test_a_browser_that_reads_nothing(
    relay: Relay, upstream: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relay closes its connection, and another browser still gets the whole answer."""
    monkeypatch.setattr(sending, "_STALL_SECONDS", 0.05)
    given_up = threading.Event()
    monkeypatch.setattr(Reading, "close", lambda _: given_up.set())
    upstream.add([chat_chunk("x" * 64 * 1024)] * 40 + [chat_chunk(finish_reason="stop"), done()])
    stream = relay.start("Hi", user="alice").stream
    with serving(asgi(relay, by_header), "asgi", unread=4096) as port:
        with socket.socket() as stalled:
            stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stalled.connect(("127.0.0.1", port))
            request = f"GET /streams/{stream}/events HTTP/1.1\r\nHost: x\r\nX-User: alice\r\n\r\n"
            stalled.sendall(request.encode())
            assert given_up.wait(PATIENCE)
            monkeypatch.undo()
            whole = Browser(port).get(f"/streams/{stream}/events").body
        assert len(text_of(whole)) == 40 * 64 * 1024


@pytest.mark.parametrize("error", [OSError("gone"), RuntimeError("a fault of the server")])
def test_a_server_that_cannot_send(
    relay: Relay, upstream: FakeServer, closed: list[Reading], error: Exception
) -> None:
    """An OSError means that the browser has left; any other error is raised."""
    upstream.always = chat_answer("Hello")
    stream = relay.start("Hi", user="alice").stream

    async def scenario() -> None:
        request = Request("GET", f"/streams/{stream}/events")
        request.body(b"")

        async def send(_: Any) -> None:
            raise error

        fault = isinstance(error, RuntimeError)
        with pytest.raises(RuntimeError) if fault else contextlib.nullcontext():
            await request.answer(asgi(relay, by_header), send)
        assert closed

    asyncio.run(scenario())


def test_a_server_that_gives_up(relay: Relay, upstream: FakeServer, closed: list[Reading]) -> None:
    """If the server cancels the application, no task is left."""
    upstream.add([chat_chunk("Hel"), hold()])
    stream = relay.start("Hi", user="alice").stream

    async def scenario() -> None:
        request = Request("GET", f"/streams/{stream}/events")
        request.body(b"")
        come = asyncio.Event()

        async def send(message: Any) -> None:
            await request.send(message)
            if b"Hel" in message.get("body", b""):
                come.set()

        answering = asyncio.ensure_future(request.answer(asgi(relay, by_header), send))
        await asyncio.wait_for(come.wait(), PATIENCE)
        answering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await answering
        assert closed
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scenario())


def test_a_body_that_does_not_come(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """The relay stops waiting for it, answers 408 and closes the connection."""
    monkeypatch.setattr(asgi_app, "_BODY_SECONDS", 0.01)

    async def scenario() -> None:
        request = Request("POST", "/streams")
        request.scope["headers"].append((b"content-length", b"100"))
        request.body(b"{", more=True)
        await request.answer(asgi(relay, by_header))
        assert request.status == 408
        assert request.headers[b"connection"] == b"close"
        assert b'"code":"too_slow"' in request.sent[1]["body"]

    asyncio.run(scenario())


def test_a_browser_that_leaves_while_it_sends(relay: Relay) -> None:
    """No answer is started."""

    async def scenario() -> None:
        request = Request("POST", "/streams")
        request.body(b'{"prompt":"Hi"}', more=True)
        request.leave()
        await request.answer(asgi(relay, by_header))
        assert request.status == 408

    asyncio.run(scenario())


@pytest.mark.parametrize("length", [b"10", None])
def test_a_body_that_is_longer_than_it_said(relay: Relay, length: bytes | None) -> None:
    """The relay counts the bytes that arrive, and answers 413."""

    async def scenario() -> None:
        request = Request("POST", "/streams")
        given = (
            (b"transfer-encoding", b"chunked") if length is None else (b"content-length", length)
        )
        request.scope["headers"].append(given)
        for _ in range(5):
            request.body(b" " * 64 * 1024, more=True)
        await request.answer(asgi(relay, by_header))
        assert request.status == 413
        assert request.headers[b"connection"] == b"close"
        assert request.messages.empty()

    asyncio.run(scenario())


def test_connections_of_http_2_are_left_alone(relay: Relay) -> None:
    """HTTP/2 has no Connection header, and a request without a body needs none."""

    async def scenario() -> None:
        for version, length in (("2", b"5"), ("1.1", b"0")):
            request = Request("POST", "/nothing", http_version=version)
            request.scope["headers"].append((b"content-length", length))
            await request.answer(asgi(relay, by_header))
            assert request.status == 404
            assert b"connection" not in request.headers

    asyncio.run(scenario())


def test_headers_that_come_twice(relay: Relay) -> None:
    """Cookies are joined; a Host header that is sent twice is never a local one."""
    seen: list[Any] = []

    def authorize(headers: Any) -> str:
        seen.append(headers)
        return "alice"

    async def scenario() -> None:
        request = Request(
            "GET",
            "/models",
            headers=[
                (b"Cookie", b"a=1"),
                (b"cookie", b"b=2"),
                (b"host", b"localhost"),
                (b"host", b"attacker.example"),
            ],
        )
        request.body(b"")
        await request.answer(asgi(relay, authorize))
        assert request.status == 200
        await request.answer(asgi(relay))
        assert request.sent[2]["status"] == 403

    asyncio.run(scenario())
    assert seen == [{"cookie": "a=1; b=2", "host": "localhost, attacker.example"}]


@pytest.mark.parametrize("client", [None, ("10.0.0.1", 1), ("", 0)])
def test_without_authorize_a_peer_has_to_be_known(relay: Relay, client: Any) -> None:
    """If the server does not know who has connected, the request is refused."""

    async def scenario() -> None:
        request = Request("GET", "/models", client=client)
        request.scope["headers"].append((b"host", b"localhost"))
        await request.answer(asgi(relay))
        assert request.status == 403

    asyncio.run(scenario())


def test_a_web_socket_is_closed(relay: Relay) -> None:
    """The relay has no web sockets."""

    async def scenario() -> None:
        request = Request("GET", "/", type="websocket")
        await request.answer(asgi(relay, by_header))
        assert request.sent[0]["type"] == "websocket.close"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("root_path", "path", "status"),
    [
        ("", "/models", 200),
        ("/chat", "/chat/models", 200),
        ("/chat/", "/chat/models", 200),
        ("/chat", "/models", 200),  # by a proxy that has removed it
        ("/chat", "/chatter/models", 404),
        ("/chat", "/chat/chat/models", 404),
        ("/chat", "/chat", 307),
        ("/a b/\u00e9", "/a b/\u00e9", 307),
    ],
)
def test_where_it_is_mounted(
    relay: Relay,
    root_path: str,
    path: str,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> None:
    """Paths are relative to the mount; the page's address gets a trailing slash."""
    (tmp_path / "index.html").write_text("page")
    monkeypatch.setattr(relay_http, "FOLDER", tmp_path)

    async def scenario() -> None:
        request = Request("GET", path, root_path=root_path)
        request.body(b"")
        await request.answer(asgi(relay, by_header))
        assert request.status == status
        if status == 307:
            assert request.headers[b"location"] in (b"chat/", b"%C3%A9/")

    asyncio.run(scenario())


def test_readers_leave_when_the_server_ends(relay: Relay, upstream: FakeServer) -> None:
    """The server starts and stops the application with lifespan events."""
    upstream.add(chat_answer("Hello"))
    with serving(asgi(relay, by_header), "asgi", lifespan="on") as port:
        browser = Browser(port)
        with browser.open(f"/streams/{browser.start()}/events") as events:
            read_until(events, b"done")
