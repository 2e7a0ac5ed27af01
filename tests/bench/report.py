"""The results as Markdown: a table for each claim, and one line for each target."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bench.results import TABLES, Figure, Result

_MARKED = re.compile(r"(<!-- bench: ([a-z-]+) -->\n).*?(<!-- bench: end -->)", re.DOTALL)

_MET = {True: "met", False: "**missed**"}


def fill(page: str, results: Sequence[Result], *, whole: bool = True) -> str:
    """Return *page* with the parts between its markers written anew.

    Args:
        page: The page as it is.
        results: What was measured.
        whole: Whether that is everything. If not, only the tables that it has figures for change.

    Raises:
        KeyError: The page has a marker for an unknown table.
    """
    figures = [figure for result in results for figure in result.figures]
    parts = {key: table(key, figures) for key in TABLES}
    parts["summary"] = summary(figures)
    parts["facts"] = facts(results)
    measured = {figure.table for figure in figures}

    def part(marked: re.Match[str]) -> str:
        if not whole and marked[2] not in measured:
            return marked[0]
        return f"{marked[1]}\n{parts[marked[2]]}\n{marked[3]}"

    return _MARKED.sub(part, page)


def summary(figures: Sequence[Figure]) -> str:
    """Return one line for each table that has a target: the worst of its cells, and the verdict."""
    lines = ["| target | what | aimed at | the worst | | |", "|---|---|---|---|---|---|"]
    for key, each in TABLES.items():
        cells = [figure for figure in figures if figure.table == key and figure.limit is not None]
        if not each.target:
            continue
        if not cells:
            lines.append(f"| {each.target} | {each.claim} | | not measured | | |")
            continue
        worst = max(cells, key=_distance)
        where = ", ".join(filter(None, (worst.row, worst.column)))
        met = sum(cell.met for cell in cells)
        lines.append(
            f"| {each.target} | {each.claim} | {_limit(worst)} | {_number(worst.value)} {each.unit}"
            f" | {where} | {_MET[met == len(cells)]}: {met} of {len(cells)} |"
        )
    return "\n".join(lines) + "\n"


def table(key: str, figures: Iterable[Figure]) -> str:
    """Return the table of one claim; a figure is followed by its quartiles."""
    cells = {(each.row, each.column): each for each in figures if each.table == key}
    if not cells:
        return "Not measured in this run.\n"
    rows = list(dict.fromkeys(row for row, _ in cells))
    columns = list(dict.fromkeys(column for _, column in cells))
    unit = TABLES[key].unit
    lines = [
        " | ".join((f"| {unit}", *columns)) + " |",
        "|---|" + "---|" * len(columns),
    ]
    for row in rows:
        shown = (_cell(cells.get((row, column))) for column in columns)
        lines.append(" | ".join((f"| {row}", *shown)) + " |")
    return "\n".join(lines) + "\n"


def facts(results: Iterable[Result]) -> str:
    """Return what the results were found with, one line for each fact."""
    together: dict[str, str] = {}
    for result in results:
        together |= result.facts
    return "\n".join(f"- {name}: {value}" for name, value in together.items()) + "\n"


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return ""
    text = _number(figure.value)
    if figure.low != figure.high:
        text += f" ({_number(figure.low)} to {_number(figure.high)})"
    if figure.limit is not None:
        text += f", {_MET[figure.met]}: {_limit(figure)}"
    return text


def _limit(figure: Figure) -> str:
    sign = "≥" if TABLES[figure.table].at_least else "≤"
    return f"{sign} {figure.limit:g}"


def _distance(figure: Figure) -> float:
    """Return how many times the limit is exceeded, or not reached."""
    limit = figure.limit or 1.0
    at_least = TABLES[figure.table].at_least
    return limit / figure.value if at_least else figure.value / limit


def _number(value: float) -> str:
    """Return *value* with as many digits as mean something."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
