"""The beginning of an error page, as readable text."""

from __future__ import annotations

import re
from collections.abc import Iterator

# How much of a page an error message quotes.
_MAX_SNIPPET = 200

# The tags whose content is not text for people.
_RAW_TEXT = re.compile(r"<(script|style)\b", re.IGNORECASE)
_RAW_TEXT_ENDS = {name: re.compile(f"</{name}>", re.IGNORECASE) for name in ("script", "style")}


def readable(text: str) -> str:
    """Return the beginning of a page without its tags, on one line."""
    words: list[str] = []
    length = -1  # of the words and the spaces between them
    for part in _between_tags(text):
        for word in part.split(maxsplit=_MAX_SNIPPET):
            words.append(word[:_MAX_SNIPPET])
            length += len(words[-1]) + 1
            if length >= _MAX_SNIPPET:
                return " ".join(words)[:_MAX_SNIPPET]
    return " ".join(words)


def _between_tags(text: str) -> Iterator[str]:
    """Yield the pieces of *text* between tags, scripts and styles; no byte is searched twice.

    A `<` without a `>` after it begins no tag, and a script that does not end is only a tag.
    """
    place = 0
    endless: set[str] = set()
    while (start := text.find("<", place)) >= 0 and (end := text.find(">", start) + 1):
        yield text[place:start]
        place = end
        opened = _RAW_TEXT.match(text, start)
        if opened is not None and (name := opened[1].lower()) not in endless:
            closed = _RAW_TEXT_ENDS[name].search(text, start)
            if closed is None:
                endless.add(name)
            else:
                place = closed.end()
    yield text[place:]
