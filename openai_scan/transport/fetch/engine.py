"""The JavaScript engine that runs this Python: what it is, and whether Python can wait in it.

Only Pyodide has the modules `js` and `pyodide`, so they are imported where they are used. Whether
the engine can do something is queried, never tried: `socket.create_connection()` seems to succeed
in a browser.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

_ENTERED_WITHOUT_PROMISE = (
    "Python cannot wait for the network here, because JavaScript did not call it in a way that can"
    " wait: start Python with pyodide.runPythonAsync() instead of runPython(), or with"
    " callPromising() of a function; start an asyncio task in a callback; or use AsyncClient"
)
_NO_JSPI = (
    "this JavaScript engine cannot suspend Python while it waits for the network (JSPI): use"
    " AsyncClient, or a newer engine, from Chrome 137, Firefox 153 or Safari 27 on"
)


def is_around() -> bool:
    """Return whether this Python runs in a JavaScript engine at all."""
    return sys.platform == "emscripten"


def js() -> Any:
    """Return the global object of the engine."""
    return importlib.import_module("js")


def ffi() -> Any:
    """Return Pyodide's module for converting between the two languages."""
    return importlib.import_module("pyodide.ffi")


def is_page() -> bool:
    """Return whether the program runs in a web page, or in a worker of one.

    Node.js and edge runtimes have no address.
    """
    return bool(getattr(js(), "location", None))


def why_not_suspend() -> str | None:
    """Return why Python cannot be suspended here, and what to do; None if it can be."""
    if ffi().can_run_sync():
        return None
    has_jspi = hasattr(js().WebAssembly, "Suspending")
    return _ENTERED_WITHOUT_PROMISE if has_jspi else _NO_JSPI
