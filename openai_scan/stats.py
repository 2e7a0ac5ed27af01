"""How fast a stream is, how large it is and what it costs."""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from openai_scan.observer import Observer, Watched
from openai_scan.sources import AnsweredSource, RequestedSource

if TYPE_CHECKING:
    from openai_scan.errors import ScanError
    from openai_scan.events import Event, Outcome

# English text has about this many characters per token.
_CHARACTERS_A_TOKEN = 4

_RATE_LIMITS = "x-ratelimit-"

# After these, the server's token counts are final.
_WHOLE = ("completed", "incomplete", "requires_action")


@frozen(kw_only=True)
class Gaps:
    """The seconds between one piece of text and the next.

    Attributes:
        count: The number of gaps.
        median: Half of the gaps were at most this long.
        p95: 95 % of the gaps were at most this long.
        max: The longest gap.
    """

    count: int
    median: float
    p95: float
    max: float


@frozen(kw_only=True)
class TokenCount:
    """How many tokens an answer took.

    Attributes:
        input: Tokens of the request, or None if unknown.
        output: Tokens of the answer, reasoning included, or None if unknown.
        estimated: Whether the counts are not final, because the stream is still running or was cut
            off: then they are the server's counts so far, or a quarter of the text's characters.
    """

    input: int | None
    output: int | None
    estimated: bool


@frozen(kw_only=True)
class Stats:
    """The figures of a stream, or of its whole chain. Times are in seconds.

    Attributes:
        outcome: How it ended, or None while it runs.
        seconds: From the first `next()` until the end, or until now.
        to_headers: From the first `next()` to the response headers, failed attempts included.
        to_first_event: From the first `next()` to the first event.
        to_first_text: From the first `next()` to the first piece of text.
        gaps: The gaps between pieces of text, as delivered; None if there were fewer than two
            pieces.
        characters: The number of characters of text.
        text_per_second: Characters per second from the first piece of text to the last.
        events: The number of events.
        bytes: The number of bytes read.
        retries: How often the request was sent again, from the start or for the rest.
        connection_reused: Whether the connection had carried another request before.
        request_id: The server's id of the request.
        rate_limits: The server's rate limits: the headers `x-ratelimit-…`.
        usage: How many tokens the last answer took.
    """

    outcome: Outcome | None
    seconds: float | None
    to_headers: float | None
    to_first_event: float | None
    to_first_text: float | None
    gaps: Gaps | None
    characters: int
    text_per_second: float | None
    events: int
    bytes: int
    retries: int
    connection_reused: bool | None
    request_id: str | None
    rate_limits: Mapping[str, str] = field(factory=dict)
    usage: TokenCount | None


class Timer(Observer):
    """Measures the times of a stream.

    Args:
        now: The clock; `time.monotonic()` by default.
    """

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        self._now = time.monotonic if now is None else now
        self._began: float | None = None
        self._headers: float | None = None
        self._first_event: float | None = None
        self._first_text: float | None = None
        self._last_text: float | None = None  # of the current answer
        self._ended: float | None = None
        self._gaps = array("d")
        self._characters = 0
        self._followed = 0  # characters in pieces after the first one of an answer

    def began(self, stream: Watched) -> None:  # noqa: ARG002 - nothing to read from it yet
        """Start to count; the pause between two answers is not a gap."""
        if self._began is None:
            self._began = self._now()
        self._last_text = None

    def event(self, stream: Watched, event: Event) -> None:  # noqa: ARG002 - the stream has more
        """Record the time of an event."""
        now = self._now()
        if self._first_event is None:
            self._first_event = now
            self._note_head(stream)
        text = stream.text()
        if not text:
            return
        self._characters += len(text)
        if self._last_text is not None:
            self._gaps.append(now - self._last_text)
            self._followed += len(text)
        self._last_text = now
        if self._first_text is None:
            self._first_text = now

    def ended(self, stream: Watched, outcome: Outcome, error: ScanError | None) -> None:  # noqa: ARG002 - the stream has them
        """Record the time of the end."""
        self._ended = self._now()
        if self._headers is None:
            self._note_head(stream)

    def _note_head(self, stream: Watched) -> None:
        source = stream.source
        if isinstance(source, AnsweredSource):
            self._headers = source.answered_at

    def stats(self, stream: Watched) -> Stats:
        """Return the figures of *stream* as of now."""
        source = stream.source
        headers: Mapping[str, str] = {}
        reused = None
        to_headers = self._since(self._headers)
        if isinstance(source, AnsweredSource):
            headers, reused = source.headers, source.reused
            if self._began is None and source.sent_at and source.answered_at:
                to_headers = source.answered_at - source.sent_at
        now = self._now() if self._ended is None else self._ended
        span = sum(self._gaps)
        again = [note for note in stream.notes if note.startswith(("retry: ", "resume: "))]
        return Stats(
            outcome=stream.outcome,
            seconds=self._since(now),
            to_headers=to_headers,
            to_first_event=self._since(self._first_event),
            to_first_text=self._since(self._first_text),
            gaps=_gaps(self._gaps),
            characters=self._characters,
            text_per_second=self._followed / span if span else None,
            events=stream.events_read,
            bytes=stream.bytes_read,
            retries=sum(stream.notes[note] for note in again),
            connection_reused=reused,
            request_id=source.request_id if isinstance(source, RequestedSource) else None,
            rate_limits={
                name.lower(): value
                for name, value in headers.items()
                if name.lower().startswith(_RATE_LIMITS)
            },
            usage=usage_of(stream, stream.outcome),
        )

    def _since(self, moment: float | None) -> float | None:
        """Return how long after the beginning *moment* was."""
        return None if moment is None or self._began is None else moment - self._began


def usage_of(stream: Watched, outcome: Outcome | None) -> TokenCount | None:
    """Return how many tokens the last answer of *stream* took, or None if nothing is known."""
    answer = stream.snapshot()
    if answer is None:
        return None
    usage: Any = answer.usage
    estimated = outcome not in _WHOLE
    if usage is not None:
        # Chat Completions, Completions and runs use older names.
        old = hasattr(usage, "prompt_tokens")
        return TokenCount(
            input=usage.prompt_tokens if old else usage.input_tokens,
            output=usage.completion_tokens if old else usage.output_tokens,
            estimated=estimated,
        )
    if estimated and answer.text:
        tokens = math.ceil(len(answer.text) / _CHARACTERS_A_TOKEN)
        return TokenCount(input=None, output=tokens, estimated=True)
    return None


def _gaps(gaps: array[float]) -> Gaps | None:
    if not gaps:
        return None
    import statistics  # slow to load, and few callers ask for the gaps

    ordered = sorted(gaps)
    return Gaps(
        count=len(ordered),
        median=statistics.median(ordered),
        p95=ordered[math.ceil(0.95 * len(ordered)) - 1],
        max=ordered[-1],
    )
