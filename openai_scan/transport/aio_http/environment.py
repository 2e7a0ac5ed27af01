"""Proxies and certificates from the environment, as the blocking wire reads it."""

from __future__ import annotations

import base64
import os
import ssl
import stat
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from attrs import frozen

from openai_scan.errors import ConfigurationError
from openai_scan.transport.tls_settings import named_certificates

_SOCKS = ("socks4", "socks4a", "socks5", "socks5h")


class CertificatesError(OSError):
    """A file for TLS connections cannot be read or written."""


@frozen
class Proxy:
    """A proxy.

    Attributes:
        url: Its URL, without credentials.
        headers: Headers to send to the proxy only.
    """

    url: str
    headers: Mapping[str, str]


def proxy_for(url: str) -> Proxy | None:
    """Return the proxy to reach *url* through, or None.

    Raises:
        ConfigurationError: It is a SOCKS proxy.
        ValueError: Its URL is malformed.
    """
    if not urllib.request.getproxies():
        return None
    # They decide for the blocking wire, and are slow to load.
    from requests.utils import get_environ_proxies, select_proxy

    chosen = select_proxy(url, get_environ_proxies(url))
    if not chosen:
        return None
    try:
        parts = urlsplit(_with_scheme(chosen))
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:  # its message quotes the password
        raise ValueError("the URL of the proxy is malformed") from None
    if parts.scheme in _SOCKS:
        raise ConfigurationError(
            "aiohttp does not support SOCKS proxies, and the environment sets one: pass"
            ' wire="threads", which supports them with the package PySocks'
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("the URL of the proxy is malformed")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Proxy(f"{parts.scheme}://{host}{port}", _credentials(parts))


def _with_scheme(url: str) -> str:
    """Return *url* as requests understands one without a scheme.

    Raises:
        ValueError: It cannot be parsed, such as `user:password@proxy`.
    """
    from requests import utils

    function: Any = utils.prepend_scheme_if_needed  # untyped
    found: str = function(url, "http")
    return found


def _credentials(parts: SplitResult) -> dict[str, str]:
    """Return the header with the user name and the password of a URL, if it has them."""
    if parts.username is None:
        return {}
    text = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    encoded = base64.b64encode(text.encode("latin-1", "replace")).decode()
    return {"Proxy-Authorization": f"Basic {encoded}"}


class Certificates:
    """The TLS settings of connections. Reading the certificates takes milliseconds."""

    def __init__(self) -> None:
        self._context: ssl.SSLContext | None = None
        self._read_for: tuple[str | None, ...] | None = None

    def context(self) -> ssl.SSLContext:
        """Return the TLS context, created again if the environment has changed.

        Raises:
            CertificatesError: A file that the environment names cannot be read or written.
        """
        _, path = named_certificates() or ("", None)
        settings = path, os.environ.get("SSLKEYLOGFILE")
        if self._context is None or settings != self._read_for:
            try:
                self._context, self._read_for = _context(path), settings
            except OSError as error:
                raise CertificatesError(str(error)) from error
        return self._context


def _context(path: str | None) -> ssl.SSLContext:
    if path is None:
        import certifi  # a dependency of requests

        path = certifi.where()
    is_folder = stat.S_ISDIR(Path(path).stat().st_mode)
    context = ssl.create_default_context(
        cafile=None if is_folder else path, capath=path if is_folder else None
    )
    context.set_alpn_protocols(["http/1.1"])
    return context
