"""Choose the wire that sends the requests if the caller has not passed one.

A wire is imported when it is chosen, because its libraries are slow to load.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Literal, TypeAlias

from openai_scan.aio.loops import running_trio
from openai_scan.errors import ConfigurationError
from openai_scan.transport.fetch import engine
from openai_scan.transport.wire import Wire

AsyncWire: TypeAlias = "Wire[Any] | Literal['aiohttp', 'threads'] | None"
"""What sends the requests of an asynchronous client: a wire, or the name of one.

`"aiohttp"` is fast, and needs the extra `aio` and asyncio. `"threads"` needs nothing, also runs on
Trio, and reads each stream in a thread. None means aiohttp if it is installed and Trio is not
running, otherwise threads. In Pyodide None means the engine's `fetch`.
"""


def blocking_wire() -> Wire[Any]:
    """Return the wire of a blocking client.

    Raises:
        ConfigurationError: Its libraries cannot be imported.
    """
    if engine.is_around():
        return _fetch(blocking=True)
    try:
        from openai_scan.transport.session.wire import SessionWire
    except ImportError as error:
        raise _unusable("requests and urllib3", error) from error
    return SessionWire()


def async_wire(wire: AsyncWire) -> Wire[Any]:
    """Return the wire of an asynchronous client.

    Args:
        wire: The wire itself, its name, or None for the best that is installed.

    Raises:
        ConfigurationError: Its libraries cannot be imported.
        ValueError: There is no wire of that name.
    """
    if wire is None and engine.is_around():
        return _fetch(blocking=False)
    if wire is None:
        wire = "aiohttp" if _has_aiohttp() else "threads"
    if not isinstance(wire, str):
        return wire
    make = {"aiohttp": _aiohttp, "threads": _threads}.get(wire)
    if make is None:
        raise ValueError(f"wire must be 'aiohttp' or 'threads', not {wire!r}")
    return make()


def _fetch(*, blocking: bool) -> Wire[Any]:
    from openai_scan.transport.fetch.wire import FetchWire

    return FetchWire(blocking=blocking)


def _has_aiohttp() -> bool:
    """Return whether aiohttp is installed and usable: it needs asyncio."""
    return running_trio() is None and find_spec("aiohttp") is not None


def _aiohttp() -> Wire[Any]:
    try:
        from openai_scan.transport.aio_http.wire import AiohttpWire
    except ImportError as error:
        raise _unusable("aiohttp", error) from error
    return AiohttpWire()


def _threads() -> Wire[Any]:
    try:
        from openai_scan.transport.threads import ThreadsWire
    except ImportError as error:
        raise _unusable("requests and urllib3", error) from error
    return ThreadsWire()


def _unusable(libraries: str, error: ImportError) -> ConfigurationError:
    return ConfigurationError(f"{libraries} cannot be imported: {error}")
