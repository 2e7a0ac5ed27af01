"""How the comparison with other servers judges a text, and the page that shows the results."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import relay_upstream
from bench.field.candidates import CANDIDATES, Row
from bench.field.scenes import Outcome, Scene, compare, table
from bench.field.upstream import EVENTS

pytestmark = pytest.mark.unmeasured

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "relay-field.md"
WHOLE = relay_upstream.text(EVENTS)
FIRST, *_, LAST = (candidate.name for candidate in CANDIDATES)
THIRD = relay_upstream.text(EVENTS // 3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (WHOLE, "exact"),
        (THIRD, "67% lost"),
        (THIRD + WHOLE, "33% twice"),
        (THIRD + THIRD, "67% lost, 33% twice"),
        (WHOLE + "pineapple ", "2% wrong"),
        (" ".join(reversed(WHOLE.split())), "in another order"),
        ("", "empty"),
    ],
)
def test_a_text_is_compared_with_the_answer(text: str, words: str) -> None:
    """Lost, repeated and wrong text is reported separately."""
    assert compare(text) == words


def test_the_table_shows_what_came_of_a_scene() -> None:
    """Each candidate has a row. A missing status and missing database rows are shown as such."""
    outcomes = [
        (FIRST, Outcome(WHOLE, "completed", [Row("completed", WHOLE)], 1)),
        (LAST, Outcome(THIRD, "", [], 2)),
    ]
    assert table(outcomes).splitlines()[2:] == [
        f"| {FIRST} | exact | `completed` | `completed`, exact | 1 |",
        f"| {LAST} | 67% lost | nothing | none | 2 |",
    ]


def test_the_page_shows_every_candidate_in_every_scene() -> None:
    """The page is up to date: every scene has a row for each of the current candidates."""
    page = PAGE.read_text("utf-8")
    for scene in Scene:
        _, _, part = page.partition(f"<!-- field: {scene.name.lower()} -->")
        lines = part.partition("<!-- field: end")[0].splitlines()
        shown = [line.removeprefix("| ").partition(" | ")[0] for line in lines if line[:2] == "| "]
        assert shown[1:] == [candidate.name for candidate in CANDIDATES]
