"""Where the time of a typed event goes, step by step, and what the steps are made of.

Each step is timed by itself or with those before it, and what it adds is shown. The chunks are so
large that they cost next to nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

from bench import readers, workloads
from bench.results import Figure, figure
from bench.timing import Spread, interleaved, spread
from bench.workloads import FAMILIES, Workload
from openai_scan import StreamerV2
from openai_scan.events import decode
from openai_scan.events.assistants import TextDelta
from openai_scan.events.decoding.fields import setter_of_fields
from openai_scan.events.decoding.structure import Structurer
from openai_scan.sse import EventTokenizer, RawEvent

_ROUNDS = 7
_EVENTS = 5_000
_CHUNK = 64 * 1024

# How often a part of a step is done in a round.
_TIMES = 20_000


def measure() -> list[Figure]:
    """Return what each step costs, of each family, and what its parts cost."""
    figures = []
    for family in FAMILIES:
        figures += _steps(family)
    return [*figures, *_parts()]


def _steps(family: str) -> list[Figure]:
    stream = workloads.workload(family, _EVENTS)
    chunks = stream.chunks(_CHUNK)
    jobs: dict[str, Callable[[], object]] = {
        "json": partial(readers.loads, stream.payloads),
        "tokens": partial(readers.tokens, chunks),
        "raw": partial(readers.raw, chunks),
        "decode": partial(_decode_all, _raw_events(stream)),
        "next": partial(_step_through, chunks),
        "typed": partial(readers.typed, chunks),
    }
    costs = {
        name: [1e6 * each / stream.events for each in seconds]
        for name, seconds in interleaved(jobs, _ROUNDS).items()
    }
    raw, objects = costs["raw"], costs["decode"]
    both = [one + other for one, other in zip(raw, objects, strict=True)]
    columns = {
        "json.loads": spread(costs["json"]),
        "raw events": spread(costs["tokens"]),
        "scanner": _added(costs["tokens"], raw),
        "objects": spread(objects),
        "end, answer": _added(both, costs["next"]),
        "event(), text()": _added(costs["next"], costs["typed"]),
        "all": spread(costs["typed"]),
    }
    return [figure("floor", family, column, cost) for column, cost in columns.items()]


def _added(before: list[float], after: list[float]) -> Spread:
    return spread([more - less for less, more in zip(before, after, strict=True)])


def _raw_events(stream: Workload) -> list[RawEvent]:
    return list(EventTokenizer().feed(stream.stream))


def _decode_all(raws: list[RawEvent]) -> None:
    structure = Structurer()
    for raw in raws:
        decode(raw, structure)


def _step_through(chunks: list[bytes]) -> None:
    s = StreamerV2(chunks)
    while s.next():
        pass


def _parts() -> list[Figure]:
    """Return what Python takes for what no step can do without."""
    jobs: dict[str, Callable[[], object]] = {
        "a call of a method that does nothing": partial(_call, _Idle()),
        "an object of two fields, by its constructor": _construct,
        "the same, all fields at once": _set_at_once,
        "a text of JSON, read in its place": partial(_scan, '{"content":" pulls"}'),
        "300 characters, compared": partial(_compare, "x" * 300),
        "the loop around each of these": _loop,
    }
    times = interleaved(jobs, _ROUNDS)
    return [
        figure("parts", name, "µs", spread([1e6 * each / _TIMES for each in seconds]))
        for name, seconds in times.items()
    ]


class _Idle:
    def nothing(self) -> None:
        """Do nothing."""


def _loop() -> None:
    for _ in range(_TIMES):
        pass


def _call(idle: _Idle) -> None:
    for _ in range(_TIMES):
        idle.nothing()


def _construct() -> None:
    for _ in range(_TIMES):
        TextDelta(value="", annotations=())


def _set_at_once() -> None:
    new, set_fields = object.__new__, setter_of_fields(TextDelta)
    for _ in range(_TIMES):
        made = new(TextDelta)
        set_fields(made, {"value": "", "annotations": ()})


def _scan(text: str) -> None:
    scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined] # typeshed leaves it out
    for _ in range(_TIMES):
        scan(text, 11)


def _compare(text: str) -> None:
    longer = text + text
    for _ in range(_TIMES):
        longer.startswith(text)
