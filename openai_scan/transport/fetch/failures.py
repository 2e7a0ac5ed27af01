"""Translate an engine's errors for failed requests into ours; only this module does.

A browser says almost nothing, so that a page cannot explore the network that it is opened in.
Node.js has the reason in `cause`.
"""

from __future__ import annotations

from typing import Any

from openai_scan.errors import ConnectError, ScanError, TransportError
from openai_scan.transport.clock import Clock
from openai_scan.transport.fetch.engine import is_page, js

# Node.js's codes for requests without a connection, which cannot have arrived.
_UNCONNECTED = frozenset(
    {
        "EAI_AGAIN",
        "ECONNREFUSED",
        "EHOSTUNREACH",
        "ENETUNREACH",
        "ENOTFOUND",
        "UND_ERR_CONNECT_TIMEOUT",
    }
)

_UNTOLD = (
    "; a browser does not say why: there may be no connection or no such host, or the server may"
    " not allow requests from this origin (CORS), or the policy of the page may not allow the"
    " server (CSP)"
)
_MIXED = "; a page that was loaded over https may not send requests over http"


class FetchError(OSError):
    """A request failed. It has no reference to JavaScript objects.

    Attributes:
        code: The system's code for the reason, if the engine passes it on, or None.
    """

    def __init__(self, words: str, code: str | None = None) -> None:
        super().__init__(words)
        self.code = code


def failure_of(error: Any) -> FetchError:
    """Return a JavaScript exception as a Python one."""
    cause = getattr(error, "cause", None)
    code = getattr(cause, "code", None)
    # If a host refuses on all its addresses, the cause in Node.js has no message.
    words = getattr(cause, "message", None) or code or error.message
    # Some engines return a sentence, which here becomes part of another one.
    return FetchError(str(words).rstrip("."), None if code is None else str(code))


def no_answer(error: Exception, where: str, clock: Clock) -> ScanError:
    """Return the error for a request that got no answer.

    Args:
        error: What the wire raised.
        where: The server's base URL.
        clock: The timeouts.
    """
    if isinstance(error, TimeoutError):
        return clock.overdue(where)
    if getattr(error, "code", None) in _UNCONNECTED:
        return ConnectError(f"no connection to {where}: {error}")
    advice = ""
    if is_page():
        is_mixed = js().location.protocol == "https:" and where.startswith("http:")
        advice = _UNTOLD + (_MIXED if is_mixed else "")
    return TransportError(f"no answer from {where}: {error}{advice}")


def broken_answer(error: Exception, where: str, clock: Clock) -> ScanError:
    """Return the error for an answer that broke off.

    Args:
        error: What the wire raised.
        where: The server's base URL.
        clock: The timeouts.
    """
    if isinstance(error, TimeoutError):
        return clock.overdue(where)
    return TransportError(f"the connection broke during the answer: {error}")
