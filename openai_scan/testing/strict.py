"""What a real server would make of a scripted answer, given what was asked."""

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
    """Return, in words, why no server gives *answer* to *request*; None if it may.

    Args:
        answer: A reply or the steps of a stream. A function, and steps that are made one by one,
            are not looked into.
        request: What was asked.
    """
    api, is_stream = _api_of(answer)
    asked = apis.api_asked(request)
    if api is None or api == asked or not is_known(request.path):
        return None
    line = f"{request.method} {request.path}"
    if asked is None:
        # What is whole may be anything there, such as the note that a response was deleted.
        if not is_stream:
            return None
        return f"the next answer is a stream of {api}, which {line} is not answered with"
    return f"the next answer comes from {api}, and {line} asks {asked}"


def fitted(reply: Reply, request: SeenRequest) -> Reply:
    """Return *reply* as a server sends it: whole if no stream was asked for, counted if asked to.

    Args:
        reply: What the script says, which comes from the API that was asked.
        request: What was asked.
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
    """Return whether *request* asks for a stream; so does one whose body nobody can read."""
    if request.method == "GET":  # what happens in an agent's session is always streamed
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
    """Return the steps of a completion with the count of tokens before the end.

    One that counts them itself, or has no end, stays as it is.
    """
    is_counted = any(apis.payload_of(raw).get("usage") for raw in apis.raw_events(steps))
    if is_counted or done() not in steps:
        return [*steps]
    counted = [_with_empty_usage(step) if isinstance(step, bytes) else step for step in steps]
    counted.insert(counted.index(done()), usage)
    return counted


def _with_empty_usage(chunk: bytes) -> bytes:
    """Return a chunk that says that the tokens are counted later, as the API does."""
    raw = list(apis.raw_events([chunk]))
    payload = apis.payload_of(raw[0]) if len(raw) == 1 else {}
    if "choices" not in payload or "usage" in payload or chunk != data(payload):
        return chunk
    return data({**payload, "usage": None})


def _api_of(answer: object) -> tuple[str | None, bool]:
    """Return the API that *answer* comes from, or None, and whether it is a stream."""
    if isinstance(answer, Reply):
        if answer.asked is not None:  # it was recorded, and says itself what it answers
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
