"""What a source can be asked beyond its bytes; any source may answer, and none has to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from openai_scan.errors import ScanError
from openai_scan.sse import Source


@runtime_checkable
class RequestedSource(Protocol):
    """What a source knows if there was a request for it."""

    request_id: str | None
    """The server's name for the request, which its support asks for, or None."""

    def redact(self, text: str) -> str:
        """Return *text* without the secrets that the request was made with."""


@runtime_checkable
class ClockedSource(Protocol):
    """A source that limits how long the server may be silent."""

    def spare(self, seconds: float) -> None:
        """Do not count *seconds* as silence: the caller was busy and did not wait for an event."""


@runtime_checkable
class RenewableSource(Protocol):
    """A source that can be asked once more after it has failed."""

    def retry(self, error: ScanError) -> Source | None:
        """Return a source for the same again, none of whose content has been handed out; or None.

        Args:
            error: What the stream failed with.
        """

    def resume(self, error: ScanError, answer_id: str, position: int) -> Source | None:
        """Return a source for what follows the event at *position* of an answer, or None.

        Args:
            error: What the stream broke off with.
            answer_id: The server's name for the answer.
            position: The number that the server gave the last event.
        """


@runtime_checkable
class AnsweredSource(Protocol):
    """What a source knows if it is the answer to an HTTP request."""

    method: str | None
    """Of the request, such as `"POST"`."""

    url: str | None
    """Where it went."""

    status: int | None
    """The HTTP status of the answer, or None as long as there is none."""

    headers: Mapping[str, str]
    """The headers of the answer; none as long as there is no answer."""

    sent_at: float | None
    """When the request was sent, in the time of `time.monotonic()`, or None."""

    answered_at: float | None
    """When the head of the answer was here, in the same time, or None."""

    reused: bool | None
    """Whether the connection had carried another request before; None if that is not known."""
