"""Turn what servers send in the chunks of Chat Completions in other forms into OpenAI's form.

Some servers send texts as objects or as lists of parts, citations without an object for their page,
and token counts in other places. All of that is brought into one form here, before the classes see
it. The `raw` of an event keeps what was sent.
"""

from __future__ import annotations

from typing import Any

import attrs

from openai_scan.events.chat.objects import CitedPage
from openai_scan.events.choices import with_usage
from openai_scan.events.decoding.structure import Structurer

REASONING = ("reasoning_content", "reasoning", "reasoning_text", "thinking")
"""The fields of a delta that have the text of the reasoning; the first that has any counts."""

_NESTED = (dict, list)

_TEXTS = frozenset({*REASONING, "content", "refusal"})

# The keys under which an object may have its text, or its parts.
_TEXT_KEYS = ("text", "content", "thinking", "reasoning", *REASONING, "summary", "refusal", "value")

# What the types of the parts of a content have in their names. All others are noted.
_TEXT_WORDS = ("text",)
_REASONING_WORDS = ("reasoning", "summary", "think", "thought")


# The type of a citation, and the key of the page in it.
_CITATION = "url_citation"

# The members of a called function or custom tool.
_FLAT = frozenset({"name", "arguments", "input"})


def in_one_form(payload: Any, structure: Structurer) -> Any:
    """Return the payload of a chunk in the form that OpenAI's have; it may be *payload* itself.

    Args:
        payload: A JSON value; it is not changed.
        structure: Counts the parts of a content that have no text.
    """
    if type(payload) is not dict:
        return payload
    choices = payload.get("choices")
    if type(choices) is list:
        for place, choice in enumerate(choices):
            if type(choice) is dict and _is_odd(choice.get("delta")):
                rest = [_choice(one, structure) for one in choices[place:]]
                payload = {**payload, "choices": [*choices[:place], *rest]}
                break
    return with_usage(payload, structure)


def _is_odd(delta: Any) -> bool:
    """Return whether a *delta* has something else where OpenAI's have texts."""
    if type(delta) is dict:
        for key, value in delta.items():
            if type(value) in _NESTED and key in _TEXTS:
                return True
            if key == "tool_calls" and type(value) is list and any(map(_is_flat, value)):
                return True
            if key == "annotations" and type(value) is list and any(map(_is_flat_citation, value)):
                return True
    return False


def _is_flat_citation(annotation: Any) -> bool:
    """Return whether a citation has its page beside its type, as in Responses."""
    return (
        type(annotation) is dict
        and annotation.get("type") == _CITATION
        and "url" in annotation
        and annotation.get(_CITATION) is None
    )


def _annotation(annotation: Any) -> Any:
    """Return an annotation that has the page it cites in an object of its own."""
    if not _is_flat_citation(annotation):
        return annotation
    return {"type": _CITATION, _CITATION: annotation}


def known_of_annotation(annotation: dict[str, Any]) -> Any:
    """Return what tells an annotation from others: of a citation, only what its class has."""
    page = _annotation(annotation).get(_CITATION)
    if annotation.get("type") != _CITATION or type(page) is not dict:
        return annotation
    return [page.get(one.name) or None for one in attrs.fields(CitedPage)]


def _is_flat(call: Any) -> bool:
    """Return whether a call has the members of its function beside its id, as in Responses."""
    if type(call) is not dict or call.get("custom"):
        return False
    function = call.get("function")
    return not (function and isinstance(function, dict)) and not _FLAT.isdisjoint(call)


def _call(call: Any) -> Any:
    """Return a call that has its function or custom tool in an object of its own."""
    if not _is_flat(call):
        return call
    kind = "custom" if "input" in call else "function"
    found = {key: call[key] for key in _FLAT if key in call}
    if isinstance(call.get("function"), str):
        found.setdefault("name", call["function"])
    rest = {key: value for key, value in call.items() if key not in (*_FLAT, "function")}
    if rest.get("id") is None and call.get("call_id") is not None:
        rest["id"] = call["call_id"]
    return {**rest, "type": kind, kind: found}


def _choice(choice: Any, structure: Structurer) -> Any:
    """Return a choice whose delta has only texts where OpenAI's have texts."""
    if type(choice) is dict and _is_odd(delta := choice.get("delta")):
        return {**choice, "delta": _delta(delta, structure)}
    return choice


def _delta(delta: Any, structure: Structurer) -> Any:
    delta = delta.copy()
    for key in (*REASONING, "refusal"):
        text = text_of(delta.get(key))
        if text is not None:
            delta[key] = text
    if type(delta.get("tool_calls")) is list:
        delta["tool_calls"] = [_call(call) for call in delta["tool_calls"]]
    if type(delta.get("annotations")) is list:
        delta["annotations"] = [_annotation(one) for one in delta["annotations"]]
    content = delta.get("content")
    if type(content) in _NESTED:
        parts = _Parts()
        parts.take(content)
        tolerated = [structure.tolerates(f"content_part: {kind}") for kind in parts.others]
        if all(tolerated):  # else the content stays as it is, and is rejected
            delta["content"] = "".join(parts.texts) if parts.texts else None
            own = next((key for key in REASONING if delta.get(key) is not None), REASONING[0])
            _add(delta, own, parts.reasoning)
            _add(delta, "refusal", parts.refusals)
    return delta


def _add(delta: dict[str, Any], key: str, texts: list[str]) -> None:
    """Add *texts* to the text that *delta* has under *key*, unless it is the same text."""
    text, own = "".join(texts), delta.get(key)
    if texts and text != own:
        delta[key] = f"{own}{text}" if isinstance(own, str) else text


class _Parts:
    """The parts of a content, by what they are.

    Attributes:
        others: The types of those that have no text.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.reasoning: list[str] = []
        self.refusals: list[str] = []
        self.others: list[str] = []

    def take(self, part: Any) -> None:
        """Take a part, or a list of parts."""
        if isinstance(part, list):
            if not part:
                self.texts.append("")
            for one in part:
                self.take(one)
        elif isinstance(part, str):
            self.texts.append(part)
        elif isinstance(part, dict):
            self._take_object(part)
        else:
            self.others.append("null" if part is None else type(part).__name__)

    def _take_object(self, part: dict[str, Any]) -> None:
        kind = part.get("type") or _likely_type(part)
        text = text_of(part)
        if text is None or not isinstance(kind, str):
            self.others.append(kind if isinstance(kind, str) else "object")
        elif _has_word(kind, _REASONING_WORDS):
            self.reasoning.append(text)
        elif kind == "refusal":
            self.refusals.append(text)
        elif _has_word(kind, _TEXT_WORDS):
            self.texts.append(text)
        else:
            self.others.append(kind)


def _has_word(kind: str, words: tuple[str, ...]) -> bool:
    """Return whether a type has one of *words* in it: `text_delta` is a text, too."""
    kind = kind.lower()
    return any(word in kind for word in words)


def _likely_type(part: dict[str, Any]) -> str:
    """Return the type of a part that does not say it."""
    return next((kind for kind in ("text", "refusal", *REASONING[1:]) if kind in part), "object")


def text_of(value: Any) -> str | None:
    """Return the text of a JSON value: text, an object with a text in it, or a list of these."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        texts = [text for one in value if (text := text_of(one)) is not None]
        return "".join(texts) if texts or not value else None
    if isinstance(value, dict):
        for key in _TEXT_KEYS:
            if isinstance(inner := value.get(key), (str, list, dict)):
                return text_of(inner)
    return None
