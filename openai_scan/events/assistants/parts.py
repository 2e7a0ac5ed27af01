"""The content of messages in the forms that servers give it, brought to the one of the API.

The API has a list of parts, and the text of a part in an object of its own. Servers that were made
for Chat Completions send the text itself in place of the list, of a part, or of that object.
"""

from __future__ import annotations

from typing import Any


def with_parts(payload: Any) -> Any:
    """Return the message or the delta *payload* with its content as parts.

    The payload itself is not changed; it is returned if there is nothing to do.
    """
    if not isinstance(payload, dict):
        return payload
    content = payload.get("content")
    if content is None or (isinstance(content, list) and all(map(_is_part, content))):
        return payload
    if isinstance(content, str | dict):
        content = [content]
    if not isinstance(content, list):
        return payload
    return {**payload, "content": [_part(index, part) for index, part in enumerate(content)]}


def with_parts_in_delta(payload: Any) -> Any:
    """Return the payload of `thread.message.delta` likewise."""
    if not isinstance(payload, dict):
        return payload
    delta = payload.get("delta")
    if isinstance(delta, str):
        delta = {"content": delta}
    plain = with_parts(delta)
    return payload if plain is payload.get("delta") else {**payload, "delta": plain}


def _is_part(part: Any) -> bool:
    """Return whether nothing has to be done for *part*."""
    return (
        isinstance(part, dict)
        and isinstance(part.get("type"), str)
        and not isinstance(part.get("text"), str)
    )


def _part(index: int, part: Any) -> Any:
    if isinstance(part, str):
        return {"index": index, "type": "text", "text": {"value": part, "annotations": []}}
    if not isinstance(part, dict):
        return part
    kind, text = part.get("type"), part.get("text")
    if kind is None:
        kind = next(
            (key for key in ("text", "refusal", "image_file", "image_url") if key in part), None
        )
        part = part if kind is None else {**part, "type": kind}
    if kind in ("text", "output_text") and isinstance(text, str):
        known = part.get("annotations")
        annotations = known if isinstance(known, list) else []
        return {**part, "type": "text", "text": {"value": text, "annotations": annotations}}
    return part
