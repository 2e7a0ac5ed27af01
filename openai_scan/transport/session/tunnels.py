"""What a proxy answers to the request for a tunnel, and why it refuses one."""

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
from openai_scan.transport.key import Secrets, secrets_of
from openai_scan.transport.session.answers import Carrying, ClockedResponse, current

# A page of a proxy says what matters at its beginning; the status alone would do.
_MAX_PAGE_BYTES = 16 * 1024
_MAX_PAGE_SECONDS = 2.0

_MAX_REASON = 200
_MAX_OFFERS = 200

# How a proxy may be told who asks. What `=` follows is a parameter.
_SCHEME = re.compile(r"(?:^|,)\s*([A-Za-z][A-Za-z0-9-]*)(?![A-Za-z0-9-]|\s*=)")

_ASKS_FOR_CREDENTIALS = 407


class Tunnelling(Carrying, Protocol):
    """A connection to a proxy that is to become one to a server."""

    _tunnel_headers: dict[str, str]
    """What the proxy is told, its credentials among them. The name is that of http.client."""


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
        """Return the first line of an answer that is a tunnel.

        Raises:
            TunnelRefusedError: It is none. As much of its page has been read as its words need.
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
        """Return why there is no tunnel, without the credentials that the proxy was sent."""
        page = self._page()
        if status == _ASKS_FOR_CREDENTIALS:
            return self._what_it_asks_for()
        words = f"the proxy answered with HTTP status {status} {reason}".rstrip()
        if said := _said(page.decode("utf-8", "replace")):
            words = f"{words}: {said}"
        return Secrets(secrets_of(self._sent.items())).redact(words)

    def _page(self) -> bytes:
        """Return the beginning of the body, as much of it as can be read and comes soon."""
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
            return "the proxy does not accept the user name and the password in its URL (HTTP 407)"
        headers = self.headers or http.client.HTTPMessage()  # its end may not have come
        offers = headers.get_all("Proxy-Authenticate", [])
        # One header may offer several, each with parameters, such as `Basic realm="a", Negotiate`.
        schemes = _SCHEME.findall(",".join(offers)[:_MAX_OFFERS])
        if schemes and not any(scheme.lower() == "basic" for scheme in schemes):
            names = " or ".join(schemes)
            return f"the proxy asks for {names} (HTTP 407), and can only be sent a password (Basic)"
        return (
            "the proxy asks for a user name and a password (HTTP 407): put them into its URL in"
            " HTTPS_PROXY, such as http://user:password@proxy:3128"
        )


def _said(text: str) -> str:
    """Return what a page says to a person, or JSON of an error."""
    value = bounded_json.value_or(text)
    message = None if value is None else read_error(value).message
    return readable(message or text)
