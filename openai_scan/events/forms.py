"""Tell Chat Completions from Completions by their choices, and give each its own form.

Some servers send a piece of one API in the form of the other, or a `message` where a piece has its
`delta`. What a choice has decides, and the `object` only if the choices do not show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CHAT = "chat.completion.chunk"
COMPLETIONS = "text_completion"

# The members of a choice that some servers have beside the `object`, without a list of choices.
_CHOICE = ("delta", "message", "finish_reason")


def form_of(choices: Any, kind: Any, before: str | None) -> str | None:
    """Return which of the two APIs an event with *choices* is of, or None for a whole answer.

    Args:
        choices: The value of that name in the payload.
        kind: The payload's `object`.
        before: What earlier events with choices were, or None.
    """
    is_whole = isinstance(kind, str) and is_whole_chat(kind)
    if isinstance(choices, list):
        for choice in choices:
            if not isinstance(choice, dict):
                continue
            if isinstance(choice.get("delta"), dict | str):
                return CHAT
            if choice.get("text") is not None:
                return CHAT if kind == CHAT else COMPLETIONS
            if choice.get("message") is not None:
                return None if is_whole else CHAT
    if is_whole:
        return None
    if kind in (CHAT, COMPLETIONS):
        return before or str(kind)
    return before or CHAT  # Azure's content filter sends an empty `object`


def is_whole_chat(kind: str) -> bool:
    """Return whether *kind*, an `object`, is that of a whole answer, unless it comes in pieces.

    Perplexity's last event, `chat.completion.done`, repeats the whole answer.
    """
    return kind == "chat.completion" or (kind.startswith("chat.") and kind.endswith(".done"))


def with_deltas(payload: Any) -> Any:
    """Return the payload of a chat chunk in which each choice has its piece as `delta`."""
    if not isinstance(payload, dict):
        return payload
    choices = payload.get("choices")
    if not choices and (payload.get("delta") or isinstance(payload.get("message"), dict)):
        choices = [{key: payload[key] for key in _CHOICE if key in payload}]
        payload = {**payload, "choices": choices}
    if not isinstance(choices, list):
        return payload
    for choice in choices:
        if isinstance(choice, dict) and _is_odd(choice):
            return {**payload, "choices": [_with_delta(choice) for choice in choices]}
    return payload


def delta_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a whole message as the one piece of it."""
    delta = dict(message)
    calls = delta.get("tool_calls")
    if isinstance(calls, list):
        # A whole message has no indexes: the place in the list is the index.
        delta["tool_calls"] = [
            {"index": index, **call} for index, call in enumerate(calls) if isinstance(call, dict)
        ]
    return delta


def _is_odd(choice: Mapping[str, Any]) -> bool:
    delta = choice.get("delta")
    if not isinstance(delta, dict) or isinstance(choice.get("text"), str):
        return True
    return "message" in choice and _is_blank(delta)


def _is_blank(delta: Mapping[str, Any]) -> bool:
    """Return whether a *delta*, or a message, brings nothing."""
    return not any(value for key, value in delta.items() if key != "role")


def _with_delta(choice: Any) -> Any:
    if not isinstance(choice, dict) or not _is_odd(choice):
        return choice
    delta, text, message = choice.get("delta"), choice.get("text"), choice.get("message")
    if delta is None or (isinstance(delta, dict) and _is_blank(delta)):
        if isinstance(message, dict):
            if not _is_blank(message):
                choice = {**choice, "from_message": True}
            delta = {**(delta or {}), **delta_of(message)}
        elif delta is None:
            delta = message
    if isinstance(delta, str):
        delta = {"content": delta}
    if isinstance(text, str) and (delta is None or isinstance(delta, dict)):
        delta = delta or {}
        if delta.get("content") is None:  # some servers send the same text in both places
            delta = {**delta, "content": text}
    return choice if delta is None else {**choice, "delta": delta}
