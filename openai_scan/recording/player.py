"""Replay a recording as if it came from the network."""

from __future__ import annotations

import contextlib
import io
import itertools
import math
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

import attrs
from typing_extensions import Self

from openai_scan import waiting
from openai_scan.aio.loops import Bell, pause
from openai_scan.errors import (
    RecordingError,
    ScanError,
    StreamCancelledError,
    StreamTimeoutError,
    TruncatedStreamError,
)
from openai_scan.recording.facts import error_of
from openai_scan.recording.lines import End, Head, Read, Section, load
from openai_scan.sse import BYTE_ORDER_MARK
from openai_scan.sse.beginnings import begins_as_events
from openai_scan.sse.source import chunks_of

# How much of a file is read to find out what it is.
_PEEK_BYTES = 64 * 1024

# Characters that may precede the first line, or be all of a line. The streamer skips them too.
_BLANKS = b" \t\r\n" + BYTE_ORDER_MARK

# Sizes of chunks to split into: a byte or many.
_SIZES = (1, 2, 3, 10, 100, 1000)

# How many kinds of notes a replay counts; a stream itself has no more.
_MAX_NOTES = 100

# A plain event stream counts as complete at its end.
_PLAIN = (Section(Head(library=""), (), End(t=0.0, end="clean")),)


def replay(
    file: str | os.PathLike[str] | BinaryIO,
    *,
    speed: float | None = None,
    resplit: int | None = None,
    exchange: int = 0,
) -> Replay:
    """Return a source that replays a recording: the same bytes, and the same end.

    Both `StreamerV2` and `AsyncStreamerV2` can read it.

    The streamer behaves as it did: a reset connection ends the replay with the same error. Where a
    request was retried, or an answer resumed, the replay repeats that when the streamer retries or
    resumes. A recording that was cut off is played as far as it goes, and then ends with a
    `TruncatedStreamError` and the note `recording_truncated`.

    A plain event stream works as well: it has no times and is complete at its end.

    Args:
        file: A path, or a binary file such as `sys.stdin.buffer`. `close()` closes it.
        speed: How much faster than recorded: 1 for the same pace, None for no pauses.
        resplit: A seed: chunks are split at random places, the same ones for each seed, instead
            of where the reads ended.
        exchange: Which stream to play, from 0, if the file has several.

    Raises:
        RecordingError: It is neither a recording nor an event stream, or of a later version.
        OSError: The file cannot be read.
        ValueError: The speed is not above 0, or there is no such exchange.
    """
    if speed is not None and not speed > 0:
        raise ValueError(f"speed must be above 0, not {speed}")
    sources, name = _sources(file, speed=speed, resplit=resplit)
    if not 0 <= exchange < len(sources):
        for source in sources:
            source.close()
        raise ValueError(f"{name} has no exchange {exchange}: it has {len(sources)}, from 0")
    return sources[exchange]


def replay_all(file: str | os.PathLike[str] | BinaryIO) -> list[Replay]:
    """Return a source for each stream in a file; see `replay()`. The file is read once.

    Raises:
        RecordingError: See `replay()`.
        OSError: See `replay()`.
    """
    return _sources(file)[0]


def read_recording(file: str | os.PathLike[str] | BinaryIO) -> tuple[Section, ...]:
    """Return the content of a recording: a section for each request.

    Args:
        file: A path, or a binary file, which is closed afterwards.

    Raises:
        RecordingError: It is not a recording, or is of a later version.
        OSError: The file cannot be read.
    """
    opened, name = _open(file)
    with opened:
        return _load(name, b"", opened)


def sections_of(file: str | os.PathLike[str] | BinaryIO) -> tuple[Section, ...]:
    """Return what is in a recording or a plain event stream; the latter is one section.

    Raises:
        RecordingError: See `replay()`.
        OSError: See `replay()`.
    """
    opened, name = _open(file)
    with opened:
        beginning = _beginning(opened)
        if not begins_as_events(beginning, is_all=True):
            return _load(name, beginning, opened)
        (plain,) = _PLAIN
        return (attrs.evolve(plain, reads=[*_plain_reads(beginning, opened)]),)


def exchanges_of(sections: Sequence[Section]) -> list[Sequence[Section]]:
    """Return the sections, grouped by the stream they belong to, in order."""
    exchanges: list[list[Section]] = []
    for section in sections:
        if section.head.again is None or not exchanges:
            exchanges.append([])
        exchanges[-1].append(section)
    return [*exchanges]


class Replay:
    """A recorded source; made by `replay()`.

    Args:
        sections: The requests and answers of the stream.
        name: The name of the file for errors.
        speed: See `replay()`.
        resplit: See `replay()`.
        place: The index of the section to play; the following ones are played on request.

    Attributes:
        section: The section that is played.
        notes: What was tolerated in the answer when it was recorded, with counts.
        sent_at: When the replay began, by `time.monotonic()`, or None.
        answered_at: When the response headers had arrived, by the same clock, or None.
        reads: The reads to replay.
        position: The position of the replay, in seconds after the recorded request.
        reused: None.
        file: The file to close, or None.
    """

    position: float = 0.0
    sent_at: float | None = None
    answered_at: float | None = None
    reused: bool | None = None  # there is no connection
    file: BinaryIO | None = None

    def __init__(
        self,
        sections: Sequence[Section],
        *,
        name: str,
        speed: float | None = None,
        resplit: int | None = None,
        place: int = 0,
    ) -> None:
        self.section = section = sections[place]
        noted = section.end.notes.items() if section.end is not None else ()
        self.notes: Counter[str] = Counter(dict(itertools.islice(noted, _MAX_NOTES)))
        self.reads: Iterable[Read] = section.reads
        self._sections = sections
        self._place = place
        self._name = name
        self._speed = math.inf if speed is None else speed
        self._resplit = resplit
        self._cancelled = threading.Event()
        self._bell = Bell()
        self._played: Iterator[bytes | float] = iter(())
        self._deadline = math.inf

    @property
    def method(self) -> str | None:
        """The HTTP method, such as `"POST"`; None if the source was not an HTTP response."""
        return self.section.head.method

    @property
    def url(self) -> str | None:
        """The URL of the request, or None."""
        return self.section.head.url

    @property
    def status(self) -> int | None:
        """The HTTP status of the answer, or None."""
        return self.section.head.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The response headers, by their lower-case names."""
        return self.section.head.headers

    @property
    def request_id(self) -> str | None:
        """The server's id of the request, or None."""
        return self.section.head.request_id

    def redact(self, text: str) -> str:
        """Return *text* unchanged: a recording has no secrets."""
        return text

    def __iter__(self) -> Iterator[bytes]:
        """Yield the recorded bytes, each when its time has come, and end as the source ended.

        Raises:
            ScanError: The recorded error.
        """
        for step in self._steps():
            if isinstance(step, bytes):
                yield step
            else:
                due, seconds = self._wait_for(step)
                waiting.wait(self._cancelled, seconds)
                self._check(due)

    def __aiter__(self) -> Self:
        """Yield the same for `async for`, on asyncio and on Trio."""
        self._played = self._steps()
        return self

    async def __anext__(self) -> bytes:
        for step in self._played:
            if isinstance(step, bytes):
                return step
            due, seconds = self._wait_for(step)
            if seconds > 0:
                await self._bell.wait(self._cancelled.is_set, seconds)
            else:
                await pause()  # let the other tasks run
            self._check(due)
        raise StopAsyncIteration

    def _steps(self) -> Iterator[bytes | float]:
        """Yield, in order, the reads and the times (seconds after the request) to wait until."""
        self.sent_at = time.monotonic()
        yield self.section.head.t or 0.0
        self.answered_at = time.monotonic()
        reads = self.reads if self._resplit is None else resplit_reads(self.reads, self._resplit)
        for read in reads:
            yield read.t
            yield read.data
        end = self.section.end
        if end is None:
            self.notes["recording_truncated"] += 1
            raise TruncatedStreamError(f"the recording {self._name} breaks off before its end")
        yield end.t
        if end.failure is not None:
            raise error_of(end.failure)

    def cancel(self) -> None:
        """Wake the reader. Any thread may call it."""
        self._cancelled.set()
        self._bell.ring()

    def expire(self, seconds: float | None) -> None:
        """End the input in *seconds*; None lifts that limit."""
        self._deadline = math.inf if seconds is None else time.monotonic() + seconds

    def heard(self) -> None:
        """Do nothing: there is no timeout between events."""

    def retry(self, error: ScanError) -> Replay | None:  # noqa: ARG002 - it is the recorded one
        """Return the same request again, if it was sent again."""
        return self._next("retry")

    def resume(self, error: ScanError, answer_id: str, position: int) -> Replay | None:  # noqa: ARG002 - see above
        """Return the rest of the answer, if it was resumed."""
        return self._next("resume")

    def close(self) -> None:
        """Close the file, if there is one to close."""
        if self.file is not None:
            self.file.close()

    def _next(self, again: Literal["retry", "resume"]) -> Replay | None:
        place = self._place + 1
        if place >= len(self._sections) or self._sections[place].head.again != again:
            return None
        return Replay(
            self._sections,
            name=self._name,
            speed=self._speed,
            resplit=self._resplit,
            place=place,
        )

    def _wait_for(self, t: float) -> tuple[float, float]:
        """Return when *t* seconds after the request are over, and how long to wait now."""
        self.position = t
        due = (self.sent_at or 0.0) + t / self._speed
        seconds = max(0.0, min(due, self._deadline) - time.monotonic())
        if seconds > waiting.LONGEST_WAIT:
            raise RecordingError(
                f"{self._name}: at speed {self._speed:g} the next bytes come in"
                f" {seconds / 86400:g} days, which is too long"
            )
        return due, seconds

    def _check(self, due: float) -> None:
        """Raise an error if nothing more is to come after the wait until *due*."""
        if self._cancelled.is_set():
            raise StreamCancelledError("the replay was cancelled")
        if self._deadline < due:
            raise StreamTimeoutError("the replay kept the stream open after the answer")


def resplit_reads(reads: Iterable[Read], seed: int) -> Iterator[Read]:
    """Yield the same bytes in other pieces; each comes when its last byte came."""
    choice = random.Random(seed).choice  # noqa: S311 - it need not be unpredictable
    kept, t = b"", 0.0
    for read in reads:
        kept, t = kept + read.data, read.t
        start = 0
        while (size := choice(_SIZES)) < len(kept) - start:
            yield Read(t, kept[start : start + size])
            start += size
        kept = kept[start:]
    if kept:
        yield Read(t, kept)


def _sources(
    file: str | os.PathLike[str] | BinaryIO,
    *,
    speed: float | None = None,
    resplit: int | None = None,
) -> tuple[list[Replay], str]:
    """Return a source for each stream in a file, and the name of the file."""
    with contextlib.ExitStack() as stack:
        opened, name = _open(file)
        stack.callback(opened.close)
        beginning = _beginning(opened)
        is_plain = begins_as_events(beginning, is_all=True)
        exchanges = [_PLAIN] if is_plain else exchanges_of(_load(name, beginning, opened))
        sources = [
            Replay(sections, name=name, speed=speed, resplit=resplit) for sections in exchanges
        ]
        if is_plain:
            sources[0].reads = _plain_reads(beginning, opened)
            sources[0].file = opened
            stack.pop_all()
        return sources, name


def _open(file: str | os.PathLike[str] | BinaryIO) -> tuple[BinaryIO, str]:
    """Return a file and its name."""
    if isinstance(file, str | os.PathLike):
        return Path(file).open("rb"), os.fspath(file)
    return file, str(getattr(file, "name", "the file"))


def _beginning(file: BinaryIO) -> bytes:
    """Return any blank lines and the first other one, or as much as a line may have."""
    lines: list[bytes] = []
    while line := file.readline(_PEEK_BYTES):
        lines.append(line)
        if line.strip(_BLANKS):
            break
    return b"".join(lines)


def _load(name: str, beginning: bytes, file: BinaryIO) -> tuple[Section, ...]:
    data = beginning + file.read()
    if not data.strip():
        raise RecordingError(
            f"{name}, line 1: the file is empty; a recording gets its first line when"
            " the first bytes of an answer arrive"
        )
    return load(name, io.BytesIO(data))


def _plain_reads(beginning: bytes, file: BinaryIO) -> Iterator[Read]:
    yield Read(0.0, beginning)
    for chunk in chunks_of(file):
        yield Read(0.0, chunk)
