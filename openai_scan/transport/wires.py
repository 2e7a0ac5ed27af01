"""Which wire sends the requests, where the caller has not made one.

A wire is imported when it is chosen, since the libraries behind it take a while to load.
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

`"aiohttp"` is fast, and needs the extra `aio` and asyncio. `"threads"` needs nothing, runs on Trio
too, and reads each stream in a thread. None stands for aiohttp where it is installed and Trio does
not run, and for threads elsewhere. In Pyodide it stands for the engine's `fetch`.
"""


def blocking_wire() -> Wire[Any]:
    """Return the wire of a blocking client.

    Raises:
        ConfigurationError: The libraries that it needs are not what is installed.
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
        ConfigurationError: The libraries that it needs are not what is installed.
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
    """Return whether aiohttp is installed and can be used: it needs asyncio."""
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
    return ConfigurationError(f"{libraries} cannot be used as they are installed: {error}")
