"""A wire without a network: it plays scripts, and keeps an account of what was asked of it.

It shows that an exchange needs nothing but the protocols of `openai_scan.transport.wire`. As an
asynchronous wire it suspends at every wait; as a blocking one it never does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

from attrs import define, field

from openai_scan.errors import ConnectError, ScanError, TransportError
from openai_scan.redaction import redacted
from openai_scan.transport.clock import Clock
from openai_scan.transport.request import Parcel
from openai_scan.transport.wire import Carried

Step: TypeAlias = "bytes | BaseException | Hang"
"""What comes next: bytes, an exception, or nothing."""

EVENT_STREAM = {"content-type": "text/event-stream"}
JSON = {"content-type": "application/json"}


class Hang:
    """A wait that only a time limit or a cancellation ends. `reached` is set when it begins."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()


class Headers(dict[str, str]):
    """Headers whose names, in lower case, are found in any case."""

    def get(self, name: str, default: Any = None, /) -> Any:
        """Return the value of a header."""
        return super().get(name.lower(), default)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())


@define
class Reply:
    """What the server does with one request.

    Attributes:
        steps: The body, as it arrives.
        status: The HTTP status.
        headers: The headers; those of an event stream by default.
        before: What happens before the response headers arrive.
        reused: What the wire says about its connection; "none" to make none.
    """

    steps: Sequence[Step] = field(factory=list)
    status: int = 200
    headers: Mapping[str, str] = field(factory=lambda: EVENT_STREAM)
    before: list[Step] = field(factory=list)
    reused: Any = False


class MemoryCancellation:
    """Wakes a task of the event loop."""

    def __init__(self, account: MemoryWire) -> None:
        self.requested = False
        self.inherited = False
        self._account = account
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()

    def request(self) -> None:
        """Wake the task, now or when it would wait."""
        self.requested = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._woken.set)

    def hang_up(self) -> None:
        """Count it."""
        self._account.hung_up += 1

    async def pause(self, seconds: float) -> None:
        """Note the pause, and wait only if it is to be waited for."""
        self._account.pauses.append(seconds)
        if self._account.during_pause is not None:
            self._loop = asyncio.get_running_loop()
            self._account.during_pause.reached.set()
            await self._woken.wait()

    async def hang(self, hang: Hang, clock: Clock) -> NoReturn:
        """Wait until the time is over or the exchange is cancelled."""
        seconds = clock.left()
        if self._account.blocking:
            raise TimeoutError(f"{seconds} s are over")
        self._loop = asyncio.get_running_loop()
        hang.reached.set()
        try:
            await asyncio.wait_for(self._woken.wait(), seconds)
        except asyncio.TimeoutError:  # not the built-in one before Python 3.11
            raise TimeoutError("over") from None
        raise OSError("cancelled")


class MemoryAnswer:
    """The answer of a reply."""

    def __init__(
        self, reply: Reply, wire: MemoryWire, carried: Carried[MemoryCancellation]
    ) -> None:
        self.status = reply.status
        self.reason = "Reason"
        self.headers = Headers(reply.headers)
        self._steps = iter(reply.steps)
        self._wire = wire
        self._carried = carried
        self._is_open = True

    def decodes(self, encoding: str) -> bool:
        """Say yes to no encoding at all, and to one that changes nothing."""
        return encoding in ("identity", "zip")

    async def read(self) -> bytes:
        """Play the next step; at the end of the body keep the connection."""
        data = await self._wire.play(next(self._steps, b""), self._carried)
        if not data and self._is_open:
            self._is_open = False
            self._wire.kept += 1
        return data

    def close(self) -> None:
        """Count it; an exchange closes no connection that was kept."""
        self._is_open = False
        self._wire.closed += 1


class MemoryWire:
    """Answers each request with the next reply.

    Attributes:
        sent: The requests.
        pauses: The seconds of each pause; none of them is waited for.
        kept: How many connections may carry another request.
        closed: How many may not.
        hung_up: How often `hang_up()` was called.
        stripped: The exceptions that `strip()` was called with.
        during_pause: Set to have a pause wait until it is cancelled.
    """

    errors = (OSError, ValueError)

    def __init__(self, *replies: Reply, blocking: bool = False) -> None:
        self.blocking = blocking
        self.sent: list[Parcel] = []
        self.pauses: list[float] = []
        self.kept = self.closed = self.hung_up = 0
        self.stripped: list[BaseException] = []
        self.during_pause: Hang | None = None
        self.is_closed = False
        self._replies = iter(replies)

    def cancellation(self) -> MemoryCancellation:
        """Return what wakes a task."""
        return MemoryCancellation(self)

    async def send(self, parcel: Parcel, carried: Carried[MemoryCancellation]) -> MemoryAnswer:
        """Answer with the next reply."""
        self.sent.append(parcel)
        reply = next(self._replies)
        if reply.reused != "none":
            carried.connected(reused=reply.reused)
        for step in reply.before:
            await self.play(step, carried)
        return MemoryAnswer(reply, self, carried)

    async def play(self, step: Step, carried: Carried[MemoryCancellation]) -> bytes:
        """Return bytes or raise, after other tasks had their turn."""
        carried.clock.left()
        if not self.blocking:
            await asyncio.sleep(0)
        if isinstance(step, BaseException):
            raise step
        if isinstance(step, Hang):
            await carried.cancellation.hang(step, carried.clock)
        if step:
            carried.clock.answering = True
        return step

    def no_answer(self, error: Exception, where: str, clock: Clock) -> ScanError:
        """Return the error for a request without an answer."""
        if isinstance(error, TimeoutError):
            return clock.overdue(where)
        cls = ConnectError if clock.connecting else TransportError
        return cls(f"no answer from {where}: {error}")

    def broken_answer(self, error: Exception, where: str, clock: Clock) -> ScanError:
        """Return the error for an answer that broke off."""
        if isinstance(error, TimeoutError):
            return clock.overdue(where)
        return TransportError(f"broken: {error}")

    def is_stale(self, error: Exception) -> bool:
        """Return whether the server had left."""
        return isinstance(error, ConnectionResetError)

    def strip(self, error: BaseException) -> None:
        """Note it, and drop what the library would have kept of the request."""
        self.stripped.append(error)
        error.args = redacted(error.args, lambda text: text.replace("prompt", "[prompt]"))

    async def aclose(self) -> None:
        """Note it."""
        self.is_closed = True
