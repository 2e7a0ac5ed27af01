"""Translate the exceptions of requests, urllib3 and the system into ours, in this place only."""

from __future__ import annotations

import errno
import http.client
import ssl
from typing import TypeVar

import requests
import urllib3

from openai_scan.errors import ConnectError, ScanError, TLSError, TransportError
from openai_scan.transport.causes import causes
from openai_scan.transport.clock import Clock
from openai_scan.transport.session.tls_settings import fault_of
from openai_scan.transport.session.tunnels import TunnelRefusedError

ErrorT = TypeVar("ErrorT", bound=TransportError)

# What a wait raises when its time is up.
_TIMEOUTS = (urllib3.exceptions.ReadTimeoutError, TimeoutError)

# What the system, or the other side's, raises for a connection that broke.
_RESETS = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)

# What the libraries raise when the other side has closed the connection too early.
_CUTS = (http.client.IncompleteRead, http.client.RemoteDisconnected, ssl.SSLEOFError)

# These have words of our own, see answers.py.
_OURS = (http.client.HTTPException, http.client.RemoteDisconnected)

# These quote the value of a header, or the URL of a proxy.
_QUOTING = (
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidURL,
    urllib3.exceptions.LocationValueError,
)

_DISTRUST = "; if you trust the server, name the file of its authority in REQUESTS_CA_BUNDLE"
_NO_SOCKS = "a SOCKS proxy needs the package PySocks: pip install 'requests[socks]'"

# What OpenSSL says of a certificate whose authority is unknown, such as a self-signed
# one. Trust does not help against an expired one, or one of another host.
_UNKNOWN_AUTHORITY = (18, 19, 20, 21)

# How many characters of a line that is not HTTP the message quotes.
_MAX_LINE = 60


def no_answer(error: Exception, where: str, clock: Clock) -> ScanError:
    """Return the error for a request that got no answer.

    Args:
        error: What requests raised: one of its own, or a plain one about a file of certificates
            or the URL of a proxy.
        where: The server's base URL.
        clock: The time limits, and whether there was a connection.
    """
    if _is_timeout(error):
        return clock.overdue(where)
    return _detailed(_misconfigured(error, where, clock) or _no_answer(error, where, clock), error)


def _misconfigured(error: Exception, where: str, clock: Clock) -> TLSError | None:
    """Return the error for a connection that no variable of the environment allows, or None."""
    if not clock.connecting or not isinstance(error, OSError) or _is_out_of_descriptors(error):
        return None
    fault = fault_of(causes(error))
    if fault is None:
        return None
    ours = TLSError(f"no secure connection to {where}: {fault}")
    ours.variable = fault.variable
    return ours


def _no_answer(error: Exception, where: str, clock: Clock) -> TransportError:
    match error:
        case requests.exceptions.InvalidHeader() if not clock.connecting:
            return TransportError(f"no answer from {where}: a header of the answer is malformed")
        case requests.exceptions.InvalidHeader():  # its own message shows the value
            return TransportError(f"no request to {where}: a header has a value that cannot be one")
        case requests.exceptions.InvalidURL():
            return _malformed(where)
        # Whatever its class: once there is a connection, the request may have arrived.
        case requests.ConnectionError() if not clock.connecting:
            return TransportError(f"no answer from {where}: {reason(error)}")
        case _ if _is_out_of_descriptors(error):
            return ConnectError(f"no connection to {where}: {reason(error)}")
        case requests.exceptions.SSLError():
            advice = _DISTRUST if _is_distrust(error) else ""
            return TLSError(f"no secure connection to {where}: {reason(error)}{advice}")
        case requests.exceptions.InvalidSchema() if "SOCKS" in str(error):
            return TransportError(f"no request to {where}: {_NO_SOCKS}")
        case requests.exceptions.ProxyError():
            return ConnectError(f"no connection to {where} through the proxy: {reason(error)}")
        case requests.ConnectionError():
            return ConnectError(f"no connection to {where}: {reason(error)}")
        case requests.RequestException():
            return TransportError(f"no answer from {where}: {reason(error)}")
        case ValueError():  # the kind of a SOCKS proxy is not known
            return _malformed(where)
        case OSError():  # a file of certificates cannot be read
            return TLSError(f"no secure connection to {where}: {error}")
        case _:  # urllib3's own, which requests passes on where it does not expect it
            return TransportError(f"no answer from {where}: {reason(error)}")


def _is_distrust(error: Exception) -> bool:
    """Return whether the certificate is of an authority that is not known."""
    return any(
        isinstance(one, ssl.SSLCertVerificationError)
        and getattr(one, "verify_code", None) in _UNKNOWN_AUTHORITY
        for one in causes(error)
    )


def _is_out_of_descriptors(error: Exception) -> bool:
    """Return whether the process or the system may open no more files, of certificates included."""
    numbers = (errno.EMFILE, errno.ENFILE)
    return any(isinstance(one, OSError) and one.errno in numbers for one in causes(error))


def _malformed(where: str) -> TransportError:
    """Return the error for a URL whose password the library's own message would show."""
    return TransportError(
        f"no request to {where}: its URL, or that of the proxy in the environment, is malformed"
    )


def broken_answer(error: Exception, where: str, clock: Clock) -> ScanError:
    """Return the error for an answer that broke off.

    Args:
        error: What the read raised.
        where: The server's base URL.
        clock: The time limits.
    """
    if _is_timeout(error):
        return clock.overdue(where)
    ours = TransportError(f"the connection broke during the answer: {reason(error)}")
    return _detailed(ours, error)


def _is_timeout(error: Exception) -> bool:
    """Return whether a wait took too long, by our limits: an error of the system has a number."""
    chain = list(causes(error))
    if any(isinstance(one, TimeoutError) and one.errno is not None for one in chain):
        return False
    return any(isinstance(one, _TIMEOUTS) for one in chain)


def _detailed(ours: ErrorT, error: Exception) -> ErrorT:
    """Add to *ours* what the causes say about the connection."""
    chain = list(causes(error))
    if any(isinstance(one, _CUTS) for one in chain):
        ours.lost = "cut"  # also where it looks like a reset: RemoteDisconnected is both
    elif any(isinstance(one, _RESETS) for one in chain):
        ours.lost = "reset"
    if isinstance(ours, ConnectError):
        ours.certificate_refused = any(
            isinstance(one, ssl.SSLCertVerificationError) for one in chain
        )
        refusals = (one.status for one in chain if isinstance(one, TunnelRefusedError))
        ours.proxy_status = next(refusals, None)
    return ours


def is_stale(error: Exception) -> bool:
    """Return whether a connection turned out to have been closed."""
    closed = (http.client.RemoteDisconnected, *_RESETS)
    return any(isinstance(one, closed) for one in causes(error))


def reason(error: BaseException) -> str:
    """Return what went wrong, in the words of the innermost error that has plain ones."""
    words = str(error)
    for cause in causes(error):
        if isinstance(cause, OSError) and cause.strerror:
            words = cause.strerror
        elif isinstance(cause, http.client.IncompleteRead):  # urllib3's is one too
            words = "it was closed before its end"
        elif type(cause) in _OURS:
            words = str(cause)
        elif isinstance(cause, http.client.BadStatusLine):
            words = f"the answer is not HTTP: {str(cause).strip()[:_MAX_LINE]}"
        elif isinstance(cause, http.client.UnknownProtocol):
            words = f"the answer is in {str(cause)[:_MAX_LINE]} instead of HTTP/1.1"
        elif isinstance(cause, http.client.LineTooLong):
            words = "the answer has a header line of more than 64 KiB"
        elif isinstance(cause, urllib3.exceptions.DecodeError):
            words = "what was sent cannot be decompressed"
    return words


def strip(error: BaseException) -> None:
    """Remove from *error* what holds the request or quotes it.

    requests keeps the request, with its headers and body, and urllib3's messages show the query.
    """
    if isinstance(error, _QUOTING) or type(error) is ValueError:
        vars(error).clear()
        error.args = ()
    if isinstance(error, requests.RequestException):
        error.request = error.response = None
    if isinstance(error, urllib3.exceptions.RequestError) and error.url:
        path = error.url.partition("?")[0]
        error.args = tuple(str(arg).replace(error.url, path) for arg in error.args)
        error.url = path
