"""A private file: only its owner can read it, and it never replaces another half-written."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path

from openai_scan.sse.source import write_all

PRIVATE = 0o600
"""The mode of a file that only its owner can read and write."""

# Windows has no O_NOFOLLOW, and translates line ends unless the file is opened as binary.
_FLAGS = os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class NewFile:
    """A new file, which replaces an existing one only when it is complete.

    Without *overwrite* it is at its path from the beginning, and stays there however it ends.
    With *overwrite*, it is `NAME.RANDOM.unfinished` in the same folder until `close()`. A symbolic
    link at the path is replaced, not followed. Something that is neither a file nor a link to one,
    such as `/dev/null` or a named pipe, is written to directly.

    Args:
        path: The path of the file.
        overwrite: Whether to replace an existing file.
        mode: The permissions of the file, less those that the umask removes.

    Attributes:
        file: The open file, unbuffered.

    Raises:
        FileExistsError: A file or link exists, and *overwrite* is false.
        OSError: The file cannot be created.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, overwrite: bool = False, mode: int = PRIVATE
    ) -> None:
        self._path = Path(path)
        self._unfinished: Path | None = None
        place, flags = self._path, os.O_CREAT | os.O_EXCL
        if overwrite and _is_special(self._path):
            flags = 0
        elif overwrite:
            # Shortened because the length of names is limited.
            place = self._path.with_name(
                f"{self._path.name[:100]}.{os.urandom(8).hex()}.unfinished"
            )
            self._unfinished = place
        try:
            descriptor = os.open(place, _FLAGS | flags, mode)
        except OSError as error:
            error.filename = os.fspath(path)
            raise
        self.file = io.FileIO(descriptor, "wb")

    def close(self, *, keep: bool) -> None:
        """Close the file, and move it to its path if it is to replace another.

        Args:
            keep: Whether it is complete. If not, the existing file stays.
        """
        self.file.close()
        unfinished, self._unfinished = self._unfinished, None
        if unfinished is None:
            return
        if keep:
            unfinished.replace(self._path)
        else:
            unfinished.unlink()


def write_whole(path: str, data: bytes, *, overwrite: bool, mode: int = PRIVATE) -> None:
    """Write a whole file at once; see `NewFile`."""
    new = NewFile(path, overwrite=overwrite, mode=mode)
    try:
        write_all(new.file, data)
    except BaseException:
        new.close(keep=False)
        raise
    new.close(keep=True)


def _is_special(path: Path) -> bool:
    """Return whether *path* is something to write to directly instead of replacing it.

    Raises:
        OSError: It is a folder, or a link to something other than a file.
    """
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISLNK(kind):
        if path.exists() and not path.is_file():
            raise OSError(
                errno.ELOOP, "a symbolic link to something that is not a file", os.fspath(path)
            )
        return False
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    return not stat.S_ISREG(kind)
