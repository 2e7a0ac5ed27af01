"""A proxy's answer to CONNECT, and the error if it refuses."""

from __future__ import annotations

import contextlib
import http.client
import socket
from typing import Any, Protocol

from openai_scan import bounded_json
from openai_scan.events.error import read_error
from openai_scan.snippet import readable
from openai_scan.transport import refusals
from openai_scan.transport.losses import TunnelRefusedError
from openai_scan.transport.session.clocked import Carrying, ClockedResponse, current

# The beginning of a proxy's page is enough.
_MAX_PAGE_BYTES = 16 * 1024
_MAX_PAGE_SECONDS = 2.0


class Tunnelling(Carrying, Protocol):
    """A connection to a proxy that asks for a tunnel."""

    _tunnel_headers: dict[str, str]
    """The headers for the proxy, including its credentials. The name is that of http.client."""


class TunnelAnswer(ClockedResponse):
    """The answer of a proxy to CONNECT."""

    _first_line: tuple[str, int, str] | None = None

    def __init__(
        self, sock: socket.socket, *args: Any, connection: Tunnelling, **kwargs: Any
    ) -> None:
        super().__init__(sock, *args, connection=connection, **kwargs)
        self._sent = connection._tunnel_headers  # noqa: SLF001 - there is no public way

    def _read_status(self) -> tuple[str, int, str]:
        """Return the first line of the answer if the proxy opened a tunnel.

        Raises:
            TunnelRefusedError: It did not.
        """
        if self._first_line is not None:  # begin() asks again
            return self._first_line
        try:
            self._first_line = super()._read_status()
        except http.client.RemoteDisconnected as error:
            error.args = ("the proxy closed the connection",)
            raise
        _, status, reason = self._first_line
        if status != http.HTTPStatus.OK:
            raise TunnelRefusedError(status, self._words(status, reason))
        return self._first_line

    def _words(self, status: int, reason: str) -> str:
        """Return why the proxy refused, without the credentials that were sent to it."""
        said = _said(self._page().decode("utf-8", "replace"))
        headers = self.headers or http.client.HTTPMessage()  # None if they were cut off
        offers = headers.get_all("Proxy-Authenticate", [])
        return refusals.refusal_of_tunnel(status, reason, offers, sent=self._sent, said=said)

    def _page(self) -> bytes:
        """Return the beginning of the body, or what arrives of it within two seconds."""
        current.carried.clock.end_in(_MAX_PAGE_SECONDS)
        page = b""
        with contextlib.suppress(OSError, http.client.HTTPException):
            self.begin()
            if "Content-Encoding" in self.headers:
                return b""
            while len(page) < _MAX_PAGE_BYTES and (some := self.read1(_MAX_PAGE_BYTES)):
                page += some
        return page


def _said(text: str) -> str:
    """Return the message of an error in JSON, or the beginning of a page as readable text."""
    value = bounded_json.value_or(text)
    message = None if value is None else read_error(value).message
    return readable(message or text)
