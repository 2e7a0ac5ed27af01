"""Read an error in any of the shapes that servers report it in.

Seen on the wire: nested (`{"error": {...}}`), flat (`{"code", "message", "param", "type"}`), a bare
string, FastAPI's `{"detail": ...}`, RFC 9457's `{"title", "detail"}`, and plain text.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from attrs import frozen

from openai_scan.values import Value

# Characters of one error message, so that it fits into a log line.
_MAX_MESSAGE = 2000

# How many of a list of faults, and how many entries of anything else, a message shows at most.
_MAX_SHOWN = 100


@frozen(kw_only=True, eq=False, repr=False)
class Error(Value):
    """What a server says about an error; any part may be missing.

    Attributes:
        message: The error in words.
        type: The class of error, such as `"server_error"`.
        code: The error's code, such as `"rate_limit_exceeded"`, or an HTTP status as text.
        param: The request parameter at fault.
        sequence_number: The event's number in a Responses stream.
    """

    message: str | None = None
    type: str | None = None
    code: str | None = None
    param: str | None = None
    sequence_number: int | None = None


def read_error(payload: Any) -> Error:
    """Return the error in *payload*, a JSON value or text. What cannot be read is None."""
    number = payload.get("sequence_number") if isinstance(payload, Mapping) else None
    inner = payload
    if isinstance(payload, Mapping) and payload.get("error"):
        inner = payload["error"]
    if not isinstance(inner, Mapping):
        return Error(message=_text(inner), sequence_number=_whole(number))
    message = next((inner[key] for key in ("message", "detail", "title") if inner.get(key)), None)
    kind = _text(inner.get("type"))
    return Error(
        message=_text(message),
        # In a Responses `error` event, `type` repeats the event's name.
        type=None if kind == "error" else kind,
        code=_text(inner.get("code")),
        param=_text(inner.get("param")),
        sequence_number=_whole(number),
    )


def _text(value: Any) -> str | None:
    """Return *value* as text, or None if it is empty. LiteLLM writes "None" for nothing."""
    if value is None or value in ("", "None"):
        return None
    if isinstance(value, list):
        # FastAPI's list of faults. Only "msg" is used: "input", beside it, repeats the request.
        faults = (
            _shown(fault["msg"])
            for fault in value
            if isinstance(fault, Mapping) and fault.get("msg")
        )
        value = "; ".join(islice(faults, _MAX_SHOWN)) or value
    return _shown(value)[:_MAX_MESSAGE]


def _shown(value: Any) -> str:
    """Return *value*, a JSON value, as text; only the beginning of what is large."""
    return str(value) if isinstance(value, str) else str(_beginning(value, _MAX_SHOWN))


def _beginning(value: Any, count: int) -> Any:
    """Return *value* with no more than *count* entries of each list and object in it.

    One inside another has half as many, so that a tree of them stays small.
    """
    match value:
        case str():
            return value[:_MAX_MESSAGE]
        case list():
            return [_beginning(item, count // 2) for item in value[:count]]
        case dict():
            entries = islice(value.items(), count)
            return {key[:_MAX_MESSAGE]: _beginning(item, count // 2) for key, item in entries}
        case _:
            return value


def _whole(value: Any) -> int | None:
    return value if type(value) is int else None
