"""What the checks share: the wheels, and a server for what is sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from openai_scan.testing import FakeServer
from web.hosts.sites import write_wheels


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheel of this project and those that it is installed with."""
    folder = tmp_path_factory.mktemp("wheels")
    write_wheels(folder)
    return folder


@pytest.fixture
def api() -> Iterator[FakeServer]:
    """Start a server that takes what pages send."""
    with FakeServer(pages="*") as server:
        yield server
