"""The times of recorded streams."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import attrs
from attrs import define, field, frozen

from openai_scan.cli.writer import complain
from openai_scan.errors import ScanError
from openai_scan.events import Event
from openai_scan.observer import Observer, Watched
from openai_scan.recording import Replay
from openai_scan.recording.player import replay_all
from openai_scan.stats import Stats, Timer
from openai_scan.streamer import StreamerV2


class Input(io.BytesIO):
    """The content of standard input."""

    name = "<stdin>"


File: TypeAlias = str | Input
"""A recording: its path, or the content of standard input."""


def given(path: str) -> File:
    """Return the recording at *path*; "-" is standard input."""
    return Input(sys.stdin.buffer.read()) if path == "-" else path


def name_of(file: File) -> str:
    """Return the name of a recording."""
    return file.name if isinstance(file, Input) else os.fsdecode(file)


@define
class Timeline(Observer):
    """The times at which a stream was read when it was recorded.

    Attributes:
        headers: When the response headers arrived, in seconds after the first request; None if
            that is not known.
        texts: When each piece of text came, and its length in characters.
    """

    headers: float | None = None
    texts: list[tuple[float, int]] = field(factory=list)
    _before: float = 0.0  # how long earlier attempts took

    def now(self, stream: Watched) -> float:
        """Return the time of the current event of *stream*."""
        source = stream.source
        return self._before + (source.position if isinstance(source, Replay) else 0.0)

    def event(self, stream: Watched, event: Event) -> None:  # noqa: ARG002 - the stream knows more
        """Note the time of an event."""
        source = stream.source
        if self.headers is None and isinstance(source, Replay) and source.section.head.t:
            self.headers = self._before + source.section.head.t
        if text := stream.text():
            self.texts.append((self.now(stream), len(text)))

    def renewed(self, stream: Watched, error: ScanError) -> None:  # noqa: ARG002 - the time is enough
        """Add the time of the attempt that failed."""
        self._before = self.now(stream)

    @property
    def gaps(self) -> list[float]:
        """The seconds between one piece of text and the next."""
        times = [t for t, _ in self.texts]
        return [after - before for before, after in itertools.pairwise(times)]


@frozen
class Figures:
    """The figures of a recorded stream.

    Attributes:
        name: Its name.
        stats: Its statistics, with the times of the recording.
        timeline: When its text came.
    """

    name: str
    stats: Stats
    timeline: Timeline


@contextlib.contextmanager
def played(source: Replay, name: str) -> Iterator[tuple[StreamerV2, Timeline]]:
    """Yield a recorded stream that runs without pauses, and its times.

    At the end it reports a recording that was cut off.

    Args:
        source: The stream.
        name: The name of the recording.
    """
    timeline = Timeline()
    stream = StreamerV2(source)
    stream.observe(timeline)
    with contextlib.closing(stream):
        yield stream, timeline
    if stream.notes["recording_truncated"]:
        complain(f"the recording {name} breaks off before its end")


def figures_of(files: Sequence[File]) -> list[Figures]:
    """Return the figures of all streams in *files*."""
    return [
        _figures(source, name_of(file), f" [{place}]" if len(sources) > 1 else "")
        for file in files
        for sources in [replay_all(file)]
        for place, source in enumerate(sources)
    ]


def _figures(source: Replay, name: str, place: str) -> Figures:
    with played(source, name) as (stream, timeline):
        timer = Timer(lambda: timeline.now(stream))
        stream.observe(timer)
        while stream.next():
            pass
        stats = attrs.evolve(timer.stats(stream), to_headers=timeline.headers)
    return Figures(name + place, stats, timeline)
