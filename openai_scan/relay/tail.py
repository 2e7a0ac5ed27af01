"""What this process has of a log: one window for each stream, shared by all of its readers.

A reader is a position in a list. It has no queue of its own, so a slow or stalled reader costs the
others nothing, and a thousand readers of one stream cost one list.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import weakref
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from operator import attrgetter

from openai_scan.relay.entries import Entry, Place

_place = attrgetter("place")


# How long tasks may wait so that they are woken together, in seconds.
_TOGETHER_SECONDS = 0.01


class Tail:
    """The entries of one stream that have arrived in this process.

    Any number of threads and tasks may wait for it at once.

    Attributes:
        stream: The id of the stream.
        entries: The entries, in order; only ever appended to.
        is_over: Whether no more will come: the stream has ended, or its log cannot be read any
            longer.
    """

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.entries: list[Entry] = []
        self.is_over = False
        self._changed = threading.Condition()
        self._waiting: list[tuple[_Waker, asyncio.Future[None]]] = []

    @property
    def is_whole(self) -> bool:
        """Whether the last entry of the stream has arrived."""
        return bool(self.entries) and self.entries[-1].kind == "done"

    def push(self, entries: Sequence[Entry]) -> None:
        """Add the entries that are new, those after the last one, in order.

        Entries after `done` are of no use to readers. A process that takes over a job at its very
        end writes such entries.
        """
        with self._changed:
            for entry in entries:
                if self.is_whole:
                    break
                if not self.entries or entry.place > self.entries[-1].place:
                    self.entries.append(entry)
            self.is_over = self.is_over or self.is_whole
            self._wake()

    def end(self) -> None:
        """End the readers, because the log cannot be read any longer."""
        with self._changed:
            self.is_over = True
            self._wake()

    def position_of(self, place: Place) -> int:
        """Return the position of the first entry after *place*.

        A place beyond all that has arrived means the beginning: the reader gets the answer again.
        """
        with self._changed:
            if not self.entries or place > self.entries[-1].place:
                return 0
            return bisect_right(self.entries, place, key=_place)

    def wait(self, position: int, seconds: float | None = None) -> Sequence[Entry]:
        """Wait for entries from *position* on, and return them.

        Returns:
            At least one entry; an empty list if the time has passed or the tail is over.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._has_news(position), seconds)
            return self.entries[position:]

    async def wait_async(self, position: int, seconds: float | None = None) -> Sequence[Entry]:
        """The same for a task on asyncio, which may be cancelled at any time.

        Raises:
            RuntimeError: The task does not run on asyncio.
        """
        loop = _running_loop()
        with self._changed:
            if self._has_news(position):
                return self.entries[position:]
            future = loop.create_future()
            waiting = (_Waker.of(loop), future)
            self._waiting.append(waiting)
        timer = None if seconds is None else loop.call_later(seconds, _resolve, future)
        try:
            await future
        finally:
            if timer is not None:
                timer.cancel()
            with (
                self._changed,
                contextlib.suppress(ValueError),
            ):  # ValueError if nothing has woken it
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


def _running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "reading a relay with `async for` needs asyncio: elsewhere, such as on Trio, read it"
            " with `for` in a thread"
        ) from None


class _Waker:
    """Wakes tasks of one event loop from other threads, many at once if there are many.

    Waking a loop costs a system call and two thread switches. With one call for each entry of each
    stream, a busy loop spent a quarter of its time on being woken. So a loop that has just been
    woken wakes the next tasks a moment later, all together. A loop that was not woken recently
    wakes its task at once.

    It has no lock, because a garbage collection may run its methods anywhere. Two threads that call
    the loop at the same time do no harm.
    """

    _of_loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Waker] = (
        weakref.WeakKeyDictionary()
    )

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> _Waker:
        waker = cls._of_loops.get(loop)
        if waker is None:
            waker = cls._of_loops[loop] = cls()
        return waker

    def __init__(self) -> None:
        self._due: deque[asyncio.Future[None]] = deque()
        self._is_called = False  # the loop has been called but has not run yet
        self._last = -math.inf  # when it last ran, by its clock

    def wake(self, future: asyncio.Future[None]) -> None:
        """Let the task that awaits *future* continue."""
        self._due.append(future)
        if self._is_called:
            return
        self._is_called = True
        try:
            loop = future.get_loop()
            loop.call_soon_threadsafe(self._come, loop)
        except RuntimeError:  # the loop is closed, so its tasks are gone
            self._is_called = False
            self._due.clear()

    def _come(self, loop: asyncio.AbstractEventLoop) -> None:
        early = self._last + _TOGETHER_SECONDS - loop.time()
        if early > 0:
            loop.call_later(early, self._run, loop)
        else:
            self._run(loop)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        self._last = loop.time()
        self._is_called = False  # first: what is added from now on calls the loop again
        while self._due:
            _resolve(self._due.popleft())


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Tails:
    """The tails of a process, each kept as long as a reader has it."""

    def __init__(self) -> None:
        self._tails: weakref.WeakValueDictionary[str, Tail] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()

    def get(self, stream: str) -> Tail | None:
        """Return the tail of *stream*, if a reader has it."""
        return self._tails.get(stream)

    def open(self, stream: str) -> Tail:
        """Return the tail of *stream*.

        It is new and empty if no reader has one, or if the log had become unreadable.
        """
        with self._lock:
            tail = self._tails.get(stream)
            if tail is None or (tail.is_over and not tail.is_whole):
                tail = self._tails[stream] = Tail(stream)
            return tail

    def unfinished(self) -> Sequence[Tail]:
        """Return the tails that may get more entries."""
        with self._lock:
            return [tail for tail in self._tails.values() if not tail.is_over]
