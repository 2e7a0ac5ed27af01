"""What a person does with the page, and sees on it."""

from __future__ import annotations

import json
from typing import Any

from relay.page.tabs import Tabs

_STATUS = "document.getElementById('status').textContent"
_IS_IDLE = "!document.getElementById('send').hidden"


class Reader:
    """A person at a browser.

    Attributes:
        tabs: The browser.
        url: Where the page is.
        more: The tabs that were opened on the way.
    """

    def __init__(self, tabs: Tabs, url: str) -> None:
        self.tabs = tabs
        self.url = url
        self.more: list[str] = []

    def open(self, url: str | None = None) -> None:
        """Open the page, and wait until it is ready."""
        self.tabs.open("about:blank")  # a page with another fragment would not load again
        self.tabs.open(self.url if url is None else url)

    def open_tab(self, url: str) -> str:
        """Open the page in another tab, use it, and return it."""
        tab = self.tabs.add(url)
        self.more.append(tab)
        return tab

    def type(self, text: str) -> None:
        """Type into the field."""
        self.tabs.type("#question", text)

    def ask(self, text: str) -> None:
        """Type a question and send it."""
        self.type(text)
        self.tabs.press("Enter")

    @property
    def status(self) -> str:
        """The line above the field's buttons."""
        return str(self.tabs.run(_STATUS))

    @property
    def address(self) -> str:
        """What the address bar shows."""
        return str(self.tabs.run("location.href"))

    @property
    def typed(self) -> str:
        """What is in the field."""
        return str(self.tabs.run("document.getElementById('question').value"))

    @property
    def said(self) -> list[str]:
        """The texts of all messages."""
        shown: Any = self.tabs.run(
            "[...document.querySelectorAll('article p')].map((one) => one.textContent)"
        )
        return list(shown)

    @property
    def about(self) -> str:
        """What is said about the last answer."""
        return str(
            self.tabs.run("[...document.querySelectorAll('article small')].at(-1).textContent")
        )

    def until_said(self, *texts: str) -> None:
        """Wait until these are the texts of all messages."""
        self.tabs.until(
            "JSON.stringify([...document.querySelectorAll('article p')].map((one) =>"
            f" one.textContent)) === JSON.stringify({json.dumps(texts)})"
        )

    def until_status(self, beginning: str) -> None:
        """Wait until the status begins like that."""
        self.tabs.until(f"{_STATUS}.startsWith({json.dumps(beginning)})")

    def until_about(self, beginning: str) -> None:
        """Wait until what is said about the last answer begins like that."""
        self.tabs.until(
            "[...document.querySelectorAll('article small')].at(-1)?.textContent"
            f".startsWith({json.dumps(beginning)})"
        )

    def until_idle(self) -> None:
        """Wait until something can be sent."""
        self.tabs.until(_IS_IDLE)
