"""What a caller may choose: how long to wait, and when to try again."""

from __future__ import annotations

import math

import attrs
from attrs import frozen


@frozen
class Timeout:
    """How long to wait, in seconds; None stands for ever.

    The defaults suit reasoning models, which can be silent for minutes.

    Attributes:
        connect: To look the server's name up, connect to it, through a proxy if there is one,
            and agree on keys.
        first_byte: From there to the head of the answer; the sending of the request included.
        idle: Without a single byte, while the answer arrives.
        event_idle: Without an event, while the answer arrives. Comments and pings, which servers
            send to keep the connection alive, are none, however many come. What you do between
            two events does not count.
        total: From the request to the end of the answer, all tries and the pauses between them
            included.

    Raises:
        ValueError: A limit is not a positive number.
    """

    connect: float | None = 10.0
    first_byte: float | None = 600.0
    idle: float | None = 600.0
    event_idle: float | None = 900.0
    total: float | None = None

    def __attrs_post_init__(self) -> None:
        for name, seconds in attrs.asdict(self).items():
            if seconds is not None and not seconds > 0:
                raise ValueError(f"{name} must be a positive number of seconds or None")


@frozen(kw_only=True)
class RetryPolicy:
    """When to try again by itself.

    A request is sent again after an error that leaves no doubt that nothing was made, or billed,
    and until the first content of a stream has been handed out: where no connection was made, at
    HTTP status 408, 409, 429 and 5xx, and where the server reports in the stream that it is
    overloaded. The server's `x-should-retry` overrules the status.

    Between two tries the client waits: as long as the server asks, or else a random time between
    zero and `wait_initial`, then twice that, and so on up to `wait_max`.

    Attributes:
        attempts: How many tries a call has; 1 for none but the first.
        wait_initial: The longest first wait, in seconds.
        wait_max: The longest wait, in seconds.
        max_retry_after: How long a wait the server may ask for, in seconds. If it asks for more,
            its error is returned at once, with the wish as `retry_after`.
        resend: Whether to try again too where the server may have done the work: the connection
            broke or a limit ran out before the first content. That may be billed twice.

    Raises:
        ValueError: A number is out of its range.
    """

    attempts: int = 3
    wait_initial: float = 0.5
    wait_max: float = 8.0
    max_retry_after: float = 120.0
    resend: bool = False

    def __attrs_post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts counts the first try too, so it cannot be {self.attempts}")
        for name in ("wait_initial", "wait_max", "max_retry_after"):
            seconds = getattr(self, name)
            if not 0 <= seconds < math.inf:
                raise ValueError(f"{name} must be a number of seconds, not {seconds}")
