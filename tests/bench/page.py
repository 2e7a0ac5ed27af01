"""What is made of the tables on the page: its summary, its first table, its pictures, the README.

All of it is read off the tables that the page shows, so none of it can differ from them, also when
only some of them have been measured again.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from attrs import frozen

from bench.results import TABLES, Table
from bench.workloads import FAMILIES

_MARKED = re.compile(r"<!-- bench: ([a-z-]+) -->\n(.*?)<!-- bench: end -->", re.DOTALL)
_README = re.compile(r"(<!-- bench: speed -->\n).*?(\n *<!-- bench: end -->)", re.DOTALL)
_CELL = re.compile(
    r"(?P<value>-?\d{1,3}(?:,\d{3})*(?:\.\d+)?)"
    r"(?: \(.*?\))?"
    r"(?:, (?P<verdict>met|\*\*missed\*\*): (?P<aim>[≤≥] (?P<limit>[\d.]+)))?"
)
_NOTHING = "-"


@frozen
class Cell:
    """A cell of a table, as the page shows it.

    Attributes:
        where: Its row and its column.
        shown: Its figure, without the quartiles.
        limit: What the figure must not exceed, or has to reach; None where nothing is aimed at.
        aim: The same with its sign, or "".
        met: Whether it is met; without a limit it is.
    """

    where: str
    shown: str
    limit: float | None
    aim: str
    met: bool

    @property
    def value(self) -> float:
        """The figure."""
        return float(self.shown.replace(",", ""))


Cells: TypeAlias = "Mapping[tuple[str, str], Cell]"
"""The cells of a table, by row and column."""


def read_tables(page: str) -> dict[str, Cells]:
    """Return the tables on *page*; one that was not measured has no cells."""
    return {key: _read_table(text) for key, text in _MARKED.findall(page) if key in TABLES}


def _read_table(text: str) -> Cells:
    lines = [line[2:-2].split(" | ") for line in text.splitlines() if line.startswith("| ")]
    cells: dict[tuple[str, str], Cell] = {}
    for row, *shown in lines[1:]:
        for column, each in zip(map(str.strip, lines[0][1:]), shown, strict=True):
            if each.strip():
                cells[row, column] = _read_cell(", ".join(filter(None, (row, column))), each)
    return cells


def _read_cell(where: str, shown: str) -> Cell:
    found = _CELL.fullmatch(shown.strip())
    if found is None:
        raise ValueError(f"no figure: {shown!r}, in {where}")
    limit = float(found["limit"]) if found["limit"] else None
    return Cell(where, found["value"], limit, found["aim"] or "", "**missed**" not in shown)


def summary(tables: Mapping[str, Cells]) -> str:
    """Return one line for each table that has a target: the worst of its cells, and the verdict."""
    lines = [
        "| no. | what is measured | target | worst cell | its figure | verdict |",
        "|---|---|---|---|---|---|",
    ]
    for key, each in TABLES.items():
        if each.target:
            cells = [cell for cell in tables.get(key, {}).values() if cell.limit is not None]
            lines.append(_summary_line(each, cells))
    return "\n".join(lines) + "\n"


def _summary_line(table: Table, cells: Sequence[Cell]) -> str:
    if not cells:
        return f"| {table.target} | {table.claim} | | | | not measured |"
    worst = max(cells, key=lambda cell: _distance(cell, at_least=table.at_least))
    met = sum(cell.met for cell in cells)
    verdict = f"met in {met} of {len(cells)} cell{'s' if len(cells) > 1 else ''}"
    if met < len(cells):
        verdict = f"**missed**: {verdict}"
    aim = f"{worst.aim} {table.unit}".strip()
    return f"| {table.target} | {table.claim} | {aim} | {worst.where} | {worst.shown} | {verdict} |"


def _distance(cell: Cell, *, at_least: bool) -> float:
    """Return how many times the limit is exceeded, or not reached."""
    limit = cell.limit or 1.0
    return limit / cell.value if at_least else cell.value / limit


# The first table.

_READERS = ("openai_scan", "openai-python", "httpx", "floor")
_OVER_HTTP = ("openai_scan", "openai-python", "httpx, json.loads", "bare socket, json.loads")
_FROM_MEMORY = ("typed", "openai-python", "httpx, json.loads", "json.loads")
_THREADS = ("openai_scan", "", "", "bare socket")

_ALONE = "CPU per token that arrives alone, µs"
_BULK = "CPU per event from memory, µs"
_CHAT = "chat, 50 a second"

# What each row shows, and of what; the table that it is taken from, and where each cell is there.
_GLANCE: Mapping[tuple[str, str], tuple[str, Sequence[tuple[str, str]]]] = {
    **{
        (_ALONE, pace): ("paced-costs", [(pace, name) for name in _OVER_HTTP])
        for pace in (
            _CHAT,
            "chat, 200 a second",
            "chat, 1,000 a second",
            "responses, 1,000 a second",
        )
    },
    **{
        (_BULK, family): ("costs", [(family, name) for name in _FROM_MEMORY])
        for family in ("chat", "responses")
    },
    ("delay of a token, µs", "chat, 500 a second"): (
        "latency",
        [(name, "in µs") for name in _OVER_HTTP],
    ),
    ("Python function calls per token", "chat"): (
        "paced-calls",
        [(name, "chat, Python") for name in _OVER_HTTP],
    ),
    ("share of a core", "200 chat streams, 50 a second each"): (
        "threads",
        [(name, "whole process") for name in _THREADS],
    ),
}


def glance(tables: Mapping[str, Cells]) -> str:
    """Return the table for those who only want to know what a token costs."""
    lines = [
        " | ".join(("| what is measured", "stream", *_READERS)) + " |",
        "|---|---|" + "---:|" * len(_READERS),
    ]
    for labels, (key, places) in _GLANCE.items():
        shown = (_shown(tables.get(key, {}), place) for place in places)
        lines.append(" | ".join((f"| {labels[0]}", labels[1], *shown)) + " |")
    return "\n".join(lines) + "\n"


def _shown(cells: Cells, place: tuple[str, str]) -> str:
    return cells[place].shown if place in cells else _NOTHING


def quoted(readme: str, page: str) -> str:
    """Return *readme* with the speeds that *page* shows."""
    tables = read_tables(page)
    shown = []
    for labels in ((_ALONE, _CHAT), (_BULK, "chat")):
        key, places = _GLANCE[labels]
        shown.append([_shown(tables.get(key, {}), place) for place in places])
    (token, client, _, floor), (event, bulk_client, _, bulk_floor) = shown
    text = (
        f"A chat token that arrives alone, 50 a second, takes {token} µs of CPU: a bare socket "
        f"with `json.loads` takes {floor} µs, openai-python {client} µs. An event from memory, "
        f"thousands at once, takes {event} µs: `json.loads` takes {bulk_floor} µs, openai-python "
        f"{bulk_client} µs. See [Performance](docs/explanation/performance.md)."
    )
    indented = textwrap.fill(
        text, 110, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
    )
    return _README.sub(lambda marked: f"{marked[1]}{indented}{marked[2]}", readme)


# The pictures.


@frozen
class Picture:
    """What a picture shows: groups of bars.

    Attributes:
        name: Of its file, without the end.
        title: What is measured, with its unit.
        groups: The values of each group, by the names of the bars.
    """

    name: str
    title: str
    groups: Mapping[str, Mapping[str, float]]

    @property
    def alt(self) -> str:
        """The same as text."""
        groups = (
            f"{group}: " + ", ".join(f"{name} {_plain(value)}" for name, value in bars.items())
            for group, bars in self.groups.items()
        )
        return f"{self.title}. {'; '.join(groups)}."


def pictures(tables: Mapping[str, Cells]) -> list[Picture]:
    """Return the pictures of the page; of what was not measured they show nothing."""
    paced, costs = tables.get("paced-costs", {}), tables.get("costs", {})
    # Nothing but what all of them read.
    paces = [row for row, column in paced if column == "openai-python"]
    return [
        Picture(
            "performance-paced",
            "CPU for one token that comes alone, in µs",
            _groups(paced, paces, _OVER_HTTP),
        ),
        Picture(
            "performance-memory",
            "CPU for one event from memory, thousands at once, in µs",
            _groups(costs, FAMILIES, _FROM_MEMORY),
        ),
    ]


def _groups(
    cells: Cells, rows: Sequence[str], columns: Sequence[str]
) -> dict[str, dict[str, float]]:
    named = list(zip(_READERS, columns, strict=True))
    # From the floor upwards.
    named = [named[3], named[0], named[2], named[1]]
    return {
        row: {name: cells[row, column].value for name, column in named if (row, column) in cells}
        for row in rows
    }


def shown_pictures(tables: Mapping[str, Cells]) -> str:
    """Return the Markdown that shows the pictures."""
    return "\n\n".join(f"![{each.alt}]({each.name}.svg)" for each in pictures(tables)) + "\n"


def _plain(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
