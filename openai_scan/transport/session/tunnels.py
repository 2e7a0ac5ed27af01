"""A proxy's answer to CONNECT, and the error if it refuses."""

from __future__ import annotations

import contextlib
import errno
import http.client
import re
import socket
from typing import Any, Protocol

from openai_scan import bounded_json
from openai_scan.events.error import read_error
from openai_scan.snippet import readable
from openai_scan.transport import refusals
from openai_scan.transport.key import Secrets, secrets_of
from openai_scan.transport.session.answers import Carrying, ClockedResponse, current

# The beginning of a proxy's page says what matters.
_MAX_PAGE_BYTES = 16 * 1024
_MAX_PAGE_SECONDS = 2.0

_MAX_REASON = 200
_MAX_OFFERS = 200

# The name of an authentication scheme. A name with `=` after it is a parameter.
_SCHEME = re.compile(r"(?:^|,)\s*([A-Za-z][A-Za-z0-9-]*)(?![A-Za-z0-9-]|\s*=)")

_ASKS_FOR_CREDENTIALS = 407


class Tunnelling(Carrying, Protocol):
    """A connection to a proxy that asks for a tunnel."""

    _tunnel_headers: dict[str, str]
    """The headers for the proxy, including its credentials. The name is that of http.client."""


class TunnelRefusedError(OSError):
    """A proxy refused a tunnel.

    Args:
        status: The HTTP status.
        words: What it said, or what to do.
    """

    def __init__(self, status: int, words: str) -> None:
        super().__init__(errno.EPROTO, words)
        self.status = status


class TunnelAnswer(ClockedResponse):
    """The answer of a proxy to CONNECT."""

    _first_line: tuple[str, int, str] | None = None

    def __init__(
        self, sock: socket.socket, *args: Any, connection: Tunnelling, **kwargs: Any
    ) -> None:
        super().__init__(sock, *args, connection=connection, **kwargs)
        self._sent = connection._tunnel_headers  # noqa: SLF001 - there is no other way to it

    def _read_status(self) -> tuple[str, int, str]:
        """Return the first line of the answer if the proxy made a tunnel.

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
            raise TunnelRefusedError(status, self._words(status, reason[:_MAX_REASON]))
        return self._first_line

    def _words(self, status: int, reason: str) -> str:
        """Return why the proxy refused, without the credentials that were sent to it."""
        page = self._page()
        if status == _ASKS_FOR_CREDENTIALS:
            return self._what_it_asks_for()
        words = f"the proxy answered with HTTP status {status} {reason}".rstrip()
        if said := _said(page.decode("utf-8", "replace")):
            words = f"{words}: {said}"
        return Secrets(secrets_of(self._sent.items())).redact(words)

    def _page(self) -> bytes:
        """Return the beginning of the body, or as much of it as arrives within two seconds."""
        current.carried.clock.end_in(_MAX_PAGE_SECONDS)
        page = b""
        with contextlib.suppress(OSError, http.client.HTTPException):
            self.begin()
            if "Content-Encoding" in self.headers:
                return b""
            while len(page) < _MAX_PAGE_BYTES and (some := self.read1(_MAX_PAGE_BYTES)):
                page += some
        return page

    def _what_it_asks_for(self) -> str:
        sent = any(name.lower() == "proxy-authorization" for name in self._sent)
        if sent:
            return "the proxy did not accept the user name and password in its URL (HTTP 407)"
        headers = self.headers or http.client.HTTPMessage()  # None if they broke off
        offers = headers.get_all("Proxy-Authenticate", [])
        # One header may offer several, each with parameters, such as `Basic realm="a", Negotiate`.
        schemes = _SCHEME.findall(",".join(offers)[:_MAX_OFFERS])
        if schemes and not any(scheme.lower() == "basic" for scheme in schemes):
            names = " or ".join(schemes)
            return f"the proxy requires {names} (HTTP 407), but only Basic is supported"
        return refusals.credentials_for("HTTPS_PROXY", status=" (HTTP 407)")


def _said(text: str) -> str:
    """Return the message of an error in JSON, or the beginning of a page as a person reads it."""
    value = bounded_json.value_or(text)
    message = None if value is None else read_error(value).message
    return readable(message or text)
