"""How a connection failed: in plain words, and as facts that decide whether to retry.

This module covers Python's own exceptions, which every library attaches as causes of its own. Each
wire adds what it knows about its library.
"""

from __future__ import annotations

import errno
import http.client
import ssl
from typing import TypeVar

from openai_scan.errors import ConnectError, TLSError, TransportError
from openai_scan.transport.causes import causes
from openai_scan.transport.clock import Clock
from openai_scan.transport.tls_settings import Fault

ErrorT = TypeVar("ErrorT", bound=TransportError)

# Raised if the system, or the other side's, resets the connection.
_RESETS = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)

# Raised if the other side closes the connection too early.
_CUTS = (http.client.IncompleteRead, http.client.RemoteDisconnected, ssl.SSLEOFError)

# These get our own words; see session/.
_OURS = (http.client.HTTPException, http.client.RemoteDisconnected)

_DISTRUST = "; if you trust the server, set REQUESTS_CA_BUNDLE to the file of its authority"

# OpenSSL's codes for an unknown authority, such as a self-signed certificate. Trusting the server
# does not help if the certificate has expired or is for another host.
_UNKNOWN_AUTHORITY = (18, 19, 20, 21)

# How much of a line that is not HTTP the message quotes.
_MAX_LINE = 60


class TunnelRefusedError(OSError):
    """A proxy refused a tunnel.

    Args:
        status: The HTTP status.
        words: What the proxy said, or what to do.
    """

    def __init__(self, status: int, words: str) -> None:
        super().__init__(errno.EPROTO, words)
        self.status = status


def misconfigured(
    error: Exception, where: str, clock: Clock, fault: Fault | None
) -> TLSError | None:
    """Return the error if an environment variable is why no connection is possible, else None.

    Args:
        error: What the attempt to connect raised.
        where: The server's base URL.
        clock: Tells whether there was a connection.
        fault: The variable that seems to be at fault.
    """
    if not clock.connecting or not isinstance(error, OSError) or is_out_of_descriptors(error):
        return None
    if fault is None:
        return None
    ours = TLSError(f"no secure connection to {where}: {fault}")
    ours.variable = fault.variable
    return ours


def insecure(error: Exception, where: str, words: str) -> TLSError:
    """Return the error for a failed TLS handshake, with what to do if known."""
    distrust = any(
        isinstance(one, ssl.SSLCertVerificationError)
        and getattr(one, "verify_code", None) in _UNKNOWN_AUTHORITY
        for one in causes(error)
    )
    return TLSError(f"no secure connection to {where}: {words}{_DISTRUST if distrust else ''}")


def malformed(where: str) -> TransportError:
    """Return the error for a URL whose password the library's message would show."""
    return TransportError(
        f"no request to {where}: its URL, or that of the proxy in the environment, is malformed"
    )


def is_out_of_descriptors(error: Exception) -> bool:
    """Return whether the process or the system cannot open more files, certificates included."""
    numbers = (errno.EMFILE, errno.ENFILE)
    return any(isinstance(one, OSError) and one.errno in numbers for one in causes(error))


def is_timeout(error: Exception, *more: type[Exception]) -> bool:
    """Return whether a wait exceeded one of our limits; an error of the system has a number.

    Args:
        error: What the wait raised.
        more: What a library raises in that case, besides TimeoutError.
    """
    chain = list(causes(error))
    if any(isinstance(one, TimeoutError) and one.errno is not None for one in chain):
        return False
    return any(isinstance(one, (TimeoutError, *more)) for one in chain)


def is_closed(error: Exception) -> bool:
    """Return whether the connection turned out to be closed."""
    closed = (http.client.RemoteDisconnected, *_RESETS)
    return any(isinstance(one, closed) for one in causes(error))


def detailed(ours: ErrorT, error: Exception) -> ErrorT:
    """Add to *ours* what *error* and its causes say about the connection."""
    chain = list(causes(error))
    if any(isinstance(one, _CUTS) for one in chain):
        ours.lost = "cut"  # even if it looks like a reset: RemoteDisconnected is both
    elif any(isinstance(one, _RESETS) for one in chain):
        ours.lost = "reset"
    if isinstance(ours, ConnectError):
        ours.certificate_refused = any(
            isinstance(one, ssl.SSLCertVerificationError) for one in chain
        )
        refusals = (one.status for one in chain if isinstance(one, TunnelRefusedError))
        ours.proxy_status = next(refusals, None)
    return ours


def reason(error: BaseException, *undecodable: type[Exception]) -> str:
    """Return what went wrong, in the words of the innermost error that has readable ones.

    Args:
        error: What was raised.
        undecodable: What a library raises for bytes that it cannot decompress.
    """
    words = str(error)
    for cause in causes(error):
        if isinstance(cause, OSError) and cause.strerror:
            words = cause.strerror
        elif isinstance(cause, http.client.IncompleteRead):  # urllib3's is a subclass
            words = "it was closed before its end"
        elif type(cause) in _OURS:
            words = str(cause)
        elif isinstance(cause, http.client.BadStatusLine):
            words = f"the answer is not HTTP: {str(cause).strip()[:_MAX_LINE]}"
        elif isinstance(cause, http.client.UnknownProtocol):
            words = f"the answer uses {str(cause)[:_MAX_LINE]} instead of HTTP/1.1"
        elif isinstance(cause, http.client.LineTooLong):
            words = "the answer has a header line of more than 64 KiB"
        elif isinstance(cause, undecodable):
            words = "the body cannot be decompressed"
    return words
