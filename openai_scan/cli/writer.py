"""All that the commands print goes through here, or is drawn on a `terminal.console()`.

Nothing reaches a terminal, and nothing is said on standard error, but printable text: the last step
before it is written is `printable()` or `one_line()`. The answer itself is left as it is where it
goes to a file or a pipe, which obeys nothing and may want every byte.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import sys

from openai_scan.cli.status import PROGRAM, Status
from openai_scan.printable import one_line, printable

# On Windows a line that begins with it ends the input, as Ctrl-D does elsewhere. The system's own
# console handles that; other terminals there pass the character on.
_CTRL_Z = "\x1a"


def complain(sentence: str, status: Status = Status.NOT_WHOLE) -> Status:
    """Say on stderr what is wrong, and return the status to end with."""
    tell(f"{PROGRAM}: {sentence}")
    return status


def tell(line: str) -> None:
    """Print a line on stderr, so that it is not mistaken for the answer."""
    print(one_line(line), file=sys.stderr, flush=True)


def say(line: str = "") -> None:
    """Print a line on stdout that is not the answer's text."""
    print(one_line(line), flush=True)


def read_line(prompt: str) -> str:
    """Return the line that is typed at *prompt*.

    Raises:
        EOFError: No more will be typed.
    """
    line = input(one_line(prompt))
    if line.startswith(_CTRL_Z):
        raise EOFError
    return line


def read_answer(question: str) -> str:
    """Return the line that is typed after *question*, which is asked on stderr.

    Raises:
        EOFError: No more will be typed.
    """
    print(one_line(question), end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line or line.startswith(_CTRL_Z):
        raise EOFError
    return line


def replace_what_cannot_be_encoded() -> None:
    """Let no answer be lost to an output that cannot show all of its characters."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def flush() -> None:
    """Write what stdout has buffered."""
    sys.stdout.flush()


def is_closed_pipe(error: OSError) -> bool:
    """Return whether *error* is the one for a closed output pipe."""
    # Windows reports EINVAL for a closed pipe. An error about a file has the file's name.
    return isinstance(error, BrokenPipeError) or (
        error.errno == errno.EINVAL and error.filename is None
    )


def drop_output() -> None:
    """Write no more on stdout, whose reader has left.

    Python flushes it once more at exit, and would complain about the broken pipe again.
    """
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def is_terminal() -> bool:
    """Return whether stdout is a terminal."""
    return sys.stdout.isatty()


def can_ask() -> bool:
    """Return whether the user can be asked: questions go to stderr, and answers come from stdin."""
    return sys.stdin.isatty() and sys.stderr.isatty()


class TextPrinter:
    """Prints the text of an answer on stdout, piece by piece."""

    def __init__(self) -> None:
        self._is_terminal = is_terminal()
        self._last = ""

    def write(self, text: str) -> None:
        """Print a piece."""
        self._last = text or self._last
        sys.stdout.write(printable(text) if self._is_terminal else text)
        sys.stdout.flush()

    def end(self) -> None:
        """End the last line if it has no end."""
        if self._last and not self._last.endswith("\n"):
            say()
        self._last = ""

    def pause(self) -> None:
        """Let something else be printed on a terminal, on a line of its own."""
        if self._is_terminal:
            self.end()

    def go_on(self) -> None:
        """Print what comes next, after a pause."""


class BytesPrinter:
    """Prints bytes on stdout, unchanged unless it is a terminal."""

    def __init__(self) -> None:
        self._text = TextPrinter() if is_terminal() else None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, chunk: bytes) -> None:
        """Print a chunk."""
        if self._text is not None:
            self._text.write(self._decoder.decode(chunk))
            return
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
