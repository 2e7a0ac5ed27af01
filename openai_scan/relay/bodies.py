"""Parse and check the bodies of requests, which are untrusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openai_scan import bounded_json
from openai_scan.relay.core import is_id
from openai_scan.relay.exchange import MAX_BODY, bad_request, too_large

STREAM_FIELDS: Mapping[str, type[Any]] = {
    "prompt": str,
    "conversation": str,
    "id": str,
    "model": str,
}
"""The fields of a request for an answer."""

CHAT_FIELDS: Mapping[str, type[Any]] = {
    "id": str,
    "messages": list,
    "message": dict,
    "trigger": str,
    "messageId": str,
    "model": str,
}
"""The same for `useChat` of the AI SDK; it has *message* if it sends only the last one."""

_KINDS: Mapping[type[Any], str] = {str: "a string", list: "a list", dict: "an object"}


def check_length(length: str) -> None:
    """Check the Content-Length of a request.

    Raises:
        RefusedError: It is not a number, or more than `MAX_BODY`.
    """
    if not (length.isascii() and length.isdigit()):
        raise bad_request("The Content-Length must be a number.")
    if len(length) > 9 or int(length) > MAX_BODY:  # Python refuses to parse thousands of digits
        raise too_large()


def read_object(body: bytes, fields: Mapping[str, type[Any]]) -> Mapping[str, Any]:
    """Return the body as a JSON object. Null fields are left out.

    Args:
        body: The body.
        fields: The names and types of all fields that it may have.

    Raises:
        RefusedError: It is something else.
    """
    try:
        value = bounded_json.loads_strictly(body.decode())
    except (ValueError, RecursionError):
        raise bad_request("The body must be JSON.") from None
    if not isinstance(value, dict):
        raise bad_request("The body must be a JSON object.")
    if not value.keys() <= fields.keys():
        raise bad_request(f"The body may only have the fields {', '.join(fields)}.")
    given = {name: found for name, found in value.items() if found is not None}
    for name, found in given.items():
        if not isinstance(found, fields[name]):
            raise bad_request(f"The field {name} must be {_KINDS[fields[name]]}.")
    return given


def read_id(asked: Mapping[str, Any], name: str) -> str | None:
    """Return the id in a field, or None if there is none.

    Raises:
        RefusedError: It is malformed.
    """
    given: str | None = asked.get(name)
    if given is not None and not is_id(given):
        raise bad_request(f'The field {name} must be 16 to 64 letters, digits, "-" or "_".')
    return given


def read_prompt(prompt: str | None) -> str:
    """Return the prompt.

    Raises:
        RefusedError: It is missing, or only spaces.
    """
    if prompt is None or not prompt.strip():
        raise bad_request("The prompt is missing.")
    return prompt


def read_last_message(asked: Mapping[str, Any]) -> str:
    """Return the text of the last message from `useChat`.

    Earlier messages are ignored: the relay has its own history, and a browser could claim answers
    that were never given.

    Raises:
        RefusedError: It is not a user message, or has parts other than text.
    """
    messages = asked.get("messages") or [asked.get("message")]
    match messages[-1]:
        case {"role": "user", "parts": [_, *_] as parts}:
            texts = [_text_of(part) for part in parts]
        case _:
            texts = [None]
    if None in texts:
        raise bad_request("The last message must be a user message with parts of type text.")
    return read_prompt("".join(map(str, texts)))


def _text_of(part: Any) -> str | None:
    match part:
        case {"type": "text", "text": str(text)}:
            return text
    return None
