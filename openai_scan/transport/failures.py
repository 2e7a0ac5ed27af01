"""Translate the errors of requests, urllib3 and the system into our own: the border."""

from __future__ import annotations

import http.client
import ssl
import zlib
from collections.abc import Iterable, Iterator
from typing import TypeVar

import requests
import urllib3

from openai_scan.errors import (
    ConnectError,
    ConnectTimeoutError,
    ScanError,
    StreamTimeoutError,
    TLSError,
    TransportError,
)
from openai_scan.redaction import Redact, redacted
from openai_scan.transport.clock import Clock

ErrorT = TypeVar("ErrorT", bound=Exception)

TIMEOUTS = (urllib3.exceptions.ReadTimeoutError, TimeoutError)
"""What a read raises when its time is over."""

READ_ERRORS = (urllib3.exceptions.HTTPError, OSError, ssl.SSLError, zlib.error)
"""Whatever a read may raise."""

# What is wrong with a header, or with the URL of a proxy, they tell by showing it.
_TELLTALE = (
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidURL,
    urllib3.exceptions.LocationValueError,
)

# The deepest chain of causes seen has six errors; a chain may also be a ring.
_MAX_CAUSES = 20


def no_answer(error: OSError | ValueError, where: str, clock: Clock) -> ScanError:
    """Return the error for a request that got no answer.

    Args:
        error: What requests raised: one of its own, or a plain one about a file of certificates
            or the URL of a proxy.
        where: The server's base URL.
        clock: The time limits, and how far the request came.
    """
    if any(isinstance(one, TIMEOUTS) for one in causes(error)):
        return overdue(clock, where)
    match error:
        case requests.exceptions.InvalidHeader():  # its own words show the value
            return TransportError(f"no request to {where}: a header has a value that cannot be one")
        case requests.exceptions.InvalidURL():
            return _malformed(where)
        # Whatever it is called: once there is a connection, the request may have arrived.
        case requests.ConnectionError() if not clock.connecting:
            return TransportError(f"no answer from {where}: {reason(error)}")
        case requests.exceptions.SSLError():
            return TLSError(f"no secure connection to {where}: {reason(error)}")
        case requests.exceptions.ProxyError():
            return ConnectError(f"no connection to {where} through the proxy: {reason(error)}")
        case requests.ConnectionError():
            return ConnectError(f"no connection to {where}: {reason(error)}")
        case requests.RequestException():
            return TransportError(f"no answer from {where}: {reason(error)}")
        case ValueError():  # the kind of a SOCKS proxy is not known
            return _malformed(where)
        case _:
            return TLSError(f"no secure connection to {where}: {error}")


def _malformed(where: str) -> TransportError:
    """Return the error for a URL, whose password the library's own words would show."""
    return TransportError(
        f"no request to {where}: its URL, or that of the proxy in the environment, is malformed"
    )


def broken_answer(error: Exception, where: str, clock: Clock) -> ScanError:
    """Return the error for an answer that broke off.

    Args:
        error: What the read raised; one of `READ_ERRORS`.
        where: The server's base URL.
        clock: The time limits.
    """
    if isinstance(error, TIMEOUTS):
        return overdue(clock, where)
    return TransportError(f"the connection broke during the answer: {reason(error)}")


def overdue(clock: Clock, where: str) -> StreamTimeoutError:
    """Return the error for the time limit that has run out."""
    timeout, limit = clock.timeout, clock.limit
    if clock.connecting:
        seconds = timeout.total if limit == "total" else timeout.connect
        message = f"no connection to {where} within {limit}={seconds:g} s"
        return ConnectTimeoutError(message, limit=limit)
    match limit:
        case "first_byte":
            message = f"no answer from {where} within first_byte={timeout.first_byte:g} s"
        case "idle":
            message = f"nothing came for idle={timeout.idle:g} s"
        case "event_idle":
            message = f"no event came for event_idle={timeout.event_idle:g} s"
        case "total":
            message = f"the answer took longer than total={timeout.total:g} s"
        case _:  # the streamer set a limit, see LiveSource.expire
            message = "the server held the connection open after the answer"
            limit = None
    return StreamTimeoutError(message, limit=limit)


def is_stale(error: OSError) -> bool:
    """Tell whether a connection turned out to be closed."""
    closed = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)
    return any(isinstance(one, closed) for one in causes(error))


def is_reset(error: BaseException) -> bool:
    """Tell whether the connection was broken, by this side's system or the other."""
    broken = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)
    # A server that closes a connection before it says a word has not reset it.
    return not is_cut(error) and any(isinstance(one, broken) for one in causes(error))


def is_cut(error: BaseException) -> bool:
    """Tell whether the other side closed the connection in the middle of the answer."""
    closed = (http.client.IncompleteRead, http.client.RemoteDisconnected, ssl.SSLEOFError)
    return any(isinstance(one, closed) for one in causes(error))


def reason(error: BaseException) -> str:
    """Return what went wrong, in the words of the innermost error that has plain ones."""
    words = str(error)
    for cause in causes(error):
        if isinstance(cause, OSError) and cause.strerror:
            words = cause.strerror
        elif isinstance(cause, http.client.IncompleteRead):  # urllib3's is one too
            words = "it was closed before its end"
        elif type(cause) is http.client.HTTPException:  # our own, see connections.py
            words = str(cause)
        elif isinstance(cause, urllib3.exceptions.DecodeError):
            words = "what was sent cannot be decompressed"
    return words


def without_secrets(error: ErrorT, redact: Redact, handled: BaseException | None) -> ErrorT:
    """Take what holds the request out of *error* and all errors behind it; return it.

    What reports a crash prints them too, with all that they hold: requests keeps the request with
    its headers and body, urllib3 puts the query into its words, and the frames of both, which a
    traceback keeps, have everything as local variables.

    Args:
        error: What requests or urllib3 has raised.
        redact: What takes the key out of a text.
        handled: What our caller was handling before. Python puts that behind *error* too, and it
            is none of our business.
    """
    for one in _all_behind(error, handled):
        one.__traceback__ = None
        if isinstance(one, _TELLTALE) or type(one) is ValueError:
            vars(one).clear()
            one.args = ()
        if isinstance(one, requests.RequestException):
            one.request = one.response = None
        if isinstance(one, urllib3.exceptions.RequestError) and one.url:
            path = one.url.partition("?")[0]
            one.args = tuple(str(arg).replace(one.url, path) for arg in one.args)
            one.url = path
        one.args = redacted(one.args, redact)
    return error


def _all_behind(error: BaseException, beyond: BaseException | None) -> Iterable[BaseException]:
    """Return *error* and every error that it has a reference to, as far as the one *beyond*."""
    found: dict[int, BaseException] = {}
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is not beyond and id(one) not in found:
            found[id(one)] = one
            behind = (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args)
            waiting += [inner for inner in behind if isinstance(inner, BaseException)]
    return found.values()


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield *error*, what caused it, and so on: urllib3 and requests also use attributes."""
    cause: BaseException | None = error
    for _ in range(_MAX_CAUSES):
        if cause is None:
            return
        yield cause
        cause = next(
            (
                inner
                for inner in (getattr(cause, "reason", None), *reversed(cause.args))
                if isinstance(inner, BaseException)
            ),
            cause.__cause__ or cause.__context__,
        )
