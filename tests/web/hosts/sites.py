"""What the hosts are made of: folders that a browser or a Worker loads everything from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from built_wheel import build_wheel
from pages import ROOT

from web.hosts.recipes import VERSION

NODE_MODULES = ROOT / "build/hosts/node_modules"
COMMANDS = ROOT / ".venv-hosts/bin"

# Of other people, as wheels.txt lists them.
_WHEELS = ROOT / "build/hosts/wheels"

_PYODIDE = NODE_MODULES / "pyodide"

# What a page loads of Pyodide.
CORE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")


def write_wheels(folder: Path) -> None:
    """Write the wheel of this project into *folder*, and those that are installed with it."""
    build_wheel(folder, VERSION)
    for wheel in _WHEELS.glob("*.whl"):
        shutil.copy(wheel, folder)


def write_pyodide(folder: Path) -> None:
    """Write Pyodide into *folder*, with micropip as its only package.

    The npm package lists the packages of the complete distribution and has none of them. The
    micropip of PyPI has the same files as theirs, in another archive.
    """
    folder.mkdir(parents=True)
    for name in CORE:
        shutil.copy(_PYODIDE / name, folder)
    lock = json.loads((_PYODIDE / "pyodide-lock.json").read_text("utf-8"))
    entry = lock["packages"]["micropip"]
    wheel = _WHEELS / entry["file_name"]
    shutil.copy(wheel, folder)
    entry["sha256"] = sha256(wheel.read_bytes()).hexdigest()
    lock["packages"] = {"micropip": entry}
    (folder / "pyodide-lock.json").write_text(json.dumps(lock), "utf-8")


def write_index(folder: Path, wheels: Iterable[Path]) -> None:
    """Write an index of packages into *folder*, as PyPI has one, with these wheels."""
    for wheel in wheels:
        place = folder / wheel.name.partition("-")[0].replace("_", "-")
        place.mkdir(parents=True)
        shutil.copy(wheel, place)
        (place / "index.html").write_text(
            f'<!doctype html><meta charset="utf-8"><a href="{wheel.name}">{wheel.name}</a>', "utf-8"
        )
