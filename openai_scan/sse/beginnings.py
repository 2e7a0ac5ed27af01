"""How an event stream begins, and how anything else begins.

Servers send an error, a whole answer or an error page instead of a stream, or after part of it, and
often label it an event stream anyway. No line of an event stream begins as these do.
"""

from __future__ import annotations

import re

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# The beginning of the first line of an event stream that is not blank. `error` is llama.cpp's.
_FIELD = re.compile(rb":|(?:data|error|event|id|retry)(?::|[\r\n]|$)")

_LONGEST_FIELD = len(b"event:")

# How many bytes of a line to examine for the first that is not blank.
_MAX_BLANKS = 64

# How many bytes of a line to search for two words.
_MAX_WORDS = 200

_BLANKS = b" \t" + BYTE_ORDER_MARK


def begins_as_events(start: bytes, *, is_all: bool = False) -> bool | None:
    """Return whether *start* is the beginning of an event stream, or None if that is not clear yet.

    Args:
        start: The first bytes. They may begin with a byte order mark, blank lines and blanks.
        is_all: Whether there are no more bytes, so that the result is never None.
    """
    line = start.lstrip(_BLANKS + b"\r\n")
    is_clear = is_all or len(line) >= _LONGEST_FIELD or line[:1] in (b":", b"{", b"[", b"<")
    if not (is_clear or b"\n" in line or b"\r" in line):
        return None
    return _FIELD.match(line) is not None


def begins_bare(line: bytes | bytearray) -> bool | None:
    """Return whether a line begins bare JSON or a page; None if it is blank so far."""
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
    """Return whether a line is plain words: its first two come before any colon."""
    return b" " in bytes(line[:_MAX_WORDS]).partition(b":")[0].strip()
