"""The answer of an agent's session, which may take several streams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from openai_scan.events.agents import events as e
from openai_scan.events.agents.answer import (
    AgentsAnswer as AgentsAnswer,  # noqa: PLC0414 - it is public here
)
from openai_scan.events.agents.base import (
    FINAL_STATUSES,
    BringsEnvironment,
    BringsItem,
    BringsSession,
    BringsSubagent,
    BringsTurn,
)
from openai_scan.events.agents.growing import GrowingItem, GrowingText, in_one_form
from openai_scan.events.agents.items import (
    CommandExecutionItem,
    FunctionCallItem,
    OutputItem,
    ReasoningItem,
    SessionItem,
    SessionMessage,
)
from openai_scan.events.agents.objects import (
    AgentSession,
    EnvironmentState,
    FunctionCallAction,
    Subagent,
    TokenUsage,
    Turn,
)
from openai_scan.events.agents.voices import Voices
from openai_scan.events.base import Append, Event, Fold, Note
from openai_scan.values import Piece, PieceKind

# The pieces of subagents that count: you have to answer their calls too.
_OF_ALL = frozenset({"call"})


# The fields that a server may leave out when it sends the session again.
_LASTING = ("id", "agent", "environment", "created_at", "metadata", "usage")


class AgentsFold(Fold):
    """Collects a turn of a session's agent, with those of its subagents.

    A turn that waits for outputs goes on in the next stream of a chain. After a turn that has
    ended, the next stream begins a new one.

    The pieces are text and reasoning of the root agent, and all calls of your functions. What the
    user and the subagents wrote, and what commands printed, is in the answer but not a piece.
    """

    family = "agents"
    spans_streams = True

    def __init__(self) -> None:
        self._session: AgentSession | None = None
        self._session_id = ""
        self._environment: EnvironmentState | None = None
        self._subagents: dict[str, Subagent] = {}
        self._usage: TokenUsage | None = None
        self._voices = Voices()
        self._items = _Items()

    def resumable_id(self) -> str | None:
        return self._session_id or None

    def take(self, event: Event, note: Note) -> Sequence[Piece]:
        if not self._session_id:
            self._session_id = event.stream_answer_id() or ""
        match event:
            case e.AgentSessionTurnOutputTextDelta(delta=delta):
                item = self._items.of(event, SessionMessage(status="in_progress"))
                new = item.parts.at(event.content_index).add(delta, note)
                return self._of_root(item, [Piece("text", 0, new)] if new else [])
            case e.AgentSessionTurnReasoningSummaryTextDelta(delta=delta):
                item = self._items.of(event, ReasoningItem(status="in_progress"))
                new = item.parts.at(event.summary_index).add(delta, note)
                return self._of_root(item, [Piece("reasoning", 0, new)] if new else [])
            case e.AgentOutputCommandExecutionOutputDelta(delta=delta):
                item = self._items.of(event, CommandExecutionItem(status="in_progress"))
                item.output.add(delta, note)
            case e.AgentSessionTurnItemAdded(item=announced):
                return self._take_item(event, announced, note, is_whole=False)
            case e.AgentSessionTurnItemDone(item=done):
                return self._take_item(event, done, note, is_whole=True)
            case BringsTurn(turn=turn):
                self._take_turn(event, turn)
            case BringsSession():
                return self._take_session(event, note)
            case BringsSubagent(subagent=subagent):
                self._subagents[subagent.id] = subagent
            case BringsEnvironment(environment=environment):
                self._environment = environment
            case _:
                return self._take_part(event, note)
        return ()

    def appender(self, event: Event) -> Append | None:
        # No other event of the family adds text alone.
        item, text = self._text_of_message(event)
        return None if self._voices.is_aside(item.turn_id) else text.appender()

    def _take_part(self, event: Event, note: Note) -> Sequence[Piece]:
        """Take an event that begins or ends a text."""
        match event:
            case e.AgentSessionTurnContentPartAdded(part=part):
                item, text = self._text_of_message(event)
                new = text.begin(part.text, note)
            case e.AgentSessionTurnContentPartDone(part=part):
                item, text = self._text_of_message(event)
                new = text.end(part.text, note)
            case e.AgentSessionTurnOutputTextDone(text=whole):
                item, text = self._text_of_message(event)
                new = text.end(whole, note)
            case e.AgentSessionTurnReasoningSummaryPartAdded(part=summary):
                item, text = self._text_of_reasoning(event)
                new = text.begin(summary.text, note)
            case e.AgentSessionTurnReasoningSummaryPartDone(part=summary):
                item, text = self._text_of_reasoning(event)
                new = text.end(summary.text, note)
            case e.AgentSessionTurnReasoningSummaryTextDone(text=whole):
                item, text = self._text_of_reasoning(event)
                new = text.end(whole, note)
            case _:  # the environment was reset
                return ()
        kind: PieceKind = "text" if hasattr(event, "content_index") else "reasoning"
        return self._of_root(item, [Piece(kind, 0, new)] if new else [])

    def _text_of_message(self, event: Any) -> tuple[GrowingItem, GrowingText]:
        item = self._items.of(event, SessionMessage(status="in_progress"))
        return item, item.parts.at(event.content_index)

    def _text_of_reasoning(self, event: Any) -> tuple[GrowingItem, GrowingText]:
        item = self._items.of(event, ReasoningItem(status="in_progress"))
        return item, item.parts.at(event.summary_index)

    def _take_item(
        self, event: BringsItem, item: SessionItem | OutputItem, note: Note, *, is_whole: bool
    ) -> Sequence[Piece]:
        growing = self._items.of(event, in_one_form(item), id_of(item))
        return self._of_root(growing, growing.take(item, note, is_whole=is_whole))

    def _of_root(self, item: GrowingItem, pieces: list[Piece]) -> Sequence[Piece]:
        """Return those of *pieces* that are pieces of the answer."""
        if not pieces or not self._voices.is_aside(item.turn_id):
            return pieces
        return [piece for piece in pieces if piece.kind in _OF_ALL]

    def _take_turn(self, event: BringsTurn, turn: Turn) -> None:
        missing: dict[str, Any] = {}
        if not turn.id:
            missing["id"] = event.turn_id
        if turn.status != event.status():
            missing["status"] = event.status()
        self._voices.learn(attrs.evolve(turn, **missing) if missing else turn)
        if not event.is_aside:
            self._usage = event.unwrap_usage() or self._usage
            self.spans_streams = event.status() not in FINAL_STATUSES

    def _take_session(self, event: BringsSession, note: Note) -> Sequence[Piece]:
        session, status = event.session, event.status()
        missing: dict[str, Any] = {"status": status} if session.status != status else {}
        if self._session is not None:
            for name in _LASTING:
                if not getattr(session, name) and (known := getattr(self._session, name)):
                    missing[name] = known
        self._session = session = attrs.evolve(session, **missing) if missing else session
        if status != "requires_action":
            return ()
        pieces: list[Piece] = []
        for action in session.required_actions:
            if isinstance(action, FunctionCallAction):
                pieces += self._asked_for(action, note)
        return pieces

    def _asked_for(self, action: FunctionCallAction, note: Note) -> list[Piece]:
        """Take a call that the session waits for; return what is new of it."""
        for item in self._items.calls():
            call = item.head
            if isinstance(call, FunctionCallItem) and call.call_id == action.call_id:
                return item.take_call(call, action.arguments, note, is_whole=True)
        call = FunctionCallItem(
            arguments=action.arguments,
            call_id=action.call_id,
            name=action.name,
            status="in_progress",
            turn_id=action.turn_id,
        )
        return self._items.new(action.turn_id, call).take(call, note, is_whole=True)

    def value(self) -> AgentsAnswer:
        return AgentsAnswer(
            session=self._session,
            turns=tuple(self._voices.turns.values()),
            items=tuple(item.value() for item in self._items.all),
            subagents=tuple(self._subagents.values()),
            environment=self._environment,
            usage=self._usage,
            hole=self.hole,
        )


class _Items:
    """The items in order of arrival, by their ids and places.

    Attributes:
        all: All of them.
    """

    def __init__(self) -> None:
        self.all: list[GrowingItem] = []
        self._by_id: dict[str, GrowingItem] = {}
        self._by_place: dict[tuple[str, int], GrowingItem] = {}

    def of(self, event: Any, unknown: SessionItem, item_id: str | None = None) -> GrowingItem:
        """Return the item that *event* is about.

        Args:
            event: An event with an item, or about a part of one.
            unknown: What the item is if it is a new one.
            item_id: Its id if it is in the event; else the event has the id of the item.
        """
        turn_id = event.turn_id or ""
        id = event.item_id if item_id is None else item_id
        index = event.output_index
        place = None if index is None else (turn_id, index)
        found = self._by_id.get(id) if id else None
        if found is None and place is not None:
            there = self._by_place.get(place)
            found = None if there is None or (id and there.id) else there
        if found is None:
            found = self.new(turn_id, unknown)
        if id:
            self._by_id[id] = found
            found.id = id
        if place is not None:
            self._by_place[place] = found
        return found

    def new(self, turn_id: str, head: SessionItem) -> GrowingItem:
        """Return a new item, at the end."""
        item = GrowingItem(turn_id, head)
        self.all.append(item)
        return item

    def calls(self) -> Iterator[GrowingItem]:
        """Yield the calls of functions, the last one first."""
        return (item for item in reversed(self.all) if isinstance(item.head, FunctionCallItem))


def id_of(item: SessionItem | OutputItem) -> str:
    """Return the id of *item*, or "" if it has none."""
    return item.id or ""
