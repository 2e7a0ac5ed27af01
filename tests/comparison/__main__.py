"""`python -m comparison` plays all scenes with all libraries, and writes page and README."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from comparison import picture
from comparison.scenes import play
from comparison.table import ROWS, Cell, details, fill, table

_ROOT = Path(__file__).parents[2]
_PAGE = _ROOT / "docs" / "explanation" / "comparison.md"
_README = _ROOT / "README.md"


def main() -> None:
    """Play them, print the table, and write it into both."""
    cells: dict[tuple[str, str], Cell] = {}
    for scene, row in ROWS.items():
        sys.stderr.write(f"{row}\n")
        cells |= {(scene, library): cell for library, cell in play(scene).items()}
    parts = {"table": table(cells), "details": details(cells), "facts": _facts()}
    sys.stdout.write(parts["facts"] + parts["details"])
    for path in (_PAGE, _README):
        path.write_text(fill(path.read_text("utf-8"), parts), "utf-8")
    picture.draw(_PAGE.read_text("utf-8"))


def _facts() -> str:
    """Return what was tried, and when."""
    names = ("openai_scan", "openai", "httpx", "httpx-sse", "litellm")
    versions = {name: metadata.version(name) for name in names}
    for name in ("ai", "@ai-sdk/openai"):
        package = Path(os.environ["COMPARISON_NODE"], "node_modules", name, "package.json")
        versions[f"{name} (npm)"] = json.loads(package.read_text("utf-8"))["version"]
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    versions["Node.js"] = node.stdout.strip().removeprefix("v")
    versions["Python"] = platform.python_version()
    shown = ", ".join(f"{name} {version}" for name, version in versions.items())
    today = dt.datetime.now(dt.timezone.utc).date()
    return f"On {today.isoformat()}, with {shown}.\n"


if __name__ == "__main__":
    main()
