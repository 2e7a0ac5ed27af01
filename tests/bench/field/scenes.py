"""The three scenes, and what came of each."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from types import MappingProxyType

from attrs import frozen
from relay import valkey

from bench.field.browser import Browser
from bench.field.candidates import CANDIDATES, Candidate, Place, Row, Server
from bench.field.upstream import EVENTS
from bench.relay_upstream import text

# After how many events something happens.
_THIRD = EVENTS // 3

# How long a page that has left stays away, in seconds.
_AWAY = 0.5

# How often a page tries to come back, with a second in between: much longer than the answer lasts.
_TRIES = 12

# How long the database is looked at for a row that comes after the end, in seconds.
_SETTLING = 5.0


class Scene(Enum):
    """What happens, as the page says it."""

    READ = "The browser reads to the end"
    LEAVE = "The browser leaves after a third, and comes back"
    KILL = "The process is killed after a third and started again, and the browser comes back"


@frozen
class Outcome:
    """What came of a scene.

    Attributes:
        text: What the browser shows at the end.
        told: How it was told that the answer ended; "" if it was not.
        rows: The answers in the database.
        asked: How many answers the model was asked for.
    """

    text: str
    told: str
    rows: Sequence[Row]
    asked: int


def play(candidate: Candidate, scene: Scene) -> Outcome:
    """Play a scene with a candidate."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="field-")))
        upstream = stack.enter_context(candidate.upstream())
        url = stack.enter_context(valkey.running()).url if candidate.needs_valkey else ""
        place = Place(folder, _free_port(), upstream.url, url)
        candidate.prepare(place)
        server = Server(candidate, place)
        stack.callback(server.kill)
        server.start()
        browser = candidate.browser()
        if scene is Scene.READ:
            for _ in candidate.ask(place, browser):
                pass
        else:
            _interrupt(candidate, place, browser, server if scene is Scene.KILL else None)
            _come_back(candidate, place, browser)
        _wait(lambda: any(row.status != "running" for row in candidate.rows(place)))
        return Outcome(browser.text, browser.told, candidate.rows(place), upstream.asked)


def _interrupt(candidate: Candidate, place: Place, browser: Browser, server: Server | None) -> None:
    """Read a third; then kill the server and start it again, or if there is none, leave."""
    reading = candidate.ask(place, browser)
    for _ in reading:
        if browser.text.count(" ") >= _THIRD:
            break
    if server is None:
        reading.close()
        time.sleep(_AWAY)
    else:
        server.kill()
        for _ in reading:  # what was on the way
            pass
        server.start()


def _come_back(candidate: Candidate, place: Place, browser: Browser) -> None:
    """Read on, with what the page knows, or else take the message if one was stored."""
    for _ in range(_TRIES):
        for _ in candidate.resume(place, browser):
            pass
        if browser.told:
            return
        for row in candidate.rows(place):
            if row.status != "running":
                browser.text, browser.told = row.text, row.status
                return
        time.sleep(1)


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _SETTLING
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port: int = unused.getsockname()[1]
    return port


# How it is shown.


def table(
    outcomes: Sequence[tuple[str, Outcome]], before: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Return the table of a scene.

    Args:
        outcomes: The name of each candidate, and what came of it.
        before: The rows of an earlier table, by name, for the candidates that are not in this one.
    """
    rows = {**before, **{name: _row(name, outcome) for name, outcome in outcomes}}
    lines = [
        "| | text in the browser | told | rows | questions billed |",
        "|---|---|---|---|---:|",
        *(rows[each.name] for each in CANDIDATES if each.name in rows),
    ]
    return "\n".join(lines) + "\n"


def _row(name: str, outcome: Outcome) -> str:
    rows = "; ".join(f"`{row.status}`, {compare(row.text)}" for row in outcome.rows)
    told = f"`{outcome.told}`" if outcome.told else "nothing"
    cells = (name, compare(outcome.text), told, rows or "none", str(outcome.asked))
    return f"| {' | '.join(cells)} |"


def compare(shown: str) -> str:
    """Return how a text differs from the answer, in shares of its words."""
    if shown == text(EVENTS):
        return "exact"
    words, whole = shown.split(), text(EVENTS).split()
    differences = list(_differences(words, whole))
    return ", ".join(differences) or "in another order"


def _differences(words: Sequence[str], whole: Sequence[str]) -> Iterator[str]:
    lost = len({*whole} - {*words})
    repeated = len(words) - len({*words})
    foreign = len({*words} - {*whole})
    if lost:
        yield f"{_share(lost)} lost" if words else "empty"
    if repeated:
        yield f"{_share(repeated)} twice"
    if foreign:
        yield f"{_share(foreign)} wrong"


def _share(words: int) -> str:
    return f"{words / EVENTS:.0%}"
