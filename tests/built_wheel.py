"""The wheel of the project, built as `pip wheel --no-deps .` builds it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from pages import ROOT

_SOURCES = ("LICENSE", "README.md", "openai_scan", "pyproject.toml", "setup.cfg")

# The backend changes its process, such as the current folder, so it has one of its own.
_BUILD = """
import sys
from setuptools import build_meta

build_meta.build_wheel(sys.argv[1])
"""


def build_wheel(folder: Path) -> Path:
    """Build the wheel into *folder*, and return where it is. Nothing is downloaded.

    It is built from a copy: setuptools leaves modules in `build/lib`, and would put those into the
    wheel that have been removed since.
    """
    source = folder / "source"
    source.mkdir(parents=True)
    for name in _SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, source / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, source / name)
    ran = subprocess.run(
        [sys.executable, "-c", _BUILD, folder],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    shutil.rmtree(source)
    (wheel,) = folder.glob("openai_scan-*.whl")
    return wheel
