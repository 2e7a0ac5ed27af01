"""What this process knows of a log: one window for each stream, shared by all of its readers.

A reader is a position in a list. It has no queue of its own, so one that reads slowly or not at all
costs the others nothing, and a thousand readers of one stream cost one list.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from operator import attrgetter

from openai_scan.relay.entries import Entry, Place

_place = attrgetter("place")


class Tail:
    """The entries of one stream that have arrived in this process.

    Any number of threads and tasks may wait for it at once.

    Attributes:
        stream: The id of the stream.
        entries: The entries, in order; only ever appended to.
        is_over: Whether no more will come: the stream has ended, or its log cannot be read any
            more.
    """

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.entries: list[Entry] = []
        self.is_over = False
        self.readers = 0  # of the `Tails`
        self._changed = threading.Condition()
        self._waiting: list[tuple[_Waker, asyncio.Future[None]]] = []

    @property
    def is_whole(self) -> bool:
        """Whether the last entry of the stream has arrived."""
        return bool(self.entries) and self.entries[-1].kind == "done"

    def push(self, entries: Sequence[Entry]) -> None:
        """Add the entries that are new: those behind the last one, in order."""
        with self._changed:
            last = self.entries[-1].place if self.entries else None
            for entry in entries:
                if last is None or entry.place > last:
                    self.entries.append(entry)
                    last = entry.place
            self.is_over = self.is_over or self.is_whole
            self._wake()

    def end(self) -> None:
        """Let the readers go, because the log cannot be read any more."""
        with self._changed:
            self.is_over = True
            self._wake()

    def position_of(self, place: Place) -> int:
        """Return the position of the first entry behind *place*.

        A place that is ahead of all that has arrived means the beginning: the reader gets the
        answer anew.
        """
        with self._changed:
            if not self.entries or place > self.entries[-1].place:
                return 0
            return bisect_right(self.entries, place, key=_place)

    def wait(self, position: int, seconds: float | None = None) -> Sequence[Entry]:
        """Wait for entries from *position* on, and return them.

        Returns:
            At least one entry; or none, if the time has passed or the tail is over.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._has_news(position), seconds)
            return self.entries[position:]

    async def wait_async(self, position: int, seconds: float | None = None) -> Sequence[Entry]:
        """The same for a task on asyncio, which may be cancelled at any time."""
        with self._changed:
            if self._has_news(position):
                return self.entries[position:]
            loop = asyncio.get_running_loop()
            future = loop.create_future()
            waiting = (_Waker.of(loop), future)
            self._waiting.append(waiting)
        timer = None if seconds is None else loop.call_later(seconds, _resolve, future)
        try:
            await future
        finally:
            if timer is not None:
                timer.cancel()
            with self._changed, contextlib.suppress(ValueError):  # if nothing has woken it
                self._waiting.remove(waiting)
        with self._changed:
            return self.entries[position:]

    def _has_news(self, position: int) -> bool:
        return self.is_over or len(self.entries) > position

    def _wake(self) -> None:
        self._changed.notify_all()
        waiting, self._waiting = self._waiting, []
        for waker, future in waiting:
            waker.wake(future)


class _Waker:
    """Wakes tasks of one event loop from other threads, all of a turn of the loop at once.

    A call into a loop from another thread costs a system call. With one for each entry of each
    stream, a busy loop spent a quarter of its time on being woken.
    """

    _of_loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Waker] = (
        weakref.WeakKeyDictionary()
    )
    _lock = threading.Lock()

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> _Waker:
        with cls._lock:
            waker = cls._of_loops.get(loop)
            if waker is None:
                waker = cls._of_loops[loop] = cls(loop)
            return waker

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._due: deque[asyncio.Future[None]] = deque()

    def wake(self, future: asyncio.Future[None]) -> None:
        """Let the task that awaits *future* go on."""
        with self._lock:
            self._due.append(future)
            if len(self._due) > 1:  # the loop has been called, and has not come yet
                return
        loop = self._loop()
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and its tasks are gone
                loop.call_soon_threadsafe(self._run)

    def _run(self) -> None:
        with self._lock:
            due, self._due = self._due, deque()
        for future in due:
            _resolve(future)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Tails:
    """The tails of a process, each kept as long as it has readers."""

    def __init__(self) -> None:
        self._tails: dict[str, Tail] = {}
        self._lock = threading.Lock()

    def get(self, stream: str) -> Tail | None:
        """Return the tail of *stream* if it is kept."""
        return self._tails.get(stream)

    def open(self, stream: str) -> Tail:
        """Return the tail of *stream*, and keep it until `release()`.

        It is new, and empty, if there is none, or if the log could not be read any more.
        """
        with self._lock:
            tail = self._tails.get(stream)
            if tail is None or (tail.is_over and not tail.is_whole):
                tail = self._tails[stream] = Tail(stream)
            tail.readers += 1
            return tail

    def release(self, tail: Tail) -> None:
        """Let go of a tail that `open()` returned."""
        with self._lock:
            tail.readers -= 1
            if not tail.readers and self._tails.get(tail.stream) is tail:
                del self._tails[tail.stream]

    def unfinished(self) -> Sequence[Tail]:
        """Return those that more may come for."""
        with self._lock:
            return [tail for tail in self._tails.values() if not tail.is_over]
