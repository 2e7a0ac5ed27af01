"""Read from Redis: one thread follows the streams of all tails of a process."""

from __future__ import annotations

import contextlib
import logging
import math
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from openai_scan.relay.entries import Entry
from openai_scan.relay.errors import UnavailableError
from openai_scan.relay.log import Job
from openai_scan.relay.redis_entries import Position, id_of, place_of, writer_of
from openai_scan.relay.redis_server import LONGEST_BLOCK, Keys, Outage, Server
from openai_scan.relay.tail import Tail, Tails

_log = logging.getLogger("openai_scan")

# How long to pause after news, in seconds. The next reply then has news of many streams, and the
# next command names all tails opened in the meantime.
_GROUP_SECONDS = 0.02

# For how long this process does not read a stream that it has written to, in seconds. If another
# process takes the stream over in that time, its entries are seen that much later.
_FED_SECONDS = 1.0

# How often to check whether the server still has the streams, in seconds.
_CHECK_SECONDS = 2.0

# How long the server keeps the stream that wakes the thread, in seconds.
_WAKE_SECONDS = 60

# How long closing may take, in seconds.
_LAST_SECONDS = 1.0


class Follower:
    """Follows the streams of all open tails, and the stream of stops, with one command.

    That command, XREAD, waits on the server until one of the streams it names has news. When a tail
    is opened, the command must name one more stream. So it always names one that belongs to this
    process alone, and an entry in it ends the wait. Redis keeps such an entry if it arrives while
    the thread is not waiting, so it cannot be missed.

    Most streams that have readers in this process are written by it as well. The writer *feeds*
    these tails: it passes on what the server has accepted. XREAD does not name a stream that was
    fed a moment ago, because it would return the same entries again. It names the stream again if
    there are entries that the writer did not pass on, or if the writer is silent.

    Args:
        server: The server.
        keys: Its keys.
        tails: The tails.
        on_stop: Called with the id of a stream that must stop.
    """

    def __init__(
        self, server: Server, keys: Keys, tails: Tails, on_stop: Callable[[str], None]
    ) -> None:
        self._server = server
        self._keys = keys
        self._tails = tails
        self._on_stop = on_stop
        self._positions: WeakKeyDictionary[Tail, Position] = WeakKeyDictionary()
        self._fed: WeakKeyDictionary[Tail, float] = WeakKeyDictionary()  # when
        self._waker = keys.wake(secrets.token_hex(8))
        self._woken = b"0-0"
        # From the first one: stops from before this process do no harm, and none is missed that
        # comes before the thread first asks.
        self._stopped = b"0-0"
        self._next_check = 0.0
        self._outage = Outage("the log cannot be followed")
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def start(self) -> None:
        """Start the thread, unless it is running or the log is closed."""
        with self._lock:
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(
                    target=self._run, name="relay-follower", daemon=True
                )
                self._thread.start()

    def follow(self, tail: Tail, position: Position) -> None:
        """Push what comes after *position* to a tail.

        Raises:
            UnavailableError: The server cannot be reached.
        """
        with self._lock:
            self._positions[tail] = position
        self.start()
        self._wake()

    def feed(self, job: Job, entries: Sequence[Entry]) -> None:
        """Push what this process has written to the tail of the job, if there is one."""
        tail = self._tails.get(job.stream)
        if tail is None:
            return
        with self._lock:
            before = self._positions.get(tail)
            position = None if before is None else before.after(entries, writer_of(job))
            if position is None:  # it was not read yet, or earlier entries are missing
                self._fed.pop(tail, None)
                return
            self._fed[tail] = time.monotonic()
            self._positions[tail] = position
            tail.push(entries)

    def _wake(self) -> None:
        with self._server.commands() as commands:
            pipeline = commands.pipeline(transaction=False)
            pipeline.xadd(self._waker, {"": ""}, maxlen=1, approximate=False)
            pipeline.expire(self._waker, _WAKE_SECONDS)
            pipeline.execute()

    def close(self) -> None:
        """End the thread and the tails."""
        with self._lock:
            self._closing.set()
            thread = self._thread
        if thread is not None:
            # In its own thread, because the server may not answer.
            waking = threading.Thread(target=self._wake_to_end, name="relay-waking", daemon=True)
            waking.start()
            until = time.monotonic() + _LAST_SECONDS
            for each in (thread, waking):
                each.join(max(0.0, until - time.monotonic()))
        self._end_tails()

    def _wake_to_end(self) -> None:
        with contextlib.suppress(UnavailableError):
            self._wake()

    def _end_tails(self) -> None:
        for tail in self._tails.unfinished():
            tail.end()

    def _run(self) -> None:
        pause = 0.0
        while not self._closing.wait(pause):
            pause = self._step()
        self._server.close()

    def _step(self) -> float:
        """Wait for news once. Return how long to pause before the next time, in seconds."""
        try:
            has_news = self._read()
            if time.monotonic() >= self._next_check:
                self._check()
        except UnavailableError as error:
            self._end_tails()  # readers reconnect, or get what is stored
            self._next_check = 0.0
            return 0.0 if self._closing.is_set() else self._outage.failed(error)
        self._outage.is_over()
        return _GROUP_SECONDS if has_news else 0.0

    def _followed(self) -> dict[str, tuple[Tail, Position]]:
        """Return the tails that still get entries, by the keys of their streams."""
        with self._lock:
            return {
                self._keys.log(tail.stream): (tail, position)
                for tail, position in self._positions.items()
                if not tail.is_over
            }

    def _is_fed(self, tail: Tail) -> bool:
        return time.monotonic() < self._fed.get(tail, -math.inf) + _FED_SECONDS

    def _read(self) -> bool:
        """Wait for news, and pass it on. Return whether there was any."""
        followed = {
            key: each for key, each in self._followed().items() if not self._is_fed(each[0])
        }
        with self._server.waiting() as waiting:
            news = waiting.xread(
                {
                    self._keys.stops: self._stopped,
                    self._waker: self._woken,
                    **{key: id_of(position.place) for key, (_, position) in followed.items()},
                },
                block=int(1000 * LONGEST_BLOCK),
            )
        for name, reply in news:
            key = name.decode()
            if key == self._waker:
                self._woken = reply[-1][0]
            elif key == self._keys.stops:
                self._stopped = reply[-1][0]
                for _, fields in reply:
                    self._on_stop(fields[b"stream"].decode())
            else:
                self._push(*followed[key], reply)
        return bool(news)

    def _push(self, tail: Tail, position: Position, reply: Any) -> None:
        try:
            entries, position = position.read_on(reply)
        except ValueError:
            _lose(tail)
            return
        with self._lock:
            if position.place > self._positions[tail].place:  # else the writer was faster
                self._positions[tail] = position
            tail.push(entries)

    def _check(self) -> None:
        """End the tails of streams that the server has lost, and detect whether it lost stops."""
        followed = self._followed()
        with self._server.commands() as commands:
            pipeline = commands.pipeline(transaction=False)
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
