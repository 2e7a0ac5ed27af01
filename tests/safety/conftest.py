"""What the tests of safety have in common."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

import pytest
from attrs import define, field

from openai_scan.cli import main
from openai_scan.testing import FakeServer


class Screen(io.TextIOWrapper):
    """A terminal that shows nothing and keeps what was written."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", newline="\n", write_through=True)

    def isatty(self) -> bool:
        """Say that it is a terminal."""
        return True

    @property
    def text(self) -> str:
        """All that was written."""
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode()


@define
class Terminal:
    """The two standard streams of a process at a terminal."""

    out: Screen = field(factory=Screen)
    err: Screen = field(factory=Screen)

    def run(self, *arguments: str) -> int:
        """Run a command, and return its exit status."""
        with self.attached():
            return main(arguments)

    @contextlib.contextmanager
    def attached(self) -> Iterator[None]:
        """Let what is printed go to the terminal."""
        with contextlib.redirect_stdout(self.out), contextlib.redirect_stderr(self.err):
            yield

    @property
    def text(self) -> str:
        """All that was written."""
        return self.out.text + self.err.text


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Return a terminal that has colours, at which commands can be run."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("LINES", "40")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    """Start a server that the environment points to."""
    monkeypatch.setenv("NO_PROXY", "*")
    with FakeServer(strict=False) as started:
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        monkeypatch.setenv("OPENAI_BASE_URL", started.base_url)
        monkeypatch.setenv("OPENAI_MODEL", "test-model")
        yield started
