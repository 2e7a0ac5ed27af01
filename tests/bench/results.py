"""What a run has found: figures, the tables they stand in, and the file between run and page."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import attrs
from attrs import frozen

from bench.timing import Spread


@frozen
class Table:
    """What is claimed, and measured in one or more cells.

    Attributes:
        target: The number of the target, or "" where nothing is aimed at.
        claim: What is measured, and what it is to be.
        unit: Of the figures.
        at_least: Whether more is better.
        counted: Whether the figures are whole numbers.
    """

    target: str
    claim: str
    unit: str
    at_least: bool = False
    counted: bool = False


# They are on the page about browsers, all others on the one about performance.
BROWSER_TABLES = {
    "browser-sizes": Table("", "What a page loads", "bytes", counted=True),
    "browser-first": Table("", "From opening the page to the first token", "s"),
    "browser-cpu": Table("", "CPU for an event from memory", "times CPython's"),
    "browser-spread": Table("", "The tokens of a stream in the page", "", at_least=True),
    "browser-late": Table("", "Delay of a token", "ms"),
    "browser-freeze": Table("", "The longest time that the page is blocked", "ms"),
}

TABLES = {
    "typed": Table("1", "Typed events, with plain dependencies", "times `json.loads`"),
    "typed-fast": Table("1", "Typed events, with a faster JSON parser", "times `json.loads`"),
    "client": Table("2", "CPU of openai-python, plain", "times ours", at_least=True),
    "client-fast": Table("2", "CPU of openai-python, fast", "times ours", at_least=True),
    "raw": Table("3", "Raw events", "times `json.loads`"),
    "peers": Table("3", "CPU of other libraries for raw events", "times ours", at_least=True),
    "snapshots": Table("4", "Cost of snapshots", "% of typed events"),
    "flat": Table("4", "Event 1,000,000 compared with event 1,000", "times its CPU"),
    "import": Table("5", "`import openai_scan`, more than bare Python", ""),
    "first": Table("5", "The first event of an API", "ms"),
    "http": Table("6", "CPU of openai-python for 100,000 events", "times ours", at_least=True),
    "memory": Table("7", "Growth while reading 1 GiB", "MB"),
    "idle": Table("7", "An idle stream, without its socket", "KB"),
    "threads": Table("8", "200 streams, 10,000 events a second", "of one core"),
    "threads-free": Table("8", "The same without the GIL", "of one core"),
    "before-next": Table("9", "`next()`, compared with the first version", "times its CPU"),
    "before-text": Table("9", "`next()` and `text()`, the same", "times its CPU"),
    "async": Table("10", "The async driver compared with the blocking one", "times its CPU"),
    "paced": Table("11", "CPU per token, as tokens arrive", "times a bare socket and `json.loads`"),
    "paced-client": Table("11", "CPU of openai-python per token", "times ours", at_least=True),
    "latency": Table("11", "Delay of a token", "times a bare socket's"),
    "paced-calls": Table("11", "Function calls per token, at most", "calls", counted=True),
    "paced-costs": Table("", "CPU for one token, one in a packet", "µs"),
    "paced-steps": Table("", "Where the CPU of one token goes", "µs"),
    "drivers": Table("", "CPU for one event, by driver", "µs"),
    "floor": Table("", "Where the CPU of one event goes", "µs"),
    "parts": Table("", "What the steps are made of", ""),
    "costs": Table("", "CPU for one event, 4 KiB chunks", "µs"),
    **BROWSER_TABLES,
}


@frozen
class Figure:
    """One cell of a table.

    Attributes:
        table: Its key in `TABLES`.
        limit: What it must not exceed, or has to reach; None where nothing is aimed at.
    """

    table: str
    row: str
    column: str
    value: float
    low: float
    high: float
    limit: float | None = None

    @property
    def met(self) -> bool:
        """Whether the limit is kept; without one it is."""
        if self.limit is None:
            return True
        at_least = TABLES[self.table].at_least
        return self.value >= self.limit if at_least else self.value <= self.limit


def figure(table: str, row: str, column: str, spread: Spread, limit: float | None = None) -> Figure:
    """Return the cell that shows *spread*."""
    return Figure(table, row, column, spread.median, spread.low, spread.high, limit)


@frozen
class Result:
    """All that one topic has found in one environment.

    Attributes:
        facts: Where and with what: machine, versions, date.
    """

    topic: str
    facts: dict[str, str]
    figures: tuple[Figure, ...]

    def save(self, folder: Path) -> None:
        """Write it into *folder*, in place of what an earlier run has left there."""
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(attrs.asdict(self), indent=1, ensure_ascii=False)
        (folder / f"{self.topic}.json").write_text(text + "\n", "utf-8")


def load(folder: Path, topics: Iterable[str]) -> list[Result]:
    """Return the results of *topics*.

    Raises:
        FileNotFoundError: One of them has not been run.
    """
    results = []
    for topic in topics:
        found = json.loads((folder / f"{topic}.json").read_text("utf-8"))
        figures = tuple(Figure(**each) for each in found["figures"])
        results.append(Result(found["topic"], found["facts"], figures))
    return results
