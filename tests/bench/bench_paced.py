"""Target 11: what a token costs when it comes as tokens come, one event in a packet of its own.

The other topics decode events from memory, thousands at once, so that all code is warm and every
read brings many. A model writes 20 to 200 tokens a second: the reader waits, wakes up, reads one
event and waits again. So the server sends on a schedule, from a process of its own, and each reader
is a process too, whose CPU time is taken while it reads.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

from attrs import frozen

from bench import paced_server, remote, shapes
from bench.remote import READERS, STEPS
from bench.results import Figure, figure
from bench.timing import ratios, spread

_ROUNDS = 5

_FLOOR = "bare socket, json.loads"
_OURS = "openai_scan"
_PEER = "openai-python"

_LIMIT = 1.5
_AT_LEAST = 7.0
_MOST_CALLS = 40.0
_LATENCY = 1.3

_LATENCY_RATE = 500
_LATENCY_EVENTS = 300

# Slow enough that no reader falls behind, even while calls are counted.
_CALLS_RATE = 200
# On a busy machine two events come in one read now and then. So each token is read three times, and
# the reading with the fewest calls counts.
_CALLS_TIMES = 3

# How many events come before those that are counted, until connection and code have warmed up.
_UNTIMED = 100


@frozen
class Pace:
    """How the events of a stream come.

    Attributes:
        rate: Events a second.
        events: How many are timed.
        untimed: How many come before these, until connection and code have warmed up.
    """

    family: str
    rate: int
    untimed: int
    events: int

    @property
    def name(self) -> str:
        """How the tables call it."""
        return f"{self.family}, {self.rate:,} a second"


PACES = (
    Pace("chat", 50, 15, 60),
    Pace("chat", 200, 40, 200),
    Pace("chat", 1_000, 200, 800),
    Pace("responses", 1_000, 200, 800),
)

# Where the steps from the socket to the text are distinguished.
_STEPS_PACES = PACES[2:]

# Nothing is aimed at here: most of the difference is OpenSSL's work, which all have to do.
_TLS_PACE = PACES[2]
TLS_READERS = (_FLOOR, _OURS)

Costs: TypeAlias = "dict[str, list[float]]"


def measure() -> list[Figure]:
    """Return what a token costs each reader: CPU time, delay, and calls."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(paced_server.running())
        secure_url = stack.enter_context(paced_server.running(make_certificate(folder)))
        environment = {**os.environ, remote.CERTIFICATES: str(folder / "authority.pem")}
        readers = {name: stack.enter_context(_reader(name, environment)) for name in READERS}
        return [
            *_all_costs(readers, url, secure_url),
            *_steps(
                {**readers, **{n: stack.enter_context(_reader(n, environment)) for n in STEPS}}, url
            ),
            *_latency(readers, url),
            *_calls(readers, url),
        ]


class _Reader:
    """One of the readers, in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, what: str, **arguments: Any) -> Any:
        """Have it do *what*, one of `_WORK`, and return what it found."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([what, arguments]) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@contextlib.contextmanager
def _reader(name: str, environment: dict[str, str]) -> Iterator[_Reader]:
    command = [sys.executable, "-m", "bench.bench_paced", name]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        yield _Reader(process)


def make_certificate(folder: Path) -> Path:
    """Return the file of a certificate for localhost, with its key; the authority's is beside."""
    import trustme

    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(
        path := folder / "localhost.pem"
    )
    return path


def _all_costs(readers: dict[str, _Reader], url: str, secure_url: str) -> Iterator[Figure]:
    secure = {name: readers[name] for name in TLS_READERS}
    found: dict[str, Costs] = {}
    for _ in range(_ROUNDS):
        for pace in PACES:
            _round(found.setdefault(pace.name, {}), readers, url, pace)
        _round(found.setdefault(f"{_TLS_PACE.name}, TLS", {}), secure, secure_url, _TLS_PACE)
    for row, costs in found.items():
        yield from _figures(row, costs)


def _round(costs: Costs, readers: dict[str, _Reader], url: str, pace: Pace) -> None:
    """Add to *costs* the CPU seconds for one event of each reader."""
    for name, reader in readers.items():
        asked = {"family": pace.family, "untimed": pace.untimed, "events": pace.events}
        found = reader.ask("cost", url=f"{url}/{pace.family}/{pace.rate}/v1", **asked)
        if found["seconds"] > 1.1 * pace.events / pace.rate:
            # Then several events come in one read, which makes each of them cheaper.
            sys.stderr.write(f"{name} or the server is late: {pace.name}\n")
        costs.setdefault(name, []).append(found["cpu"])


def _figures(row: str, costs: Costs) -> Iterator[Figure]:
    aims = "TLS" not in row
    for name, seconds in costs.items():
        yield figure("paced-costs", row, name, spread([1e6 * each for each in seconds]))
    for name, seconds in costs.items():
        if name != _FLOOR:
            limit = _LIMIT if aims and name == _OURS else None
            yield figure("paced", row, name, ratios(seconds, costs[_FLOOR]), limit)
    if aims:
        yield figure("paced-client", row, _PEER, ratios(costs[_PEER], costs[_OURS]), _AT_LEAST)


def _steps(readers: dict[str, _Reader], url: str) -> Iterator[Figure]:
    """Return what each step from the socket to the text adds, in microseconds."""
    steps = {
        "bare socket": "bare socket",
        "HTTP, limits, cancel()": "openai_scan's body",
        "raw events": "openai_scan's raw events",
        "typed events, judged; text": _OURS,
    }
    for pace in _STEPS_PACES:
        found: Costs = {}
        for _ in range(_ROUNDS):
            _round(found, {name: readers[name] for name in (_FLOOR, *steps.values())}, url, pace)
        before = [0.0] * _ROUNDS
        for column, name in steps.items():
            added = [cost - less for cost, less in zip(found[name], before, strict=True)]
            yield figure("paced-steps", pace.name, column, spread([1e6 * each for each in added]))
            before = found[name]
        floor = spread([1e6 * each for each in found[_FLOOR]])
        yield figure("paced-steps", pace.name, _FLOOR, floor)


def _latency(readers: dict[str, _Reader], url: str) -> Iterator[Figure]:
    late: Costs = {name: [] for name in readers}
    timed = f"{url}/timed/{_LATENCY_RATE}/v1"
    for _ in range(_ROUNDS):
        for name, delays in late.items():
            asked = {"untimed": _UNTIMED, "events": _LATENCY_EVENTS}
            delays.append(readers[name].ask("delay", url=timed, **asked))
    for name, delays in late.items():
        limit = _LATENCY if name == _OURS else None
        yield figure("latency", name, "median", ratios(delays, late["bare socket"]), limit)
        yield figure("latency", name, "in µs", spread([1e6 * delay for delay in delays]))


def _calls(readers: dict[str, _Reader], url: str) -> Iterator[Figure]:
    for family in ("chat", "responses"):
        for name, reader in readers.items():
            events = _CALLS_TIMES * shapes.TOKENS
            asked = {"family": family, "untimed": _UNTIMED, "events": events}
            found = reader.ask("calls", url=f"{url}/{family}/{_CALLS_RATE}/v1", **asked)
            for kind, counts in zip(("Python", "built in"), zip(*found, strict=True), strict=True):
                limit = _MOST_CALLS if (name, kind) == (_OURS, "Python") else None
                most = max(min(counts[token :: shapes.TOKENS]) for token in range(shapes.TOKENS))
                column = f"{family}, {kind}"
                yield figure("paced-calls", name, column, spread([float(most)]), limit)


# What the process of a reader does.


def cost(name: str, url: str, family: str, untimed: int, events: int) -> dict[str, float]:
    """Return the CPU seconds that one event takes this process, and how long all took."""
    texts = {**READERS, **STEPS}[name](url, family)
    with contextlib.closing(texts):
        _skip(texts, untimed)
        start, cpu = time.monotonic(), time.process_time()
        _skip(texts, events)
        return {
            "cpu": (time.process_time() - cpu) / events,
            "seconds": time.monotonic() - start,
        }


def delay(name: str, url: str, untimed: int, events: int) -> float:
    """Return the median of the seconds from the server's send to the text in hand."""
    delays = []
    with contextlib.closing(READERS[name](url)) as texts:
        _skip(texts, untimed)
        for text in islice(texts, events):
            delays.append(time.monotonic_ns() - int(text))  # noqa: PERF401 - not all in one
    return statistics.median(delays) / 1e9


def calls(name: str, url: str, family: str, untimed: int, events: int) -> Sequence[tuple[int, int]]:
    """Return of each event how many Python functions and how many built-in ones it took."""
    import costs

    with contextlib.closing(READERS[name](url, family)) as texts:
        _skip(texts, untimed)
        return [
            costs.calls(lambda: next(texts), {__file__, remote.__file__}) for _ in range(events)
        ]


def _skip(texts: Iterator[str], events: int) -> None:
    deque(islice(texts, events), maxlen=0)


_WORK: dict[str, Callable[..., Any]] = {"cost": cost, "delay": delay, "calls": calls}


def _main(name: str) -> None:
    for line in sys.stdin:
        what, arguments = json.loads(line)
        sys.stdout.write(json.dumps(_WORK[what](name, **arguments)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main(sys.argv[1])
