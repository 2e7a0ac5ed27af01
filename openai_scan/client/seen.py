"""The events of a stream before a bookmark, in whatever form they were kept."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from openai_scan.events import Event
from openai_scan.recording import replay
from openai_scan.sse import RawEvent, Source
from openai_scan.streamer import StreamerV2

Seen: TypeAlias = (
    "Iterable[RawEvent] | Iterable[Event] | Source | str | os.PathLike[str]"
    " | Iterable[str | os.PathLike[str]]"
)
"""Raw events, events, a recording, the paths of one or more, or another source."""


def raw_events_of(seen: Seen) -> Iterator[RawEvent]:
    """Yield the raw events in *seen*; how a source ends does not matter.

    Raises:
        TypeError: *seen* contains something else.
        RecordingError: The path is not that of a recording.
        OSError: The file cannot be read.
    """
    if isinstance(seen, str | os.PathLike):
        yield from _of_source(replay(seen))
        return
    if hasattr(seen, "read") or hasattr(seen, "resume"):  # a file or a resumable source
        yield from _of_source(seen)
        return
    if isinstance(seen, bytes | bytearray | memoryview) or not isinstance(seen, Iterable):
        raise TypeError(
            f"seen must be a list of events or chunks, a recording or its path, not"
            f" {type(seen).__name__}"
        )
    items: Iterator[Any] = iter(seen)
    first = next(items, None)
    if isinstance(first, bytes | bytearray | memoryview):
        yield from _of_source(itertools.chain([first], items))
        return
    if isinstance(first, str | os.PathLike):
        yield from _of_files(itertools.chain([first], items))
        return
    for item in itertools.chain([] if first is None else [first], items):
        if isinstance(item, Event):
            yield item.raw
        elif isinstance(item, RawEvent):
            yield item
        else:
            raise TypeError(
                f"seen must contain events or raw events, not {type(item).__name__}: make a raw"
                " event with RawEvent(type, data)"
            )


def _of_files(paths: Iterable[Any]) -> Iterator[RawEvent]:
    for number, path in enumerate(paths):
        # A process that resumed an answer may have died before the first byte of it.
        if number == 0 or Path(path).stat().st_size:
            yield from _of_source(replay(path))


def _of_source(source: Any) -> Iterator[RawEvent]:
    # With an end required, the recording of a resumed stream continues after the interruption.
    with StreamerV2(source) as stream:
        while stream.next():
            yield stream.event().raw
        stream.err()  # checked, so that leaving the block does not raise it
