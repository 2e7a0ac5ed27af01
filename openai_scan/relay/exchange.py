"""A request and its response, whichever server has read the one and writes the other.

An error is `{"error": {"message": ..., "code": ...}}`, with one sentence of ours. It never has the
words of the server that answers, nor those of a database.
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
"""How many bytes the body of a request may have."""

LOCAL_USER = "local"
"""The id of the only user of a relay that does not ask who a user is."""

# After how many seconds it is worth trying again when the log or the database was not there.
_RETRY_SECONDS = 2

SHARED_HEADERS: Mapping[str, str] = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""Of every response: no page of another origin can embed it, or take it for something else."""

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
        path: The path below the place where the relay is mounted, percent-decoded.
        mount: The path of that place, without a slash at its end.
        query: What follows the question mark.
        headers: The headers, their names in lower case.
        peer: The address that has connected, if there is one.
    """

    method: str
    path: str
    mount: str = ""
    query: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    peer: str | None = None

    def option(self, name: str) -> str | None:
        """Return an option of the query, the first one of that name, or None."""
        values = parse_qs(self.query).get(name)
        return values[0] if values else None


@frozen
class Asked:
    """A whole request of a user.

    Attributes:
        request: What was known before its body was read.
        user: The id of the user.
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
        reading: What to send as the body, as it comes. Close it in any case.
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
    """Return the response that there is nothing, which ends an `EventSource`."""
    return Response(204, {**SHARED_HEADERS, "Cache-Control": "no-store"})


class RefusedError(Exception):
    """A request is refused.

    Attributes:
        response: What to answer.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        error = {"message": message, "code": code}
        self.response = json_response(status, {"error": error}, headers)


def bad_request(message: str) -> RefusedError:
    """Return the refusal of a request that says something wrong."""
    return RefusedError(400, "bad_request", message)


def not_there() -> RefusedError:
    """Return the refusal of what is not there, or is another user's: the two look the same."""
    return RefusedError(404, "not_found", "There is no such stream, conversation or page for you.")


def wrong_method(allowed: str) -> RefusedError:
    """Return the refusal of a method."""
    return RefusedError(405, "wrong_method", f"The method must be {allowed}.", {"Allow": allowed})


def too_slow() -> RefusedError:
    """Return the refusal of a body that does not arrive."""
    return RefusedError(408, "too_slow", "The body of the request did not arrive in time.")


def no_length() -> RefusedError:
    """Return the refusal of a body whose length a server has to know, and does not."""
    return RefusedError(411, "no_length", "The request must have a Content-Length.")


def too_large() -> RefusedError:
    """Return the refusal of a body that is too large."""
    return RefusedError(
        413, "too_large", f"The body of a request may have at most {MAX_BODY} bytes."
    )


def failed() -> RefusedError:
    """Return the answer for a fault of the server; the details are in its log alone."""
    return RefusedError(500, "failed", "The relay has failed; its log has the details.")


def unavailable() -> RefusedError:
    """Return the refusal of a request that is worth sending again."""
    return RefusedError(
        503,
        "unavailable",
        "The relay cannot reach its log or its database: try again later.",
        {"Retry-After": str(_RETRY_SECONDS)},
    )


def checked_user(user: object) -> str:
    """Return what `authorize` has returned, if it is the id of a user.

    Raises:
        RefusedError: It is None or "".
        TypeError: It is no string.
    """
    if not user:
        raise RefusedError(401, "not_signed_in", "Sign in first.")
    if not isinstance(user, str):
        raise TypeError(f"authorize must return a string or None, not {type(user).__name__}")
    return user


@contextlib.contextmanager
def identifying() -> Iterator[None]:
    """Refuse a request if `authorize` fails inside of the `with` block.

    Raises:
        RefusedError: It has failed, or has found no user.
    """
    try:
        yield
    except RefusedError:
        raise
    except Exception:  # noqa: BLE001 - a fault of the user's function, not of the request
        _log.exception("authorize has failed")
        raise failed() from None
