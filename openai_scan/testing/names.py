"""Give each test its own cassette file, on any file system.

Most file systems of Windows and macOS ignore case in names, and those of macOS also ignore whether
a character is composed of several code points. Windows reserves some names, and every system limits
their length. Two tests must not share a cassette for any of these reasons, and a test must find its
own on every machine.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import Path

_SUFFIX = ".jsonl"

# Names up to this length are kept. Paths are limited too.
_MAX_LENGTH = 100

# These characters are escaped. Beyond \xff, an escape could look like a shorter one followed by
# digits.
_UNSAFE = re.compile(r"[^][\w.-]")

# Every file system distinguishes names of these characters. A percent sign begins an escape.
_PLAIN = re.compile(r"[a-z0-9_.%\[\]-]+")

# Device names on Windows, with any extension.
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)")


def cassette_path(folder: Path, test: str) -> Path:
    """Return the path of a test's cassette, which may not exist yet.

    If every file system distinguishes the test's name from all others, the file has that name, with
    escapes for characters that file names cannot have. Otherwise `~` and a hash follow. An existing
    cassette under the test's plain name stays in use.

    Args:
        folder: The folder for the cassettes of the test's file.
        test: The test's name in its file, such as `"TestClass::test_name[parameter]"`.
    """
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    name = _UNSAFE.sub(_escaped, ".".join(test.split("::")))
    own = name + _SUFFIX
    digest = hashlib.sha256(test.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    short = re.sub(r"[^!-~]", _escaped, name)[:_MAX_LENGTH]
    if _RESERVED.match(short.lower()):
        short = _escaped(short) + short[1:]
    hashed = f"{short}~{digest}{_SUFFIX}"
    place, _, parameters = test.partition("[")
    is_unique = (
        "." not in place
        and "::" not in parameters
        and max(_UNSAFE.findall(test), default="") < "\xff"
    )
    for found in (hashed, own) if is_unique else (hashed,):
        if found in there:
            return folder / found
    # Before names had hashes, this cassette may have been created for another test.
    is_free = _folded(own) not in map(_folded, there)
    return folder / (own if is_unique and is_free and _is_plain(name) else hashed)


def _is_plain(name: str) -> bool:
    """Return whether every file system accepts *name* and distinguishes it from all others."""
    return (
        _PLAIN.fullmatch(name) is not None
        and _RESERVED.match(name) is None
        and len(name) <= _MAX_LENGTH
    )


def _escaped(text: re.Match[str] | str) -> str:
    """Return the first character of *text*, escaped."""
    return f"%{ord(text[0]):02x}"


def _folded(name: str) -> str:
    """Return *name* as the file system sees it that distinguishes least."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
