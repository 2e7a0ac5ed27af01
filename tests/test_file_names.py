"""The project can be checked out and installed on any disk."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# What is made here, and is never checked in.
MADE = {"__pycache__", "_build", "build", "node_modules"}

RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)


def paths_in(folder: Path) -> Iterator[Path]:
    """Yield all files and folders in *folder*, at any depth."""
    for path in folder.iterdir():
        if path.name not in MADE and not (path.name.startswith(".") and path.is_dir()):
            yield path
            if path.is_dir():
                yield from paths_in(path)


@pytest.mark.parametrize("folder", ["docs", "fuzz", "openai_scan", "scripts", "tests"])
def test_no_disk_takes_two_files_for_one(folder: str) -> None:
    """No two names are equal without case or after normalization, and Windows allows each."""
    paths = [str(path.relative_to(ROOT)) for path in paths_in(ROOT / folder)]
    assert paths
    counted = Counter(unicodedata.normalize("NFD", path).casefold() for path in paths)
    assert [path for path, times in counted.items() if times > 1] == []
    for path in paths:
        assert len(path) < 150
        for name in Path(path).parts:
            assert not RESERVED.match(name)
            assert not re.search(r'[<>:"\\|?*\x00-\x1f]|[. ]$', name)
