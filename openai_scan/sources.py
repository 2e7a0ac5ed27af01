"""What a source may offer beyond its bytes. Every protocol here is optional.

None of these methods waits, so they are the same for a source that is read by `for` and for one
that is read by `async for`.
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
    """The server's id for the request, which its support asks for, or None."""

    def redact(self, text: str) -> str:
        """Return *text* without the secrets that the request was made with."""


@runtime_checkable
class ClockedSource(Protocol):
    """A source that limits how long the server may be silent."""

    def spare(self, seconds: float) -> None:
        """Do not count *seconds* as silence: the caller was busy and did not wait for an event."""


@runtime_checkable
class RenewableSource(Protocol):
    """A source that can be followed by another after it has failed."""

    def retry(self, error: ScanError) -> Source | None:
        """Return a source for the same answer from its beginning, or None.

        It is asked only as long as no content has been handed out.

        Args:
            error: What the stream failed with.
        """

    def resume(self, error: ScanError, answer_id: str, position: int) -> Source | None:
        """Return a source for the rest of an answer, or None.

        Args:
            error: What the stream broke off with.
            answer_id: The server's id of the answer.
            position: The number that the server gave the last event that has arrived.
        """


@runtime_checkable
class AnsweredSource(Protocol):
    """A source that is the answer to an HTTP request."""

    method: str | None
    """The method of the request, such as `"POST"`."""

    url: str | None
    """Where the request went."""

    status: int | None
    """The HTTP status of the answer; None before the answer."""

    headers: Mapping[str, str]
    """The headers of the answer; empty before the answer."""

    sent_at: float | None
    """When the request was sent, in the time of `time.monotonic()`, or None."""

    answered_at: float | None
    """When the head of the answer had arrived, in the same time, or None."""

    reused: bool | None
    """Whether the connection had carried another request before; None if that is not known."""
