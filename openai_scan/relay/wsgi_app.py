"""A relay as a WSGI application, to serve alone or to mount in another one.

::

    app = wsgi(relay, authorize)
    flask_app.wsgi_app = DispatcherMiddleware(flask_app.wsgi_app, {"/chat": app})
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeAlias

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
    no_length,
    too_large,
    too_slow,
)
from openai_scan.relay.http import Site

if TYPE_CHECKING:
    from _typeshed.wsgi import InputStream, StartResponse, WSGIApplication, WSGIEnvironment

Authorize: TypeAlias = "Callable[[Mapping[str, str]], str | None]"
"""Returns the id of the user from the headers of a request; None if no user is signed in."""


def wsgi(relay: Relay, authorize: Authorize | None = None, *, page: bool = True) -> WSGIApplication:
    """Return a WSGI application that serves *relay*, with only the standard library.

    A server needs a thread for each open stream. It notices that a browser has disconnected when it
    sends the next entry or heartbeat, and it needs its own timeout for browsers that accept
    nothing. The relay stays yours: close it when your server begins to shut down, which
    `close_on_signals()` does.

    Args:
        relay: The relay, created in this process.
        authorize: Returns the id of the user from the headers of a request, their names in lower
            case, or None if no user is signed in. Without it there is one user, `"local"`, and only
            requests from this machine are served.
        page: Whether to serve the page.

    Raises:
        TypeError: *authorize* is a coroutine function, which only `asgi()` can await.
    """
    if inspect.iscoroutinefunction(authorize):
        raise TypeError("authorize is a coroutine function: use asgi(), or pass a plain function")
    site = Site(relay, is_open=authorize is None, page=page)

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        response = _answer(site, authorize, environ)
        headers = [*response.headers.items()]
        if response.reading is None and response.status not in (204, 304):
            headers.append(("Content-Length", str(len(response.body))))
        start_response(f"{response.status} {HTTPStatus(response.status).phrase}", headers)
        if response.reading is not None:
            return response.reading  # the server calls its `close()`
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [response.body]

    return app


def _answer(site: Site, authorize: Authorize | None, environ: WSGIEnvironment) -> Response:
    request = _request(environ)
    handler = site.route(request)
    if isinstance(handler, Response):
        return handler
    try:
        user = _user(authorize, request)
        body = _body(environ)
    except RefusedError as refused:
        return refused.response
    return site.answer(handler, Asked(request, user, body))


def _request(environ: WSGIEnvironment) -> Request:
    headers = {
        name[5:].replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    for name in ("CONTENT_LENGTH", "CONTENT_TYPE"):
        if environ.get(name):
            headers[name.replace("_", "-").lower()] = environ[name]
    mount = environ.get("SCRIPT_NAME", "").rstrip("/")
    return Request(
        method=environ["REQUEST_METHOD"],
        path=_text(environ.get("PATH_INFO", "")) or ("" if mount else "/"),
        mount=_text(mount),
        query=environ.get("QUERY_STRING", ""),
        headers=headers,
        peer=environ.get("REMOTE_ADDR"),
    )


def _text(latin: str) -> str:
    """Return a path as text: WSGI decodes its bytes as Latin-1."""
    return latin.encode("latin-1").decode(errors="replace")


def _user(authorize: Authorize | None, request: Request) -> str:
    """Return the id of the user.

    Raises:
        RefusedError: No user is signed in, or *authorize* has failed.
    """
    if authorize is None:
        return LOCAL_USER
    with identifying():
        return checked_user(authorize(request.headers))


def _body(environ: WSGIEnvironment) -> bytes:
    """Return the body of a request.

    Raises:
        RefusedError: It is too large or cut off, or its length is unknown.
    """
    if environ.get("wsgi.input_terminated"):  # the server ends it, whatever the length
        body = _read(environ["wsgi.input"], MAX_BODY + 1)
    elif length := environ.get("CONTENT_LENGTH"):
        body = _read(environ["wsgi.input"], int(length))  # `route()` has checked it
        if len(body) < int(length):
            raise too_slow()
    elif "HTTP_TRANSFER_ENCODING" in environ:
        raise no_length()
    else:
        body = b""
    if len(body) > MAX_BODY:
        raise too_large()
    return body


def _read(stream: InputStream, size: int) -> bytes:
    """Return *size* bytes of a stream, or all of it if it is shorter."""
    body = b""
    while len(body) < size and (more := stream.read(size - len(body))):
        body += more
    return body
