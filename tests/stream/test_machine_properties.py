"""What holds for a machine whatever it is fed, in whatever order it is told things."""

from __future__ import annotations

from typing import Any

import machines as m
import pytest
import strategies
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from properties import pieces

from openai_scan import ScanError, StreamCancelledError, StreamTimeoutError, TransportError
from openai_scan.stream.machine import NO_EVENT, StreamMachine
from openai_scan.stream.step import ASK_WHAT_NEXT, ENDED, EVENT, NEED_DATA, SWITCH, Step

pytestmark = pytest.mark.unmeasured

_GLUED = b"data: " + b"\ndata: ".join(
    m.chat(text).removeprefix(b"data: ").strip() for text in ("x", "y")
)

# Events of all families, in any order, and what servers put between and into them.
_events = st.sampled_from(
    [
        m.chat("a"),
        m.chat("b"),
        m.chat("c"),
        m.chat("", "stop"),
        m.chat("", "length"),
        m.chat("d", choice=1),
        m.chat("", "stop", choice=1),
        m.response("in_progress", 0),
        m.text_delta("a", 1),
        m.text_delta("b", 2),
        m.text_delta("c", 3),
        m.text_delta("\ud83d", 4),
        m.response("completed", 5),
        m.response("failed", 5),
        m.run("queued"),
        m.run("requires_action"),
        m.event({"id": 7}, "thread.run.created"),
        m.error_event(),
        m.DONE,
        m.event({"type": "ping"}),
        m.event("{"),
        b": comment\n\n",
        b"data:\n\n",
        _GLUED + b"\n\n",
        m.event({"object": "chat.completion", "choices": [{"message": {"content": "w"}}]}),
        b"data: \xff" + b"x" * 300 + b"\n\n",
    ]
)
_streams = st.builds(
    lambda events, cut: b"".join(events)[: -cut or None],
    st.lists(_events, max_size=8),
    st.sampled_from([0, 0, 0, 1, 2, 7]),
)
_errors = st.sampled_from([None, TransportError("reset"), StreamTimeoutError("late")])


@given(
    _streams | strategies.openai_streams | strategies.streams,
    strategies.chunk_sizes,
    _errors,
    st.booleans(),
    st.booleans(),
    st.sampled_from([1 << 20, 250]),
)
def test_a_split_changes_nothing(
    stream: bytes,
    sizes: list[int],
    error: ScanError | None,
    strict: bool,
    require_terminal: bool,
    limit: int,
) -> None:
    """Events, outcome, error, notes and text are the same in any split as whole."""
    more: dict[str, Any] = {
        "strict": strict,
        "require_terminal": require_terminal,
        "max_event_bytes": limit,
    }
    whole = m.story([stream], error=error, **more)
    assert whole.last is ENDED
    assert whole.outcome is not None
    assert m.story(pieces(stream, sizes), error=error, **more) == whole
    assert m.story(pieces(stream, [1]), error=error, **more) == whole


# Anything in any order.


@frozen
class Call:
    """Something that a driver does."""

    name: str
    argument: Any = None


_calls = st.lists(
    st.one_of(
        st.builds(Call, st.just("receive"), _events | st.binary(max_size=5)),
        st.builds(Call, st.just("receive"), _events),
        st.builds(Call, st.just("step")),
        st.builds(Call, st.just("step")),
        st.builds(Call, st.just("step")),
        st.builds(Call, st.just("input_ended"), _errors),
        st.builds(Call, st.sampled_from(["cancel", "leave", "observe", "close"])),
        st.builds(Call, st.sampled_from(["chain", "follow", "go_on", "stop"])),
    ),
    max_size=40,
)

# Which sources there are: each offers some of the others, and so do these in turn.
_offers = st.lists(st.sampled_from(["none", "retry", "rest"]), max_size=4)


class Everything(m.RenewableSource, m.ClockedSource, m.RequestedSource):
    """A source with everything that a machine may ask of it."""

    @classmethod
    def offering(cls, offers: list[str], told: list[Any]) -> Everything:
        """Return a source that offers another one, which offers the next, and so on."""
        offer, *others = offers or ["none"]
        if offer == "none":
            return cls(told=told)
        other = cls.offering(others, told)
        if offer == "retry":
            return cls(retries=[other], told=told)
        return cls(rests=[other], told=told)


class Driver:
    """Calls a machine in any order, and makes sure that it holds what it promises.

    It keeps to the contract of a driver in this: it closes what is to be closed before the next
    step, and it answers ASK_WHAT_NEXT with `go_on()` or `stop()`, or takes another step, as if the
    successor had raised.
    """

    def __init__(self, offers: list[str], *, strict: bool) -> None:
        self.told: list[Any] = []
        self.offers = offers
        self.machine: StreamMachine = m.machine(self.source(), strict=strict, max_event_bytes=250)
        self.diary = m.Diary()
        self.machine.observers.add(self.diary, m.READER)
        self.others: list[m.Diary] = []
        self.last: Step | None = None  # the step that is still to be answered
        self.left = False
        self.verdict: tuple[Any, Any] | None = None

    def source(self) -> Everything:
        """Return another source."""
        return Everything.offering(self.offers, self.told)

    def call(self, call: Call) -> None:
        """Do it, if a driver could do it now; then look at what must hold."""
        done = getattr(self, call.name)
        done() if call.argument is None else done(call.argument)
        self.check()

    def receive(self, chunk: bytes) -> None:
        """Hand over a chunk, whether or not one is asked for."""
        self.machine.receive(chunk)

    def input_ended(self, error: ScanError | None = None) -> None:
        """End the input, whether or not a chunk is asked for."""
        self.machine.input_ended(error)

    def cancel(self) -> None:
        """Cancel the stream."""
        self.machine.cancel()

    def observe(self) -> None:
        """Add an observer, as long as a streamer would."""
        if self.machine.outcome is None:
            self.others.append(m.Diary())
            self.machine.observers.add(self.others[-1], m.READER)

    def close(self) -> None:
        """Close the input that is to be closed."""
        if self.last in (SWITCH, ENDED):
            self.machine.left = None

    def chain(self) -> None:
        """Chain another source, as long as a streamer would."""
        if self.machine.outcome is None:
            m.following(self.machine, self.source())

    def follow(self) -> None:
        """Let a successor decide what comes next, as long as a streamer would."""
        if self.machine.outcome is None:
            self.machine.successor = object()

    def leave(self) -> None:
        """Leave the stream, and look at the inputs that are to be closed."""
        current, chained, left = self.machine.current, [*self.machine.chained], self.machine.left
        inputs = self.machine.leave(m.READER)
        before = [left] if left not in (None, current) else []
        assert inputs == [*before, current, *chained]
        assert self.machine.left is None
        self.left = True

    def go_on(self) -> None:
        """Answer with a source if the machine has asked."""
        if self.last is ASK_WHAT_NEXT:
            self.last = None
            following = self.machine.input_of(self.source())
            self.machine.go_on(m.READER, following)
            assert (self.machine.left is following) is self.left

    def stop(self) -> None:
        """Answer with an outcome if the machine has asked."""
        if self.last is ASK_WHAT_NEXT:
            self.last = None
            self.machine.stop("incomplete")

    def step(self) -> None:
        """Take a step, and look at what it has changed."""
        self.close()
        machine = self.machine
        events, left, had_ended = machine.events_read, machine.left, machine.outcome is not None
        found = self.last = machine.step(m.READER)
        assert (found is EVENT) is (machine.event is not NO_EVENT)
        assert machine.events_read == events + (found is EVENT)
        assert (machine.outcome is None) is (found in (EVENT, NEED_DATA, SWITCH))
        if self.left or had_ended:
            assert found is ENDED
        if found is SWITCH:
            assert machine.left not in (None, machine.current)
        elif found is ENDED and not had_ended:
            assert machine.left is (None if machine.err is None else machine.current)
        else:
            assert machine.left is left
        if found is ENDED:
            self.verdict = self.verdict or (machine.outcome, machine.err)
        if found is ASK_WHAT_NEXT:
            assert machine.successor is not None
            assert machine.err is None

    def check(self) -> None:
        """Make sure of what holds at any time."""
        machine = self.machine
        if self.verdict is not None:
            assert (machine.outcome, machine.err) == self.verdict
        good = machine.outcome in ("completed", "incomplete", "requires_action", "cancelled", None)
        assert good or machine.err is not None
        assert (machine.outcome == "cancelled") or not isinstance(machine.err, StreamCancelledError)
        for diary in (self.diary, *self.others):
            bounds = [line for line in diary.lines if _is_bound(line)]
            assert all((line == "began") is not at % 2 for at, line in enumerate(bounds))
            assert not diary.lines or diary.lines[0] == "began"
            if machine.outcome is not None:
                assert len(bounds) % 2 == 0
        assert all(count > 0 for count in machine.notes.values())


def _is_bound(line: str) -> bool:
    """Return whether a line of a diary is a beginning or an end."""
    return line.partition(":")[0] in {
        *("began", "completed", "incomplete", "requires_action", "failed", "truncated"),
        *("cancelled", "timed_out"),
    }


@given(_calls, _offers, st.booleans())
def test_a_machine_takes_any_calls_in_any_order(
    calls: list[Call], offers: list[str], strict: bool
) -> None:
    """It never fails; no event comes after the end, and the verdict stays."""
    driver = Driver(offers, strict=strict)
    for call in calls:
        driver.call(call)
    # However it was left, it comes to an end, since the number of sources is limited.
    for _ in range(200):
        driver.call(Call("input_ended"))
        driver.call(Call("step"))
        if driver.verdict is not None:
            break
    assert driver.verdict is not None
    for _ in range(3):
        driver.call(Call("receive", m.chat("a")))
        driver.call(Call("step"))
