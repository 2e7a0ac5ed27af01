"""The summaries and pictures made from the page's tables agree with them, as does the README."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench import page, plots, report
from bench.page import Picture
from bench.results import TABLES, Figure

pytestmark = pytest.mark.unmeasured

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "explanation"
PAGE = (DOCS / "performance.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")

FIGURES = (
    Figure("typed", "chat", "200 B", 2.004, 1.9, 2.1, 2.0),
    Figure("typed", "chat", "4 KiB", 1.5, 1.5, 1.5, 1.6),
    Figure("typed", "audio", "200 B", 12.34, 12.0, 13.0, 2.0),
    Figure("client", "chat", "4 KiB", 30.0, 29.0, 31.0, 25.0),
    Figure("client", "audio", "4 KiB", 5.0, 4.0, 6.0, 15.0),
    Figure("before-next", "median of all", "", 0.9, 0.9, 0.9, 1.0),
    Figure("paced-calls", "openai_scan", "chat, Python", 53.0, 53.0, 53.0, 40.0),
    Figure("latency", "openai_scan", "median", 1.2, 1.1, 1.3, 1.3),
    Figure("costs", "chat", "typed", 1234.5, 1200.0, 1300.0),
    Figure("costs", "chat", "json.loads", 3.91, 3.8, 4.0),
    Figure("paced-costs", "chat, 50 a second", "openai_scan", 137.4, 130.0, 140.0),
    Figure("paced-costs", "chat, 50 a second", "openai-python", 900.0, 890.0, 910.0),
)


def tables_of(figures: tuple[Figure, ...]) -> dict[str, page.Cells]:
    """Return the tables of a page that shows *figures*."""
    return page.read_tables(
        "".join(
            f"<!-- bench: {key} -->\n{report.table(key, figures)}<!-- bench: end -->\n"
            for key in TABLES
        )
    )


def test_tables_are_read_as_they_were_written() -> None:
    """Each cell has its figure, its limit and its verdict; nothing else is a cell."""
    tables = tables_of(FIGURES)
    read = {
        (key, *place): (cell.shown, cell.limit, cell.met)
        for key, cells in tables.items()
        for place, cell in cells.items()
    }
    assert len(read) == len(FIGURES)
    assert read["typed", "audio", "200 B"] == ("12.3", 2.0, False)
    assert read["before-next", "median of all", ""] == ("0.90", 1.0, True)
    assert read["paced-calls", "openai_scan", "chat, Python"] == ("53", 40.0, False)
    assert read["costs", "chat", "typed"] == ("1,234", None, True)
    assert tables["costs"]["chat", "typed"].value == 1234


def test_what_is_not_a_figure_is_not_passed_over() -> None:
    """A cell that is not a figure is an error."""
    marked = (
        "<!-- bench: raw -->\n| µs | 4 KiB |\n|---|---|\n| chat | fast |\n<!-- bench: end -->\n"
    )
    with pytest.raises(ValueError, match="no figure: 'fast', in chat, 4 KiB"):
        page.read_tables(marked)


def test_the_summary_shows_the_worst() -> None:
    """Each table with a target has one line; a single miss makes the target missed."""
    head, rule, *lines = page.summary(tables_of(FIGURES)).splitlines()
    assert head == "| no. | what is measured | target | worst cell | its figure | verdict |"
    assert rule == "|---|---|---|---|---|---|"
    assert len(lines) == sum(1 for table in TABLES.values() if table.target)
    assert lines[0] == (
        "| 1 | Typed events, with plain dependencies | ≤ 2 times `json.loads` | audio, 200 B | 12.3"
        " | **missed**: met in 1 of 3 cells |"
    )
    assert lines[2] == (
        "| 2 | CPU of openai-python, plain | ≥ 15 times ours | audio, 4 KiB | 5.00"
        " | **missed**: met in 1 of 2 cells |"
    )
    assert lines[4] == "| 3 | Raw events | | | | not measured |"
    assert (
        "| 11 | Delay of a token | ≤ 1.3 times a bare socket's | openai_scan, median | 1.20"
        " | met in 1 of 1 cell |"
    ) in lines


def test_the_first_table_shows_what_was_measured() -> None:
    """A cell that was not measured is a dash."""
    lines = page.glance(tables_of(FIGURES)).splitlines()
    assert lines[0] == (
        "| what is measured | stream | openai_scan | openai-python | httpx | floor |"
    )
    assert lines[2] == (
        "| CPU per token that arrives alone, µs | chat, 50 a second | 137 | 900 | - | - |"
    )
    assert "| CPU per event from memory, µs | chat | 1,234 | - | - | 3.91 |" in lines


def test_pictures_show_the_tables() -> None:
    """Every value in the table is a bar, and is in the alternative text."""
    paced, memory = page.pictures(tables_of(FIGURES))
    assert paced.groups == {"chat, 50 a second": {"openai_scan": 137, "openai-python": 900}}
    assert paced.alt == (
        "CPU for one token that comes alone, in µs. "
        "chat, 50 a second: openai_scan 137, openai-python 900."
    )
    assert memory.groups["chat"] == {"floor": 3.91, "openai_scan": 1234}
    assert memory.groups["audio"] == {}


def test_a_picture_is_a_card_that_follows_light_and_dark() -> None:
    """The SVG is well-formed, has a card, a legend and bars, and adapts to a dark theme."""
    picture = Picture("p", "A <title>", {"a": {"x": 2.0, "y": 44.4}, "b": {"y": 11.1}, "c": {}})
    drawn = plots.svg(picture)
    assert drawn == plots.svg(picture)
    svg = ET.fromstring(drawn)
    names = [each.tag.rpartition("}")[2] for each in svg.iter()]
    assert names.count("rect") == 1 + 2 + 3  # the card, the legend, the bars
    texts = [each.text for each in svg.iter() if each.tag.endswith("}text")]
    assert texts == ["A <title>", "x", "y", "2.0", "44", "a", "11", "b", "c"]
    assert "prefers-color-scheme: dark" in drawn
    heights = [
        float(each.attrib["height"])
        for each in svg.iter()
        if "class" in each.attrib
        and each.attrib["class"] == "bar1"
        and each.attrib["height"] != "10"
    ]
    assert heights[0] == pytest.approx(4 * heights[1], rel=0.01)
    assert plots.svg(Picture("p", "Nothing", {})).endswith("</svg>\n")


def test_the_page_says_one_thing() -> None:
    """The page's summary, first table and pictures agree with its tables.

    If this fails, run `python -m bench page` with the topics that you measured.
    """
    assert report.fill(PAGE, [], whole=False) == PAGE
    # Everything was measured, except the cost of 200 streams in the other libraries.
    assert page.glance(page.read_tables(PAGE)).count(" - |") == 2
    for picture in page.pictures(page.read_tables(PAGE)):
        assert (DOCS / f"{picture.name}.svg").read_text("utf-8") == plots.svg(picture)


def test_the_readme_quotes_the_page() -> None:
    """Every speed in the README is a cell of the page's first table."""
    assert page.quoted(README, PAGE) == README
    glance = page.glance(page.read_tables(PAGE)).splitlines()
    token = next(line for line in glance if "| chat, 50 a second |" in line).split(" | ")
    event = next(line for line in glance if "from memory, µs | chat |" in line).split(" | ")
    quote = README.split("<!-- bench: speed -->")[1].split("<!-- bench: end -->")[0]
    words = " ".join(quote.split())
    assert f"takes {token[2]} µs of CPU" in words
    assert f"takes {event[2]} µs:" in words
    assert f"openai-python {token[3]} µs" in words


def test_a_readme_changes_in_its_place_only() -> None:
    """The text around the quotation is kept; a figure that was not measured is a dash."""
    readme = "- **Fast.**\n  <!-- bench: speed -->\n  old\n  <!-- bench: end -->\n- More.\n"
    found = page.quoted(readme, "")
    assert found.startswith("- **Fast.**\n  <!-- bench: speed -->\n  A chat token that arrives")
    assert found.endswith("\n  <!-- bench: end -->\n- More.\n")
    assert "takes - µs of CPU" in found
    assert all(line.startswith(("- ", "  ")) for line in found.splitlines())
