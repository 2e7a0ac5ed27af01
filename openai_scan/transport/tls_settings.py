"""Find the environment variable that is at fault if no secure connection can be made.

Wires, their libraries and OpenSSL read these variables, and their errors name the file at best. So
this module looks at the error and at the file afterwards. A check beforehand would be repeated for
each connection, and could still come too early.
"""

from __future__ import annotations

import os
import ssl
import stat
from collections.abc import Iterable
from pathlib import Path

from attrs import frozen

# Of those that name certificates, the first that is set counts.
_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
_KEY_LOG = "SSLKEYLOGFILE"


@frozen
class Fault:
    """A variable that has to be corrected.

    Attributes:
        variable: Its name.
        value: Its value, the path of a file or a folder.
        words: What is wrong with that.
    """

    variable: str
    value: str
    words: str

    def __str__(self) -> str:
        return f"{self.variable} is {self.value!r}, which {self.words}"


def fault_of(causes: Iterable[BaseException], *, of_files: bool) -> Fault | None:
    """Return which variable is at fault, or None.

    Args:
        causes: An error of a connection that was not made, its cause, and so on.
        of_files: Whether it is one of files or of TLS, as far as the library's class for it tells.
    """
    chain = list(causes)
    for cause in chain:
        if isinstance(cause, OSError) and cause.filename and cause.filename == _value(_KEY_LOG):
            return Fault(_KEY_LOG, cause.filename, f"cannot be written: {cause.strerror}")
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in chain):
        return None  # the certificates were read
    if of_files or any(isinstance(cause, ssl.SSLError) for cause in chain):
        return _unread_certificates()
    return None


def named_certificates() -> tuple[str, str] | None:
    """Return the variable that names the certificates and the path that it has, or None."""
    return next(((name, path) for name in _CERTIFICATES if (path := _value(name))), None)


def _unread_certificates() -> Fault | None:
    """Return what is wrong with the variable that names the certificates, or None."""
    named = named_certificates()
    if named is None:
        return None
    name, path = named
    try:
        if not stat.S_ISDIR(Path(path).stat().st_mode):
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:  # an OSError too, in words that few understand
        return Fault(name, path, "has no certificate that can be read")
    except OSError as error:
        return Fault(name, path, f"cannot be read: {error.strerror}")
    return None


def _value(name: str) -> str | None:
    return os.environ.get(name) or None
