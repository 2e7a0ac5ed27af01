"""Targets 9 and 10: what the machine costs, beside the streamer before it; what awaiting adds."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import statistics
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from bench import before, workloads
from bench.results import Figure, figure
from bench.timing import Spread, interleaved, ratios, spread
from bench.workloads import CHUNK_SIZES, FAMILIES
from openai_scan import StreamerV2
from openai_scan.aio import AsyncStreamerV2

_ROUNDS = 15

# The last commit in which one class both read a stream and judged it.
_BEFORE = "ee132e7"

_COLUMNS = {200: "200 B", 4096: "4 KiB", 65536: "64 KiB"}

# No cell may cost more than this, in multiples of what it was; in the median nothing may be added.
_CELL = 1.05
_MEDIAN = 1.0

# Both read a generator, one of each kind, and the event loop is running already.
_ASYNC = 1.05
_ASYNC_SIZE = 4096


def measure() -> list[Figure]:
    """Return what both drivers cost."""
    with tempfile.TemporaryDirectory() as folder:
        old = before.load(_BEFORE, Path(folder)).StreamerV2
        return [*_against(old, "next", _step), *_against(old, "text", _text), *_awaiting()]


def _against(old: Any, name: str, read: Callable[[Any, list[bytes]], None]) -> Iterator[Figure]:
    medians = []
    for family, size in itertools.product(FAMILIES, CHUNK_SIZES):
        chunks = workloads.workload(family).chunks(size)
        costs = interleaved(
            {
                "old": partial(read, old, chunks),
                "new": partial(read, StreamerV2, chunks),
            },
            _ROUNDS,
        )
        cell = ratios(costs["new"], costs["old"])
        medians.append(cell.median)
        yield figure(f"before-{name}", family, _COLUMNS[size], cell, _CELL)
    middle = statistics.median(medians)
    yield figure(f"before-{name}", "median of all", "", Spread(middle, middle, middle), _MEDIAN)


def _awaiting() -> Iterator[Figure]:
    for family in FAMILIES:
        chunks = workloads.workload(family).chunks(_ASYNC_SIZE)
        with contextlib.closing(asyncio.new_event_loop()) as loop:
            costs = interleaved(
                {
                    "blocking": partial(_block_all, chunks),
                    "async": partial(_await_all, loop, chunks),
                },
                _ROUNDS,
            )
            loop.run_until_complete(loop.shutdown_asyncgens())
        cell = ratios(costs["async"], costs["blocking"])
        yield figure("async", family, "`await next()`, 4 KiB", cell, _ASYNC)
        events = workloads.EVENTS
        for driver, seconds in costs.items():
            cost = spread([each / events * 1e6 for each in seconds])
            yield figure("drivers", family, driver, cost)


def _step(streamer: Any, chunks: Iterable[bytes]) -> None:
    s = streamer(chunks)
    while s.next():
        pass
    if s.err() is not None:
        raise s.err()


def _text(streamer: Any, chunks: list[bytes]) -> None:
    s = streamer(chunks)
    while s.next():
        s.text()
    if s.err() is not None:
        raise s.err()


def _block_all(chunks: list[bytes]) -> None:
    _step(StreamerV2, (chunk for chunk in chunks))


def _await_all(loop: asyncio.AbstractEventLoop, chunks: list[bytes]) -> None:
    loop.run_until_complete(_step_async(chunks))


async def _step_async(chunks: Iterable[bytes]) -> None:
    s = AsyncStreamerV2(_source(chunks))
    while await s.next():
        pass
    if (error := s.err()) is not None:
        raise error


async def _source(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
