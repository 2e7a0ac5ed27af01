"""What a source may offer besides its bytes. Every protocol here is optional.

None of these methods waits, so they are the same for sources of `for` and of `async for`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from openai_scan.errors import ScanError
from openai_scan.sse import Source


@runtime_checkable
class RequestedSource(Protocol):
    """A source that a request was sent for."""

    request_id: str | None
    """The server's id for the request, which its support needs, or None."""

    def redact(self, text: str) -> str:
        """Return *text* without the secrets of the request."""


@runtime_checkable
class ClockedSource(Protocol):
    """A source that limits how long the server may be silent."""

    def spare(self, seconds: float) -> None:
        """Do not count *seconds* as silence: the caller was busy and not waiting for an event."""


@runtime_checkable
class RenewableSource(Protocol):
    """A source that another one can replace after it has failed."""

    def retry(self, error: ScanError) -> Source | None:
        """Return a source for the same answer from its beginning, or None.

        It is called only as long as no content has been delivered.

        Args:
            error: The error of the stream.
        """

    def resume(self, error: ScanError, answer_id: str, position: int) -> Source | None:
        """Return a source for the rest of an answer, or None.

        Args:
            error: The error with which the stream broke off.
            answer_id: The server's id of the answer.
            position: The server's number of the last event that arrived.
        """


@runtime_checkable
class AnsweredSource(Protocol):
    """A source that is the answer to an HTTP request."""

    method: str | None
    """The HTTP method, such as `"POST"`."""

    url: str | None
    """The URL of the request."""

    status: int | None
    """The HTTP status of the answer; None before the answer."""

    headers: Mapping[str, str]
    """The headers of the answer; empty before the answer."""

    sent_at: float | None
    """When the request was sent, by `time.monotonic()`, or None."""

    answered_at: float | None
    """When the response headers had arrived, by the same clock, or None."""

    reused: bool | None
    """Whether the connection had carried another request before; None if unknown."""
