"""The base of the methods of each API of an asynchronous client: its streams and its calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from typing_extensions import Self

from openai_scan.aio import AsyncSource, AsyncStreamerV2
from openai_scan.client.base import ClientCore, TypedDictClass
from openai_scan.recording import RecordTo
from openai_scan.recording import record as recorded
from openai_scan.transport.request import Request
from openai_scan.transport.transport import AsyncTransport

T = TypeVar("T")


class AsyncBaseClient(ClientCore):
    """The base of the methods of each API; see `ClientCore` for its arguments."""

    def __init__(self, transport: AsyncTransport, **settings: Any) -> None:
        super().__init__(transport, **settings)
        self._transport = transport

    async def close(self) -> None:
        """Close the connections kept for reuse.

        Streams that are being read continue; no more requests can be sent.
        """
        await self._transport.aclose()

    aclose = close  # what contextlib.aclosing() calls

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    def stream(self, request: Request, *, record: RecordTo | None = None) -> AsyncStreamerV2:
        """Return the stream that answers *request*; see `Client.stream`.

        Raises:
            RuntimeError: The client is closed, or belongs to another event loop.
        """
        source: AsyncSource = self._transport.stream(request)
        if record is not None:
            source = recorded(source, record)
        stream = AsyncStreamerV2(source, **self._stream_options)
        self._observe(stream)
        return stream

    def _stream(
        self, path: str, kind: TypedDictClass, params: Mapping[str, Any], **options: Any
    ) -> AsyncStreamerV2[Any, Any]:
        """Return the stream that answers a request; see `_stream_request()`."""
        request = self._stream_request(path, kind, params, **options)
        return self.stream(request, record=params.get("record"))

    async def _call(
        self,
        cls: type[T],
        method: str,
        path: str,
        kind: TypedDictClass,
        params: Mapping[str, Any],
        *,
        known: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> T:
        """Return the answer to a request as an instance of *cls*; see `_call_request()`."""
        request = self._call_request(method, path, kind, params, known=known, **more)
        payload = await self._transport.call(request)
        return self._answer(cls, payload, f"{method} {path}", known)
