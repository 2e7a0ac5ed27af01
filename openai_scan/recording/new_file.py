"""A file that holds what somebody said: private, and never half of one in place of a whole one."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path

from openai_scan.sse.source import write_all

PRIVATE = 0o600
"""Only the user who runs the program reads and writes it."""

# Windows has no symbolic links that any user may make, and translates line ends unless told.
_FLAGS = os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class NewFile:
    """A new file, which takes the place of another only when it is whole.

    Without *overwrite* it is at its path from the beginning, and is left there however it ends.
    With it, it has another name in the same folder, `NAME.RANDOM.unfinished`, until `close()`. A
    symbolic link at the path is replaced, never followed. What is neither a file nor a link to one,
    such as `/dev/null` or a named pipe, is written to directly.

    Args:
        path: Where the file is to be.
        overwrite: Whether to replace a file that is there.
        mode: Who may read and write it, less what the umask forbids.

    Attributes:
        file: Takes the bytes; it has no buffer.

    Raises:
        FileExistsError: There is a file, or a link, and *overwrite* is false.
        OSError: The file cannot be made.
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
            # Shortened, since names have a limit.
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
        """Close the file, and let it take its place, or the place of the file that was there.

        Args:
            keep: Whether it is whole; if not, a file that was to be replaced stays.
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
    """Write all of a file at once, see `NewFile`."""
    new = NewFile(path, overwrite=overwrite, mode=mode)
    try:
        write_all(new.file, data)
    except BaseException:
        new.close(keep=False)
        raise
    new.close(keep=True)


def _is_special(path: Path) -> bool:
    """Return whether there is something at *path* that is to be written to, not replaced.

    Raises:
        OSError: It is a folder, or a link to anything but a file.
    """
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISLNK(kind):
        if path.exists() and not path.is_file():
            raise OSError(errno.ELOOP, "a symbolic link to what is no file", os.fspath(path))
        return False
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    return not stat.S_ISREG(kind)
