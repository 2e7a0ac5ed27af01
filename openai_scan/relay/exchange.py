"""A request and its response, independent of the server.

An error is `{"error": {"message": ..., "code": ...}}`, with a message of ours. It never contains
the words of the upstream server or of a database.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

from attrs import field, frozen

from openai_scan.relay.entries import encode_json
from openai_scan.relay.reading import Reading

_log = logging.getLogger("openai_scan")

MAX_BODY = 256 * 1024
"""The maximum number of bytes in the body of a request."""

LOCAL_USER = "local"
"""The id of the only user of a relay without `authorize`."""

# The Retry-After, in seconds, if the log or the database cannot be reached.
_RETRY_SECONDS = 2

SHARED_HEADERS: Mapping[str, str] = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""For every response: pages of other origins can neither embed it nor misread its type."""

_JSON_HEADERS: Mapping[str, str] = {
    **SHARED_HEADERS,
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
}


@frozen
class Request:
    """What is known of a request before its body is read.

    Attributes:
        method: The method, in upper case.
        path: The path below the mount point of the relay, percent-decoded.
        mount: The path of the mount point, without a trailing slash.
        query: What follows the question mark.
        headers: The headers, their names in lower case.
        peer: The address of the client, if there is one.
    """

    method: str
    path: str
    mount: str = ""
    query: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    peer: str | None = None

    def option(self, name: str) -> str | None:
        """Return the first query parameter with that name, or None."""
        values = parse_qs(self.query).get(name)
        return values[0] if values else None


@frozen
class Asked:
    """A complete request of a user.

    Attributes:
        request: The request without its body.
        body: The body.
    """

    request: Request
    user: str
    body: bytes = field(default=b"", repr=False)


@frozen
class Response:
    """A response.

    Attributes:
        status: The status.
        headers: The headers, without the length of the body.
        body: The body, unless there is a *reading*.
        reading: The source of a body that is sent as it arrives. Close it in any case.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)
    reading: Reading | None = None


def json_response(
    status: int, value: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Response:
    """Return a response that is a JSON object."""
    return Response(status, {**_JSON_HEADERS, **(headers or {})}, encode_json(value))


def no_content() -> Response:
    """Return the response for no content, which ends an `EventSource`."""
    return Response(204, {**SHARED_HEADERS, "Cache-Control": "no-store"})


class RefusedError(Exception):
    """A request is rejected.

    Attributes:
        response: The response to send.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        error = {"message": message, "code": code}
        self.response = json_response(status, {"error": error}, headers)


def bad_request(message: str) -> RefusedError:
    """Return the error for a malformed request."""
    return RefusedError(400, "bad_request", message)


def not_there() -> RefusedError:
    """Return the error for what does not exist or belongs to another user: they look the same."""
    return RefusedError(404, "not_found", "There is no such stream, conversation or page for you.")


def wrong_method(allowed: str) -> RefusedError:
    """Return the error for a wrong method."""
    return RefusedError(405, "wrong_method", f"The method must be {allowed}.", {"Allow": allowed})


def too_slow() -> RefusedError:
    """Return the error for a body that does not arrive."""
    return RefusedError(408, "too_slow", "The body of the request did not arrive in time.")


def no_length() -> RefusedError:
    """Return the error for a body without the Content-Length that the server needs."""
    return RefusedError(411, "no_length", "The request must have a Content-Length.")


def too_large() -> RefusedError:
    """Return the error for a body that is too large."""
    return RefusedError(
        413, "too_large", f"The body of a request may have at most {MAX_BODY} bytes."
    )


def failed() -> RefusedError:
    """Return the error for an internal failure; only the log has the details."""
    return RefusedError(500, "failed", "The relay has failed; its log has the details.")


def unavailable() -> RefusedError:
    """Return the error for a request that may succeed later."""
    return RefusedError(
        503,
        "unavailable",
        "The relay cannot reach its log or its database: retry later.",
        {"Retry-After": str(_RETRY_SECONDS)},
    )


def checked_user(user: object) -> str:
    """Return the result of `authorize` if it is a user id.

    Raises:
        RefusedError: It is None or "".
        TypeError: It is not a string.
    """
    if not user:
        raise RefusedError(401, "not_signed_in", "Sign in first.")
    if not isinstance(user, str):
        raise TypeError(f"authorize must return a string or None, not {type(user).__name__}")
    return user


@contextlib.contextmanager
def identifying() -> Iterator[None]:
    """Reject a request if `authorize` fails inside the `with` block.

    Raises:
        RefusedError: It has failed, or no user is signed in.
    """
    try:
        yield
    except RefusedError:
        raise
    except Exception:  # noqa: BLE001 - a bug in the user's function, not in the request
        _log.exception("authorize failed")
        raise failed() from None
