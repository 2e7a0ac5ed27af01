"""Target 7: memory, of one stream that does not end, and of many that say nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

from bench import server, workloads
from bench.results import Figure, figure
from bench.timing import spread

_STREAMS = 1_000
_ROUNDS = 2

_CHUNK = 64 * 1024
_WARM = 64 * 1024 * 1024
_WHOLE = 1024 * 1024 * 1024


def measure() -> list[Figure]:
    """Return how much memory is used, in processes of their own."""
    growth = spread([_child("growth") / 1e6])
    figures = [figure("memory", "EventScanner", "at most", growth, 2.0)]
    with server.running() as url:
        found: dict[str, list[float]] = {"openai_scan": [], "openai-python": []}
        for _ in range(_ROUNDS):
            bare = _child("idle", "bare socket", f"{url}/idle/0/v1")
            for name, sizes in found.items():
                sizes.append((_child("idle", name, f"{url}/idle/0/v1") - bare) / 1e3)
    for name, sizes in found.items():
        limit = 40.0 if name == "openai_scan" else None
        figures.append(figure("idle", name, "each of 1,000", spread(sizes), limit))
    return figures


def _child(*arguments: str) -> float:
    command = [sys.executable, "-m", "bench.bench_memory", *arguments]
    ran = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return float(json.loads(ran.stdout))


def _resident() -> int:
    """Return how many bytes of this process are in memory."""
    import psutil

    size: int = psutil.Process().memory_info().rss
    return size


def _growth() -> float:
    """Return by how many bytes the process has ever grown while a stream went through."""
    from openai_scan.sse import EventScanner

    scanner = EventScanner(_long_stream())
    most, start = 0, None
    step = next_look = _WARM
    while scanner.next():
        if scanner.bytes_read >= next_look:
            next_look += step
            size = _resident()
            start = size if start is None else start
            most = max(most, size - start)
    assert scanner.err() is None
    assert scanner.bytes_read >= _WARM + _WHOLE
    return float(most)


def _long_stream() -> Iterator[bytes]:
    blocks = workloads.workload("chat", 2_000).stream.split(b"\n\n")[1:-4]
    block = b"\n\n".join(blocks) + b"\n\n"
    chunks = [block[at : at + _CHUNK] for at in range(0, len(block), _CHUNK)]
    for _ in range(-(-(_WARM + _WHOLE) // len(block))):
        yield from chunks


def _idle(name: str, url: str) -> float:
    """Return how many bytes one open stream takes."""
    from bench.remote import READERS

    warm = READERS[name](url)
    next(warm)
    warm.close()
    before = _resident()
    streams = [READERS[name](url) for _ in range(_STREAMS)]
    for stream in streams:
        next(stream)
    size = (_resident() - before) / _STREAMS
    for stream in streams:
        stream.close()
    return size


if __name__ == "__main__":
    _, what, *arguments = sys.argv
    sys.stdout.write(json.dumps(_growth() if what == "growth" else _idle(*arguments)))
