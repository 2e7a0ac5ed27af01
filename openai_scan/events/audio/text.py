"""The text of a transcript, which comes in deltas, in segments, as a whole, or in several ways."""

from __future__ import annotations

import itertools

from openai_scan.events.base import Append, Note
from openai_scan.events.snapshot import Ahead, Pieces
from openai_scan.surrogates import after, mend, split_half

# How many more blanks a text may have than the text that repeats it.
_MOST_BLANKS = 64


class TranscriptText:
    """What has been said so far: stretches of text, in the order in which they began.

    A stretch is what one segment says, or what deltas of no segment say. An event that repeats text
    adds only what is new. Blanks are not compared: OpenAI's segments begin with one, and the whole
    text does not.
    """

    def __init__(self) -> None:
        self._stretches: list[Stretch] = []
        self._open: dict[str, Stretch] = {}  # segments that have had deltas only
        self._closed: dict[str, Stretch] = {}  # segments that have come
        self._plain: Stretch | None = None  # the last stretch, if it belongs to no segment
        self._ahead = Ahead()  # of the deltas that belong to no segment
        self._whole: str | None = None  # the same text as the server ended it
        self._ended = False  # the whole text has come
        self._claimed: dict[str, str] = {}  # what segments said that deltas of none had brought
        self._contradicted = False  # by a segment, so that segments add nothing

    def add(self, segment_id: str | None, text: str) -> str:
        """Take a delta of a segment, or of none; return what is new of it."""
        if not segment_id:
            new = self._ahead.new(text)
            return self._add(new)
        stretch = self._open.get(segment_id) or self._closed.get(segment_id)
        new = text if stretch is None else stretch.ahead.new(text)
        if self._ended or not new:
            new = min(new, self._ahead.new(text), key=len)
        if new:
            self._whole = None
            if stretch is None:
                stretch = self._open[segment_id] = self._begin()
            stretch.add(new)
        return new

    def appender(self) -> Append | None:
        """Return what adds the next text of no segment, or None if it has to go through `add()`."""
        return None if self._plain is None or self._ahead else self._plain.add

    def complete_segment(self, id: str, text: str, note: Note) -> str:
        """Take a whole segment; return what is new of it."""
        if not text or (id and self._claimed.get(id) == text):
            return ""
        self._whole = None
        if not id and self._open:  # the first of them, from a server that leaves the ids out
            id = next(iter(self._open))
        stretch = self._open.pop(id, None)
        known = None if stretch is not None or not id else self._closed.get(id)
        if known is not None and known.missing(text) is not None:
            stretch = known  # the same segment once more
        if stretch is not None:
            missing = stretch.missing(text)
            if missing is None:
                note("text_differs")
                stretch.replace(text)
                missing = ""
            stretch.ahead.lead(missing)
            stretch.add(missing)
        elif self._contradicted:
            return ""
        elif self._plain is not None and self._plain.has_unclaimed():
            claimed = self._plain.claim(text)
            if claimed is None:
                note("text_differs")
                self._contradicted = True
                return ""
            stretch, missing = self._plain, claimed
            self._ahead.lead(missing)
            stretch.add(missing)
            stretch.claimed += len(missing)
            self._claimed[id] = text
        else:
            stretch, missing = self._begin(), text
            self._ahead.lead(text)
            stretch.ahead.lead(text)
            stretch.add(text)
        if id and stretch is not self._plain:
            self._closed[id] = stretch
        return missing

    def complete(self, whole: str, note: Note) -> str:
        """Take the whole text; return what is new of it.

        A text that ends earlier takes nothing back. A different text replaces the one so far.
        """
        so_far = self._so_far(2 * len(whole) + _MOST_BLANKS)  # an end costs what it has
        missing = _missing(so_far, whole)
        self._ended = self._ended or bool(whole)
        if missing is None:
            note("text_differs")
        else:
            self._ahead.lead(missing)
            self._add(missing)
        if missing is None or not so_far.startswith(whole):
            ends_earlier = missing == "" and _dense(so_far) != _dense(whole)
            self._whole = self._whole if ends_earlier else whole
        return missing or ""

    def _add(self, text: str) -> str:
        """Add text of no segment, and return it."""
        if text:
            self._whole = None
            self._plain = self._plain or self._begin()
            self._plain.add(text)
        return text

    def __str__(self) -> str:
        text = self._so_far() if self._whole is None else self._whole
        return mend(split_half(text)[0])

    def _so_far(self, limit: int = -1) -> str:
        """Return the text, or its first *limit* characters."""
        if limit < 0:
            return "".join(stretch.start(stretch.size) for stretch in self._stretches)
        parts: list[str] = []
        for stretch in self._stretches:  # none of them is empty
            if limit <= 0:
                break
            parts.append(stretch.start(limit))
            limit -= len(parts[-1])
        return "".join(parts)

    def _begin(self) -> Stretch:
        """Begin a stretch, which must not stay empty."""
        self._plain = None
        self._stretches.append(stretch := Stretch())
        return stretch


class Stretch(Pieces):
    """A part of a transcript, as far as it has come.

    Attributes:
        ahead: The text that deltas may still repeat.
        claimed: How many characters of it segments have repeated.
    """

    __slots__ = ("ahead", "claimed")

    def __init__(self) -> None:
        super().__init__()
        self.ahead = Ahead()
        self.claimed = 0

    def has_unclaimed(self) -> bool:
        """Return whether it has more than blanks that no segment has brought once more."""
        self._skip_blanks()
        return self.claimed < self.size

    def claim(self, text: str) -> str | None:
        """Note that a segment says *text*, which begins with the first text not claimed.

        Returns:
            What of *text* had not come; None if it says something else.
        """
        text = text.strip()
        known = self.read(self.claimed, len(text))
        if not text.startswith(known):
            return None
        self.claimed += len(known)
        return text[len(known) :]

    def missing(self, whole: str) -> str | None:
        """Return what follows this stretch in *whole*; None if it says something else."""
        return _missing(self.start(2 * len(whole) + _MOST_BLANKS), whole)

    def _skip_blanks(self) -> None:
        while (character := self.read(self.claimed, 1)) and character.isspace():
            self.claimed += 1


def _missing(so_far: str, whole: str) -> str | None:
    """Return what follows *so_far* in *whole*, whatever blanks they have, or "" if it ends earlier.

    None if they are different texts.
    """
    if so_far.startswith(whole):
        return ""
    rest = whole[len(so_far) :] if whole.startswith(so_far) else after(so_far, whole)
    if rest is not None:
        return rest
    said, all_said = _dense(so_far), _dense(whole)
    if said.startswith(all_said):
        return ""
    if not all_said.startswith(said):
        return None
    rest = whole[_end_of(whole, len(said)) :]
    return rest.lstrip() if so_far[-1:].isspace() else rest


def _end_of(text: str, count: int) -> int:
    """Return where the first *count* characters of *text* end that are not blanks."""
    places = (place for place, character in enumerate(text, 1) if not character.isspace())
    return next(itertools.islice(places, count - 1, None)) if count else 0


def _dense(text: str) -> str:
    return "".join(text.split())
