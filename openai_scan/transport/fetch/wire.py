"""Send requests by `fetch`, and read their answers as they arrive."""

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

# What every engine decodes. Of any other coding the exchange looks at the beginning of the body,
# which also works if the engine has decoded it.
_DECODED = frozenset({"br", "deflate", "gzip", "identity", "x-gzip"})


class FetchHeaders(Mapping[str, str]):
    """Headers as `fetch` shows them, with their names in lower case. Any case finds them."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._values = {name.lower(): value for name, value in pairs}

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class FetchAnswer:
    """An answer of `fetch`. See `Answer` for its methods.

    The engine keeps the connection, or does not, when the body has been read to its end.
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
        """Have the engine close the connection, unless the body was read to its end."""
        self._reader = None
        self._cancellation.hang_up()


class FetchWire:
    """Sends requests by `fetch`, which keeps the connections.

    What a page cannot know stays unknown: when there is a connection, so that the limit
    `first_byte` includes the time to connect, and whether it was used before.

    Args:
        blocking: Whether to wait by suspending the WebAssembly stack rather than by `await`.
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
        """Send *parcel*, without the headers that a server has to allow and can do without.

        Raises:
            RedirectError: The server redirects, and the browser does not say where to.
        """
        carried.connected(reused=None)
        clock, cancellation = carried.clock, carried.cancellation
        url = with_query(parcel.url, parcel.query)
        options = _options(parcel, cancellation.signal)
        response = await cancellation.wait(lambda: js().fetch(url, options), clock.left())
        if response.type == "opaqueredirect":
            raise RedirectError(
                "the server redirects, and a browser does not say where to: set base_url to that"
            )
        return FetchAnswer(response, clock, cancellation)

    def is_stale(self, error: Exception) -> bool:  # noqa: ARG002 - it does not depend on it
        """Return False: a browser itself sends again what met a connection that was closed."""
        return False

    def strip(self, error: BaseException) -> None:
        """Do nothing: no error of this wire holds the request."""

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
    if is_page():  # edge runtimes refuse these two, and have neither cookies nor a cache
        options |= {"credentials": "omit", "cache": "no-store"}
    if parcel.uploads:
        options["body"] = _form(parcel)
    elif parcel.data is not None:
        options["body"] = parcel.data
    return _converted(options)


def _form(parcel: Parcel) -> Any:
    """Return the form for *parcel*. The engine adds the boundary, and the header that names it."""
    form = js().FormData.new()
    fields = parcel.data if isinstance(parcel.data, tuple) else ()
    for name, value in fields:
        form.append(name, value)
    for one in parcel.uploads:
        blob = js().Blob.new(_converted([one.data]), _converted({"type": one.media_type}))
        form.append(one.field, blob, one.name)
    return form


def _converted(value: Any) -> Any:
    """Return *value* with plain objects of JavaScript in place of dicts."""
    return ffi().to_js(value, dict_converter=js().Object.fromEntries)
