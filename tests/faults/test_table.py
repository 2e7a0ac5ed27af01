"""Every cell of the table, over real sockets, in every framing and over every route."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.play import expected, play
from faults.table import Cell, Framing, Route, name_of, plays
from faults.world import bundle, certified, resets_are_told


@pytest.mark.parametrize(("cell", "framing", "route"), plays(), ids=map(name_of, plays()))
def test_a_cell_is_as_written(cell: Cell, framing: Framing, route: Route) -> None:
    """What happens is what the table says, and the client is as good as new afterwards."""
    before = open_files()
    assert play(cell, framing, route) == expected(cell, route)
    assert open_files() == before


def open_files() -> int:
    """Return how many descriptors are open, so that a socket that is left shows."""
    certified(), bundle(), resets_are_told()  # whose files stay
    return len(list(Path("/dev/fd").iterdir()))
