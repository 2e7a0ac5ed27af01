"""A relay as an ASGI application, to serve alone or to mount in another one.

::

    app = asgi(relay, authorize)                            # for uvicorn, or
    fastapi_app.mount("/chat", asgi(relay, authorize))
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import evolve
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response as StarletteResponse
from starlette.websockets import WebSocketClose

from openai_scan.relay.core import Relay
from openai_scan.relay.exchange import (
    LOCAL_USER,
    MAX_BODY,
    Asked,
    RefusedError,
    Request,
    Response,
    checked_user,
    identifying,
    too_large,
    too_slow,
)
from openai_scan.relay.http import Site
from openai_scan.relay.sending import send_reading
from openai_scan.relay.serving import close_on_signals

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

Authorize: TypeAlias = "Callable[[Mapping[str, str]], str | Awaitable[str | None] | None]"
"""Returns the id of the user from the headers of a request; None if no user is signed in."""

# How long the body of a request may take, in seconds.
_BODY_SECONDS = 30.0


def asgi(relay: Relay, authorize: Authorize | None = None, *, page: bool = True) -> ASGIApp:
    """Return an ASGI application that serves *relay*.

    The relay stays yours: close it when your server has ended. A server waits for open streams, and
    they end when the relay is closed. So if the application is served alone and its server supports
    lifespans, it closes the relay at SIGTERM and SIGINT; if you mount it, use `close_on_signals()`.

    Args:
        relay: The relay, created in this process.
        authorize: Returns the id of the user from the headers of a request, their names in lower
            case, or None if no user is signed in. It may be a coroutine function; otherwise it is
            called in a thread. Without it there is one user, `"local"`, and only requests from this
            machine are served.
        page: Whether to serve the page.
    """
    site = Site(relay, is_open=authorize is None, page=page)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(relay, receive, send)
        elif scope["type"] == "http":
            response = await _answer(site, authorize, scope, receive)
            if response.reading is not None:
                await send_reading(response.reading, response.headers, receive, send)
            else:
                whole = StarletteResponse(response.body, response.status, response.headers)
                await whole(scope, receive, send)
        else:
            await WebSocketClose()(scope, receive, send)

    return app


async def _live(relay: Relay, receive: Receive, send: Send) -> None:
    """Handle the startup and shutdown of the server."""
    await receive()
    with close_on_signals(relay):
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def _answer(
    site: Site, authorize: Authorize | None, scope: Scope, receive: Receive
) -> Response:
    request = _request(scope)
    handler = site.route(request)
    if isinstance(handler, Response):
        return _without_body(handler, scope, request)
    try:
        user = await _user(authorize, request)
        body = await _body(StarletteRequest(scope, receive))
    except RefusedError as refused:
        return _without_body(refused.response, scope, request)
    return await run_in_threadpool(site.answer, handler, Asked(request, user, body))


def _request(scope: Scope) -> Request:
    headers: dict[str, str] = {}
    for name_bytes, value_bytes in scope["headers"]:
        name, value = name_bytes.decode("latin-1").lower(), value_bytes.decode("latin-1")
        # Duplicates are joined and then match nothing, except cookies, which HTTP/2 sends one by
        # one.
        between = "; " if name == "cookie" else ", "
        headers[name] = f"{headers[name]}{between}{value}" if name in headers else value
    path: str = scope["path"]
    mount = scope.get("root_path", "").rstrip("/")
    if mount and (path == mount or path.startswith(f"{mount}/")):
        path = path[len(mount) :]
    client = scope.get("client")
    return Request(
        method=scope["method"],
        path=path,
        mount=mount,
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        peer=None if client is None else client[0],
    )


async def _user(authorize: Authorize | None, request: Request) -> str:
    """Return the id of the user.

    Raises:
        RefusedError: No user is signed in, or *authorize* has failed.
    """
    if authorize is None:
        return LOCAL_USER
    with identifying():
        found: Any = await run_in_threadpool(authorize, request.headers)
        return checked_user(await found if inspect.isawaitable(found) else found)


async def _body(request: StarletteRequest) -> bytes:
    """Return the body of a request.

    Raises:
        RefusedError: It is too large or too slow, or the browser has disconnected.
    """

    async def read() -> bytes:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise too_large()
        return bytes(body)

    try:
        return await asyncio.wait_for(read(), _BODY_SECONDS)
    except (asyncio.TimeoutError, ClientDisconnect):
        raise too_slow() from None


def _without_body(response: Response, scope: Scope, request: Request) -> Response:
    """Return the response to a request whose body is not read, so the connection is closed."""
    has_body = (
        "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"
    )
    if has_body and scope.get("http_version", "1.1").startswith("1"):
        return evolve(response, headers={**response.headers, "Connection": "close"})
    return response
