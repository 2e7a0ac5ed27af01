"""Socket options for keep-alive probes, by which the system checks that the peer is still there.

TCP probes tell a dead peer from a silent one, and keep address translators from forgetting the
connection: AWS forgets after 350 s, Google after 120 s.
"""

from __future__ import annotations

import socket

_SECONDS = 60
_PROBES = 5


def options() -> list[tuple[int, int, int]]:
    """Return the options that this system supports, as arguments of `setsockopt()`."""
    found = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in (
        ("TCP_KEEPIDLE", _SECONDS),
        ("TCP_KEEPALIVE", _SECONDS),  # its name on macOS
        ("TCP_KEEPINTVL", _SECONDS),
        ("TCP_KEEPCNT", _PROBES),
    ):
        if hasattr(socket, name):
            found.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    return found
