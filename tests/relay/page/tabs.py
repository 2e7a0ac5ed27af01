"""A browser with several tabs, which also returns the errors in its console."""

from __future__ import annotations

from typing import Any

from typing_extensions import Self
from web.chromium import Chromium


class Tabs(Chromium):
    """Chromium with a tab at the beginning; all methods are about the tab that is used.

    Attributes:
        complaints: What the browser has logged as an error, and the exceptions of pages.
    """

    def __enter__(self) -> Self:
        self.complaints: list[str] = []
        super().__enter__()
        self._listen()
        return self

    @property
    def tab(self) -> str:
        """The tab that is used."""
        assert self._session is not None
        return self._session

    def add(self, url: str) -> str:
        """Open a page in a new tab, use it, and return it."""
        browser = self._session
        self._session = None
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        assert self._session != browser
        self._call("Page.enable")
        self._listen()
        self.open(url)
        return self.tab

    def use(self, tab: str) -> None:
        """Use another tab."""
        self._session = tab
        self._call("Page.bringToFront")

    def close(self) -> None:
        """Close the tab that is used."""
        self._call("Page.close")

    def go_back(self) -> None:
        """Press the button that leads to the page before."""
        self.run("history.back()")

    def press_with_shift(self, key: str) -> None:
        """Press a key while Shift is held down."""
        about = {"key": key, "code": key, "windowsVirtualKeyCode": 13, "modifiers": 8}
        self._call("Input.dispatchKeyEvent", type="keyDown", text="\r", **about)
        self._call("Input.dispatchKeyEvent", type="keyUp", **about)

    def insert(self, text: str) -> None:
        """Type *text* where the cursor is."""
        self._call("Input.insertText", text=text)

    def grant_clipboard(self) -> None:
        """Let pages read and write it."""
        permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"]
        self._call("Browser.grantPermissions", permissions=permissions)

    def prefer_less_motion(self) -> None:
        """Ask pages not to move things."""
        less = {"name": "prefers-reduced-motion", "value": "reduce"}
        self._call("Emulation.setEmulatedMedia", features=[less])

    def _listen(self) -> None:
        for domain in ("Log", "Runtime"):
            self._call(f"{domain}.enable")

    def _read(self) -> Any:
        message = super()._read()
        match message:
            case {"method": "Log.entryAdded", "params": {"entry": {"level": "error"} as entry}}:
                self.complaints.append(f"{entry['text']} {entry.get('url', '')}")
            case {"method": "Runtime.exceptionThrown", "params": {"exceptionDetails": details}}:
                self.complaints.append(str(details))
            case {"method": "Runtime.consoleAPICalled", "params": {"type": "error"} as call}:
                self.complaints.append(str(call["args"]))
        return message
