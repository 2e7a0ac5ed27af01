"""Target 6: over HTTP on loopback, what a stream costs all in all that comes as fast as it goes."""

from __future__ import annotations

import resource
import subprocess
import sys

from bench import server
from bench.remote import READERS
from bench.results import Figure, figure
from bench.timing import ratios, spread

_MANY = 100_000
_MANY_ROUNDS = 3


def measure() -> list[Figure]:
    """Return the CPU of each reader, against ours."""
    with server.running() as url:
        return _cpu(f"{url}/bulk/{_MANY}/v1")


def _cpu(url: str) -> list[Figure]:
    seconds: dict[str, list[float]] = {name: [] for name in READERS}
    for _ in range(_MANY_ROUNDS):
        for name, times in seconds.items():
            times.append(_process_seconds(name, url))
    figures = []
    for name, times in seconds.items():
        against = ratios(times, seconds["openai_scan"])
        limit = 10.0 if name == "openai-python" else None
        figures.append(figure("http", name, "whole process", against, limit))
        figures.append(figure("http", name, "in s", spread(times)))
    return figures


def _process_seconds(name: str, url: str) -> float:
    """Return the CPU time of a process that reads one stream, from its start to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "bench.remote", name, url]
    ran = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if int(ran.stdout) < _MANY - 10:  # a few have no text
        raise ValueError(f"{name} has read {int(ran.stdout)} events")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
