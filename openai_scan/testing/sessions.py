"""A service of agent sessions, which stay open between turns."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from openai_scan.testing.agents import Story
from openai_scan.testing.chat import ToolCall
from openai_scan.testing.hold import Hold
from openai_scan.testing.request import SeenRequest
from openai_scan.testing.steps import Reply, Step, error, json_answer

TurnScript: TypeAlias = str | ToolCall | Sequence[str | ToolCall]
"""What an agent says and calls in one turn; consecutive calls are made at the same time."""

# Fields of a request that its session repeats.
_REPEATED = ("environment", "metadata", "vault_ids", "prompt_cache_options", "review")

# Fields of a session that a request may change. Its agent does not matter to the test.
_CHANGEABLE = ("metadata", "prompt_cache_options", "review")

_INPUT = "agent.session.input."

_ACCEPTED = Reply(status=202, headers={}, body=b"")


def agent_sessions(*turns: TurnScript) -> AgentSessions:
    """Return a service of agent sessions for a `FakeServer`.

    ::

        call = ToolCall("weather", {"city": "Oslo"})
        with FakeServer(agent_sessions("Hi there", [call, "4 degrees"])) as server:
            ...

    Each user input starts the next turn. A session that calls functions waits for all of their
    outputs, then continues. Its streams stay open until the client disconnects or the session is
    deleted; `GET /agents/sessions/{id}/events` sends only what happens from then on, like the API.
    A waiting turn can be cancelled. Sessions, items and turns can be retrieved and listed, and a
    session can be modified.

    Args:
        turns: What to say and to call, for each turn of any session.
    """
    return AgentSessions(turns)


class AgentSessions:
    """A service of agent sessions; made by `agent_sessions()`.

    Args:
        turns: What to say and to call.
    """

    def __init__(self, turns: Iterable[TurnScript]) -> None:
        self._turns = deque(turns)
        self._sessions: dict[str, _Session] = {}
        self._count = 0
        self._lock = threading.Lock()

    def take_left(self) -> list[object]:
        """Return the turns that were never requested, and forget them."""
        with self._lock:
            left: list[object] = [*self._turns]
            self._turns.clear()
        return left

    def __repr__(self) -> str:
        return "agent_sessions(...)"

    def __call__(self, request: SeenRequest) -> Reply:
        """Return the answer to *request*."""
        with self._lock:
            match request.method, request.path.split("/")[2:]:
                case "POST", ["sessions"]:
                    return self._create(request.json or {})
                case "GET", ["sessions"]:
                    return _page([one.story.session for one in self._sessions.values()])
                case method, ["sessions", id, *rest]:
                    session = self._sessions.get(id)
                    if session is None:
                        return error(404, f"Session with id '{id}' not found.")
                    return self._of(session, f"{method} {'/'.join(rest)}".strip(), request)
        return _not_served(request)

    def _of(self, session: _Session, action: str, request: SeenRequest) -> Reply:
        match action.split():
            case ["GET"]:
                return json_answer(session.story.session)
            case ["POST"]:
                changes = _repeated(request.json or {}, _CHANGEABLE)
                session.story.session.update(changes)
                return json_answer(session.story.session)
            case ["DELETE"]:
                del self._sessions[session.id]
                session.close()
                kind = "agent.session.deleted"
                return json_answer({"id": session.id, "object": kind, "deleted": True})
            case ["GET", "events"]:
                return Reply(steps=session.listen(len(session.log)))
            case ["POST", "events"]:
                return self._send(session, request.json or {})
            case ["GET", what]:
                return self._read(session, what.split("/")) or _not_served(request)
        return _not_served(request)

    @staticmethod
    def _read(session: _Session, what: Sequence[str]) -> Reply | None:
        story = session.story
        match what:
            case ["items"]:
                return _page(story.items.values())
            case ["turns"]:
                return _page(story.turns.values())
            case ["turns", id, *_] if id not in story.turns:
                return error(404, f"Turn with id '{id}' not found.")
            case ["turns", id]:
                return json_answer(story.turns[id])
            case ["turns", id, "items"]:
                return _page([item for item in story.items.values() if item["turn_id"] == id])
            case ["subagents"]:  # none is ever started
                return _page([])
        return None

    def _create(self, body: Mapping[str, Any]) -> Reply:
        if body.get("input") and not self._turns:
            return _nothing_left()
        self._count += 1
        facts = _repeated(body, _REPEATED)
        session = _Session(Story(f"sess_{self._count}", facts))
        self._sessions[session.id] = session
        session.tell(session.story.created("in_progress" if body.get("input") else "idle"))
        if body.get("input"):
            session.begin(self._turns.popleft(), _messages(body["input"]))
        if body.get("stream") is True:
            return Reply(steps=session.listen(0))
        return json_answer(session.story.session)

    def _send(self, session: _Session, body: Mapping[str, Any]) -> Reply:
        for sent in body.get("events", ()):
            kind = str(sent.get("type")).removeprefix(_INPUT)
            if kind == "message":
                if not self._turns:
                    return _nothing_left()
                session.begin(self._turns.popleft(), _messages(sent["input"]))
            elif kind == "cancel":
                session.cancel()
            elif kind == "tool_result":
                if not session.answer(sent):
                    return error(400, f"Unknown pending tool call: {sent.get('call_id')}")
            else:
                return error(400, f"agent_sessions() does not take {sent.get('type')}")
        return _ACCEPTED


class _Session:
    """A session, its events, and the streams that follow it.

    Args:
        story: Makes its events.

    Attributes:
        story: Makes its events.
        log: The events so far.
    """

    def __init__(self, story: Story) -> None:
        self.story = story
        self.id: str = story.session["id"]
        self.log: list[bytes] = []
        self._left: deque[str | tuple[ToolCall, ...]] = deque()  # rounds left of the turn
        self._outputs: dict[
            str, Mapping[str, Any] | None
        ] = {}  # the outputs of the calls that wait for them
        self._gates: list[Hold] = []
        self._is_closed = False
        self._lock = threading.Lock()  # guards the log and the gates

    def tell(self, events: Iterable[bytes]) -> None:
        """Send events to all streams."""
        with self._lock:
            self.log += events
            gates, self._gates = self._gates, []
        for gate in gates:
            gate.release()

    def listen(self, place: int) -> Iterator[Step]:
        """Yield the events from *place* on, as they happen."""
        yield b""  # send the headers at once: clients send their input when the stream is open
        while True:
            step: Step
            with self._lock:
                if place < len(self.log):
                    step = self.log[place]
                    place += 1
                elif self._is_closed:
                    return
                else:
                    step = Hold()
                    self._gates.append(step)
            yield step

    def close(self) -> None:
        """End all streams."""
        self._is_closed = True
        self.tell(())

    def begin(self, turn: TurnScript, messages: Iterable[Mapping[str, Any]]) -> None:
        """Start a turn, and play it until it waits or ends."""
        self._left = deque(_rounds([turn] if isinstance(turn, str | ToolCall) else turn))
        self.tell(self.story.turn_begun())
        for message in messages:
            self.tell(self.story.asked(message))
        self._go_on()

    def answer(self, result: Mapping[str, Any]) -> bool:
        """Accept the output of a call; return whether the session waited for it."""
        call_id = str(result.get("call_id"))
        if self._outputs.get(call_id, result) is not None:
            return False
        self._outputs[call_id] = result
        outputs = [output for output in self._outputs.values() if output is not None]
        if len(outputs) == len(self._outputs):
            self._outputs = {}
            self.tell(self.story.answered(outputs))
            self._go_on()
        return True

    def cancel(self) -> None:
        """End the turn, if it waits."""
        if self._outputs:
            self._outputs = {}
            self.tell(self.story.cancelled())

    def _go_on(self) -> None:
        while self._left:
            part = self._left.popleft()
            if isinstance(part, str):
                self.tell(self.story.message(part))
                continue
            self._outputs = {call.named(place): None for place, call in enumerate(part)}
            self.tell(self.story.calls(part))
            return
        self.tell(self.story.ended())


def _rounds(turn: Iterable[str | ToolCall]) -> Iterator[str | tuple[ToolCall, ...]]:
    """Yield what is said, and the calls made at the same time."""
    calls: list[ToolCall] = []
    for part in turn:
        if isinstance(part, ToolCall):
            calls.append(part)
            continue
        if calls:
            yield tuple(calls)
        calls = []
        yield part
    if calls:
        yield tuple(calls)


def _messages(given: Any) -> list[Mapping[str, Any]]:
    """Return a user input as messages."""
    if isinstance(given, str):
        return [{"content": [{"type": "input_text", "text": given}]}]
    return [{"content": message.get("content", [])} for message in given]


def _repeated(body: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the fields of a request that the session shows."""
    return {name: body[name] for name in names if body.get(name) is not None}


def _page(objects: Iterable[Mapping[str, Any]]) -> Reply:
    return json_answer({"object": "list", "data": [*objects], "has_more": False})


def _not_served(request: SeenRequest) -> Reply:
    return error(404, f"agent_sessions() does not serve {request.method} {request.path}")


def _nothing_left() -> Reply:
    return error(400, "no turn is left: pass agent_sessions() one for each input")
