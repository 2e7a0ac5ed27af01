"""Whether a request that failed is sent again, and when."""

from __future__ import annotations

import email.utils
import math
import secrets
import ssl
import time
from collections.abc import Mapping

import attrs
from attrs import field, frozen

from openai_scan.errors import (
    APIError,
    ConnectError,
    ScanError,
    TransportError,
    TruncatedStreamError,
)
from openai_scan.transport.failures import causes
from openai_scan.transport.settings import RetryPolicy


@frozen(kw_only=True)
class Attempt:
    """Which try of a call an exchange is.

    Attributes:
        number: The how-manieth without success, from 1.
        pause: How many seconds to wait before it.
        deadline: When the time for the whole call is over, or None; see `Clock`.
        position: The number of the event that it goes on behind; None if it begins anew.
        key: What tells the server that two requests are one call.
    """

    number: int = 1
    pause: float = 0.0
    deadline: float | None = None
    position: int | None = None
    key: str = field(factory=lambda: f"openai-scan-{secrets.token_hex(16)}")

    def again(self, error: ScanError, policy: RetryPolicy) -> Attempt | None:
        """Return the next try after *error*, or None if there is to be none."""
        return self._next(error, policy) if _is_safe(error, policy) else None

    def onward(self, error: ScanError, policy: RetryPolicy, *, position: int) -> Attempt | None:
        """Return the next try to go on with an answer that broke off, or None.

        Args:
            error: How it broke.
            policy: How often to try.
            position: The number of the last event that has come. If this try has brought none
                that is new, it counts as one without success.
        """
        if not _is_break(error):
            return None
        got_on = self.position is None or position > self.position
        last = attrs.evolve(self, number=1 if got_on else self.number, position=position)
        return last._next(error, policy)  # noqa: SLF001 - our own class

    def _next(self, error: ScanError, policy: RetryPolicy) -> Attempt | None:
        if self.number >= policy.attempts:
            return None
        pause = error.retry_after if isinstance(error, APIError) else None
        if pause is None:
            pause = _backoff(self.number, policy)
        elif pause > policy.max_retry_after:
            return None
        if self.deadline is not None and time.monotonic() + pause >= self.deadline:
            return None
        return attrs.evolve(self, number=self.number + 1, pause=pause)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds the server asks to wait, or None if it does not, or not clearly."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        seconds = _number(headers.get(name, "")) * unit
        if 0 <= seconds < math.inf:
            return seconds
    try:
        date = email.utils.parsedate_to_datetime(headers.get("retry-after", "")).timestamp()
    except (ValueError, OverflowError):  # a year may have any number of digits
        return None
    return max(0.0, date - time.time())


def should_retry(headers: Mapping[str, str]) -> bool | None:
    """Return what the server says about trying again, or None if it says nothing."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", "").lower())


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _backoff(number: int, policy: RetryPolicy) -> float:
    """Return a random time, so that clients that failed together do not come back together."""
    import tenacity  # most calls never need it

    state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
    state.attempt_number = number
    wait = tenacity.wait_random_exponential(policy.wait_initial, policy.wait_max)
    return float(wait(state))


def _is_safe(error: ScanError, policy: RetryPolicy) -> bool:
    """Tell whether the same request may be sent again."""
    match error:
        case APIError():
            return error.retryable
        case ConnectError():
            # A certificate that was refused is refused again.
            return not any(isinstance(one, ssl.SSLCertVerificationError) for one in causes(error))
        case TransportError() | TruncatedStreamError():
            return policy.resend
        case _:
            return False


def _is_break(error: ScanError) -> bool:
    """Tell whether an answer broke off on its way, or could not be gone on with just now."""
    match error:
        case APIError(status=int()):
            return error.retryable
        case TransportError() | TruncatedStreamError():
            return True
        case _:
            return False
