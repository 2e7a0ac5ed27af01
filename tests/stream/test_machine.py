"""The machine of a stream, fed by hand: what it asks for, and when it ends."""

from __future__ import annotations

import gc
import time
import weakref
from typing import Any

import machines as m
import pytest

from openai_scan import (
    APIError,
    DecodeError,
    EventTooLargeError,
    StreamCancelledError,
    StreamTimeoutError,
    TransportError,
    TruncatedStreamError,
    UnknownEvent,
)
from openai_scan.partial_json import PartialJSON
from openai_scan.sse import RawEvent
from openai_scan.stream.ends import GRACE_SECONDS
from openai_scan.stream.machine import NO_EVENT, StreamMachine
from openai_scan.stream.step import ASK_WHAT_NEXT, ENDED, EVENT, NEED_DATA, SWITCH, Step

ANSWER = m.chat("a") + m.chat("b") + m.chat("c") + m.chat("", "stop") + m.DONE


def ended(machine: StreamMachine) -> tuple[str | None, type[Exception] | None]:
    """Return the outcome and the class of the error."""
    return machine.outcome, None if machine.err is None else type(machine.err)


# What it asks for.


def test_it_asks_for_data_until_there_is_an_event() -> None:
    """It asks at every step, and has no event meanwhile."""
    machine = m.machine()
    chunk = m.chat("a")
    assert m.step(machine) is NEED_DATA
    machine.receive(chunk[:20])
    assert m.step(machine) is NEED_DATA
    assert machine.event is NO_EVENT
    machine.receive(chunk[20:])
    assert m.step(machine) is EVENT
    assert machine.event.unwrap_text() == "a"
    assert m.step(machine) is NEED_DATA
    assert machine.event is NO_EVENT


def test_receive_says_whether_a_step_can_continue() -> None:
    """A driver may pass on small chunks without taking a step after each."""
    machine = m.machine()
    assert m.step(machine) is NEED_DATA
    chunk = m.chat("a")
    assert [machine.receive(chunk[at : at + 1]) for at in range(len(chunk))][-2:] == [False, True]
    assert m.step(machine) is EVENT


def test_a_chunk_may_bring_several_events() -> None:
    """Each event is one step."""
    machine = m.machine()
    machine.receive(ANSWER)
    assert [m.step(machine) for _ in range(6)] == [EVENT] * 5 + [ENDED]


@pytest.mark.parametrize(
    "stream",
    [
        ANSWER,
        m.chat("a") + m.chat("b", choice=1) + m.chat("c"),
        m.response("in_progress", 0) + m.text_delta("a", 1) + m.response("completed", 2),
        m.run("queued") + m.event({"id": "m"}, "thread.message.created") + m.run("completed"),
        m.chat("a") + m.error_event() + m.DONE,
        m.event("{") + m.event({}) + m.event("", "ping") + b": hi\n\n",
        m.chat("a") + b"data: [DONE]",
        b"",
    ],
    ids=[
        *("chat", "choices", "response", "run", "error"),
        *("odd events", "unterminated", "nothing"),
    ],
)
def test_a_split_changes_nothing(stream: bytes) -> None:
    """Whole, byte by byte and with a tail, a stream is the same."""
    for error in (None, TransportError("reset")):
        for strict in (False, True):
            m.tr(stream, error=error, strict=strict)


def test_events_that_came_before_the_end_of_the_input_come_first() -> None:
    """An error that follows them does not overtake them."""
    machine = m.machine()
    machine.receive(m.chat("a") + m.chat("b"))
    machine.input_ended(TransportError("reset"))
    assert m.names(machine) == ["a", "b"]
    assert ended(machine) == ("failed", TransportError)


def test_only_the_first_end_of_an_input_counts() -> None:
    """A connection may break, and then look as if it had ended well."""
    machine = m.machine()
    machine.input_ended(TransportError("reset"))
    machine.input_ended(StreamTimeoutError("late"))
    machine.input_ended()
    assert m.step(machine) is ENDED
    assert ended(machine) == ("failed", TransportError)


def test_nothing_comes_after_the_end() -> None:
    """Whatever is received, the step, the outcome and the error stay as they are."""
    for error in (None, TransportError("reset")):
        machine = m.machine()
        machine.receive(m.chat("a"))
        assert m.end(machine, error) is ENDED
        verdict = machine.outcome, machine.err
        machine.receive(ANSWER)
        machine.input_ended(StreamTimeoutError("late"))
        machine.cancel()
        assert [m.step(machine) for _ in range(3)] == [ENDED] * 3
        machine.leave(m.READER)
        assert m.step(machine) is ENDED
        assert (machine.outcome, machine.err) == verdict
        assert machine.event is NO_EVENT
        assert machine.events_read == 1


# The short way, for events that only add text.


def test_text_is_counted_and_collected_on_the_short_way() -> None:
    """Counts, text and observers get the same as without it."""
    machine = m.machine(diary=(diary := m.Diary()))
    machine.receive(b"".join(m.chat(text) for text in "abcd"))
    assert m.names(machine) == ["a", "b", "c", "d"]
    assert machine.answer.again is not None
    assert machine.events_read == 4
    assert m.text(machine) == "abcd"
    assert diary.lines == ["began", "a", "b", "c", "d"]


def on_the_short_way(source: m.Source | None = None) -> StreamMachine:
    """Return a machine whose next event of text takes the short way."""
    machine = m.machine(source)
    machine.receive(b"".join(m.chat(text) for text in "abc"))
    assert m.names(machine) == ["a", "b", "c"]
    assert machine.answer.again is not None
    return machine


def test_text_takes_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is appended to the answer, and no other decision is made."""
    machine = on_the_short_way()
    appended: list[str] = []
    monkeypatch.setattr(machine.answer, "append", appended.append)
    machine.receive(m.chat("d") + m.chat("e"))
    assert m.names(machine) == ["d", "e"]
    assert machine.event is NO_EVENT
    assert appended == ["d", "e"]
    assert m.text(machine) == "abc"


def test_the_short_way_may_add_no_text_at_all() -> None:
    """The event has a text, which is empty."""
    machine = on_the_short_way()
    machine.receive(m.chat("d").replace(b'"d"', b'""') + m.chat("e"))
    assert [event.unwrap_text() for event in m.events(machine)] == ["", "e"]
    assert m.text(machine) == "abce"


def test_a_source_hears_of_events_on_the_short_way() -> None:
    """Each event counts, until the next read."""
    machine = on_the_short_way(source := m.LiveSource())
    machine.current.before_read()
    machine.receive(m.chat("d") + m.chat("e") + m.chat("f"))
    assert m.names(machine) == ["d", "e", "f"]
    assert machine.current.heard == 3
    machine.current.before_read()
    assert source.told == [("source", "heard")] * 2


def test_the_short_way_ends_with_another_kind_of_event() -> None:
    """The other event is judged as ever."""
    machine = on_the_short_way()
    machine.receive(m.chat("", "stop") + m.DONE)
    assert m.step(machine) is EVENT
    assert machine.answer.again is None
    assert m.after(machine) is ENDED
    assert machine.outcome == "completed"


def test_the_answer_is_parsed_on_the_short_way() -> None:
    """Once it has been requested."""
    machine = m.machine()
    machine.receive(m.chat('{"a"') + m.chat(': "b'))
    m.names(machine)
    assert machine.answer.partial(is_over=False) == {"a": "b"}
    machine.receive(m.chat("c") + m.chat("d"))
    assert m.names(machine) == ["c", "d"]
    assert machine.answer.partial(is_over=False) == {"a": "bcd"}
    assert isinstance(machine.answer.json, PartialJSON)


@pytest.mark.parametrize("interrupt", ["end", "break", "cancel", "leave", "too large"])
def test_the_short_way_ends_with_the_input(interrupt: str) -> None:
    """What interrupts the input is noticed at the next step."""
    machine = m.machine(max_event_bytes=200)
    machine.receive(b"".join(m.chat(text) for text in "abc"))
    assert m.names(machine) == ["a", "b", "c"]
    assert machine.answer.again is not None
    expected: tuple[str, type[Exception] | None]
    match interrupt:
        case "end":
            machine.input_ended()
            expected = "truncated", TruncatedStreamError
        case "break":
            machine.input_ended(TransportError("reset"))
            expected = "failed", TransportError
        case "cancel":
            machine.receive(m.chat("d"))
            machine.cancel()
            expected = "cancelled", StreamCancelledError
        case "leave":
            machine.receive(m.chat("d"))
            machine.leave(m.READER)
            expected = "cancelled", None
        case _:
            machine.receive(b"data: " + b"x" * 300)
            expected = "failed", EventTooLargeError
    assert m.step(machine) is ENDED
    assert ended(machine) == expected
    assert machine.events_read == 3


def test_the_short_way_is_not_taken_past_events_that_came_glued_together() -> None:
    """They come in their order."""
    machine = on_the_short_way()
    pieces = [m.chat(text).decode().strip().removeprefix("data: ") for text in "defg"]
    machine.receive(m.event("".join(pieces)) + m.chat("h"))
    assert m.names(machine) == ["d", "e", "f", "g", "h"]
    assert machine.notes == {"glued_events": 1}
    assert machine.current.heard == 8


# Habits of servers.


def test_an_empty_event_is_a_keep_alive() -> None:
    """It is not handed out; it is counted, and is as good as silence."""
    machine = m.machine(source := m.LiveSource())
    for empty in (b"data:\n\n", b"data: : keep-alive\n\n"):
        assert m.after(machine, empty) is NEED_DATA
        assert machine.current.heard == 0
    assert machine.notes == {"empty_event": 2}
    assert machine.events_read == 0
    assert source.told == []


def test_an_end_or_an_error_needs_no_data() -> None:
    """They are not keep-alives."""
    assert m.tr(b"event: error\ndata:\n\n").outcome == "failed"
    assert m.tr(m.chat("a") + b"event: done\ndata:\n\n").outcome == "completed"


def test_a_ping_is_handed_out_and_as_good_as_silence() -> None:
    """An event that says something is not."""
    machine = m.machine()
    machine.receive(m.event({"type": "ping"}))
    assert m.step(machine) is EVENT
    assert machine.current.heard == 0
    machine.receive(m.chat("a"))
    assert m.step(machine) is EVENT
    assert machine.current.heard == 1
    assert machine.notes == {"unknown_event: ping": 1}


def test_pings_that_came_glued_together_are_as_good_as_silence() -> None:
    """An event counts only if it is not a ping."""
    machine = m.machine()
    machine.receive(m.event('{"type": "ping"}\ndata: {"type": "ping"}\ndata: {"type": "ping"}'))
    assert m.names(machine) == ["ping"] * 3
    assert machine.current.heard == 0
    machine.receive(m.event('{"type": "ping"}\ndata: {"type": "new"}'))
    assert m.names(machine) == ["ping", "new"]
    assert machine.current.heard == 1


def test_an_answer_that_came_whole_is_a_stream() -> None:
    """Its events come one by one."""
    whole = {"object": "chat.completion", "choices": [{"index": 0, "message": {"content": "a"}}]}
    told = m.tr(m.event(whole))
    assert told.names == ["chat.completion.chunk", "done"]
    assert (told.outcome, told.text, told.notes) == ("completed", "a", {"whole_answer": 1})


def test_an_unknown_event_is_noted() -> None:
    """So is an event that does not fit its class; neither ends a tolerant stream."""
    misfit = m.event({"id": 7}, "thread.run.created")
    told = m.tr(m.event({"type": "brand.new"}) + misfit + m.DONE)
    assert [cls for cls, *_ in told.events][:2] == [UnknownEvent, UnknownEvent]
    assert told.notes == {"unknown_event: brand.new": 1, "malformed_event": 1}
    assert told.outcome == "completed"


def test_an_event_that_does_not_fit_ends_a_strict_stream() -> None:
    """It is not handed out, what follows it is not read, and the source is to be closed."""
    machine = m.machine(strict=True, diary=(diary := m.Diary()))
    machine.receive(m.chat("a") + m.event({"id": 7}, "thread.run.created") + ANSWER)
    assert m.names(machine) == ["a"]
    assert diary.lines == ["began", "a", "failed: DecodeError"]
    assert ended(machine) == ("failed", DecodeError)
    assert machine.left is machine.current
    assert "malformed_event" not in machine.notes
    assert m.step(machine) is ENDED


def test_a_strict_stream_is_not_repaired() -> None:
    """Events that came glued together are a misfit, and a whole answer is an unknown event."""
    glued = m.chat("a").rstrip() + m.chat("b").removeprefix(b"data: ")
    assert m.tr(glued, strict=True).notes == {}
    assert m.tr(glued, strict=True).outcome == "failed"
    whole = m.event({"object": "chat.completion", "choices": []})
    assert m.tr(whole, strict=True).notes == {"unknown_event: chat.completion": 1}


def test_a_strict_stream_may_have_unknown_events() -> None:
    """Servers get new events, which are not misfits."""
    assert m.tr(m.event({"type": "brand.new"}) + m.DONE, strict=True).outcome == "completed"


def test_what_had_to_be_repaired_in_the_answer_is_noted() -> None:
    """It is noted like what had to be repaired in an event."""
    call = {"index": 0, "function": {"name": "f", "arguments": "{}"}}
    piece = {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}
    told = m.tr(m.event({"object": "chat.completion.chunk", "choices": [piece]}) + m.DONE)
    assert (told.outcome, told.notes) == ("completed", {"tool_call_without_id": 1})


def test_an_error_field_is_an_error_event() -> None:
    """llama.cpp writes one."""
    told = m.tr(m.chat("a") + b'error: {"message": "no"}\n\n')
    assert (told.outcome, told.error) == ("failed", (APIError, "no"))


@pytest.mark.parametrize(
    "before",
    [b"", m.chat("a"), m.chat("a") + m.chat("b") + m.chat("c")],
    ids=["alone", "after one", "on the short way"],
)
def test_an_event_that_is_too_large_fails_after_those_before_it(before: bytes) -> None:
    """It fails as soon as it has outgrown the limit, without an end of the input."""
    large = b"data: " + b"x" * 300
    for stream in (before + large, before + large + b"\n\n" + ANSWER):
        told = m.story([stream], ended=False, max_event_bytes=200)
        assert told == m.story(
            [stream[at : at + 1] for at in range(len(stream))], ended=False, max_event_bytes=200
        )
        assert told.last is ENDED
        assert (told.outcome, len(told.events)) == ("failed", before.count(b"\n\n"))
        assert told.error == (EventTooLargeError, "one event is larger than max_event_bytes=200")


# cancel().


def test_cancel_before_the_first_step() -> None:
    """The stream begins and ends in one step."""
    machine = m.machine(source := m.LiveSource(), diary := m.Diary())
    machine.cancel()
    machine.receive(ANSWER)
    assert m.step(machine) is ENDED
    assert ended(machine) == ("cancelled", StreamCancelledError)
    assert diary.lines == ["began", "cancelled: StreamCancelledError"]
    assert source.told == [("source", "cancel")]


def test_cancel_drops_events_that_were_received() -> None:
    """So are the rest of glued events, and a last block without a blank line."""
    pieces = [m.chat(text).decode().strip().removeprefix("data: ") for text in "ab"]
    for chunk in (m.chat("a") + m.chat("b"), m.event("".join(pieces)), m.chat("a") + b"data: {}"):
        machine = m.machine()
        machine.receive(chunk)
        assert m.step(machine) is EVENT
        machine.cancel()
        machine.input_ended()
        assert m.step(machine) is ENDED
        assert ended(machine) == ("cancelled", StreamCancelledError)
        assert machine.events_read == 1


def test_cancel_makes_receive_ask_for_a_step() -> None:
    """So a driver that was reading stops at once."""
    machine = m.machine()
    assert m.step(machine) is NEED_DATA
    machine.cancel()
    assert machine.receive(b"data: half")
    assert m.step(machine) is ENDED


def test_cancel_while_another_input_is_to_be_opened() -> None:
    """The other input is cancelled as well, before it is read."""
    told: list[Any] = []
    machine = m.machine(m.LiveSource("first", told))
    m.following(machine, m.LiveSource("second", told))
    assert m.after(machine, m.chat("a", "stop") + m.DONE) is SWITCH
    machine.cancel()
    assert ("second", "cancel") in told
    assert m.after(machine, m.chat("b")) is ENDED
    assert ended(machine) == ("cancelled", StreamCancelledError)


def test_cancel_after_done_ends_the_next_stream_of_the_chain() -> None:
    """The next stream begins as cancelled, and is not read."""
    told: list[Any] = []
    machine = m.machine(m.LiveSource("first", told), diary := m.Diary())
    m.following(machine, m.LiveSource("second", told))
    machine.receive(m.DONE)
    assert m.step(machine) is EVENT
    machine.cancel()
    assert m.step(machine) is SWITCH
    assert told[-1] == ("second", "cancel")
    assert m.step(machine) is ENDED
    assert diary.lines == [
        "began",
        "done",
        "completed",
        "began",
        "cancelled: StreamCancelledError",
    ]


def test_cancel_after_done_asks_no_successor() -> None:
    """Whatever it would do, such as run tools, would be for nothing."""
    machine = m.machine()
    machine.successor = object()
    machine.receive(m.DONE)
    assert m.step(machine) is EVENT
    machine.cancel()
    assert m.step(machine) is ENDED
    assert ended(machine) == ("cancelled", StreamCancelledError)
    assert machine.left is machine.current


def test_cancel_after_done_changes_nothing_if_nothing_was_to_follow() -> None:
    """The stream had come to its end."""
    machine = m.machine()
    machine.receive(m.DONE)
    assert m.step(machine) is EVENT
    machine.cancel()
    assert m.step(machine) is ENDED
    assert ended(machine) == ("completed", None)


@pytest.mark.parametrize("goes_on", [True, False])
def test_cancel_while_the_successor_runs(*, goes_on: bool) -> None:
    """A source that it names is cancelled at once; an outcome that it names holds."""
    machine = m.machine()
    machine.successor = object()
    assert m.after(machine, m.DONE) is ASK_WHAT_NEXT
    machine.cancel()
    if goes_on:
        second = m.LiveSource()
        machine.go_on(m.READER, machine.input_of(second))
        assert second.told == [("source", "cancel")]
        assert m.step(machine) is SWITCH
        assert m.step(machine) is ENDED
        assert ended(machine) == ("cancelled", StreamCancelledError)
    else:
        machine.stop("incomplete")
        assert m.step(machine) is ENDED
        assert ended(machine) == ("incomplete", None)


def test_cancel_after_the_end_changes_nothing() -> None:
    """The verdict is final."""
    machine = m.machine()
    assert m.after(machine, ANSWER) is ENDED
    machine.cancel()
    assert m.step(machine) is ENDED
    assert ended(machine) == ("completed", None)


# leave().


def test_leave_before_the_first_step() -> None:
    """Nothing has begun, so observers are notified of nothing, not even by a later step."""
    machine = m.machine(m.Source("a"), diary := m.Diary())
    m.following(machine, m.Source("b"), m.Source("c"))
    assert m.inputs(machine) == ["a", "b", "c"]
    assert ended(machine) == ("cancelled", None)
    assert m.after(machine, ANSWER) is ENDED
    assert diary.lines == []
    assert not machine.started


def test_leave_between_two_events() -> None:
    """What was received is dropped, and the chained inputs must be closed too."""
    machine = m.machine(m.Source("a"), diary := m.Diary())
    m.following(machine, m.Source("b"))
    machine.receive(ANSWER)
    assert m.step(machine) is EVENT
    assert m.inputs(machine) == ["a", "b"]
    assert machine.event is NO_EVENT
    assert (len(machine.current.ready), len(machine.chained)) == (0, 0)
    assert machine.left is None
    assert m.step(machine) is ENDED
    assert diary.lines == ["began", "a", "cancelled"]


def test_leave_while_another_input_is_to_be_opened() -> None:
    """The input before it must be closed as well."""
    machine = m.machine(m.Source("a"), diary := m.Diary())
    m.following(machine, m.Source("b"), m.Source("c"))
    assert m.after(machine, m.DONE) is SWITCH
    assert m.inputs(machine) == ["a", "b", "c"]
    assert m.step(machine) is ENDED
    assert diary.lines == ["began", "done", "completed", "began", "cancelled"]


def test_leave_before_the_switch_to_what_the_successor_named() -> None:
    """The switch no longer happens."""
    machine = m.machine(m.Source("a"))
    machine.successor = object()
    assert m.after(machine, m.DONE) is ASK_WHAT_NEXT
    machine.go_on(m.READER, machine.input_of(m.Source("b")))
    assert m.inputs(machine) == ["a", "b"]
    assert m.step(machine) is ENDED
    assert ended(machine) == ("cancelled", None)


def test_leave_while_the_successor_runs() -> None:
    """The input that it names is not begun, but must be closed; the verdict stays."""
    machine = m.machine(m.Source("a"), diary := m.Diary())
    machine.successor = object()
    assert m.after(machine, m.chat("", "length") + m.DONE) is ASK_WHAT_NEXT
    assert m.inputs(machine) == ["a"]
    machine.go_on(m.READER, named := machine.input_of(m.Source("b")))
    assert m.step(machine) is ENDED
    assert machine.left is named
    assert ended(machine) == ("incomplete", None)
    assert diary.lines == ["began", "chat.completion.chunk", "done", "incomplete"]


def test_leave_asks_no_successor() -> None:
    """Leaving drops the successor."""
    machine = m.machine()
    machine.successor = object()
    machine.receive(m.chat("a", "stop"))
    assert m.step(machine) is EVENT
    machine.leave(m.READER)
    assert machine.successor is None
    assert m.step(machine) is ENDED
    assert ended(machine) == ("completed", None)


def test_leave_after_the_end() -> None:
    """leave() names each input once, however the stream ended and however often it is called."""
    for error in (None, TransportError("reset")):
        machine = m.machine(m.Source("a"))
        machine.receive(m.chat("a"))
        assert m.end(machine, error) is ENDED
        verdict = machine.outcome, machine.err
        assert m.inputs(machine) == ["a"]
        assert m.inputs(machine) == ["a"]
        assert machine.left is None
        assert (machine.outcome, machine.err) == verdict


def test_leave_tells_observers_once() -> None:
    """The end that observers get is the outcome."""
    for begun, outcome in ((m.chat("a"), "cancelled"), (m.chat("a", "stop"), "completed")):
        machine = m.machine(diary=(diary := m.Diary()))
        m.after(machine, begun)
        machine.leave(m.READER)
        machine.leave(m.READER)
        assert diary.lines == ["began", "a", outcome]


def test_an_observer_may_leave_at_the_end_of_a_stream() -> None:
    """The chain does not continue then."""

    class Leaver(m.Diary):
        def ended(self, stream: Any, outcome: Any, error: Any) -> None:
            super().ended(stream, outcome, error)
            closed.extend(m.inputs(machine))

    closed: list[str] = []
    machine = m.machine(m.Source("a"), diary := Leaver())
    m.following(machine, m.Source("b"))
    assert m.after(machine, m.DONE) is ENDED
    assert closed == ["a", "b"]
    assert diary.lines == ["began", "done", "completed"]
    assert ended(machine) == ("cancelled", None)


# What must be closed.


@pytest.mark.parametrize(
    ("chunk", "error"),
    [
        (m.chat("a"), None),
        (m.chat("a"), TransportError("reset")),
        (m.chat("a") + m.error_event(), None),
        (m.chat("a") + b"data: {", None),
    ],
    ids=["truncated", "broken", "error event", "cut"],
)
def test_an_input_that_failed_is_to_be_closed(chunk: bytes, error: TransportError | None) -> None:
    """At once, since nothing more is expected from it."""
    machine = m.machine()
    machine.receive(chunk)
    assert machine.left is None
    assert m.end(machine, error) is ENDED
    assert machine.left is machine.current


def test_an_input_that_ended_well_is_left_open() -> None:
    """The owner of the streamer closes it, because the connection may be reused."""
    machine = m.machine()
    assert m.after(machine, ANSWER) is ENDED
    assert machine.left is None


def test_an_input_is_to_be_closed_before_the_next_is_opened() -> None:
    """It stays in `left` until the driver has taken it."""
    machine = m.machine()
    first = machine.current
    (second,) = m.following(machine, m.Source())
    assert m.after(machine, m.DONE) is SWITCH
    assert (machine.left, machine.current) == (first, second)
    machine.left = None
    assert m.after(machine, m.chat("a")) is NEED_DATA
    assert machine.left is None


def test_nothing_is_to_be_closed_while_the_successor_runs() -> None:
    """It may look at the stream that has just ended."""
    machine = m.machine()
    machine.successor = object()
    assert m.after(machine, m.DONE) is ASK_WHAT_NEXT
    assert machine.left is None
    machine.stop("completed")
    assert m.step(machine) is ENDED
    assert machine.left is None


# Chains.


def test_a_chain_is_several_answers() -> None:
    """Each begins, ends, and has its own verdict; the counts continue."""
    machine = m.machine(diary=(diary := m.Diary()))
    m.following(machine, m.Source("b"), m.Source("c"))
    assert m.after(machine, m.chat("a", "length") + m.DONE) is SWITCH
    assert (machine.outcome, m.text(machine)) == (None, "a")
    assert m.after(machine, m.chat("b", "stop")) is NEED_DATA
    assert m.text(machine) == "b"
    assert m.end(machine) is SWITCH
    assert m.after(machine, m.chat("c", "stop") + m.DONE) is ENDED
    assert diary.lines == [
        *("began", "a", "done", "incomplete"),
        *("began", "b", "completed"),
        *("began", "c", "done", "completed"),
    ]
    assert machine.events_read == 5
    assert machine.bytes_read == len(
        m.chat("a", "length") + m.DONE + m.chat("b", "stop") + m.chat("c", "stop") + m.DONE
    )
    assert machine.notes == {"missing_done": 1}


def test_notes_of_all_inputs_are_added_up() -> None:
    """Those of the tokenizer as well as those of the machine."""
    machine = m.machine()
    m.following(machine, m.Source())
    assert m.after(machine, b": hi\n\n" + m.DONE) is SWITCH
    assert machine.notes == {"comment": 1}
    assert m.after(machine, b": hi\n\n: hi\n\ndata: \xff\n\n" + m.DONE) is ENDED
    assert machine.notes == {"comment": 3, "bad_utf8": 1, "malformed_event": 1}


def test_an_error_ends_the_chain() -> None:
    """The chained stream is not started, and closing the stream closes it."""
    machine = m.machine(m.Source("a"), diary := m.Diary())
    m.following(machine, m.Source("b"))
    assert m.end(machine) is ENDED
    assert diary.lines == ["began", "truncated: TruncatedStreamError"]
    assert m.inputs(machine) == ["a", "b"]


def test_what_came_after_done_is_not_the_next_stream() -> None:
    """Not even if it is glued to the `[DONE]`."""
    machine = m.machine()
    m.following(machine, m.Source())
    piece = m.chat("lost").decode().strip().removeprefix("data: ")
    assert m.after(machine, m.event(f"[DONE]{piece}")) is SWITCH
    assert m.after(machine) is NEED_DATA
    assert machine.events_read == 1


def test_a_last_block_is_taken_from_each_stream_of_a_chain() -> None:
    """Taking one from the first stream does not affect the second."""
    machine = m.machine()
    m.following(machine, m.Source(), m.Source())
    machine.receive(b"data: [DONE]")
    assert m.end(machine) is SWITCH
    machine.receive(b"data: [DONE]")
    assert m.end(machine) is SWITCH
    machine.receive(m.chat("a", "stop") + b"data: [DO")
    assert m.end(machine) is ENDED
    assert machine.notes == {"unterminated_event": 2}
    assert machine.outcome == "truncated"


def test_an_observer_that_comes_late_is_notified_of_the_answer_under_way() -> None:
    """It is notified of later answers as well."""
    machine = m.machine()
    m.following(machine, m.Source())
    assert m.after(machine, m.chat("a")) is NEED_DATA
    machine.observers.add(diary := m.Diary(), m.READER)
    assert m.after(machine, m.DONE) is SWITCH
    assert m.after(machine, m.DONE) is ENDED
    assert diary.lines == ["began", "done", "completed", "began", "done", "completed"]


# Successors.


def test_a_successor_is_asked_at_each_end_of_the_chain() -> None:
    """While it runs, the outcome is that of the stream that has just ended."""
    machine = m.machine(diary=(diary := m.Diary()))
    machine.successor = object()
    m.following(machine, m.Source())
    assert m.after(machine, m.chat("a", "length") + m.DONE) is SWITCH
    assert m.after(machine, m.chat("b", "stop") + m.DONE) is ASK_WHAT_NEXT
    outcomes = [machine.outcome]
    machine.go_on(m.READER, machine.input_of(m.Source()))
    outcomes.append(machine.outcome)
    assert m.step(machine) is SWITCH
    assert m.after(machine, m.chat("c", "length") + m.DONE) is ASK_WHAT_NEXT
    outcomes.append(machine.outcome)
    assert outcomes == ["completed", None, "incomplete"]
    machine.stop("requires_action")
    assert m.step(machine) is ENDED
    assert ended(machine) == ("requires_action", None)
    assert diary.lines == [
        *("began", "a", "done", "incomplete"),
        *("began", "b", "done", "completed"),
        *("began", "c", "done", "incomplete"),
    ]


def test_a_successor_that_raises_ends_the_stream_as_it_had_ended() -> None:
    """The driver calls nothing then; the next step shows the end."""
    machine = m.machine(diary=(diary := m.Diary()))
    machine.successor = object()
    assert m.after(machine, m.chat("", "length") + m.DONE) is ASK_WHAT_NEXT
    assert [m.step(machine) for _ in range(2)] == [ENDED, ENDED]
    assert ended(machine) == ("incomplete", None)
    assert diary.lines == ["began", "chat.completion.chunk", "done", "incomplete"]


def test_a_successor_is_not_asked_after_an_error() -> None:
    """There is nothing to continue from."""
    machine = m.machine()
    machine.successor = object()
    assert m.end(machine) is ENDED
    assert ended(machine) == ("truncated", TruncatedStreamError)


# Observers that raise.


def test_an_observer_that_raises_at_the_end_does_not_keep_the_chain_from_going_on() -> None:
    """Its exception leaves the step; the next one continues, and no observer is notified twice."""

    class Broken(m.Diary):
        def ended(self, *args: Any) -> None:
            super().ended(*args)
            raise ZeroDivisionError

    machine = m.machine(diary=(diary := Broken()))
    m.following(machine, m.Source())
    machine.receive(m.DONE)
    assert m.step(machine) is EVENT
    with pytest.raises(ZeroDivisionError):
        m.step(machine)
    assert m.step(machine) is SWITCH
    machine.receive(m.DONE)
    assert m.step(machine) is EVENT
    with pytest.raises(ZeroDivisionError):
        m.step(machine)
    assert m.step(machine) is ENDED
    assert diary.lines == ["began", "done", "completed"] * 2


def test_an_observer_that_raises_at_the_beginning_does_not_lose_the_switch() -> None:
    """The driver still has to close one input and open the other."""

    class Broken(m.Diary):
        def began(self, *args: Any) -> None:
            super().began(*args)
            if len(self.lines) > 1:
                raise ZeroDivisionError

    machine = m.machine(diary=Broken())
    m.following(machine, m.Source())
    machine.receive(m.DONE)
    assert m.step(machine) is EVENT
    with pytest.raises(ZeroDivisionError):
        m.step(machine)
    assert m.step(machine) is SWITCH
    assert m.after(machine, m.DONE) is ENDED


# What a source is told.


class Clock:
    """A clock that stands still unless it is moved."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def told_of_time(chunk: bytes, source: m.Source) -> list[Any]:
    """Return what *source* is told if the caller takes 7 s for the event in *chunk*."""
    clock = Clock()
    machine = m.machine(source, now=clock)
    machine.receive(m.chat("a"))
    assert m.after(machine) is NEED_DATA
    machine.receive(chunk)
    clock.now += 3  # does not count, because no event had been handed out
    assert m.step(machine) is EVENT
    clock.now += 7
    assert m.step(machine) in (NEED_DATA, ENDED)
    clock.now += 11  # the server's time
    assert m.after(machine, m.chat("b")) in (NEED_DATA, ENDED)
    return source.told


def test_the_time_of_the_caller_is_not_silence() -> None:
    """After a ping the source is told not to count it; any other event makes it count again."""
    source = m.ClockedSource()
    assert told_of_time(m.event({"type": "ping"}), source) == [("source", "spare", 7.0)]
    assert told_of_time(m.chat("c"), m.ClockedSource()) == []


@pytest.mark.parametrize(
    "chunk", [m.chat("", "stop"), m.error_event(), m.DONE], ids=["finish", "error", "done"]
)
def test_the_time_of_the_caller_is_not_part_of_the_grace(chunk: bytes) -> None:
    """After a terminal event it is not counted either."""
    told = told_of_time(chunk, m.ClockedSource())
    assert told[:2] == [("source", "expire", GRACE_SECONDS), ("source", "spare", 7.0)]


def test_the_time_of_the_caller_is_not_part_of_a_grace_that_continues() -> None:
    """The caller's time after each event within the grace period does not count."""
    clock = Clock()
    machine = m.machine(source := m.ClockedSource(), now=clock)
    usage = m.event({"object": "chat.completion.chunk", "choices": [], "usage": {}})
    machine.receive(m.chat("a", "stop") + usage + usage)
    for seconds in (1, 2, 4):
        assert m.step(machine) is EVENT
        clock.now += seconds
    assert m.step(machine) is NEED_DATA
    assert source.told == [
        ("source", "expire", GRACE_SECONDS),
        ("source", "spare", 1.0),
        ("source", "spare", 2.0),
        ("source", "spare", 4.0),
    ]


def test_the_time_of_the_caller_is_nothing_to_the_next_source() -> None:
    """No event of that source has been handed out."""
    told: list[Any] = []
    machine = m.machine(m.LiveSource("first", told))
    m.following(machine, m.ClockedSource("second", told))
    machine.receive(m.DONE)
    assert m.step(machine) is EVENT
    assert m.step(machine) is SWITCH
    assert m.step(machine) is NEED_DATA
    assert told == [("first", "expire", GRACE_SECONDS)]


def test_a_source_without_a_clock_is_not_told_of_time() -> None:
    """It could not do anything about it."""
    assert told_of_time(m.DONE, m.LiveSource()) == [("source", "expire", GRACE_SECONDS)]


def test_the_clock_is_the_monotonic_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless another one is given."""
    monkeypatch.setattr(time, "monotonic", Clock())
    machine = m.machine(source := m.ClockedSource())
    machine.receive(m.event({"type": "ping"}))
    assert m.step(machine) is EVENT
    assert m.step(machine) is NEED_DATA
    assert source.told == [("source", "spare", 0.0)]


def test_a_source_is_never_read() -> None:
    """Nor does the machine look at what the driver reads it with."""
    source, chunks = m.ClockedSource(), object()
    machine = StreamMachine(source, chunks)
    for read in (source.__iter__, source.__aiter__, source.read, source.read1):
        with pytest.raises(AssertionError):
            read()
    assert m.after(machine, ANSWER) is ENDED
    assert machine.current.chunks is chunks
    assert [one.chunks for one in machine.leave(m.READER)] == [chunks]


# What it says.


def test_an_error_says_how_far_the_stream_had_come() -> None:
    """It has the counts and the answer so far."""
    machine = m.machine()
    machine.receive(m.chat("a") + m.chat("b"))
    assert m.end(machine) is ENDED
    error = machine.err
    assert error is not None
    assert (error.events_read, error.bytes_read) == (2, len(m.chat("a") * 2))
    assert error.snapshot == machine.answer.value()
    assert error.snapshot is not None
    assert error.snapshot.text == "ab"


def test_an_error_has_the_id_of_the_request_and_no_secret() -> None:
    """A server may repeat the key that it refuses."""
    machine = m.machine(m.RequestedSource())
    machine.receive(m.error_event("bad key sk-secret"))
    assert m.end(machine) is ENDED
    error = machine.err
    assert isinstance(error, APIError)
    assert (error.message, error.request_id) == ("bad key ***", "req_1")
    machine = m.machine(m.RequestedSource())
    assert m.end(machine, TransportError("sent sk-secret")) is ENDED
    assert str(machine.err) == "sent ***"


def test_an_error_keeps_the_id_that_it_came_with() -> None:
    """The id that the server sent counts."""
    machine = m.machine(m.RequestedSource())
    assert m.end(machine, APIError("no", request_id="req_0")) is ENDED
    assert isinstance(machine.err, APIError)
    assert machine.err.request_id == "req_0"


def test_a_machine_counts_before_anything_has_come() -> None:
    """Each property has a value from the beginning."""
    machine = m.machine()
    assert (machine.bytes_read, machine.events_read, machine.notes) == (0, 0, {})
    assert (machine.outcome, machine.err, machine.event) == (None, None, NO_EVENT)
    assert (machine.left, machine.successor, machine.started) == (None, None, False)
    assert machine.answer.value() is None
    assert NO_EVENT.raw == RawEvent("message", "")


def test_settings_apply_to_all_inputs() -> None:
    """Chained inputs have them as well."""
    machine = m.machine(max_event_bytes=50)
    (second,) = m.following(machine, m.Source())
    assert second.receive(b"data: " + b"x" * 60)
    assert second.interrupted
    with pytest.raises(ValueError, match="max_event_bytes must be at least 1, not 0"):
        m.machine(max_event_bytes=0)


def test_a_machine_keeps_no_reference_to_its_reader() -> None:
    """A streamer that is dropped is freed at once, without the garbage collector."""
    machine = m.machine(diary=m.Diary())
    m.following(machine, m.Source())
    reader = m.Reader()
    ghost = weakref.ref(reader)
    gc.disable()
    try:
        machine.receive(m.chat("a") + m.chat("b") + m.chat("c") + m.DONE)
        steps = [machine.step(reader) for _ in range(5)]
        assert steps == [EVENT, EVENT, EVENT, EVENT, SWITCH]
        machine.observers.add(m.Diary(), reader)
        machine.go_on(reader, machine.input_of(m.Source()))
        machine.leave(reader)
        del reader
        assert ghost() is None
    finally:
        gc.enable()


def test_steps_are_five() -> None:
    """A driver that handles these handles all."""
    assert list(Step) == [EVENT, NEED_DATA, SWITCH, ASK_WHAT_NEXT, ENDED]
