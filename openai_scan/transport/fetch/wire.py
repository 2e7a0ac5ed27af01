"""Send requests with `fetch`, and read their answers as they arrive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from openai_scan.errors import RedirectError
from openai_scan.transport.clock import Clock
from openai_scan.transport.fetch import failures
from openai_scan.transport.fetch.cancellation import FetchCancellation
from openai_scan.transport.fetch.engine import ffi, is_page, js
from openai_scan.transport.request import Parcel, with_query
from openai_scan.transport.wire import Carried

# What every engine decodes. For any other coding the exchange examines the beginning of the body,
# which also works if the engine has decoded it.
_DECODED = frozenset({"br", "deflate", "gzip", "identity", "x-gzip"})


class FetchHeaders(Mapping[str, str]):
    """Headers from `fetch`, with lower-case names. Lookups are case-insensitive."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._values = {name.lower(): value for name, value in pairs}

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class FetchAnswer:
    """An answer of `fetch`; see `Answer` for its methods.

    The engine decides whether to keep the connection after the body was read to its end.
    """

    def __init__(self, response: Any, clock: Clock, cancellation: FetchCancellation) -> None:
        self.status = int(response.status)
        self.reason = str(response.statusText)
        self.headers = FetchHeaders((pair[0], pair[1]) for pair in response.headers.entries())
        self._clock = clock
        self._cancellation = cancellation
        self._reader = response.body.getReader() if response.body else None

    def decodes(self, encoding: str) -> bool:
        """Return whether every engine decodes it."""
        return encoding in _DECODED

    async def read(self) -> bytes:
        """Return the next block that has arrived; wait if there is none."""
        while self._reader is not None:
            block = await self._cancellation.wait(self._reader.read, self._clock.left())
            if block.done:
                self._reader = None
                break
            self._clock.answering = True
            data: bytes = block.value.to_bytes()
            if data:
                return data
        return b""

    def close(self) -> None:
        """Make the engine close the connection, unless the body was read to its end."""
        self._reader = None
        self._cancellation.hang_up()


class FetchWire:
    """Sends requests with `fetch`, which keeps the connections.

    A page cannot know when there is a connection, so the limit `first_byte` includes the time to
    connect; nor whether the connection was used before.

    Args:
        blocking: Whether to wait by suspending the WebAssembly stack instead of with `await`.
    """

    errors: tuple[type[Exception], ...] = (OSError,)

    no_answer = staticmethod(failures.no_answer)
    broken_answer = staticmethod(failures.broken_answer)

    def __init__(self, *, blocking: bool) -> None:
        self.blocking = blocking

    def cancellation(self) -> FetchCancellation:
        """Return what aborts the request of a new exchange."""
        return FetchCancellation(blocking=self.blocking)

    async def send(self, parcel: Parcel, carried: Carried[FetchCancellation]) -> FetchAnswer:
        """Send *parcel*, without the headers that need the server's permission and are dispensable.

        Raises:
            RedirectError: The server redirects, and the browser does not say where.
        """
        carried.connected(reused=None)
        clock, cancellation = carried.clock, carried.cancellation
        url = with_query(parcel.url, parcel.query)
        options = _options(parcel, cancellation.signal)
        response = await cancellation.wait(lambda: js().fetch(url, options), clock.left())
        if response.type == "opaqueredirect":
            raise RedirectError(
                "the server redirects, and a browser does not say where: set base_url to that"
            )
        return FetchAnswer(response, clock, cancellation)

    def is_stale(self, error: Exception) -> bool:  # noqa: ARG002 - it does not depend on it
        """Return False: a browser itself retries if a reused connection was closed."""
        return False

    def strip(self, error: BaseException) -> None:
        """Do nothing: no error of this wire refers to the request."""

    async def aclose(self) -> None:
        """Do nothing: the engine keeps the connections."""


def _options(parcel: Parcel, signal: Any) -> Any:
    """Return the options of `fetch` for *parcel*."""
    headers = {
        name: value for name, value in parcel.headers.items() if name not in parcel.dispensable
    }
    options = {
        "method": parcel.method,
        "headers": headers,
        "redirect": "manual",
        "signal": signal,
    }
    if is_page():  # edge runtimes reject these two, and have neither cookies nor a cache
        options |= {"credentials": "omit", "cache": "no-store"}
    if parcel.uploads:
        options["body"] = _form(parcel)
    elif parcel.data is not None:
        options["body"] = parcel.data
    return _converted(options)


def _form(parcel: Parcel) -> Any:
    """Return the form for *parcel*. The engine adds the boundary and the header with it."""
    form = js().FormData.new()
    fields = parcel.data if isinstance(parcel.data, tuple) else ()
    for name, value in fields:
        form.append(name, value)
    for one in parcel.uploads:
        blob = js().Blob.new(_converted([one.data]), _converted({"type": one.media_type}))
        form.append(one.field, blob, one.name)
    return form


def _converted(value: Any) -> Any:
    """Return *value* with JavaScript objects instead of dicts."""
    return ffi().to_js(value, dict_converter=js().Object.fromEntries)
