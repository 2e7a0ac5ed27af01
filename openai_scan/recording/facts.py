"""What a recording has of a request, its answer and its error; and what of it is secret."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import attrs

from openai_scan import errors
from openai_scan.errors import (
    APIError,
    NotAnEventStreamError,
    ScanError,
    StreamCancelledError,
    StreamTimeoutError,
    TransportError,
)
from openai_scan.recording.lines import Cause, Failure, Head
from openai_scan.redaction import redacted
from openai_scan.sources import AnsweredSource, RequestedSource
from openai_scan.sse import Source
from openai_scan.sse.source import broken_off

# URL parameters to record; the value of any other may be a secret.
_PLAIN_PARAMETERS = frozenset(
    {"after", "api-version", "before", "include[]", "include_obfuscation", "limit", "order"}
    | {"starting_after", "stream"}
)

# Not just the word "token": rate limits are counted in tokens.
_SECRET_HEADER = re.compile(
    r"account|api-?key|auth|cookie|organization|project|secret|session|signature|token$"
)

_HIDDEN = "[hidden]"

# The attributes of an exception to record besides its message.
_FAILURE_FACTS = {field.name for field in attrs.fields(Failure)} - {"error", "message"}


def head_of(
    source: Source, *, again: Literal["retry", "resume"] | None, with_request: bool
) -> Head:
    """Return what to record of the request and the response headers.

    Args:
        source: What is being recorded.
        again: See `Head`.
        with_request: Whether to write the body of the request.
    """
    if not isinstance(source, AnsweredSource):
        return Head(again=again)
    redact = redactor_of(source)
    seconds = None
    if source.sent_at is not None and source.answered_at is not None:
        seconds = round(source.answered_at - source.sent_at, 6)
    return Head(
        method=source.method,
        url=None if source.url is None else redact(_public_url(source.url)),
        status=source.status,
        headers={
            name.lower(): redact(value)
            for name, value in source.headers.items()
            if not _SECRET_HEADER.search(name.lower())
        },
        request_id=source.request_id if isinstance(source, RequestedSource) else None,
        t=seconds,
        again=again,
        request=_body_of(getattr(source, "request", None), redact) if with_request else None,
    )


def failure_of(error: Exception, redact: Callable[[str], str]) -> Failure:
    """Return what to record of the error that ended a source."""
    if not isinstance(error, ScanError):
        error = broken_off(error)
    facts = {
        name: redacted(getattr(error, name), redact)
        for name in _FAILURE_FACTS
        if getattr(error, name, None) is not None
    }
    message = getattr(error, "message", str(error))  # str() of an APIError adds facts
    return Failure(error=type(error).__name__, message=redact(message), **facts)


def error_of(failure: Failure) -> ScanError:
    """Return the error that was recorded."""
    cls = getattr(errors, failure.error, None)
    message = failure.message
    if not (inspect.isclass(cls) and issubclass(cls, ScanError)):  # from a later version
        return TransportError(message)
    if issubclass(cls, APIError):
        return cls(
            message,
            status=failure.status,
            type=failure.type,
            code=failure.code,
            param=failure.param,
            request_id=failure.request_id,
            retry_after=failure.retry_after,
            should_retry=failure.retryable,
            body=failure.body,
        )
    if issubclass(cls, StreamTimeoutError):
        return cls(message, limit=failure.limit)
    if issubclass(cls, NotAnEventStreamError):
        return cls(message, body=failure.body or "")
    return cls(message)


def cause_of(error: Exception) -> Cause:
    """Return, in one word, how an input ended that ended with *error*."""
    match error:
        case StreamCancelledError():
            return "cancelled"
        case StreamTimeoutError():
            return "timeout"
        case TransportError(lost=lost):
            return lost or "failed"
        case _:
            return "failed"


def redactor_of(source: Source) -> Callable[[str], str]:
    """Return a function that redacts the secrets of the request in a text."""
    return source.redact if isinstance(source, RequestedSource) else str


def _body_of(request: Any, redact: Callable[[str], str]) -> Any:
    """Return the body of *request* as JSON."""
    from openai_scan.transport.request import plain  # already loaded if there is a request

    return json.loads(redact(json.dumps(getattr(request, "body", None), default=plain)))


def _public_url(url: str) -> str:
    """Return *url* without its possible secrets: the user name, and values of parameters."""
    parts = urlsplit(url)
    query = [
        (name, value if name in _PLAIN_PARAMETERS else _HIDDEN)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, place, parts.path, urlencode(query, safe="[]"), ""))
