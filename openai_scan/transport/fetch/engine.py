"""The JavaScript engine that this Python runs in: what it is, and whether Python can wait in it.

Only Pyodide has the modules `js` and `pyodide`, so they are imported where they are used. What the
engine can do is asked, never tried: `socket.create_connection()` seems to succeed in a browser.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

_ENTERED_WITHOUT_PROMISE = (
    "Python cannot wait for the network here, because JavaScript called it without waiting for it:"
    " enter Python by pyodide.runPythonAsync() rather than runPython(), or by callPromising() of a"
    " function; start an asyncio task in a callback; or use AsyncClient"
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
    """Return what Pyodide translates between the two languages with."""
    return importlib.import_module("pyodide.ffi")


def is_page() -> bool:
    """Return whether the program belongs to a web page, as the page itself or as a worker of it.

    Node.js and edge runtimes have no address.
    """
    return bool(getattr(js(), "location", None))


def why_not_suspend() -> str | None:
    """Return why Python cannot be suspended here, and what to do; None if it can."""
    if ffi().can_run_sync():
        return None
    has_jspi = hasattr(js().WebAssembly, "Suspending")
    return _ENTERED_WITHOUT_PROMISE if has_jspi else _NO_JSPI
