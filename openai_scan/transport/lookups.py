"""Look names up in threads that nothing waits for.

`socket.getaddrinfo()` can neither be woken nor be given a time limit, and a name server that does
not answer keeps it for minutes. So it runs in a thread of its own, which is left behind if it takes
too long.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from openai_scan.interruptions import carry

Address: TypeAlias = "tuple[Any, ...]"
"""What the socket module calls a sockaddr."""

Found: TypeAlias = "tuple[socket.AddressFamily, socket.SocketKind, int, str, Address]"
"""What `socket.getaddrinfo()` returns of one address."""


def look_up(host: str, port: int, family: int, flags: int = 0) -> Sequence[Found]:
    """Return the addresses of *host*, and wait for the system as long as it takes.

    Raises:
        OSError: The name is not known, or cannot be one.
    """
    try:
        return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=flags)
    except UnicodeError as error:  # a label that is too long, or empty
        carry(error)
        raise socket.gaierror(socket.EAI_NONAME, f"{host!r} is not a name") from error


def look_up_in_thread(
    host: str, port: int, family: int, then: Callable[[Sequence[Found] | OSError], object]
) -> None:
    """Start to look *host* up, and have *then* called in that thread with what came of it.

    Where no thread can be started, as in an isolated subinterpreter or while the program ends, all
    of it happens here.
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
