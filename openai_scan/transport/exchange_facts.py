"""What an exchange knows and can be told without waiting for its wire.

A streamer reads and calls these on its source. Each returns at once, over any wire.
"""

from __future__ import annotations

import enum
import logging
import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping

import attrs
from typing_extensions import Self

from openai_scan.errors import ScanError
from openai_scan.interruptions import is_interruption, pass_interruption
from openai_scan.redaction import redact_error, redact_foreign
from openai_scan.transport import refusals
from openai_scan.transport.callers import callers_own
from openai_scan.transport.clock import Clock
from openai_scan.transport.ids import is_id, quoted
from openai_scan.transport.key import Key
from openai_scan.transport.request import Request, merged
from openai_scan.transport.retries import Attempt
from openai_scan.transport.sender import Sender
from openai_scan.transport.wire import Answer, Cancellation

# A connection that the server had closed is noticed within a round trip. A server that disconnects
# later has received the request and may have worked on it.
_STALE_SECONDS = 0.5

_log = logging.getLogger("openai_scan")


class State(enum.Enum):
    """See `exchange.py`."""

    UNSENT = enum.auto()
    SENT = enum.auto()
    BODY = enum.auto()
    OVER = enum.auto()


# Checked by every read, and looking up a member is slow on Python 3.11.
BODY = State.BODY


class ExchangeFacts:
    """What is known of a request and its answer, and what may follow it.

    Args:
        sender: What the requests to the server share.
        request: The request, sent when the first chunk is requested.
        accept: The expected media type.
        attempt: Which attempt at a call it is; the first by default.

    Attributes:
        request: The request.
        notes: What was tolerated in the answer, with counts.
        interrupted: Whether one of the caller's own exceptions has interrupted it.
        clock: The timeouts.
        cancellation: Ends a wait from outside.
        sent_at: When the request was sent, by `time.monotonic()`, or None.
        answered_at: When the response headers had arrived, by the same clock, or None.
    """

    _state: State = State.UNSENT
    interrupted: bool = False
    sent_at: float | None = None
    answered_at: float | None = None

    def __init__(
        self, sender: Sender, request: Request, *, accept: str, attempt: Attempt | None = None
    ) -> None:
        self.request = request
        self.notes: Counter[str] = Counter()
        self._sender = sender
        self._wire = sender.wire
        self._accept = accept
        self._attempt = attempt or Attempt()
        self.clock = Clock(request.timeout, self._attempt.deadline)
        self.cancellation: Cancellation = self._wire.cancellation()
        self._answer: Answer | None = None
        self._reused: bool | None = None  # the connection had carried other requests before
        self._connected_at = 0.0
        self._beside: Self | None = None  # the exchange that the reader waits for, if not this one
        self._ending = False  # the answer is complete; only the end of the body is missing
        self._parcel = sender.pack(request, self._attempt.key, accept)
        self._redact = sender.redactor(request)

    def __repr__(self) -> str:
        status = "no answer yet" if self.status is None else f"HTTP status {self.status}"
        return f"<{type(self).__name__} {self.request}: {status}>"

    @property
    def request_id(self) -> str | None:
        """The server's id for this request, which its support needs, or None."""
        name = refusals.request_id(self.headers)
        return None if name is None else self.redact(name)

    @property
    def reused(self) -> bool | None:
        """Whether the connection had carried another request before.

        None before the answer, or if unknown.
        """
        return None if self._answer is None else self._reused

    @property
    def method(self) -> str:
        """The HTTP method, such as `"POST"`."""
        return self.request.method

    @property
    def url(self) -> str:
        """The URL of the request."""
        return self._sender.url(self.request)

    @property
    def status(self) -> int | None:
        """The HTTP status of the answer; None before the answer."""
        return None if self._answer is None else self._answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the answer; empty before the answer.

        Names are case-insensitive.
        """
        return {} if self._answer is None else self._answer.headers

    def redact(self, text: str) -> str:
        """Return *text* without the key and other secrets of the request."""
        return self._redact(text)

    def cancel(self) -> None:
        """End the wait of the reader, in any state. Any thread may call it."""
        self.cancellation.request()
        if self._beside is not None:
            self._beside.cancel()

    def _wait_for(self, other: Self) -> Self:
        """Make a cancellation of this exchange also cancel *other*, which the reader waits for."""
        self._beside = other
        if self.cancellation.requested:
            other.cancel()
        return other

    def expire(self, seconds: float | None) -> None:
        """End the input in *seconds*, or lift that limit (None).

        What still arrives until then matters little.
        """
        self._ending = seconds is not None
        self.clock.end_in(seconds)

    def heard(self) -> None:
        """Start the limit `event_idle` again: an event, not a keep-alive, has arrived."""
        self.clock.heard()

    def spare(self, seconds: float) -> None:
        """Do not count *seconds* as silence: the caller was busy and not waiting for an event."""
        self.clock.spare(seconds)

    def retry(self, error: ScanError) -> Self | None:
        """Return the same request again, unsent, after *error* and before any content; or None."""
        if self.request.once_open is not None and self._beside is not None:
            return None  # that request may have been served and must not be sent again
        return self._after(error, self._tried.again(error, self.request.retries), self.request)

    def resume(self, error: ScanError, answer_id: str, position: int) -> Self | None:
        """Return an unsent request for the rest of an answer that broke off, or None.

        Args:
            error: How it broke off.
            answer_id: The server's id of the answer.
            position: The number of the last event that arrived.
        """
        onward = self.request.onward
        if onward is None or not is_id(answer_id):
            return None
        attempt = self._tried.onward(error, self.request.retries, position=position)
        request = attrs.evolve(
            onward,
            path=onward.path.format(answer_id=quoted("answer_id", answer_id)),
            query={**onward.query, "starting_after": position},
            onward=onward,
        )
        return self._after(error, attempt, request)

    @property
    def _tried(self) -> Attempt:
        return attrs.evolve(self._attempt, deadline=self.clock.deadline)

    def _may_be_stale(self, error: Exception) -> bool:
        """Return whether the server closed the connection just before it was reused."""
        return (
            bool(self._reused)
            and self.request.retries.attempts > 1
            and not self.cancellation.requested
            and not self.clock.answering
            and time.monotonic() - self._connected_at < _STALE_SECONDS
            and self._wire.is_stale(error)
        )

    def _is_named(self, answer: Answer) -> bool:
        """Return whether *answer* has the expected media type."""
        return media_type_of(answer) == self._accept

    def _callers_own(
        self, error: BaseException, handled: BaseException | None
    ) -> BaseException | None:
        """Return the caller's own exception behind *error* of the wire, or None."""
        return callers_own(error, self._wire.errors, self.clock, handled)

    def _meaning(
        self,
        error: BaseException,
        handled: BaseException | None,
        translate: Callable[[Exception, str, Clock], ScanError],
    ) -> BaseException:
        """Return what to raise for *error* of the wire: the caller's own unchanged, or ours.

        Args:
            error: The exception of the wire; it is being handled.
            handled: The exception that was already being handled, if any.
            translate: Makes an exception of ours from it.
        """
        own = self._callers_own(error, handled)
        if own is not None:
            self.interrupted = True
            return own
        if isinstance(error, ScanError) or not isinstance(error, self._wire.errors):
            return error
        cause = redact_foreign(error, self.redact, strip=self._wire.strip, handled=handled)
        ours = translate(cause, self._sender.base_url, self.clock)
        ours.__cause__ = cause
        return ours

    def _send_with(self, key: Key) -> None:
        """Send the request with *key*, which is kept out of errors, logs and recordings."""
        headers = merged(self._parcel.headers, key.headers())
        self._parcel = attrs.evolve(self._parcel, headers=headers)
        self._redact = self._sender.redactor(self.request, key)

    def _after(self, error: ScanError, attempt: Attempt | None, request: Request) -> Self | None:
        if attempt is None:
            return None
        _log.info(
            "%s: attempt %d in %.3f s, after %s",
            request,
            attempt.number,
            attempt.pause,
            type(error).__name__,
        )
        return type(self)(self._sender, request, accept=self._accept, attempt=attempt)

    def connected(self, *, reused: bool | None) -> None:
        """Note that a connection now carries the request; see `Carried`."""
        self._reused, self._connected_at = reused, time.monotonic()
        self.clock.connected()

    def _give_up(self, error: BaseException) -> BaseException:
        """Move to OVER and return *error*, redacted if it is ours: servers repeat the key."""
        self.interrupted = self.interrupted or is_interruption(error)
        if self.interrupted and self._state is State.SENT:
            self.cancellation.hang_up()  # the wire may just have returned the answer
        if isinstance(error, ScanError) and not self.interrupted:
            redact_error(error, self.redact)
        self._hang_up()
        return error

    def _hang_up(self) -> None:
        """Move to OVER; close the connection so that the server notices."""
        answer = self._answer if self._state is BODY else None
        self._state = State.OVER
        if answer is not None:
            self.cancellation.hang_up()
            try:
                answer.close()
            except Exception as error:  # noqa: BLE001 - the server notices anyway
                pass_interruption(error)
                _log.debug("%s: closing the connection failed: %r", self.request, error)

    def _warn_if_open(self) -> bool:
        """Return whether the connection is still in use; warn if the stream was forgotten."""
        if self._state is not BODY:
            return False
        if not self._ending and not self.cancellation.inherited:
            warnings.warn(f"unclosed stream: {self.request}", ResourceWarning, stacklevel=3)
        return True


def media_type_of(answer: Answer) -> str:
    """Return the media type of *answer*, in lower case and without parameters."""
    return answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
