"""The interface between the decisions about an HTTP exchange and the code that sends and reads it.

An `Exchange` decides everything: which request is sent, when it is sent again, what an answer
means, how long a wait may take. It does not know how bytes travel. That is the job of a `Wire`:
requests and sockets, threads, an asynchronous client or a browser's `fetch`.

A wire waits in coroutines. A *blocking* wire waits inside its library's calls, so its coroutines
never suspend, and `at_once()` runs each of them to its end without an event loop. The coroutines of
an *asynchronous* wire suspend, and its callers await them. The code above is the same for both.

Each wire keeps these rules:

1. Before each wait it asks `carried.clock.left()` how long the wait may take, and raises
   TimeoutError if that was not enough. It also asks, and checks for cancellation, during long work
   without a wait, such as decompression.
2. It calls `carried.connected()` as soon as a connection carries the request, before the first
   byte is sent. A wire that cannot tell calls it before it sends.
3. `read()` returns what has arrived and waits only if nothing has.
4. It keeps a connection for reuse in one place only: where `read()` finds the end of the body, and
   only if the framing leaves no doubt where that end is, no byte follows it in any buffer, and the
   exchange was not cancelled. The next byte can then only belong to the next answer.
5. It discards a connection if one of its coroutines is left by the caller's own exception, such as
   the cancellation of a task or KeyboardInterrupt: bytes may have been lost.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any, Protocol, TypeVar

from openai_scan.errors import ScanError
from openai_scan.transport.clock import Clock
from openai_scan.transport.request import Parcel

T = TypeVar("T")
CancellationT = TypeVar("CancellationT", bound="Cancellation")
CancellationT_co = TypeVar("CancellationT_co", bound="Cancellation", covariant=True)


class Cancellation(Protocol):
    """Ends the waits of one exchange from outside. Each wire has its own kind.

    It is created with the exchange, possibly in another thread than the reader's, and before
    there is an event loop.
    """

    @property
    def requested(self) -> bool:
        """Whether `request()` has been called."""

    @property
    def inherited(self) -> bool:
        """Whether a parent process created it, so that this process must not end the connection."""

    def request(self) -> None:
        """End the current wait and every later one; each raises OSError. Any thread may call it."""

    def hang_up(self) -> None:
        """Shut the connection down, so that the server notices at once. No-op without a connection.

        Returns at once. The garbage collector may call it, in any thread.
        """

    async def pause(self, seconds: float) -> None:
        """Wait *seconds*, less if `request()` is called. Raises nothing in that case."""


class Carried(Protocol[CancellationT_co]):
    """An exchange, as the wire that carries it sees it."""

    @property
    def clock(self) -> Clock:
        """How long each wait may take."""

    @property
    def cancellation(self) -> CancellationT_co:
        """What may end each wait; created by the same wire."""

    def connected(self, *, reused: bool | None) -> None:
        """Note that the request is about to be sent over an open connection.

        Args:
            reused: Whether the connection has carried another request before; None if the wire
                cannot tell.
        """


class Answer(Protocol):
    """An HTTP response whose headers have arrived and whose body is arriving."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def reason(self) -> str:
        """The phrase that came with the status; may be empty."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; names are case-insensitive."""

    def decodes(self, encoding: str) -> bool:
        """Return whether `read()` decodes this Content-Encoding, given in lower case.

        With several encodings, it decodes all of them or none.
        """

    async def read(self) -> bytes:
        """Return the bytes of the body that have arrived, decoded; wait if there are none.

        Returns:
            At least one byte, or `b""` at the end of the body and from then on.

        Raises:
            Exception: One of the wire's `errors`. Do not read on.
        """

    def close(self) -> None:
        """Release the connection, which is not reused. May be called twice.

        Returns at once. The garbage collector may call it, in any thread.
        """


class Wire(Protocol[CancellationT]):
    """Sends requests to servers and reads what comes back. Many exchanges may share one."""

    @property
    def blocking(self) -> bool:
        """Whether it waits inside its library's calls, so that its coroutines never suspend."""

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What `send()` and `Answer.read()` raise if the network or the configuration fails.

        OSError is one of them. A ScanError that they raise is passed on unchanged.
        """

    def cancellation(self) -> CancellationT:
        """Return what ends the waits of a new exchange."""

    async def send(self, parcel: Parcel, carried: Carried[CancellationT]) -> Answer:
        """Send *parcel* and return the answer when its headers have arrived.

        Redirects are not followed, cookies are neither kept nor sent, and nothing, such as a netrc
        file, replaces a header of the parcel.
        """

    def no_answer(self, error: Exception, where: str, clock: Clock) -> ScanError:
        """Return the error for a request that got no answer.

        Args:
            error: What `send()` raised, without secrets.
            where: The server's base URL.
            clock: The time limits, and whether there was a connection: if not, nothing was sent
                and the result is a ConnectError.
        """

    def broken_answer(self, error: Exception, where: str, clock: Clock) -> ScanError:
        """Return the error for an answer that broke off.

        Args:
            error: What `read()` raised, without secrets.
            where: The server's base URL.
            clock: The time limits.
        """

    def is_stale(self, error: Exception) -> bool:
        """Return whether *error* means that the server had closed a kept connection.

        A wire that sends the request again by itself returns False.
        """

    def strip(self, error: BaseException) -> None:
        """Remove from *error*, but not from its causes, references to the request and quotes."""

    async def aclose(self) -> None:
        """Close the connections that no exchange uses."""


def content_codings(value: str) -> list[str]:
    """Return the names in a Content-Encoding, in lower case."""
    return value.lower().replace(",", " ").split()


def at_once(step: Coroutine[Any, Any, T]) -> T:
    """Run *step* to its end without an event loop: over a blocking wire it never suspends.

    Raises:
        RuntimeError: It did suspend, so the wire is not a blocking one.
    """
    try:
        step.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    step.close()
    raise RuntimeError("a coroutine of a blocking wire was suspended")
