"""An HTTP answer as a source: the only part that knows requests and urllib3.

What is done here in an unusual way was measured; docs/explanation/transport.md tells how:
`read1` is the only call that hands over bytes as they arrive in every framing, compression is
declined since a compressor holds events back, and the key travels by `AuthBase` because a netrc
file would replace any header.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from typing import Any

import requests

from openai_scan._version import __version__
from openai_scan.transport.connections import KeyAuth, new_session
from openai_scan.transport.exchange import Exchange
from openai_scan.transport.request import Request, Timeout, Upload, fields, plain

__all__ = ["Exchange", "Request", "Timeout", "Transport", "Upload"]


class Transport:
    """Connections to one server, kept open between requests. Many threads may use it.

    Args:
        base_url: What the paths of all requests are appended to.
        key: The key, or "" to send none.
        key_header: The header that carries the key as it is; by default it is a bearer token.
        headers: What to send with every request.
        query: What to add to every URL.
    """

    def __init__(
        self,
        base_url: str,
        *,
        key: str,
        key_header: str | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> None:
        self.base_url = base_url
        self._auth = KeyAuth(key, key_header)
        self._headers = dict(headers or {})
        self._query = dict(query or {})
        self._lock = threading.Lock()
        self._session: requests.Session | None = None
        self._session_pid = 0

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"

    def stream(self, request: Request) -> Exchange:
        """Return the answer to *request* as a source of event-stream bytes.

        The request is sent when the first chunk is asked for, so that whoever holds the source
        can cancel it at any moment.
        """
        return Exchange(self, request, accept="text/event-stream")

    def call(self, request: Request) -> Any:
        """Send *request* and return the JSON value that comes back.

        Raises:
            APIError: The server refused.
            TransportError: The network failed.
        """
        return Exchange(self, request, accept="application/json").json()

    def close(self) -> None:
        """Close the connections that are not in use."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()

    def send(self, request: Request, *, accept: str) -> requests.Response:
        """Send *request* and wait for the head of the answer."""
        headers = {
            "Accept": accept,
            "Accept-Encoding": "identity",
            "User-Agent": f"openai_scan/{__version__}",
            **self._headers,
            **request.headers,
        }
        data: bytes | list[tuple[str, str]] | None = None
        if request.uploads:  # requests makes the form, and its Content-Type
            data = list(fields(request.body or {}))
        elif request.body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(request.body, default=plain, allow_nan=False).encode()
        return self._open_session().request(
            request.method,
            self.base_url + request.path,
            params=list(fields({**self._query, **request.query})),
            headers=headers,
            data=data,
            files=[(one.field, (one.name, one.data, one.media_type)) for one in request.uploads],
            auth=self._auth,
            stream=True,
            timeout=request.timeout.before_the_answer(),
            allow_redirects=False,
        )

    def redact(self, text: str) -> str:
        """Return *text* without the key, which some servers repeat in their errors."""
        return self._auth.redact(text)

    def _open_session(self) -> requests.Session:
        with self._lock:
            # After a fork parent and child must not write to the same connections.
            if self._session is None or self._session_pid != os.getpid():
                self._session, self._session_pid = new_session(), os.getpid()
            return self._session
