"""The events that a stream had before a bookmark, in whichever form they were kept."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from openai_scan.events import Event
from openai_scan.recording import replay
from openai_scan.sse import RawEvent, Source
from openai_scan.streamer import StreamerV2

Seen: TypeAlias = "Iterable[RawEvent] | Iterable[Event] | Source | str | os.PathLike[str]"
"""Raw events, events, a recording or its path, or another source."""


def raw_events_of(seen: Seen) -> Iterator[RawEvent]:
    """Yield the raw events that were *seen*; how a source ends does not matter.

    Raises:
        TypeError: It has something else in it.
        RecordingError: It is the path of something else than a recording.
        OSError: It cannot be read.
    """
    if isinstance(seen, str | os.PathLike):
        yield from _of_source(replay(seen))
        return
    if hasattr(seen, "read") or hasattr(seen, "resume"):  # a file, or a source that goes on
        yield from _of_source(seen)
        return
    if isinstance(seen, bytes | bytearray | memoryview) or not isinstance(seen, Iterable):
        raise TypeError(
            f"seen is a list of events or of chunks, a recording or its path, not"
            f" {type(seen).__name__}"
        )
    items: Iterator[Any] = iter(seen)
    first = next(items, None)
    if isinstance(first, bytes | bytearray | memoryview):
        yield from _of_source(itertools.chain([first], items))
        return
    for item in itertools.chain([] if first is None else [first], items):
        if isinstance(item, Event):
            yield item.raw
        elif isinstance(item, RawEvent):
            yield item
        else:
            raise TypeError(
                f"seen has events or their raw events in it, not {type(item).__name__}: make a raw"
                " event with RawEvent(type, data)"
            )


def _of_source(source: Any) -> Iterator[RawEvent]:
    with StreamerV2(source, require_terminal=False) as stream:
        while stream.next():
            yield stream.event().raw
        stream.err()  # asked for, so that leaving the block does not raise it
