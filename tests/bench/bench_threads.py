"""Target 8: many streams in threads, at the pace of real ones, and what their reading takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

from bench import server
from bench.results import Figure, figure
from bench.timing import spread

_STREAMS = 200
_PER_SECOND = 50
_SECONDS = 5.0
_WARM_SECONDS = 2.0

# Who cannot keep up may not even get to all of its streams.
_START_SECONDS = 10.0
_ROUNDS = 2

_LIMIT = 0.45

_READERS = ("bare socket", "bare requests", "openai_scan")

# The Python without a GIL, with openai_scan in it, if there is one here; see the Makefile.
_FREE = "BENCH_FREE_THREADED"


def measure() -> list[Figure]:
    """Return the share of a core that the library takes, with a GIL and without."""
    figures = list(_figures("threads", sys.executable))
    if _FREE in os.environ:
        figures += _figures("threads-free", os.environ[_FREE])
    return figures


def _figures(table: str, python: str) -> Iterator[Figure]:
    with server.running() as url:
        interval = round(1 / _PER_SECOND / server.TICK)
        paced = f"{url}/paced/{interval}/v1"
        rounds = [{name: _cores(python, name, paced) for name in _READERS} for _ in range(_ROUNDS)]
    for name in ("bare requests", "openai_scan"):
        above = [found[name] - found["bare socket"] for found in rounds]
        aim = _LIMIT if name == "openai_scan" else None
        yield figure(table, name, "above bare sockets", spread(above), aim)
    ours = [found["openai_scan"] - found["bare requests"] for found in rounds]
    yield figure(table, "openai_scan", "above bare requests", spread(ours))
    for name in _READERS:
        whole = spread([found[name] for found in rounds])
        yield figure(table, name, "whole process", whole)


def _cores(python: str, name: str, url: str) -> float:
    """Return how many cores a process takes that reads all the streams."""
    command = [python, "-m", "bench.bench_threads", name, url]
    ran = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found = json.loads(ran.stdout)
    due = _STREAMS * _PER_SECOND * found["seconds"]
    if not 0.95 * due <= found["events"] <= 1.05 * due:
        # It is too slow to keep up, so it takes at least what it has taken.
        sys.stderr.write(f"{name} has read {found['events']} events of {due:.0f}\n")
    return float(found["cpu"] / found["seconds"] * max(1.0, due / found["events"]))


def _read_all(name: str, url: str) -> dict[str, float]:
    from bench.remote import READERS

    counts = [0] * _STREAMS

    def read(number: int) -> None:
        for _ in READERS[name](url):
            counts[number] += 1

    for number in range(_STREAMS):
        threading.Thread(target=read, args=(number,), daemon=True).start()
    deadline = time.monotonic() + _START_SECONDS
    while not all(counts) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(_WARM_SECONDS)
    events, cpu, start = sum(counts), time.process_time(), time.perf_counter()
    time.sleep(_SECONDS)
    return {
        "events": sum(counts) - events,
        "cpu": time.process_time() - cpu,
        "seconds": time.perf_counter() - start,
    }


if __name__ == "__main__":
    _, reader, base_url = sys.argv
    sys.stdout.write(json.dumps(_read_all(reader, base_url)))
    sys.stdout.flush()
    os._exit(0)  # the streams have no end to wait for
