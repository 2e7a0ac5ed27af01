"""The wheel: it has every file of the package, and says what the package needs on each system."""

from __future__ import annotations

import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
from built_wheel import build_wheel
from packaging.requirements import Requirement

import openai_scan

PACKAGE = Path(openai_scan.__path__[0])
SENDERS = {"requests", "urllib3"}
NEEDED = {"attrs", "cattrs", "typing_extensions"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def test_it_runs_on_every_system(wheel: Path) -> None:
    """Its name says so: it has no compiled code, so Pyodide can install it as well."""
    assert wheel.name == f"openai_scan-{openai_scan.__version__}-py3-none-any.whl"


def test_it_has_every_file_of_the_package(wheel: Path) -> None:
    """It has the code, the types, the recorded answer and the web page."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if name.startswith("openai_scan/")}
    files = (file for file in PACKAGE.rglob("*") if file.is_file())
    assert names == {
        f"openai_scan/{file.relative_to(PACKAGE).as_posix()}"
        for file in files
        if "__pycache__" not in file.parts
    }
    assert {"openai_scan/py.typed", "openai_scan/web/page/index.html"} <= names


@pytest.mark.parametrize(
    ("system", "needed"), [("emscripten", NEEDED), ("linux", NEEDED | SENDERS)]
)
def test_pyodide_needs_no_network_library(wheel: Path, system: str, needed: set[str]) -> None:
    """There `fetch` sends the requests."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        metadata = message_from_bytes(archive.read(name))
    requirements = map(Requirement, metadata.get_all("Requires-Dist", []))
    environment = {"sys_platform": system, "extra": ""}
    assert needed == {
        one.name for one in requirements if one.marker is None or one.marker.evaluate(environment)
    }
