"""The recipes of the how-to page that the checks run."""

from __future__ import annotations

from pages import ROOT, blocks_of

PAGE = ROOT / "docs/how-to/pyscript-jupyterlite-workers.md"

# The version of this project that the page has in the names of wheels.
VERSION = "0.1.0"


def recipe(title: str, language: str) -> str:
    """Return the block of *language* in the section that is called *title*: it has one."""
    lines = PAGE.read_text("utf-8").splitlines()
    begins = [number for number, line in enumerate(lines, 1) if line.startswith("## ")]
    begin = lines.index(f"## {title}") + 1
    end = min((one for one in begins if one > begin), default=len(lines))
    blocks = [block for block in blocks_of(PAGE) if begin < block.line < end]
    (code,) = (block.code for block in blocks if block.language == language)
    return code
