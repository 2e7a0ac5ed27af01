"""The machine renews an input that failed, if its source offers another."""

from __future__ import annotations

from typing import Any

import machines as m
import pytest

from openai_scan import (
    APIError,
    DecodeError,
    EventStreamError,
    Outcome,
    StreamCancelledError,
    StreamTimeoutError,
    TransportError,
    TruncatedStreamError,
)
from openai_scan.stream.machine import StreamMachine
from openai_scan.stream.step import ASK_WHAT_NEXT, ENDED, EVENT, NEED_DATA, SWITCH

BROKEN = TransportError("reset")

CREATED = m.response("in_progress", 0)
COMPLETED = m.response("completed", 9)

# A chunk that brings the role only: the caller has seen nothing of the answer.
ROLE = m.event(
    {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"role": "assistant"}}]}
)


def verdict(machine: StreamMachine) -> tuple[Outcome | None, type[Exception] | None, str]:
    """Return the outcome, the class of the error and its message."""
    error = machine.err
    return machine.outcome, None if error is None else type(error), str(error or "")


# Retries.


@pytest.mark.parametrize(
    "begun", [b"", ROLE, m.event({"type": "ping"})], ids=["nothing", "a role", "a ping"]
)
@pytest.mark.parametrize(
    "error", [BROKEN, StreamTimeoutError("late"), None], ids=["broken", "late", "truncated"]
)
def test_an_input_that_fails_before_any_content_is_retried(
    begun: bytes, error: TransportError | None
) -> None:
    """The answer is the same one: it begins once and ends once."""
    second = m.Source("second")
    first = m.RenewableSource("first", retries=[second])
    machine = m.machine(first, diary := m.Diary())
    before = machine.current
    assert m.after(machine, begun) is NEED_DATA
    assert m.end(machine, error) is SWITCH
    assert (machine.left, machine.current.source) == (before, second)
    name = type(error or TruncatedStreamError()).__name__
    assert first.told == [("first", "retry", name)]
    assert machine.notes[f"retry: {name}"] == 1
    assert m.after(machine, m.chat("a") + m.chat("", "stop") + m.DONE) is ENDED
    assert verdict(machine) == ("completed", None, "")
    told = [line for line in diary.lines if line not in ("ping", "chat.completion.chunk")]
    assert told == ["began", f"renewed after {name}", "a", "done", "completed"]


@pytest.mark.parametrize(
    "begun",
    [m.chat("a"), m.run("queued"), m.event({"type": "brand.new"})],
    ids=["text", "a run", "an unknown event"],
)
def test_an_input_that_fails_after_content_is_not_retried(begun: bytes) -> None:
    """The caller would see it twice."""
    source = m.RenewableSource(retries=[m.Source()])
    machine = m.machine(source)
    assert m.after(machine, begun) is NEED_DATA
    assert m.end(machine, BROKEN) is ENDED
    assert verdict(machine) == ("failed", TransportError, "reset")
    assert source.told == []


def test_an_error_event_before_any_content_is_retried_without_being_shown() -> None:
    """The caller sees the answer that came in the end."""
    second = m.Source()
    machine = m.machine(first := m.RenewableSource("first", retries=[second]), diary := m.Diary())
    machine.receive(m.error_event("busy", code="rate_limit_exceeded") + m.chat("lost"))
    assert m.step(machine) is SWITCH
    assert machine.current.source is second
    assert first.told == [("first", "retry", "RateLimitError")]
    assert m.after(machine, m.chat("a", "stop") + m.DONE) is ENDED
    assert verdict(machine) == ("completed", None, "")
    assert diary.lines == ["began", "renewed after RateLimitError", "a", "done", "completed"]


def test_an_error_event_that_is_not_retried_is_shown() -> None:
    """The source is asked once more at the end of the input, because there is no content yet."""
    machine = m.machine(source := m.RenewableSource())
    machine.receive(m.error_event("busy"))
    assert m.step(machine) is EVENT
    assert machine.event.type == "error"
    assert m.end(machine) is ENDED
    assert verdict(machine) == ("failed", APIError, "busy")
    assert source.told == [("source", "retry", "APIError")] * 2


def test_an_error_event_after_content_is_shown() -> None:
    """A retry would repeat what came before it."""
    machine = m.machine(source := m.RenewableSource(retries=[m.Source()]))
    machine.receive(m.chat("a") + m.error_event())
    assert m.names(machine) == ["a", "error"]
    assert m.end(machine) is ENDED
    assert source.told == []


def test_a_misfit_in_a_strict_stream_may_be_retried() -> None:
    """The source decides; what followed the misfit is not read."""
    second = m.Source()
    machine = m.machine(m.RenewableSource(retries=[second]), strict=True)
    machine.receive(m.event({"id": 7}, "thread.run.created") + m.chat("lost"))
    assert m.step(machine) is SWITCH
    assert machine.current.source is second
    assert m.after(machine, m.DONE) is ENDED
    assert machine.notes == {"retry: DecodeError": 1}


def test_retries_end_when_the_source_offers_none() -> None:
    """The last error is the stream's."""
    last = m.RenewableSource("last")
    first = m.RenewableSource("first", retries=[m.RenewableSource("second", retries=[last])])
    machine = m.machine(first, diary := m.Diary())
    assert m.end(machine, BROKEN) is SWITCH
    assert m.end(machine, BROKEN) is SWITCH
    assert m.end(machine, TransportError("again")) is ENDED
    assert verdict(machine) == ("failed", TransportError, "again")
    assert machine.left is machine.current
    assert diary.lines == [
        "began",
        *["renewed after TransportError"] * 2,
        "failed: TransportError",
    ]


def test_a_retry_starts_again() -> None:
    """Neither the parts nor the pieces of the failed input count, but its bytes and notes do."""
    machine = m.machine(m.RenewableSource(retries=[m.Source()]))
    begun = b": hi\n\n" + ROLE
    assert m.after(machine, begun) is NEED_DATA
    assert m.end(machine, BROKEN) is SWITCH
    assert m.after(machine, m.chat("a", "stop", choice=1)) is NEED_DATA
    assert m.end(machine) is ENDED
    assert verdict(machine) == ("completed", None, "")
    assert machine.notes == {"comment": 1, "retry: TransportError": 1, "missing_done": 1}
    assert machine.bytes_read == len(begun + m.chat("a", "stop", choice=1))
    assert machine.events_read == 2
    answer: Any = machine.answer.value()
    assert [choice.index for choice in answer.choices] == [1]


def test_a_good_end_is_not_renewed() -> None:
    """Neither is a stream whose input breaks after its end."""
    for error in (None, BROKEN):
        machine = m.machine(source := m.RenewableSource(retries=[m.Source()]))
        assert m.after(machine, m.event({"id": "r"}, "thread.run.completed")) is NEED_DATA
        assert m.end(machine, error) is ENDED
        assert verdict(machine) == ("completed", None, "")
        assert source.told == []


def test_a_chained_stream_is_retried_for_itself() -> None:
    """It does not matter that the stream before it had content."""
    third = m.Source()
    machine = m.machine(diary=(diary := m.Diary()))
    m.following(machine, m.RenewableSource(retries=[third]))
    assert m.after(machine, m.chat("a", "stop") + m.DONE) is SWITCH
    assert m.end(machine, BROKEN) is SWITCH
    assert machine.current.source is third
    assert m.after(machine, m.chat("b", "stop") + m.DONE) is ENDED
    assert diary.lines == [
        *("began", "a", "done", "completed"),
        *("began", "renewed after TransportError", "b", "done", "completed"),
    ]


def test_what_a_successor_names_is_retried_for_itself() -> None:
    """It is retried like a chained stream."""
    third = m.Source()
    machine = m.machine(diary=(diary := m.Diary()))
    machine.successor = object()
    assert m.after(machine, m.chat("a", "stop") + m.DONE) is ASK_WHAT_NEXT
    machine.go_on(m.READER, machine.input_of(m.RenewableSource(retries=[third])))
    assert m.step(machine) is SWITCH
    assert m.end(machine, BROKEN) is SWITCH
    assert machine.current.source is third
    assert m.after(machine, m.DONE) is ASK_WHAT_NEXT
    assert diary.lines[-3:] == ["renewed after TransportError", "done", "completed"]


def test_a_cancelled_stream_is_not_renewed() -> None:
    """Its source is not even asked, whether the input ended or broke."""
    for error in (None, BROKEN):
        machine = m.machine(source := m.RenewableSource(retries=[m.Source()]))
        machine.cancel()
        assert m.end(machine, error) is ENDED
        assert verdict(machine) == ("cancelled", StreamCancelledError, "the stream was cancelled")
        assert source.told == []


def test_a_renewed_input_of_a_cancelled_stream_is_cancelled() -> None:
    """cancel() may come just when the machine looks for another source."""

    class Racing(m.RenewableSource):
        def retry(self, error: Any) -> m.Source | None:
            machine.cancel()
            return super().retry(error)

    second = m.LiveSource("second")
    machine = m.machine(Racing(retries=[second]))
    assert m.end(machine, BROKEN) is SWITCH
    assert second.told == [("second", "cancel")]
    assert m.step(machine) is ENDED
    assert machine.outcome == "cancelled"


# Resumes.


def broken_off(
    machine: StreamMachine, *, error: TransportError | None = BROKEN, after: bytes = b""
) -> None:
    """Let a response of *machine* break off after its event 1."""
    machine.receive(CREATED + m.text_delta("a", 1) + after)
    assert m.end(machine, error) is SWITCH


@pytest.mark.parametrize("error", [BROKEN, None], ids=["broken", "truncated"])
def test_an_answer_that_broke_off_is_resumed(error: TransportError | None) -> None:
    """The rest comes from another source; it is the same answer, without a gap."""
    rest = m.Source()
    machine = m.machine(source := m.RenewableSource(rests=[rest]), diary := m.Diary())
    first = machine.current
    broken_off(machine, error=error)
    name = type(error or TruncatedStreamError()).__name__
    assert source.told == [("source", "resume", name, "resp_1", 1)]
    assert (machine.left, machine.current.source) == (first, rest)
    assert machine.outcome is None
    assert m.after(machine, m.text_delta("b", 2) + COMPLETED) is NEED_DATA
    assert m.end(machine) is ENDED
    assert verdict(machine) == ("completed", None, "")
    assert m.text(machine) == "ab"
    assert machine.notes == {f"resume: {name}": 1}
    assert diary.lines == [
        *("began", "response.created", "a"),
        f"renewed after {name}",
        *("b", "response.completed", "completed"),
    ]


def test_the_position_is_that_of_the_last_event() -> None:
    """It may have taken the short way, and an event without a number may follow it."""
    machine = m.machine(source := m.RenewableSource())
    machine.receive(
        CREATED + b"".join(m.text_delta(text, 1 + at) for at, text in enumerate("abcd"))
    )
    assert m.names(machine)[1:] == ["a", "b", "c", "d"]
    assert machine.answer.again is not None
    machine.receive(m.event({"type": "ping"}))
    assert m.end(machine, BROKEN) is ENDED
    assert source.told == [("source", "resume", "TransportError", "resp_1", 4)]


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        m.chat("a"),
        m.event({"type": "response.created", "response": {"id": "r", "background": True}}),
        m.response("in_progress", 0, background=False),
    ],
    ids=["nothing", "another family", "no number", "not in the background"],
)
def test_an_answer_that_cannot_be_resumed_is_not(begun: bytes) -> None:
    """It needs a numbered event, and a response in the background."""
    machine = m.machine(source := m.RenewableSource(rests=[m.Source()]))
    assert m.after(machine, begun) is NEED_DATA
    assert m.end(machine, BROKEN) is ENDED
    assert "resume" not in [word for _, word, *_ in source.told]


def test_a_resume_that_is_refused_may_be_a_retry() -> None:
    """As long as there has been no content."""
    second = m.Source()
    machine = m.machine(source := m.RenewableSource(retries=[second]))
    assert m.after(machine, CREATED) is NEED_DATA
    assert m.end(machine, BROKEN) is SWITCH
    assert machine.current.source is second
    assert [word for _, word, *_ in source.told] == ["resume", "retry"]


def test_events_that_are_repeated_are_skipped() -> None:
    """They are not handed out, not counted, and as good as silence."""
    machine = m.machine(m.RenewableSource(rests=[m.Source()]))
    broken_off(machine)
    read = machine.events_read
    machine.receive(CREATED + m.text_delta("a", 1))
    assert m.step(machine) is NEED_DATA
    assert (machine.events_read, machine.current.heard) == (read, 0)
    machine.receive(m.text_delta("b", 2) + m.text_delta("c", 3))
    assert m.names(machine) == ["b", "c"]
    assert machine.current.heard == 2


def test_an_event_without_a_number_may_come_in_between() -> None:
    """A ping proves nothing: the next number must still follow the position."""
    machine = m.machine(m.RenewableSource(rests=[m.Source()]))
    broken_off(machine)
    machine.receive(m.event({"type": "ping"}) + m.text_delta("a", 1) + m.text_delta("b", 2))
    assert m.names(machine) == ["ping", "b"]
    machine.receive(m.text_delta("c", 7))  # from here on, the machine does not check the numbers
    assert m.names(machine) == ["c"]


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        (
            m.text_delta("c", 3),
            "events were lost between 1 and 3, where the stream was resumed",
        ),
        (
            m.response("in_progress", 2, id="resp_2"),
            "the resumed stream contains events of another answer",
        ),
    ],
    ids=["lost events", "another answer"],
)
def test_a_gap_ends_the_stream(rest: bytes, message: str) -> None:
    """An event that cannot follow is not handed out, and its source is to be closed."""
    machine = m.machine(m.RenewableSource(rests=[m.LiveSource("rest")]), diary := m.Diary())
    broken_off(machine)
    machine.receive(rest + m.text_delta("d", 4))
    assert m.step(machine) is ENDED
    assert diary.lines[-2:] == ["renewed after TransportError", "failed: EventStreamError"]
    assert verdict(machine) == ("failed", EventStreamError, message)
    assert machine.left is machine.current
    assert m.step(machine) is ENDED


def test_a_gap_may_be_resumed_in_turn() -> None:
    """The source that left the gap is asked; the next one has heard nothing yet."""
    third = m.LiveSource("third")
    second = m.RenewableSource("second", rests=[third])
    machine = m.machine(m.RenewableSource("first", rests=[second]))
    broken_off(machine)
    machine.receive(m.text_delta("c", 3))
    assert m.step(machine) is SWITCH
    assert second.told == [("second", "resume", "EventStreamError", "resp_1", 1)]
    assert machine.current.heard == 0
    assert m.after(machine, m.text_delta("b", 2) + COMPLETED) is NEED_DATA
    assert m.end(machine) is ENDED
    assert m.text(machine) == "ab"


def test_an_answer_is_resumed_from_where_it_is_now() -> None:
    """The second time after the events of the first resume, not after those of the beginning."""
    third = m.Source()
    second = m.RenewableSource("second", rests=[third])
    machine = m.machine(m.RenewableSource("first", rests=[second]))
    broken_off(machine)
    assert m.after(machine, m.text_delta("b", 2) + m.text_delta("c", 3)) is NEED_DATA
    assert m.end(machine, BROKEN) is SWITCH
    assert second.told == [("second", "resume", "TransportError", "resp_1", 3)]
    machine.receive(m.text_delta("c", 3) + m.text_delta("d", 4))
    assert m.names(machine) == ["d"]
    assert machine.notes == {"resume: TransportError": 2}


def test_a_resumed_answer_is_judged_by_its_rest() -> None:
    """An error event does not count once the source has continued after it."""
    machine = m.machine(m.RenewableSource(rests=[m.Source()]), diary := m.Diary())
    broken_off(machine, error=None, after=m.error_event("overloaded"))
    assert m.after(machine, m.text_delta("b", 2) + COMPLETED) is NEED_DATA
    assert m.end(machine) is ENDED
    assert verdict(machine) == ("completed", None, "")
    assert diary.lines[3:5] == ["error", "renewed after APIError"]


def test_a_resumed_answer_without_a_rest_is_truncated() -> None:
    """The end that it had reached before does not count."""
    machine = m.machine(m.RenewableSource(rests=[m.LiveSource("rest")]))
    broken_off(machine, error=None, after=m.error_event("overloaded"))
    assert m.end(machine) is ENDED
    assert machine.outcome == "truncated"


def test_a_chained_stream_is_not_measured_by_the_one_before_it() -> None:
    """It has numbers and an id of its own."""
    machine = m.machine(m.RenewableSource(rests=[m.Source()]))
    m.following(machine, m.RenewableSource("next"))
    broken_off(machine)
    assert m.after(machine, COMPLETED.replace(b"9}", b"2}") + m.DONE) is SWITCH
    assert m.after(machine, m.response("in_progress", 0, id="resp_2")) is NEED_DATA
    assert m.end(machine, BROKEN) is ENDED
    assert machine.current.source.told[0] == ("next", "resume", "TransportError", "resp_2", 0)


def test_a_misfit_after_a_resume_ends_a_strict_stream() -> None:
    """A misfit ends it as anywhere else."""
    machine = m.machine(m.RenewableSource(rests=[m.Source()]), strict=True)
    broken_off(machine)
    machine.receive(m.event({"type": "response.output_text.delta", "sequence_number": 2}))
    assert m.step(machine) is ENDED
    assert verdict(machine)[:2] == ("failed", DecodeError)


def test_a_chain_of_everything_is_reported_in_order() -> None:
    """A retry, a resume, a chained stream, a successor twice: every answer begins and ends once."""
    told: list[Any] = []
    rest = m.Source("rest", told)
    again = m.RenewableSource("again", rests=[rest], told=told)
    machine = m.machine(m.RenewableSource("first", retries=[again], told=told), diary := m.Diary())
    m.following(machine, m.Source("chained", told))
    machine.successor = object()
    assert m.end(machine, BROKEN) is SWITCH
    broken_off(machine)
    assert m.after(machine, m.text_delta("b", 2) + COMPLETED) is NEED_DATA
    assert m.end(machine) is SWITCH
    assert m.after(machine, m.chat("c", "stop") + m.DONE) is ASK_WHAT_NEXT
    machine.go_on(m.READER, machine.input_of(m.Source("named", told)))
    assert m.step(machine) is SWITCH
    assert m.after(machine, m.run("requires_action") + m.DONE) is ASK_WHAT_NEXT
    machine.stop("requires_action")
    assert m.step(machine) is ENDED
    assert diary.lines == [
        *("began", "renewed after TransportError", "response.created", "a"),
        *("renewed after TransportError", "b", "response.completed", "completed"),
        *("began", "c", "done", "completed"),
        *("began", "thread.run.requires_action", "done", "requires_action"),
    ]
    assert [(name, word) for name, word, *_ in told] == [("first", "retry"), ("again", "resume")]
