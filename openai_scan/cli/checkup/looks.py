"""Read a stream to its end, and keep what can be learned from it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from attrs import frozen

from openai_scan.errors import ScanError
from openai_scan.stats import Stats
from openai_scan.streamer import StreamerV2


@frozen(kw_only=True)
class Look:
    """A stream that was read to its end.

    Attributes:
        stream: The stream.
        last: The name of its last event, `"[DONE]"` for that one; None if none came.
        reason: The last `finish_reason` of its first choice, or None.
        stats: Its figures.
    """

    stream: StreamerV2
    last: str | None
    reason: str | None
    stats: Stats

    @property
    def error(self) -> ScanError | None:
        """What it ended with."""
        return self.stream.err()

    @property
    def notes(self) -> Counter[str]:
        """What was tolerated."""
        return self.stream.notes

    @property
    def answer(self) -> Any:
        """The answer as far as it came, or None."""
        return self.stream.snapshot()

    @property
    def status(self) -> int | None:
        """The HTTP status, or None if no answer came."""
        status: int | None = self.stream.source.status
        return status

    @property
    def content_type(self) -> str | None:
        """What the server calls its answer."""
        kind: str | None = self.stream.source.headers.get("Content-Type")
        return kind


def look_at(stream: StreamerV2) -> Look:
    """Read *stream* to its end."""
    last = reason = None
    stream.stats  # noqa: B018 - the first access starts the clock
    while stream.next():
        event = stream.event()
        last = "[DONE]" if event.raw.data == "[DONE]" else event.type
        reason = stream.finish_reason() or reason
    stream.close()
    return Look(stream=stream, last=last, reason=reason, stats=stream.stats)
