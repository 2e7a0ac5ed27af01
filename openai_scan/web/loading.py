"""Load a module in pieces, so that the page lives on meanwhile.

It imports nothing of the package, which is what takes the time.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
import time
from typing import Any

# How long the page may stand still: shorter than anybody notices.
_SECONDS = 0.03

# Less would be no timer in Pyodide, and the timers of the page that are due would wait on.
_PAUSE = 0.004


def load(name: str) -> Any:
    """Return the module *name*. The page lives on while it is imported, with all that it imports.

    Where Python cannot be suspended (JSPI) the page stands still meanwhile.
    """
    finder = _PausingFinder()
    sys.meta_path.insert(0, finder)
    try:
        return importlib.import_module(name)
    finally:
        sys.meta_path.remove(finder)


class _PausingFinder:
    """Finds no module. It pauses when it is asked for one and the last pause is a while ago."""

    def __init__(self) -> None:
        self._ffi = importlib.import_module("pyodide.ffi")
        self._last = time.monotonic()

    def find_spec(self, *about: object) -> None:  # noqa: ARG002 - other finders look for it
        """Pause, if it is time, and leave the module to the finders that follow."""
        if time.monotonic() - self._last >= _SECONDS and self._ffi.can_run_sync():
            self._ffi.run_sync(asyncio.sleep(_PAUSE))
            self._last = time.monotonic()
