"""Target 5: what an import takes, and the first event; each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

from bench import workloads
from bench.results import Figure, figure
from bench.timing import spread

_ROUNDS = 11

_MEMORY = "; import psutil; print(json.dumps([seconds, psutil.Process().memory_info().rss]))"
_BARE = "import json, time; seconds = 0.0" + _MEMORY
_IMPORTS = ("import openai_scan", "from openai_scan import StreamerV2")

# The first event, then the rest of the stream, then the same stream once more.
_FIRST = """
import json, sys, time
from openai_scan import StreamerV2
stream = sys.stdin.buffer.read()
def read():
    start = time.perf_counter()
    s = StreamerV2([stream])
    s.next()
    s.event()
    first = time.perf_counter() - start
    while s.next():
        s.event()
    assert s.outcome == "completed"
    return first, time.perf_counter() - start
(first, whole), (_, again) = read(), read()
print(json.dumps([first, whole - again]))
"""

_LIMITS = {"assistants": 40.0, "chat": 40.0, "responses": 120.0}


def measure() -> list[Figure]:
    """Return the cost of import and first event."""
    return [*_import(), *_first()]


def _run(script: str, given: bytes = b"") -> tuple[float, float]:
    command = [sys.executable, "-c", script]
    ran = subprocess.run(command, input=given, stdout=subprocess.PIPE, check=True)
    first, second = json.loads(ran.stdout)
    return first, second


def _import() -> list[Figure]:
    figures = []
    for statement in _IMPORTS:
        script = (
            f"import json, time; start = time.perf_counter(); {statement}; "
            "seconds = time.perf_counter() - start" + _MEMORY
        )
        seconds, more = [], []
        _run(script)  # compiles what was not yet
        for _ in range(_ROUNDS):
            _, bare = _run(_BARE)
            took, with_it = _run(script)
            seconds.append(1e3 * took)
            more.append((with_it - bare) / 1e6)
        figures += [
            figure("import", f"`{statement}`", "ms", spread(seconds), 50.0),
            figure("import", f"`{statement}`", "MB", spread(more), 10.0),
        ]
    return figures


def _first() -> list[Figure]:
    figures = []
    for family in workloads.FAMILIES:
        stream = workloads.workload(family, 24).stream
        found = [_run(_FIRST, stream) for _ in range(_ROUNDS)]
        firsts, wholes = ([1e3 * each for each in times] for times in zip(*found, strict=True))
        limit = _LIMITS.get(family)
        figures.append(figure("first", family, "first event", spread(firsts), limit))
        figures.append(figure("first", family, "once, for 24 events of all kinds", spread(wholes)))
    return figures
