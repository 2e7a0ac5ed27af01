"""Resolve names in threads that can be abandoned.

`socket.getaddrinfo()` can be neither interrupted nor limited in time, and blocks for minutes if a
name server does not answer. So it runs in a thread of its own, which is abandoned if it takes too
long.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from openai_scan.interruptions import carry

Address: TypeAlias = "tuple[Any, ...]"
"""The socket module's sockaddr."""

Found: TypeAlias = "tuple[socket.AddressFamily, socket.SocketKind, int, str, Address]"
"""What `socket.getaddrinfo()` returns for one address."""


def look_up(host: str, port: int, family: int, flags: int = 0) -> Sequence[Found]:
    """Return the addresses of *host*, waiting for the system as long as it takes.

    Raises:
        OSError: The name is unknown or invalid.
    """
    try:
        return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=flags)
    except UnicodeError as error:  # a label that is too long, or empty
        carry(error)
        raise socket.gaierror(socket.EAI_NONAME, f"{host!r} is not a valid host name") from error


def look_up_in_thread(
    host: str, port: int, family: int, then: Callable[[Sequence[Found] | OSError], object]
) -> None:
    """Start to resolve *host*, and call *then* in that thread with the result.

    If no thread can be started, as in an isolated subinterpreter or while the program ends, all
    of this happens in the caller's thread.
    """

    def run() -> None:
        result: Sequence[Found] | OSError
        try:
            result = look_up(host, port, family)
        except OSError as error:
            carry(error)
            result = error
        then(result)

    try:
        threading.Thread(target=run, name="openai_scan-resolver", daemon=True).start()
    except RuntimeError as error:
        carry(error)
        run()
