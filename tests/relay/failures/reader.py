"""What an `EventSource` of a browser does: it follows an answer, and comes back with its cursor."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any

# Longer than anything takes on a busy machine, in seconds.
PATIENCE = 60.0

# How long a reader waits before it comes back, in seconds. The relay says a second, which a test
# need not wait for.
_PAUSE = 0.05


class Reader(threading.Thread):
    """Follows an answer in a thread, until it is told how that has ended, or `leave()`.

    Args:
        stream: The id of the answer.
        ports: Where to follow it. If a visit ends before the answer does, the reader comes back to
            the next one.
        cursor: Where to begin.

    Attributes:
        text: What it shows.
        resets: How often something that it showed was replaced.
        ends: What it was told at the end, each time.
        cursor: The last id that it has got.
        gap: The longest time between two pieces of text, in seconds.
        refusals: The statuses of responses that were no streams.
    """

    def __init__(self, stream: str, ports: Sequence[int], cursor: str = "") -> None:
        super().__init__(name=f"reader of {stream}", daemon=True)
        self.text = ""
        self.resets = 0
        self.ends: list[dict[str, Any]] = []
        self.cursor = cursor
        self.gap = 0.0
        self.refusals: list[int] = []
        self.stream = stream
        self._ports = ports
        self._last: float | None = None
        self._connection: HTTPConnection | None = None
        self._has_left = threading.Event()
        self._changed = threading.Condition()

    def run(self) -> None:
        """Follow the answer."""
        visits = 0
        while not (self.ends or self._has_left.is_set()):
            with contextlib.suppress(OSError, HTTPException):
                self._visit(self._ports[visits % len(self._ports)])
            visits += 1
            self._has_left.wait(_PAUSE)

    def leave(self) -> None:
        """Release the connection, and wait for the end of the thread."""
        self._has_left.set()
        connection = self._connection
        sock = None if connection is None else connection.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self.join(PATIENCE)

    def until_shown(self, text: str) -> None:
        """Wait until it shows *text*, and perhaps more."""
        self._until(lambda: self.text.startswith(text))

    def until_over(self) -> dict[str, Any]:
        """Wait until it is told how the answer has ended, and return what it is told."""
        self._until(lambda: bool(self.ends))
        return self.ends[0]

    def _until(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            met = self._changed.wait_for(condition, PATIENCE)
            assert met, (self.text, self.cursor, self.ends, self.refusals)

    def _visit(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        with contextlib.closing(self._connection) as connection:
            headers = {"x-user": "alice"}
            if self.cursor:
                headers["Last-Event-ID"] = self.cursor
            connection.request("GET", f"/streams/{self.stream}/events", headers=headers)
            with connection.getresponse() as response:
                if response.status != 200:
                    self.refusals.append(response.status)
                    return
                for name, id, data in _events(response):
                    with self._changed:
                        self._take(name, id, data)
                        self._changed.notify_all()
                    if self._has_left.is_set():
                        return

    def _take(self, name: str, id: str, data: Any) -> None:
        self.cursor = id or self.cursor
        if name == "done":
            self.ends.append(data)
            return
        if name == "reset":
            if self.text and not data["text"].startswith(self.text):
                self.resets += 1
            self.text = data["text"]
        else:
            self.text += data["text"]
        now = time.monotonic()
        self.gap = max(self.gap, now - (now if self._last is None else self._last))
        self._last = now


def _events(response: HTTPResponse) -> Iterator[tuple[str, str, Any]]:
    fields: dict[str, str] = {}
    while line := response.readline():
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            fields[name] = value
        else:
            if "data" in fields:
                yield fields["event"], fields.get("id", ""), json.loads(fields["data"])
            fields = {}
