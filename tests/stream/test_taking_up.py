"""Continue elsewhere: what a bookmark says, and what the machine makes of events seen before."""

from __future__ import annotations

from typing import Any

import agent_events as a
import machines as m
import pytest

from openai_scan import DecodeError, TransportError
from openai_scan.sse import EventTokenizer, RawEvent
from openai_scan.stream.step import ENDED, NEED_DATA
from openai_scan.stream.taking_up import read_bookmark, read_session_bookmark

GOOD = {"format": 1, "answer_id": "r1", "position": 3}

_KEYS = (
    "this is not a bookmark: it must have the keys format, answer_id and position, as"
    " bookmark() returns them"
)
_NONE = "there is no bookmark: bookmark() returns None if the answer is whole or cannot be resumed"
_OF_SESSION = (
    "the position of the bookmark is the id of an event, as in an agent's session: pass the"
    " bookmark to resume_agent_session_stream()"
)
_NUMBER = "the position of the bookmark must be the number of an event, a whole number"

REFUSED: list[tuple[Any, str]] = [
    (
        None,
        "there is no bookmark: bookmark() returns None if the answer is whole or cannot be resumed",
    ),
    ([], "a bookmark must be a dict, not list"),
    ("r1", "a bookmark must be a dict, not str"),
    (
        GOOD | {"format": 2},
        "the bookmark has format 2, from a newer version: upgrade openai_scan",
    ),
    ({}, _KEYS),
    (GOOD | {"more": 1}, _KEYS),
    (GOOD | {"format": 0}, _KEYS),
    (GOOD | {"format": 1.0}, _KEYS),
    (GOOD | {"answer_id": ""}, "the answer_id of the bookmark must be a non-empty string"),
    (GOOD | {"answer_id": 5}, "the answer_id of the bookmark must be a non-empty string"),
]


@pytest.mark.parametrize(
    ("bookmark", "message"),
    [
        *REFUSED,
        (GOOD | {"position": "e1"}, _OF_SESSION),
        (GOOD | {"position": None}, _NUMBER),
        (GOOD | {"position": True}, _NUMBER),
        (GOOD | {"position": 3.0}, _NUMBER),
        (GOOD | {"position": 10**20}, _NUMBER),
        (GOOD | {"position": -(10**20)}, _NUMBER),
    ],
    ids=repr,
)
def test_a_bookmark_of_a_response_is_checked(bookmark: Any, message: str) -> None:
    """The message says what a bookmark has, or what to do with this one."""
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - all of the message is compared
        read_bookmark(bookmark)
    assert str(refused.value) == message


_ID = "the position of the bookmark must be the id of an event"


@pytest.mark.parametrize(
    ("bookmark", "message"), [*REFUSED, (GOOD, _ID), (GOOD | {"position": ""}, _ID)], ids=repr
)
def test_a_bookmark_of_a_session_is_checked(bookmark: Any, message: str) -> None:
    """Its position is the id of an event."""
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - all of the message is compared
        read_session_bookmark(bookmark)
    assert str(refused.value) == message


def test_a_bookmark_is_read() -> None:
    """Numbers may be of any size that a server counts to, and begin anywhere."""
    for position in (0, 3, -1, 2**53):
        assert read_bookmark(GOOD | {"position": position}) == ("r1", position)
    assert read_session_bookmark(GOOD | {"position": "e1"}) == ("r1", "e1")


CREATED = m.response("in_progress", 0)


def seen(*events: bytes) -> list[RawEvent]:
    """Return the raw events of *events*."""
    return list(EventTokenizer().feed(b"".join(events)))


def test_what_continues_is_not_asked_for_anew() -> None:
    """A retry would send what was delivered elsewhere. The rest is asked for, if there is one."""
    source = m.RenewableSource(retries=[m.Source()])
    machine = m.machine(source)
    machine.take_up("resp_1", 1, seen(CREATED, m.text_delta("a", 1)))
    assert m.end(machine, TransportError("reset")) is ENDED
    assert [told[1] for told in source.told] == ["resume"]


def test_nor_is_what_happens_in_a_session() -> None:
    """Even if none of its events has been seen here."""
    source = m.RenewableSource(retries=[m.Source()])
    machine = m.machine(source)
    machine.take_up_session(a.SESSION_ID, "event_1", [])
    assert m.end(machine, TransportError("reset")) is ENDED
    assert source.told == []


@pytest.mark.parametrize("session", [False, True], ids=["response", "session"])
def test_seen_events_that_cannot_be_read(*, session: bool) -> None:
    """They are noted as they come or, if the stream is strict, end it."""
    for strict in (False, True):
        machine = m.machine(strict=strict)
        events = seen(CREATED, m.event({"type": "response.output_text.delta", "delta": 5}))
        if session:
            machine.take_up_session("resp_1", "event_1", events)
        else:
            machine.take_up("resp_1", 0, events)
        m.step(machine)
        assert machine.notes["malformed_event"] == (not strict)
        assert isinstance(machine.current.err, DecodeError) or not strict


def test_what_was_repaired_in_seen_events_is_noted() -> None:
    """As when they came."""
    item = {"type": "message", "id": "i", "content": [{"type": "output_text", "text": "ab"}]}
    added = {"type": "response.output_item.added", "output_index": 0, "item": item}
    machine = m.machine()
    again = {"type": "response.output_text.delta", "output_index": 0, "item_id": "i"}
    events = seen(
        CREATED,
        m.event(added | {"sequence_number": 1}),
        m.event(again | {"delta": "ab", "sequence_number": 2}),
    )
    machine.take_up("resp_1", 2, events)
    assert machine.notes["text_repeated"] == 1


def test_events_that_come_again_are_silence() -> None:
    """A server that only repeats itself is silent; a new event ends the silence."""
    machine = m.machine()
    machine.take_up("resp_1", 1, seen(CREATED, m.text_delta("a", 1)))
    assert m.after(machine, m.response("in_progress", 0), m.text_delta("a", 1)) is NEED_DATA
    assert machine.current.heard == 0
    assert m.after(machine, m.text_delta("b", 2)) is NEED_DATA
    assert machine.current.heard == 1


def test_an_observer_is_told_of_an_answer_that_is_another() -> None:
    """It ends with an error, and belongs to the stream that was to continue."""
    machine = m.machine(None, diary := m.Diary())
    machine.take_up("resp_1", 1, seen(CREATED, m.text_delta("a", 1)))
    assert m.after(machine, m.response("in_progress", 2, id="resp_2")) is ENDED
    assert diary.lines == ["began", "failed: EventStreamError"]


def test_a_session_continues_after_the_bookmark() -> None:
    """Later events in seen are ignored. An event of another session ends it with an error."""
    turn, later = a.turn("created"), a.turn("in_progress")
    machine = m.machine()
    machine.take_up_session(a.SESSION_ID, turn["event_id"], seen(m.event(turn), m.event(later)))
    machine.receive(m.event(turn) + m.event(later))
    assert m.names(machine) == [later["type"]]
    assert machine.notes["repeated_event"] == 1
    assert machine.bookmark == {
        "format": 1,
        "answer_id": a.SESSION_ID,
        "position": later["event_id"],
    }
    assert m.after(machine, m.event(later | {"session_id": "sess_2", "event_id": "e"})) is ENDED
    assert str(machine.err) == "the resumed stream contains events of another answer"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"session_id": "sess_2"},
            "the events in seen and the bookmark belong to different sessions",
        ),
        ({"event_id": "e1"}, "events are missing in seen: the last one is not e2"),
    ],
    ids=["another session", "missing"],
)
def test_seen_events_that_lead_elsewhere_end_a_session(
    change: dict[str, str], message: str
) -> None:
    """Without a step to any event."""
    turn = a.turn("created")
    if "session_id" in change:
        turn["turn"]["session_id"] = change["session_id"]
    machine = m.machine()
    machine.take_up_session(a.SESSION_ID, "e2", seen(m.event(turn | change)))
    assert m.step(machine) is ENDED
    assert str(machine.err) == message
