"""The engines that the tests in this folder share."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from openai_scan.web.bundle import write_bundle
from openai_scan.web.serving import PageServer
from openai_scan.web.site import build_site
from web.browser import Browser
from web.chromium import Chromium
from web.firefox import Firefox
from web.node import HERE, PYODIDE, Engine

NODE = shutil.which("node", path=str(Path(sys.executable).parent))


@pytest.fixture(scope="session")
def pyodide() -> Path:
    """Return a folder with Pyodide whose modules are compiled, so that each engine starts faster.

    It is made once, and again when what compiles it has changed.
    """
    digest = hashlib.sha256((PYODIDE / "package.json").read_bytes())
    for name in ("compile.mjs", "compiling.py", "site.py"):
        digest.update(files("openai_scan.web").joinpath(name).read_bytes())
    kept = PYODIDE.parents[1] / f"pyodide-{digest.hexdigest()[:16]}"
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=kept.parent) as made:
            assert build_site(made, pyodide=str(PYODIDE), node=NODE)
            with contextlib.suppress(OSError):  # another process was faster
                (Path(made) / "pyodide").rename(kept)
    return kept


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the archive of what a page imports. It takes a second or two."""
    archive = tmp_path_factory.mktemp("web") / "bundle.zip"
    write_bundle(archive)
    return archive


@pytest.fixture(scope="session")
def engine(bundle: Path, pyodide: Path) -> Iterator[Engine]:
    """Start Node.js that can suspend Python."""
    with Engine(bundle, pyodide=pyodide) as started:
        yield started


@pytest.fixture(scope="session")
def old_engine(bundle: Path, pyodide: Path) -> Iterator[Engine]:
    """Start Node.js that cannot."""
    with Engine(bundle, jspi=False, pyodide=pyodide) as started:
        yield started


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Start the browser that `make firefox` or `.ci/run` asks for, which has to be there then."""
    asked = os.environ.get("OPENAI_SCAN_BROWSER")
    kind = Firefox if asked == "firefox" else Chromium
    if asked is None and not kind.command:
        pytest.skip("there is no Chromium here; `.ci/run` installs it")
    assert kind.command, f"there is no {asked} here"
    with kind(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="session")
def site_folder(tmp_path_factory: pytest.TempPathFactory, pyodide: Path) -> Path:
    """Build the site, with its modules compiled."""
    folder = tmp_path_factory.mktemp("site")
    assert build_site(folder, pyodide=str(pyodide), node=NODE)
    return folder


@pytest.fixture(scope="session")
def site(site_folder: Path) -> Iterator[PageServer]:
    """Serve the site, and beside its page one for scenarios."""
    folder = site_folder
    for name in ("engine.html", "scenarios.py"):
        shutil.copy(HERE / name, folder / name)
    with PageServer(str(folder), 0) as server:
        yield server
