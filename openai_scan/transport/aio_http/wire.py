"""Send requests with aiohttp, and read their answers as they arrive."""

from __future__ import annotations

import asyncio
import functools
import http.client
from typing import Any, cast

import aiohttp
from yarl import URL

from openai_scan.aio.loops import running_loop
from openai_scan.transport.aio_http import failures
from openai_scan.transport.aio_http.body import AiohttpAnswer
from openai_scan.transport.aio_http.cancellation import LoopCancellation
from openai_scan.transport.aio_http.environment import Certificates, proxy_for
from openai_scan.transport.aio_http.lines import Connector
from openai_scan.transport.aio_http.sending import PIECE_BYTES, SentRequest, in_pieces
from openai_scan.transport.request import Parcel, with_query
from openai_scan.transport.session.unframing import Frame
from openai_scan.transport.wire import Carried


class OtherLoopError(RuntimeError):
    """Connections of one event loop were used in another.

    It has its own class, so that a stream does not mistake it for a network error.
    """


class AiohttpWire:
    """Connections of one event loop, for all its tasks.

    It belongs to the loop that uses it first, until it is closed there. It can be created before
    there is a loop.
    """

    blocking = False

    # ValueError: a proxy in the environment has a malformed URL.
    errors = (OSError, ValueError, http.client.HTTPException)

    no_answer = staticmethod(failures.no_answer)
    broken_answer = staticmethod(failures.broken_answer)
    is_stale = staticmethod(failures.is_stale)
    strip = staticmethod(failures.strip)

    def __init__(self) -> None:
        self._opened: _Opened | None = None
        self._certificates = Certificates()

    def cancellation(self) -> LoopCancellation:
        """Return what ends the waits of a new exchange.

        Raises:
            OtherLoopError: The wire belongs to another event loop than the running one.
        """
        loop = running_loop()
        if loop is not None:
            self._check(loop)
        return LoopCancellation()

    async def send(self, parcel: Parcel, carried: Carried[LoopCancellation]) -> AiohttpAnswer:
        """Send *parcel*; the connection that carries it notifies the request.

        Raises:
            ConfigurationError: The environment sets a SOCKS proxy.
        """
        session = self._open_session()
        proxy = proxy_for(parcel.url)
        secure = parcel.url.startswith("https:") or (proxy and proxy.url.startswith("https:"))
        data, content_type = _body(parcel)
        start = functools.partial(
            session.request,
            # aiohttp retries some methods by itself, but not in lower case.
            parcel.method.lower(),
            _url(parcel),
            data=data,
            headers={**parcel.headers, **content_type},
            skip_auto_headers=("Content-Type",),
            allow_redirects=False,
            proxy=None if proxy is None else proxy.url,
            proxy_headers=None if proxy is None else proxy.headers,
            ssl=self._certificates.context() if secure else True,
        )
        try:
            arrived = await SentRequest(carried).answered(start)
        except aiohttp.ClientError as error:
            failed = failures.plain(error, proxy)
        else:
            return AiohttpAnswer(arrived, cast("Frame", arrived.frame))
        raise failed  # raised here, so that the other one does not become its context

    async def aclose(self) -> None:
        """Close the connections that no exchange uses. The wire can be used again."""
        self._check(asyncio.get_running_loop())
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.aclose()

    def _open_session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        self._check(loop)
        if self._opened is None:
            self._opened = _Opened(loop)
        return self._opened.session

    def _check(self, loop: object) -> None:
        if self._opened is not None and self._opened.loop is not loop:
            raise OtherLoopError(
                "this client has connections in another event loop: close it there, or create one"
                " for each loop"
            )


class _Opened:
    """The resources of a wire in an event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._connector = Connector()
        self.session = aiohttp.ClientSession(
            connector=self._connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        )
        self._closing: asyncio.Task[None] | None = None

    async def aclose(self) -> None:
        """Close what is not in use, and the session as soon as nothing is in use."""
        try:
            await self._connector.end_idle()
        finally:  # also if the task is cancelled: the wire has forgotten these resources
            if self._connector.in_use:
                self._connector.when_idle = self._close_soon
            else:
                await self.session.close()

    def _close_soon(self) -> None:
        self._closing = self.loop.create_task(self.session.close())


def _url(parcel: Parcel) -> URL:
    """Return the URL of *parcel*. What is already encoded stays as it is."""
    url = with_query(parcel.url, parcel.query)
    return URL(url, encoded=url.isascii())


def _body(parcel: Parcel) -> tuple[Any, dict[str, str]]:
    """Return the body for aiohttp, and the headers that describe it."""
    data, headers = parcel.data, {}
    if parcel.uploads:
        from urllib3 import encode_multipart_formdata  # rarely needed: few requests have files
        from urllib3.fields import RequestField

        fields: list[Any] = list(cast("tuple[tuple[str, str], ...]", data or ()))
        for one in parcel.uploads:
            field = RequestField(one.field, one.data, filename=one.name)
            field.make_multipart(content_type=one.media_type)
            fields.append(field)
        data, headers["Content-Type"] = encode_multipart_formdata(fields)
    if isinstance(data, bytes) and len(data) > PIECE_BYTES:
        headers["Content-Length"] = str(len(data))
        return in_pieces(data), headers
    return data, headers
