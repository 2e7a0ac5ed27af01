"""Targets 1 to 4: what it costs to decode, beside `json.loads` and other libraries.

Everything is fed from memory, in chunks of three sizes. What is fast reads 20,000 events at a time;
what is slow reads fewer, so that no round takes long, and costs are compared by the event.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from itertools import chain, islice, repeat

from bench import decode, peers, readers, workloads
from bench.results import Figure, figure
from bench.timing import cpu_seconds, interleaved, ratios, spread
from bench.workloads import CHUNK_SIZES, FAMILIES, Workload
from openai_scan import StreamerV2

_ROUNDS = 5

# What one reader may take in one round.
_SECONDS = 0.3

# A peer's typed events cost so much that a few will do.
_PEER_EVENTS = 2_000

# What does not depend much on the size of chunks is read in one only.
_PARSED_SIZE = 4096

_COLUMNS = {200: "200 B", 4096: "4 KiB", 65536: "64 KiB"}

# By whether a faster JSON parser is there: for chunks of 200 bytes, and for larger ones.
_TYPED = {False: (2.0, 1.6), True: (1.4, 1.0)}
_CLIENT = {False: 15.0, True: 24.0}
_CLIENT_CHAT = {False: 25.0, True: 24.0}
_RAW = 0.35
_SNAPSHOTS = 25.0

# Event 1,000,000 may cost this much more, which is what two rounds differ by anyway.
_FLAT = 1.1


def measure(*, fast: bool) -> list[Figure]:
    """Return what decoding costs in this environment."""
    has_fast = find_spec("msgspec") is not None
    if has_fast != fast:
        raise RuntimeError(f"this environment is {'fast' if has_fast else 'plain'}")
    figures = []
    for family in (*FAMILIES, "recorded"):
        for size in CHUNK_SIZES:
            figures += _family(family, size, fast=fast)
    return figures if fast else [*figures, *_flat()]


def _family(family: str, size: int, *, fast: bool) -> list[Figure]:
    stream, times = _fitting(family, size)
    jobs = _repeated(decode.jobs_of(stream, size), times)
    small = stream if family == "recorded" else workloads.workload(family, _PEER_EVENTS)
    chunks, small_chunks = stream.chunks(size), small.chunks(size)
    raw_peers = {} if fast else peers.installed(peers.RAW)
    for name, read in raw_peers.items():
        jobs[name] = _again(partial(read, chunks, family), times)
    if not fast and size == _PARSED_SIZE:
        for name, read in peers.installed(peers.PARSED).items():
            jobs[name] = _again(partial(read, chunks, family), times)
    for name, read in peers.installed(peers.TYPED).items():
        jobs[name] = _again(partial(read, small_chunks, family), times)
    if fast:  # the rest does not parse, or costs more by the same
        del jobs["raw"], jobs["tokens"], jobs["snapshots"], jobs["forgotten"]
    costs = {
        name: [each / times / (small if name in peers.TYPED else stream).events for each in seconds]
        for name, seconds in interleaved(jobs, _ROUNDS).items()
    }
    return list(_figures(family, size, costs, fast=fast))


def _figures(
    family: str, size: int, costs: dict[str, list[float]], *, fast: bool
) -> Iterator[Figure]:
    """Yield the cells of a family in chunks of one size; the costs are CPU seconds for an event."""
    suffix = "-fast" if fast else ""
    column = _COLUMNS[size]
    # The recording is so short that what a stream costs once is most of it.
    aims = family != "recorded"
    limit = _TYPED[fast][size != CHUNK_SIZES[0]]
    typed = ratios(costs["typed"], costs["json"])
    yield figure(f"typed{suffix}", family, column, typed, limit if aims else None)
    limit = (_CLIENT_CHAT if family in ("assistants", "chat") else _CLIENT)[fast]
    client = ratios(costs["openai-python"], costs["typed"])
    yield figure(f"client{suffix}", family, column, client, limit if aims else None)
    if size == _PARSED_SIZE:
        for name, seconds in costs.items():
            if name in _SHOWN:
                micros = spread([1e6 * each for each in seconds])
                yield figure("costs", family, _SHOWN[name] + suffix, micros)
    if fast:
        return
    raw = ratios(costs["raw"], costs["json"])
    yield figure("raw", family, column, raw, _RAW if aims else None)
    for name in peers.installed(peers.RAW):
        peer = ratios(costs[name], costs["raw"])
        yield figure("peers", f"{family}, {name}", column, peer, 1.0 if aims else None)
    steps = {"kept": ("forgotten", "typed"), "asked for": ("typed", "snapshots")}
    for row, (without, with_them) in steps.items():
        pairs = zip(costs[without], costs[with_them], strict=True)
        added = spread([decode.added_by(before, after) for before, after in pairs])
        yield figure("snapshots", f"{family}, {row}", column, added, _SNAPSHOTS if aims else None)


# Whose cost is shown by itself, and how it is called there.
_SHOWN = {
    "json": "json.loads",
    "raw": "raw",
    "typed": "typed",
    "httpx, json.loads": "httpx, json.loads",
    "openai-python": "openai-python",
}


def _fitting(family: str, size: int) -> tuple[Workload, int]:
    """Return a stream that is read in a moment, and how often it is read in a round."""
    if family == "recorded":
        return workloads.recorded(), 100
    probe = workloads.workload(family, 500)
    readers.typed(probe.chunks(size))
    cost = cpu_seconds(lambda: readers.typed(probe.chunks(size))) / probe.events
    return workloads.workload(family, min(workloads.EVENTS, int(_SECONDS / cost))), 1


def _repeated(jobs: dict[str, Callable[[], object]], times: int) -> dict[str, Callable[[], object]]:
    return {name: _again(job, times) for name, job in jobs.items()}


def _again(job: Callable[[], object], times: int) -> Callable[[], object]:
    def several() -> None:
        for _ in range(times):
            job()

    return several


# Event 1,000,000.

_WINDOW = 1_000


def _flat() -> list[Figure]:
    """Return what a late event costs in multiples of an early one, five windows each."""
    s = StreamerV2(_endless_chat())
    times: dict[str, list[float]] = {}
    for place, start in (("early", 1_000), ("late", 1_000_000 - 5 * _WINDOW)):
        while s.events_read < start:
            s.next()
        s.snapshot()
        times[place] = [_window(s, _WINDOW, asks=False) for _ in range(5)]
        times[f"{place}, asked"] = [_window(s, 50, asks=True) for _ in range(5)]
    s.close()
    return [
        figure("flat", "chat", "kept", ratios(times["late"], times["early"]), _FLAT),
        figure("flat", "chat", "asked for", ratios(times["late, asked"], times["early, asked"])),
    ]


def _window(s: StreamerV2, events: int, *, asks: bool) -> float:
    start = time.process_time()
    for _ in range(events):
        s.next()
        s.event()
        s.text()
        if asks:
            s.snapshot()
    return time.process_time() - start


def _endless_chat() -> Iterator[bytes]:
    """Yield the chunks of a chat stream that does not end."""
    blocks = workloads.workload("chat", 2_000).stream.split(b"\n\n")
    opening, deltas = blocks[:1], blocks[1:-4]
    block = b"\n\n".join(deltas) + b"\n\n"
    yield opening[0] + b"\n\n"
    chunks = [block[at : at + 4096] for at in range(0, len(block), 4096)]
    yield from islice(chain.from_iterable(repeat(chunks)), None)
