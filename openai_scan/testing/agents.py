"""Events and answers of Agents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from openai_scan.testing.chat import ToolCall
from openai_scan.testing.steps import event, pieces_of

SESSION: Mapping[str, Any] = {
    "id": "sess_1",
    "object": "agent.session",
    "created_at": 1,
    "last_active_at": 1,
    "agent": {"id": "agent_1", "model": "test-model", "name": None, "tools": []},
    "environment": {"type": "none"},
    "metadata": {},
    "required_actions": [],
    "error": None,
    "usage": None,
    "vault_ids": [],
}
TURN: Mapping[str, Any] = {
    "id": "turn_1",
    "object": "agent.session.turn",
    "agent_id": "agent_1",
    "session_id": "sess_1",
    "subagent_id": None,
    "created_at": 1,
    "started_at": None,
    "completed_at": None,
    "error": None,
    "usage": None,
}
USAGE: Mapping[str, Any] = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 15,
}


def agent_event(name: str, number: int, /, **facts: Any) -> bytes:
    """Return an event of a session.

    Args:
        name: The part of its name after `agent.session.`, such as `"turn.item.added"`.
        number: Its place in the stream, from 0. Its id is made from it, and a client skips an
            event whose id it has already seen.
        facts: Its fields.
    """
    wire_name = f"agent.session.{name}"
    return event(wire_name, {"type": wire_name, "event_id": f"event_{number}", **facts})


def agent_status(status: str, number: int, *, name: str | None = None, **facts: Any) -> bytes:
    """Return the event of a session that has reached a status.

    Args:
        status: Such as `"idle"` for the event `agent.session.idle`.
        number: Its place in the stream.
        name: The last word of the event's name if it is not the status, such as `"created"`.
        facts: More fields of the session, such as `required_actions` or `error`.
    """
    return agent_event(name or status, number, session={**SESSION, "status": status, **facts})


def agent_turn(status: str, number: int, *, name: str | None = None, **facts: Any) -> bytes:
    """Return the event of a turn that has reached a status.

    Args:
        status: Such as `"completed"` for the event `agent.session.turn.completed`.
        number: Its place in the stream.
        name: The last word of the event's name if it is not the status, such as `"created"`.
        facts: More fields of the turn, such as `subagent_id` or `error`.
    """
    turn = {**TURN, "status": status, **facts}
    place = {"session_id": turn["session_id"], "turn_id": turn["id"]}
    return agent_event(f"turn.{name or status}", number, **place, turn=turn)


def agent_text_delta(text: str, number: int = 0, *, item_id: str = "msg_1") -> bytes:
    """Return the event that adds *text* to a message.

    Args:
        text: The text to add.
        number: Its place in the stream.
        item_id: The id of the message.
    """
    place = {"session_id": SESSION["id"], "turn_id": TURN["id"], "item_id": item_id}
    indexes = {"output_index": 0, "content_index": 0}
    return agent_event("turn.output_text.delta", number, **place, **indexes, delta=text)


def agent_answer(text: str | Iterable[str]) -> list[bytes]:
    """Return the events of a new session whose first turn says *text*.

    Args:
        text: A string, which is sent word by word, or the pieces to send.
    """
    told = Story()
    return [*told.begun(), *told.message(text), *told.ended()]


def agent_calls(*calls: ToolCall) -> list[bytes]:
    """Return the events of a new session that waits for the outputs of functions.

    The stream ends there, unlike real streams of sessions. For sessions that continue, use
    `agent_sessions()`.
    """
    told = Story()
    return [*told.begun(), *told.calls(calls)]


def agent_failure(code: str = "server_error", message: str = "this is a test") -> list[bytes]:
    """Return the events of a new session whose first turn fails.

    Args:
        code: Such as `"rate_limit_exceeded"`.
        message: The error message.
    """
    told = Story()
    return [*told.begun(), *told.failed(code, message)]


class Story:
    """Makes the events of one session, each with its own id.

    Args:
        session_id: The id of the session.
        facts: More fields of the session.

    Attributes:
        session: The session as it is now.
        turns: Its turns as they are now, by id.
        items: Its items as they are now, by id.
    """

    def __init__(self, session_id: str = "sess_1", facts: Mapping[str, Any] | None = None) -> None:
        self.session: dict[str, Any] = {**SESSION, **(facts or {}), "id": session_id}
        self.session["status"] = "idle"
        self.turns: dict[str, dict[str, Any]] = {}
        self.items: dict[str, dict[str, Any]] = {}
        self._count = 0
        self._output_index = -1

    def created(self, status: str = "idle") -> Iterator[bytes]:
        """Start the session."""
        yield self._status(status, "created")

    def begun(self) -> Iterator[bytes]:
        """Start the session with its first turn."""
        yield from self.created("in_progress")
        yield from self.turn_begun()

    def turn_begun(self) -> Iterator[bytes]:
        """Start the next turn."""
        self._output_index = -1
        id = f"turn_{len(self.turns) + 1}"
        self.turns[id] = {**TURN, "id": id, "session_id": self.session["id"]}
        yield self._turn("queued", "created")
        yield self._turn("in_progress")
        yield self._status("in_progress")

    def asked(self, message: Mapping[str, Any]) -> Iterator[bytes]:
        """Add a user message."""
        item = {"type": "message", "role": "user", "status": "completed", "phase": None, **message}
        yield self._added(item, "msg", index=None)

    def message(self, text: str | Iterable[str]) -> Iterator[bytes]:
        """Say something, in pieces."""
        pieces = pieces_of(text)
        self._output_index += 1
        begun: dict[str, Any] = {"type": "message", "role": "assistant", "content": []}
        status = {"status": "in_progress", "phase": None}
        yield self._added({**begun, **status}, "msg", index=self._output_index)
        item = self._last_item
        place = {"item_id": item["id"], "output_index": self._output_index, "content_index": 0}
        empty = {"type": "output_text", "text": ""}
        yield self._in_turn("content_part.added", **place, part=empty)
        for piece in pieces:
            yield self._in_turn("output_text.delta", **place, delta=piece)
        said = {"type": "output_text", "text": "".join(pieces)}
        yield self._in_turn("output_text.done", **place, text=said["text"])
        yield self._in_turn("content_part.done", **place, part=said)
        item |= {"status": "completed", "content": [said]}
        yield self._in_turn("item.done", item=item, output_index=self._output_index)

    def calls(self, calls: Sequence[ToolCall]) -> Iterator[bytes]:
        """Call functions, and wait for their outputs."""
        actions = []
        for place, call in enumerate(calls):
            self._output_index += 1
            made = {"type": "function_call", "call_id": call.named(place), "name": call.name}
            made["arguments"] = call.text
            status = {"status": "in_progress"}
            yield self._added({**made, **status}, "item", index=self._output_index)
            actions.append({**made, "turn_id": self._turn_id})
        yield self._status("requires_action", required_actions=actions)

    def answered(self, outputs: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
        """Continue with the outputs of the functions."""
        yield self._status("in_progress", required_actions=[])
        for output in outputs:
            known = {name: output.get(name) for name in ("call_id", "output", "error")}
            status = "completed" if output.get("success") else "failed"
            item = {"type": "function_call_output", "status": status, **known}
            yield self._added(item, "item", index=None)

    def ended(self) -> Iterator[bytes]:
        """Complete the turn."""
        yield self._turn("completed", usage=USAGE, completed_at=1)
        yield self._status("idle", usage=USAGE)

    def cancelled(self) -> Iterator[bytes]:
        """End the turn because the user cancels it."""
        yield self._turn("cancelled")
        yield self._status("idle", required_actions=[])

    def failed(self, code: str, message: str) -> Iterator[bytes]:
        """End the turn with an error."""
        error = {"type": code, "code": code, "message": message, "param": None}
        facts = {"type": "error", "event_id": self._id(), "session_id": self.session["id"]}
        yield event("error", {**facts, "error": error})
        yield self._turn("failed", error={"code": code, "message": message})
        yield self._status("idle")

    @property
    def _turn_id(self) -> str:
        return f"turn_{len(self.turns)}"

    @property
    def _last_item(self) -> dict[str, Any]:
        return self.items[next(reversed(self.items))]

    def _added(self, item: Mapping[str, Any], kind: str, *, index: int | None) -> bytes:
        id = f"{kind}_{len(self.items) + 1}"
        self.items[id] = {"id": id, "turn_id": self._turn_id, **item}
        return self._in_turn("item.added", item=self.items[id], output_index=index)

    def _in_turn(self, name: str, **facts: Any) -> bytes:
        place = {"session_id": self.session["id"], "turn_id": self._turn_id}
        return agent_event(f"turn.{name}", self._next(), **place, **facts)

    def _turn(self, status: str, name: str | None = None, **facts: Any) -> bytes:
        turn = self.turns[self._turn_id]
        turn |= facts
        turn["status"] = status
        return agent_turn(**{**turn, "status": status}, number=self._next(), name=name)

    def _status(self, status: str, name: str | None = None, **facts: Any) -> bytes:
        self.session |= facts
        self.session["status"] = status
        return agent_status(**self.session, number=self._next(), name=name)

    def _id(self) -> str:
        return f"event_{self._next()}"

    def _next(self) -> int:
        self._count += 1
        return self._count - 1
