"""Check a scripted answer against what a real server would send for the request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

import attrs

from openai_scan.testing import apis
from openai_scan.testing.chat import chat_usage, completion_usage
from openai_scan.testing.paths import is_known
from openai_scan.testing.request import SeenRequest
from openai_scan.testing.steps import Reply, Step, data, done
from openai_scan.testing.whole import whole


def misfit(answer: object, request: SeenRequest) -> str | None:
    """Return why a real server would not give *answer* to *request*, or None if it would.

    Args:
        answer: A reply or the steps of a stream. A function, and steps made one by one, are not
            examined.
        request: The request.
    """
    api, is_stream = _api_of(answer)
    asked = apis.api_asked(request)
    if api is None or api == asked or not is_known(request.path):
        return None
    line = f"{request.method} {request.path}"
    if asked is None:
        # A whole answer may be anything there, such as the confirmation of a deleted response.
        if not is_stream:
            return None
        return f"the next answer is a stream of {api}, which does not answer {line}"
    return f"the next answer comes from {api}, but {line} is for {asked}"


def fitted(reply: Reply, request: SeenRequest) -> Reply:
    """Return *reply* as a server sends it: whole or streamed, and with token counts if requested.

    Args:
        reply: The scripted answer, which is of the right API.
        request: The request.
    """
    steps = reply.steps
    api, is_stream = _api_of(reply)
    if api is None or not is_stream or not _is_list(steps) or api != apis.api_asked(request):
        return reply
    if not _asks_to_stream(request):
        return whole(steps, api)
    if api in {apis.CHAT, apis.COMPLETIONS} and _asks_to_count(request):
        usage = chat_usage() if api == apis.CHAT else completion_usage()
        return attrs.evolve(reply, steps=_counted(steps, usage))
    return reply


def _asks_to_stream(request: SeenRequest) -> bool:
    """Return whether *request* asks for a stream; one with an unreadable body counts as well."""
    if request.method == "GET":  # the events of an agent's session are always streamed
        return request.query.get("stream") == ["true"] or request.path.endswith("/events")
    if request.form:
        return request.form.get("stream", b"").lower() == b"true"
    body = _json(request)
    if not isinstance(body, dict):
        return not request.path.endswith("/cancel")
    return body.get("stream") is True or body.get("stream_format") == "sse"


def _asks_to_count(request: SeenRequest) -> bool:
    match _json(request):
        case {"stream_options": {"include_usage": True}}:
            return True
    return False


def _counted(steps: Sequence[Step], usage: bytes) -> list[Step]:
    """Return the steps of a completion with the token counts before the end.

    Steps that have token counts, or no end, stay unchanged.
    """
    is_counted = any(apis.payload_of(raw).get("usage") for raw in apis.raw_events(steps))
    if is_counted or done() not in steps:
        return [*steps]
    counted = [_with_empty_usage(step) if isinstance(step, bytes) else step for step in steps]
    counted.insert(counted.index(done()), usage)
    return counted


def _with_empty_usage(chunk: bytes) -> bytes:
    """Return a chunk that says that token counts follow, as the API sends it."""
    raw = list(apis.raw_events([chunk]))
    payload = apis.payload_of(raw[0]) if len(raw) == 1 else {}
    if "choices" not in payload or "usage" in payload or chunk != data(payload):
        return chunk
    return data({**payload, "usage": None})


def _api_of(answer: object) -> tuple[str | None, bool]:
    """Return the API that *answer* comes from, or None, and whether it is a stream."""
    if isinstance(answer, Reply):
        if answer.asked is not None:  # it was recorded with its request
            return None, False
        if answer.body is not None:
            return (apis.api_of_body(answer.body) if answer.status < 300 else None), False
        answer = answer.steps if _is_stream(answer) else ()
    return (apis.api_of(answer) if _is_list(answer) else None), True


def _is_list(answer: object) -> TypeGuard[list[Step] | tuple[Step, ...]]:
    return isinstance(answer, list | tuple)


def _is_stream(reply: Reply) -> bool:
    names = {name.lower(): value for name, value in reply.headers.items()}
    kind = names.get("content-type", "")
    return reply.status < 300 and kind.startswith("text/event-stream")


def _json(request: SeenRequest) -> Any:
    try:
        return request.json
    except ValueError:
        return None
