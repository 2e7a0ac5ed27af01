"""Translate the errors of requests, urllib3 and the system into our own: the border."""

from __future__ import annotations

import http.client
import ssl
import zlib

import requests
import urllib3

from openai_scan.errors import ConnectError, ScanError, StreamTimeoutError, TLSError, TransportError
from openai_scan.transport.request import Timeout

TIMEOUTS = (urllib3.exceptions.ReadTimeoutError, TimeoutError)
"""What a read raises when its time is over."""

READ_ERRORS = (urllib3.exceptions.HTTPError, OSError, ssl.SSLError, zlib.error)
"""Whatever a read may raise."""

# The deepest chain of causes seen has six errors; a chain may also be a ring.
_MAX_CAUSES = 20


def no_answer(
    error: requests.RequestException, where: str, timeout: Timeout, *, connected: bool
) -> ScanError:
    """Return the error for a request that got no answer.

    Args:
        error: What requests raised.
        where: The server's base URL.
        timeout: The time limits that held.
        connected: Whether there was a connection.
    """
    connect, first_byte = timeout.before_the_answer()
    match error:
        case requests.exceptions.SSLError():  # it is a ConnectionError too
            return TLSError(f"no secure connection to {where}: {reason(error)}")
        case requests.exceptions.ConnectTimeout():
            return StreamTimeoutError(f"no connection to {where} within {connect:g} s")
        case requests.exceptions.ReadTimeout():
            return StreamTimeoutError(f"no answer from {where} within {first_byte:g} s")
        case requests.exceptions.ProxyError():
            return ConnectError(f"no connection to {where} through the proxy: {reason(error)}")
        case requests.ConnectionError() if not connected:
            return ConnectError(f"no connection to {where}: {reason(error)}")
        case _:
            return TransportError(f"no answer from {where}: {reason(error)}")


def broken_answer(error: Exception, timeout: Timeout, *, overdue: bool) -> ScanError:
    """Return the error for an answer that broke off.

    Args:
        error: What the read raised; one of `READ_ERRORS`.
        timeout: The time limits that held.
        overdue: Whether the time for the whole answer was over.
    """
    if not isinstance(error, TIMEOUTS):
        return TransportError(f"the connection broke during the answer: {reason(error)}")
    if overdue and timeout.total is None:  # the streamer set a limit, see LiveSource.expire
        return StreamTimeoutError("the server held the connection open after the answer")
    if overdue:
        return StreamTimeoutError(f"the answer took longer than total={timeout.total:g} s")
    return StreamTimeoutError(f"nothing came for idle={timeout.idle:g} s")


def reason(error: BaseException) -> str:
    """Return what went wrong, in the words of the innermost error that has plain ones."""
    words = str(error)
    cause = error
    for _ in range(_MAX_CAUSES):
        if isinstance(cause, OSError) and cause.strerror:
            words = cause.strerror
        elif isinstance(cause, http.client.IncompleteRead):  # urllib3's is one too
            words = "it was closed before its end"
        elif isinstance(cause, urllib3.exceptions.DecodeError):
            words = "what was sent cannot be decompressed"
        inner = _cause_of(cause)
        if inner is None:
            break
        cause = inner
    return words


def _cause_of(error: BaseException) -> BaseException | None:
    """Return what caused *error*: urllib3 and requests also put it into attributes."""
    for inner in (getattr(error, "reason", None), *reversed(error.args)):
        if isinstance(inner, BaseException):
            return inner
    return error.__cause__ or error.__context__
