"""The answer of an agent, put together from the events of its session."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from agent_events import (
    ROOT_TURN,
    SESSION_ID,
    USAGE,
    begun,
    call,
    ended,
    event,
    item,
    message,
    part,
    session,
    subagent,
    summary,
    told,
    turn,
    waiting,
)
from folding import calls, pieces, read, wire

from openai_scan import StreamerV2
from openai_scan.events.agents import (
    CommandExecutionItem,
    EnvironmentState,
    FunctionCallItem,
    InputText,
    OutputText,
    ReasoningItem,
    SessionMessage,
)
from openai_scan.events.agents.snapshot import AgentsAnswer
from openai_scan.values import Counts, Piece


def answer(*payloads: Any) -> AgentsAnswer:
    """Return the answer after *payloads*."""
    found = read(*payloads).snapshot()
    assert isinstance(found, AgentsAnswer)
    return found


def text_deltas(*payloads: Any) -> list[str]:
    """Return the text deltas of a stream of *payloads*."""
    return [*StreamerV2(wire(*payloads), require_terminal=False).text_deltas()]


class TestText:
    """The messages of the agent."""

    def test_deltas_make_the_text(self) -> None:
        """Each delta is handed out once, although three later events repeat the whole text."""
        events = [*begun(), *told("m1", "Hel", "lo"), *ended()]
        assert answer(*events).text == "Hello"
        assert text_deltas(*events) == ["Hel", "lo"]
        assert read(*events).notes == {}

    def test_text_without_deltas_is_handed_out_by_the_event_that_ends_it(self) -> None:
        """If there are no deltas, the first event with the whole text hands it out."""
        texts = [
            part("output_text.done", "m1", text="Hi"),
            part("content_part.done", "m1", part={"type": "output_text", "text": "Hi"}),
            item("done", message("m1", "Hi")),
            part("content_part.added", "m1", part={"type": "output_text", "text": "Hi"}),
            item("added", message("m1", "Hi")),
        ]
        for number in range(len(texts)):
            events = [*begun(), *texts[number:], *ended()]
            assert text_deltas(*events) == ["Hi"]
            assert answer(*events).text == "Hi"

    def test_parts_and_messages_stand_in_a_row(self) -> None:
        """They are in the order of their indexes; two parts of a message stay separate."""
        events = [
            part("output_text.delta", "m1", delta="b", content_index=1),
            part("output_text.delta", "m1", delta="a"),
            part("output_text.delta", "m2", delta="c", output_index=1),
        ]
        found = answer(*begun(), *events)
        assert found.text == "abc"
        first, _ = found.items
        assert isinstance(first, SessionMessage)
        assert first.content == (OutputText(text="a"), OutputText(text="b"))
        assert first.status == "in_progress"

    def test_delta_after_the_end_is_noted(self) -> None:
        """It adds nothing to the text."""
        late = part("output_text.delta", "m1", delta="?")
        stream = read(*begun(), *told("m1", "Hi"), late, *ended())
        assert stream.final().text == "Hi"
        assert stream.notes["delta_after_end"] == 1

    def test_announcement_after_the_end_changes_nothing(self) -> None:
        """A server may repeat events under other ids."""
        again = [item("added", message("m1", "Ho")), *begun()]
        assert answer(*begun(), *told("m1", "Hi"), *again).text == "Hi"

    def test_end_that_differs_counts(self) -> None:
        """If deltas were lost, the whole text at the end replaces what they built."""
        events = [
            part("output_text.delta", "m1", delta="He"),
            item("done", message("m1", "Hello", phase=None)),
        ]
        assert answer(*begun(), *events).text == "Hello"
        lost = [part("output_text.delta", "m1", delta="lo"), item("done", message("m1", "Hello"))]
        stream = read(*begun(), *lost, *ended())
        assert stream.final().text == "Hello"
        assert stream.notes["text_differs"] == 1

    def test_what_the_user_wrote_is_not_part_of_the_text(self) -> None:
        """The user's message is one of the items."""
        content = [
            {"type": "input_text", "text": "What?"},
            {"type": "input_image", "image_url": "data:"},
        ]
        asked = {"type": "message", "role": "user", "content": content, "turn_id": ROOT_TURN}
        events = [*begun(), item("added", asked, index=None), *told("m1", "That"), *ended()]
        found = answer(*events)
        assert found.text == "That"
        assert text_deltas(*events) == ["That"]
        said = found.items[0]
        assert isinstance(said, SessionMessage)
        assert said.content[0] == InputText(text="What?")

    def test_content_that_is_not_text_stays_as_it_is(self) -> None:
        """The text parts beside it are built as usual."""
        content = [{"type": "hologram"}, {"type": "output_text", "text": ""}]
        begins = item("added", message("m1") | {"content": content})
        said = part("output_text.delta", "m1", delta="x", content_index=1)
        [found] = answer(*begun(), begins, said).items
        assert isinstance(found, SessionMessage)
        assert found.content[1] == OutputText(text="x")
        assert not isinstance(found.content[0], OutputText)

    def test_final_answer_is_distinguished_from_commentary(self) -> None:
        """The phases decide; if no message is the final answer, those without a phase are."""
        draft = [*told("m1", "Let me see. ", phase="commentary")]
        final = [*told("m2", "42", phase="final_answer")]
        bare = [*told("m3", "?")]
        found = answer(*begun(), *draft, *final, *bare, *ended())
        assert (found.text, found.final_text) == ("Let me see. 42?", "42")
        assert answer(*begun(), *draft, *bare).final_text == "?"

    def test_items_without_ids_are_recognized_by_their_places(self) -> None:
        """Events with the same `output_index` as an item without an id belong to that item."""
        events = [
            item("added", message("") | {"id": None}, index=3),
            part("output_text.delta", "", delta="x", output_index=3),
            part("output_text.delta", "m4", delta="y", output_index=3),
            part("output_text.delta", "m5", delta="z", output_index=3),
        ]
        found = answer(*begun(), *events)
        assert (len(found.items), found.text) == (2, "xyz")

    def test_text_without_any_place_is_the_last_part(self) -> None:
        """Text without an item id or index starts a message of its own."""
        bare = {"item_id": None, "output_index": None, "content_index": None}
        event = part("output_text.delta", "", None, delta="x") | bare
        assert answer(event).text == "x"


def foreign(*payloads: Any) -> list[Any]:
    """Return *payloads* as the events of another session."""
    text = json.dumps(payloads).replace(SESSION_ID, "sess_2")
    return [{**one, "event_id": f"other_{number}"} for number, one in enumerate(json.loads(text))]


class TestAnotherSession:
    """A server or a proxy mixes the events of two sessions in one stream."""

    OTHERS = (
        *begun(),
        *told("m2", "Secret"),
        {"type": "error", "session_id": SESSION_ID, "error": {"message": "No"}},
        event("turn.output_text.delta", session_id=SESSION_ID, delta=7),  # cannot be read
        event("turn.dreaming", session_id=SESSION_ID),  # has no class
        session("requires_action", required_actions=[]),
        session("failed"),
        *ended(),
    )

    def test_events_are_left_out(self) -> None:
        """No event of the other session is handed out, adds to the answer or ends the stream."""
        own = [*begun(), *told("m1", "Hel", "lo"), *ended()]
        for place in range(1, len(own)):
            stream = StreamerV2(wire(*own[:place], *foreign(*self.OTHERS), *own[place:]))
            assert [found.type for found in stream] == [one["type"] for one in own]
            assert (stream.outcome, stream.final().text) == ("completed", "Hello")
            assert stream.notes == {"other_session": len(self.OTHERS)}

    def test_strict_stream_leaves_them_out_as_well(self) -> None:
        """A strict stream ignores them, even the unreadable ones."""
        own = [*begun(), *told("m1", "Hi"), *ended()]
        stream = StreamerV2(wire(*own[:5], *foreign(*self.OTHERS), *own[5:]), strict=True)
        assert stream.final().text == "Hi"

    def test_many_deltas(self) -> None:
        """The fast path for repeated deltas does not mix sessions either."""
        deltas = [part("output_text.delta", "m1", delta=f"{number} ") for number in range(60)]
        mixed = [*deltas[:30]]
        for number, one in enumerate(deltas[30:]):
            mixed += [one, *foreign({**one, "delta": f"other {number}"})]
        # `foreign()` counts again each time, and events of one session are recognized by their ids.
        stream = read(*begun(), *mixed, *ended())
        assert stream.final().text == "".join(f"{number} " for number in range(60))
        assert stream.notes == {"other_session": 30}

    def test_session_is_the_first_that_is_named(self) -> None:
        """The first session named is the stream's; events that name none belong to it."""
        unnamed = {**part("output_text.delta", "m1", delta="Hi"), "session_id": None}
        stream = read(unnamed, *begun(), unnamed | {"event_id": "x"}, *foreign(*ended()), *ended())
        assert (stream.final().text, stream.notes["other_session"]) == ("HiHi", 2)

    def test_next_stream_of_a_chain_may_be_of_another(self) -> None:
        """You may chain a stream of another session."""
        streams = [[*begun(), *told("m1", text), *ended()] for text in ("One", "Two")]
        first, second = StreamerV2(wire(*streams[0])), StreamerV2(wire(*foreign(*streams[1])))
        first.chain(second)
        assert first.final().text == "Two"
        assert first.notes == {}


class TestManyDeltas:
    """Most deltas take a fast path, which does not change the result."""

    def test_text_is_the_same(self) -> None:
        """The text of two messages is exact, also with deltas of subagents between them."""
        events = [*begun(), turn("created", "turn_2", "sub_1")]
        for number in range(40):
            text = f"{number} "
            events.append(part("output_text.delta", "m1", delta=text))
            if number > 20:
                events.append(part("output_text.delta", "m2", "turn_2", delta="aside"))
        events += [part("output_text.delta", "m2", "turn_2", delta="aside") for _ in range(9)]
        more = [part("output_text.delta", "m3", delta="x", output_index=1) for _ in range(20)]
        stream = read(*events, *more, *ended())
        expected = "".join(f"{number} " for number in range(40)) + "x" * 20
        assert stream.final().text == expected
        assert "".join(text_deltas(*events, *more, *ended())) == expected

    def test_repeated_events_are_left_out(self) -> None:
        """Repeated events do not slip in through the fast path."""
        deltas = [part("output_text.delta", "m1", delta=f"{number} ") for number in range(30)]
        stream = read(*begun(), *deltas, *deltas[10:], part("output_text.delta", "m1", delta="end"))
        assert stream.snapshot() is not None
        expected = "".join(f"{number} " for number in range(30)) + "end"
        assert getattr(stream.snapshot(), "text", None) == expected
        assert stream.notes["repeated_event"] == 20

    def test_deltas_after_the_end_are_noted_one_by_one(self) -> None:
        """They add nothing."""
        late = [part("output_text.delta", "m1", delta="?") for _ in range(10)]
        stream = read(*begun(), *told("m1", *"abcdefgh"), *late, *ended())
        assert stream.final().text == "abcdefgh"
        assert stream.notes["delta_after_end"] == 10


class TestReasoning:
    """The summary of what the agent thinks."""

    def test_deltas_make_the_summary(self) -> None:
        """The summary is not part of the text."""
        begins = {"type": "reasoning", "id": "r1", "turn_id": ROOT_TURN, "summary": []}
        whole = {"type": "summary_text", "text": "Hmm."}
        events = [
            item("added", begins),
            summary("reasoning_summary_part.added", "r1", part={**whole, "text": ""}),
            summary("reasoning_summary_text.delta", "r1", delta="Hm"),
            summary("reasoning_summary_text.delta", "r1", delta="m."),
            summary("reasoning_summary_text.done", "r1", text="Hmm."),
            summary("reasoning_summary_part.done", "r1", part=whole),
            item("done", {**begins, "summary": [whole], "status": "completed"}),
        ]
        found = answer(*begun(), *events)
        assert found.text == ""
        [reasoning] = found.items
        assert isinstance(reasoning, ReasoningItem)
        assert ([one.text for one in reasoning.summary], reasoning.status) == (
            ["Hmm."],
            "completed",
        )
        assert pieces(*begun(), *events) == [
            Piece("reasoning", 0, "Hm"),
            Piece("reasoning", 0, "m."),
        ]

    def test_summary_that_only_its_end_brings(self) -> None:
        """Without deltas, the first event with the summary's text hands it out."""
        ends = summary("reasoning_summary_text.done", "r1", text="a")
        part_ends = summary(
            "reasoning_summary_part.done", "r2", part={"type": "summary_text", "text": "b"}
        )
        begins = summary(
            "reasoning_summary_part.added", "r3", part={"type": "summary_text", "text": "c"}
        )
        empty = summary("reasoning_summary_text.delta", "r3", delta="")
        found = pieces(*begun(), ends, part_ends, begins, empty)
        assert found == [Piece("reasoning", 0, text) for text in "abc"]


class TestCommands:
    """The commands that an agent runs."""

    def test_output_is_collected(self) -> None:
        """The output is built from deltas, and the finished item replaces it."""
        command = {"type": "command_execution", "id": "x1", "command": "ls", "turn_id": ROOT_TURN}
        begins = item("added", {**command, "status": "in_progress"})
        prints = [
            {
                "type": "agent.output.command_execution_output.delta",
                "item_id": "x1",
                "delta": text,
                "output_index": 0,
                "event_id": text,
            }
            for text in ("a\n", "b\n")
        ]
        [found] = answer(*begun(), begins, *prints).items
        assert isinstance(found, CommandExecutionItem)
        assert (found.command, found.output) == ("ls", "a\nb\n")
        done = item("done", {**command, "status": "completed", "output": "a\nb\n", "exit_code": 0})
        [found] = answer(*begun(), begins, *prints, done).items
        assert isinstance(found, CommandExecutionItem)
        assert (found.output, found.exit_code) == ("a\nb\n", 0)
        assert pieces(*begun(), begins, *prints, done) == []

    def test_command_that_prints_nothing(self) -> None:
        """Its output is None rather than empty."""
        [found] = answer(item("added", {"type": "command_execution", "command": "true"})).items
        assert isinstance(found, CommandExecutionItem)
        assert found.output is None


class TestCalls:
    """The calls of your functions."""

    def test_call_is_complete_once_the_session_waits_for_it(self) -> None:
        """Before that, you may not send an output."""
        made = call("c1", {"place": "Rome"})
        events = [*begun(), item("added", made)]
        assert calls(answer(*events)) == [("c1", "look", '{"place": "Rome"}', False)]
        events.append(waiting(made))
        assert calls(answer(*events)) == [("c1", "look", '{"place": "Rome"}', True)]
        assert answer(*events).turn_of_call("c1") == ROOT_TURN
        assert answer(*events).turn_of_call("c2") == ""
        assert answer(*events).finish_reason == "requires_action"
        events = [*events[:-1], item("done", made)]
        assert pieces(*events, waiting(made)) == [
            Piece("call", 0, '{"place": "Rome"}', "c1", "look")
        ]

    def test_call_that_was_answered_is_over(self) -> None:
        """Its output is one of the items, its item is completed, or its turn has ended."""
        made = item("added", call("c1"))
        output = {"type": "function_call_output", "call_id": "c1", "output": "sun"}
        done = item("done", call("c1", status="completed"))
        for end in (item("added", output, index=None), done, turn("completed")):
            streamer = StreamerV2(wire(*begun(), made, waiting(call("c1"))))
            streamer.chain(wire(session("in_progress"), end))
            assert all(streamer.next() for _ in range(8))
            snapshot = streamer.snapshot()
            assert snapshot is not None
            assert snapshot.calls == ()

    def test_call_that_only_the_session_shows(self) -> None:
        """A call in the session's required actions is an item even if no event announced it."""
        other = {"type": "environment_connection", "environment_id": "env_1"}
        wait = waiting(call("c1"), call("c2"))
        wait["session"]["required_actions"].append(other)
        found = answer(*begun(), item("added", call("c2")), wait)
        assert [one.id for one in found.calls] == ["c1", "c2"]
        assert len(found.required_actions) == 3
        assert [one.call_id for one in found.items if isinstance(one, FunctionCallItem)] == [
            "c2",
            "c1",
        ]

    def test_calls_after_a_hole_are_never_complete(self) -> None:
        """The unreadable event may have had a part of them."""
        broken = ("agent.session.turn.item.done", "{")
        stream = read(*begun(), broken, waiting(call("c1")))
        snapshot = stream.snapshot()
        assert snapshot is not None
        assert [one.complete for one in snapshot.calls] == [False]

    def test_calls_of_subagents_are_yours(self) -> None:
        """You have to answer them, although a subagent's text is not part of the answer."""
        made = call("c1", turn_id="turn_2")
        events = [*begun(), turn("created", "turn_2", "sub_1"), item("added", made, "turn_2")]
        assert pieces(*events) == [Piece("call", 0, "{}", "c1", "look")]
        assert answer(*events, waiting(made)).turn_of_call("c1") == "turn_2"


class TestSubagents:
    """The root's text is the answer; the texts of all agents are there by name."""

    EVENTS = (
        *begun(),
        subagent("created", "sub_1", "critic"),
        subagent("created", "sub_2", "critic"),
        subagent("active", "sub_3"),
        turn("created", "turn_2", "sub_1"),
        turn("created", "turn_3", "sub_2"),
        turn("created", "turn_4", "sub_3"),
        *told("m2", "Bad.", turn_id="turn_2"),
        *told("m1", "Good", "!"),
        *told("m3", "So-so.", turn_id="turn_3"),
        *told("m4", "Hm.", turn_id="turn_4"),
        *told("m5", "Who?", turn_id="turn_5"),
        summary("reasoning_summary_text.delta", "r2", "turn_2", delta="I think"),
        *ended(),
    )

    def test_text_is_that_of_the_root(self) -> None:
        """Deltas and snapshot agree."""
        assert answer(*self.EVENTS).text == answer(*self.EVENTS).final_text == "Good!"
        assert text_deltas(*self.EVENTS) == ["Good", "!"]
        assert pieces(*self.EVENTS) == [Piece("text", 0, "Good"), Piece("text", 0, "!")]

    def test_words_of_all_are_found_by_name(self) -> None:
        """Subagents whose name is missing or taken are found by id."""
        found = answer(*self.EVENTS)
        assert found.texts == {
            "critic": "Bad.",
            "root": "Good!",
            "sub_2": "So-so.",
            "sub_3": "Hm.",
            "turn_5": "Who?",
        }
        assert [one.id for one in found.subagents] == ["sub_1", "sub_2", "sub_3"]
        assert found.turn is not None
        assert found.turn.id == ROOT_TURN

    def test_root_has_the_name_of_the_agent(self) -> None:
        """If the session does not show the name, it is `root`."""
        named = session("created", agent={"id": "agent_1", "name": "lead"})
        assert answer(named, *begun()[1:], *told("m1", "Hi")).texts == {"lead": "Hi"}
        unnamed = session("created", agent={"id": "agent_1"})
        assert answer(unnamed, *begun()[1:], *told("m1", "Hi")).texts == {"root": "Hi"}

    def test_who_joins_in_the_middle_takes_a_turn_for_the_roots(self) -> None:
        """In a stream that begins in the middle, an unknown turn counts as the root's."""
        assert answer(*told("m1", "Hi", turn_id="turn_9")).text == "Hi"
        assert answer(*begun(), *told("m1", "Hi", turn_id="turn_9")).text == ""


class TestFacts:
    """What else is in the answer."""

    def test_facts(self) -> None:
        """It has the session, the turn, the environment, the token counts and why it ended."""
        state = {"id": "env_1", "status": "ready", "type": "openai_hosted"}
        ready = event("environment.ready", session_id=SESSION_ID, environment=state)
        reset = event("environment.reset", session_id=SESSION_ID, environment_id="env_1")
        found = answer(*begun(), ready, reset, *ended())
        assert found.environment == EnvironmentState(
            id="env_1", status="ready", type="openai_hosted"
        )
        assert found.session is not None
        assert (found.session.id, found.session.status) == (SESSION_ID, "idle")
        assert found.usage is not None
        assert found.usage.total_tokens == USAGE["total_tokens"]
        assert found.counts == Counts(input=10, output=5, total=15, cached=4, reasoning=2)
        assert found.finish_reason == "completed"

    def test_facts_that_are_missing(self) -> None:
        """What the server did not send is None or empty."""
        found = answer(turn("created", ""), part("output_text.delta", "m1", delta="x"))
        assert (found.session, found.environment) == (None, None)
        assert (found.usage, found.counts) == (None, None)
        assert found.finish_reason is None
        assert found.required_actions == ()
        assert AgentsAnswer().finish_reason is None
        assert AgentsAnswer().turn is None
        bare = answer(*begun(), turn("completed", usage={"total_tokens": 7}))
        assert bare.counts == Counts(total=7)

    def test_counts_of_subagents_are_not_those_of_the_agent(self) -> None:
        """The usage of a subagent's turn does not count as the agent's."""
        aside = turn("completed", "turn_2", "sub_1", usage={"total_tokens": 7})
        assert answer(*begun(), aside).usage is None

    def test_turn_without_an_id_has_that_of_its_event(self) -> None:
        """So the turn's items can be found."""
        named = turn("created")
        named["turn"]["id"] = ""
        found = answer(named, *told("m1", "Hi"))
        assert found.turn is not None
        assert (found.turn.id, found.turn.status) == (ROOT_TURN, "queued")

    def test_session_that_failed(self) -> None:
        """The finish reason is `failed` even if the turn has no end."""
        assert answer(*begun(), session("failed", error="x")).finish_reason == "failed"

    def test_item_of_a_kind_of_next_year_stays(self) -> None:
        """An item of an unknown kind is kept."""
        events = [*begun(), item("added", {"type": "dream", "id": "d1", "turn_id": ROOT_TURN})]
        assert len(answer(*events, item("done", {"type": "dream", "id": "d1"})).items) == 1
        assert len(answer(*begun(), item("done", {"type": "dream", "id": 7})).items) == 1

    def test_snapshot_never_changes(self) -> None:
        """Later events make new snapshots."""
        streamer = StreamerV2(wire(*begun(), *told("m1", "a", "b")), require_terminal=False)
        taken = []
        while streamer.next():
            taken.append((streamer.snapshot(), streamer.snapshot()))
        texts = [one.text for one, _ in taken if one is not None]
        assert texts[4:] == ["", "", "a", "ab", "ab", "ab", "ab"]
        assert all(one == other for one, other in taken)


class TestChains:
    """What the next stream of a chain continues."""

    def test_turn_that_waited_continues(self) -> None:
        """If the turn waited for outputs, its answer spans both streams."""
        first = [*begun(), *told("m1", "One "), waiting(call("c1"))]
        second = [session("in_progress"), *told("m2", "two"), *ended()]
        streamer = StreamerV2(wire(*first))
        streamer.chain(wire(*second))
        assert "".join(streamer.text_deltas()) == "One two"
        assert streamer.final().text == "One two"
        counts = streamer.total_counts()
        assert counts is not None
        assert counts.total == 15

    def test_next_turn_is_another_answer(self) -> None:
        """A new turn begins a new answer, but the token counts of both are added up."""
        usage = {"total_tokens": 7}
        first = [*begun(), *told("m1", "One"), *ended()]
        second = [
            turn("created", "turn_2"),
            *told("m2", "Two", turn_id="turn_2"),
            turn("completed", "turn_2", usage=usage),
        ]
        streamer = StreamerV2(wire(*first))
        streamer.chain(wire(*second))
        assert [*streamer.text_deltas()] == ["One", "Two"]
        assert streamer.final().text == "Two"
        counts = streamer.total_counts()
        assert counts is not None
        assert counts.total == 22

    def test_repeated_events_are_left_out_across_streams(self) -> None:
        """The second stream may begin with the last events of the first one."""
        said = [*told("m1", "One ")]
        streamer = StreamerV2(wire(*begun(), *said, waiting(call("c1"))))
        streamer.chain(wire(*said[1:], *told("m2", "two"), *ended()))
        assert "".join(streamer.text_deltas()) == "One two"
        assert streamer.notes["repeated_event"] == len(said) - 1


def test_answer_is_equal_to_another_of_the_same_events() -> None:
    """Answers compare by value."""
    events = [*begun(), *told("m1", "Hi"), *ended()]
    assert answer(*events) == answer(*events)
    assert attrs.evolve(answer(*events), hole=True) != answer(*events)


class TestDrafts:
    """Commentary before the answer is not part of the JSON that the agent answers with."""

    def test_commentary_is_left_out(self) -> None:
        """Neither the partial nor the final value has it."""
        draft = [*told("m1", "Let me see.", phase="commentary")]
        final = [*told("m2", '{"a"', ": 1}", phase="final_answer")]
        streamer = StreamerV2(wire(*begun(), *draft, *final, *ended()))
        seen = [streamer.partial() for _ in iter(streamer.next, False)]
        assert seen[len(begun()) : len(begun()) + len(draft)] == [None] * len(draft)
        assert seen[-1] == {"a": 1}
        assert streamer.final_as(dict) == {"a": 1}

    def test_message_that_turns_out_to_be_commentary(self) -> None:
        """Only the end of the message says that it is commentary."""
        [*draft, last] = told("m1", '["x')
        last["item"]["phase"] = "commentary"
        final = [*told("m2", "[2]")]
        streamer = StreamerV2(wire(*begun(), *draft, last, *final, *ended()))
        seen = [streamer.partial() for _ in iter(streamer.next, False)]
        assert ["x"] in seen
        assert seen[-1] == [2]

    def test_message_without_a_phase_is_a_draft_once_there_is_an_answer(self) -> None:
        """The rule is that of `final_text`."""
        events = [*told("m1", "[1]"), *told("m2", "[2]", phase="final_answer"), *told("m3", "[3]")]
        streamer = StreamerV2(wire(*begun(), *events, *ended()))
        seen = [streamer.partial() for _ in iter(streamer.next, False)]
        assert seen[-1] == [2]

    def test_nothing_is_sent_back(self) -> None:
        """The server keeps the session, so `messages()` and `input_items()` raise a TypeError."""
        streamer = StreamerV2(wire(*begun(), *told("m1", "Hi"), *ended()))
        for method in (streamer.messages, streamer.input_items):
            with pytest.raises(TypeError, match="not for this API"):
                method()
        assert streamer._machine.answer.as_sent(0) == []
