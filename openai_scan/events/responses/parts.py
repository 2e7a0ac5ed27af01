"""The parts of a message, of reasoning or of its summary, and which of them an event is about.

An index says which part an event is about, together with the kind of the part: some servers count
from zero in each kind, or do not count. Without an index it is the last part, unless that cannot
be: it is of another kind or has ended, and the event does not end it once more.

A whole item has all parts at once. If deltas had no indexes, or wrong ones, they may have been put
into other parts than they belong to. So the parts are compared one by one first; if that does not
fit, all text of one kind is compared, and if this fits, the parts become those of the whole item.
Only what no delta has brought is new, wherever it was put.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias

import attrs

from openai_scan.events.base import Note
from openai_scan.events.responses.items import (
    Annotation,
    LogProb,
    OutputContent,
    OutputTextContent,
    ReasoningTextContent,
    RefusalContent,
    SummaryTextContent,
)
from openai_scan.events.responses.texts import Text
from openai_scan.values import PieceKind, UnknownPart

Content: TypeAlias = OutputContent | SummaryTextContent

Said: TypeAlias = "list[tuple[PieceKind, str]]"
"""What is new in an answer, in order."""

NO_TEXT = OutputTextContent(text="")
NO_REFUSAL = RefusalContent(refusal="")
NO_REASONING = ReasoningTextContent(text="")
NO_SUMMARY = SummaryTextContent(text="")

KINDS: dict[str, PieceKind] = {
    "output_text": "text",
    "refusal": "refusal",
    "reasoning_text": "reasoning",
    "summary_text": "reasoning",
}


def text_of(content: Content) -> str:
    """Return the text of *content*, or "" if it has none."""
    if isinstance(content, UnknownPart):
        return ""
    return content.refusal if isinstance(content, RefusalContent) else content.text


class Part:
    """A part as far as it has arrived.

    Attributes:
        known: The part in its last event, without what deltas add.
        index: The number that it was sent with, or its place.
        text: Its text; None before the first of it.
        has_ended: Whether an event has ended its text.
        is_whole: Whether an event has brought all of it, so that nothing more is taken.
        annotations: Those that events of their own have added.
        logprobs: Likewise.
    """

    __slots__ = (
        "annotations",
        "has_ended",
        "index",
        "is_whole",
        "known",
        "logprobs",
        "text",
    )

    def __init__(self, known: Content, index: int) -> None:
        self.known = known
        self.index = index
        self.text: Text | None = None
        self.has_ended = False
        self.is_whole = False
        self.annotations: list[Annotation] = []
        self.logprobs: list[LogProb] = []

    def may_be(self, text: str) -> bool:
        """Return whether *text* can be the part's text, or more or less of it."""
        return self.text is None or self.text.missing(text) is not None

    def merge(self, content: Content) -> None:
        """Take the fields of *content* but for its text. What it leaves out stays."""
        if isinstance(content, OutputTextContent) and isinstance(self.known, OutputTextContent):
            if content.annotations:
                self.annotations = []
            if content.logprobs:
                self.logprobs = []
            content = attrs.evolve(
                content,
                annotations=content.annotations or self.known.annotations,
                logprobs=content.logprobs or self.known.logprobs,
            )
        self.known = content

    def value(self) -> Any:
        """Return the part as far as it has arrived."""
        known = self.known
        text = None if self.text is None else str(self.text)
        match known:
            case OutputTextContent():
                return attrs.evolve(
                    known,
                    text=known.text if text is None else text,
                    annotations=known.annotations + tuple(self.annotations),
                    logprobs=known.logprobs + tuple(self.logprobs),
                )
            case RefusalContent() if text is not None:
                return attrs.evolve(known, refusal=text)
            case ReasoningTextContent() | SummaryTextContent() if text is not None:
                return attrs.evolve(known, text=text)
        return known


class Parts:
    """Parts of one list."""

    __slots__ = ("_announced", "_by_place", "_current", "_is_counted", "_order", "_with_text")

    def __init__(self) -> None:
        self._by_place: dict[tuple[int, str], Part] = {}  # the latest with an index and a type
        self._order: list[tuple[int, int, Part]] = []
        self._with_text: dict[PieceKind, list[tuple[int, int, Part]]] = {}
        self._current: Part | None = None  # the last that an event without an index began
        self._announced: list[Part] = []  # those that came with the item, the first one last
        self._is_counted = True  # all events so far had an index

    def __bool__(self) -> bool:
        return bool(self._order)

    @property
    def has_text(self) -> bool:
        """Whether any part has text."""
        return bool(self._with_text)

    def values(self) -> tuple[Any, ...]:
        """Return the parts as far as they have arrived, in order."""
        return tuple(part.value() for _, _, part in self._order)

    # Which part an event is about.

    def of(self, index: int | None, kind: str, known: Content) -> Part:
        """Return the part that a delta is about.

        Args:
            index: Its index.
            kind: Its type.
            known: An empty part of this type.
        """
        if index is not None:
            return self._by_place.get((index, kind)) or self._new(index, known)
        last = self._last(kind)
        return self._append(known) if last is None or last.has_ended else last

    def begun(self, index: int | None, known: Content) -> Part:
        """Return the part that *known* begins."""
        kind = known.type
        if index is not None:
            part = self._by_place.get((index, kind))
            return self._new(index, known) if part is None or part.is_whole else part
        if (part := self._claimed(kind, text_of(known))) is not None:
            return part
        last = self._last(kind)
        is_new = last is None or last.has_ended or last.text is not None
        return self._append(known) if last is None or is_new else last

    def ended(self, index: int | None, known: Content, whole: str) -> Part:
        """Return the part that has ended with the text *whole*."""
        if index is not None:
            return self.of(index, known.type, known)
        kind = known.type
        last = self._last(kind)
        if last is self._current and last is not None and last.may_be(whole):
            return last
        if (part := self._claimed(kind, whole)) is not None:
            return part
        is_new = last is None or (last.has_ended and not last.may_be(whole))
        return self._append(known) if last is None or is_new else last

    def goes_on(self, index: int | None, known: Content, whole: str) -> bool:
        """Return whether *whole*, which comes after the end of all parts, adds to them."""
        if index is None:
            return False
        part = self._by_place.get((index, known.type))
        text = None if part is None else part.text
        return bool(whole if text is None else text.missing(whole))

    def _last(self, kind: str) -> Part | None:
        """Return the last part if events without an index can be about it."""
        self._is_counted = False
        if not self._order:
            return None
        last = self._current or self._order[-1][2]
        return None if last.is_whole or last.known.type != kind else last

    def _claimed(self, kind: str, text: str) -> Part | None:
        """Return the next part that came with its item, if it is of *kind* and can have *text*."""
        if not self._announced:
            return None
        part = self._announced[-1]
        if part.known.type != kind or part.is_whole or not part.may_be(text):
            return None
        self._current = self._announced.pop()
        return part

    def _append(self, known: Content) -> Part:
        part = self._new(self._order[-1][0] + 1 if self._order else 0, known)
        self._current = part
        return part

    def _new(self, index: int, known: Content) -> Part:
        part = Part(known, index)
        self._current = None
        self._by_place[index, known.type] = part
        bisect.insort(self._order, (index, len(self._order), part))
        return part

    # What is new in it.

    def take_first(self, part: Part, delta: str, note: Note) -> str:
        """Take the first delta of a part that has no text yet."""
        return self._text(part).take(delta, note) if delta else ""

    def begin(self, part: Part, content: Content, note: Note) -> Said:
        """Take the beginning of a part."""
        part.merge(content)
        text = text_of(content)
        if not text:
            return []
        return self._said(part, (part.text or self._text(part)).begin(text, note))

    def end(self, part: Part, whole: str, note: Note) -> Said:
        """Take the whole text of a part."""
        part.has_ended = True
        if not whole:
            return []
        return self._said(part, (part.text or self._text(part)).end(whole, note))

    def finish(self, part: Part, content: Content, note: Note) -> Said:
        """Take a whole part."""
        part.merge(content)
        said = self.end(part, text_of(content), note)
        part.is_whole = part.text is not None
        return said

    def begin_all(self, contents: Sequence[Content], note: Note) -> Said:
        """Take the parts of an item that is still being made."""
        said: Said = []
        announced: list[Part] = []
        for index, content in enumerate(contents):
            is_new = (index, content.type) not in self._by_place
            part = self.of(index, content.type, content)
            if is_new:
                announced.append(part)
            if not part.is_whole:
                said += self.begin(part, content, note)
        self._announced = [*reversed(announced), *self._announced] if announced else self._announced
        return said

    def finish_all(self, contents: Sequence[Content], note: Note) -> Said:
        """Take the parts of a whole item."""
        if self._with_text and not self._fits(contents):
            missing = {kind: self._missing(kind, contents) for kind in self._with_text}
            longer = [
                kind for kind in missing if missing[kind] == "" and self._goes_on(kind, contents)
            ]
            if longer:
                return self._finish_less(contents, longer, note)
            if not (self._is_counted and None in missing.values()):
                return self._rearrange(contents, missing, note)
        return self._finish_each(contents, note)

    def _finish_each(self, contents: Sequence[Content], note: Note) -> Said:
        said: Said = []
        for index, content in enumerate(contents):
            said += self.finish(self.of(index, content.type, content), content, note)
        return said

    def agrees(self, contents: Sequence[Content]) -> bool:
        """Return whether *contents* can be what has arrived, or less or more of it."""
        if not any(map(text_of, contents)):
            return True
        return all(
            _joined(kind, contents) and self._missing(kind, contents) is not None
            for kind in self._with_text
        )

    def _fits(self, contents: Sequence[Content]) -> bool:
        """Return whether each part with text goes on in the one of *contents* at its index."""
        count = 0
        for index, content in enumerate(contents):
            part = self._by_place.get((index, content.type))
            if part is not None and part.text is not None:
                whole = text_of(content)
                if part.text.size > len(whole) or part.text.missing(whole) is None:
                    return False
                count += 1
        return count == sum(map(len, self._with_text.values()))

    def _finish_less(
        self, contents: Sequence[Content], longer: Sequence[PieceKind], note: Note
    ) -> Said:
        """Take the parts of a whole item that has less than what came of some kinds of text.

        What came stays, in the parts that it came in.
        """
        said: Said = []
        for index, content in enumerate(contents):
            if KINDS.get(content.type) not in longer:
                said += self.finish(self.of(index, content.type, content), content, note)
            elif (index, content.type) in self._by_place:
                self._by_place[index, content.type].merge(content)
        return said

    def _rearrange(
        self, contents: Sequence[Content], missing: Mapping[PieceKind, str | None], note: Note
    ) -> Said:
        """Take the parts of a whole item whose deltas were put into other parts.

        Args:
            contents: The parts.
            missing: What has not come of each kind of text that has come; None if it differs.
            note: Counts a text that differs.
        """
        if None in missing.values():
            note("text_differs")
        said: Said = [(kind, text) for kind, text in missing.items() if text]
        before = self._by_place
        self._by_place, self._order, self._with_text = {}, [], {}
        self._announced = []
        for index, content in enumerate(contents):
            part = self._new(index, content)
            known = before.get((index, content.type))
            if known is not None:
                part.known = known.known
                part.annotations, part.logprobs = known.annotations, known.logprobs
            said += [
                (kind, text)
                for kind, text in self.finish(part, content, note)
                if kind not in missing
            ]
        return said

    def _missing(self, kind: PieceKind, contents: Sequence[Content]) -> str | None:
        """Return what follows all text of *kind* so far in *contents*, or None if it differs."""
        whole = _joined(kind, contents)
        listed = self._with_text[kind]
        at = 0
        for _, _, part in islice(listed, len(listed) - 1):
            text = _known(part.text)
            if text.missing(whole[at : at + text.size]) is None:
                return None
            at += text.size
            if at >= len(whole):
                return ""
        return _known(listed[-1][2].text).missing(whole[at:])

    def _goes_on(self, kind: PieceKind, contents: Sequence[Content]) -> bool:
        """Return whether there is more text of *kind* than in *contents*."""
        length = len(_joined(kind, contents))
        for _, _, part in self._with_text[kind]:
            length -= _known(part.text).size
            if length < 0:
                return True
        return False

    def _text(self, part: Part) -> Text:
        """Return the new text of a part that had none."""
        part.text = Text()
        kind = KINDS.get(part.known.type, "text")
        listed = self._with_text.setdefault(kind, [])
        bisect.insort(listed, (part.index, len(listed), part))
        return part.text

    def _said(self, part: Part, text: str) -> Said:
        return [(KINDS.get(part.known.type, "text"), text)] if text else []


def _joined(kind: PieceKind, contents: Sequence[Content]) -> str:
    return "".join(text_of(each) for each in contents if KINDS.get(each.type) == kind)


def _known(text: Text | None) -> Text:
    assert text is not None  # noqa: S101 - asked only for parts that have text
    return text
