"""An HTTP answer as a source: the only part that knows requests and urllib3.

What is done here in an unusual way was measured; docs/explanation/transport.md tells how:
`read1` is the only call that hands over bytes as they arrive in every framing, compression is
declined since a compressor holds events back, and the key travels by `AuthBase` because a netrc
file would replace any header.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from requests.structures import CaseInsensitiveDict

from openai_scan._version import __version__
from openai_scan.errors import ScanError
from openai_scan.transport.connections import KeyAuth, new_session
from openai_scan.transport.exchange import Exchange
from openai_scan.transport.request import Parcel, Request, Upload, check_header, fields, plain
from openai_scan.transport.settings import RetryPolicy, Timeout

__all__ = ["Exchange", "Request", "RetryPolicy", "Timeout", "Transport", "Upload"]

# A host that has switched an API off, with what to do about it.
_ASSISTANTS_HINT = (
    "OpenAI switched its Assistants API off on 2026-08-26: set base_url to a server that has it,"
    " or move to create_response_stream"
)

_RESUME_HINT = (
    "only what was created with background=True can be taken up again, and not for long;"
    " retrieve_response returns it once it is finished"
)

# Guards the session of each transport; making one takes less than a millisecond.
_sessions = threading.Lock()


def _after_fork() -> None:
    """Give the child a lock of its own: a thread that is not there may have held this one."""
    global _sessions  # noqa: PLW0603 - there is one for the process
    _sessions = threading.Lock()


with contextlib.suppress(AttributeError):  # Windows does not fork
    os.register_at_fork(after_in_child=_after_fork)


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
        self._session: requests.Session | None = None
        self._session_pid = 0

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"

    def stream(self, request: Request) -> Exchange:
        """Return the answer to *request* as a source of event-stream bytes.

        The request is sent when the first chunk is asked for, so that whoever holds the source
        can cancel it at any moment.

        Raises:
            TypeError: Something in the request cannot be sent as JSON, or a header is no text.
            ValueError: A number in it is none, such as NaN, or a header is malformed.
        """
        return Exchange(self, request, accept="text/event-stream")

    def call(self, request: Request) -> Any:
        """Send *request*, again if its policy says so, and return the JSON value that comes back.

        Raises:
            APIError: The server refused.
            TransportError: The network failed.
            TypeError: See `stream()`.
            ValueError: See `stream()`.
        """
        exchange = Exchange(self, request, accept="application/json")
        while True:
            try:
                return exchange.json()
            except ScanError as error:
                again = exchange.retry(error)
                if again is None:
                    raise
            exchange = again

    def close(self) -> None:
        """Close the connections that are not in use."""
        with _sessions:
            session, self._session = self._session, None
            is_own = self._session_pid == os.getpid()
        # A thread of the parent may have held the locks in it when the process was forked.
        if session is not None and is_own:
            session.close()

    def pack(self, request: Request, key: str, accept: str) -> Parcel:
        """Return *request* as it goes out.

        Args:
            request: What to send.
            key: What tells the server that it has seen the request before.
            accept: The media type that is expected.

        Raises:
            TypeError: See `stream()`.
            ValueError: See `stream()`.
        """
        headers: CaseInsensitiveDict[str] = CaseInsensitiveDict(
            {
                "Accept": accept,
                "Accept-Encoding": "identity",
                "User-Agent": f"openai_scan/{__version__}",
            }
        )
        if request.method == "POST":
            headers["Idempotency-Key"] = key
        data: bytes | tuple[tuple[str, str], ...] | None = None
        if request.uploads:  # requests makes the form, and its Content-Type
            data = tuple(fields(request.body or {}))
        elif request.body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(request.body, default=plain, allow_nan=False).encode()
        headers.update(self._headers)
        headers.update(request.headers)
        for name, value in headers.items():
            check_header(name, value)
        return Parcel(
            method=request.method,
            path=request.path,
            query=tuple(fields({**self._query, **request.query})),
            headers=headers,
            data=data,
            uploads=request.uploads,
        )

    def send(self, parcel: Parcel) -> requests.Response:
        """Send *parcel* and wait for the head of the answer."""
        return self._open_session().request(
            parcel.method,
            self.base_url + parcel.path,
            params=parcel.query,
            headers=parcel.headers,
            data=parcel.data,
            files=[(one.field, (one.name, one.data, one.media_type)) for one in parcel.uploads],
            auth=self._auth,
            stream=True,
            allow_redirects=False,
        )

    def url(self, request: Request) -> str:
        """Return where *request* goes."""
        query = urlencode(list(fields({**self._query, **request.query})))
        return f"{self.base_url}{request.path}?{query}".rstrip("?")

    def hint(self, request: Request, status: int) -> str | None:
        """Return what we know about a refusal of *request* that the server does not say."""
        api = request.path.split("/")[1]
        is_openai = urlsplit(self.base_url).hostname == "api.openai.com"
        if status == 404 and is_openai and api in ("assistants", "threads"):
            return _ASSISTANTS_HINT
        if status in (400, 404) and "starting_after" in request.query:
            return _RESUME_HINT
        return None

    def redact(self, text: str) -> str:
        """Return *text* without the key, which some servers repeat in their errors."""
        return self._auth.redact(text)

    def _open_session(self) -> requests.Session:
        with _sessions:
            # After a fork parent and child must not write to the same connections.
            if self._session is None or self._session_pid != os.getpid():
                self._session, self._session_pid = new_session(), os.getpid()
            return self._session
