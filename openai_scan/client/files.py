"""The files that a request uploads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from openai_scan.transport import Upload

File: TypeAlias = str | os.PathLike[str] | BinaryIO | bytes | tuple[str, bytes]
"""A file to upload: a path, a file opened in mode "rb", bytes, or a tuple of a name and bytes.

Servers detect the format by the extension of the name, which bytes alone do not have.
"""


def take_uploads(given: dict[str, Any], names: Iterable[str]) -> tuple[Upload, ...]:
    """Take the files out of the arguments of a call, and read them.

    They are read now, not when the request is sent. So a missing file raises an `OSError` in the
    call that names it, and the request can be sent again.

    Args:
        given: The arguments; the files are removed from it.
        names: Which arguments are files or lists of files.
    """
    uploads: list[Upload] = []
    for name in names:
        file = given.pop(name, None)
        if isinstance(file, list):
            uploads += [_upload(f"{name}[]", one) for one in file]
        elif file is not None:
            uploads.append(_upload(name, file))
    return tuple(uploads)


def _upload(field: str, file: Any) -> Upload:
    match file:
        case bytes():
            return Upload(field, _name_of(field, None), file)
        case (str(name), bytes(data)):
            return Upload(field, name, data)
        case str() | os.PathLike():
            path = Path(file)
            return Upload(field, path.name, path.read_bytes())
    content = file.read() if hasattr(file, "read") else None
    if not isinstance(content, bytes):
        raise TypeError(f"{field} must be a path, a file opened in mode 'rb', or bytes")
    return Upload(field, _name_of(field, getattr(file, "name", None)), content)


def _name_of(field: str, path: Any) -> str:
    """Return the file's name; *path* may be a file descriptor or None if the file has no path."""
    return Path(path).name if isinstance(path, str) else field.removesuffix("[]")
