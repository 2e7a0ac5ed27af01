r"""Text with half a character in it: the halves of surrogate pairs.

JSON can escape one half of a surrogate pair alone (``"\ud83d"``), and a server that cuts its text
between any two UTF-16 units sends one half in one delta and the other half in the next. Python
strings can contain such a half, but it cannot be encoded as UTF-8. All handling of halves is here.

A high half (U+D800 to U+DBFF) comes first and waits for the low half (U+DC00 to U+DFFF) that
completes it. A half whose other half never arrives becomes U+FFFD, the replacement character.
"""

from __future__ import annotations

import re

REPLACEMENT = "\ufffd"
"""What a half becomes if its other half never arrives."""

find_half = re.compile("[\ud800-\udfff]").search
"""Returns the position of the first half in a text, or None if all characters are whole."""


def split_half(text: str) -> tuple[str, str]:
    """Return *text* without a high half at its end, and that half, or "" if there is none.

    Prepend the half to the text that comes next; then both halves are one character again.
    """
    if "\ud800" <= text[-1:] <= "\udbff":
        return text[:-1], text[-1]
    return text, ""


def join_halves(text: str) -> str:
    """Return *text* with each pair of halves joined to one character; lone halves stay."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def after(start: str, text: str) -> str | None:
    """Return what follows *start* in *text*; halves of one may be joined in the other.

    Returns:
        The rest, which begins with a low half if *start* ends with its high half. None if *text*
        does not begin with *start*.
    """
    units, beginning = (each.encode("utf-16-le", "surrogatepass") for each in (text, start))
    if not units.startswith(beginning):
        return None
    return units[len(beginning) :].decode("utf-16-le", "surrogatepass")


def mend(text: str) -> str:
    """Return *text* ready to print and encode: pairs are joined, lone halves replaced."""
    return text if text.isascii() else utf8(text).decode()


def utf8(text: str) -> bytes:
    """Return *text* as UTF-8, repaired; any string can be encoded this way."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
