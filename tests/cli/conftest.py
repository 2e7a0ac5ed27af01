"""What the tests of the command line have in common."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from openai_scan.cli import main
from openai_scan.testing import FakeServer, Step, chat_answer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    """Start a server that the environment points to."""
    monkeypatch.setenv("NO_PROXY", "*")
    with FakeServer() as started:
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        monkeypatch.setenv("OPENAI_BASE_URL", started.base_url)
        monkeypatch.setenv("OPENAI_MODEL", "test-model")
        yield started


class Recorder:
    """Makes recordings of what a server says."""

    def __init__(
        self, server: FakeServer, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self._server, self._folder, self._capsys = server, folder, capsys

    def __call__(self, *steps: Step, name: str = "answer.jsonl") -> str:
        """Return the path of a recording of *steps*, or of an answer that says "Hi there"."""
        file = str(self._folder / name)
        self._server.add(steps or chat_answer("Hi there", usage=True))
        main(["record", "--quiet", file, "Hello"])
        self._capsys.readouterr()
        return file


@pytest.fixture
def recording(server: FakeServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Recorder:
    """Return what makes recordings."""
    return Recorder(server, tmp_path, capsys)
