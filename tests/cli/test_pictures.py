"""The pictures in the documentation show what the commands print."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def words_of(svg: str) -> list[str]:
    """Return the texts of a picture; how they are drawn depends on the version of rich."""
    texts: list[str] = re.findall(r">([^<]+)</text>", svg)
    return [re.sub("[━─]+", "a rule", text) for text in texts]


def test_the_script_draws_what_the_documents_show() -> None:
    """If this fails, draw the pictures again with `scripts/draw_pictures.py`."""
    spec = importlib.util.spec_from_file_location(
        "draw_pictures", ROOT / "scripts/draw_pictures.py"
    )
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    for name, svg in script.pictures().items():
        shown = (ROOT / f"docs/pictures/{name}.svg").read_text("utf-8")
        assert words_of(svg) == words_of(shown), name
        assert len(words_of(svg)) > 10
