"""Faults that the model of the protocol has found in the code, and that are fixed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from openai_scan.relay import StoredMessage, writer
from openai_scan.relay.progress import Progress

from .lives import STREAM, Life, World
from .scripted_upstream import KINDS, ScriptedUpstream

CHAT = KINDS["chat"]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make nothing pause."""
    monkeypatch.setattr(writer, "_PAUSES", (0.0, 0.0))
    monkeypatch.setattr(writer, "_PATIENCE", 0.0)


@pytest.fixture
def world() -> World:
    """Return a world in which a chat stream has been started."""
    return World(ScriptedUpstream(CHAT.answer))


class Eventful(Life):
    """A process with actions before given calls, such as the second `store`."""

    def __init__(self, happenings: Mapping[tuple[str, int], Callable[[Life], object]]) -> None:
        super().__init__()
        self._happenings = happenings

    def call(self, name: str) -> None:
        """Make a call, and run its action."""
        super().call(name)
        happens = self._happenings.get((name, self.calls.count(name)))
        if happens is not None:
            happens(self)


def cut_off(life: Life) -> None:
    """Cut one process off from the log."""
    life.log.is_cut_off = True


def told(world: World) -> tuple[str, object]:
    """Return the text and the status that readers have received."""
    progress = Progress.of(world.server.streams[STREAM])
    assert progress.done is not None
    return progress.text(), progress.done["status"]


def saved(world: World) -> StoredMessage:
    """Return the row, after checking that it was saved once."""
    assert world.store.finished == [STREAM]
    return world.row()


def test_what_a_later_process_wrote(world: World) -> None:
    """A process that wakes late does not mistake a later process's `ask` for an earlier one."""

    def take_over(_: Life) -> None:
        assert world.run(Eventful({("ask", 1): Life.die})) == "killed"

    late = Eventful(
        {("read", 1): take_over, ("append end", 1): cut_off, ("append done", 1): Life.die}
    )
    assert world.run(late) == "fenced"
    assert world.row().status == "running"


def test_an_early_end_after_a_takeover(world: World) -> None:
    """Readers never get an end that may differ from the row."""

    def set_down(_: Life) -> None:
        world.store.is_down = True

    def take_over(_: Life) -> None:
        world.store.is_down = False
        world.run(Eventful({("store", 1): set_down, ("store", 2): Life.die}))
        world.store.is_down = False

    slow = Eventful(
        {
            ("append end", 1): cut_off,
            ("store", 1): set_down,
            ("store", 2): take_over,
            ("message", 1): Life.die,
        }
    )
    assert world.run(slow) == "killed"
    assert world.run(Life()) == "finished"
    assert told(world) == (CHAT.text, "completed")
    assert (saved(world).text, saved(world).status) == told(world)


@pytest.mark.parametrize("is_cut_off", [False, True])
def test_a_hand_over_before_the_request(world: World, *, is_cut_off: bool) -> None:
    """The next process asks, whether or not the log has received the first one's `ask`."""

    def close(life: Life) -> None:
        life.log.is_cut_off = is_cut_off
        life.producer.close()

    assert world.run(Eventful({("append ask", 1): close})) == "handed over"
    assert world.upstream.asked == []
    assert world.run(Life()) == "finished"
    assert len(world.upstream.asked) == 1
    assert told(world) == (CHAT.text, "completed")
    assert saved(world).text == CHAT.text


def test_a_log_that_is_lost_before_the_request(world: World) -> None:
    """No process asks unless it knows that the other one will not."""

    def lose(_: Life) -> None:
        world.server.lose_everything()

    def take_over(_: Life) -> None:
        assert world.run(Eventful({("append ask", 1): lose})) == "finished"

    assert world.run(Eventful({("append ask", 1): take_over})) in ("fenced", "finished")
    assert world.upstream.asked == []
    assert (saved(world).status, saved(world).facts) == ("incomplete", {"error": "LogLost"})
