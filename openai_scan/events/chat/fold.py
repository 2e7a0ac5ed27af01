"""Collects the chunks of a Chat Completions stream into the whole answer, choice by choice."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence

import attrs
from attrs import define, field

from openai_scan.events.base import Append, Event, Fold, Note
from openai_scan.events.binary import from_base64
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
from openai_scan.events.chat.snapshot import (
    ChatAudio,
    ChatChoice,
    ChatCompletion,
    ChatCustom,
    ChatFunction,
    ChatMessage,
    ChatToolCall,
)
from openai_scan.events.kept import as_json
from openai_scan.events.snapshot import Pieces
from openai_scan.values import Piece, PieceKind

_NO_DELTA = ChoiceDelta()


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
