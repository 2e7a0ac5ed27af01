"""The table of faults is complete, and the page of the documentation shows it."""

from __future__ import annotations

import pytest

from faults import page
from faults.table import ABSENT, BODIES, CELLS, NO_BODY, Fault, Phase, name_of, plays

pytestmark = pytest.mark.unmeasured

_IN_A_BODY = (Phase.FIRST, Phase.MIDDLE, Phase.BETWEEN, Phase.TERMINAL, Phase.DONE)


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("phase", Phase)
def test_each_fault_of_each_phase_is_played_or_cannot_be(phase: Phase, fault: Fault) -> None:
    """In each framing it is either in CELLS or in ABSENT, and never in both."""
    in_a_body = phase in _IN_A_BODY or (phase, fault) == (Phase.HEAD, Fault.REFUSAL)
    framings = set(BODIES if in_a_body else NO_BODY)
    cells = [cell for cell in CELLS if (cell.phase, cell.fault) == (phase, fault)]
    played = {framing for cell in cells for framing in cell.framings}
    absent = {
        framing
        for one in ABSENT
        if phase in one.phases and one.fault is fault
        for framing in one.framings
    }
    assert played | (absent & framings) == framings
    assert not played & absent


def test_each_play_has_a_name_of_its_own() -> None:
    """No cell is written down twice."""
    names = [name_of(one) for one in plays()]
    assert len(set(names)) == len(names)


def test_the_page_is_what_the_tests_say() -> None:
    """If you change the table, run `python -m faults.page` to write the page again."""
    assert page.PAGE.read_text() == page.text()
