"""Processes take turns, call by call, in any order, while log and store come and go."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_scan.relay import producer, writer
from openai_scan.relay.progress import Progress

from .lives import STREAM, Life, World
from .scripted_upstream import KINDS, Kind, ScriptedUpstream

pytestmark = pytest.mark.unmeasured

Action: TypeAlias = Callable[["Turns"], object]


class TurnLife(Life):
    """A process in a thread of its own, which waits for its turn before each call.

    Attributes:
        ended: How it has ended; None while it continues.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ended: str | None = None
        self._turn = threading.Semaphore(0)
        self._waits = threading.Semaphore(0)
        self._is_killed = False

    def start(self) -> None:
        """Run up to the first call."""
        threading.Thread(target=self._run, daemon=True).start()
        self._waits.acquire()

    def go(self, calls: int = 1) -> None:
        """Let the next *calls* take effect, or fewer if the process ends."""
        for _ in range(calls):
            if self.ended is None:
                self._turn.release()
                self._waits.acquire()

    def kill(self) -> None:
        """Kill it before its next call takes effect."""
        self._is_killed = True
        self.go()

    def call(self, name: str) -> None:
        """Wait for the turn of the process."""
        if not self._is_killed:
            self._waits.release()
            self._turn.acquire()
        if self._is_killed:
            self.die()
        super().call(name)

    def _run(self) -> None:
        try:
            self.ended = self.live()
        finally:
            self.ended = self.ended or "failed"
            self._waits.release()


class Turns:
    """A world and its processes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.lives: list[TurnLife] = []
        self.start()

    def start(self) -> None:
        """Start a process, which takes the job over if possible."""
        if self.world.server.is_down:
            return
        life = TurnLife()
        if self.world.process(life) is not None:
            self.lives.append(life)
            life.start()

    def end(self) -> None:
        """Make everything reachable again, and run all processes until the job is done."""
        self.world.server.come_back()
        self.world.store.is_down = False
        for life in self.lives:
            life.log.is_cut_off = False
            while life.ended is None:
                life.go()
        while self.world.server.jobs:
            assert self.world.run(Life()) == "finished"


def of_one(do: Callable[[TurnLife], object]) -> st.SearchStrategy[Action]:
    """Draw an action for one of the three youngest processes."""
    return st.integers(1, 3).map(
        lambda back: lambda turns: do(turns.lives[-min(back, len(turns.lives))])
    )


def cut_off(life: TurnLife) -> None:
    """Cut one process off from the log."""
    life.log.is_cut_off = True


def set_down(*, is_down: bool) -> Action:
    """Return an action that makes the store unreachable, or reachable again."""
    return lambda turns: setattr(turns.world.store, "is_down", is_down)


many_turns = st.tuples(st.integers(1, 12), st.integers(1, 3)).map(
    lambda drawn: (
        lambda turns: [turns.lives[-min(drawn[1], len(turns.lives))].go() for _ in range(drawn[0])]
    )
)

actions: st.SearchStrategy[Action] = st.one_of(
    many_turns,
    many_turns,
    of_one(TurnLife.kill),
    st.just(Turns.start),
    of_one(lambda life: life.producer.close()),
    of_one(lambda life: life.producer.abandon()),
    of_one(cut_off),
    st.just(lambda turns: turns.world.server.go_down()),
    st.just(lambda turns: turns.world.server.come_back()),
    st.just(set_down(is_down=True)),
    st.just(set_down(is_down=False)),
)


@pytest.fixture(autouse=True, scope="module")
def _no_pauses() -> Iterator[None]:
    """Make nothing pause."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(writer, "_PAUSES", (0.0, 0.0))
        patched.setattr(writer, "_PATIENCE", 0.0)
        patched.setattr(producer, "_END_WAITS", 1)
        yield


@given(
    st.sampled_from([*KINDS.values()]),
    st.booleans(),
    st.booleans(),
    st.lists(actions, max_size=12),
)
def test_any_order(kind: Kind, writes_at_once: bool, stops: bool, drawn: list[Action]) -> None:
    """Whatever happens in whatever order, there is one row, and readers got its text."""
    world = World(ScriptedUpstream(kind.answer), writes_at_once=writes_at_once)
    turns = Turns(world)
    for number, action in enumerate(drawn):
        action(turns)
        if stops and number == 6 and not world.server.is_down:
            world.stop()
    turns.end()
    check(world, kind)


@pytest.mark.parametrize(
    ("is_cut_off", "writes_at_once"), [(False, True), (True, True), (False, False)]
)
@pytest.mark.parametrize("name", ["chat", "responses"])
def test_a_zombie_in_between(name: str, is_cut_off: bool, writes_at_once: bool) -> None:
    """A process hangs at any call, and continues at any call of the one that has taken over.

    If it is cut off, it can then reach the store, but not the log.
    """
    kind = KINDS[name]
    for hangs_at in itertools.count():
        for goes_on_at in itertools.count():
            upstream = ScriptedUpstream(kind.answer)
            turns = Turns(World(upstream, writes_at_once=writes_at_once))
            zombie = turns.lives[0]
            zombie.go(hangs_at)
            if zombie.ended is not None:
                return
            turns.start()
            if len(turns.lives) == 1:  # there is no job to take over any more
                break
            turns.lives[1].go(goes_on_at)
            is_over = turns.lives[1].ended is not None
            zombie.log.is_cut_off = is_cut_off
            zombie.go(40)
            turns.end()
            check(turns.world, kind)
            if is_over:
                break


def check(world: World, kind: Kind) -> None:
    """Check what always holds."""
    row = world.row()
    assert row.status != "running"
    assert world.store.finished == [STREAM]
    assert len(world.upstream.asked) <= 1
    assert kind.text.startswith(row.text)
    if row.status == "completed":
        assert row.text == kind.text
    entries = world.server.streams[STREAM]
    end = next(place for place, entry in enumerate(entries, 1) if entry.kind == "done")
    told = Progress.of(entries[:end])
    assert told.done is not None
    assert (told.text(), told.done["status"]) == (row.text, row.status)
    assert set(world.stored) <= {row.status}
