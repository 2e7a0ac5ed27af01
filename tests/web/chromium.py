"""Drive Chromium by the DevTools protocol, over a pipe: no port, no other package."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

from typing_extensions import Self

from web.browser import PATIENCE, Browser

_FLAGS = (
    "--headless",
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # One process for all pages: starting one for each takes half of the time.
    "--renderer-process-limit=1",
    "--disable-site-isolation-trials",
    "--disable-features=IsolateOrigins,SitePerProcess,SpareRendererForSitePerProcess",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--remote-debugging-pipe",
)

# The browser reads from descriptor 3 and writes to 4.
_START = """
import fcntl, os, sys
# First away from 3 and 4.
given = [fcntl.fcntl(int(one), fcntl.F_DUPFD, 10) for one in sys.argv[1:3]]
for number, one in enumerate(given, 3):
    os.dup2(one, number)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Chromium(Browser):
    """Chromium."""

    command = shutil.which("chromium") or shutil.which("google-chrome") or ""

    def __enter__(self) -> Self:
        self._number = 0
        self._session: str | None = None
        to_child, ours = os.pipe()
        theirs, from_child = os.pipe()
        pipes = [str(to_child), str(from_child)]
        command = [self.command, *_FLAGS, f"--user-data-dir={self._folder}", "about:blank"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, *pipes, *command],
            pass_fds=(to_child, from_child),
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        os.close(to_child)
        os.close(from_child)
        self._to, self._from = os.fdopen(ours, "wb", 0), os.fdopen(theirs, "rb")
        self._buffer = b""
        targets = self._call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        attached = self._call("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        self._call("Page.enable")
        return self

    def __exit__(self, *exc: object) -> None:
        self._session = None
        self._call("Browser.close")
        self._to.close()
        self._from.close()
        self._process.wait(PATIENCE)

    def cpu_seconds(self) -> float:
        """Return the CPU time that the process of the page has taken."""
        self._call("Performance.enable")
        metrics = self._call("Performance.getMetrics")["metrics"]
        return next(float(one["value"]) for one in metrics if one["name"] == "ProcessTime")

    @property
    def version(self) -> str:
        """Its name and version."""
        return str(self._call("Browser.getVersion")["product"])

    def run(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript; a promise is waited for."""
        answer = self._call(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
            allowUnsafeEvalBlockedByCSP=False,
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press Enter, Escape or Tab."""
        text = {"text": "\r"} if key == "Enter" else {}
        code = {"Enter": 13, "Escape": 27, "Tab": 9}[key]
        about = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self._call("Input.dispatchKeyEvent", type="keyDown", **about, **text)
        self._call("Input.dispatchKeyEvent", type="keyUp", **about)

    def look(self, *, width: int, height: int, dark: bool = False, phone: bool = False) -> None:
        """Choose how large the page is, its colours, and whether it is touched."""
        size = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": phone}
        self._call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, path: Path) -> None:
        """Write what the page looks like to *path*, a PNG file."""
        path.write_bytes(b64decode(self._call("Page.captureScreenshot")["data"]))

    def _prepare(self, script: str) -> str:
        added = self._call("Page.addScriptToEvaluateOnNewDocument", source=script)
        return str(added["identifier"])

    def _forget(self, added: str) -> None:
        self._call("Page.removeScriptToEvaluateOnNewDocument", identifier=added)

    def _navigate(self, url: str) -> None:
        self._call("Page.navigate", url=url)

    def _reload(self) -> None:
        self._call("Page.reload")

    def _insert(self, text: str) -> None:
        self._call("Input.insertText", text=text)

    def _click(self, x: float, y: float) -> None:
        mouse = {"x": x, "y": y, "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, **mouse)

    def _call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol and return its result; events are skipped."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def _read(self) -> Any:
        while b"\0" not in self._buffer:
            data = os.read(self._from.fileno(), 65536)
            assert data, "the browser has ended"
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)
