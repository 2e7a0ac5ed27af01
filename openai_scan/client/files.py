"""The files that a request uploads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from openai_scan.transport import Upload

File: TypeAlias = str | os.PathLike[str] | BinaryIO | bytes | tuple[str, bytes]
"""A file to upload: its path, itself (opened in mode "rb"), its bytes, or a name and the bytes.

Servers tell the format by the end of the name, which bytes alone do not have.
"""


def take_uploads(given: dict[str, Any], names: Iterable[str]) -> tuple[Upload, ...]:
    """Take the files out of the arguments of a call, and read them.

    They are read now and not when the request is sent, so that a missing file is an `OSError` of
    the call that names it, and the request can be sent again.

    Args:
        given: The arguments; those that are files are removed.
        names: Which of them are files, or lists of files.
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
        raise TypeError(f"{field}: a file is a path, a file opened in mode 'rb', or bytes")
    return Upload(field, _name_of(field, getattr(file, "name", None)), content)


def _name_of(field: str, path: Any) -> str:
    """Return the name of a file; one without a path has a number in its place, or nothing."""
    return Path(path).name if isinstance(path, str) else field.removesuffix("[]")
