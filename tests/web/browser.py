"""A browser with one page, used as a person would: `chromium.py` and `firefox.py` drive one."""

from __future__ import annotations

import abc
import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from typing_extensions import Self

# Nothing takes so long, on a busy machine either.
PATIENCE = 60.0


class Browser(abc.ABC):
    """A browser with one page; a `with` block starts and ends it.

    Args:
        folder: Where it may keep its profile.

    Attributes:
        command: The program, or "" if it is not installed.
    """

    command: ClassVar[str]

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @abc.abstractmethod
    def __enter__(self) -> Self:
        """Start it."""

    @abc.abstractmethod
    def __exit__(self, *exc: object) -> None:
        """End it."""

    @property
    @abc.abstractmethod
    def version(self) -> str:
        """Its name and version."""

    @contextlib.contextmanager
    def prepared(self, script: str) -> Iterator[None]:
        """Have every page that is opened in the `with` block run *script* before its own."""
        added = self._prepare(script)
        try:
            yield
        finally:
            self._forget(added)

    def open(self, url: str) -> None:
        """Open a page."""
        self._navigate(url)
        self.until("document.readyState === 'complete'")

    def reload(self) -> None:
        """Load the page again."""
        self.run("window.isOld = true")
        self._reload()
        self.until("document.readyState === 'complete' && !window.isOld")

    @abc.abstractmethod
    def run(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript; a promise is waited for."""

    def until(self, condition: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + PATIENCE
        while not self.run(f"Boolean({condition})"):
            assert time.monotonic() < end, condition
            # Waiting for the next frame instead would have the page drawn each time.
            self.run("new Promise((resolve) => setTimeout(resolve, 10))")

    def type(self, selector: str, text: str) -> None:
        """Click a field and type *text* in place of what is in it."""
        self.click(selector)
        self.run(f"document.querySelector({json.dumps(selector)}).select()")
        self._insert(text)

    @abc.abstractmethod
    def press(self, key: str) -> None:
        """Press Enter, Escape or Tab."""

    def click(self, selector: str) -> None:
        """Click the middle of an element, which has to be in sight."""
        x, y = self.run(
            f"(() => {{ const one = document.querySelector({json.dumps(selector)});"
            " one.scrollIntoView({block: 'nearest'}); const box = one.getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        self._click(x, y)

    @abc.abstractmethod
    def look(self, *, width: int, height: int, dark: bool = False, phone: bool = False) -> None:
        """Choose how large the page is; where the browser can, also its colours and touch."""

    @abc.abstractmethod
    def picture(self, path: Path) -> None:
        """Write what the page looks like to *path*, a PNG file."""

    @abc.abstractmethod
    def _prepare(self, script: str) -> str:
        """Have every page run *script* before its own; return what `_forget()` takes."""

    @abc.abstractmethod
    def _forget(self, added: str) -> None:
        """Run the script no longer."""

    @abc.abstractmethod
    def _navigate(self, url: str) -> None:
        """Go to a page."""

    @abc.abstractmethod
    def _reload(self) -> None:
        """Go to the same page again."""

    @abc.abstractmethod
    def _insert(self, text: str) -> None:
        """Type *text* where the caret is."""

    @abc.abstractmethod
    def _click(self, x: float, y: float) -> None:
        """Press and release the mouse at a place, in CSS pixels."""
