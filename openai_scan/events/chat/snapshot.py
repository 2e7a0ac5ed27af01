"""The whole answer of a Chat Completions stream, choice by choice."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence

import attrs
from attrs import define, field, frozen

from openai_scan.events.base import Append, Event, Fold, Note, from_base64
from openai_scan.events.chat.base import reasoning_of
from openai_scan.events.chat.calls import GrowingCall, GrowingCalls
from openai_scan.events.chat.events import ChatCompletionChunk
from openai_scan.events.chat.merging import not_among
from openai_scan.events.chat.objects import (
    Annotation,
    AudioDelta,
    Choice,
    ChoiceDelta,
    ChoiceLogProbs,
    CompletionUsage,
    FunctionDelta,
    TokenLogProb,
    ToolCallDelta,
)
from openai_scan.events.choices import counts_of
from openai_scan.events.kept import as_json
from openai_scan.events.snapshot import Pieces, call_of
from openai_scan.values import Call, Counts, Piece, PieceKind, Value

_NO_DELTA = ChoiceDelta()


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ChatFunction(Value):
    """The function that is called, and its arguments.

    Attributes:
        name: The name of the function; `""` until it has arrived.
        arguments: The arguments as JSON text, as far as they have arrived.
    """

    name: str = ""
    arguments: str = ""


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ChatCustom(Value):
    """The custom tool that is called, and its input.

    Attributes:
        name: The name of the tool; `""` until it has arrived.
        input: The input, which is any text, as far as it has arrived.
    """

    name: str = ""
    input: str = ""


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ChatToolCall(Value):
    """A call of one of your functions or custom tools.

    Attributes:
        id: The id to send the output with. It is made up if the server has sent none, or one that
            another call has already.
        function: The function and its arguments; empty for a custom tool.
        type: The kind of call: `function` or `custom`.
        custom: The custom tool and its input; None for a function.
    """

    id: str = ""
    function: ChatFunction = ChatFunction()
    type: str = "function"
    custom: ChatCustom | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ChatAudio(Value):
    """The spoken answer, as far as it has arrived.

    Attributes:
        id: The id of the audio, to refer to it later; `""` until it has arrived.
        data: The audio, decoded; not shown in the `repr`.
        transcript: The audio as text.
        expires_at: When the server forgets the audio, in Unix seconds; None if missing.
    """

    id: str = ""
    data: bytes = field(default=b"", repr=False)
    transcript: str = ""
    expires_at: int | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ChatMessage(Value):
    """The message of one choice, as far as it has arrived.

    Attributes:
        role: Who wrote the message.
        content: The text; None if no piece of it has arrived.
        refusal: Why the model does not answer, in its own words; None if it answers.
        reasoning: The reasoning, from servers that send it; None if no piece of it has arrived.
        tool_calls: The calls of your functions and custom tools.
        function_call: The call in the old form, before there were tools; None if there is none.
        audio: The spoken answer; None if it is not spoken.
        annotations: The citations, from models that search the web.
    """

    role: str = "assistant"
    content: str | None = None
    refusal: str | None = None
    reasoning: str | None = None
    tool_calls: tuple[ChatToolCall, ...] = ()
    function_call: ChatFunction | None = None
    audio: ChatAudio | None = None
    annotations: tuple[Annotation, ...] = ()


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ChatChoice(Value):
    """One of the requested answers, as far as it has arrived.

    Attributes:
        index: The number of the choice, from 0.
        message: The message.
        finish_reason: Why the choice ended, in the server's word; None while it arrives.
        logprobs: How likely each token was; None unless you asked for it.
    """

    index: int = 0
    message: ChatMessage = ChatMessage()
    finish_reason: str | None = None
    logprobs: ChoiceLogProbs | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ChatCompletion(Value):
    """A chat completion as far as it has arrived, with its choices in the order of their numbers.

    Attributes:
        id: The id of the completion; `""` if missing.
        created: When it was created, in Unix seconds; None if missing.
        model: The name of the model; `""` if missing.
        choices: The choices.
        service_tier: The service tier that the request ran in; None if missing.
        system_fingerprint: Which configuration of the server the answer is from; None if missing.
        usage: The token counts that the server sent last; None if it sent none.
        done: Whether the server has sent `[DONE]`, which ends all choices.
        hole: Whether a part of it could not be read. None of its calls is complete then.
    """

    id: str = ""
    created: int | None = None
    model: str = ""
    choices: tuple[ChatChoice, ...] = ()
    service_tier: str | None = None
    system_fingerprint: str | None = None
    usage: CompletionUsage | None = None
    done: bool = False
    hole: bool = False

    @property
    def text(self) -> str:
        """The text of choice 0; the transcript if the answer is spoken."""
        message = self._first.message
        return message.content or ("" if message.audio is None else message.audio.transcript)

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls of your functions and custom tools in all choices, in order.

        When its choice has ended, a call without arguments has the arguments `{}`.
        """
        return tuple(
            self._call(call, choice) for choice in self.choices for call in _calls(choice.message)
        )

    @property
    def counts(self) -> Counts | None:
        """The token counts in the words of `Counts`, or None."""
        return counts_of(self.usage)

    @property
    def finish_reason(self) -> str | None:
        """Why choice 0 ended, in the server's word; None while it arrives."""
        return self._first.finish_reason

    @property
    def _first(self) -> ChatChoice:
        return next((choice for choice in self.choices if choice.index == 0), _NO_CHOICE)

    def _call(self, call: ChatToolCall, choice: ChatChoice) -> Call:
        made = call.custom
        return call_of(
            id=call.id,
            name=call.function.name if made is None else made.name,
            arguments=call.function.arguments if made is None else made.input,
            finished=(self.done or choice.finish_reason is not None) and not self.hole,
            choice=choice.index,
            kind=call.type,
            needs_id=bool(choice.message.tool_calls),  # the older form has none
        )


_NO_CHOICE = ChatChoice()


def _calls(message: ChatMessage) -> tuple[ChatToolCall, ...]:
    # A server that sends both forms sends the same call twice.
    if message.tool_calls or message.function_call is None:
        return message.tool_calls
    return (ChatToolCall(function=message.function_call),)


class ChatFold(Fold):
    """Collects a chat completion."""

    family = "chat"
    needs_content = True

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
        added: list[Piece] = []
        for entry in event.choices:
            choice = self._choices.get(entry.index)
            if choice is None:
                choice = self._choices[entry.index] = _Choice(entry.index)
            choice.take(entry, note, added)
        return added

    def placed_calls(self, choice: int) -> list[GrowingCall]:
        """Return which calls the pieces of the last event belong to, if it had some of *choice*."""
        known = self._choices.get(choice)
        return [] if known is None or known.calls is None else known.calls.placed

    def calls_in_order(self, choice: int) -> list[GrowingCall]:
        """Return the calls of *choice*, as `value()` has them."""
        known = self._choices.get(choice)
        return [] if known is None or known.calls is None else known.calls.in_order()

    def close(self) -> Sequence[Piece]:
        return [piece for choice in self._choices.values() for piece in choice.close()]

    def appender(self, event: Event) -> Append | None:
        match event:
            case ChatCompletionChunk(choices=[entry], usage=None):
                if entry.logprobs is None and not (entry.whole or entry.from_message):
                    return self._choices[entry.index].appender(entry.delta)
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
            hole=self.hole,
        )


class _Choice:
    """One choice as far as it has arrived."""

    __slots__ = (  # a server can send many
        "_annotations",
        "_audio",
        "_content",
        "_content_logprobs",
        "_finish_reason",
        "_function_call",
        "_has_deltas",
        "_has_logprobs",
        "_index",
        "_last_added",
        "_reasoning",
        "_refusal",
        "_refusal_logprobs",
        "_role",
        "calls",
    )

    def __init__(self, index: int) -> None:
        self._index = index
        self._role = ""
        self._content: Pieces | None = None
        self._refusal: Pieces | None = None
        self._reasoning: Pieces | None = None
        self.calls: GrowingCalls | None = None  # few choices have any
        self._last_added: list[Piece] = []  # by the last event with calls; it tells events apart
        self._function_call: GrowingCall | None = None
        self._audio: _Audio | None = None
        self._annotations: list[Annotation] = []
        self._finish_reason: str | None = None
        self._has_deltas = False
        self._has_logprobs = False
        self._content_logprobs: list[TokenLogProb] = []
        self._refusal_logprobs: list[TokenLogProb] = []

    def take(self, entry: Choice, note: Note, added: list[Piece]) -> None:
        """Take a piece of the choice, or the whole of it, and add to *added* what is new in it."""
        # Some servers end a choice twice. The last reason counts here, as it does for the outcome.
        self._finish_reason = entry.finish_reason or self._finish_reason
        # A message after deltas repeats them. Where there are only messages, they are the pieces.
        is_whole = entry.whole or (entry.from_message and self._has_deltas)
        before = len(added)
        delta, whole = entry.delta, note if is_whole else None
        if entry.logprobs is not None:
            self._take_logprobs(entry.logprobs, is_whole=is_whole)
        self._role = self._role or delta.role or ""
        if (reasoning := reasoning_of(delta)) is not None:
            self._reasoning = self._put("reasoning", self._reasoning, reasoning, added, whole)
        if delta.content is not None:
            self._content = self._put("text", self._content, delta.content, added, whole)
        if delta.refusal is not None:
            self._refusal = self._put("refusal", self._refusal, delta.refusal, added, whole)
        if delta.audio is not None:
            self._take_audio(delta.audio, added, whole)
        if delta.tool_calls:
            calls = self.calls = self.calls or GrowingCalls(self._index)
            if added is not self._last_added:
                calls.placed, self._last_added = [], added
            if is_whole:
                added += calls.take_whole(delta.tool_calls, note)
            else:
                for call in delta.tool_calls:
                    added += calls.take(call, note)
        if delta.function_call is not None:
            self._take_function_call(delta.function_call, note, added, is_whole=is_whole)
        if delta.annotations:
            self._take_annotations(delta.annotations, is_whole=is_whole)
        brings = len(added) > before or bool(delta.annotations)
        self._has_deltas = self._has_deltas or (brings and not entry.from_message)
        if self._finish_reason is not None:
            added += self.close()

    def close(self) -> Iterable[Piece]:
        """Return what was held back, at the end of the choice."""
        pieces = [] if self.calls is None else list(self.calls.close())
        call = self._function_call
        if call is not None and self.calls is None and (text := call.close()):
            pieces.append(call.added(text, self._index))
        return pieces

    def appender(self, delta: ChoiceDelta) -> Append | None:
        """Return what adds the text of such a delta, or None if it has more than text."""
        brings_more = attrs.evolve(delta, role=None, content=None) != _NO_DELTA
        return None if brings_more or self._content is None else self._content.add

    def _put(
        self,
        kind: PieceKind,
        pieces: Pieces | None,
        text: str,
        added: list[Piece],
        whole: Note | None,
    ) -> Pieces:
        """Return *pieces* with *text*, which is all of them if *whole* can note what differs."""
        pieces = pieces or Pieces()
        if whole is None:
            pieces.add(text)
        else:
            text = pieces.complete(text, whole)
        if text:
            added.append(Piece(kind, self._index, text))
        return pieces

    def _take_audio(self, piece: AudioDelta, added: list[Piece], whole: Note | None) -> None:
        audio = self._audio = self._audio or _Audio()
        audio.id = audio.id or piece.id or ""
        audio.expires_at = piece.expires_at or audio.expires_at
        # A spoken answer has no other text. If it has, the text is not repeated.
        is_text = not (self._content and self._content.size)
        transcript = piece.transcript or ""
        self._put("text", audio.transcript, transcript, added if is_text else [], whole)
        data = audio.take(piece.data, is_whole=whole is not None)
        if data:
            added.append(Piece("audio", self._index, data))

    def _take_function_call(
        self, function: FunctionDelta, note: Note, added: list[Piece], *, is_whole: bool
    ) -> None:
        """Take a piece of a call in the old form, which counts if there is none in the new form."""
        is_new = self._function_call is None
        call = self._function_call = self._function_call or GrowingCall()
        text = call.take(ToolCallDelta(function=function), note, whole=is_whole)
        if (is_new or text) and self.calls is None:
            added.append(call.added(text, self._index))

    def _take_logprobs(self, logprobs: ChoiceLogProbs, *, is_whole: bool) -> None:
        self._has_logprobs = True
        for known, tokens in (
            (self._content_logprobs, logprobs.content),
            (self._refusal_logprobs, logprobs.refusal),
        ):
            known.extend(tokens[len(known) :] if is_whole else tokens)

    def _take_annotations(self, annotations: Sequence[Annotation], *, is_whole: bool) -> None:
        if is_whole:
            annotations = not_among(self._annotations, annotations, as_json)
        self._annotations += annotations

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
            tool_calls=() if self.calls is None else tuple(map(_tool_call, self.calls.in_order())),
            function_call=None if self._function_call is None else _function(self._function_call),
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
class _Audio:
    """The spoken answer as far as it has arrived."""

    id: str = ""
    sound: io.BytesIO = field(factory=io.BytesIO)
    transcript: Pieces = field(factory=Pieces)
    expires_at: int | None = None

    def take(self, data: str | None, *, is_whole: bool) -> str:
        """Take a piece of the sound, or all of it, as base64; return what is new of it."""
        sound = from_base64(data)
        if not data or not sound:
            return ""
        if is_whole:
            length = self.sound.tell()
            if len(sound) <= length or sound[:length] != self.sound.getvalue():
                return ""
            sound = sound[length:]
            data = base64.b64encode(sound).decode()
        self.sound.write(sound)
        return data

    def value(self) -> ChatAudio:
        return ChatAudio(
            id=self.id,
            data=self.sound.getvalue(),
            transcript=str(self.transcript),
            expires_at=self.expires_at,
        )


def _tool_call(call: GrowingCall) -> ChatToolCall:
    if call.is_custom:
        custom = ChatCustom(name=call.name, input=call.text)
        return ChatToolCall(id=call.id, type=call.type, custom=custom)
    return ChatToolCall(id=call.id, type=call.type, function=_function(call))


def _function(call: GrowingCall) -> ChatFunction:
    return ChatFunction(name=call.name, arguments=call.text)


def _text(pieces: Pieces | None) -> str | None:
    return None if pieces is None else str(pieces)
