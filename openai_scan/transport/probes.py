"""The options of a socket that let the system probe whether its peer is still there.

TCP probes tell a dead peer from a silent one, and keep address translators from forgetting the
connection: AWS forgets after 350 s, Google after 120 s.
"""

from __future__ import annotations

import socket

_SECONDS = 60
_PROBES = 5


def options() -> list[tuple[int, int, int]]:
    """Return the options, as `setsockopt()` takes them, of those that this system has."""
    found = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in (
        ("TCP_KEEPIDLE", _SECONDS),
        ("TCP_KEEPALIVE", _SECONDS),  # what macOS calls it
        ("TCP_KEEPINTVL", _SECONDS),
        ("TCP_KEEPCNT", _PROBES),
    ):
        if hasattr(socket, name):
            found.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    return found
