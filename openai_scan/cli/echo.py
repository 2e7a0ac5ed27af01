"""Stop a terminal from showing what is typed while an answer is drawn on it.

A drawn answer is overwritten from where the cursor is. Anything that the terminal itself shows,
such as the `^C` of Ctrl-C, moves the cursor, and lines would then be drawn twice.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

_LOCAL_FLAGS = 3  # their place in what tcgetattr() returns


@contextlib.contextmanager
def without_echo() -> Iterator[None]:
    """Turn the echo of the terminal on standard input off for the block, if there is one.

    What is typed meanwhile is not lost: whatever reads the terminal next gets it.
    """
    try:
        termios = importlib.import_module("termios")
    except ImportError:  # on Windows, where the console shows nothing by itself
        yield
        return
    if not _is_ours():
        yield
        return
    before: list[Any] = termios.tcgetattr(sys.stdin.fileno())
    silent = [*before]
    silent[_LOCAL_FLAGS] &= ~termios.ECHO
    _apply(termios, silent)
    try:
        yield
    finally:
        _apply(termios, before)


def _is_ours() -> bool:
    """Return whether standard input is a terminal that this process may change.

    A process in the background would be stopped.
    """
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):  # no terminal, or no file at all
        return False


def _apply(termios: ModuleType, settings: list[Any]) -> None:
    """Set the terminal, unless it is gone or another process has it by now."""
    if _is_ours():
        termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, settings)
