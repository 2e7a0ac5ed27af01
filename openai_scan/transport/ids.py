"""Ids in paths: a path with an id in its place always means that object and no other.

Percent-encoding alone does not ensure that. `.` and `..` cannot be encoded, and clients, proxies
and servers remove them, so that `/threads/t/messages/..` becomes `/threads/t/`. Many servers decode
a path before they route it, some of them twice, and then `a%2F..` has become two segments. No API
has such ids, so they are rejected.
"""

from __future__ import annotations

import re
from urllib.parse import quote

# What separates the parts of a URL, also when it is decoded once more, and what cannot be sent.
_NOT_IN_ID = re.compile(r"[/\\?#;%\x00-\x1f\x7f\ud800-\udfff]")


def is_id(text: object) -> bool:
    """Return whether *text* can be one segment of a path, however often it is decoded."""
    return (
        isinstance(text, str)
        and text not in ("", ".", "..")
        and text == text.strip()  # some servers strip it
        and not _NOT_IN_ID.search(text)
    )


def quoted(name: str, id: str) -> str:
    """Return *id* as it appears in a path.

    Args:
        name: Its name in an error.
        id: The id.

    Raises:
        ValueError: It is empty, or would change which object is meant.
    """
    if not id:
        raise ValueError(f"{name} must not be empty")
    if not is_id(id):
        raise ValueError(f"{name} must be an id, not {id!r}: it would lead to another path")
    return quote(id, safe="")
