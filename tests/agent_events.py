"""The events of an agent's session, as tests need them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

SESSION_ID = "sess_1"

# So that every event has an id of its own, as on the wire.
_numbers = count(1)

ROOT_TURN = "turn_1"

USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 15,
}


def event(name: str, /, **facts: Any) -> Any:
    """Return the payload of the event `agent.session.<name>`."""
    return {"type": f"agent.session.{name}", "event_id": f"event_{next(_numbers)}", **facts}


def session(name: str, **facts: Any) -> Any:
    """Return an event with the session, which has the status that the event is called after."""
    status = "in_progress" if name == "created" else name
    known = {"id": SESSION_ID, "object": "agent.session", "status": status, **facts}
    return event(name, session=known)


def turn(name: str, turn_id: str = ROOT_TURN, subagent: str | None = None, **facts: Any) -> Any:
    """Return an event with a turn."""
    known = {"id": turn_id, "agent_id": "agent_1", "subagent_id": subagent, **facts}
    status = "queued" if name == "created" else name
    return event(
        f"turn.{name}",
        session_id=SESSION_ID,
        turn_id=turn_id,
        turn={"status": status, "session_id": SESSION_ID, **known},
    )


def subagent(name: str, id: str, called: str | None = None) -> Any:
    """Return an event with a subagent."""
    known = {"id": id, "name": called, "object": "agent.session.subagent", "status": "active"}
    return event(f"subagent.{name}", subagent=known)


def item(name: str, known: Any, turn_id: str | None = ROOT_TURN, index: int | None = 0) -> Any:
    """Return an event with an item."""
    return event(
        f"turn.item.{name}", session_id=SESSION_ID, turn_id=turn_id, output_index=index, item=known
    )


def part(name: str, item_id: str, turn_id: str | None = ROOT_TURN, **facts: Any) -> Any:
    """Return an event about a part of a message."""
    place = {"item_id": item_id, "output_index": 0, "content_index": 0}
    return event(f"turn.{name}", session_id=SESSION_ID, turn_id=turn_id, **{**place, **facts})


def summary(name: str, item_id: str, turn_id: str | None = ROOT_TURN, **facts: Any) -> Any:
    """Return an event about a part of the summary of reasoning."""
    place = {"item_id": item_id, "output_index": 0, "summary_index": 0}
    return event(f"turn.{name}", session_id=SESSION_ID, turn_id=turn_id, **{**place, **facts})


def message(id: str, text: str = "", turn_id: str = ROOT_TURN, **facts: Any) -> Any:
    """Return a message of the agent; it is whole if it has text."""
    content = [{"type": "output_text", "text": text}] if text else []
    known = {"type": "message", "id": id, "role": "assistant", "turn_id": turn_id}
    status = "completed" if text else "in_progress"
    return {**known, "status": status, "content": content, **facts}


def call(call_id: str, arguments: Any = "{}", turn_id: str = ROOT_TURN, **facts: Any) -> Any:
    """Return a call of the function `look`."""
    known = {"type": "function_call", "id": f"item_{call_id}", "name": "look", "turn_id": turn_id}
    return {**known, "call_id": call_id, "arguments": arguments, "status": "in_progress", **facts}


def waiting(*calls: Any, **facts: Any) -> Any:
    """Return the event of a session that waits for the outputs of calls."""
    known = ("type", "call_id", "name", "arguments", "turn_id")
    actions = [{name: one[name] for name in known} for one in calls]
    return session("requires_action", required_actions=actions, **facts)


def told(id: str, *texts: str, turn_id: str = ROOT_TURN, **facts: Any) -> Iterator[Any]:
    """Yield the events of a message."""
    yield item("added", message(id, turn_id=turn_id, **facts), turn_id)
    yield part("content_part.added", id, turn_id, part={"type": "output_text", "text": ""})
    for text in texts:
        yield part("output_text.delta", id, turn_id, delta=text)
    whole = "".join(texts)
    yield part("output_text.done", id, turn_id, text=whole)
    yield part("content_part.done", id, turn_id, part={"type": "output_text", "text": whole})
    yield item("done", message(id, whole, turn_id, **facts), turn_id)


def begun() -> list[Any]:
    """Return the events that a session begins with."""
    return [session("created"), turn("created"), turn("in_progress"), session("in_progress")]


def ended() -> list[Any]:
    """Return the events that a session ends with."""
    return [turn("completed", usage=USAGE), session("idle", usage=USAGE)]
