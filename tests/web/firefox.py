"""Drive Firefox by WebDriver BiDi, which it speaks itself over a WebSocket."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import threading
from base64 import b64decode
from concurrent.futures import Future
from pathlib import Path
from typing import IO, Any

from typing_extensions import Self
from websockets.sync.client import connect

from web.browser import PATIENCE, Browser

_FLAGS = ("--headless", "--no-remote", "--remote-debugging-port=0")

# It sends nothing to the network, and connects to this machine alone.
_PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.aboutwelcome.enabled": False,
    "browser.safebrowsing.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.localDomains": "localhost",
    "network.proxy.type": 0,
    "remote.active-protocols": 1,
    "services.settings.server": "http://127.0.0.1:9/",
    "toolkit.telemetry.enabled": False,
}

# As WebDriver calls them.
_KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Tab": "\ue004"}


class Firefox(Browser):
    """Firefox. It shows what it thinks the light theme is, and knows no touch."""

    command = shutil.which("firefox-esr") or shutil.which("firefox") or ""

    def __enter__(self) -> Self:
        self._number = 0
        self._folder.mkdir(exist_ok=True)
        lines = (f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in _PREFERENCES.items())
        (self._folder / "user.js").write_text("".join(lines), "utf-8")
        with contextlib.ExitStack() as stack:
            process = stack.enter_context(
                subprocess.Popen(
                    [self.command, *_FLAGS, "--profile", str(self._folder)],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            url: Future[str] = Future()
            listener = threading.Thread(target=_listen, args=(process.stderr, url))
            listener.start()
            stack.callback(listener.join)
            stack.callback(process.terminate)  # if it has ended by then, this does nothing
            where = f"{url.result(PATIENCE)}/session"
            self._socket = stack.enter_context(connect(where, max_size=None))
            about = self._call("session.new", capabilities={})["capabilities"]
            self._version = f"Firefox/{about['browserVersion']}"
            contexts = self._call("browsingContext.getTree")["contexts"]
            self._page: str = contexts[0]["context"]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        with self._stack:
            self._call("browser.close")

    @property
    def version(self) -> str:
        """Its name and version."""
        return self._version

    def run(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript; a promise is waited for."""
        answer = self._call(
            "script.evaluate",
            expression=expression,
            target={"context": self._page},
            awaitPromise=True,
            userActivation=True,
        )
        assert answer["type"] == "success", answer["exceptionDetails"]
        return _plain(answer["result"])

    def press(self, key: str) -> None:
        """Press Enter, Escape or Tab."""
        self._insert(_KEYS[key])

    def look(self, *, width: int, height: int, dark: bool = False, phone: bool = False) -> None:
        """Choose how large the page is."""
        size = {"width": width, "height": height}
        self._call(
            "browsingContext.setViewport", context=self._page, viewport=size, devicePixelRatio=2
        )

    def picture(self, path: Path) -> None:
        """Write what the page looks like to *path*, a PNG file."""
        shot = self._call("browsingContext.captureScreenshot", context=self._page)
        path.write_bytes(b64decode(shot["data"]))

    def _prepare(self, script: str) -> str:
        function = f"() => {{ {script} }}"
        added: str = self._call("script.addPreloadScript", functionDeclaration=function)["script"]
        return added

    def _forget(self, added: str) -> None:
        self._call("script.removePreloadScript", script=added)

    def _navigate(self, url: str) -> None:
        self._call("browsingContext.navigate", context=self._page, url=url, wait="complete")

    def _reload(self) -> None:
        self._call("browsingContext.reload", context=self._page, wait="complete")

    def _insert(self, text: str) -> None:
        steps = [{"type": kind, "value": one} for one in text for kind in ("keyDown", "keyUp")]
        self._act("key", steps)

    def _click(self, x: float, y: float) -> None:
        steps = [
            {"type": "pointerMove", "x": round(x), "y": round(y)},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self._act("pointer", steps)

    def _act(self, kind: str, steps: list[dict[str, Any]]) -> None:
        device = {"type": kind, "id": kind, "actions": steps}
        self._call("input.performActions", context=self._page, actions=[device])

    def _call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol and return its result; events are skipped."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv(timeout=PATIENCE))
            if answer.get("id") == self._number:
                assert answer["type"] == "success", answer
                return answer["result"]


def _listen(stderr: IO[str], url: Future[str]) -> None:
    """Find the address where it listens in what it says. Take the rest too, or it would stop."""
    for line in stderr:
        if found := re.search(r"listening on (ws://\S+)", line):
            url.set_result(found[1])
    if not url.done():
        url.set_exception(AssertionError("the browser has ended"))


def _plain(value: Any) -> Any:
    """Return a value of the protocol as JSON would have it."""
    match value["type"]:
        case "array":
            return [_plain(one) for one in value["value"]]
        case "object":
            return {key: _plain(one) for key, one in value["value"]}
        case "undefined" | "null":
            return None
        case _:
            return value.get("value")
