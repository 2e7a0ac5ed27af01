"""Who may ask a server that passes on a real key, or hands out what was recorded.

Any program on this machine can connect to a port of the loopback interface, whoever runs it, and
any web page can have a browser do so. So such a server has a key of its own, and refuses what a
browser sends.
"""

from __future__ import annotations

import hmac
import secrets

from openai_scan.testing.paths import is_known
from openai_scan.testing.request import SeenRequest
from openai_scan.testing.steps import Reply, error

# The names of this machine. With any other a web page has made its own name lead here.
_HOSTS = ("127.0.0.1", "localhost", "[::1]")


def new_key() -> str:
    """Return a key that nobody can guess."""
    return f"sk-local-{secrets.token_hex(16)}"


def refused(request: SeenRequest, *, key: str, port: int) -> Reply | None:
    """Return the answer to a request that is not to be served, or None.

    Args:
        request: The request; its body may still be missing.
        key: The key that it has to have.
        port: Where the server listens.
    """
    hosts = [f"{host}:{port}" for host in _HOSTS] + [*_HOSTS] * (port == 80)
    if request.headers.get("host", "").lower() not in hosts:
        return error(403, "this server is asked under the name of this machine only")
    if "origin" in request.headers:
        return error(403, "this server is not for web pages")
    if not hmac.compare_digest((request.key or "").encode(), key.encode()):
        return error(401, "this server has a key of its own, which is another one")
    if not is_known(request.path):
        return error(404, f"no API has the path {request.path}")
    return None
