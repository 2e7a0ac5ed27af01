"""What all requests to one server share: its address, the key, headers and the wire."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from openai_scan import bounded_json
from openai_scan._version import __version__
from openai_scan.transport import refusals
from openai_scan.transport.key import AsyncKeySource, Key, Secrets, secrets_of
from openai_scan.transport.request import (
    Parcel,
    Request,
    check_header,
    fields,
    merged,
    plain,
    with_query,
)
from openai_scan.transport.wire import Wire

# Some hosts have shut down an API. The message says what to do about it.
_ASSISTANTS_HINT = (
    "OpenAI shut down its Assistants API on 2026-08-26: set base_url to a server that offers it,"
    " or move to create_response_stream"
)

_RESUME_HINT = (
    "only a response created with background=True can be resumed, and not for long;"
    " retrieve_response returns it once it is finished"
)

_STORED_HINT = (
    "the server probably did not store the response that this request continues: with store=False"
    " run_tools sends the whole conversation instead"
)


_JSON = "application/json"

# Headers that no answer depends on.
_DISPENSABLE = ("Accept-Encoding", "Idempotency-Key", "User-Agent")


class Sender:
    """Prepares requests to one server: the part of a transport that an exchange uses.

    Args:
        base_url: The URL to which the path of each request is appended.
        key: The key, "" to send none, or a callable that returns the key for each attempt.
        wire: What sends the requests.
        key_header: The header that carries the key unchanged; by default it is a bearer token.
        headers: Headers to send with every request.
        query: Parameters to add to every URL.
    """

    def __init__(
        self,
        base_url: str,
        *,
        key: AsyncKeySource,
        wire: Wire[Any],
        key_header: str | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> None:
        self.base_url = base_url
        self.wire = wire
        self.key = Key(key, key_header)
        self._headers = dict(headers or {})
        self._query = dict(query or {})
        self._kept_secret: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"

    def check(self) -> None:
        """Check that requests may be sent now.

        Raises:
            RuntimeError: They may not.
        """

    def pack(self, request: Request, key: str, accept: str) -> Parcel:
        """Return *request* as it is sent.

        Args:
            request: What to send.
            key: Tells the server that two requests are the same call.
            accept: The expected media type.

        Raises:
            TypeError: Part of the request cannot be sent as JSON, or a header is not a string.
            ValueError: A number cannot be sent as JSON, such as NaN, or a header is malformed.
        """
        standard = {
            # Some frameworks return 406 or 500 if the client does not accept the type of their
            # errors.
            "Accept": accept if accept == _JSON else f"{accept}, {_JSON}",
            "Accept-Encoding": "identity",  # compression would delay events
            "User-Agent": f"openai_scan/{__version__}",
        }
        if request.method == "POST":
            standard["Idempotency-Key"] = key
        data: bytes | tuple[tuple[str, str], ...] | None = None
        if request.uploads:  # the wire creates the form and its Content-Type
            data = tuple(fields(request.body or {}))
        elif request.body is not None:
            standard["Content-Type"] = _JSON
            data = bounded_json.dumps(request.body, default=plain, allow_nan=False).encode()
        given = set()
        for part in (self._headers, request.headers):
            for name, value in part.items():
                check_header(name, value)
                given.add(name.lower())
        return Parcel(
            method=request.method,
            url=self.base_url + request.path,
            query=self._parameters(request),
            headers=merged(standard, self.key.headers(), self._headers, request.headers),
            data=data,
            uploads=request.uploads,
            dispensable=frozenset(name for name in _DISPENSABLE if name.lower() not in given),
        )

    def url(self, request: Request) -> str:
        """Return the URL of *request*, query included."""
        return with_query(self.base_url + request.path, self._parameters(request))

    def hint(self, request: Request, status: int, text: str) -> str | None:
        """Return what this library can add to an error that the server does not explain, or None.

        Args:
            request: The request.
            status: The HTTP status.
            text: The beginning of the body.
        """
        api = request.path.split("/")[1]
        is_openai = urlsplit(self.base_url).hostname == "api.openai.com"
        if status == 404 and is_openai and api in ("assistants", "threads"):
            return _ASSISTANTS_HINT
        if status in (400, 404) and "starting_after" in request.query:
            return _RESUME_HINT
        if status == 407:
            return refusals.credentials_for("HTTP_PROXY")
        if "previous_response_id" in (request.body or {}):
            # OpenAI responds with 400 and the code "previous_response_not_found".
            is_missing = status == 404 or (status == 400 and "previous_response" in text)
            return _STORED_HINT if is_missing else None
        return None

    def redact(self, text: str) -> str:
        """Return *text* without the key, which some servers repeat, and other secrets."""
        return self._secrets.redact(text)

    def keep_secret(self, texts: Iterable[str]) -> None:
        """Treat *texts* as secrets too, whatever the names of their headers.

        Call it before the first request.
        """
        self._kept_secret = tuple(texts)

    # Not computed before a request has been packed, which rejects headers that are not strings.
    @functools.cached_property
    def _secrets(self) -> Secrets:
        return Secrets(self._own_secrets())

    def redactor(self, request: Request, key: Key | None = None) -> Callable[[str], str]:
        """Return a function that redacts all secrets sent with *request* in a text.

        Args:
            request: The request.
            key: The key of this attempt, if a callable has returned one.
        """
        own = [*(key.secrets() if key else ()), *secrets_of(request.headers.items())]
        own += secrets_of(fields(request.query))
        return Secrets([*self._own_secrets(), *own]).redact if own else self.redact

    def _own_secrets(self) -> Iterator[str]:
        yield from self.key.secrets()
        yield from self._kept_secret
        yield from secrets_of(self._headers.items())
        yield from secrets_of(fields(self._query))

    def _parameters(self, request: Request) -> tuple[tuple[str, str], ...]:
        return tuple(fields({**self._query, **request.query}))
