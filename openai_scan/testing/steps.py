"""The steps of a fake server's answer: bytes, and things that go wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from attrs import field, frozen

from openai_scan.testing.hold import Hold

STREAM_HEADERS: Mapping[str, str] = {"Content-Type": "text/event-stream; charset=utf-8"}
"""The response headers of a stream."""

JSON_HEADERS: Mapping[str, str] = {"Content-Type": "application/json"}
"""The response headers of a whole answer."""

# The type and code of the API's error for each HTTP status.
_ERRORS: Mapping[int, tuple[str, str | None]] = {
    401: ("invalid_request_error", "invalid_api_key"),
    429: ("requests", "rate_limit_exceeded"),
}


@frozen
class Delay:
    """Wait before the next step.

    Attributes:
        seconds: How long, in seconds.
    """

    seconds: float


@frozen
class Due:
    """Wait until *seconds* after the request.

    Attributes:
        seconds: How long after the request, in seconds.
    """

    seconds: float


@frozen
class Cut:
    """Close the connection in the middle of the answer."""


@frozen
class Reset:
    """Reset the connection."""


Step: TypeAlias = bytes | Delay | Due | Hold | Cut | Reset
"""A chunk to send, or what to do at this point. The response headers are sent together with the
first chunk; `b""` sends them alone."""


@frozen(kw_only=True)
class Reply:
    """A whole answer.

    Attributes:
        steps: What to send and do, in order; they are taken one by one.
        status: The HTTP status.
        headers: The headers.
        body: A body to send with its length, instead of steps.
        asked: The method and the path that it answers, or None for any.
    """

    steps: Iterable[Step] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default=STREAM_HEADERS)
    body: bytes | None = None
    asked: tuple[str, str] | None = None


def delay(seconds: float) -> Delay:
    """Wait *seconds* before the next step."""
    return Delay(seconds)


def hold() -> Hold:
    """Send nothing more until the client disconnects or the test calls `release()` on this."""
    return Hold()


def cut() -> Cut:
    """Close the connection in the middle of the answer, like a server that restarts."""
    return Cut()


def reset() -> Reset:
    """Reset the connection, like a proxy that gives up."""
    return Reset()


def json_answer(
    value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Reply:
    """Answer with a JSON value instead of a stream."""
    return Reply(
        status=status,
        headers={**JSON_HEADERS, **(headers or {})},
        body=json.dumps(value).encode(),
    )


def error(
    status: int,
    message: str = "this is a test",
    *,
    type: str | None = None,
    code: str | None = None,
    param: str | None = None,
    retry_after: float | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Answer with an error in the API's format.

    Args:
        status: The HTTP status, such as 429.
        message: The error message.
        type: The error type; None for the API's usual one for this status, such as
            `"invalid_request_error"`.
        code: The error code; None for the API's usual one for this status, such as
            `"rate_limit_exceeded"` for 429. Most have none.
        param: The parameter at fault.
        retry_after: How many seconds to ask the client to wait.
        headers: More headers, such as `{"x-request-id": "req_1"}`.
    """
    more = dict(headers or {})
    if retry_after is not None:
        more["Retry-After"] = f"{retry_after:g}"
    usual = "server_error" if status >= 500 else "invalid_request_error"
    usual_type, usual_code = _ERRORS.get(status, (usual, None))
    value = {
        "error": {
            "message": message,
            "type": usual_type if type is None else type,
            "param": param,
            "code": usual_code if code is None else code,
        }
    }
    return json_answer(value, status=status, headers=more)


def event(name: str, payload: Any) -> bytes:
    """Return a named event, as in Assistants and Responses streams.

    Args:
        name: Its name on the wire, such as `"thread.run.created"`.
        payload: Its data: a JSON value, or text, which is sent as it is.
    """
    return f"event: {name}\n".encode() + data(payload)


def data(payload: Any) -> bytes:
    """Return an event without a name, as in chat streams."""
    text = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
    return f"data: {text}\n\n".encode()


def done() -> bytes:
    """Return the `[DONE]` at the end of most streams."""
    return data("[DONE]")


def stream_error(code: str, message: str = "this is a test", *, type: str | None = None) -> bytes:
    """Return an error inside the stream, in the format of chat streams.

    Args:
        code: The error code, such as `"server_error"`.
        message: The error message.
        type: The error type.
    """
    return data({"error": {"message": message, "type": type or code, "code": code, "param": None}})


def comment(text: str = "ping") -> bytes:
    """Return a comment, which servers send to keep a connection alive."""
    return f": {text}\n\n".encode()


def pieces_of(text: str | Iterable[str]) -> list[str]:
    """Return the words of *text*, each with the space before it; pieces are returned unchanged."""
    if not isinstance(text, str):
        return list(text)
    words = text.split(" ")
    return [words[0], *(f" {word}" for word in words[1:])]
