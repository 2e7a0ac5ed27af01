"""The bases of the events of Agents: their answers to the questions of `Event`.

A session has one root agent, which works on one *turn* after another. It may start subagents, which
have turns of their own at the same time. The root's turns and the session itself decide how the
stream ends; those of subagents do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypeAlias

from openai_scan.errors import APIError
from openai_scan.events.agents.items import FunctionCallItem, OutputItem, SessionItem
from openai_scan.events.agents.objects import (
    AgentSession,
    EnvironmentState,
    FunctionCallAction,
    Subagent,
    TokenUsage,
    Turn,
    TurnError,
)
from openai_scan.events.base import Event, Outcome, StreamPart, api_error
from openai_scan.values import Piece

# The statuses that a turn never leaves, and the outcome that each gives its stream.
_TURN_OUTCOMES: Mapping[str, Outcome] = {
    "completed": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
}

FINAL_STATUSES = frozenset(_TURN_OUTCOMES)
"""The statuses that a turn never leaves."""

# What a session does with the turn that is in progress. An idle one has none.
_SESSION_OUTCOMES: Mapping[str, Outcome | None] = {
    "in_progress": None,
    "requires_action": "requires_action",
    "failed": "failed",
}

# The statuses in which a session does nothing until it is sent something.
_RESTING = frozenset({"idle", "requires_action", "failed"})

# The part of the stream that ends: the turn of the root agent. There is one at a time, and a reader
# who joins in the middle does not learn its id.
_TURN = "turn"

PartOfCall: TypeAlias = FunctionCallItem | FunctionCallAction
"""A call of one of your functions, or the request of a session to answer it."""


class AgentsBase(Event):
    """The base of all events of the Agents API.

    Attributes:
        event_id: The id of the event; the same event may be sent again under the same id.
        session_id: The id of the session; `""` if the event does not have it by itself.
    """

    family: ClassVar[str] = "agents"
    of_session: ClassVar[bool] = True

    event_id: str
    session_id: str = ""

    def stream_event_id(self) -> str | None:
        return self.event_id or None

    def stream_session_id(self) -> str | None:
        return self.session_id or None

    def stream_answer_id(self) -> str | None:
        return self.stream_session_id()

    def unwrap_tool_calls(self, choice: int = 0) -> tuple[PartOfCall, ...] | None:  # noqa: ARG002 - for those that answer
        return None

    def unwrap_annotations(self, choice: int = 0) -> None:  # noqa: ARG002 - likewise
        return None


class BringsSession(AgentsBase):
    """The base of an event with the session as it is now."""

    content_places: ClassVar[frozenset[str]] = frozenset(
        {
            "$.session.required_actions",
            "$.session.required_actions[].arguments",
            "$.session.required_actions[].call_id",
            "$.session.required_actions[].name",
        }
    )

    session: AgentSession

    def status(self) -> str:
        """Return the status that the event reports, or else the one that the session has."""
        # The session may have gone on since, so the name of the event counts.
        named = self.wire_name.rpartition(".")[2]
        return named if named in _RESTING or named in _SESSION_OUTCOMES else self.session.status

    def stream_parts(self) -> tuple[StreamPart, ...]:
        status = self.status()
        return ((_TURN, _SESSION_OUTCOMES[status]),) if status in _SESSION_OUTCOMES else ()

    def stream_begins(self) -> bool:
        # A session whose agent has ended its turn is in progress as long as its subagents work.
        return False

    def stream_rests(self) -> bool:
        return self.status() in _RESTING

    def stream_error(self) -> APIError | None:
        if self.status() != "failed":
            return None
        return api_error(
            self.session.error,
            otherwise="the session failed, and the server did not say why",
            code="session_failed",
            body=self.session.error,  # the whole session would show the prompt
        )

    def stream_session_id(self) -> str | None:
        return self.session.id or None

    def unwrap_tool_calls(self, choice: int = 0) -> tuple[PartOfCall, ...] | None:
        if choice or self.status() != "requires_action":
            return None
        actions = self.session.required_actions
        return tuple(one for one in actions if isinstance(one, FunctionCallAction)) or None

    def unwrap_finish_reason(self, choice: int = 0) -> str | None:
        status = self.status()
        return status if not choice and status in {"requires_action", "failed"} else None


class BringsTurn(AgentsBase):
    """The base of the events of a turn.

    Attributes:
        turn: The turn as it is now.
        turn_id: The id of the turn; `""` if missing.
        usage: The token counts; None before the turn has ended.
    """

    turn: Turn
    turn_id: str
    usage: TokenUsage | None = None

    @property
    def is_aside(self) -> bool:
        """Whether the turn is that of a subagent."""
        return bool(self.turn.subagent_id)

    def status(self) -> str:
        """Return the status that the event reports, or else the one that the turn has."""
        named = self.wire_name.rpartition(".")[2]
        return (self.turn.status or named) if named == "created" else named

    def stream_parts(self) -> tuple[StreamPart, ...]:
        return () if self.is_aside else ((_TURN, _TURN_OUTCOMES.get(self.status())),)

    def stream_error(self) -> APIError | None:
        if self.is_aside or self.status() != "failed":
            return None
        error = self.turn.error or TurnError()
        return api_error(
            error.message,
            otherwise="the turn failed, and the server did not say why",
            code=error.code or "turn_failed",
            body=self.raw.data,
        )

    def stream_session_id(self) -> str | None:
        return self.session_id or self.turn.session_id or None

    def unwrap_usage(self) -> TokenUsage | None:
        return self.usage or self.turn.usage

    def unwrap_finish_reason(self, choice: int = 0) -> str | None:
        status = self.status()
        if choice or self.is_aside or status not in FINAL_STATUSES:
            return None
        return finish_reason_of(self.turn, status)


class BringsItem(AgentsBase):
    """The base of an event with an item."""

    content_places: ClassVar[frozenset[str]] = frozenset(
        {
            "$.item.arguments",
            "$.item.call_id",
            "$.item.content",
            "$.item.content[].text",
            "$.item.name",
        }
    )

    item: SessionItem | OutputItem

    def unwrap_tool_calls(self, choice: int = 0) -> tuple[PartOfCall, ...] | None:
        return (self.item,) if isinstance(self.item, FunctionCallItem) and not choice else None


class BringsPart(AgentsBase):
    """The base of an event with a part of a message, or of the summary of reasoning."""

    content_places: ClassVar[frozenset[str]] = frozenset({"$.part.text"})


class AddsText(AgentsBase):
    """The base of an event with a piece of a message.

    Only earlier events show whose message it is. A subagent's message is not part of the answer, so
    `text()` of the stream leaves it out.
    """

    delta: str

    def pieces(self) -> tuple[Piece, ...]:
        return (Piece("text", 0, self.delta),) if self.delta else ()

    def unwrap_text(self, choice: int = 0) -> str | None:
        return None if choice else self.delta


class AddsReasoningText(AgentsBase):
    """The base of an event with a piece of the summary of reasoning."""

    delta: str

    def pieces(self) -> tuple[Piece, ...]:
        return (Piece("reasoning", 0, self.delta),) if self.delta else ()

    def unwrap_reasoning_text(self, choice: int = 0) -> str | None:
        return None if choice else self.delta


class BringsSubagent(AgentsBase):
    """The base of an event with a subagent as it is now."""

    subagent: Subagent


class BringsEnvironment(AgentsBase):
    """The base of an event with the environment as it is now."""

    environment: EnvironmentState


def finish_reason_of(turn: Turn, status: str) -> str:
    """Return why a turn with that final *status* ended: the code of its error, or the status."""
    code = "" if turn.error is None else turn.error.code
    return code if status == "failed" and code else status
