"""Make recordings for the tests of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import frozen

from openai_scan.cli import main
from openai_scan.testing import FakeServer, Step, chat_answer


@frozen
class Recorder:
    """Makes recordings of what a server says, and keeps silent about it."""

    server: FakeServer
    folder: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *steps: Step, name: str = "answer.jsonl") -> str:
        """Return the path of a recording of *steps*, or of an answer that says "Hi there"."""
        file = str(self.folder / name)
        self.server.add(steps or chat_answer("Hi there", usage=True))
        main(["record", "--quiet", file, "Hello"])
        self.capsys.readouterr()
        return file
