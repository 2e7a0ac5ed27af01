"""The whole answer of a Completions stream."""

from __future__ import annotations

from attrs import define, field, frozen

from openai_scan.events.base import Append, Event, Fold, Note
from openai_scan.events.completions.events import Completion
from openai_scan.events.completions.objects import (
    CompletionChoice,
    CompletionLogProbs,
    CompletionUsage,
)
from openai_scan.events.snapshot import Pieces, WithoutCalls
from openai_scan.values import Value


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class CompletionAnswer(WithoutCalls, Value):
    """A completion as far as it has arrived, with its choices in the order of their numbers."""

    id: str = ""
    created: int | None = None  # Unix seconds
    model: str = ""
    choices: tuple[CompletionChoice, ...] = ()
    system_fingerprint: str | None = None
    usage: CompletionUsage | None = None

    @property
    def text(self) -> str:
        """The text of choice 0."""
        return next((choice.text or "" for choice in self.choices if choice.index == 0), "")


class CompletionFold(Fold):
    """Collects a completion."""

    family = "completions"

    def __init__(self) -> None:
        self._id = ""
        self._created: int | None = None
        self._model = ""
        self._system_fingerprint: str | None = None
        self._usage: CompletionUsage | None = None
        self._choices: dict[int, _Choice] = {}

    def take(self, event: Event, note: Note) -> None:  # noqa: ARG002 - there is nothing to mend
        if not isinstance(event, Completion):
            return
        self._id = self._id or event.id
        self._created = self._created or event.created
        self._model = self._model or event.model
        self._system_fingerprint = event.system_fingerprint or self._system_fingerprint
        self._usage = event.unwrap_usage() or self._usage
        for piece in event.choices:
            choice = self._choices.get(piece.index)
            if choice is None:
                choice = self._choices[piece.index] = _Choice()
            if piece.text:
                choice.text.add(piece.text)
            choice.finish_reason = piece.finish_reason or choice.finish_reason
            if piece.logprobs is not None:
                choice.text_offset += piece.logprobs.text_offset
                choice.token_logprobs += piece.logprobs.token_logprobs
                choice.tokens += piece.logprobs.tokens
                choice.top_logprobs += piece.logprobs.top_logprobs
                choice.has_logprobs = True

    def appender(self, event: Event) -> Append | None:
        match event:
            case Completion(choices=[piece], usage=None) if piece.logprobs is None:
                return self._choices[piece.index].text.add
        return None

    def value(self) -> CompletionAnswer:
        return CompletionAnswer(
            id=self._id,
            created=self._created,
            model=self._model,
            choices=tuple(choice.value(index) for index, choice in sorted(self._choices.items())),
            system_fingerprint=self._system_fingerprint,
            usage=self._usage,
        )


@define
class _Choice:
    """One choice as far as it has arrived."""

    text: Pieces = field(factory=Pieces)
    finish_reason: str = ""
    has_logprobs: bool = False
    text_offset: list[int] = field(factory=list)
    token_logprobs: list[float | None] = field(factory=list)
    tokens: list[str] = field(factory=list)
    top_logprobs: list[object] = field(factory=list)

    def value(self, index: int) -> CompletionChoice:
        logprobs = CompletionLogProbs(
            text_offset=tuple(self.text_offset),
            token_logprobs=tuple(self.token_logprobs),
            tokens=tuple(self.tokens),
            top_logprobs=tuple(self.top_logprobs),
        )
        return CompletionChoice(
            finish_reason=self.finish_reason,
            index=index,
            logprobs=logprobs if self.has_logprobs else None,
            text=str(self.text),
        )
