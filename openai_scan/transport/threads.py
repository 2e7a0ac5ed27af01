"""The asynchronous wire that needs no extra: the blocking wire, in a thread for each exchange.

Connections, TLS, proxies and name lookup are left to `session`. This module only connects a thread
that waits with a task that must not:

- The thread sends the request and waits for the response headers within the clock of the exchange,
  as if there were no task. Meanwhile the task waits for the thread, and only the thread uses the
  clock.
- After the headers the clock belongs to the task: the thread reads without a limit, and the task
  limits its own waits. When a limit expires or it is cancelled, it shuts the socket down, which
  ends the thread's read. It never waits for the thread to end.
- The thread starts to read when the task first asks, and then reads ahead, a bounded amount. So a
  busy task finds all that has arrived, without a thread switch for each read.
- Only the thread closes the answer. Closing a socket while it is being read would allow another
  connection to get its number.

A pool of threads would need fewer threads, but fails when it is smaller than the number of open
streams: then a stream waits for another one to end, which may be waiting for the first.

It works on every event loop that `openai_scan.aio.loops` supports.
"""

from __future__ import annotations

import contextvars
import functools
import threading
from collections.abc import Callable, Mapping
from typing import NoReturn

from attrs import frozen

from openai_scan.aio.loops import Bell, pause
from openai_scan.interruptions import leave_with
from openai_scan.transport.clock import Clock
from openai_scan.transport.request import Parcel
from openai_scan.transport.session.cancellation import SocketCancellation
from openai_scan.transport.session.wire import SessionAnswer, SessionWire
from openai_scan.transport.settings import Timeout
from openai_scan.transport.wire import Carried, at_once
from openai_scan.waiting import LONGEST_WAIT

# How much the thread reads ahead before it waits for the task: a few socket reads.
_READ_AHEAD_BYTES = 256 * 1024

_UNLIMITED = Timeout(connect=None, first_byte=None, idle=None, event_idle=None)


class ThreadsCancellation:
    """Ends the wait of a task, and that of its thread.

    Attributes:
        requested: Whether `request()` has been called.
        of_thread: Ends the waits of the thread.
        bell: Wakes the task.
    """

    requested: bool = False

    def __init__(self) -> None:
        self.of_thread = SocketCancellation()
        self.bell = Bell()

    @property
    def inherited(self) -> bool:
        """Whether a parent process created it, so that this process must not end the connection."""
        return self.of_thread.inherited

    def request(self) -> None:
        """Wake the task and the thread from this wait and every later one."""
        self.requested = True
        self.of_thread.request()
        self.bell.ring()

    def hang_up(self) -> None:
        """Shut the connection down; the thread stops reading."""
        self.of_thread.request()

    async def pause(self, seconds: float) -> None:
        """Wait *seconds*, less if `request()` is called."""
        await self.bell.wait(lambda: self.requested, seconds)


@frozen
class _CarriedByThread:
    """An exchange, as the blocking wire sees it."""

    clock: Clock
    cancellation: SocketCancellation
    connected: Callable[..., None]


class _Reader:
    """What a thread and a task share of one exchange.

    Args:
        send: Sends the request and returns the answer, however long it takes.
        cancellation: Ends it.

    Attributes:
        answer: The answer, once its headers have arrived.
    """

    answer: SessionAnswer | None = None

    def __init__(
        self, send: Callable[[], SessionAnswer], cancellation: ThreadsCancellation
    ) -> None:
        self._send: Callable[[], SessionAnswer] | None = send
        self._cancellation = cancellation
        self._changed = threading.Condition()
        self._chunks: list[bytes] = []
        self._size = 0  # total size of the chunks
        self._error: BaseException | None = None
        self._asked = False  # the task wants to read
        self._over = False  # no more chunks will be added
        self._left = False  # the task has left

    def start(self) -> None:
        """Start the thread.

        Raises:
            OSError: The system cannot start another thread.
        """
        # With the task's context, so that tracing of requests finds the task's current span.
        run = functools.partial(contextvars.copy_context().run, self._run)
        # A daemon: a stream left open does not keep the program running.
        thread = threading.Thread(target=run, name="openai_scan stream", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            raise OSError(f"cannot start a thread to read the answer: {error}") from error

    # Called by the task.

    async def head(self) -> SessionAnswer:
        """Wait for the headers, as long as the thread, which keeps to the clock, does."""
        await self._cancellation.bell.wait(self._has_head, LONGEST_WAIT)
        if self.answer is None:
            self._raise()
        return self.answer

    async def read(self, clock: Clock) -> bytes:
        """Return what has arrived; if nothing has, wait as long as the clock allows."""
        self._ask()
        seconds = clock.left()
        if self._has_news():
            await pause()  # let other tasks run, however fast the chunks come
        elif not await self._cancellation.bell.wait(self._has_news, seconds):
            raise TimeoutError("nothing came")
        if self._cancellation.requested or self._left:
            raise OSError("cancelled")
        with self._changed:
            chunks, self._chunks = self._chunks, []
            if self._size >= _READ_AHEAD_BYTES:
                self._changed.notify()
            self._size = 0
        if not chunks and self._error is not None:
            self._raise()
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def leave(self) -> None:
        """Make the thread end and close the answer. Returns at once; any thread may call it.

        If the thread has already ended, it has closed the answer, and the exchange may send again.
        """
        if self._over:
            return
        if self._cancellation.inherited:  # after a fork the thread does not exist here
            if self.answer is not None:
                self.answer.close()
            return
        with self._changed:
            self._left = True
            self._changed.notify()
        self._cancellation.of_thread.request()
        self._cancellation.bell.ring()

    def _ask(self) -> None:
        if not self._asked:
            with self._changed:
                self._asked = True
                self._changed.notify()

    def _has_head(self) -> bool:
        return self.answer is not None or self._over or self._cancellation.requested

    def _has_news(self) -> bool:
        return bool(self._chunks) or self._over or self._left or self._cancellation.requested

    def _raise(self) -> NoReturn:
        """Raise the exception of the thread."""
        error, self._error = self._error, None
        leave_with(OSError("cancelled") if error is None else error)

    # Run in the thread.

    def _run(self) -> None:
        try:
            answer = self._sent()
            try:
                self._read_ahead(answer)
            finally:
                answer.close()
        except BaseException as error:  # noqa: BLE001 - raised again in the task
            self._error = error
        self._over = True
        self._cancellation.bell.ring()

    def _sent(self) -> SessionAnswer:
        """Send the request, and return the answer when the task has asked for its body."""
        send, self._send = (
            self._send,
            None,
        )  # it refers to the exchange, which must not be kept alive
        assert send is not None  # noqa: S101 - a thread runs once
        answer = send()
        del send
        answer.limit_by(Clock(_UNLIMITED))
        self.answer = answer
        self._cancellation.bell.ring()
        with self._changed:
            self._changed.wait_for(lambda: self._asked or self._left)
        return answer

    def _read_ahead(self, answer: SessionAnswer) -> None:
        while not self._left and (chunk := at_once(answer.read())):
            with self._changed:
                self._chunks.append(chunk)
                self._size += len(chunk)
            self._cancellation.bell.ring()
            if self._size >= _READ_AHEAD_BYTES:
                with self._changed:
                    self._changed.wait_for(lambda: self._size < _READ_AHEAD_BYTES or self._left)


class ThreadsAnswer:
    """An answer whose body a thread reads; see `Answer` for its methods."""

    def __init__(self, reader: _Reader, answer: SessionAnswer, clock: Clock) -> None:
        self.status = answer.status
        self.reason = answer.reason
        self.headers: Mapping[str, str] = answer.headers
        self.decodes = answer.decodes
        self._reader = reader
        self._clock = clock

    async def read(self) -> bytes:
        """Return what has arrived; see `SessionAnswer.read` for what it raises."""
        return await self._reader.read(self._clock)

    def close(self) -> None:
        """Make the thread close the connection, unless it was given back."""
        self._reader.leave()


class ThreadsWire:
    """The blocking wire in threads, one for each exchange, for tasks of any event loop.

    Raises:
        ConfigurationError: See `SessionWire`.
    """

    blocking = False

    errors = SessionWire.errors
    no_answer = staticmethod(SessionWire.no_answer)
    broken_answer = staticmethod(SessionWire.broken_answer)
    is_stale = staticmethod(SessionWire.is_stale)
    strip = staticmethod(SessionWire.strip)

    def __init__(self) -> None:
        self._session = SessionWire()

    def cancellation(self) -> ThreadsCancellation:
        """Return what ends the waits of a new exchange."""
        return ThreadsCancellation()

    async def send(self, parcel: Parcel, carried: Carried[ThreadsCancellation]) -> ThreadsAnswer:
        """Send *parcel* in a thread of its own, which also reads the answer."""
        clock, cancellation = carried.clock, carried.cancellation
        of_thread = _CarriedByThread(clock, cancellation.of_thread, carried.connected)
        reader = _Reader(lambda: at_once(self._session.send(parcel, of_thread)), cancellation)
        reader.start()
        try:
            answer = await reader.head()
        except BaseException:
            reader.leave()
            raise
        return ThreadsAnswer(reader, answer, clock)

    async def aclose(self) -> None:
        """Close the connections that no exchange uses."""
        await self._session.aclose()
