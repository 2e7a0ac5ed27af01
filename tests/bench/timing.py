"""How things are timed: CPU time, in interleaved rounds, and the spread of their ratios."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

from attrs import frozen


@frozen
class Spread:
    """The middle of some measurements, and the quartiles around it."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Return the spread of *values*; of a single one it is nothing."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high)


def ratios(values: Sequence[float], others: Sequence[float]) -> Spread:
    """Return the spread of the ratios of what was measured in the same rounds."""
    return spread([value / other for value, other in zip(values, others, strict=True)])


def cpu_seconds(job: Callable[[], object]) -> float:
    """Return the CPU time that *job* takes this process, user and system."""
    gc.collect()  # what others have left behind is not this one's to clear away
    start = time.process_time()
    job()
    return time.process_time() - start


def interleaved(jobs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return the CPU seconds of each job in each round.

    The jobs of a round run one after the other, so that what slows the machine down for a while
    slows all of them.
    """
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            times[name].append(cpu_seconds(job))
    return times
