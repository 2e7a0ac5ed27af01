"""Loading a module in pieces, outside a browser."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from openai_scan.web import loading


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[bool]:
    """Fake an engine that can suspend Python, with modules to load; return its pauses."""
    noted: list[bool] = []

    def run_sync(coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run(coroutine)
        noted.append(True)

    ffi = SimpleNamespace(can_run_sync=lambda: True, run_sync=run_sync)
    monkeypatch.setitem(sys.modules, "pyodide", SimpleNamespace(ffi=ffi))
    monkeypatch.setitem(sys.modules, "pyodide.ffi", ffi)
    for name, code in (("piece_a", "import piece_b, sys"), ("piece_b", "x = 1")):
        (tmp_path / f"{name}.py").write_text(code, "utf-8")
        # They are loaded again in each test.
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    return noted


@pytest.mark.parametrize(("seconds", "count"), [(0.0, 2), (60.0, 0)])
def test_it_pauses_before_a_module_if_it_is_time(
    pauses: list[bool], monkeypatch: pytest.MonkeyPatch, seconds: float, count: int
) -> None:
    """If the last pause was long ago, it pauses, but not for a module that is already loaded."""
    monkeypatch.setattr(loading, "_SECONDS", seconds)
    finders = list(sys.meta_path)
    assert loading.load("piece_a").piece_b.x == 1
    assert len(pauses) == count
    assert sys.meta_path == finders


def test_it_does_not_pause_where_python_cannot_be_suspended(
    pauses: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The module is loaded in one piece."""
    monkeypatch.setattr(loading, "_SECONDS", 0.0)
    monkeypatch.setattr(sys.modules["pyodide.ffi"], "can_run_sync", lambda: False)
    assert loading.load("piece_a").__name__ == "piece_a"
    assert pauses == []


def test_a_module_that_is_missing_is_an_error(pauses: list[bool]) -> None:
    """It is a ModuleNotFoundError, and the import hook is removed."""
    finders = list(sys.meta_path)
    with pytest.raises(ModuleNotFoundError, match="piece_c"):
        loading.load("piece_c")
    assert sys.meta_path == finders
