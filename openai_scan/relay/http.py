"""A relay's answers to HTTP requests, without a server or a framework.

::

    POST /streams                     {prompt, conversation?, id?, model?}
                                      202 {stream, conversation, events}
    GET  /streams/{id}/events         the answer as an event stream, after Last-Event-ID or
                                      ?after=, or 204 after its end; with ?format=openai as chunks
                                      of Chat Completions, with ?format=ui as a UI message stream
                                      of the AI SDK, which has no cursors
    POST /streams/{id}/stop           202 {status}
    GET  /conversations/{id}          200 {messages}; with ?format=ui as UI messages
    GET  /models                      200 {models}

    POST /api/chat                    {id, messages, ...}, from `useChat` of the AI SDK: a new
                                      answer as a UI message stream
    GET  /api/chat/{id}/stream        the answer that is running, or 204
    POST /api/chat/{id}/stop          202 {status}

    GET  / and the other files of the page

A server proceeds in this order, so that a rejected request costs as little as possible: `route()`,
then the id of the user, then the body, then `answer()`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import quote

from openai_scan.relay.bodies import (
    CHAT_FIELDS,
    STREAM_FIELDS,
    check_length,
    read_id,
    read_last_message,
    read_object,
    read_prompt,
)
from openai_scan.relay.chunks import Chunks
from openai_scan.relay.core import Relay, is_id
from openai_scan.relay.entries import START, read_cursor
from openai_scan.relay.errors import LimitError, UnavailableError, UnknownStreamError
from openai_scan.relay.exchange import (
    SHARED_HEADERS,
    Asked,
    RefusedError,
    Request,
    Response,
    bad_request,
    failed,
    json_response,
    no_content,
    not_there,
    unavailable,
    wrong_method,
)
from openai_scan.relay.frames import Encoding, Frames
from openai_scan.relay.guards import is_cross_site, is_json, is_local
from openai_scan.relay.page_files import FOLDER, PageFile, load_page
from openai_scan.relay.reading import Reading
from openai_scan.relay.store import StoredMessage
from openai_scan.relay.ui_messages import UIMessages, ui_messages

_log = logging.getLogger("openai_scan")

Handler: TypeAlias = Callable[[Asked], Response]
"""Answers the requests of a route. It may query the log and the store."""

# The Retry-After, in seconds, if a store does not say when there is room.
_LIMIT_SECONDS = 10


class Site:
    """All answers of one relay.

    Args:
        relay: The relay.
        is_open: Whether everyone is the same user; then only this machine is served.
        page: Whether to serve the page.
    """

    def __init__(self, relay: Relay, *, is_open: bool, page: bool = True) -> None:
        self._relay = relay
        self._is_open = is_open
        self._page: Mapping[str, PageFile] = load_page(FOLDER) if page else {}

    def route(self, request: Request) -> Handler | Response:
        """Return the handler of a request, or the response if nothing else is needed.

        It examines only the request, and returns at once.
        """
        try:
            return self._route(request)
        except RefusedError as refused:
            return refused.response

    def answer(self, handler: Handler, asked: Asked) -> Response:
        """Return the response of the handler from `route()`. Call it in a thread."""
        try:
            return handler(asked)
        except RefusedError as refused:
            return refused.response
        except UnknownStreamError:
            return not_there().response
        except LimitError as error:
            return self._limited(error).response
        except UnavailableError as error:
            _log.warning("a request to the relay got status 503: %s", error)
            return unavailable().response
        except Exception:  # noqa: BLE001 - a bug of ours, or in the user's store
            _log.exception("a request to the relay failed")
            return failed().response

    # Routing.

    def _route(self, request: Request) -> Handler | Response:
        if self._is_open and not is_local(request.peer, request.headers):
            raise RefusedError(
                403,
                "not_local",
                "Without `authorize` this relay serves only requests from its own machine to"
                " localhost, 127.0.0.1 or [::1] that do not come through a proxy.",
            )
        if not request.path and "" in self._page:
            # The page refers to its files relative to its folder.
            folder = quote(request.mount.rpartition("/")[2], safe="")
            return Response(307, {**SHARED_HEADERS, "Location": f"{folder}/"})
        parts = request.path.split("/")[1:]
        if len(parts) == 1 and parts[0] in self._page:
            return _page_response(request, self._page[parts[0]])
        method, handler = self._handler(parts)
        if request.method != method:
            raise wrong_method(method)
        if is_cross_site(request.headers):
            raise RefusedError(403, "cross_site", "Pages of other origins may not send requests.")
        if method == "POST":
            if not is_json(request.headers):
                raise RefusedError(415, "not_json", "The Content-Type must be application/json.")
            check_length(request.headers.get("content-length", "0"))
        return handler

    def _handler(self, parts: Sequence[str]) -> tuple[str, Handler]:
        """Return the method and the handler of a path."""
        match parts:
            case ["streams"]:
                return "POST", self._start
            case ["streams", stream, "events"] if is_id(stream):
                return "GET", partial(self._events, stream)
            case ["streams", stream, "stop"] if is_id(stream):
                return "POST", partial(self._stop, stream)
            case ["conversations", conversation] if is_id(conversation):
                return "GET", partial(self._history, conversation)
            case ["models"]:
                return "GET", self._models
            case ["api", "chat"]:
                return "POST", self._chat
            case ["api", "chat", conversation, "stream"] if is_id(conversation):
                return "GET", partial(self._chat_stream, conversation)
            case ["api", "chat", conversation, "stop"] if is_id(conversation):
                return "POST", partial(self._chat_stop, conversation)
        raise not_there()

    # The handlers.

    def _start(self, asked: Asked) -> Response:
        body = read_object(asked.body, STREAM_FIELDS)
        started = self._relay.start(
            read_prompt(body.get("prompt")),
            user=asked.user,
            conversation=read_id(body, "conversation"),
            stream=read_id(body, "id"),
            model=self._allowed(body.get("model")),
        )
        told = {
            "stream": started.stream,
            "conversation": started.conversation,
            "events": f"streams/{started.stream}/events",
        }
        return json_response(202, told)

    def _events(self, stream: str, asked: Asked) -> Response:
        after = asked.request.headers.get("last-event-id") or asked.request.option("after")
        encoding: Encoding
        match asked.request.option("format"):
            case None:
                encoding = Frames()
            case "openai":
                encoding = Chunks(stream, has_part=read_cursor(after)[0] != START)
            case "ui":
                encoding, after = UIMessages(stream), None
            case _:
                raise bad_request("The format must be openai or ui, or left out.")
        return _streamed(self._relay.follow(stream, after, user=asked.user, encoding=encoding))

    def _stop(self, stream: str, asked: Asked) -> Response:
        self._relay.message(
            stream, user=asked.user
        )  # raises an error if it belongs to another user
        return self._stopping(stream)

    def _history(self, conversation: str, asked: Asked) -> Response:
        messages = self._relay.history(conversation, user=asked.user)
        match asked.request.option("format"):
            case None:
                told = [_told(message) for message in messages]
            case "ui":
                told = ui_messages(messages)
            case _:
                raise bad_request("The format must be ui, or left out.")
        return json_response(200, {"messages": told})

    def _models(self, asked: Asked) -> Response:  # noqa: ARG002 - the same for all users
        return json_response(200, {"models": self._relay.models})

    # Requests of `useChat` of the AI SDK.

    def _chat(self, asked: Asked) -> Response:
        body = read_object(asked.body, CHAT_FIELDS)
        started = self._relay.start(
            read_last_message(body),
            user=asked.user,
            conversation=read_id(body, "id"),
            model=self._allowed(body.get("model")),
        )
        return self._as_ui_messages(started.stream, asked.user)

    def _chat_stream(self, conversation: str, asked: Asked) -> Response:
        running = self._running(conversation, asked.user)
        if running is None:
            return no_content()
        return self._as_ui_messages(running.id, asked.user)

    def _chat_stop(self, conversation: str, asked: Asked) -> Response:
        running = self._running(conversation, asked.user)
        return self._stopping(None if running is None else running.id)

    def _running(self, conversation: str, user: str) -> StoredMessage | None:
        """Return the newest running answer of a conversation, or None."""
        messages = reversed(self._relay.history(conversation, user=user))
        return next((message for message in messages if message.status == "running"), None)

    # Shared by the handlers.

    def _as_ui_messages(self, stream: str, user: str) -> Response:
        return _streamed(self._relay.follow(stream, user=user, encoding=UIMessages(stream)))

    def _stopping(self, stream: str | None) -> Response:
        if stream is not None:
            self._relay.stop(stream)
        return json_response(202, {"status": "stopping"})

    def _allowed(self, model: str | None) -> str | None:
        if model is not None and model not in self._relay.models:
            raise bad_request("The model is not one of those that this relay allows.")
        return model

    def _limited(self, error: LimitError) -> RefusedError:
        if error.is_too_long:
            limit = self._relay.limits.prompt
            return RefusedError(413, "too_long", f"A prompt may have at most {limit} characters.")
        after = _LIMIT_SECONDS if error.retry_after is None else math.ceil(error.retry_after)
        return RefusedError(
            429,
            "too_many",
            "You have too many answers at a time, or have asked too often: retry later.",
            {"Retry-After": str(after)},
        )


def _told(message: StoredMessage) -> Mapping[str, Any]:
    return {
        **message.facts,
        "id": message.id,
        "role": message.role,
        "text": message.text,
        "status": message.status,
    }


def _streamed(reading: Reading) -> Response:
    if reading.is_over:
        reading.close()
        return no_content()
    return Response(200, {**SHARED_HEADERS, **reading.encoding.headers}, reading=reading)


def _page_response(request: Request, found: PageFile) -> Response:
    if request.method not in ("GET", "HEAD"):
        raise wrong_method("GET, HEAD")
    if found.headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(304, found.headers)
    return Response(200, found.headers, found.body)
