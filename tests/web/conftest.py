"""The engines that the tests in this folder share."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from openai_scan.web.bundle import write_bundle
from openai_scan.web.serving import PageServer
from openai_scan.web.site import build_site
from web import chromium
from web.chromium import Chromium
from web.node import HERE, PYODIDE, Engine


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the archive of what a page imports. It takes a second or two."""
    archive = tmp_path_factory.mktemp("web") / "bundle.zip"
    write_bundle(archive)
    return archive


@pytest.fixture(scope="session")
def engine(bundle: Path) -> Iterator[Engine]:
    """Start Node.js that can suspend Python."""
    with Engine(bundle) as started:
        yield started


@pytest.fixture(scope="session")
def old_engine(bundle: Path) -> Iterator[Engine]:
    """Start Node.js that cannot."""
    with Engine(bundle, jspi=False) as started:
        yield started


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """Start Chromium. Where it has to be, as in `.ci/run`, it is no reason to skip."""
    if not chromium.COMMAND and "OPENAI_SCAN_CHROMIUM" not in os.environ:
        pytest.skip("there is no Chromium here; `.ci/run` installs it")
    with Chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="session")
def site_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site, with its modules compiled."""
    folder = tmp_path_factory.mktemp("site")
    node = shutil.which("node", path=str(Path(sys.executable).parent))
    assert build_site(folder, pyodide=str(PYODIDE), node=node)
    return folder


@pytest.fixture(scope="session")
def site(site_folder: Path) -> Iterator[PageServer]:
    """Serve the site, and beside its page one for scenarios."""
    folder = site_folder
    for name in ("engine.html", "scenarios.py"):
        shutil.copy(HERE / name, folder / name)
    with PageServer(str(folder), 0) as server:
        yield server
