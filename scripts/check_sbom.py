"""Check a software bill of materials (SBOM): it lists what the package needs, and nothing else.

`make sbom` writes it from an environment that has the wheel and its dependencies only. This script
follows the requirements of the installed distributions and compares what it finds with the file:

    python scripts/check_sbom.py dist/openai_scan-1.2.3.cdx.json .venv-sbom

Without the folder of that environment as a second argument, it looks in its own.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

NAME = "openai-scan"


def main(arguments: Sequence[str]) -> int:
    """Compare, say what is wrong, and return how many things are."""
    file, *places = arguments
    found = {normal(one.name): one for one in _distributions(places)}
    expected = {(name, found[name].version) for name in needed(NAME, found)}
    text = Path(file).read_text("utf-8")
    listed = set(components(json.loads(text)))
    for name, version in sorted(expected - listed):
        print(f"{file}: {name} {version} is needed and not listed")
    for name, version in sorted(listed - expected):
        print(f"{file}: {name} {version} is listed and not needed")
    is_local = "file:/" in text
    if is_local:
        print(f"{file}: it names a folder of the machine that built it")
    problems = len(expected ^ listed) + is_local
    if not problems:
        print(f"{file}: {len(listed)} packages, all of which {NAME} needs")
    return problems


def needed(name: str, found: dict[str, Distribution]) -> set[str]:
    """Return *name* and what it needs on this system, without extras, at any depth."""
    names: set[str] = set()
    pending = [name]
    while pending:
        name = pending.pop()
        if name not in names:
            names.add(name)
            requirements = map(Requirement, found[name].requires or ())
            pending += [
                normal(one.name)
                for one in requirements
                if one.marker is None or one.marker.evaluate({"extra": ""})
            ]
    return names


def components(bill: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name and the version of each component of a CycloneDX document."""
    if bill.get("bomFormat") != "CycloneDX":
        raise SystemExit("this is no CycloneDX document")
    for one in bill.get("components", []):
        yield normal(one["name"]), one["version"]


def normal(name: str) -> str:
    """Return *name* as package indexes compare names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _distributions(places: Sequence[str]) -> Iterator[Distribution]:
    """Yield what is installed in the folders of environments, or else in this one."""
    if not places:
        yield from distributions()
    for place in places:
        paths = [str(path) for path in Path(place).glob("lib/python*/site-packages")]
        yield from distributions(path=paths)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
