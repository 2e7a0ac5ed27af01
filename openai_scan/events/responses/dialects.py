"""Turn what servers send in the events of Responses in other forms into OpenAI's form.

Some servers send the content of a message as text, or in parts of types from other APIs, and a
delta as an object with a text in it. All of that is brought into one form here, before the classes
see it. The `raw` of an event keeps what was sent.
"""

from __future__ import annotations

from typing import Any

from openai_scan.events.decoding.structure import Structurer

# The types that other APIs have for the part of a content that is text.
_TEXT_TYPES = frozenset({"text", "input_text", None})

# The members of events that are texts. A `delta` of arguments may be an object that is all of them.
_TEXTS = ("delta", "text", "refusal")
_ARGUMENTS = "arguments"


def in_one_form(payload: Any, _: Structurer) -> Any:
    """Return the payload of an event in the form that OpenAI's have; it may be *payload* itself.

    Args:
        payload: A JSON value; it is not changed.
    """
    if type(payload) is not dict:
        return payload
    changed: dict[str, Any] = {}
    response, item, part = map(payload.get, ("response", "item", "part"))
    if type(response) is dict and type(output := response.get("output")) is list:
        items = _all(output, _item)
        if items is not output:
            changed["response"] = {**response, "output": items}
    if item is not None and (found := _item(item)) is not item:
        changed["item"] = found
    if part is not None and (found := _part(part)) is not part:
        changed["part"] = found
    if _ARGUMENTS not in str(payload.get("type")):
        for key in _TEXTS:
            value = payload.get(key)
            if type(value) is dict and type(text := value.get("text")) is str:
                changed[key] = text
    return {**payload, **changed} if changed else payload


def _all(values: list[Any], form: Any) -> list[Any]:
    """Return each of *values* in one form; *values* itself if all of them are."""
    found = [form(value) for value in values]
    return values if all(map(_is, found, values)) else found


def _is(one: Any, other: Any) -> bool:
    return one is other


def _item(item: Any) -> Any:
    """Return an output item whose content is a list of parts."""
    if type(item) is not dict or item.get("type") != "message":
        return item
    content = item.get("content")
    if type(content) in (str, dict):
        return {**item, "content": [_part(content)] if content else []}
    if type(content) is list and (parts := _all(content, _part)) is not content:
        return {**item, "content": parts}
    return item


def _part(part: Any) -> Any:
    """Return a part of a content as an object of a type that a content has."""
    if type(part) is str:
        return {"type": "output_text", "text": part}
    if type(part) is dict and "text" in part:
        kind, text = part.get("type"), part["text"]
        if type(text) is dict and type(text.get("value")) is str:  # as Assistants have it
            part = {**part, "text": text["value"]}
        if kind is None or (type(kind) is str and kind in _TEXT_TYPES):
            return {**part, "type": "output_text"}
    return part
