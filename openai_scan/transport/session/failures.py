"""Translate the exceptions of requests, urllib3 and the system into ours; only this module does."""

from __future__ import annotations

import requests
import urllib3

from openai_scan.errors import ConnectError, ScanError, TLSError, TransportError
from openai_scan.transport import losses
from openai_scan.transport.causes import causes
from openai_scan.transport.clock import Clock
from openai_scan.transport.tls_settings import fault_of

# These quote the value of a header, or the URL of a proxy.
_QUOTING = (
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidURL,
    urllib3.exceptions.LocationValueError,
)

_NO_SOCKS = "a SOCKS proxy needs the package PySocks: pip install 'requests[socks]'"

is_stale = losses.is_closed


def no_answer(error: Exception, where: str, clock: Clock) -> ScanError:
    """Return the error for a request that got no answer.

    Args:
        error: What requests raised: one of its own exceptions, or one of Python's about a file of
            certificates or the URL of a proxy.
        where: The server's base URL.
        clock: The timeouts, and whether there was a connection.
    """
    if _is_timeout(error):
        return clock.overdue(where)
    ours = _misconfigured(error, where, clock) or _no_answer(error, where, clock)
    return losses.detailed(ours, error)


def _misconfigured(error: Exception, where: str, clock: Clock) -> TLSError | None:
    """Return the error if an environment variable prevents the connection, or None."""
    # requests finds a missing file before it connects, and raises an error that is not its own.
    of_files = not isinstance(error, requests.RequestException) or any(
        isinstance(one, urllib3.exceptions.SSLError) for one in causes(error)
    )
    fault = fault_of(causes(error), of_files=of_files)
    return losses.misconfigured(error, where, clock, fault)


def _no_answer(error: Exception, where: str, clock: Clock) -> TransportError:
    match error:
        case requests.exceptions.InvalidHeader() if not clock.connecting:
            return TransportError(f"no answer from {where}: a header of the answer is malformed")
        case requests.exceptions.InvalidHeader():  # its own message shows the value
            return TransportError(f"no request to {where}: the value of a header is malformed")
        case requests.exceptions.InvalidURL():
            return losses.malformed(where)
        # Whatever its class: once there is a connection, the request may have arrived.
        case requests.ConnectionError() if not clock.connecting:
            return TransportError(f"no answer from {where}: {reason(error)}")
        case _ if losses.is_out_of_descriptors(error):
            return ConnectError(f"no connection to {where}: {reason(error)}")
        case requests.exceptions.SSLError():
            return losses.insecure(error, where, reason(error))
        case requests.exceptions.InvalidSchema() if "SOCKS" in str(error):
            return TransportError(f"no request to {where}: {_NO_SOCKS}")
        case requests.exceptions.ProxyError():
            return ConnectError(f"no connection to {where} through the proxy: {reason(error)}")
        case requests.ConnectionError():
            return ConnectError(f"no connection to {where}: {reason(error)}")
        case requests.RequestException():
            return TransportError(f"no answer from {where}: {reason(error)}")
        case ValueError():  # the kind of SOCKS proxy is unknown
            return losses.malformed(where)
        case OSError():  # a file of certificates cannot be read
            return TLSError(f"no secure connection to {where}: {error}")
        case _:  # urllib3's own, where requests does not expect it
            return TransportError(f"no answer from {where}: {reason(error)}")


def broken_answer(error: Exception, where: str, clock: Clock) -> ScanError:
    """Return the error for an answer that broke off.

    Args:
        error: What the read raised.
        where: The server's base URL.
        clock: The timeouts.
    """
    if _is_timeout(error):
        return clock.overdue(where)
    ours = TransportError(f"the connection broke during the answer: {reason(error)}")
    return losses.detailed(ours, error)


def _is_timeout(error: Exception) -> bool:
    return losses.is_timeout(error, urllib3.exceptions.ReadTimeoutError)


def reason(error: BaseException) -> str:
    """Return what went wrong, in the plainest words among its causes."""
    return losses.reason(error, urllib3.exceptions.DecodeError)


def strip(error: BaseException) -> None:
    """Remove references to the request, and quotes of it, from *error*.

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
