"""How a stream ends: every row of docs/explanation/ends.md, as bytes that a machine receives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import machines as m
import pytest
from attrs import frozen

from openai_scan import (
    APIError,
    DecodeError,
    Outcome,
    ScanError,
    StreamTimeoutError,
    TransportError,
    TruncatedStreamError,
)
from openai_scan.stream.step import ENDED, EVENT, NEED_DATA, SWITCH

pytestmark = pytest.mark.unmeasured

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "ends.md"

BROKEN = TransportError("reset")
LATE = StreamTimeoutError("late")

# The tables of the page. Where a status represents others, the page names these, and so does the
# test. An outcome of "failed" is an APIError.

RUN_STATUSES: dict[str, Outcome] = {
    "completed": "completed",
    "requires_action": "requires_action",
    "incomplete": "incomplete",
    "cancelled": "cancelled",
    "failed": "failed",
    "expired": "failed",
}

FINISH_REASONS: dict[str, Outcome] = {
    "length": "incomplete",
    "content_filter": "incomplete",
    "abort": "cancelled",
    "error": "failed",
    "stop": "completed",
    "tool_calls": "completed",
}

RESPONSE_STATUSES: dict[str, Outcome] = {
    "completed": "completed",
    "incomplete": "incomplete",
    "cancelled": "cancelled",
    "failed": "failed",
}


AGENT_EVENTS: dict[str, Outcome] = {
    "agent.session.turn.completed": "completed",
    "agent.session.turn.cancelled": "cancelled",
    "agent.session.turn.failed": "failed",
    "agent.session.failed": "failed",
    "agent.session.requires_action": "requires_action",
}


@frozen
class Family:
    """A family whose streams end in one way.

    Attributes:
        begun: The events of a stream that is under way.
        ended: The event that shows its end.
        has_done: Whether a `[DONE]` should follow it.
    """

    begun: bytes
    ended: bytes
    has_done: bool


def completion(text: str, finish: str | None = None) -> bytes:
    """Return an event of Completions."""
    piece = {"index": 0, "text": text, "finish_reason": finish}
    return m.event({"object": "text_completion", "choices": [piece]})


def of_agent(name: str) -> bytes:
    """Return an event of an agent's session, with the session or the turn that is in it."""
    parts = {"session": {"id": "s"}, "turn": {"id": "t"}, "item_id": "m", "delta": "a"}
    return m.event({"type": name, **parts})


FAMILIES = {
    "Agents": Family(
        of_agent("agent.session.turn.created") + of_agent("agent.session.turn.output_text.delta"),
        of_agent("agent.session.turn.completed"),
        has_done=False,
    ),
    "Chat Completions": Family(m.chat("a"), m.chat("", "stop"), has_done=True),
    "Completions": Family(completion("a"), completion("", "stop"), has_done=True),
    "Responses": Family(
        m.response("in_progress", 0) + m.text_delta("a", 1),
        m.response("completed", 2),
        has_done=False,
    ),
    "transcription": Family(
        m.event({"delta": "a"}, "transcript.text.delta"),
        m.event({"text": "a"}, "transcript.text.done"),
        has_done=True,
    ),
    "speech": Family(
        m.event({"audio": "AAAA"}, "speech.audio.delta"),
        m.event({}, "speech.audio.done"),
        has_done=True,
    ),
    "images": Family(
        m.event({"b64_json": "AAAA"}, "image_generation.partial_image"),
        m.event({"b64_json": "AAAA"}, "image_generation.completed"),
        has_done=False,
    ),
}


# The page and the tests say the same.


def rows(header: str) -> list[list[str]]:
    """Return the rows of the page's table whose first column has this *header*."""
    lines = PAGE.read_text("utf-8").splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(f"| {header} |"))
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def words(cell: str) -> list[str]:
    """Return what is set as code in a *cell*."""
    return re.findall("`([^`]+)`", cell)


def outcomes(header: str) -> Iterator[tuple[str, str]]:
    """Yield each word and its outcome, and make sure that "failed" has an `APIError`."""
    for cell, verdict in rows(header):
        outcome = words(verdict)[0]
        assert ("APIError" in verdict) is (outcome == "failed")
        for word in words(cell):
            yield word, outcome


@pytest.mark.parametrize(
    ("header", "table"),
    [
        ("status of the run", RUN_STATUSES),
        ("`finish_reason` of a choice", FINISH_REASONS),
        ("status of the response", RESPONSE_STATUSES),
        ("event of an agent's session", AGENT_EVENTS),
    ],
    ids=["runs", "finish reasons", "responses", "agents"],
)
def test_the_page_has_the_rows_of_these_tests(header: str, table: dict[str, Outcome]) -> None:
    """No status is on the page only, or in the tests only, or with another outcome."""
    assert dict(outcomes(header)) == table


def test_the_page_has_the_families_of_these_tests() -> None:
    """No family is on one side only, and both say whether a `[DONE]` ends its streams."""
    page = {name: done == "yes" for cell, _, _, done in rows("API") for name in cell.split(", ")}
    assert page == {name: family.has_done for name, family in FAMILIES.items()}


def test_the_page_has_the_verdicts_of_these_tests() -> None:
    """The lines of the verdict are numbered; the tests of each have its number."""
    section = PAGE.read_text("utf-8").split("## The verdict")[1].split("\n## ")[0]
    assert [int(number) for number in re.findall(r"^(\d+)\. ", section, re.MULTILINE)] == [
        1,
        2,
        3,
        4,
        5,
        6,
    ]


# What an event says.


@pytest.mark.parametrize("status", RUN_STATUSES)
def test_the_status_of_a_run_is_the_outcome(status: str) -> None:
    """Whatever the event is called; a run that failed is an `APIError`."""
    outcome = RUN_STATUSES[status]
    misnamed = m.event({"id": "run_1", "status": status}, "thread.run.completed")
    for stream in (m.run("queued") + m.run(status), m.run("in_progress") + misnamed + m.DONE):
        told = m.tr(stream)
        assert (told.last, told.outcome) == (ENDED, outcome)
        assert (told.error is not None and told.error[0] is APIError) is (outcome == "failed")


@pytest.mark.parametrize("status", RUN_STATUSES)
def test_the_name_is_the_outcome_of_a_run_without_a_status(status: str) -> None:
    """If there is no status, the name of the event decides."""
    nameless = m.event({"id": "run_1"}, f"thread.run.{status}")
    assert m.tr(nameless).outcome == RUN_STATUSES[status]


def test_a_failed_run_says_why() -> None:
    """The error is what `last_error` says."""
    told = m.tr(m.run("failed", last_error={"code": "server_error", "message": "out of luck"}))
    assert told.error is not None
    assert issubclass(told.error[0], APIError)
    assert "out of luck" in told.error[1]


@pytest.mark.parametrize("reason", FINISH_REASONS)
def test_the_finish_reason_of_a_choice_is_the_outcome(reason: str) -> None:
    """In Chat Completions and in Completions; an error is an `APIError`."""
    outcome = FINISH_REASONS[reason]
    for stream in (m.chat("a") + m.chat("", reason), completion("a") + completion("", reason)):
        for done in (b"", m.DONE):
            told = m.tr(stream + done)
            assert (told.last, told.outcome) == (ENDED, outcome)
            assert (told.error is not None and told.error[0] is APIError) is (outcome == "failed")


@pytest.mark.parametrize("status", RESPONSE_STATUSES)
def test_the_status_of_a_response_is_the_outcome(status: str) -> None:
    """Whatever the event is called; a response that failed is an `APIError`."""
    outcome = RESPONSE_STATUSES[status]
    body = {"id": "resp_1", "status": status}
    misnamed = m.event({"type": "response.completed", "response": body})
    told = m.tr(m.response("in_progress", 0) + misnamed)
    assert (told.last, told.outcome) == (ENDED, outcome)
    assert (told.error is not None and told.error[0] is APIError) is (outcome == "failed")


@pytest.mark.parametrize("status", ["completed", "incomplete", "failed"])
def test_the_name_is_the_outcome_of_a_response_without_a_status(status: str) -> None:
    """If there is no status, the name of the event decides."""
    nameless = m.event({"type": f"response.{status}", "response": {"id": "resp_1"}})
    assert m.tr(nameless).outcome == RESPONSE_STATUSES[status]


@pytest.mark.parametrize("name", AGENT_EVENTS)
def test_the_event_of_a_session_is_the_outcome(name: str) -> None:
    """Whether or not the turn was seen to begin."""
    outcome = AGENT_EVENTS[name]
    idle = of_agent("agent.session.idle")
    for before in (of_agent("agent.session.in_progress"), b""):
        for after in (b"", idle + of_agent("agent.session.in_progress")):
            told = m.tr(before + of_agent(name) + after)
            assert (told.last, told.outcome) == (ENDED, outcome)
            assert (told.error is not None and told.error[0] is APIError) is (outcome == "failed")


def test_a_session_at_rest_ends_what_has_begun() -> None:
    """Without the end of the turn the answer is not whole; before any turn it ends nothing."""
    idle, begun = of_agent("agent.session.idle"), of_agent("agent.session.turn.created")
    assert m.tr(idle + begun + FAMILIES["Agents"].ended + idle).outcome == "completed"
    told = m.tr(begun + idle + begun)
    assert (told.names[-1], told.outcome) == ("agent.session.idle", "truncated")


def test_a_response_that_calls_functions_is_completed() -> None:
    """A response does not wait for their results."""
    call = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}
    item = m.event({"type": "response.output_item.done", "output_index": 0, "item": call})
    assert m.tr(item + m.response("completed", 1)).outcome == "completed"


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_ends_with_its_own_event(name: str) -> None:
    """Without it the stream is truncated; a `[DONE]` that should follow it may be missing."""
    family = FAMILIES[name]
    assert m.tr(family.begun).outcome == "truncated"
    ended = m.tr(family.begun + family.ended)
    assert (ended.outcome, ended.error) == ("completed", None)
    assert ended.notes == ({"missing_done": 1} if family.has_done else {})
    done = m.tr(family.begun + family.ended + m.DONE)
    assert (done.names[-1], done.outcome, done.notes) == ("done", "completed", {})


def test_an_edited_image_ends_as_well() -> None:
    """The page names both events of the family."""
    name = words(rows("API")[-1][2])[1]
    assert m.tr(m.event({"b64_json": "AAAA"}, name)).outcome == "completed"


def test_assistants_may_leave_out_the_done() -> None:
    """A note says that it is missing, as elsewhere."""
    assert m.tr(m.run("queued") + m.run("completed")).notes == {"missing_done": 1}


def test_each_choice_is_a_part() -> None:
    """The stream is whole when all choices that were seen have ended; the worst end counts."""
    one, two = m.chat("a"), m.chat("b", choice=1)
    assert m.tr(one + two + m.chat("", "stop")).outcome == "truncated"
    both = one + two + m.chat("", "length", choice=1) + m.chat("", "stop")
    assert m.tr(both).outcome == "incomplete"


def test_a_choice_that_is_named_again_is_not_under_way_again() -> None:
    """Usage and content filters come with a choice that has ended; more text would be news."""
    ended = m.chat("a") + m.chat("", "stop")
    assert m.tr(ended + m.chat("")).outcome == "completed"
    assert m.tr(ended + m.chat("b")).outcome == "truncated"


# The verdict, line by line.


def test_verdict_1_cancel_comes_before_everything() -> None:
    """It comes before an error event, an error of the input, and a good end."""
    for begun in (m.error_event(), m.chat("a", "stop"), m.chat("a")):
        for error in (None, BROKEN):
            machine = m.machine()
            assert m.after(machine, begun) is NEED_DATA
            machine.cancel()
            assert m.end(machine, error) is ENDED
            assert (machine.outcome, str(machine.err)) == ("cancelled", "the stream was cancelled")
            assert machine.err is not None
            assert machine.err.__cause__ is error


@pytest.mark.parametrize("error", [None, BROKEN, LATE], ids=repr)
@pytest.mark.parametrize(
    "rest",
    [b"", m.DONE, m.chat("", "stop") + m.DONE, m.error_event("late")],
    ids=["nothing", "done", "a good end", "another error"],
)
def test_verdict_2_an_error_event_came_first(error: ScanError | None, rest: bytes) -> None:
    """Neither what breaks later hides it, nor a `[DONE]` clears it."""
    told = m.tr(m.chat("a") + m.error_event("first") + rest, error=error)
    assert (told.outcome, told.error) == ("failed", (APIError, "first"))


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(BROKEN, "failed"), (LATE, "timed_out"), (TruncatedStreamError("cut"), "truncated")],
    ids=["broken", "late", "cut"],
)
def test_verdict_3_an_error_of_the_input(error: ScanError, outcome: Outcome) -> None:
    """It counts until the stream is terminal; then it is a note, and after `[DONE]` nothing."""
    told = m.tr(m.chat("a"), error=error)
    assert (told.outcome, told.error) == (outcome, (type(error), str(error)))
    if isinstance(error, TransportError):
        note = "held_open" if error is LATE else "broken_end"
        told = m.tr(m.chat("a", "stop"), error=error)
        assert (told.outcome, told.error) == ("completed", None)
        assert told.notes == {note: 1, "missing_done": 1}
    told = m.tr(m.chat("a", "stop") + m.DONE, error=error)
    assert (told.outcome, told.error, told.notes) == ("completed", None, {})


@pytest.mark.parametrize("require_terminal", [True, False])
@pytest.mark.parametrize(
    "begun",
    [b"", m.chat("a"), m.event({"what": "ever"})],
    ids=["nothing", "text", "an unknown event"],
)
def test_verdict_4_an_end_before_the_stream_is_terminal(
    begun: bytes, *, require_terminal: bool
) -> None:
    """It is truncated, unless `require_terminal` is off."""
    told = m.tr(begun, require_terminal=require_terminal)
    if require_terminal:
        message = "the stream ended before the answer did"
        assert (told.outcome, told.error) == ("truncated", (TruncatedStreamError, message))
    else:
        assert (told.outcome, told.error) == ("completed", None)


@pytest.mark.parametrize("require_terminal", [True, False])
@pytest.mark.parametrize(
    "begun", [b"", m.chat("a"), m.chat("a", "stop")], ids=["nothing", "text", "a whole answer"]
)
def test_verdict_4_an_end_in_the_middle_of_an_event(
    begun: bytes, *, require_terminal: bool
) -> None:
    """It is truncated, whatever `require_terminal` says and whatever had come."""
    told = m.tr(begun + b'data: {"obj', require_terminal=require_terminal)
    message = "the stream ended in the middle of an event"
    assert (told.outcome, told.error) == ("truncated", (TruncatedStreamError, message))


def test_verdict_5_a_hole() -> None:
    """It fails an answer that looks whole, but not one that was whole before."""
    hole, end = b"data: {oops\n\n", m.chat("", "stop") + m.DONE
    told = m.tr(m.chat("a") + hole + m.chat("b") + end)
    assert told.outcome == "failed"
    assert told.error is not None
    kind, message = told.error
    assert kind is DecodeError
    assert message.startswith("the answer has a hole: message: the data are not JSON: ")
    assert m.tr(m.chat("a") + m.chat("", "stop") + hole + m.DONE).outcome == "completed"
    # The lines of the verdict before this one come first.
    assert m.tr(hole + m.error_event("first")).error == (APIError, "first")
    assert m.tr(hole, error=BROKEN).error == (type(BROKEN), str(BROKEN))
    assert m.tr(hole).outcome == "truncated"


def test_verdict_6_the_parts_decide() -> None:
    """The worst of several ends counts; without any part it is `completed`."""
    ranks = ["stop", "length", "abort", "error"]
    expected = ["completed", "incomplete", "cancelled", "failed"]
    for worse, outcome in zip(ranks, expected, strict=True):
        for better in ranks[: ranks.index(worse) + 1]:
            ended = m.chat("", worse) + m.chat("", better, choice=1)
            assert m.tr(ended + m.DONE).outcome == outcome
    assert m.tr(m.run("requires_action") + m.DONE).outcome == "requires_action"
    assert m.tr(m.DONE).outcome == "completed"


# Leaving.


@pytest.mark.parametrize(
    ("begun", "outcome", "error"),
    [
        (b"", "cancelled", None),
        (m.chat("a"), "cancelled", None),
        (m.chat("a", "stop"), "completed", None),
        (m.chat("a", "length") + m.DONE, "incomplete", None),
        (m.chat("a") + m.error_event(), "failed", APIError),
    ],
    ids=["nothing", "text", "a whole answer", "done", "an error event"],
)
def test_a_stream_that_is_left_is_judged_by_what_it_said(
    begun: bytes, outcome: Outcome, error: type[ScanError] | None
) -> None:
    """A terminal stream has its own outcome; any other is `cancelled`, without an error."""
    machine = m.machine()
    machine.receive(begun)
    for _ in range(begun.count(b"\n\n")):
        m.step(machine)
    machine.leave(m.READER)
    assert machine.outcome == outcome
    assert error is (None if machine.err is None else type(machine.err))


def test_a_stream_that_is_left_before_a_chained_one_is_cancelled() -> None:
    """The chained stream was still to come."""
    machine = m.machine()
    m.following(machine, m.Source())
    machine.receive(m.chat("a", "stop") + m.DONE)
    assert [m.step(machine) for _ in range(2)] == [EVENT, EVENT]
    machine.leave(m.READER)
    assert (machine.outcome, machine.err) == ("cancelled", None)


# [DONE], and what may follow it.


@pytest.mark.parametrize(
    "tail",
    [m.chat("b"), m.error_event(), b'data: {"', b"\xff\n\n", b"x"],
    ids=["text", "an error event", "half an event", "bad UTF-8", "a letter"],
)
def test_done_ends_any_stream_at_once(tail: bytes) -> None:
    """What comes after it is not read as events."""
    begun = m.chat("a") + m.event("[DONE]", "any.name")
    told = m.tr(begun + tail)
    assert (told.names, told.outcome) == (["chat.completion.chunk", "done"], "completed")
    assert (told.error, told.notes) == (None, {})


def test_a_chained_stream_begins_at_done() -> None:
    """The machine does not wait for what the first source would still send."""
    machine = m.machine()
    (second,) = m.following(machine, m.Source())
    assert m.after(machine, m.chat("a") + m.DONE + m.chat("lost")) is SWITCH
    assert machine.current is second
    assert m.after(machine, m.chat("b") + m.DONE) is ENDED
    assert m.text(machine) == "b"


def test_done_is_not_the_end_of_a_resumed_answer() -> None:
    """It says only that the server has no more just now: the answer is resumed once more."""
    third = m.Source("third")
    second = m.RenewableSource("second", rests=[third])
    first = m.RenewableSource("first", rests=[second])
    machine = m.machine(first)
    machine.receive(m.response("in_progress", 0) + m.text_delta("a", 1))
    assert m.end(machine, BROKEN) is SWITCH
    machine.receive(m.text_delta("b", 2) + m.DONE)
    assert m.names(machine) == ["b"]
    assert machine.current.source is third
    assert second.told == [("second", "resume", "TruncatedStreamError", "resp_1", 2)]
    assert m.after(machine, m.DONE) is ENDED
    assert (machine.outcome, type(machine.err)) == ("truncated", TruncatedStreamError)


def test_done_is_the_end_of_a_resumed_answer_that_is_whole() -> None:
    """It is delivered as ever."""
    machine = m.machine(m.RenewableSource(rests=[m.Source()]))
    machine.receive(m.response("in_progress", 0) + m.text_delta("a", 1))
    assert m.end(machine, BROKEN) is SWITCH
    machine.receive(m.response("completed", 2) + m.DONE)
    assert m.names(machine) == ["response.completed", "done"]
    assert machine.outcome == "completed"


# The grace.


def expiries(*chunks: bytes) -> list[float | None]:
    """Return the limits that a source is given while a machine steps through *chunks*."""
    source = m.LiveSource()
    m.after(m.machine(source), *chunks)
    return [seconds for _, word, *rest in source.told if word == "expire" for seconds in rest]


USAGE = m.event({"object": "chat.completion.chunk", "choices": [], "usage": {"total_tokens": 7}})


@pytest.mark.parametrize(
    ("chunks", "limits"),
    [
        ([m.chat("a")], []),
        ([m.chat("a"), m.chat("", "stop")], [2.0]),
        ([m.error_event()], [2.0]),
        ([m.DONE], [2.0]),
        # Text restarts it, and so does the end of another part; a repeated end does not.
        ([m.chat("", "stop"), m.chat("", "stop"), USAGE], [2.0]),
        ([m.chat("a", "stop"), m.chat("b", "stop")], [2.0, 2.0]),
        ([m.chat("", "stop"), m.chat("", "stop", choice=1)], [2.0, 2.0]),
        # If another part begins, there is no limit until it has ended.
        ([m.chat("", "stop"), m.chat("b", choice=1)], [2.0, None]),
        (
            [m.chat("", "stop"), m.chat("b", choice=1), m.chat("", "stop", choice=1)],
            [2.0, None, 2.0],
        ),
    ],
    ids=[
        *("text", "finish", "error", "done", "a repeated end", "more text", "another end"),
        *("another part", "and its end"),
    ],
)
def test_the_grace_begins_with_the_terminal_event(
    chunks: list[bytes], limits: list[float | None]
) -> None:
    """From then on the rest of the input has two seconds."""
    assert expiries(*chunks) == limits
    assert expiries(b"".join(chunks)) == limits


def test_what_comes_in_the_grace_counts() -> None:
    """A count of tokens, a `done`, or the `response.failed` after an error."""
    told = m.tr(m.chat("a", "stop") + USAGE, error=LATE)
    assert told.names == ["chat.completion.chunk"] * 2
    assert (told.outcome, told.notes) == ("completed", {"held_open": 1, "missing_done": 1})
    failed = m.response("failed", 2, error={"code": "server_error", "message": "second"})
    told = m.tr(m.error_event("first") + failed)
    assert told.names == ["error", "response.failed"]
    assert told.error == (APIError, "first")


def test_a_source_without_a_clock_is_read_to_its_end() -> None:
    """Nothing could limit a wait for it."""
    machine = m.machine()
    assert m.after(machine, m.chat("a", "stop")) is NEED_DATA
    assert m.after(machine, USAGE) is NEED_DATA
    assert m.end(machine) is ENDED


# The last block without its blank line.


@pytest.mark.parametrize(
    ("block", "name", "outcome"),
    [
        (b"data: [DONE]", "done", "completed"),
        (b"data: [DONE] \n", "done", "completed"),
        (m.chat("", "length").rstrip(), "chat.completion.chunk", "incomplete"),
        (m.chat("", "length").removesuffix(b"\n"), "chat.completion.chunk", "incomplete"),
    ],
    ids=["done", "a line of done", "an object", "a line of an object"],
)
def test_a_last_block_that_is_whole_is_taken(block: bytes, name: str, outcome: Outcome) -> None:
    """Its data are `[DONE]`, or a JSON object, which shows where it ends."""
    told = m.tr(m.chat("a") + block)
    assert (told.names[-1], told.outcome, told.error) == (name, outcome, None)
    assert told.notes["unterminated_event"] == 1


@pytest.mark.parametrize(
    "block",
    [b"data: 7", b"data: [1]", b'data: {"a": 1', b"data: [DONE", b"data:", b"data: null"],
    ids=["a number", "a list", "half an object", "half a done", "nothing", "null"],
)
def test_a_last_block_that_may_continue_is_not_taken(block: bytes) -> None:
    """A number, say, might have had more digits: the stream is truncated."""
    told = m.tr(m.chat("a", "stop") + block)
    assert told.names == ["chat.completion.chunk"]
    assert told.outcome == "truncated"
    assert "unterminated_event" not in told.notes


def test_a_last_block_is_not_taken_after_an_error() -> None:
    """Only an input that ended by itself has sent all of it."""
    told = m.tr(m.chat("a") + b"data: [DONE]", error=BROKEN)
    assert (told.names, told.outcome) == (["chat.completion.chunk"], "failed")


def test_a_block_without_data_is_not_an_event() -> None:
    """It is dropped without a note or an error."""
    told = m.tr(m.chat("a", "stop") + m.DONE + b"event: x\nid: 7")
    assert (told.outcome, told.notes) == ("completed", {})
    told = m.tr(m.run("completed") + b": bye")
    assert (told.outcome, told.error) == ("completed", None)


def test_a_last_block_may_not_fit_its_class() -> None:
    """It is judged like any other event: it is an error if the stream is strict."""
    told = m.tr(m.chat("a", "stop") + b'event: thread.run.completed\ndata: {"id": 7}', strict=True)
    assert (told.outcome, told.error is not None and told.error[0]) == ("failed", DecodeError)
