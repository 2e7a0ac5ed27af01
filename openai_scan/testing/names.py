"""The file that a test's cassette is in: one of its own, on any disk.

Most disks of Windows and macOS take names that differ in case for the same, those of macOS also
names that are composed of other code points. Windows reserves some names, and every system limits
how long one is. Two tests may not share a cassette for any of that, and a test has to find its own
on every machine.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import Path

_SUFFIX = ".jsonl"

# Names of at most so many characters stay whole. Paths have limits too.
_MAX_LENGTH = 100

# What is escaped. Beyond \xff an escaped character looks like an escaped one with digits after it.
_UNSAFE = re.compile(r"[^][\w.-]")

# What a name consists of that every disk tells from all others. A percent sign begins an escape.
_PLAIN = re.compile(r"[a-z0-9_.%\[\]-]+")

# Devices of Windows, whatever follows a dot.
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)")


def cassette_path(folder: Path, test: str) -> Path:
    """Return where the cassette of a test is, or is to be.

    A name that every disk tells from all others is the test's own, with what a file's name may not
    have escaped. Any other is followed by `~` and a hash. A cassette that was made under the test's
    own name stays in use.

    Args:
        folder: Where the cassettes of the file with the test are.
        test: The test's name in that file, such as `"TestClass::test_name[parameter]"`.
    """
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    name = _UNSAFE.sub(_escaped, ".".join(test.split("::")))
    own = name + _SUFFIX
    digest = hashlib.sha256(test.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    short = re.sub(r"[^!-~]", _escaped, name)[:_MAX_LENGTH]
    if _RESERVED.match(short.lower()):
        short = _escaped(short) + short[1:]
    hashed = f"{short}~{digest}{_SUFFIX}"
    is_unique = (
        "::" not in test.partition("[")[2] and max(_UNSAFE.findall(test), default="") < "\xff"
    )
    for found in (hashed, own) if is_unique else (hashed,):
        if found in there:
            return folder / found
    # Another cassette may have been made when names were not told apart.
    is_free = _folded(own) not in map(_folded, there)
    return folder / (own if is_unique and is_free and _is_plain(name) else hashed)


def _is_plain(name: str) -> bool:
    """Return whether every disk takes *name*, and for no other one."""
    return (
        _PLAIN.fullmatch(name) is not None
        and _RESERVED.match(name) is None
        and len(name) <= _MAX_LENGTH
    )


def _escaped(text: re.Match[str] | str) -> str:
    """Return the first character of *text*, escaped."""
    return f"%{ord(text[0]):02x}"


def _folded(name: str) -> str:
    """Return what a disk takes *name* for that tells apart as little as possible."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
