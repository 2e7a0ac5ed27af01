"""Translate the exceptions of aiohttp into ours; only this module does.

aiohttp's exceptions refer to the request, with its headers, or to the address of the proxy. So none
of them leaves the wire: `plain()` returns what Python itself would raise, and the exchange gets
that.
"""

from __future__ import annotations

import errno
import http.client
import os
import socket
import ssl
from collections.abc import Mapping

import aiohttp

from openai_scan.errors import ConnectError, ScanError, TransportError
from openai_scan.transport import losses, refusals
from openai_scan.transport.aio_http.environment import CertificatesError, Proxy
from openai_scan.transport.causes import causes
from openai_scan.transport.clock import Clock
from openai_scan.transport.tls_settings import fault_of

is_stale = losses.is_closed


class ProxyFailedError(OSError):
    """The way through a proxy failed before there was a connection; see its cause."""


def plain(error: aiohttp.ClientError, proxy: Proxy | None) -> Exception:
    """Return a Python exception equivalent to one of aiohttp's.

    Args:
        error: What aiohttp raised before there was an answer.
        proxy: The proxy of the request, if there is one.
    """
    match error:
        case aiohttp.ClientHttpProxyError():
            words = _refusal(error, {} if proxy is None else proxy.headers)
            return _of_proxy(losses.TunnelRefusedError(error.status, words))
        case aiohttp.ClientProxyConnectionError():
            return _of_proxy(_of_system(error.os_error))
        case aiohttp.ClientConnectorCertificateError():
            return error.certificate_error
        case aiohttp.ClientConnectorError():
            return _of_system(error.os_error)
        case aiohttp.InvalidURL():
            return ValueError("a URL is malformed")
        # Any other failure before there is a connection is the proxy's answer to CONNECT.
        case aiohttp.ServerDisconnectedError():
            return _of_proxy(http.client.RemoteDisconnected("the proxy closed the connection"))
        case aiohttp.ClientResponseError():
            return _of_proxy(http.client.HTTPException("the answer of the proxy is not HTTP"))
        case OSError():
            return _of_proxy(_of_system(error))
        case _:
            return _of_proxy(OSError(errno.EPROTO, type(error).__name__))


def no_answer(error: Exception, where: str, clock: Clock) -> ScanError:
    """Return the error for a request that got no answer; see `Wire.no_answer`."""
    if losses.is_timeout(error):
        return clock.overdue(where)
    fault = fault_of(causes(error), of_files=isinstance(error, CertificatesError))
    ours = losses.misconfigured(error, where, clock, fault) or _no_answer(error, where, clock)
    return losses.detailed(ours, error)


def broken_answer(error: Exception, where: str, clock: Clock) -> ScanError:
    """Return the error for an answer that broke off; see `Wire.broken_answer`."""
    if losses.is_timeout(error):
        return clock.overdue(where)
    words = losses.reason(error)
    ours = TransportError(f"the connection broke during the answer: {words}")
    return losses.detailed(ours, error)


def strip(error: BaseException) -> None:
    """Do nothing: no exception of this wire quotes the request."""


def _no_answer(error: Exception, where: str, clock: Clock) -> TransportError:
    words = losses.reason(error)
    match error:
        # Whatever its class: once there is a connection, the request may have arrived.
        case _ if not clock.connecting:
            return TransportError(f"no answer from {where}: {words}")
        case _ if losses.is_out_of_descriptors(error):
            return ConnectError(f"no connection to {where}: {words}")
        case CertificatesError() | ssl.SSLError():
            return losses.insecure(error, where, words)
        case ProxyFailedError():
            return ConnectError(f"no connection to {where} through the proxy: {words}")
        case ValueError():
            return losses.malformed(where)
        case _:
            return ConnectError(f"no connection to {where}: {words}")


def _of_proxy(error: Exception) -> ProxyFailedError:
    failed = ProxyFailedError()
    failed.__cause__ = error
    return failed


def _of_system(error: OSError) -> OSError:
    """Return *error* with the system's own message; asyncio and aiohttp have their own."""
    if isinstance(error, (ssl.SSLError, socket.gaierror)):
        return error
    if error.errno is None:
        return ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "it was closed during the TLS handshake")
    return OSError(error.errno, os.strerror(error.errno))


def _refusal(error: aiohttp.ClientHttpProxyError, sent: Mapping[str, str]) -> str:
    """Return why a proxy refused a tunnel. aiohttp does not read the page that would say more."""
    offers = error.headers.getall("Proxy-Authenticate", []) if error.headers else []
    return refusals.refusal_of_tunnel(error.status, error.message, offers, sent=sent)
