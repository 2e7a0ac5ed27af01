"""Events of Agents: what each says about the end of the stream, and what it contains."""

from __future__ import annotations

import json
from typing import Any

import pytest
from agent_events import (
    SESSION_ID,
    begun,
    call,
    ended,
    event,
    item,
    part,
    session,
    summary,
    told,
    turn,
    waiting,
)
from folding import read, wire

from openai_scan import APIError, RateLimitError, StreamerV2, TruncatedStreamError
from openai_scan.events import Event, UnknownEvent, decode
from openai_scan.events.agents import AgentEvent, FunctionCallAction, FunctionCallItem
from openai_scan.events.agents.snapshot import AgentsAnswer
from openai_scan.events.families import event_class
from openai_scan.sse import RawEvent
from openai_scan.stream.ends import Ends
from openai_scan.values import Piece


def decoded(payload: Any) -> Event:
    """Return the typed event of *payload*, which has its name in it."""
    return decode(RawEvent("message", json.dumps(payload)))


def stream(*payloads: Any, **options: Any) -> StreamerV2[AgentEvent, AgentsAnswer]:
    """Return a streamer that has read *payloads* to their end."""
    streamer: StreamerV2[Any, Any] = StreamerV2(wire(*payloads), **options)
    while streamer.next():
        pass
    return streamer


class TestEnds:
    """How a session's stream ends."""

    def test_turn_that_is_completed_ends_it(self) -> None:
        """The `idle` event of the session is the last one."""
        s = stream(*begun(), *told("m1", "Hi", " there"), *ended())
        assert (s.outcome, s.err()) == ("completed", None)
        assert s.final().text == "Hi there"
        assert s.notes == {}

    def test_turn_that_is_completed_needs_no_idle_session(self) -> None:
        """A server may close the connection right after the turn."""
        s = stream(*begun(), turn("completed"))
        assert (s.outcome, s.err()) == ("completed", None)

    def test_nothing_is_read_after_an_idle_session(self) -> None:
        """The server keeps the connection open for the next turn, which the stream ignores."""
        later = [turn("created", "turn_2"), session("in_progress")]
        s = stream(*begun(), *ended(), *later)
        assert s.outcome == "completed"
        assert s.events_read == len(begun()) + len(ended())

    def test_turn_that_begins_after_another_is_waited_for(self) -> None:
        """Until the session is idle, a new turn keeps the stream unfinished."""
        s = stream(*begun(), turn("completed"), turn("created", "turn_2"))
        assert s.outcome == "truncated"

    def test_session_whose_subagents_still_work_does_not_begin_again(self) -> None:
        """The stream ends with the agent's own turn, even while subagents still work."""
        aside = turn("created", "turn_2", "sub_1")
        later = [session("in_progress"), turn("completed", "turn_2", "sub_1"), session("idle")]
        s = stream(*begun(), aside, *told("m1", "Hi"), turn("completed"), *later)
        assert (s.outcome, s.err()) == ("completed", None)
        assert s.events_read == len(begun()) + len(list(told("m1", "Hi"))) + 5

    def test_session_that_continues_after_waiting_begins_again(self) -> None:
        """If the session continues, its turn has not ended."""
        ends = Ends()
        for payload in (*begun(), session("requires_action"), session("in_progress")):
            ends.take(decoded(payload))
        assert not ends.whole

    def test_idle_session_before_any_turn_does_not_end_it(self) -> None:
        """Such an event describes the session at the time when the client connected."""
        s = stream(session("idle"), *begun(), *told("m1", "Hi"), *ended())
        assert s.outcome == "completed"
        assert s.final().text == "Hi"

    def test_idle_session_whose_turn_was_not_seen_to_end_is_truncated(self) -> None:
        """The turn's end was not sent, so the answer does not count as whole."""
        s = stream(*begun(), session("idle"), session("in_progress"))
        assert s.outcome == "truncated"
        assert s.events_read == len(begun()) + 1
        assert "did not show how it ended" in str(s.err())

    def test_input_that_ends_before_the_turn_is_truncated(self) -> None:
        """The error has a snapshot with the text so far."""
        s = stream(*begun(), part("output_text.delta", "m1", delta="Hi"))
        error = s.err()
        assert isinstance(error, TruncatedStreamError)
        assert error.snapshot is not None
        assert error.snapshot.text == "Hi"

    def test_turn_that_fails_is_an_error(self) -> None:
        """The error has the turn's own message and code."""
        error = {"code": "rate_limit_exceeded", "message": "slow down"}
        s = stream(*begun(), turn("failed", error=error), session("idle"))
        assert s.outcome == "failed"
        failure = s.err()
        assert isinstance(failure, RateLimitError)
        assert (failure.message, failure.code) == ("slow down", "rate_limit_exceeded")

    def test_turn_that_fails_without_a_word_is_an_error(self) -> None:
        """The error gets the code `turn_failed` from this library."""
        error = stream(*begun(), turn("failed")).err()
        assert isinstance(error, APIError)
        assert error.code == "turn_failed"
        assert "did not say why" in str(error)

    def test_turn_that_is_cancelled_ends_without_an_error(self) -> None:
        """A cancellation is not a failure."""
        s = stream(*begun(), turn("cancelled"), session("idle"))
        assert (s.outcome, s.err()) == ("cancelled", None)

    def test_session_that_fails_is_an_error(self) -> None:
        """This is so even in the middle of a turn."""
        s = stream(*begun(), session("failed", error="no machine"), session("in_progress"))
        error = s.err()
        assert s.outcome == "failed"
        assert s.events_read == len(begun()) + 1
        assert isinstance(error, APIError)
        assert (error.message, error.code) == ("no machine", "session_failed")

    def test_session_that_fails_without_a_word_is_an_error(self) -> None:
        """Here the session fails before any turn."""
        error = stream(session("created", status="failed")).err()
        assert isinstance(error, APIError)
        assert "the session failed" in str(error)

    def test_session_that_waits_ends_it(self) -> None:
        """The server sends nothing more until it gets what the session waits for."""
        s = stream(*begun(), waiting(call("c1")), session("in_progress"))
        assert (s.outcome, s.err()) == ("requires_action", None)
        assert s.events_read == len(begun()) + 1

    @pytest.mark.parametrize("name", ["completed", "failed", "cancelled"])
    def test_turns_of_subagents_decide_nothing(self, name: str) -> None:
        """The agent itself continues."""
        aside = [turn("created", "turn_2", "sub_1"), turn(name, "turn_2", "sub_1")]
        s = stream(*begun(), *aside, *told("m1", "Hi"), *ended())
        assert (s.outcome, s.err()) == ("completed", None)
        assert s.final().text == "Hi"

    def test_session_that_is_joined_in_the_middle_ends_likewise(self) -> None:
        """The stream completes although the event that began the turn is missing."""
        s = stream(session("in_progress"), part("output_text.delta", "m1", delta="re"), *ended())
        assert s.outcome == "completed"
        assert s.final().text == "re"

    def test_what_the_event_is_called_counts(self) -> None:
        """The status follows the event's name, as the object in it may be out of date."""
        s = stream(*begun(), turn("completed", status="in_progress"), session("idle", status="x"))
        answer = s.final()
        assert answer.turn is not None
        assert answer.session is not None
        assert (answer.turn.status, answer.session.status) == ("completed", "idle")


class TestErrors:
    """The `error` event of a session, which may announce that a turn or the session fails."""

    ERROR = {
        "type": "error",
        "event_id": "event_e",
        "session_id": SESSION_ID,
        "error": {"type": "server_error", "code": "sandbox_error", "message": "it broke"},
    }

    def test_it_is_an_error_if_no_end_follows(self) -> None:
        """The stream fails with this error rather than as truncated."""
        s = stream(*begun(), self.ERROR)
        error = s.err()
        assert s.outcome == "failed"
        assert isinstance(error, APIError)
        assert (error.message, error.code) == ("it broke", "sandbox_error")

    def test_the_turn_says_how_it_ended(self) -> None:
        """Here a subagent failed, and the agent continued and completed its turn."""
        failed = turn("failed", "turn_2", "sub_1")
        s = stream(*begun(), self.ERROR, failed, *told("m1", "Hi"), *ended())
        assert (s.outcome, s.err()) == ("completed", None)

    def test_the_turn_says_why_it_failed(self) -> None:
        """The error of the turn is more precise, so it takes precedence."""
        error = {"code": "usage_limit_exceeded", "message": "enough"}
        s = stream(*begun(), self.ERROR, turn("failed", error=error))
        assert isinstance(s.err(), APIError)
        assert getattr(s.err(), "code", None) == "usage_limit_exceeded"

    def test_turn_that_does_not_say_why_it_failed(self) -> None:
        """The latest `error` event before it gives the reason."""
        earlier = {**self.ERROR, "event_id": "event_d", "error": {"message": "of a subagent"}}
        s = stream(*begun(), earlier, self.ERROR, turn("failed"), session("idle"))
        error = s.err()
        assert isinstance(error, APIError)
        assert (error.message, error.code) == ("it broke", "sandbox_error")

    def test_error_without_words_explains_nothing(self) -> None:
        """An `error` event without a message is ignored, and the turn's own end counts."""
        error = {**self.ERROR, "error": {"message": ""}}
        assert getattr(stream(*begun(), error, turn("failed")).err(), "code", None) == "turn_failed"

    def test_session_that_is_idle_does_not_hide_it(self) -> None:
        """The turn's end was not sent, so the error decides."""
        s = stream(*begun(), self.ERROR, session("idle"))
        assert s.outcome == "failed"
        assert getattr(s.err(), "code", None) == "sandbox_error"

    def test_error_without_a_session_ends_any_stream(self) -> None:
        """It ends the stream as in all other APIs."""
        error = {"type": "error", "error": {"message": "no"}}
        s = stream(*begun(), error, *ended())
        assert s.outcome == "failed"

    @pytest.mark.parametrize("id", [None, 7, "", "x" * 1000])
    def test_what_cannot_be_an_id_is_none(self, id: Any) -> None:
        """A server can send anything; only a sensible id is kept."""
        found: Any = decoded({**self.ERROR, "session_id": id})
        assert found.error.session_id is None
        assert found.error.event_id == "event_e"


class TestRepeatedEvents:
    """A server may send an event twice; its id shows it."""

    def test_event_that_came_is_left_out(self) -> None:
        """The text of a repeated event is not added again."""
        delta = part("output_text.delta", "m1", delta="ha")
        error = {**TestErrors.ERROR}
        s = stream(*begun(), delta, delta, error, error, *ended())
        assert s.snapshot() is not None
        assert s.final().text == "ha"
        assert s.notes["repeated_event"] == 2

    def test_events_without_an_id_are_all_read(self) -> None:
        """Nothing shows whether they are repeated."""
        delta = {**part("output_text.delta", "m1", delta="ha"), "event_id": ""}
        assert stream(*begun(), delta, delta, *ended()).final().text == "haha"


class TestQuestions:
    """What an event by itself answers to each question."""

    def test_calls(self) -> None:
        """Calls are in an added call item, and in a session that waits for outputs."""
        found = decoded(item("added", call("c1"))).unwrap_tool_calls()
        assert found is not None
        assert isinstance(found[0], FunctionCallItem)
        approval = {"type": "environment_connection", "environment_id": "e"}
        wait = session(
            "requires_action",
            required_actions=[approval, {"type": "function_call", "call_id": "c1"}],
        )
        asked = decoded(wait).unwrap_tool_calls()
        assert asked == (FunctionCallAction(call_id="c1"),)
        assert decoded(wait).unwrap_tool_calls(1) is None
        nothing = [
            item("added", call("c1") | {"type": "reasoning"}),
            session("requires_action"),
            session("idle"),
            part("output_text.delta", "m", delta="x"),
        ]
        assert [decoded(one).unwrap_tool_calls() for one in nothing] == [None] * 4

    def test_text_and_reasoning(self) -> None:
        """Deltas have text or reasoning, always of choice 0."""
        text = decoded(part("output_text.delta", "m", delta="x"))
        thought = decoded(summary("reasoning_summary_text.delta", "r", delta="y"))
        assert (text.unwrap_text(), text.unwrap_text(1)) == ("x", None)
        assert (thought.unwrap_reasoning_text(), thought.unwrap_reasoning_text(1)) == ("y", None)
        assert (*text.pieces(), *thought.pieces()) == (
            Piece("text", 0, "x"),
            Piece("reasoning", 0, "y"),
        )
        empty = (
            part("output_text.delta", "m", delta=""),
            summary("reasoning_summary_text.delta", "r", delta=""),
        )
        assert [decoded(one).pieces() for one in empty] == [(), ()]
        assert text.unwrap_annotations() is None

    def test_usage_and_finish_reason(self) -> None:
        """The usage is in the turn or beside it; the finish reason is how the turn ended."""
        usage = {"total_tokens": 3}
        inside = decoded(turn("completed", usage=usage))
        beside = decoded({**turn("completed"), "usage": usage})
        assert inside.unwrap_usage() == beside.unwrap_usage()
        assert inside.unwrap_finish_reason() == "completed"
        assert inside.unwrap_finish_reason(1) is None
        assert decoded(turn("in_progress")).unwrap_finish_reason() is None
        failed = turn("failed", error={"code": "server_error", "message": "x"})
        assert decoded(failed).unwrap_finish_reason() == "server_error"
        assert decoded(turn("failed")).unwrap_finish_reason() == "failed"
        assert decoded(turn("failed", subagent="s")).unwrap_finish_reason() is None
        assert decoded(session("requires_action")).unwrap_finish_reason() == "requires_action"
        assert decoded(session("idle")).unwrap_finish_reason() is None

    def test_whose_turn(self) -> None:
        """A turn says whether it is a subagent's."""
        mine: Any = decoded(turn("created"))
        theirs: Any = decoded(turn("created", subagent="sub_1"))
        assert (mine.is_aside, theirs.is_aside) == (False, True)

    def test_statuses(self) -> None:
        """The name of an event is the status; `created` events have it in their object."""
        created: Any = decoded(session("created", status="idle"))
        assert (created.status(), created.stream_parts()) == ("idle", ())
        queued: Any = decoded(turn("created", status=""))
        assert queued.status() == "created"
        waits: Any = decoded(turn("created", status="waiting"))
        assert waits.status() == "waiting"

    def test_ids(self) -> None:
        """The answer has the id of the session, and each event has its own."""
        found = decoded(turn("created"))
        assert (found.stream_answer_id(), found.stream_event_id()) == (
            SESSION_ID,
            found.event_id,  # type: ignore[attr-defined] # its class
        )
        assert decoded(event("idle", session={})).stream_answer_id() is None
        assert (
            decoded(
                {**part("output_text.delta", "m", delta="x"), "event_id": None}
            ).stream_event_id()
            is None
        )


class TestUnreadable:
    """Events of the family that do not fit their class."""

    @pytest.mark.parametrize(
        ("name", "is_hole"),
        [
            ("agent.session.turn.item.done", True),
            ("agent.session.turn.output_text.delta", True),
            ("agent.session.idle", True),
            ("agent.session.in_progress", False),
            ("agent.session.environment.ready", False),
            ("agent.session.environment.failed", False),
            ("agent.session.subagent.closed", False),
        ],
    )
    def test_what_reports_on_the_surroundings_is_not_a_hole(self, name: str, is_hole: bool) -> None:
        """An unreadable event is a hole only if it may have had a part of the answer."""
        found = decode(RawEvent(name, '{"item": 1, "session": 2, "environment": 3, "subagent": 4}'))
        assert isinstance(found, UnknownEvent)
        assert found.is_hole is is_hole

    def test_unknown_event_of_the_family_is_counted(self) -> None:
        """An event that the API may add later is noted, and does no harm."""
        s = stream(*begun(), event("budget_reached"), *ended())
        assert s.outcome == "completed"
        assert s.notes["unknown_event: agent.session.budget_reached"] == 1

    def test_item_that_does_not_fit_is_a_hole(self) -> None:
        """The stream fails, since the call in it cannot be answered."""
        s = read(*begun(), item("done", call("c1") | {"name": 7}), *ended())
        assert s.outcome == "failed"


def test_class_of_an_event_is_found_by_its_name() -> None:
    """`event_class()` finds it, as for all other families."""
    found = event_class("AgentSessionIdle")
    assert found is not None
    assert found.wire_name == "agent.session.idle"
