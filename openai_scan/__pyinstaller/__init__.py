"""Tell PyInstaller what a program that uses this package needs.

PyInstaller finds the modules that a program imports by reading its code. It does not see modules
that are looked up by name: public names, event families and the commands of the command line. It
does not see data either. The hooks in this folder list both; the entry point `pyinstaller40` names
them.
"""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]

_COMMAND_LINE = ("__main__", "cli")

# These need an extra, which most programs do not use even if it is installed. If a program imports
# one of them, PyInstaller finds it and its imports by itself.
_WITH_EXTRAS = (*_COMMAND_LINE, "pytest_plugin", "telemetry")

_CODE = {".py", ".pyi", ".pyc", ".typed"}


def hook_directories() -> list[str]:
    """Return the folders with hooks."""
    return [os.fspath(Path(__file__).parent)]


def modules() -> list[str]:
    """Return the modules of the package that need no extra, in order."""
    return [".".join(names) for names in _modules() if names[1:2] not in _parts(_WITH_EXTRAS)]


def command_line_modules() -> list[str]:
    """Return the modules that only the command line needs, in order."""
    return [".".join(names) for names in _modules() if names[1:2] in _parts(_COMMAND_LINE)]


def data_files() -> list[tuple[str, str]]:
    """Return the files that are not code, each with its destination folder."""
    return [
        (os.fspath(path), os.fspath(path.parent.relative_to(_PACKAGE.parent)))
        for path in sorted(_PACKAGE.rglob("*"))
        if path.is_file() and path.suffix not in _CODE
    ]


def _modules() -> list[tuple[str, ...]]:
    """Return all modules except those of this folder, each as the parts of its name, in order."""
    here = Path(__file__).parent
    found = set()
    for path in _PACKAGE.rglob("*.py"):
        if path.parent != here:
            place = path.relative_to(_PACKAGE.parent).with_suffix("")
            found.add(place.parent.parts if place.name == "__init__" else place.parts)
    return sorted(found)


def _parts(names: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [(name,) for name in names]
