"""Every cell of the table, over real sockets, in every framing and over every route."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from server import PATIENCE
from wires import run

from faults.play import expected, play
from faults.table import Cell, Framing, Route, each_once, name_of, plays
from faults.world import bundle, certified, resets_are_told

pytestmark = [pytest.mark.usefixtures("wire"), pytest.mark.unmeasured]


def _plays() -> list[ParameterSet]:
    """Return all plays. Those in further framings and over further routes are marked."""
    once = set(each_once())
    return [
        pytest.param(*one, id=name_of(one), marks=() if one in once else pytest.mark.further)
        for one in plays()
    ]


@pytest.mark.wires("blocking", "aiohttp")
@pytest.mark.parametrize(("cell", "framing", "route"), _plays())
def test_a_cell_is_as_written(cell: Cell, framing: Framing, route: Route, wire: str) -> None:
    """What happens is what the table says, and the client is as good as new afterwards."""
    assert_as_written(cell, framing, route, wire)


# The code that waits for the threads is the same in every framing and over every route.
@pytest.mark.wires("threads")
@pytest.mark.parametrize(("cell", "framing", "route"), each_once(), ids=map(name_of, each_once()))
def test_a_cell_is_as_written_where_threads_read(
    cell: Cell, framing: Framing, route: Route, wire: str
) -> None:
    """Each cell is played in one framing, over one route."""
    assert_as_written(cell, framing, route, wire)


def assert_as_written(cell: Cell, framing: Framing, route: Route, wire: str) -> None:
    """Play a cell, and compare what happens with the table."""
    before = open_files()
    assert play(cell, framing, route, wire) == expected(cell, route, wire)
    no_thread_reads()
    assert open_files() == before


def no_thread_reads() -> None:
    """Wait for the threads of a wire, because no other code does."""
    for thread in threading.enumerate():
        if thread.name == "openai_scan stream":
            thread.join(PATIENCE)
            assert not thread.is_alive()


def open_files() -> int:
    """Return how many descriptors are open, so that a socket that is left shows."""
    certified(), bundle(), resets_are_told(), run(asyncio.sleep(0))  # these keep files open
    return len(list(Path("/dev/fd").iterdir()))
