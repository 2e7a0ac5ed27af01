"""The source distribution: it has everything, and its tests run where it is unpacked."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from built_wheel import build, build_sdist
from pages import ROOT

from openai_scan import __version__

pytestmark = pytest.mark.unmeasured

# The build adds these.
ADDED = {"PKG-INFO", "openai_scan/_built.py"}

IN_GIT = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no git checkout")


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it, unpack it, and return the folder that was in it."""
    folder = tmp_path_factory.mktemp("sdist")
    sdist = build_sdist(folder)
    assert sdist.name == f"openai_scan-{__version__}.tar.gz"
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (root,) = (folder / "unpacked").iterdir()
    return root


def files_in(folder: Path) -> set[str]:
    """Return the files of *folder*, without the records of setuptools."""
    files = (file for file in folder.rglob("*") if file.is_file())
    names = {file.relative_to(folder).as_posix() for file in files}
    return {name for name in names if not name.startswith("openai_scan.egg-info/")}


@IN_GIT
def test_it_has_every_file_of_the_repository(unpacked: Path) -> None:
    """Tests, documents, fuzzers, scripts and the Makefile included."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    listed = ran.stdout.decode().rstrip("\0").split("\0")
    expected = {name for name in listed if (ROOT / name).is_file()}
    assert files_in(unpacked) - ADDED == expected - ADDED


def test_its_tests_run_where_it_is_unpacked(unpacked: Path) -> None:
    """They read the package beside them. `make unpacked` runs as many as `make quick` does."""
    hidden = ("COV", "PYTEST_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}

    def run(*arguments: str) -> str:
        ran = subprocess.run(
            [sys.executable, *arguments],
            cwd=unpacked,
            env=environment | {"PYTHONPATH": str(unpacked)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
        return ran.stdout

    place = Path(run("-c", "import openai_scan; print(openai_scan.__file__)").strip())
    assert place == unpacked / "openai_scan/__init__.py"
    run("-m", "pytest", "-p", "no:cacheprovider", "tests/test_recordings.py")


def test_a_wheel_of_it_has_its_version(unpacked: Path, tmp_path: Path) -> None:
    """Without git, the version comes from PKG-INFO."""
    wheel = build("build_wheel", unpacked, tmp_path, version=None)
    assert wheel.name == f"openai_scan-{__version__}-py3-none-any.whl"
