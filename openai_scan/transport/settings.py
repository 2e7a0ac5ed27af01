"""The settings of a request: timeouts, and when it is retried."""

from __future__ import annotations

import math

import attrs
from attrs import frozen


@frozen
class Timeout:
    """How long to wait, in seconds; None means no limit.

    The defaults suit reasoning models, which can be silent for minutes.

    Attributes:
        connect: For resolving the server's name, connecting, through a proxy if there is one, and
            the TLS handshake.
        first_byte: From the connection to the response headers, sending the request included.
        idle: Between two bytes of the response.
        event_idle: Between two events. Comments and pings, which servers send to keep the
            connection alive, are not events. The time that your code takes does not count.
        total: From the request to the end of the response, all attempts and the waits between
            them included.

    Raises:
        TypeError: A limit is not a number.
        ValueError: A limit is not positive.
    """

    connect: float | None = 10.0
    first_byte: float | None = 600.0
    idle: float | None = 600.0
    event_idle: float | None = 900.0
    total: float | None = None

    def __attrs_post_init__(self) -> None:
        for name, seconds in attrs.asdict(self).items():
            message = f"{name} must be a positive number of seconds or None, not {seconds!r}"
            try:
                if seconds is None or seconds > 0:
                    continue
            except TypeError:  # such as a string from the environment
                raise TypeError(message) from None
            raise ValueError(message)


@frozen(kw_only=True)
class RetryPolicy:
    """When the client retries a request.

    A request is sent again only if it is certain that the failed attempt produced nothing and cost
    nothing: after a failed connection, after HTTP status 408, 409, 429 and 5xx, and after an error
    in the stream that says the server is overloaded. After the first content of a stream has been
    delivered, it is never sent again. The server's `x-should-retry` header overrides the status.

    Before a retry the client waits as long as the server asks. If the server does not say, the
    wait is random, so that clients that failed together do not return together: between zero and
    `min(wait_max, wait_initial * 2 ** n)` seconds, where n counts the retries from 0.

    Attributes:
        attempts: The maximum number of attempts, the first included; 1 means no retry.
        wait_initial: The upper bound of the first wait, in seconds.
        wait_max: The upper bound of every wait, in seconds.
        max_retry_after: The longest wait that the server may ask for, in seconds. If it asks for
            more, its error is returned at once, with that time as its `retry_after`.
        resend: Whether to retry also if the server may have done the work: the connection broke,
            or a timeout expired, before the first content. You may be billed twice.

    Raises:
        ValueError: A number is out of range.
    """

    attempts: int = 3
    wait_initial: float = 0.5
    wait_max: float = 8.0
    max_retry_after: float = 120.0
    resend: bool = False

    def __attrs_post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts must be 1 (the first attempt) or more, not {self.attempts}")
        for name in ("wait_initial", "wait_max", "max_retry_after"):
            seconds = getattr(self, name)
            if not 0 <= seconds < math.inf:
                raise ValueError(f"{name} must be a number of seconds, at least 0, not {seconds}")
