"""`run_tools` in an agent's session: outputs are sent to it, and reading continues."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest
from agent_events import SESSION_ID, begun, call, ended, item, session, told, turn, waiting
from folding import wire as chunks_of
from memory_wire import JSON, MemoryWire, Reply
from test_client_agents import ACCEPTED, URL, body_of, client_over, lines, streamed
from wires import FacadeStream

from openai_scan import (
    BadRequestError,
    DecodeError,
    StreamerV2,
    json_schema_format,
    run_tools,
    tool_of,
)
from openai_scan.aio import AsyncStreamerV2
from openai_scan.client.aio import AsyncMethods
from openai_scan.observer import Observer
from openai_scan.stream.machine import StreamMachine
from openai_scan.transport.transport import AsyncTransport

EVENTS = f"/agents/sessions/{SESSION_ID}/events"


def look(place: str = "here") -> str:
    """Look around."""
    return f"sun in {place}"


def made(call_id: str = "c1", place: str = "Rome", **facts: Any) -> Any:
    """Return a call of `look`."""
    return call(call_id, {"place": place}, **facts)


def round_of(*calls: Any) -> list[Any]:
    """Return the events of a session that makes calls and waits for their outputs."""
    return [*(item("added", one, one["turn_id"]) for one in calls), waiting(*calls)]


LAST = [session("in_progress"), *told("m1", "Sunny"), *ended()]


@pytest.fixture(params=[True, False], ids=["blocking", "asynchronous"])
def memory(request: pytest.FixtureRequest) -> Any:
    """Return what makes a wire; the tests run over a wire of either kind."""
    return functools.partial(MemoryWire, blocking=request.param)


def client_of(wire: MemoryWire) -> Any:
    """Return a client over a wire of either kind."""
    if wire.blocking:
        return client_over(wire)
    transport = AsyncTransport(URL, key="k", wire=wire)
    return AsyncMethods(transport, timeout=None, retries=None, stream_options={}, observers=())


def answered_by(client: Any, stream: Any, **settings: Any) -> Any:
    """Return *stream*, whose calls are answered, as one that blocks."""
    run_tools(client, stream, [look], **settings)
    return FacadeStream(stream) if isinstance(stream, AsyncStreamerV2) else stream


def ask(wire: MemoryWire, **settings: Any) -> Any:
    """Create a session whose calls are answered."""
    client = client_of(wire)
    stream = client.create_agent_session_stream(
        environment={"type": "none"}, input="Hi", extra_headers={"X-Trace": "1"}
    )
    return answered_by(client, stream, **settings)


class TestRounds:
    """The stream stays open while functions run."""

    def test_outputs_are_sent_and_reading_continues(self, memory: Any) -> None:
        """The outputs are sent in a request of their own, and the first stream stays open."""
        wire = memory(streamed(*begun(), *round_of(made()), *LAST), ACCEPTED)
        stream = ask(wire)
        assert stream.final().text == "Sunny"
        assert lines(wire) == ["POST /agents/sessions", f"POST {EVENTS}"]
        result = {
            "type": "agent.session.input.tool_result",
            "turn_id": "turn_1",
            "call_id": "c1",
            "success": True,
            "output": "sun in Rome",
        }
        assert body_of(wire) == {"events": [result]}
        assert wire.sent[1].headers["X-Trace"] == "1"
        assert stream.outcome == "completed"
        assert stream.notes == {}

    def test_all_calls_of_a_round_are_answered_at_once(self, memory: Any) -> None:
        """One request answers all calls, also those of subagents, each with its own turn."""
        calls = [made("c1"), made("c2", "Oslo", turn_id="turn_2")]
        events = [*begun(), turn("created", "turn_2", "sub_1"), *round_of(*calls), *LAST]
        wire = memory(streamed(*events), ACCEPTED)
        assert ask(wire).final().text == "Sunny"
        sent = [(one["turn_id"], one["output"]) for one in body_of(wire)["events"]]
        assert sent == [("turn_1", "sun in Rome"), ("turn_2", "sun in Oslo")]

    def test_several_rounds(self, memory: Any) -> None:
        """The rounds end when there are no more calls."""
        first = [*begun(), *round_of(made("c1")), session("in_progress")]
        wire = memory(streamed(*first, *round_of(made("c2")), *LAST), ACCEPTED, ACCEPTED)
        assert ask(wire).final().text == "Sunny"
        assert [one.method for one in wire.sent] == ["POST"] * 3

    def test_call_that_is_asked_for_again_is_answered_once(self, memory: Any) -> None:
        """The session asked for another output while the first function was running."""
        one, two = made("c1"), made("c2", "Oslo", turn_id="turn_2")
        events = [*begun(), *round_of(one), item("added", two, "turn_2"), waiting(one, two)]
        wire = memory(streamed(*events, *LAST), ACCEPTED, ACCEPTED)
        stream = ask(wire)
        assert stream.final().text == "Sunny"
        assert [[one["call_id"] for one in body_of(wire, n)["events"]] for n in (1, 2)] == [
            ["c1"],
            ["c2"],
        ]

    def test_session_that_only_repeats_itself_is_read_on(self, memory: Any) -> None:
        """If the session lists a call that was just answered, the output is not sent again."""
        one, two = made("c1"), made("c2")
        events = [*begun(), *round_of(one, two), waiting(two), *LAST]
        wire = memory(streamed(*events), ACCEPTED)
        assert ask(wire, max_rounds=1).final().text == "Sunny"
        assert len(wire.sent) == len(("POST", "POST"))

    def test_stream_that_is_over_is_not_read_on(self, memory: Any) -> None:
        """If the next stream is over as well, the answer has the call that is still waiting."""
        streams = [[*begun(), *round_of(made())], [waiting(made())]]
        over = [b"".join(chunks_of(*events)).rstrip(b"\n") for events in streams]
        wire = memory(*(Reply([chunk]) for chunk in over), ACCEPTED)
        stream = ask(wire)
        assert [one.id for one in stream.final().calls] == ["c1"]
        assert stream.outcome == "requires_action"

    def test_limit_of_rounds(self, memory: Any) -> None:
        """After `max_rounds`, the session waits for the remaining calls."""
        first = [*begun(), *round_of(made("c1")), session("in_progress")]
        wire = memory(streamed(*first, *round_of(made("c2")), *LAST), ACCEPTED)
        stream = ask(wire, max_rounds=1)
        assert [one.id for one in stream.final().calls] == ["c2"]
        assert stream.outcome == "requires_action"

    def test_what_went_wrong_is_not_output(self, memory: Any) -> None:
        """The session gets an error instead of an output."""
        calls = [made("c1", 7), made("c2", name="jump")]  # type: ignore[arg-type] # what the test is about
        wire = memory(streamed(*begun(), *round_of(*calls), *LAST), ACCEPTED)
        assert ask(wire).final().text == "Sunny"
        first, second = body_of(wire)["events"]
        assert (first["success"], second["success"]) == (False, False)
        assert first["error"].startswith("Error: the arguments do not match")
        assert second["error"] == "Error: there is no function 'jump'"
        assert "output" not in first

    def test_session_that_was_joined(self, memory: Any) -> None:
        """The stream's own options are not repeated in the request with the outputs."""
        events = [session("in_progress"), *round_of(made()), *LAST]
        wire = memory(streamed(*events), ACCEPTED)
        client = client_of(wire)
        stream = client.retrieve_agent_session_stream(
            SESSION_ID, include_obfuscation=False, extra_query={"trace": "1"}
        )
        assert answered_by(client, stream).final().text == "Sunny"
        assert lines(wire) == [f"GET {EVENTS}", f"POST {EVENTS}"]
        assert wire.sent[1].query == (("trace", "1"),)

    def test_session_that_was_sent_something(self, memory: Any) -> None:
        """This takes three requests: the stream, the events and the outputs."""
        events = [*begun()[1:], *round_of(made()), *LAST]
        events[0]["session_id"] = SESSION_ID
        wire = memory(streamed(*events), ACCEPTED, ACCEPTED)
        client = client_of(wire)
        stream = client.send_agent_session_events_stream(SESSION_ID, "Hi")
        assert answered_by(client, stream).final().text == "Sunny"
        assert [one.method for one in wire.sent] == ["GET", "POST", "POST"]

    def test_stream_that_is_over_is_followed_by_another(self, memory: Any) -> None:
        """The next stream is opened before the outputs are sent."""
        [*first, last] = chunks_of(*begun(), *round_of(made()))
        over = Reply([*first, last.rstrip(b"\n")])
        wire = memory(over, streamed(*LAST), ACCEPTED)
        assert ask(wire).final().text == "Sunny"
        assert lines(wire) == ["POST /agents/sessions", f"GET {EVENTS}", f"POST {EVENTS}"]

    def test_stream_that_ends_after_all_is_truncated(self, memory: Any) -> None:
        """If the stream ends after the outputs, the rest of the turn is unknown."""
        wire = memory(streamed(*begun(), *round_of(made())), ACCEPTED)
        stream = ask(wire)
        assert not [stream.event() for _ in iter(stream.next, False)][-1].type.endswith("idle")
        assert stream.outcome == "truncated"

    def test_refused_output_leaves_next(self, memory: Any) -> None:
        """If the server refuses the outputs, its error is raised, as in any other API."""
        refused = Reply([b'{"error": {"message": "no"}}'], status=400, headers=JSON)
        wire = memory(streamed(*begun(), *round_of(made())), refused)
        stream = ask(wire)
        with pytest.raises(BadRequestError):
            stream.final()

    @pytest.mark.parametrize(
        "action",
        [
            {"type": "environment_connection", "environment_id": "env_1"},
            {"type": "dream"},
            {
                "type": "mcp_approval_request",
                "request_id": "r1",
                "request": {"type": "mcp_tool_call", "server_label": "s", "message": "?"},
            },
        ],
    )
    def test_other_actions_are_yours(self, memory: Any, action: Any) -> None:
        """If the session also waits for another action, no call is answered."""
        wait = waiting(made())
        wait["session"]["required_actions"].append(action)
        wire = memory(streamed(*begun(), wait))
        stream = ask(wire)
        answer = stream.final()
        assert stream.outcome == "requires_action"
        assert len(answer.required_actions) == 2
        assert len(wire.sent) == 1

    def test_other_actions_are_yours_whatever_has_been_called(self, memory: Any) -> None:
        """A call that the session does not wait for yet changes nothing."""
        wait = session("requires_action", required_actions=[{"type": "next_year"}])
        calls = item("added", call("c1", '{"place": '))
        wire = memory(streamed(*begun(), calls, wait))
        stream = ask(wire)
        stream.final()
        assert stream.outcome == "requires_action"
        assert len(wire.sent) == 1

    def test_session_without_an_id_that_can_be_one(self, memory: Any) -> None:
        """A session whose id contains a path is an error: outputs would be sent elsewhere."""
        events = json.dumps([*begun(), waiting(made())]).replace(SESSION_ID, "../threads")
        wire = memory(streamed(*json.loads(events)))
        stream = ask(wire)
        while stream.next():
            pass
        assert isinstance(stream.err(), DecodeError)
        assert len(wire.sent) == 1

    def test_observers_see_an_end_and_a_beginning(self, memory: Any) -> None:
        """Observers see each round as an answer, as in a chain of streams."""
        told_of: list[Any] = []

        class Watcher(Observer):
            """Notes what it is notified of."""

            def began(self, stream: Any) -> None:
                told_of.append("began")

            def ended(self, stream: Any, outcome: Any, error: Any) -> None:
                told_of.append(outcome)

        wire = memory(streamed(*begun(), *round_of(made()), *LAST), ACCEPTED)
        stream = ask(wire)
        stream.observe(Watcher())
        stream.final()
        assert told_of == ["began", "requires_action", "began", "completed"]


class TestReadingOn:
    """A successor may return the streamer itself."""

    def test_it_reads_on(self) -> None:
        """The streamer continues where it stopped."""
        streamer = StreamerV2(chunks_of(*begun(), waiting(), *LAST))
        streamer.chain_from(lambda s, outcome: s if outcome == "requires_action" else outcome)
        assert streamer.final().text == "Sunny"

    def test_closed_stream_does_not(self) -> None:
        """If the successor has closed the streamer, the stream ends."""
        streamer = StreamerV2(chunks_of(*begun(), waiting(), *LAST))

        def close(s: StreamerV2, outcome: Any) -> StreamerV2:
            s.close()
            return s

        streamer.chain_from(close)
        assert len([*iter(streamer.next, False)]) == len(begun()) + 1
        assert streamer.outcome == "requires_action"

    def test_machine_that_was_left_does_not(self) -> None:
        """A machine that was left ignores `read_on()`."""
        machine = StreamMachine([])
        machine.leave(StreamerV2([]))
        machine.read_on(StreamerV2([]))
        assert machine.outcome == "cancelled"


def test_tool_for_an_agent() -> None:
    """The API takes no `strict`, and always a description."""

    def nameless(place: str) -> None: ...

    schema = tool_of(look, api="agents")
    assert schema.keys() == {"type", "name", "description", "parameters"}
    assert schema["description"] == "Look around."
    assert tool_of(nameless, api="agents")["description"] == ""
    assert json.dumps(schema)


def test_format_for_an_agent() -> None:
    """An agent's format has a type and a schema, without a name."""
    from attrs import frozen

    @frozen
    class City:
        """A city."""

        name: str

    form = json_schema_format(City, api="agents")
    assert form.keys() == {"type", "schema"}
    assert form["schema"]["type"] == "object"
