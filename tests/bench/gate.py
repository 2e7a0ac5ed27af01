"""What `test_gate.py` runs: the ratios that a change must not spoil, each at its best."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping

from attrs import frozen

from bench import decode, workloads
from bench.timing import interleaved

# So small that a round takes a moment, so large that what happens once does not count.
EVENTS = 500

_ROUNDS_AT_A_TIME = 3

# Of CPU time, for one family with one size of chunks.
_MOST_SECONDS = 10.0


@frozen
class Bound:
    """The most that a reader may cost.

    Attributes:
        reader: One of `decode.OURS`.
        of: What its cost is divided by.
        limit: What the ratio must not exceed.
    """

    reader: str
    of: str
    limit: float


def best_ratios(
    jobs: Mapping[str, Callable[[], object]],
    bounds: Mapping[str, Bound],
    most_seconds: float = _MOST_SECONDS,
) -> dict[str, float]:
    """Return the ratio of each bound: the least cost of any round, over the least of the other.

    More rounds are run for as long as a bound is not met, until they have taken *most_seconds*.
    """
    for job in jobs.values():
        job()  # what is made only once is made now
    best = dict.fromkeys(jobs, math.inf)
    spent = 0.0
    while True:
        times = interleaved(jobs, _ROUNDS_AT_A_TIME)
        best = {name: min(least, *times[name]) for name, least in best.items()}
        spent += sum(map(sum, times.values()))
        ratios = {name: best[bound.reader] / best[bound.of] for name, bound in bounds.items()}
        if spent >= most_seconds or all(ratios[name] <= bounds[name].limit for name in bounds):
            return ratios


def main(family: str, size: int, bounds: Mapping[str, Bound]) -> dict[str, float]:
    """Return the ratios of one family, in chunks of one size."""
    jobs = decode.jobs_of(workloads.workload(family, EVENTS), size)
    used = {name for bound in bounds.values() for name in (bound.reader, bound.of)}
    return best_ratios({name: job for name, job in jobs.items() if name in used}, bounds)


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    found = [
        main(family, size, {name: Bound(**bound) for name, bound in bounds.items()})
        for family, size, bounds in asked
    ]
    sys.stdout.write(json.dumps(found))
