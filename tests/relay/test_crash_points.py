"""Wherever a process dies or hangs, there is one row, and readers get its text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from openai_scan.relay import writer
from openai_scan.relay.entries import Entry
from openai_scan.relay.progress import Progress

from .lives import STREAM, Life, World
from .scripted_upstream import KINDS, Kind, ScriptedUpstream

pytestmark = pytest.mark.unmeasured


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make nothing pause."""
    monkeypatch.setattr(writer, "_PAUSES", (0.0, 0.0))
    monkeypatch.setattr(writer, "_PATIENCE", 0.0)


@pytest.fixture(params=["at once", "when waited for"])
def writes_at_once(request: pytest.FixtureRequest) -> bool:
    """Choose when processes write their entries."""
    return bool(request.param == "at once")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Pick a kind of answer."""
    return KINDS[request.param]


def world_of(kind: Kind, *, writes_at_once: bool = True) -> World:
    """Return a world in which an answer of that kind has been started."""
    return World(ScriptedUpstream(kind.answer), writes_at_once=writes_at_once)


def shown(world: World) -> list[Entry]:
    """Return what readers get from the log: everything up to `done`."""
    entries = world.server.streams[STREAM]
    end = next(place for place, entry in enumerate(entries, 1) if entry.kind == "done")
    return entries[:end]


def check(world: World, kind: Kind, *statuses: str) -> str:
    """Check that there is one row, that readers got the same text, and that no job is left.

    Args:
        world: The world.
        kind: The kind of the answer.
        statuses: The statuses that the row may have.

    Returns:
        The status of the row.
    """
    row = world.row()
    assert row.status in statuses
    assert world.store.finished == [STREAM]
    assert world.server.jobs == {}
    progress = Progress.of(shown(world))
    assert progress.text() == row.text
    assert progress.done is not None
    assert progress.done["status"] == row.status
    assert set(world.stored) == {row.status}
    assert len(world.upstream.asked) <= 1
    if row.status == "completed":
        assert row.text == kind.text
    assert kind.text.startswith(row.text)
    if row.status == "incomplete":
        assert row.facts["error"] == "WorkerLost"
        assert progress.mark is None  # it has died before it knew how the answer can be resumed
    return row.status


def numbers(kind: Kind, *, writes_at_once: bool = True) -> Iterator[int]:
    """Yield the number of each call that an undisturbed process makes."""
    life = Life()
    world = world_of(kind, writes_at_once=writes_at_once)
    assert world.run(life) == "finished"
    check(world, kind, "completed")
    yield from range(1, len(life.calls) + 1)


@pytest.mark.parametrize(("name", "marks"), [("chat", []), ("responses", ["append mark"])])
def test_the_calls(name: str, marks: list[str]) -> None:
    """A process makes its calls in the order that the module of producers describes."""
    life = Life()
    world_of(KINDS[name]).run(life)
    assert [call for call in life.calls if call != "drain"] == [
        *["append begin", "read", "is_stopped", "history", "append ask", "ask"],
        *marks,
        *["append delta", "append delta", "append delta", "append end"],
        *["store", "message", "append done", "finish"],
    ]


def test_one_death(kind: Kind, *, writes_at_once: bool) -> None:
    """A process dies at any of its calls, and another one takes over."""
    found = set()
    for number in numbers(kind, writes_at_once=writes_at_once):
        world = world_of(kind, writes_at_once=writes_at_once)
        assert world.run(Life({number: Life.die})) == "killed"
        assert world.run(Life()) == "finished"
        found.add(check(world, kind, "completed", "incomplete"))
        assert world.upstream.cancelled == []
    assert found == {"completed", "incomplete"}


@pytest.mark.parametrize("name", ["chat", "responses", "late"])
def test_two_deaths(name: str) -> None:
    """The second process dies at any of its calls too."""
    kind = KINDS[name]
    for first in numbers(kind):
        second, ended = 0, "killed"
        while ended == "killed":
            second += 1
            world = world_of(kind)
            assert world.run(Life({first: Life.die})) == "killed"
            ended = world.run(Life({second: Life.die}))
            if ended == "killed":
                assert world.run(Life()) == "finished"
            check(world, kind, "completed", "incomplete")
        assert ended == "finished"


def test_zombies(kind: Kind, *, writes_at_once: bool) -> None:
    """A process hangs at any of its calls until another one has done all the work."""
    for number in numbers(kind, writes_at_once=writes_at_once):
        world = world_of(kind, writes_at_once=writes_at_once)
        entries: list[Entry] = []

        def meanwhile(_: Life, world: World = world, entries: list[Entry] = entries) -> None:
            assert world.run(Life()) == "finished"
            entries += world.server.streams[STREAM]

        assert world.run(Life({number: meanwhile})) in ("fenced", "finished")
        check(world, kind, "completed", "incomplete")
        assert world.server.streams[STREAM] == entries  # the zombie has written nothing
        assert world.upstream.cancelled == []


def test_a_stop(kind: Kind, *, writes_at_once: bool) -> None:
    """The user stops the answer at any call: it is cancelled, also upstream, or already whole."""
    for number in numbers(kind, writes_at_once=writes_at_once):
        world = world_of(kind, writes_at_once=writes_at_once)
        life = Life({number: world.stop})
        assert world.run(life) == "finished"
        status = check(world, kind, "completed", "cancelled")
        if status == "completed":
            assert life.calls.index("append end") < number
        row = world.row()
        # Upstream does not work any more on an answer whose last event has come.
        is_at_work = "append mark" in life.calls and not (kind is KINDS["late"] and row.text)
        assert len(world.upstream.cancelled) == (status == "cancelled" and is_at_work)


@pytest.mark.parametrize("name", ["chat", "responses", "late"])
def test_a_stop_and_a_death(name: str) -> None:
    """A process dies at any call after a stop: the answer is still cancelled or completed."""
    kind = KINDS[name]
    for stopped in numbers(kind):
        killed, ended = stopped, "killed"
        while ended == "killed":
            killed += 1
            world = world_of(kind)
            life = Life({stopped: world.stop, killed: Life.die})
            ended = world.run(life)
            if ended == "killed":
                assert world.run(Life()) == "finished"
            check(world, kind, "completed", "cancelled")


def test_a_hand_over(kind: Kind, *, writes_at_once: bool) -> None:
    """A process is closed at any call: another one continues if the answer can be resumed."""
    for number in numbers(kind, writes_at_once=writes_at_once):
        world = world_of(kind, writes_at_once=writes_at_once)
        life = Life({number: lambda life: life.producer.close()})
        ended = world.run(life)
        if ended == "handed over":
            assert Progress.of(world.server.streams[STREAM]).attempts == 0
            assert world.run(Life()) == "finished"
        else:
            assert ended == "finished"
        row = world.row()
        if row.status == "completed":
            check(world, kind, "completed")
        else:
            assert "append mark" not in life.calls
            assert (row.status, row.facts["error"]) == ("incomplete", "Shutdown")
        assert world.upstream.cancelled == []


def test_many_hand_overs(kind: Kind) -> None:
    """A job that is handed over often is not mistaken for one that kills processes."""
    world = world_of(kind)
    for _ in range(20):
        assert world.run(Life({2: lambda life: life.producer.close()})) == "handed over"
    assert world.run(Life()) == "finished"
    check(world, kind, "completed")


def test_a_job_that_kills(kind: Kind) -> None:
    """A job that has killed five processes is given up."""
    world = world_of(kind)
    for _ in range(5):
        assert world.run(Life({4: Life.die})) == "killed"
    assert world.run(Life()) == "finished"
    row = world.row()
    assert (row.status, row.facts) == ("failed", {"error": "GaveUp"})
