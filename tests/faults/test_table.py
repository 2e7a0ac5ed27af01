"""Every cell of the table, over real sockets, in every framing and over every route."""

from __future__ import annotations

from typing import Any

import pytest

from faults.play import expected, play
from faults.table import Cell, Fault, Framing, Phase, Route, name_of, plays

# Python before 3.13 has no name left for a socket whose handshake was interrupted, so that nobody
# but the collector can close it. What can be done is to shut it down, and that is looked at.
LEFT_TO_THE_COLLECTOR = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")


def parameters() -> list[Any]:
    """Return each play with its name."""
    return [
        pytest.param(
            *(cell, framing, route),
            id=name_of((cell, framing, route)),
            marks=[LEFT_TO_THE_COLLECTOR]
            if (cell.phase, cell.fault) == (Phase.HANDSHAKE, Fault.INTERRUPT)
            else [],
        )
        for cell, framing, route in plays()
    ]


@pytest.mark.parametrize(("cell", "framing", "route"), parameters())
def test_a_cell_is_as_written(cell: Cell, framing: Framing, route: Route) -> None:
    """What happens is what the table says, and the client is as good as new afterwards."""
    assert play(cell, framing, route) == expected(cell, route)
