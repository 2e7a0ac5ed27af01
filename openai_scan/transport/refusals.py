"""Turn an error response, or a response of the wrong kind, into an exception."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from openai_scan import bounded_json
from openai_scan.errors import APIError, NotAnEventStreamError, ScanError, error_class
from openai_scan.events.error import Error, is_error, read_error
from openai_scan.snippet import readable
from openai_scan.sse import EventTokenizer
from openai_scan.transport.key import Secrets, secrets_of
from openai_scan.transport.retries import retry_after, should_retry

_MAX_OFFERS = 200
_MAX_REASON = 200

_ASKS_FOR_CREDENTIALS = 407

# The name of an authentication scheme. A name with `=` after it is a parameter.
_SCHEME = re.compile(r"(?:^|,)\s*([A-Za-z][A-Za-z0-9-]*)(?![A-Za-z0-9-]|\s*=)")

_REQUEST_ID_HEADERS = ("x-request-id", "apim-request-id", "request-id")


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the server's id for a request, or None."""
    return next((headers[name] for name in _REQUEST_ID_HEADERS if name in headers), None)


def credentials_for(variable: str, *, status: str = "") -> str:
    """Return what to do if the proxy set in *variable* asks for credentials.

    Args:
        variable: The environment variable.
        status: The HTTP status in parentheses, unless the message has it elsewhere.
    """
    return (
        f"the proxy requires a user name and password{status}: add them to its URL in {variable},"
        " such as http://user:password@proxy:3128"
    )


def refusal_of_tunnel(
    status: int,
    reason: str,
    offers: Iterable[str],
    *,
    sent: Mapping[str, str],
    said: str = "",
) -> str:
    """Return why a proxy refused a tunnel, without the credentials that were sent to it.

    Args:
        status: The HTTP status.
        reason: The phrase that came with it; may be empty.
        offers: The values of its header `Proxy-Authenticate`.
        sent: The headers sent to the proxy only.
        said: What its page says, if known.
    """
    if status == _ASKS_FOR_CREDENTIALS:
        return _credentials_asked_for(offers, sent=sent)
    words = f"the proxy answered with HTTP status {status} {reason[:_MAX_REASON]}".rstrip()
    if said:
        words = f"{words}: {said}"
    return Secrets(secrets_of(sent.items())).redact(words)


def _credentials_asked_for(offers: Iterable[str], *, sent: Mapping[str, str]) -> str:
    """Return what to do about a proxy that requires credentials for a tunnel."""
    if any(name.lower() == "proxy-authorization" for name in sent):
        return "the proxy rejected the user name and password in its URL (HTTP 407)"
    # A header may offer several schemes, each with parameters: `Basic realm="a", Negotiate`.
    schemes = _SCHEME.findall(",".join(offers)[:_MAX_OFFERS])
    if schemes and not any(scheme.lower() == "basic" for scheme in schemes):
        names = " or ".join(schemes)
        return f"the proxy requires {names} (HTTP 407), but only Basic is supported"
    return credentials_for("HTTPS_PROXY", status=" (HTTP 407)")


def refusal(
    status: int,
    reason: str,
    headers: Mapping[str, str],
    text: str,
    *,
    hint: str | None = None,
) -> APIError:
    """Return the error for a response whose status is not 2xx.

    Args:
        status: The HTTP status.
        reason: The phrase that came with it; may be empty.
        headers: The headers; names are case-insensitive.
        text: The beginning of the body.
        hint: What this library can add to the server's message.
    """
    payload = _parsed(text)
    error = read_error(payload)
    if status // 100 == 3:
        place = headers.get("Location", "an unknown address").partition("?")[0]
        message = f"the server redirects to {place}: set base_url to that"
    elif isinstance(payload, str):
        message = readable(payload)
    else:
        message = error.message or ""
    message = message or f"the server answered with HTTP status {status} {reason}".rstrip()
    if hint is not None:
        message = f"{message}: {hint}"
    return _api_error(message, error, payload, headers, status=status)


def is_refusal(payload: Any) -> bool:
    """Return whether a JSON value that came with a status of 2xx is only an error.

    An API object that has failed, such as a response, also contains an error.
    """
    if not isinstance(payload, dict):
        return is_error(payload)
    kind = payload.get("object")
    if kind == "error":  # vLLM
        return True
    return kind is None and "id" not in payload and is_error(payload, named=True)


def mismatch(expected: str, headers: Mapping[str, str], text: str) -> ScanError:
    """Return the error for a 2xx response that is not of the requested media type.

    Args:
        expected: The requested media type.
        headers: The headers; names are case-insensitive.
        text: The beginning of the body.
    """
    payload = _parsed(text)
    if is_error(payload) or is_refusal(payload):
        error = read_error(payload)
        message = error.message or "the server reported an error and did not say which"
        return _api_error(message, error, payload, headers)
    sent = headers.get("Content-Type", "a response without Content-Type")
    return NotAnEventStreamError(
        f"the server sent {sent} instead of {expected}: {readable(text) or '(nothing)'}", body=text
    )


def _api_error(
    message: str, error: Error, payload: Any, headers: Mapping[str, str], status: int | None = None
) -> APIError:
    return error_class(status, error.code, error.type)(
        message,
        status=status,
        type=error.type,
        code=error.code,
        param=error.param,
        request_id=request_id(headers),
        retry_after=retry_after(headers),
        should_retry=should_retry(headers),
        body=payload,
    )


def _parsed(text: str) -> Any:
    """Return *text* as JSON, else the data of its first event as JSON, else unchanged."""
    events = list(EventTokenizer().feed(text.encode() + b"\n\n"))
    for candidate in (text, *(event.data for event in events[:1])):
        with contextlib.suppress(ValueError, RecursionError):
            return bounded_json.loads(candidate)
    return text
