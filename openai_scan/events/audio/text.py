"""The text of a transcript, which comes in deltas, segments, as a whole, or in several ways."""

from __future__ import annotations

import io
import itertools

from openai_scan.events.base import Note
from openai_scan.surrogates import after, mend, split_half

# How many more blanks a text may have than the text that repeats it.
_MOST_BLANKS = 64


class TranscriptText:
    """What has been said so far: stretches of text, in the order in which they began.

    A stretch is what one segment says, or what deltas say that belong to no segment. Whatever
    repeats text adds only what had not come. Blanks do not count in this: OpenAI's segments begin
    with one, and the whole text does not.
    """

    def __init__(self) -> None:
        self._stretches: list[Stretch] = []
        self._segments: dict[str, Stretch] = {}  # that have had deltas
        self._plain: Stretch | None = None  # the last stretch, if it belongs to no segment
        self._whole: str | None = None  # the same text as the server ended it
        self._contradicted = False  # by a segment, so that segments add nothing

    def of(self, segment_id: str | None) -> Stretch:
        """Return the stretch that the deltas of a segment, or of none, are to be added to."""
        self._whole = None
        stretch = self._segments.get(segment_id) if segment_id else self._plain
        if stretch is None:
            stretch = self._begin()
            if segment_id:
                self._segments[segment_id] = stretch
            else:
                self._plain = stretch
        return stretch

    def complete_segment(self, id: str, text: str, note: Note) -> str:
        """Take all of a segment; return what of it had not come before."""
        if not text:
            return ""
        self._whole = None
        if not id and self._segments:  # the first of them, from a server that leaves the ids out
            id = next(iter(self._segments))
        stretch = self._segments.pop(id, None)
        if stretch is not None:
            missing = stretch.missing(text)
            if missing is None:
                note("text_differs")
                stretch.replace(text)
                return ""
        elif self._contradicted:
            return ""
        elif self._plain is not None and self._plain.has_unclaimed():
            stretch = self._plain
            missing = stretch.claim(text)
            if missing is None:
                note("text_differs")
                self._contradicted = True
                return ""
        else:
            stretch, missing = self._begin(), text
        stretch.add(missing)
        stretch.claimed = stretch.length if missing else stretch.claimed
        return missing

    def complete(self, whole: str, note: Note) -> str:
        """Take the whole text; return what of it had not come before.

        A text that ends earlier takes nothing back. Any other is the text from now on.
        """
        so_far = self._so_far(2 * len(whole) + _MOST_BLANKS)  # an end costs what it has
        missing = _missing(so_far, whole)
        if missing is None:
            note("text_differs")
        elif missing:
            self.of(None).add(missing)
        if missing is None or not so_far.startswith(whole):
            ends_earlier = missing == "" and _dense(so_far) != _dense(whole)
            self._whole = self._whole if ends_earlier else whole
        return missing or ""

    def __str__(self) -> str:
        text = self._so_far() if self._whole is None else self._whole
        return mend(split_half(text)[0])

    def _so_far(self, limit: int = -1) -> str:
        """Return the text, or its first *limit* characters."""
        if limit < 0:
            return "".join(map(str, self._stretches))
        parts: list[str] = []
        for stretch in self._stretches:  # none of them is empty
            if limit <= 0:
                break
            parts.append(stretch.read(0, limit))
            limit -= len(parts[-1])
        return "".join(parts)

    def _begin(self) -> Stretch:
        self._plain = None
        self._stretches.append(stretch := Stretch())
        return stretch


class Stretch:
    """A part of a transcript, as far as it has come.

    Attributes:
        add: Adds text.
        claimed: How much of it segments have brought once more.
    """

    def __init__(self) -> None:
        self._buffer = io.StringIO()
        self.add = self._buffer.write
        self.claimed = 0

    @property
    def length(self) -> int:
        """How many characters it has."""
        return self._buffer.tell()

    def has_unclaimed(self) -> bool:
        """Return whether it has more than blanks that no segment has brought once more."""
        self._skip_blanks()
        return self.claimed < self.length

    def claim(self, text: str) -> str | None:
        """Take it that a segment says *text*, which begins with the first text not claimed.

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
        return _missing(self.read(0, 2 * len(whole) + _MOST_BLANKS), whole)

    def replace(self, text: str) -> None:
        """Let *text* be all of it."""
        self._buffer.seek(0)
        self._buffer.truncate()
        self.add(text)

    def __str__(self) -> str:
        return self._buffer.getvalue()

    def read(self, start: int, length: int) -> str:
        """Return at most *length* characters from *start* on."""
        end = self.length
        self._buffer.seek(start)
        text = self._buffer.read(length)
        self._buffer.seek(end)
        return text

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
