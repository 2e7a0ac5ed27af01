"""The comparison says the same everywhere, and says what came of a scene."""

from __future__ import annotations

from pathlib import Path

import pytest

from comparison import picture, table
from comparison.table import LIBRARIES, ROWS, Cell

pytestmark = pytest.mark.unmeasured

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
PAGE = (ROOT / "docs/explanation/comparison.md").read_text("utf-8")


def test_the_readme_shows_the_table_of_the_page() -> None:
    """So it does with the date and the versions; `make comparison` writes both."""
    shown, page = table.parts_of(README), table.parts_of(PAGE)
    assert shown == {name: page[name] for name in ("facts", "table")}
    assert page["facts"].startswith("On 20")


def test_both_tables_of_the_page_are_whole() -> None:
    """There is a row for each scene and a cell for each library, and each cell says something."""
    for name in ("table", "details"):
        head, _, *rows = [
            line.strip("|").split("|") for line in table.parts_of(PAGE)[name].splitlines()
        ]
        assert [cell.strip() for cell in head[1:]] == list(LIBRARIES)
        assert [row[0].strip() for row in rows] == list(ROWS.values())
        assert all(cell.strip() for row in rows for cell in row)


def test_the_pictures_show_what_the_page_says() -> None:
    """A cut stream is drawn from the row about it."""
    for name, svg in picture.pictures(PAGE).items():
        assert (picture.PICTURES / f"{name}.svg").read_text("utf-8") == svg


def test_a_page_is_filled_between_its_marks() -> None:
    """What is around them is kept."""
    cells = {(scene, name): Cell(name, scene) for scene in ROWS for name in LIBRARIES}
    page = "a\n<!-- comparison: table -->\nold\n<!-- comparison: end -->\nb\n"
    filled = table.fill(page, {"table": table.table(cells)})
    assert filled.startswith("a\n<!-- comparison: table -->\n\n|")
    assert filled.endswith("|\n\n<!-- comparison: end -->\nb\n")
    assert table.parts_of(filled) == {"table": table.table(cells)}
    row = f"| {ROWS['cut']} | {' | '.join(LIBRARIES)} |"
    assert row in filled.splitlines()
    assert f"| {ROWS['cut']} |{' cut |' * len(LIBRARIES)}" in table.details(cells).splitlines()


def test_an_answer_that_is_not_whole_needs_an_error() -> None:
    """A finish reason is shown, and is no error."""
    assert table.ended({"error": "a.Cut", "finish": None}) == Cell("error", "`a.Cut`")
    assert table.ended({"error": None, "finish": None}).short == "no error"
    found = table.ended({"error": None, "finish": "other"})
    assert found == Cell("no error", "no error, finish reason `other`")
    assert table.passed_on({"error": None, "texts": [5]}) == Cell("passed on", "the pieces `[5]`")
    assert table.passed_on({"error": "a.Wrong", "texts": []}).short == "error"


def test_a_reader_returns_or_does_not() -> None:
    """At the end of an answer, and when it is cancelled."""
    assert table.came_back(None, 10).detail == "still reading after 10 s"
    assert table.came_back({"error": None, "finish": "stop"}, 10).short == "returns"
    assert table.came_back({"error": "a.Cut", "finish": None}, 10).short == "error"
    assert table.cancelled({"seconds": None, "error": None}, 10).short == "has no effect"
    at_once = table.cancelled({"seconds": 0.0012, "error": "a.Cancelled"}, 10)
    assert at_once == Cell("at once", "1 ms, `a.Cancelled`")
    assert table.cancelled({"seconds": 2.5, "error": None}, 10) == Cell(
        "after 2.5 s", "2500 ms, no error"
    )


def test_a_resumed_answer_is_whole() -> None:
    """By the library, or by a request that its user writes."""
    whole = {"texts": ["a", "b"], "error": None}
    half = {"texts": ["a"], "error": "a.Cut"}
    rest = {"texts": ["b"], "error": None}
    assert table.resumed({"first": whole}, "ab").short == "automatically"
    assert table.resumed({"first": half, "by_hand": rest}, "ab").short == "with a request of yours"
    assert table.resumed({"first": half, "by_hand": None}, "ab").short == "no"


def test_things_are_counted() -> None:
    """Connections, types and microseconds."""
    assert table.reused(1) == Cell("1", "1 connection")
    assert table.reused(3) == Cell("3", "3 connections")
    assert table.typed({"types": ["A"]}, 9) == Cell("1 class for 9 names", "`A`")
    assert table.typed({"types": ["A", "B"]}, 2).short == "2 classes for 2 names"
    assert table.typed({"types": ["a"]}, 2, of_its_own=True).short == "1 kinds of its own"
    shown = table.costs({"openai_scan": 4.0, "b": 6.0, "c": 80.0, "d": 3.0})
    assert [cell.short for cell in shown.values()] == ["1", "1.5 times", "20 times", "0.75 times"]
    assert shown["c"].detail == "80 µs"
    assert table.lost("| a relay | exact | `done` | `saved`, exact | 1 |") == Cell(
        "exact", "a relay: exact, told `done`"
    )
