"""What the tests of the command line have in common."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from recorder import Recorder

from openai_scan.testing import FakeServer


@pytest.fixture(autouse=True, scope="session")
def ctrl_c() -> Iterator[None]:
    """Let what the tests start obey Ctrl-C, which the background jobs of a shell do not inherit."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a log, keys and templates of its own."""
    folder = tmp_path / "home"
    monkeypatch.setenv("OPENAI_SCAN_HOME", str(folder))
    return folder


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    """Start a server that the environment points to."""
    monkeypatch.setenv("NO_PROXY", "*")
    with FakeServer() as started:
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        monkeypatch.setenv("OPENAI_BASE_URL", started.base_url)
        monkeypatch.setenv("OPENAI_MODEL", "test-model")
        yield started


@pytest.fixture
def recording(server: FakeServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Recorder:
    """Return what makes recordings, of any API's answers to the same request."""
    server.strict = False
    return Recorder(server, tmp_path, capsys)
