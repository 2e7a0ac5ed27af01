"""An answer of the aiohttp wire: its headers, and its body as it arrives."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING

from multidict import CIMultiDict

from openai_scan.sse.beginnings import begins_plain
from openai_scan.transport.aio_http.arrived import Arrived
from openai_scan.transport.session.unframing import Frame
from openai_scan.transport.wire import content_codings

if TYPE_CHECKING:
    from openai_scan.transport.session.codings import Decoder


class AiohttpAnswer:
    """An answer whose head has arrived; see `Answer` for its methods.

    Args:
        arrived: What arrives, from the body on.
        frame: Removes the framing of the body.
    """

    def __init__(self, arrived: Arrived, frame: Frame) -> None:
        head = arrived.head
        self.status: int = head.status
        self.reason: str = head.reason
        headers: CIMultiDict[str] = CIMultiDict()
        for name, value in head.headers.items():
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        self.headers: Mapping[str, str] = headers
        self._arrived = arrived
        self._frame = frame
        self._is_over = False
        self._decoder: Decoder | None = None
        self._magic: bytes | None = None
        if encoding := headers.get("Content-Encoding"):
            self._decode(content_codings(encoding))

    def decodes(self, encoding: str) -> bool:
        """Return whether `read()` decodes it, as with the blocking wire."""
        codings = _codings()
        known: bool = codings.is_known(encoding, codings.decoders())
        return known

    async def read(self) -> bytes:
        """Return what has arrived, decoded; see `Arrived.more` for what it raises.

        Raises:
            http.client.HTTPException: The framing is broken, or was cut off.
            NotAnEventStreamError: It expands too much when it is decompressed.
        """
        while (decoder := self._decoder) is not None:
            # A few bytes may expand to many, without another wait.
            self._arrived.check()
            if decoder.has_more:
                content = decoder.take(b"")
            else:
                data = await self._read()
                if not data:
                    return decoder.end()
                if self._is_plain(data):
                    self._decoder = None
                    return data
                content = decoder.take(data)
            if content:
                return content
        return await self._read()

    def close(self) -> None:
        """Close the connection, unless it was given back."""
        self._arrived.close()

    async def _read(self) -> bytes:
        """Return what has arrived, as it was sent."""
        frame = self._frame
        while frame.open:
            content = frame.take(await self._arrived.more())
            if content:
                return content
        if frame.error is not None:
            raise frame.error
        if not self._is_over:
            self._is_over = True
            self._arrived.finish()
        return b""

    def _decode(self, codings: list[str]) -> None:
        known = _codings()
        if known.is_encoded(codings, known.decoders()):
            self._decoder = known.Decoder(codings[0])
            self._magic = known.MAGIC.get(codings[0])

    def _is_plain(self, start: bytes) -> bool:
        """Return whether the body begins as plain text, whatever the headers say."""
        magic, self._magic = self._magic, None
        return magic is not None and not start.startswith(magic[:1]) and begins_plain(start)


def _codings() -> ModuleType:
    """Import the module only when needed: it loads urllib3, and encoded answers are rare."""
    from openai_scan.transport.session import codings

    return codings
