"""The pages of the documentation and their blocks of code, for the tests and for type checkers.

`python tests/pages.py FOLDER` writes the `python` blocks of each page into a file of FOLDER, at the
lines that they have in the page, so that what a type checker reports can be found there.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).parents[1]
PAGES = [
    page
    for page in (ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")))
    if page.exists() and "_build" not in page.parts
]

_FENCE = re.compile(r"^(`{3,})([^\n`]*)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)


@frozen
class Block:
    """A block of a page that is code.

    Attributes:
        language: What follows the backticks.
        code: The block itself.
        line: Where the page has its first line.
        output: The block of text that follows with nothing in between, or None.
    """

    language: str
    code: str
    line: int
    output: str | None


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of *page*, in order."""
    text = page.read_text("utf-8")
    fences = list(_FENCE.finditer(text))
    blocks = []
    for fence, following in itertools.zip_longest(fences, fences[1:]):
        output = None
        if following is not None and following[2] == "text":
            between = text[fence.end() : following.start()]
            output = None if between.strip() else following[3]
        line = text.count("\n", 0, fence.start(3)) + 1
        blocks.append(Block(fence[2], fence[3], line, output))
    return blocks


def programs() -> Iterator[tuple[str, str]]:
    """Yield the name of a file for each page with `python` blocks, and all of these blocks."""
    for page in PAGES:
        # A page may use a name for one thing after another, as one does at a prompt.
        lines = ["# mypy: allow-redefinition"]
        for block in blocks_of(page):
            if block.language == "python":
                lines += [""] * (block.line - 1 - len(lines)) + block.code.splitlines()
        if len(lines) > 1:
            words = page.relative_to(ROOT).with_suffix("").parts
            yield "_".join(words).replace("-", "_") + ".py", "\n".join(lines) + "\n"


def write_programs(folder: Path) -> None:
    """Write them into *folder*, and remove what is there of pages that have gone."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.py"):
        file.unlink()
    for name, text in programs():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_programs(Path(sys.argv[1]))
