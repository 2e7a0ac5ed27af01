"""The results as Markdown: a table for each claim. What is made of these, `page.py` says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from bench.page import Cells, glance, read_tables, shown_pictures, summary
from bench.results import BROWSER_TABLES, TABLES, Figure, Result

_MARKED = re.compile(r"(<!-- bench: ([a-z-]+) -->\n).*?(<!-- bench: end -->)", re.DOTALL)

_MET = {True: "met", False: "**missed**"}


def fill(page: str, results: Sequence[Result], *, whole: bool = True) -> str:
    """Return *page* with the parts between its markers written again.

    Args:
        page: The page as it is.
        results: What was measured.
        whole: Whether that is everything. If not, only the tables that it has figures for change.

    Raises:
        KeyError: The page has a marker for an unknown part.
    """
    figures = [figure for result in results for figure in result.figures]
    measured = {figure.table for figure in figures}
    parts = {key: table(key, figures) for key in TABLES if whole or key in measured}
    if whole:
        parts["facts"] = facts(results)
    page = _put(page, parts)
    tables = read_tables(page)
    return _put(page, {name: make(tables) for name, make in _READ_OFF.items()})


def fill_browser(page: str, result: Result) -> str:
    """Return *page*, the one about browsers, with its tables and facts written again."""
    parts = {key: table(key, result.figures) for key in BROWSER_TABLES}
    return _put(page, {**parts, "browser-facts": facts([result])})


# The parts that are made of the tables on the page.
_READ_OFF: Mapping[str, Callable[[Mapping[str, Cells]], str]] = {
    "pictures": shown_pictures,
    "glance": glance,
    "summary": summary,
}

BROWSER_PARTS = (*BROWSER_TABLES, "browser-facts")

PARTS = (*(key for key in TABLES if key not in BROWSER_TABLES), *_READ_OFF, "facts")


def _put(page: str, parts: Mapping[str, str]) -> str:
    """Return *page* with *parts* between the markers that have their names."""

    def part(marked: re.Match[str]) -> str:
        if marked[2] not in (*PARTS, *BROWSER_PARTS):
            raise KeyError(marked[2])
        return f"{marked[1]}\n{parts[marked[2]]}\n{marked[3]}" if marked[2] in parts else marked[0]

    return _MARKED.sub(part, page)


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
    value, low, high = (
        _number(each, counted=TABLES[figure.table].counted)
        for each in (figure.value, figure.low, figure.high)
    )
    text = value if figure.low == figure.high else f"{value} ({low} to {high})"
    if figure.limit is not None:
        text += f", {_MET[figure.met]}: {_limit(figure)}"
    return text


def _limit(figure: Figure) -> str:
    sign = "≥" if TABLES[figure.table].at_least else "≤"
    return f"{sign} {figure.limit:g}"


def _number(value: float, *, counted: bool) -> str:
    """Return *value* with as many digits as mean something."""
    if counted or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
