"""Run tests on every Python that the package supports and that this machine has: `make pythons`.

It looks in `PYTHONS`, a list of paths to interpreters separated by colons, then on the path, then
among those of pyenv and uv. Each Python gets an environment of its own in `.venv-pythons/`. At the
end a table says which Pythons passed, failed or are missing; a missing one is not a failure.
"""

from __future__ import annotations

import argparse
import configparser
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]

_ASK = "import platform, sys; print(platform.python_version(), sys.executable)"

# Where tools that manage several Pythons keep them.
_FOLDERS = (
    "~/.pyenv/versions/*/bin",
    "~/.local/share/uv/python/*/bin",
    "/opt/python*/bin",
    "/usr/local/bin",
)


def supported() -> list[str]:
    """Return the versions that the classifiers of setup.cfg name, such as `"3.10"`, in order."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", "utf-8")
    return re.findall(r"(?m)Python :: (3\.\d+)$", config["metadata"]["classifiers"])


def candidates(version: str) -> Iterator[Path]:
    """Yield where a Python of *version* may be, in the order in which to try them."""
    name = f"python{version}"
    for path in os.environ.get("PYTHONS", "").split(os.pathsep):
        if path:
            yield Path(path)
    if found := shutil.which(name):
        yield Path(found)
    for pattern in _FOLDERS:
        folder = Path(pattern).expanduser()
        parts = folder.relative_to(folder.anchor)
        for place in sorted(Path(folder.anchor).glob(str(parts)), reverse=True):
            yield place / name


def find(version: str) -> tuple[str, str] | None:
    """Return the full version and the path of a Python that runs, or None."""
    for path in candidates(version):
        try:
            ran = subprocess.run(  # noqa: S603 - it is an interpreter
                [path, "-c", _ASK], capture_output=True, text=True, check=True
            )
        except (OSError, subprocess.CalledProcessError):  # also a shim without a Python behind it
            continue
        full, executable = ran.stdout.strip().split(" ", 1)
        if full.startswith(f"{version}."):
            return full, executable
    return None


def run(version: str, python: str, arguments: Sequence[str]) -> str:
    """Install the tests for one Python, run them, and return what became of them."""
    folder = Path(".venv-pythons") / version
    environment = {**os.environ, "PYTHON": python}
    installed = subprocess.run(  # noqa: S603 - a script of ours
        [".ci/install", folder, "--editable", ".[test]"], cwd=ROOT, env=environment, check=False
    )
    if installed.returncode != 0:
        return "not installed"
    command: list[str | Path] = [folder / "bin/python", "-m", "pytest", *arguments]
    environment["OPENAI_SCAN_WIRES"] = "blocking"
    ran = subprocess.run(  # noqa: S603 - pytest
        command, cwd=ROOT, env=environment, check=False
    )
    return "passed" if ran.returncode == 0 else "failed"


def main(arguments: Sequence[str]) -> int:
    """Run the tests on each, and return 1 if they failed on one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", metavar="VERSION", help="such as 3.10; all by default")
    parser.add_argument("pytest", nargs="*", help="arguments of pytest, after --")
    given = parser.parse_args(arguments)
    results = []
    for version in given.only or supported():
        found = find(version)
        if found is None:
            results.append((version, "missing", ""))
            continue
        full, python = found
        print(f"Python {full}: {python}", flush=True)
        results.append((full, run(version, python, given.pytest), python))
    print()
    for result in results:
        print("{:<10} {:<14} {}".format(*result).rstrip())
    return any(outcome in {"failed", "not installed"} for _, outcome, _ in results)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
