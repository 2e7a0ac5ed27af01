"""What decoding costs: our readers and `json.loads` on one stream, in the same rounds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bench import readers
from bench.workloads import Workload

OURS: dict[str, readers.Read] = {
    "typed": readers.typed,
    "snapshots": readers.with_snapshots,
    "forgotten": readers.without_answers,
    "raw": readers.raw,
    "tokens": readers.tokens,
}


def jobs_of(stream: Workload, size: int) -> dict[str, Callable[[], object]]:
    """Return what is timed of *stream* in chunks of *size*; `json` is what all is measured by."""
    chunks = stream.chunks(size)
    jobs: dict[str, Callable[[], object]] = {"json": partial(readers.loads, stream.payloads)}
    for name, read in OURS.items():
        jobs[name] = partial(read, chunks)
    return jobs


def added_by(typed: float, other: float) -> float:
    """Return what *other* costs more than *typed*, in percent."""
    return 100 * (other - typed) / typed
