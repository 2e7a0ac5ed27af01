"""A place where an answer of the fake server stops until the test lets it go on."""

from __future__ import annotations

import selectors
import socket
import threading

from openai_scan import waiting


class Hold:
    """Say nothing more, until the client hangs up or `release()` is called.

    ::

        gate = hold()
        server.add([chat_chunk("Hi"), gate, *chat_answer(" there")])
        ...
        gate.release()

    Attributes:
        reached: Set as soon as an answer has come to it.
    """

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._lock = threading.Lock()
        self._released = False
        self._waiting: list[socket.socket] = []

    def __repr__(self) -> str:
        return "hold()"

    def release(self) -> None:
        """Let all answers go on that are here, or will be. Any thread may call it."""
        with self._lock:
            self._released = True
            for end in self._waiting:
                end.close()

    def wait(self, connection: socket.socket, stopping: threading.Event) -> bool:
        """Wait; return False if the other side of *connection* has hung up, or at *stopping*."""
        # A thread can wait for two sockets at once, but not for a socket and an event.
        ours, theirs = socket.socketpair()
        with ours, theirs, selectors.DefaultSelector() as selector:
            selector.register(connection, selectors.EVENT_READ)
            selector.register(ours, selectors.EVENT_READ)
            with self._lock:
                if self._released:
                    return True
                self._waiting.append(theirs)
            self.reached.set()
            # On Windows shutting the connection down ends no wait for it.
            while not (ready := selector.select(waiting.SLICE_SECONDS)):
                if stopping.is_set():
                    return False
            return all(key.fileobj is ours for key, _ in ready)
