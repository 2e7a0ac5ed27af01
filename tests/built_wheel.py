"""The wheel and the source distribution of the project, built as `pip wheel` and `build` do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from pages import ROOT

from openai_scan import __version__

# Folders and files that are made here and are never checked in.
_MADE = (
    *(".git", ".coverage*", ".hypothesis", ".venv*", ".*_cache", "__pycache__", "_build"),
    *("*.egg-info", "/build", "/dist", "/mutants"),
)

# What the wheel is made of.
_SOURCES = (
    *("LICENSE", "README.md", "openai_scan", "pyproject.toml"),
    *("scripts/long_description.py", "setup.cfg", "setup.py"),
)

# The backend changes its process, such as the current folder, so it has one of its own.
_BUILD = """
import sys
from setuptools import build_meta

getattr(build_meta, sys.argv[1])(sys.argv[2])
"""


def build_wheel(folder: Path, version: str = __version__) -> Path:
    """Build the wheel into *folder*, and return where it is. Nothing is downloaded.

    It is built from a copy: setuptools leaves modules in `build/lib`, and would put those into the
    wheel that have been removed since.

    Args:
        folder: Where to build it; it is made.
        version: The version that it gets. The copy has no repository to take one from.
    """
    source = folder / "source"
    for name in _SOURCES:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        _copy(ROOT / name, source / name)
    built = build("build_wheel", source, folder, version)
    shutil.rmtree(source)
    return built


def build_sdist(folder: Path, version: str = __version__) -> Path:
    """Build the source distribution into *folder*, likewise, and leave the copy in `source`.

    The copy has no repository, so MANIFEST.in alone decides what is in the distribution.
    """
    _copy(ROOT, folder / "source")
    return build("build_sdist", folder / "source", folder, version)


def build(hook: str, source: Path, folder: Path, version: str | None) -> Path:
    """Build what *hook* of the backend builds of *source* into *folder*, and return where it is.

    Args:
        hook: `build_wheel` or `build_sdist`.
        source: The project.
        folder: Where it goes.
        version: The version that it gets, or None for the one that setuptools-scm finds.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SETUPTOOLS_SCM_")}
    if version is not None:
        environment["SETUPTOOLS_SCM_PRETEND_VERSION_FOR_OPENAI_SCAN"] = version
    ran = subprocess.run(
        [sys.executable, "-c", _BUILD, hook, folder],
        cwd=source,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    (built,) = folder.glob("openai_scan-*.whl" if hook == "build_wheel" else "openai_scan-*.gz")
    return built


def _copy(source: Path, copy: Path) -> None:
    """Copy a file, or a folder without what is made in it."""
    if source.is_dir():
        shutil.copytree(source, copy, ignore=_ignored)
    else:
        shutil.copy(source, copy)


def _ignored(folder: str, names: list[str]) -> set[str]:
    """Return which of *names* in *folder* to leave out; a slash means the project's own folder."""
    here = [name.removeprefix("/") for name in _MADE if name[0] != "/" or Path(folder) == ROOT]
    return shutil.ignore_patterns(*here)(folder, names)
