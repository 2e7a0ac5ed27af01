"""Stop a terminal from showing what is typed while an answer is drawn on it.

A drawn answer is overwritten from where the cursor is. Anything that the terminal itself shows,
such as the `^C` of Ctrl-C, moves the cursor, and lines would then be drawn twice.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

_termios: ModuleType | None
try:
    import termios as _termios
except ImportError:  # on Windows, where the console shows nothing by itself
    _termios = None

_LOCAL_FLAGS = 3  # their place in what tcgetattr() returns


@contextlib.contextmanager
def without_echo() -> Iterator[None]:
    """Turn the echo of the terminal on standard input off for the block, if there is one.

    What is typed meanwhile is not lost: whatever reads the terminal next gets it.
    """
    before = _settings()
    if before is None or _termios is None:
        yield
        return
    silent = [*before]
    silent[_LOCAL_FLAGS] &= ~_termios.ECHO
    _apply(silent)
    try:
        yield
    finally:
        _apply(before)


def forget_typed() -> None:
    """Drop what has been typed at the terminal on standard input and not been read."""
    if _termios is not None and _is_ours():
        with contextlib.suppress(_termios.error):
            _termios.tcflush(sys.stdin.fileno(), _termios.TCIFLUSH)


def _settings() -> list[Any] | None:
    """Return the settings of the terminal; None if there is no terminal to be set."""
    if _termios is None or not _is_ours():
        return None
    try:
        settings: list[Any] = _termios.tcgetattr(sys.stdin.fileno())
    except _termios.error:
        return None
    return settings


def _is_ours() -> bool:
    """Return whether this process may change the terminal: it would stop in the background."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):  # no terminal, or no file at all
        return False


def _apply(settings: list[Any]) -> None:
    """Set the terminal, unless it is gone or another process has it by now."""
    if _termios is not None and _is_ours():
        with contextlib.suppress(_termios.error):
            _termios.tcsetattr(sys.stdin.fileno(), _termios.TCSADRAIN, settings)
