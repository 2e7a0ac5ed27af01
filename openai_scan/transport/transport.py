"""Connections to one server, which streams and calls use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openai_scan.aio.loops import running_loop
from openai_scan.transport.exchange import AsyncExchange, Exchange
from openai_scan.transport.key import AsyncKeySource, KeySource
from openai_scan.transport.request import Request
from openai_scan.transport.sender import Sender
from openai_scan.transport.wire import Wire, at_once
from openai_scan.transport.wires import AsyncWire, async_wire, blocking_wire

_EVENT_STREAM = "text/event-stream"
_JSON = "application/json"


class Transport(Sender):
    """Connections to one server, kept open between requests. Many threads may use it.

    Args:
        base_url: The URL to which the path of each request is appended.
        key: The key, "" to send none, or a callable that returns the key for each attempt.
        key_header: The header that carries the key unchanged; by default it is a bearer token.
        headers: Headers to send with every request.
        query: Parameters to add to every URL.
        wire: What sends the requests; by default requests and urllib3, or `fetch` in Pyodide.

    Raises:
        TypeError: The wire is asynchronous.
    """

    def __init__(
        self,
        base_url: str,
        *,
        key: KeySource,
        key_header: str | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        wire: Wire[Any] | None = None,
    ) -> None:
        wire = blocking_wire() if wire is None else wire
        if not wire.blocking:
            raise TypeError("this wire is asynchronous: use AsyncTransport")
        super().__init__(
            base_url, key=key, wire=wire, key_header=key_header, headers=headers, query=query
        )

    def stream(self, request: Request) -> Exchange:
        """Return the answer to *request* as a source of event-stream bytes.

        The request is sent when the first chunk is requested, so that the source can be cancelled
        at any moment.

        Raises:
            TypeError: Part of the request cannot be sent as JSON, or a header is not a string.
            ValueError: A number cannot be sent as JSON, such as NaN, or a header is malformed.
        """
        return Exchange(self, request, accept=_EVENT_STREAM)

    def call(self, request: Request) -> Any:
        """Send *request*, retry it as its policy allows, and return the JSON value of the answer.

        Raises:
            APIError: The server returned an error.
            TransportError: The network failed.
            TypeError: See `stream()`.
            ValueError: See `stream()`.
        """
        return Exchange(self, request, accept=_JSON).call()

    def close(self) -> None:
        """Close the connections that are not in use."""
        at_once(self.wire.aclose())


class AsyncTransport(Sender):
    """The same over an asynchronous wire. Many tasks of one event loop may use it.

    Args:
        base_url: The URL to which the path of each request is appended.
        key: The key, "" to send none, or a callable that returns the key for each attempt.
        key_header: The header that carries the key unchanged; by default it is a bearer token.
        headers: Headers to send with every request.
        query: Parameters to add to every URL.
        wire: What sends the requests; see `AsyncWire`.

    Raises:
        TypeError: The wire is a blocking one, which would block the event loop at every wait.
        ValueError: There is no wire of that name.
        ConfigurationError: A dependency of the wire is not installed.
    """

    def __init__(
        self,
        base_url: str,
        *,
        key: AsyncKeySource,
        key_header: str | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        wire: AsyncWire = None,
    ) -> None:
        wire = async_wire(wire)
        if wire.blocking:
            raise TypeError("this wire blocks: use Transport")
        super().__init__(
            base_url, key=key, wire=wire, key_header=key_header, headers=headers, query=query
        )
        self._loop: object | None = None  # the loop in which it is used
        self._closed = False

    def check(self) -> None:
        """Check that requests may be sent from the running event loop.

        Raises:
            RuntimeError: It is closed, or was used in another event loop.
        """
        if self._closed:
            raise RuntimeError(
                "the client is closed: read its streams inside its `async with` block, or"
                " create another client"
            )
        loop = running_loop()
        if loop is not None and loop is not (self._loop or loop):
            raise RuntimeError(
                "the client belongs to another event loop: create one in each loop, such as inside"
                " the coroutine that asyncio.run() runs"
            )
        self._loop = loop or self._loop

    def stream(self, request: Request) -> AsyncExchange:
        """Return the answer to *request* as an asynchronous source; see `Transport.stream()`.

        Raises:
            RuntimeError: See `check()`.
            TypeError: See `Transport.stream()`.
            ValueError: See `Transport.stream()`.
        """
        self.check()
        return AsyncExchange(self, request, accept=_EVENT_STREAM)

    async def call(self, request: Request) -> Any:
        """Send *request* and return the JSON value of the answer; see `Transport.call()`."""
        return await AsyncExchange(self, request, accept=_JSON).call()

    async def aclose(self) -> None:
        """Close the connections that are not in use. No more requests can be sent."""
        self._closed = True
        await self.wire.aclose()
