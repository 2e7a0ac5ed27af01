"""How an event stream begins, and how anything else does.

Servers send an error, a whole answer or an error page in place of a stream, or after a part of it,
and often call it an event stream all the same. No line of an event stream begins as these do.
"""

from __future__ import annotations

import re

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# How the first line of an event stream begins that is not blank. `error` is llama.cpp's.
_FIELD = re.compile(rb":|(?:data|error|event|id|retry)(?::|[\r\n]|$)")

_LONGEST_FIELD = len(b"event:")

# How many bytes of a line are looked at for the first that is not blank.
_MAX_BLANKS = 64

# How many bytes of a line are searched for two words.
_MAX_WORDS = 200

_BLANKS = b" \t" + BYTE_ORDER_MARK


def begins_as_events(start: bytes, *, is_all: bool = False) -> bool | None:
    """Return whether *start* is the beginning of an event stream, or None if that is not clear yet.

    Args:
        start: The first bytes. A byte order mark, blank lines and blanks may come first.
        is_all: Whether there are no more, so that it is clear.
    """
    line = start.lstrip(_BLANKS + b"\r\n")
    is_clear = is_all or len(line) >= _LONGEST_FIELD or line[:1] in (b":", b"{", b"[", b"<")
    if not (is_clear or b"\n" in line or b"\r" in line):
        return None
    return _FIELD.match(line) is not None


def begins_bare(line: bytes | bytearray) -> bool | None:
    """Return whether a line begins bare JSON or a page; None if it is blank as far as it goes."""
    start = bytes(line[:_MAX_BLANKS]).lstrip(_BLANKS)
    if not start and len(line) < _MAX_BLANKS:
        return None
    return start.startswith((b"{", b"[", b"<"))


def begins_plain(start: bytes) -> bool:
    """Return whether *start* may be the beginning of an event stream, of bare JSON or of a page."""
    return begins_as_events(start) is not False or bool(begins_bare(start.lstrip()))


def is_page(line: bytes) -> bool:
    """Return whether a line that begins bare text begins a page."""
    return line[:_MAX_BLANKS].lstrip(_BLANKS).startswith(b"<")


def are_words(line: bytes | bytearray) -> bool:
    """Return whether a line is words of a plain text: its first two come before any colon."""
    return b" " in bytes(line[:_MAX_WORDS]).partition(b":")[0].strip()
