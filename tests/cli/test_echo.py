"""While the program draws on a terminal, the terminal does not show what is typed."""

from __future__ import annotations

import importlib
import os
import pty
import sys
import termios
from collections.abc import Iterator

import pytest

from openai_scan.cli import echo
from openai_scan.cli.echo import without_echo


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Make standard input a terminal of this process."""
    theirs, ours = pty.openpty()
    with os.fdopen(theirs, "rb", buffering=0), os.fdopen(ours, encoding="utf-8") as file:
        monkeypatch.setattr(sys, "stdin", file)
        monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp())
        yield ours


def has_echo(terminal: int) -> bool:
    """Return whether the terminal shows what is typed."""
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


def test_the_echo_is_off_in_the_block(terminal: int) -> None:
    """It is on again after the block, even if an exception ends it."""
    assert has_echo(terminal)
    seen = []

    def draw() -> None:
        with without_echo():
            seen.append(has_echo(terminal))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw()
    assert seen == [False]
    assert has_echo(terminal)


def test_a_terminal_that_another_process_has_is_left_alone(
    terminal: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A background process that changed the terminal's settings would be stopped."""
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp() + 1)
    with without_echo():
        assert has_echo(terminal)


def test_a_terminal_that_another_process_gets_is_left_alone(
    terminal: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After Ctrl-Z, for example, the terminal's settings are the shell's."""
    with without_echo():
        monkeypatch.setattr(echo, "_is_ours", lambda: False)
    assert not has_echo(terminal)


def test_there_may_be_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input may be a pipe, or closed."""
    reader, writer = os.pipe()
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stdin", pipe)
        with without_echo():
            pass
    with without_echo():  # the file is closed now
        pass


def test_what_is_no_terminal_has_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input without terminal settings is left alone, even if the process owns it."""
    reader, writer = os.pipe()
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stdin", pipe)
        monkeypatch.setattr(echo, "_is_ours", lambda: True)
        with without_echo():
            pass


def test_windows_has_no_such_settings(terminal: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the module `termios`, nothing is changed."""
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "termios", None)
        module = importlib.reload(echo)
        with module.without_echo():
            assert has_echo(terminal)
    importlib.reload(echo)
    with echo.without_echo():
        assert not has_echo(terminal)


def test_only_what_was_typed_at_a_terminal_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe keeps what is in it."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as pipe:
        os.write(writing, b"kept\n")
        os.close(writing)
        monkeypatch.setattr(sys, "stdin", pipe)
        echo.forget_typed()
        assert pipe.read() == "kept\n"
