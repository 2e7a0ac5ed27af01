"""Import a module in pieces, so that the page stays responsive.

It imports nothing from the package, because that is what takes the time.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
import time
from typing import Any

# How long the page may freeze: too short to notice.
_SECONDS = 0.03

# A shorter pause would not be a timer in Pyodide, and timers of the page that are due would wait.
_PAUSE = 0.004


def load(name: str) -> Any:
    """Import the module *name*, with everything it imports, while the page stays responsive.

    If Python cannot be suspended (JSPI), the page freezes meanwhile.
    """
    finder = _PausingFinder()
    sys.meta_path.insert(0, finder)
    try:
        return importlib.import_module(name)
    finally:
        sys.meta_path.remove(finder)


class _PausingFinder:
    """Finds no module, but pauses the import if the last pause was some time ago."""

    def __init__(self) -> None:
        self._ffi = importlib.import_module("pyodide.ffi")
        self._last = time.monotonic()

    def find_spec(self, *about: object) -> None:  # noqa: ARG002 - left to other finders
        """Pause if it is time, and leave the module to the finders that follow."""
        if time.monotonic() - self._last >= _SECONDS and self._ffi.can_run_sync():
            self._ffi.run_sync(asyncio.sleep(_PAUSE))
            self._last = time.monotonic()
