"""The hook tells PyInstaller everything that it cannot find."""

from __future__ import annotations

import importlib
import pkgutil
import runpy
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

import openai_scan
from openai_scan.cli.program import COMMANDS

PACKAGE = Path(openai_scan.__file__).parent

# They are not loaded by name: a program imports them, and PyInstaller sees it.
IMPORTED = {"openai_scan.pytest_plugin", "openai_scan.telemetry"}


def hook(module: str) -> dict[str, Any]:
    """Return what the hook for *module* says, as PyInstaller finds and runs it."""
    found = entry_points(group="pyinstaller40", name="hook-dirs")
    (ours,) = (one for one in found if one.module.startswith("openai_scan."))
    (folder,) = ours.load()()
    return runpy.run_path(str(Path(folder, f"hook-{module}.py")))


def every_module() -> set[str]:
    """Return the names of all modules of the package but the hooks."""
    found = pkgutil.walk_packages([str(PACKAGE)], "openai_scan.")
    return {"openai_scan", *(one.name for one in found if "__pyinstaller" not in one.name)}


def test_every_module_is_in_a_program() -> None:
    """Modules of the command line are included only if a program imports it.

    They need more libraries.
    """
    library = hook("openai_scan")["hiddenimports"]
    command_line = hook("openai_scan.cli")["hiddenimports"]
    assert {*library, *command_line, *IMPORTED} == every_module()
    assert len(library) + len(command_line) + len(IMPORTED) == len(every_module())
    assert not [name for name in library if f"{name}.".startswith("openai_scan.cli.")]


def test_what_is_loaded_by_name_is_among_them() -> None:
    """The hooks list the modules of the public names, and the commands."""
    library = set(hook("openai_scan")["hiddenimports"])
    for module in {*vars(openai_scan)["_MODULES"].values(), "errors", "events", "sse"}:
        assert f"openai_scan.{module}" in library
    for name in COMMANDS:
        assert f"openai_scan.cli.{name}" in hook("openai_scan.cli")["hiddenimports"]


@pytest.mark.parametrize("name", ["openai_scan", "openai_scan.cli"])
def test_what_is_listed_can_be_imported(name: str) -> None:
    """A name that leads nowhere would be a warning in every build."""
    for module in hook(name)["hiddenimports"]:
        if module != "openai_scan.__main__":  # which runs the program
            importlib.import_module(module)


def test_every_data_file_is_in_a_program() -> None:
    """Each data file is in the folder where the package looks for it."""
    code = {".py", ".pyi", ".pyc", ".typed"}
    data = [path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in code]
    assert PACKAGE / "demo/assistants.jsonl" in data
    assert sorted(hook("openai_scan")["datas"]) == sorted(
        (str(path), str(path.parent.relative_to(PACKAGE.parent))) for path in data
    )
