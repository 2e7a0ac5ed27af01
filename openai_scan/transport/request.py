"""What is to be sent, and how long to wait for what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from attrs import field, frozen


@frozen
class Timeout:
    """How long to wait, in seconds; None stands for ever.

    The defaults suit reasoning models, which can be silent for minutes.

    Attributes:
        connect: For a connection, per address tried.
        first_byte: From the request to the first byte of the answer.
        idle: Between two reads while the answer arrives.
        total: From the request to the end of the answer. Until its first byte it limits
            `connect` and `first_byte`, each for itself.
    """

    connect: float | None = 10.0
    first_byte: float | None = 600.0
    idle: float | None = 600.0
    total: float | None = None

    def __attrs_post_init__(self) -> None:
        for name, seconds in attrs.asdict(self).items():
            if seconds is not None and not seconds > 0:
                raise ValueError(f"{name} must be a positive number of seconds or None")

    def before_the_answer(self) -> tuple[float | None, float | None]:
        """Return the limits for the connection and for the first byte."""

        def within_total(seconds: float | None) -> float | None:
            return min((limit for limit in (seconds, self.total) if limit), default=None)

        return within_total(self.connect), within_total(self.first_byte)


@frozen(kw_only=True)
class Request:
    """What is to be sent. Its repr shows neither what is asked nor any header."""

    method: str
    path: str
    query: Mapping[str, Any] = field(factory=dict, repr=False)
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    timeout: Timeout = field(factory=Timeout, repr=False)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"
