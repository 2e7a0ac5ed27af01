"""Run scenarios in Pyodide, in a Node.js of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

from typing_extensions import Self

HERE = Path(__file__).parent
PYODIDE = HERE.parents[1] / "build/web/node_modules/pyodide"

# Node.js 24 can suspend WebAssembly, and later versions need no flag for it.
_JSPI = "--experimental-wasm-jspi"

How: TypeAlias = Literal["promise", "plain", "callback"]
"""How JavaScript calls Python: waiting for a promise, or not waiting, from a script or a timer."""


class Engine:
    """Pyodide, started once for many scenarios; a `with` block starts and ends it.

    Args:
        bundle: The archive of what a page imports.
        jspi: Whether the engine can suspend WebAssembly.
        scenarios: The module whose functions it runs.
        pyodide: The folder with Pyodide.
    """

    def __init__(
        self,
        bundle: Path,
        *,
        jspi: bool = True,
        scenarios: Path = HERE / "scenarios.py",
        pyodide: Path = PYODIDE,
    ) -> None:
        self._bundle = bundle
        self._jspi = jspi
        self._scenarios = scenarios
        self._pyodide = pyodide
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        node = shutil.which("node", path=str(Path(sys.executable).parent))
        assert node is not None, "there is no Node.js: make .venv/dev installs it"
        assert PYODIDE.is_dir(), "there is no Pyodide: make build/web/ready installs it"
        arguments = [HERE / "engine.mjs", self._pyodide, self._bundle, self._scenarios]
        self._process = subprocess.Popen(
            [node, _JSPI, *arguments, *([] if self._jspi else ["jspi"])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        assert self._read() == {"ready": True}
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.communicate()  # closes its input, which ends it

    def run(
        self,
        name: str,
        *,
        how: How = "promise",
        on: Mapping[str, Callable[[], object]] | None = None,
        **arguments: Any,
    ) -> Any:
        """Run a function of `scenarios`, and return what it returns.

        Args:
            name: Its name.
            how: How it is called.
            on: What to do when the scenario notes something.
            arguments: Its arguments, which JSON can hold.
        """
        self._write({"name": name, "args": arguments, "how": how})
        while True:
            message = self._read()
            if "note" in message:
                (on or {}).get(message["note"], lambda: None)()
            else:
                assert "error" not in message, message["error"]
                return message["value"]

    def poke(self) -> None:
        """Have the page call what the scenario gave it, as a click would; from any thread."""
        self._write({"poke": True})

    def _write(self, message: Any) -> None:
        assert self._process.stdin is not None
        with self._lock:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "Node.js has ended"
        return json.loads(line)
