"""Turn a scripted stream into the whole answer that the API sends without streaming."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from typing import Any

from openai_scan.testing import apis
from openai_scan.testing.steps import (
    JSON_HEADERS,
    Cut,
    Reply,
    Reset,
    Step,
    error,
)

# Fields whose later value replaces the earlier one; other text is appended.
_REPLACED = frozenset({"finish_reason", "id", "name", "object", "role", "type"})

_NOTHING_COUNTED = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def whole(steps: Sequence[Step], api: str) -> Reply:
    """Return the answer that has at once what *steps* have one by one.

    Delays, cuts and the like come before the whole answer: it is late, or never comes. An error in
    the stream becomes an error response.

    Args:
        steps: The steps of a stream of *api*.
        api: The API they come from; see `apis`.
    """
    events = apis.raw_events(steps)
    payloads = [payload for payload in map(apis.payload_of, events) if payload]
    for payload in payloads:
        is_error = isinstance(payload.get("error"), dict) and "object" not in payload
        if is_error and api != apis.AGENTS:
            return _refused(payload["error"])
    body, headers = _body(payloads, api)
    others = [step for step in steps if not isinstance(step, bytes)]
    if not others:
        return Reply(body=body, headers=headers)
    is_lost = any(isinstance(step, Cut | Reset) for step in others)
    return Reply(steps=others if is_lost else [*others, body], headers=headers)


def _refused(facts: dict[str, Any]) -> Reply:
    """Return the error response for an error in the stream."""
    code = facts.get("code")
    status = 429 if code in {"rate_limit_exceeded", "insufficient_quota"} else 500
    return error(
        status,
        str(facts.get("message")),
        type=facts.get("type"),
        code=code,
        param=facts.get("param"),
    )


def _body(payloads: Sequence[dict[str, Any]], api: str) -> tuple[bytes, dict[str, str]]:
    value: Any
    match api:
        case apis.CHAT:
            value = _completion(payloads, {"object": "chat.completion"})
        case apis.COMPLETIONS:
            value = _completion(payloads, {})
        case apis.RESPONSES:
            value = _last(payload.get("response") for payload in payloads)
        case apis.ASSISTANTS:
            value = _last(payload for payload in payloads if payload.get("object") == "thread.run")
        case apis.AGENTS:
            # The API returns it when it is created, before anything happens in it.
            value = next((one["session"] for one in payloads if "session" in one), {})
        case apis.TRANSCRIPTIONS:
            value = _transcript(payloads)
        case apis.SPEECH:
            sounds = (base64.b64decode(payload.get("audio", "")) for payload in payloads)
            return b"".join(sounds), {"Content-Type": "audio/mpeg"}
        case _:
            value = _images(payloads)
    return json.dumps(value).encode(), dict(JSON_HEADERS)


def _last(objects: Iterable[Any]) -> Any:
    """Return the last object: the final state of the answer."""
    return next(reversed([one for one in objects if one]), {})


def _completion(payloads: Sequence[dict[str, Any]], facts: dict[str, Any]) -> dict[str, Any]:
    """Return the completion that the chunks add up to."""
    choices: dict[int, dict[str, Any]] = {}
    usage = None
    for payload in payloads:
        usage = payload.get("usage") or usage
        for piece in payload.get("choices", ()):
            _add(choices.setdefault(piece.get("index", 0), {"finish_reason": None}), piece)
    for choice in choices.values():
        message = choice.pop("delta", None)
        if message is not None:
            for call in message.get("tool_calls", ()):
                call.pop("index", None)
            choice["message"] = {"role": "assistant", "content": None, "refusal": None, **message}
        choice.setdefault("logprobs", None)
    return {
        **payloads[0],
        **facts,
        "choices": [choices[index] for index in sorted(choices)],
        "usage": usage or _NOTHING_COUNTED,
    }


def _add(to: dict[str, Any], piece: dict[str, Any]) -> None:
    """Add what *piece* has to what came before."""
    for name, value in piece.items():
        before = to.get(name)
        if value is None:
            to.setdefault(name, None)
        elif isinstance(value, dict):
            if not isinstance(before, dict):
                before = to[name] = {}
            _add(before, value)
        elif isinstance(value, list):
            if not isinstance(before, list):
                before = to[name] = []
            _add_items(before, value)
        elif isinstance(value, str) and isinstance(before, str) and name not in _REPLACED:
            to[name] = before + value
        else:
            to[name] = value


def _add_items(to: list[Any], pieces: Sequence[Any]) -> None:
    """Add items: an item with an index belongs to the earlier item of that index."""
    for piece in pieces:
        index = piece.get("index") if isinstance(piece, dict) else None
        same = [one for one in to if index is not None and one["index"] == index]
        if not same and isinstance(piece, dict):
            same = [{}]
            to += same
        if same:
            _add(same[0], piece)
        else:
            to.append(piece)


def _transcript(payloads: Sequence[dict[str, Any]]) -> dict[str, Any]:
    texts = [payload["text"] for payload in payloads if "text" in payload]
    deltas = "".join(payload.get("delta", "") for payload in payloads)
    return {"text": texts[-1] if texts else deltas, "usage": _last(map(_usage, payloads)) or None}


def _images(payloads: Sequence[dict[str, Any]]) -> dict[str, Any]:
    finals = [payload for payload in payloads if str(payload.get("type")).endswith(".completed")]
    facts = {name: _last(finals).get(name) for name in ("size", "quality", "output_format")}
    data = [{"b64_json": payload.get("b64_json")} for payload in finals]
    return {"created": 1, "data": data, **facts, "usage": _last(map(_usage, finals)) or None}


def _usage(payload: dict[str, Any]) -> Any:
    return payload.get("usage")
