"""A point where an answer of the fake server waits until the test releases it."""

from __future__ import annotations

import selectors
import socket
import threading

from openai_scan import waiting


class Hold:
    """Send nothing more until the client disconnects or `release()` is called.

    ::

        gate = hold()
        server.add([chat_chunk("Hi"), gate, *chat_answer(" there")])
        ...
        gate.release()

    Attributes:
        reached: Set when an answer has reached it.
    """

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._lock = threading.Lock()
        self._released = False
        self._waiting: list[socket.socket] = []

    def __repr__(self) -> str:
        return "hold()"

    def release(self) -> None:
        """Let all answers continue that wait here now or later. Any thread may call it."""
        with self._lock:
            self._released = True
            for end in self._waiting:
                end.close()

    def wait(self, connection: socket.socket, stopping: threading.Event) -> bool:
        """Wait; return False if the other side of *connection* disconnects, or at *stopping*."""
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
            # On Windows shutting down a socket does not end a wait for it.
            while not (ready := selector.select(waiting.SLICE_SECONDS)):
                if stopping.is_set():
                    return False
            return all(key.fileobj is ours for key, _ in ready)
