"""A whole service of agents' sessions: an input begins a turn, and streams stay open."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from openai_scan import BadRequestError, Client, NotFoundError, RetryPolicy, run_tools
from openai_scan.testing import FakeServer, ToolCall, agent_sessions
from openai_scan.transport import Request

AT_ONCE = RetryPolicy(wait_initial=0, wait_max=0)
CALL = ToolCall("weather", {"city": "Oslo"})
PATIENCE = 30


def weather(city: str) -> str:
    """Tell the weather."""
    return f"4 degrees in {city}"


@pytest.fixture
def serve() -> Iterator[Callable[..., Client]]:
    """Return a function that starts a service with these turns and makes a client of it."""
    opened: list[Any] = []

    def started(*turns: Any) -> Client:
        server = FakeServer(agent_sessions(*turns))
        client = Client("k", server.base_url, retries=AT_ONCE)
        opened.extend((server.__enter__(), client))
        return client

    yield started
    for one in reversed(opened):
        one.__exit__(None, None, None)


def create(client: Client, text: Any = "Hi", **more: Any) -> Any:
    """Create a session and stream its first turn."""
    return client.create_agent_session_stream(environment={"type": "none"}, input=text, **more)


def test_turns_follow_each_other(serve: Any) -> None:
    """Each input of the user begins the next turn; items and turns can be listed."""
    client = serve("One two", "Three")
    with create(client, metadata={"a": "b"}) as s:
        first = s.final()
    assert first.text == "One two"
    assert s.notes == {}
    assert first.session.metadata == {"a": "b"}
    id = first.session.id
    with client.send_agent_session_events_stream(id, "And?") as s:
        assert s.final().text == "Three"
    assert [turn.status for turn in client.list_agent_session_turns(id)] == ["completed"] * 2
    items = client.list_agent_session_items(id)
    assert [item.role for item in items] == ["user", "assistant"] * 2
    assert client.retrieve_agent_session(id).status == "idle"


def test_all_of_a_session_can_be_read(serve: Any) -> None:
    """Each method of the client that reads a session works, and a session can be modified."""
    client = serve("One two", "Three")
    made = client.create_agent_session(environment={"type": "none"}, input="Hi")
    client.send_agent_session_events(made.id, "And?")
    assert [one.id for one in client.list_agent_sessions()] == [made.id]
    assert client.retrieve_agent_session_turn(made.id, "turn_2").status == "completed"
    items = client.list_agent_session_turn_items(made.id, "turn_2")
    assert [item.content[0].text for item in items] == ["And?", "Three"]
    assert list(client.list_agent_session_subagents(made.id)) == []
    changed = client.modify_agent_session(made.id, metadata={"a": "b"})
    assert changed.metadata == {"a": "b"}
    assert client.retrieve_agent_session(made.id).metadata == {"a": "b"}


def test_session_waits_for_the_outputs_of_its_calls(serve: Any) -> None:
    """The stream of the session stays open meanwhile."""
    client = serve([CALL, "Cold."])
    with run_tools(client, create(client), [weather]) as s:
        assert s.final().text == "Cold."
    assert s.notes == {}
    output = next(item for item in s.final().items if item.type == "function_call_output")
    assert (output.output, output.status) == ("4 degrees in Oslo", "completed")


def test_calls_in_a_row_are_made_at_the_same_time(serve: Any) -> None:
    """The session continues when all of the calls are answered."""
    other = ToolCall("weather", {"city": "Rome"}, id="c2")
    client = serve(["Let me see.", CALL, other])
    with create(client) as s:
        answer = s.final()
        assert [call.id for call in answer.calls] == ["call_1", "c2"]
        assert s.outcome == "requires_action"
    id = answer.session.id
    assert client.retrieve_agent_session(id).status == "requires_action"
    result = {"type": "agent.session.input.tool_result", "turn_id": "turn_1", "success": True}
    client.send_agent_session_events(id, [{**result, "call_id": "c2", "output": "x"}])
    assert client.retrieve_agent_session(id).status == "requires_action"
    failed = {**result, "success": False, "call_id": "call_1", "error": "no"}
    with client.send_agent_session_events_stream(id, [failed]) as s:
        items = s.final().items
    assert [(item.output, item.error) for item in items] == [(None, "no"), ("x", None)]


def test_call_alone_is_a_turn(serve: Any) -> None:
    """The turn can be cancelled while it waits."""
    client = serve(CALL)
    with create(client) as s:
        id = s.final().session.id
    cancel = {"type": "agent.session.input.cancel"}
    with client.send_agent_session_events_stream(id, [cancel, cancel]) as s:
        for _ in s:
            pass
        assert s.outcome == "cancelled"
    assert client.retrieve_agent_session(id).status == "idle"


def test_session_without_an_input(serve: Any) -> None:
    """The session is idle until it gets one; its messages may be those of the API."""
    client = serve("Hi")
    session = client.create_agent_session(environment={"type": "none"})
    assert session.status == "idle"
    message = {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
    sent = {"type": "agent.session.input.message", "input": [message]}
    with client.send_agent_session_events_stream(session.id, [sent]) as s:
        assert s.final().text == "Hi"
        assert s.final().items[0].content[0].text == "Hi"


def test_session_that_is_not_streamed_continues(serve: Any) -> None:
    """Its input may be messages."""
    client = serve("Hi")
    message = {"role": "user", "content": []}
    made = client.create_agent_session(environment={"type": "none"}, input=[message])
    assert made.status == "idle"
    assert len(client.list_agent_session_items(made.id)) == 2


def test_streams_of_a_deleted_session_end(serve: Any) -> None:
    """Nothing more happens in it."""
    client = serve()
    id = client.create_agent_session(environment={"type": "none"}).id
    with client.retrieve_agent_session_stream(id) as s:
        ended: list[bool] = []
        reader = threading.Thread(target=lambda: ended.append(s.next()))
        reader.start()
        while s.source.status is None and reader.is_alive():
            threading.Event().wait(0.001)
        assert client.delete_agent_session(id).deleted
        reader.join(PATIENCE)
        assert ended == [False]
        assert s.outcome == "truncated"
        s.err()
    with pytest.raises(NotFoundError):
        client.retrieve_agent_session(id)


def test_what_it_does_not_serve_is_refused(serve: Any) -> None:
    """The error says what is not served."""
    client = serve("Hi")
    made = client.create_agent_session(environment={"type": "none"}, input="Hi")
    with pytest.raises(BadRequestError, match="no turn is left"):
        client.create_agent_session(environment={"type": "none"}, input="Hi")
    with pytest.raises(BadRequestError, match="no turn is left"):
        client.send_agent_session_events(made.id, "Hi")
    result = {"type": "agent.session.input.tool_result", "call_id": "c1", "success": True}
    with pytest.raises(BadRequestError, match="Unknown pending tool call: c1"):
        client.send_agent_session_events(made.id, [result])
    with pytest.raises(BadRequestError, match=r"does not take agent\.session\.input\.dance"):
        client.send_agent_session_events(made.id, [{"type": "agent.session.input.dance"}])
    with pytest.raises(NotFoundError, match="does not serve GET /agents/sessions/sess_1/subagents"):
        client.retrieve_agent_session_subagent(made.id, "sub_1")
    with pytest.raises(NotFoundError, match="Turn with id 'turn_2' not found"):
        client.retrieve_agent_session_turn(made.id, "turn_2")
    request = Request(method="DELETE", path=f"/agents/sessions/{made.id}/items", body={})
    with pytest.raises(NotFoundError, match="does not serve DELETE"):
        client._transport.call(request)
    request = Request(method="POST", path="/responses", body={})
    with pytest.raises(NotFoundError, match="does not serve POST /responses"):
        client._transport.call(request)


def test_turns_that_are_left_fail_the_test() -> None:
    """They fail it like other answers."""
    assert repr(agent_sessions()) == "agent_sessions(...)"
    with FakeServer(agent_sessions("Hi")) as server:
        with pytest.raises(AssertionError, match="1 of the scripted answers"):
            server.check()
        server.check()
