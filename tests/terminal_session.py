"""Sit at a terminal: a command is started on a pseudo-terminal, typed to, and read from."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from pexpect import EOF, fdpexpect
from typing_extensions import Self

# A busy machine may take its time; nothing is waited for that long if all is well.
_SECONDS = 60

# What moves the cursor, clears lines and sets colours.
_ESCAPE = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[=>])")

_SHOWN = re.compile(rf"({_ESCAPE.pattern.replace('(', '(?:')})|(.)", re.DOTALL)

_COLUMNS = 80


class Session:
    """`openai-scan` at a terminal; a `with` block ends it.

    Args:
        arguments: The words after the program's name.
        environment: Variables to be set.

    Attributes:
        seen: All that it has shown by the end, escape sequences included.
    """

    seen = ""

    def __init__(self, *arguments: str, **environment: str) -> None:
        ours, theirs = pty.openpty()
        self._screen = fdpexpect.fdspawn(ours, encoding="utf-8", timeout=_SECONDS)
        plain = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        # A session's first terminal is the one that its Ctrl-C comes from. So the shell opens it.
        self._process = subprocess.Popen(
            [
                "/bin/sh",
                "-c",
                'exec "$0" "$@" <"$TTY" >"$TTY" 2>&1',
                sys.executable,
                "-m",
                "openai_scan",
                *arguments,
            ],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={
                **plain,
                "TERM": "xterm-256color",
                "COLUMNS": "80",
                "LINES": "24",
                **environment,
                "TTY": os.ttyname(theirs),
            },
        )
        os.close(theirs)  # so that its last one is closed when the command ends

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.kill()  # in case that it runs, as when a test has failed
        self._process.wait(_SECONDS)
        self._screen.close()

    def wait_for(self, text: str) -> None:
        """Wait until *text* is shown after what was waited for before."""
        self._screen.expect_exact(text)
        self.seen += self._screen.before + text

    def type(self, text: str) -> None:
        r"""Type *text*; `\\n` is the return key, `\\x03` Ctrl-C and `\\x04` Ctrl-D."""
        self._screen.send(text)

    def press_ctrl_c(self) -> None:
        """Press Ctrl-C as soon as the command waits for a key.

        Python notices one that comes between the prompt and this wait only at the next key.
        """
        status = Path(f"/proc/{self._process.pid}/stat")  # the state is after the name
        while status.exists() and not status.read_text().rpartition(")")[2].startswith(" S"):
            pass
        self.type("\x03")

    def end(self) -> int:
        """Wait until the command has ended, and return its exit status."""
        self._screen.expect(EOF)
        self.seen += self._screen.before
        return self._process.wait(_SECONDS)

    @property
    def screen(self) -> list[str]:
        """What is left on a screen of 80 columns in the end, without the empty lines below."""
        rows, row, column = [""], 0, 0
        for escape, character in _SHOWN.findall(self.seen):
            if escape == "\x1b[1A":
                row -= 1
            elif escape == "\x1b[2K":
                rows[row] = ""
            elif character == "\r":
                column = 0
            elif character == "\n" or (character and column == _COLUMNS):
                row, column = row + 1, 0
                rows += [""] * (row == len(rows))
            if character and character not in "\r\n":
                line = rows[row].ljust(column)
                rows[row] = line[:column] + character + line[column + 1 :]
                column += 1
        return [line.rstrip() for line in rows][: -1 if rows[-1] == "" else None]

    @property
    def lines(self) -> list[str]:
        """What was shown, line by line, without escape sequences and empty lines."""
        text = _ESCAPE.sub("", self.seen).replace("\r", "\n")
        return [line.rstrip() for line in text.splitlines() if line.strip()]
