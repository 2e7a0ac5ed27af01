"""What an answer of the fake server is made of: bytes, and things that go wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from attrs import field, frozen

from openai_scan.testing.hold import Hold

STREAM_HEADERS: Mapping[str, str] = {"Content-Type": "text/event-stream; charset=utf-8"}
"""What the head of a streamed answer says."""

JSON_HEADERS: Mapping[str, str] = {"Content-Type": "application/json"}
"""What the head of a whole answer says."""

# What the API says in an error of a status: its type and its code.
_ERRORS: Mapping[int, tuple[str, str | None]] = {
    401: ("invalid_request_error", "invalid_api_key"),
    429: ("requests", "rate_limit_exceeded"),
}


@frozen
class Delay:
    """Wait, before what follows."""

    seconds: float


@frozen
class Due:
    """Wait until so many seconds after the request."""

    seconds: float


@frozen
class Cut:
    """Close the connection, in the middle of the answer."""


@frozen
class Reset:
    """Break the connection, so that the client sees a reset."""


Step: TypeAlias = bytes | Delay | Due | Hold | Cut | Reset
"""A chunk to send, or what to do at this point. The response headers are sent together with the
first chunk; `b""` sends them alone."""


@frozen(kw_only=True)
class Reply:
    """A whole answer.

    Attributes:
        steps: What to send and do, in order; they are asked for one by one.
        status: The HTTP status.
        headers: The headers.
        body: Send this, with its length, rather than steps.
        asked: The method and the path that it is an answer to, or None for any.
    """

    steps: Iterable[Step] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default=STREAM_HEADERS)
    body: bytes | None = None
    asked: tuple[str, str] | None = None


def delay(seconds: float) -> Delay:
    """Wait *seconds* before what follows."""
    return Delay(seconds)


def hold() -> Hold:
    """Say nothing more, until the client hangs up or the test calls `release()` on this."""
    return Hold()


def cut() -> Cut:
    """Close the connection in the middle of the answer, as a server does that is restarted."""
    return Cut()


def reset() -> Reset:
    """Break the connection, as a proxy does that gives up."""
    return Reset()


def json_answer(
    value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Reply:
    """Answer with a JSON value rather than a stream."""
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
    """Refuse the request, in the API's way.

    Args:
        status: The HTTP status, such as 429.
        message: The error in words.
        type: The class of error; None for what the API says with this status, such as
            `"invalid_request_error"`.
        code: The error's code; None for what the API says with this status, such as
            `"rate_limit_exceeded"` with 429. Most have none.
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
    """Return an event of any name, as Assistants and Responses streams have it.

    Args:
        name: Its name on the wire, such as `"thread.run.created"`.
        payload: Its data: a JSON value, or text as it is.
    """
    return f"event: {name}\n".encode() + data(payload)


def data(payload: Any) -> bytes:
    """Return an event without a name, as chat streams have it."""
    text = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
    return f"data: {text}\n\n".encode()


def done() -> bytes:
    """Return the `[DONE]` at the end of most streams."""
    return data("[DONE]")


def stream_error(code: str, message: str = "this is a test", *, type: str | None = None) -> bytes:
    """Return an error inside the stream, in the shape that chat streams have it.

    Args:
        code: The error's code, such as `"server_error"`.
        message: The error in words.
        type: The class of error.
    """
    return data({"error": {"message": message, "type": type or code, "code": code, "param": None}})


def comment(text: str = "ping") -> bytes:
    """Return a comment, which servers send to keep a connection alive."""
    return f": {text}\n\n".encode()


def pieces_of(text: str | Iterable[str]) -> list[str]:
    """Return the words of *text*, each with the space before it; pieces stay as they are."""
    if not isinstance(text, str):
        return list(text)
    words = text.split(" ")
    return [words[0], *(f" {word}" for word in words[1:])]
