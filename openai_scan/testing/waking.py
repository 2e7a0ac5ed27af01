"""Read and write the bytes of a connection so that the server can always stop.

On Windows nothing ends a `recv()` in another thread, not even `shutdown()`. So each wait is short,
and after it the connection checks whether the server is stopping.
"""

from __future__ import annotations

import contextlib
import io
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from openai_scan import waiting

if TYPE_CHECKING:
    from typing_extensions import Buffer

ResultT = TypeVar("ResultT")


class StoppableFile(io.RawIOBase):
    """A connection as a file that ends when the server stops.

    Args:
        connection: The socket. From now on each of its calls waits only for a short time.
        stopping: Set when the server stops. Then reads return nothing more, and writes raise
            `ConnectionAbortedError`.
    """

    def __init__(self, connection: socket.socket, stopping: threading.Event) -> None:
        connection.settimeout(waiting.SLICE_SECONDS)
        self._connection = connection
        self._stopping = stopping

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Read what has arrived into *buffer*; return its size, 0 at the end."""
        try:
            return self._wait_for(partial(self._connection.recv_into, buffer))
        except _StoppedError:
            return 0

    def write(self, data: Buffer) -> int:
        """Write all of *data*, and return its size."""
        rest = memoryview(data)
        size = len(rest)
        while rest:
            sent = self._wait_for(partial(self._connection.send, rest))
            rest = rest[sent:]
        return size

    def _wait_for(self, call: Callable[[], ResultT]) -> ResultT:
        """Return what *call* returns; repeat it while it times out."""
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                return call()
        raise _StoppedError("the server is stopping")


class _StoppedError(ConnectionAbortedError):
    """The server is stopping."""
