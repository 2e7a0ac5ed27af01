"""Find the environment variable that is at fault if no secure connection can be made.

Wires, their libraries and OpenSSL read these variables, and their errors name the file at most. So
this module looks at the error and the file afterwards. A check in advance would be repeated for
each connection, and could still come too early.
"""

from __future__ import annotations

import os
import ssl
import stat
from collections.abc import Iterable
from pathlib import Path

from attrs import frozen

# Of the variables for certificates, the first that is set counts.
_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
_KEY_LOG = "SSLKEYLOGFILE"


@frozen
class Fault:
    """A variable that must be corrected.

    Attributes:
        variable: Its name.
        value: Its value, the path of a file or a folder.
        words: What is wrong with the value.
    """

    variable: str
    value: str
    words: str

    def __str__(self) -> str:
        return f"{self.variable} is {self.value!r}, which {self.words}"


def fault_of(causes: Iterable[BaseException], *, of_files: bool) -> Fault | None:
    """Return the variable that is at fault, or None.

    Args:
        causes: The error of a failed connection attempt, its cause, and so on.
        of_files: Whether it concerns files or TLS, as far as the library's class for it shows.
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
    """Return the variable that sets the certificates, and its path; or None."""
    return next(((name, path) for name in _CERTIFICATES if (path := _value(name))), None)


def _unread_certificates() -> Fault | None:
    """Return what is wrong with the variable that sets the certificates, or None."""
    named = named_certificates()
    if named is None:
        return None
    name, path = named
    try:
        if not stat.S_ISDIR(Path(path).stat().st_mode):
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:  # also an OSError, but with an obscure message
        return Fault(name, path, "contains no readable certificate")
    except OSError as error:
        return Fault(name, path, f"cannot be read: {error.strerror}")
    return None


def _value(name: str) -> str | None:
    return os.environ.get(name) or None
