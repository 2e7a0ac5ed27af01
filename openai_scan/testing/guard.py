"""Protect a server that forwards with a real key, or serves recordings, from other clients.

Any program on this machine can connect to a loopback port, whichever user runs it, and any web page
can make a browser do so. So such a server has a key of its own, and rejects what a browser sends.
"""

from __future__ import annotations

import hmac
import secrets

from openai_scan.testing.paths import is_known
from openai_scan.testing.request import SeenRequest
from openai_scan.testing.steps import Reply, error

# The names of this machine. Any other name may belong to a web page that points it here.
_HOSTS = ("127.0.0.1", "localhost", "[::1]")


def new_key() -> str:
    """Return a key that cannot be guessed."""
    return f"sk-local-{secrets.token_hex(16)}"


def refused(request: SeenRequest, *, key: str, port: int) -> Reply | None:
    """Return the error for a request that must not be served, or None.

    Args:
        request: The request; its body may still be missing.
        key: The key that it must have.
        port: The port of the server.
    """
    hosts = [f"{host}:{port}" for host in _HOSTS] + [*_HOSTS] * (port == 80)
    if request.headers.get("host", "").lower() not in hosts:
        return error(403, "this server accepts only the host names of this machine")
    if "origin" in request.headers:
        return error(403, "this server does not serve web pages")
    if not hmac.compare_digest((request.key or "").encode(), key.encode()):
        return error(401, "wrong key: this server needs its own key")
    if not is_known(request.path):
        return error(404, f"no API has the path {request.path}")
    return None
