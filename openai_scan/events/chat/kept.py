"""The message of a chat completion as the server sent it, to be sent back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from openai_scan import bounded_json
from openai_scan.events.base import Event
from openai_scan.events.chat.dialects import REASONING, known_of_annotation
from openai_scan.events.chat.merging import Merged, merged, not_among, plain_of
from openai_scan.events.kept import EMPTY, Kept, as_json
from openai_scan.events.snapshot import has_no_arguments, parses

if TYPE_CHECKING:
    from openai_scan.events.chat.calls import GrowingCall
    from openai_scan.events.chat.fold import ChatFold
    from openai_scan.events.chat.snapshot import ChatChoice, ChatToolCall

_Piece: TypeAlias = "tuple[dict[str, Any], bool]"
"""A piece of a call, and whether it is the whole of it."""

# The keys of a chunk, each with its value if that says nothing. It stays the same from chunk to
# chunk, so that few chunks have to be looked into.
_KEYS = re.compile(r'"(\w+)"\s*:\s*(null|""|\[\s*\]|\{\s*\})?')
_MAX_FORMS = 64

# In a longer chunk the keys take as long to compare as to read.
_MAX_CHARACTERS = 8192

# What the fold has. For the reasoning, the names that came are remembered.
_FOLDED = frozenset({"role", "content", "refusal", "audio", "function_call"})

# Kept separately, since it is known how their pieces are merged.
_KEPT_APART = ("annotations", "tool_calls")
_OF_CALL = frozenset({"index", "id", "type", "function", "custom"})
_OF_TOOL = frozenset({"name", "arguments", "input"})

# The parts of a content that are text, and so in the fold.
_TEXT_PARTS = ("text", "output_text")


class ChatKept(Kept):
    """Keeps what the messages and calls have beyond the fields of their classes.

    Args:
        fold: The `ChatFold`, which has taken every event before this object does. It decides which
            call a piece belongs to.
    """

    def __init__(self, fold: Any) -> None:
        self._fold: ChatFold = fold
        self._forms: dict[int, bool] = {}
        self._repeat: object = None
        self._keeps = False  # whether events like `_repeat` have to be looked into
        self._reasoning: dict[str, None] = {}  # the names it came by, in order
        self._messages: dict[int, _Message] = {}

    def take(self, event: Event, repeat: object) -> bool:
        if repeat is None or repeat is not self._repeat:
            self._keeps = self._has_more(event.raw.data)
            self._repeat = repeat
        if self._keeps:
            self._keep(event.raw.data)
        return self._keeps

    def _has_more(self, data: str) -> bool:
        """Return whether a chunk has more than the fold takes."""
        is_short = len(data) <= _MAX_CHARACTERS
        form = hash(tuple(_KEYS.findall(data))) if is_short else 0
        keeps = self._forms.get(form) if is_short else None
        if keeps is None:
            keeps = False
            for _, delta, _ in _deltas(data):
                # Each is looked at, since all of them tell by which names the reasoning comes.
                keeps = self._looks_new(delta) or keeps
            if is_short and len(self._forms) < _MAX_FORMS:
                self._forms[form] = keeps
        return keeps

    def _looks_new(self, delta: Mapping[str, Any]) -> bool:
        keeps = False
        for key, value in delta.items():
            if value in EMPTY:
                continue
            if key in REASONING and isinstance(value, str):
                self._reasoning[key] = None
            elif key == "tool_calls":
                keeps = keeps or any(map(_has_more, _dicts(value)))
            else:
                is_list = key == "content" and isinstance(value, list)
                keeps = keeps or is_list or key not in _FOLDED
        return keeps

    def _keep(self, data: str) -> None:
        pieces: dict[int, list[_Piece]] = {}
        for index, delta, is_whole in _deltas(data):
            message = self._messages.get(index)
            if message is None:
                message = self._messages[index] = _Message()
            message.take(delta, is_whole=is_whole)
            calls = _dicts(delta.get("tool_calls"))
            pieces.setdefault(index, []).extend((call, is_whole) for call in calls)
        for index, of_choice in pieces.items():
            for call, piece in zip(self._fold.placed_calls(index), of_choice, strict=False):
                self._messages[index].take_call(call, *piece)

    def as_sent(self, answer: Any, choice: int) -> list[dict[str, Any]]:
        for one in answer.choices:
            if one.index == choice:
                return [self._message(one)]
        raise ValueError(f"the answer has no choice {choice}")

    def _message(self, choice: ChatChoice) -> dict[str, Any]:
        message = choice.message
        kept = self._messages.get(choice.index) or _Message()
        sent: dict[str, Any] = {"role": message.role, "content": message.content or None}
        if message.reasoning:
            sent |= dict.fromkeys(self._reasoning, message.reasoning)
        if message.refusal:
            sent["refusal"] = message.refusal
        if message.audio is not None and message.audio.id:
            sent["audio"] = {"id": message.audio.id}
        if kept.annotations:
            sent["annotations"] = as_json(kept.annotations)
        sent |= kept.rest()
        if kept.parts:
            text = [{"type": "text", "text": message.content}] if message.content else []
            sent["content"] = [*plain_of(kept.parts), *text]
        if message.tool_calls:
            more = map(kept.of_call, self._fold.calls_in_order(choice.index))
            sent["tool_calls"] = [
                _call(call, extra) for call, extra in zip(message.tool_calls, more, strict=False)
            ]
        elif message.function_call is not None:
            function = message.function_call
            sent["function_call"] = _function(function.name, function.arguments)
        elif sent["content"] is None and len(sent) == len(("role", "content")):
            sent["content"] = ""  # the answer was empty; a message without content is refused
        return sent


class _Message:
    """What a message has beyond the fields of its class.

    Attributes:
        annotations: Its annotations, with the keys that their classes do not have.
        parts: The parts of its content that are not text.
    """

    def __init__(self) -> None:
        self.annotations: list[dict[str, Any]] = []
        self.parts: Merged = None
        self._rest: Merged = None
        self._calls: dict[GrowingCall, _KeptCall] = {}

    def take(self, delta: Mapping[str, Any], *, is_whole: bool) -> None:
        rest = {
            key: value
            for key, value in delta.items()
            if key not in _FOLDED
            and key not in _KEPT_APART
            and not (key in REASONING and isinstance(value, str))
        }
        self._rest = merged(self._rest, rest, replaces=is_whole)
        parts = [
            part for part in _dicts(delta.get("content")) if part.get("type") not in _TEXT_PARTS
        ]
        if parts:
            self.parts = merged(self.parts, parts, replaces=is_whole)
        new = list(_dicts(delta.get("annotations")))
        if new and is_whole:  # it repeats those that came in deltas
            new = not_among(self.annotations, new, known_of_annotation)
        self.annotations += new

    def take_call(self, call: GrowingCall, piece: Mapping[str, Any], is_whole: bool) -> None:  # noqa: FBT001 - from a pair
        """Take a piece of *call*."""
        rest = {key: value for key, value in piece.items() if key not in _OF_CALL}
        more = {key: value for key, value in _tool_of(piece).items() if key not in _OF_TOOL}
        kept = self._calls.setdefault(call, _KeptCall())
        kept.rest = merged(kept.rest, rest, replaces=is_whole)
        kept.tool = merged(kept.tool, more, replaces=is_whole)

    def of_call(self, call: GrowingCall) -> _KeptCall:
        """Return what is kept of *call*."""
        return self._calls.get(call) or _KeptCall()

    def rest(self) -> dict[str, Any]:
        """Return the further keys of the message."""
        rest: dict[str, Any] = plain_of(self._rest) or {}
        return {key: value for key, value in rest.items() if value not in EMPTY}


class _KeptCall:
    """What a call has beyond the fields of its class."""

    def __init__(self) -> None:
        self.rest: Merged = None
        self.tool: Merged = None  # of its function or custom tool


def _call(call: ChatToolCall, kept: _KeptCall) -> dict[str, Any]:
    """Return a call as it was sent."""
    rest: dict[str, Any] = plain_of(kept.rest) or {}
    more: dict[str, Any] = plain_of(kept.tool) or {}
    sent: dict[str, Any] = {"id": call.id, "type": call.type}
    sent |= {key: value for key, value in rest.items() if value not in EMPTY}
    if call.custom is not None:
        sent["custom"] = {**more, **as_json(call.custom)}
    elif call.type == "function" or call.function.name or call.function.arguments:
        sent["function"] = {**more, **_function(call.function.name, call.function.arguments)}
    return sent


def _function(name: str, arguments: str) -> dict[str, Any]:
    # Many servers reject the broken arguments that they have sent themselves.
    unfit = has_no_arguments(arguments) or not parses(arguments)
    return {"name": name, "arguments": "{}" if unfit else arguments}


def _has_more(call: Mapping[str, Any]) -> bool:
    return any(
        key not in known and value not in EMPTY
        for fields, known in ((call, _OF_CALL), (_tool_of(call), _OF_TOOL))
        for key, value in fields.items()
    )


def _tool_of(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a piece of a call says about its function or custom tool."""
    for name in ("function", "custom"):
        tool = call.get(name)
        if isinstance(tool, dict):
            return tool
    return {}


def _deltas(data: str) -> Iterator[tuple[int, dict[str, Any], bool]]:
    """Yield the choices of a chunk: number, delta, and whether that is a whole message."""
    payload = bounded_json.value_or(data)
    for choice in _dicts(payload.get("choices") if isinstance(payload, dict) else None):
        index, is_whole = _number(choice.get("index")) or 0, isinstance(choice.get("message"), dict)
        for name in ("delta", "message"):
            delta = choice.get(name)
            if isinstance(delta, dict):
                yield index, delta, is_whole
                break


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects in a list, and nothing of any other value."""
    yield from (item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def _number(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value if type(value) is int else None
