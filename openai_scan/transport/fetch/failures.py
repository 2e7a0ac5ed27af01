"""Translate what an engine says about a failed request into our errors, in this place only.

A browser says next to nothing, so that a page cannot explore the network that it is opened in.
Node.js has the reason in `cause`.
"""

from __future__ import annotations

from typing import Any

from openai_scan.errors import ConnectError, ScanError, TransportError
from openai_scan.transport.clock import Clock
from openai_scan.transport.fetch.engine import is_page, js

# What Node.js says if there was no connection, so that the request cannot have arrived.
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
    "; a browser does not say why: there may be no connection or no such host, or the server does"
    " not allow requests from pages of this origin (CORS), or the policy of the page does not allow"
    " the server (CSP)"
)
_MIXED = "; a page that was loaded over https may not send requests over http"


class FetchError(OSError):
    """A request failed. It has no reference to anything in JavaScript.

    Attributes:
        code: What the system calls the reason, as far as the engine passes that on, or None.
    """

    def __init__(self, words: str, code: str | None = None) -> None:
        super().__init__(words)
        self.code = code


def failure_of(error: Any) -> FetchError:
    """Return an exception of JavaScript as one of Python's."""
    cause = getattr(error, "cause", None)
    code = getattr(cause, "code", None)
    # Node.js gives a host that refuses on all its addresses a cause without a message.
    words = getattr(cause, "message", None) or code or error.message
    # Some engines say a sentence, and it becomes a part of one.
    return FetchError(str(words).rstrip("."), None if code is None else str(code))


def no_answer(error: Exception, where: str, clock: Clock) -> ScanError:
    """Return the error for a request that got no answer.

    Args:
        error: What the wire raised.
        where: The server's base URL.
        clock: The time limits.
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
        clock: The time limits.
    """
    if isinstance(error, TimeoutError):
        return clock.overdue(where)
    return TransportError(f"the connection broke during the answer: {error}")
