"""What `make test` draws with hypothesis is the same in every run."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.unmeasured


def drawn() -> list[tuple[bytes, str, int]]:
    """Return the examples of one test."""
    examples = []

    @settings(settings.get_profile("fixed"), max_examples=300)
    @given(st.binary(max_size=8), st.text(max_size=8), st.integers())
    def test(data: bytes, text: str, number: int) -> None:
        examples.append((data, text, number))

    test()
    return examples


def test_examples_do_not_depend_on_what_ran_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are the same after a module was loaded whose constants hypothesis could draw."""
    before = drawn()
    assert len(before) == 300
    (tmp_path / "rarities.py").write_text("TEXT, DATA, NUMBER = 'rarity', b'rarity', 918273645\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("rarities")
    try:
        assert drawn() == before
    finally:
        del sys.modules["rarities"]
