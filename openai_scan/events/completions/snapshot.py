"""The whole answer of a Completions stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import define, field, frozen

from openai_scan.events.base import Append, Event, Fold, Note
from openai_scan.events.choices import counts_of
from openai_scan.events.completions.events import Completion
from openai_scan.events.completions.objects import (
    CompletionChoice,
    CompletionLogProbs,
    CompletionUsage,
)
from openai_scan.events.snapshot import Pieces, WithoutCalls
from openai_scan.values import Counts, Piece, Value


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class CompletionAnswer(WithoutCalls, Value):
    """A completion as far as it has arrived, with its choices in the order of their numbers.

    Attributes:
        id: The id of the completion; `""` if missing.
        created: When it was created, in Unix seconds; None if missing.
        model: The name of the model; `""` if missing.
        choices: The choices.
        system_fingerprint: Which configuration of the server the answer is from; None if missing.
        usage: The token counts that the server sent last; None if it sent none.
    """

    id: str = ""
    created: int | None = None
    model: str = ""
    choices: tuple[CompletionChoice, ...] = ()
    system_fingerprint: str | None = None
    usage: CompletionUsage | None = None

    @property
    def text(self) -> str:
        """The text of choice 0."""
        return self._first.text or ""

    @property
    def counts(self) -> Counts | None:
        """The token counts in the words of `Counts`, or None."""
        return counts_of(self.usage)

    @property
    def finish_reason(self) -> str | None:
        """Why choice 0 ended, in the server's word; None while it arrives."""
        return self._first.finish_reason or None

    @property
    def _first(self) -> CompletionChoice:
        return next((choice for choice in self.choices if choice.index == 0), _NO_CHOICE)


_NO_CHOICE = CompletionChoice()


class CompletionFold(Fold):
    """Collects a completion."""

    family = "completions"
    needs_content = True

    def __init__(self) -> None:
        self._id = ""
        self._created: int | None = None
        self._model = ""
        self._system_fingerprint: str | None = None
        self._usage: CompletionUsage | None = None
        self._choices: dict[int, _Choice] = {}

    def take(self, event: Event, note: Note) -> Sequence[Piece]:  # noqa: ARG002 - there is nothing to mend
        if not isinstance(event, Completion):
            return ()
        self._id = self._id or event.id
        self._created = self._created or event.created
        self._model = self._model or event.model
        self._system_fingerprint = event.system_fingerprint or self._system_fingerprint
        self._usage = event.unwrap_usage() or self._usage
        added: list[Piece] = []
        for entry in event.choices:
            choice = self._choices.get(entry.index)
            if choice is None:
                choice = self._choices[entry.index] = _Choice()
            text = choice.take(entry)
            if text:
                added.append(Piece("text", entry.index, text))
        return added

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

    def take(self, entry: CompletionChoice) -> str:
        """Take a piece of the choice, or the whole of it, and return the text that is new in it."""
        text = entry.text or ""
        missing = None
        if self.finish_reason and entry.finish_reason and self.text.size:
            # A whole completion looks like a piece. But a piece does not end again what has ended,
            # with a text that begins with all that has come.
            missing = self.text.missing(text) if len(text) >= self.text.size else None
        self.finish_reason = entry.finish_reason or self.finish_reason
        if entry.logprobs is not None:
            self._take_logprobs(entry.logprobs, is_whole=missing is not None)
        text = text if missing is None else missing
        self.text.add(text)
        return text

    def _take_logprobs(self, logprobs: CompletionLogProbs, *, is_whole: bool) -> None:
        self.has_logprobs = True
        lists: tuple[tuple[list[Any], Sequence[Any]], ...] = (
            (self.text_offset, logprobs.text_offset),
            (self.token_logprobs, logprobs.token_logprobs),
            (self.tokens, logprobs.tokens),
            (self.top_logprobs, logprobs.top_logprobs),
        )
        for known, more in lists:
            known.extend(more[len(known) :] if is_whole else more)

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
