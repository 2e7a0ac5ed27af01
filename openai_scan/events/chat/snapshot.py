"""The whole answer of a Chat Completions stream, choice by choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from attrs import define, field, frozen

from openai_scan.events.base import Append, Event, Fold, Note, from_base64
from openai_scan.events.chat.base import reasoning_of
from openai_scan.events.chat.events import ChatCompletionChunk
from openai_scan.events.chat.objects import (
    AudioDelta,
    Choice,
    ChoiceDelta,
    ChoiceLogProbs,
    CompletionUsage,
    FunctionDelta,
    TokenLogProb,
    ToolCallDelta,
)
from openai_scan.events.snapshot import Pieces, call_of, parses
from openai_scan.values import Call, Piece, Value

_NO_DELTA = ChoiceDelta()


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ChatFunction(Value):
    """The function that is called, and its arguments as JSON text."""

    name: str = ""
    arguments: str = ""


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ChatToolCall(Value):
    """A call of one of your functions."""

    id: str = ""
    function: ChatFunction = ChatFunction()
    type: str = "function"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ChatAudio(Value):
    """The spoken answer; *data* is the audio, decoded."""

    id: str = ""
    data: bytes = field(default=b"", repr=False)
    transcript: str = ""
    expires_at: int | None = None  # Unix seconds


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ChatMessage(Value):
    """The message of one choice. A text is None if no piece of it has arrived."""

    role: str = "assistant"
    content: str | None = None
    refusal: str | None = None
    reasoning: str | None = None
    tool_calls: tuple[ChatToolCall, ...] = ()
    function_call: ChatFunction | None = None  # the older form of a tool call
    audio: ChatAudio | None = None
    annotations: tuple[dict[str, Any], ...] = ()


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ChatChoice(Value):
    """One of the requested answers; *finish_reason* is None while it arrives."""

    index: int = 0
    message: ChatMessage = ChatMessage()
    finish_reason: str | None = None
    logprobs: ChoiceLogProbs | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ChatCompletion(Value):
    """A chat completion as far as it has arrived, with its choices in the order of their numbers.

    Attributes:
        done: Whether the server has sent `[DONE]`, which ends all choices.
    """

    id: str = ""
    created: int | None = None  # Unix seconds
    model: str = ""
    choices: tuple[ChatChoice, ...] = ()
    service_tier: str | None = None
    system_fingerprint: str | None = None
    usage: CompletionUsage | None = None
    done: bool = False

    @property
    def text(self) -> str:
        """The text of choice 0; the transcript if the answer is spoken."""
        for choice in self.choices:
            if choice.index == 0:
                audio = choice.message.audio
                return choice.message.content or ("" if audio is None else audio.transcript)
        return ""

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls of your functions in all choices, in order."""
        return tuple(
            call_of(
                id=call.id,
                name=call.function.name,
                arguments=call.function.arguments,
                finished=self.done or choice.finish_reason is not None,
                choice=choice.index,
                needs_id=bool(choice.message.tool_calls),  # the older form has none
            )
            for choice in self.choices
            for call in _calls(choice.message)
        )


def _calls(message: ChatMessage) -> tuple[ChatToolCall, ...]:
    # A server that sends both forms sends the same call twice.
    if message.tool_calls or message.function_call is None:
        return message.tool_calls
    return (ChatToolCall(function=message.function_call),)


class ChatFold(Fold):
    """Collects a chat completion."""

    family = "chat"

    def __init__(self) -> None:
        self._id = ""
        self._created: int | None = None
        self._model = ""
        self._service_tier: str | None = None
        self._system_fingerprint: str | None = None
        self._usage: CompletionUsage | None = None
        self._choices: dict[int, _Choice] = {}

    def take(self, event: Event, note: Note) -> Sequence[Piece]:
        if not isinstance(event, ChatCompletionChunk):
            return ()
        # mockllm sends a new id with every chunk, and Azure's first chunk has none.
        self._id = self._id or event.id
        self._created = self._created or event.created
        self._model = self._model or event.model
        self._service_tier = event.service_tier or self._service_tier
        self._system_fingerprint = event.system_fingerprint or self._system_fingerprint
        if event.usage is not None:
            self._usage = event.unwrap_usage() or self._usage
        for piece in event.choices:
            choice = self._choices.get(piece.index)
            if choice is None:
                choice = self._choices[piece.index] = _Choice(piece.index)
            choice.take(piece, note)
        return event.pieces()

    def appender(self, event: Event) -> Append | None:
        match event:
            case ChatCompletionChunk(choices=[piece], usage=None) if piece.logprobs is None:
                return self._choices[piece.index].appender(piece.delta)
        return None

    def value(self) -> ChatCompletion:
        return ChatCompletion(
            id=self._id,
            created=self._created,
            model=self._model,
            choices=tuple(choice.value() for _, choice in sorted(self._choices.items())),
            service_tier=self._service_tier,
            system_fingerprint=self._system_fingerprint,
            usage=self._usage,
            done=self.done,
        )


class _Choice:
    """One choice as far as it has arrived."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._role = ""
        self._content: Pieces | None = None
        self._refusal: Pieces | None = None
        self._reasoning: Pieces | None = None
        self._calls: list[_Call] = []  # in order of arrival
        self._calls_by_index: dict[int, _Call] = {}  # the latest call of each index
        self._calls_by_id: dict[str, _Call] = {}
        self._function_call: _Call | None = None
        self._audio: _Audio | None = None
        self._annotations: list[dict[str, Any]] = []
        self._finish_reason: str | None = None
        self._has_logprobs = False
        self._content_logprobs: list[TokenLogProb] = []
        self._refusal_logprobs: list[TokenLogProb] = []

    def take(self, piece: Choice, note: Note) -> None:
        # Some servers end a choice twice. The last reason counts here, as it does for the outcome.
        self._finish_reason = piece.finish_reason or self._finish_reason
        if piece.logprobs is not None:
            self._has_logprobs = True
            self._content_logprobs += piece.logprobs.content
            self._refusal_logprobs += piece.logprobs.refusal
        delta = piece.delta
        if delta.content is not None:
            self._content = self._content or Pieces()
            self._content.add(delta.content)
        self._role = self._role or delta.role or ""
        if delta.refusal is not None:
            self._refusal = self._refusal or Pieces()
            self._refusal.add(delta.refusal)
        reasoning = reasoning_of(delta)
        if reasoning is not None:
            self._reasoning = self._reasoning or Pieces()
            self._reasoning.add(reasoning)
        for call in delta.tool_calls:
            self._take_call(call, note)
        self._take_rest(delta)

    def _take_rest(self, delta: ChoiceDelta) -> None:
        """Take the parts that few answers have."""
        if delta.function_call is not None:
            self._function_call = self._function_call or _Call()
            self._function_call.take(delta.function_call)
        if delta.audio is not None:
            self._audio = self._audio or _Audio()
            self._audio.take(delta.audio)
        self._annotations += delta.annotations

    def appender(self, delta: ChoiceDelta) -> Append | None:
        """Return what adds the text of such a delta, or None if it has more than text."""
        brings_more = attrs.evolve(delta, role=None, content=None) != _NO_DELTA
        return None if brings_more or self._content is None else self._content.add

    def _take_call(self, piece: ToolCallDelta, note: Note) -> None:
        function = piece.function or FunctionDelta()
        call = self._find_call(piece, function, note)
        if call is None:
            call = _Call(
                index=piece.index if piece.index is not None else len(self._calls),
                type=piece.type,
            )
            if not piece.id:
                note("tool_call_without_id")
            self._calls.append(call)
        if piece.index is not None:
            self._calls_by_index[piece.index] = call
        if piece.id:
            call.id = call.id or piece.id
            self._calls_by_id[piece.id] = call
        call.take(function)

    def _find_call(self, piece: ToolCallDelta, function: FunctionDelta, note: Note) -> _Call | None:
        """Return the call that *piece* belongs to, or None if it starts a new one."""
        # The index decides, or else the id. A piece without both belongs to the last call.
        if piece.index is None:
            note("tool_call_without_index")
            if piece.id:
                return self._calls_by_id.get(piece.id)
            call = self._calls[-1] if self._calls else None
        else:
            call = self._calls_by_index.get(piece.index)
        if call is None:
            return None
        renamed = bool(function.name and call.name and function.name != call.name)
        if not piece.id or not call.id:
            # Several calls at one index, without ids. A new call has another name, or whole
            # arguments after arguments that were whole already.
            if renamed or (function.name and call.whole and _is_object(function.arguments)):
                note("tool_call_index_reused")
                return None
            return call
        known = self._calls_by_id.get(piece.id)
        if known is not None:
            return known
        # Some versions of vLLM make up a new id for each piece of a call, so the same call goes on
        # while its arguments are open. With all other servers a new id is a new call.
        if not renamed and call.is_open:
            note("tool_call_id_changed")
            return call
        note("tool_call_index_reused")
        return None

    def value(self) -> ChatChoice:
        logprobs = None
        if self._has_logprobs:
            logprobs = ChoiceLogProbs(
                content=tuple(self._content_logprobs), refusal=tuple(self._refusal_logprobs)
            )
        message = ChatMessage(
            role=self._role or "assistant",
            content=_text(self._content),
            refusal=_text(self._refusal),
            reasoning=_text(self._reasoning),
            tool_calls=tuple(
                ChatToolCall(
                    # A call without an id cannot be answered. Any id will do if it is unique.
                    id=call.id or f"call_{self._index}_{place}",
                    function=call.value(),
                    type=call.type,
                )
                for place, call in enumerate(sorted(self._calls, key=_index))
            ),
            function_call=None if self._function_call is None else self._function_call.value(),
            audio=None if self._audio is None else self._audio.value(),
            annotations=tuple(self._annotations),
        )
        return ChatChoice(
            index=self._index,
            message=message,
            finish_reason=self._finish_reason,
            logprobs=logprobs,
        )


@define
class _Call:
    """One call as far as it has arrived."""

    index: int = 0
    id: str = ""
    type: str = "function"
    name: str = ""
    _arguments: Pieces = field(factory=Pieces)
    _last: str = ""  # the last character of the arguments that is not whitespace

    @property
    def whole(self) -> bool:
        """Whether the arguments, which are a JSON object, may be complete."""
        return self._last == "}"

    @property
    def is_open(self) -> bool:
        """Whether the arguments have begun and cannot be complete."""
        return self._last not in ("", "}")

    def take(self, function: FunctionDelta) -> None:
        self.name = self.name or function.name or ""
        if function.arguments:
            self._arguments.add(function.arguments)
            self._last = function.arguments.rstrip()[-1:] or self._last

    def value(self) -> ChatFunction:
        return ChatFunction(name=self.name, arguments=str(self._arguments))


@define
class _Audio:
    """The spoken answer as far as it has arrived."""

    id: str = ""
    data: list[str] = field(factory=list)  # base64, each piece encoded separately
    transcript: Pieces = field(factory=Pieces)
    expires_at: int | None = None

    def take(self, piece: AudioDelta) -> None:
        self.id = self.id or piece.id or ""
        if piece.data:
            self.data.append(piece.data)
        self.transcript.add(piece.transcript or "")
        self.expires_at = piece.expires_at or self.expires_at

    def value(self) -> ChatAudio:
        return ChatAudio(
            id=self.id,
            data=b"".join(from_base64(piece) or b"" for piece in self.data),
            transcript=str(self.transcript),
            expires_at=self.expires_at,
        )


def _index(call: _Call) -> int:
    return call.index


def _text(pieces: Pieces | None) -> str | None:
    return None if pieces is None else str(pieces)


def _is_object(text: str | None) -> bool:
    return text is not None and text.lstrip()[:1] == "{" and parses(text)
