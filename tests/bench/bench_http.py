"""Target 6: over HTTP on loopback, how late an event is, and what a stream costs all in all."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from itertools import islice

from bench import server
from bench.remote import READERS
from bench.results import Figure, figure
from bench.timing import ratios, spread

_ROUNDS = 5
_EVENTS = 600
_UNTIMED = 100  # until connection and code have warmed up

_MANY = 100_000
_MANY_ROUNDS = 3


def measure() -> list[Figure]:
    """Return latency and CPU of each reader, against the bare socket's and ours."""
    with server.running() as url:
        return [*_latency(f"{url}/paced/1/v1"), *_cpu(f"{url}/bulk/{_MANY}/v1")]


def _latency(url: str) -> list[Figure]:
    late: dict[str, list[float]] = {name: [] for name in READERS}
    for _ in range(_ROUNDS):
        for name, delays in late.items():
            delays.append(_median_delay(name, url))
    figures = []
    for name, delays in late.items():
        against = ratios(delays, late["bare socket"])
        limit = 1.3 if name == "openai_scan" else None
        figures.append(figure("latency", name, "median", against, limit))
        micros = spread([1e6 * delay for delay in delays])
        figures.append(figure("latency", name, "in µs", micros))
    return figures


def _median_delay(name: str, url: str) -> float:
    """Return the seconds from the server's send to the event in hand."""
    texts = READERS[name](url)
    delays = []
    for text in islice(texts, _EVENTS):
        delays.append(time.perf_counter_ns() - int(text))  # noqa: PERF401 - not all in one
    texts.close()
    return statistics.median(delays[_UNTIMED:]) / 1e9


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
