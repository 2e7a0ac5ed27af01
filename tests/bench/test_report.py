"""Results become files, and files become the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import report
from bench.results import Figure, Result, figure, load
from bench.timing import Spread, cpu_seconds, interleaved, ratios, spread

pytestmark = pytest.mark.unmeasured

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "explanation" / "performance.md"
BROWSER_PAGE = DOCS / "how-to" / "in-the-browser.md"

FIGURES = (
    Figure("typed", "chat", "200 B", 2.004, 1.9, 2.1, 2.0),
    Figure("typed", "chat", "4 KiB", 1.5, 1.5, 1.5, 1.6),
    Figure("typed", "audio", "200 B", 12.34, 12.0, 13.0, 2.0),
    Figure("client", "chat", "4 KiB", 30.0, 29.0, 31.0, 25.0),
    Figure("client", "audio", "4 KiB", 5.0, 4.0, 6.0, 15.0),
    Figure("latency", "chat", "", 1.2, 1.1, 1.3, 1.3),
    Figure("costs", "chat", "typed", 1234.5, 1200.0, 1300.0),
    Figure("paced-calls", "openai_scan", "chat, Python", 53.0, 53.0, 53.0, 40.0),
)
RESULT = Result("decode", {"Python": "3.11", "date": "a day"}, FIGURES)


def test_a_table_shows_the_figures_and_whether_they_are_met() -> None:
    """A cell has the median, the quartiles if they differ, and the verdict."""
    assert report.table("typed", FIGURES) == (
        "| times `json.loads` | 200 B | 4 KiB |\n"
        "|---|---|---|\n"
        "| chat | 2.00 (1.90 to 2.10), **missed**: ≤ 2 | 1.50, met: ≤ 1.6 |\n"
        "| audio | 12.3 (12.0 to 13.0), **missed**: ≤ 2 |  |\n"
    )
    assert report.table("costs", FIGURES) == (
        "| µs | typed |\n|---|---|\n| chat | 1,234 (1,200 to 1,300) |\n"
    )
    assert report.table("paced-calls", FIGURES) == (
        "| calls | chat, Python |\n|---|---|\n| openai_scan | 53, **missed**: ≤ 40 |\n"
    )


def test_what_was_not_measured_is_said() -> None:
    """A table without figures is replaced by a sentence."""
    assert report.table("threads-free", FIGURES) == "Not measured in this run.\n"


def test_a_page_is_filled_between_its_markers() -> None:
    """What is between markers is replaced, and what is outside is kept."""
    page = "a\n<!-- bench: facts -->\nold\n<!-- bench: end -->\nb\n"
    filled = "a\n<!-- bench: facts -->\n\n- Python: 3.11\n- date: a day\n\n<!-- bench: end -->\nb\n"
    assert report.fill(page, [RESULT]) == filled
    assert report.fill(filled, [RESULT]) == filled
    with pytest.raises(KeyError):
        report.fill(page.replace("facts", "unknown"), [RESULT])


def test_a_page_can_be_filled_in_part() -> None:
    """Tables without a new figure stay as they are, and so do the facts."""
    old = "".join(f"<!-- bench: {key} -->\nold\n<!-- bench: end -->\n" for key in ("facts", "raw"))
    latency = "<!-- bench: latency -->\nold\n<!-- bench: end -->\n"
    filled = report.fill(old + latency, [RESULT], whole=False)
    assert filled.startswith(old)
    assert "| chat | 1.20 (1.10 to 1.30), met: ≤ 1.3 |" in filled.removeprefix(old)


def test_the_page_has_a_place_for_every_part() -> None:
    """Every table that is measured has its place on one of the two pages."""
    page = PAGE.read_text("utf-8")
    for name in report.PARTS:
        assert page.count(f"<!-- bench: {name} -->") == 1
    report.fill(page, [RESULT])
    page = BROWSER_PAGE.read_text("utf-8")
    for name in report.BROWSER_PARTS:
        assert page.count(f"<!-- bench: {name} -->") == 1


def test_the_page_about_browsers_has_tables_of_its_own() -> None:
    """Its tables are written, and the text around them is kept."""
    seen = Figure("browser-first", "the page", "cold", 3.25, 3.0, 3.5, 2.9)
    page = "a\n<!-- bench: browser-first -->\nold\n<!-- bench: end -->\nb\n"
    assert report.fill_browser(page, Result("browser", {}, (seen,))) == (
        "a\n<!-- bench: browser-first -->\n\n| s | cold |\n|---|---|\n"
        "| the page | 3.25 (3.00 to 3.50), **missed**: ≤ 2.9 |\n\n<!-- bench: end -->\nb\n"
    )


def test_a_result_is_saved_and_loaded(tmp_path: Path) -> None:
    """What is written into a file is what is read from it."""
    RESULT.save(tmp_path / "bench")
    assert load(tmp_path / "bench", ["decode"]) == [RESULT]
    with pytest.raises(FileNotFoundError):
        load(tmp_path, ["decode"])


def test_a_spread_is_median_and_quartiles() -> None:
    """The spread of ratios is that of the rounds, one by one."""
    assert spread([3.0]) == Spread(3.0, 3.0, 3.0)
    assert spread([1.0, 5.0, 2.0, 4.0, 3.0]) == Spread(3.0, 2.0, 4.0)
    assert ratios([2.0, 9.0, 4.0], [1.0, 3.0, 4.0]) == Spread(2.0, 1.5, 2.5)
    assert Figure("costs", "chat", "raw", 5.0, 5.0, 5.0).met  # there is no target
    assert figure("raw", "chat", "4 KiB", Spread(1.0, 0.5, 2.0), 0.35) == Figure(
        "raw", "chat", "4 KiB", 1.0, 0.5, 2.0, 0.35
    )


def test_jobs_are_timed_in_turns() -> None:
    """Each round runs every job once, and the time it takes is never negative."""
    calls: list[str] = []
    jobs = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    times = interleaved(jobs, rounds=3)
    assert calls == ["a", "b"] * 3
    assert [len(seconds) for seconds in times.values()] == [3, 3]
    assert cpu_seconds(lambda: sum(range(1000))) >= 0
