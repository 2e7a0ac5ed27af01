"""What the processes of a relay read from Redis: one thread for all tails of a process."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from openai_scan.relay.errors import UnavailableError
from openai_scan.relay.redis_server import (
    LONGEST_BLOCK,
    GapError,
    Keys,
    Position,
    Server,
    id_of,
    place_of,
)
from openai_scan.relay.tail import Tail, Tails

_log = logging.getLogger("openai_scan")

# After entries have come, so long is waited for more, in seconds: one reply then has those of many
# streams.
_GROUP_SECONDS = 0.005

# How often it is checked that the server still has the streams, in seconds.
_CHECK_SECONDS = 2.0

# Between two tries to reach the server: the first pause, and the longest, in seconds.
_PAUSES = (0.05, 1.0)

# How long the stream that wakes the thread is kept, in seconds.
_WAKE_SECONDS = 60

# How long closing may take, and how often it interrupts the thread, in seconds.
_LAST_SECONDS = 1.0
_JOIN_SECONDS = 0.02


class Follower:
    """Follows the streams of all tails that are open, and what is to stop, by one command.

    The command waits on the server until one of the streams it names has news. Which streams these
    are changes with each tail that is opened. So one of them is there to wake it: a stream of this
    process alone. As any stream it keeps what comes too early, so that no call is missed.

    Args:
        server: The server.
        keys: Its keys.
        tails: The tails.
        on_stop: Called with the id of a stream that is to stop.
    """

    def __init__(
        self, server: Server, keys: Keys, tails: Tails, on_stop: Callable[[str], None]
    ) -> None:
        self._server = server
        self._keys = keys
        self._tails = tails
        self._on_stop = on_stop
        self._waker = keys.wake(secrets.token_hex(8))
        self._woken = b"0-0"
        self._positions: WeakKeyDictionary[Tail, Position] = WeakKeyDictionary()
        # From the beginning: what was to stop before this process began does not concern it, but
        # what is said between now and the first command may.
        self._stopped = b"0-0"
        self._next_check = 0.0
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def start(self) -> None:
        """Start the thread, unless it runs."""
        with self._lock:
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(
                    target=self._run, name="relay-follower", daemon=True
                )
                self._thread.start()

    def follow(self, tail: Tail, position: Position) -> None:
        """Follow a tail that has been read up to *position*.

        Raises:
            UnavailableError: The server cannot be reached.
        """
        with self._lock:
            self._positions[tail] = position
        self.start()
        with self._server.errors():
            pipeline = self._server.commands.pipeline(transaction=False)
            pipeline.xadd(self._waker, {"": ""}, maxlen=1, approximate=False)
            pipeline.expire(self._waker, _WAKE_SECONDS)
            pipeline.execute()

    def close(self) -> None:
        """End the thread and the tails."""
        self._closing.set()
        with self._lock:
            thread = self._thread
        until = time.monotonic() + _LAST_SECONDS
        while thread is not None and thread.is_alive() and time.monotonic() < until:
            self._server.interrupt()  # once more, if the thread has only been about to wait
            thread.join(_JOIN_SECONDS)
        self._end_tails()

    def _end_tails(self) -> None:
        """Let readers go; they come back, or read what is stored."""
        for tail in self._tails.unfinished():
            tail.end()

    def _run(self) -> None:
        pause = 0.0
        while not self._closing.wait(pause):
            pause = self._pause_after_step(pause)

    def _pause_after_step(self, pause: float) -> float:
        """Wait for news once. Return how long not to ask for more, which had been *pause* before.

        A pause after an error is longer than one after entries, and grows.
        """
        try:
            has_entries = self._read()
            if time.monotonic() >= self._next_check:
                self._check()
        except UnavailableError as error:
            self._end_tails()
            self._next_check = 0.0
            if pause >= _PAUSES[0]:
                return min(2 * pause, _PAUSES[1])
            if not self._closing.is_set():
                _log.warning("the log cannot be followed: %s", error)
            return _PAUSES[0]
        return _GROUP_SECONDS if has_entries else 0.0

    def _followed(self) -> dict[str, tuple[Tail, Position]]:
        """Return the tails that more may come for, by the keys of their streams."""
        with self._lock:
            return {
                self._keys.log(tail.stream): (tail, position)
                for tail, position in self._positions.items()
                if not tail.is_over
            }

    def _read(self) -> bool:
        """Wait for news, and tell those whom they concern. Return whether there were entries."""
        followed = self._followed()
        with self._server.errors():
            news = self._server.waiting.xread(
                {
                    self._keys.stops: self._stopped,
                    self._waker: self._woken,
                    **{key: id_of(position.place) for key, (_, position) in followed.items()},
                },
                block=int(1000 * LONGEST_BLOCK),
            )
        has_entries = False
        for name, reply in news:
            key = name.decode()
            if key == self._waker:
                self._woken = reply[-1][0]
            elif key == self._keys.stops:
                self._stopped = reply[-1][0]
                for _, fields in reply:
                    self._on_stop(fields[b"stream"].decode())
            else:
                has_entries = True
                self._push(*followed[key], reply)
        return has_entries

    def _push(self, tail: Tail, position: Position, reply: Any) -> None:
        try:
            entries, position = position.read_on(reply)
        except GapError:
            _lose(tail)
            return
        tail.push(entries)
        with self._lock:
            self._positions[tail] = position

    def _check(self) -> None:
        """End the tails whose streams the server has lost, and notice if it has lost the stops."""
        followed = self._followed()
        with self._server.errors():
            pipeline = self._server.commands.pipeline(transaction=False)
            pipeline.xrevrange(self._keys.stops, count=1)
            for key in followed:
                pipeline.exists(key)
            last, *exist = pipeline.execute()
        if not last or place_of(last[0][0]) < place_of(self._stopped):
            self._stopped = b"0-0"
        for (tail, _), exists in zip(followed.values(), exist, strict=True):
            if not exists:
                _lose(tail)
        self._next_check = time.monotonic() + _CHECK_SECONDS


def _lose(tail: Tail) -> None:
    _log.warning("the log has lost entries of %s", tail.stream)
    tail.end()
