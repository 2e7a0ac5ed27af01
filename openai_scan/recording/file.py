"""The file that a recording is written to."""

from __future__ import annotations

import io
import os
from typing import Any, TypeAlias

from attrs import field, frozen

from openai_scan.errors import RecordingError
from openai_scan.recording.lines import Line, dump
from openai_scan.recording.new_file import NewFile
from openai_scan.sse import WritableFile
from openai_scan.sse.source import write_all


@frozen
class Recording:
    """Where to record a stream, and how.

    Attributes:
        file: The path, or a binary file, which stays open.
        overwrite: Whether to replace an existing file. The recording is written under another
            name and replaces the file when it is closed; see `NewFile`.
        request: Whether to record the body of the request too, including the prompt.
    """

    file: str | os.PathLike[str] | WritableFile
    overwrite: bool = field(default=False, kw_only=True)
    request: bool = field(default=False, kw_only=True)


RecordTo: TypeAlias = str | os.PathLike[str] | WritableFile | Recording
"""Where to record to: a path, a binary file, or a `Recording` with options."""


class RecordingFile:
    """Writes the lines of a recording to its file.

    Attributes:
        error: Why nothing more can be written, or None.
    """

    error: RecordingError | None = None

    def __init__(self, settings: Recording) -> None:
        file: Any = settings.file
        self._name = str(getattr(file, "name", "the recording"))
        self._own: NewFile | None = None
        self._is_begun = False
        if isinstance(file, str | os.PathLike):
            self._name = os.fspath(file)
            # Unbuffered: a line is one system call and reaches the file at once.
            self._own = NewFile(file, overwrite=settings.overwrite)
            file = self._own.file
        elif isinstance(file, io.TextIOBase) or not hasattr(file, "write"):
            raise TypeError('record to a path or to a file opened in mode "wb"')
        self._file: WritableFile = file

    def write(self, line: Line) -> None:
        """Write *line*, unless an earlier write failed."""
        if self.error is not None:
            return
        try:
            write_all(self._file, dump(line))
            self._is_begun = True
            flush = getattr(self._file, "flush", None)
            if flush is not None:
                flush()
        except (OSError, ValueError) as cause:  # such as a full disk or a closed file
            self.error = RecordingError(f"{self._name} cannot be written: {cause}")
            self.error.__cause__ = cause

    def check(self) -> None:
        """Raise the error if a write failed."""
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        """Close the file if it was opened here; it replaces another only if it is complete."""
        if self._own is not None:
            self._own.close(keep=self._is_begun and self.error is None)
