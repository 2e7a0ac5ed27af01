"""The Agents API: sessions, their events, items, turns and subagents.

Source: https://developers.openai.com/api/docs/guides/agents-api
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
from attrs import frozen
from typing_extensions import Unpack

from openai_scan.client.base import BaseClient, Page, path_to
from openai_scan.client.later import agents
from openai_scan.client.params import (
    AgentToolResult,
    CreateAgentSession,
    Extras,
    ListAgentSessions,
    ListOfAgents,
    ModifyAgentSession,
    StreamAgentSession,
)
from openai_scan.client.seen import Seen, raw_events_of
from openai_scan.stream.taking_up import read_session_bookmark
from openai_scan.streamer import StreamerV2

if TYPE_CHECKING:
    from openai_scan.events.agents import AgentEvent, AgentSession, SessionItem, Subagent, Turn
    from openai_scan.events.agents.snapshot import AgentsAnswer

_SESSIONS = "/agents/sessions"
_SESSION = "/agents/sessions/{session_id}"
_EVENTS = "/agents/sessions/{session_id}/events"
_TURN = "/agents/sessions/{session_id}/turns/{turn_id}"
_SUBAGENT = "/agents/sessions/{session_id}/subagents/{subagent_id}"

SessionInput: TypeAlias = (
    str | Mapping[str, Any] | AgentToolResult | Sequence[AgentToolResult | Mapping[str, Any]]
)
"""What to send to a session: the text of a user message, an event, or several events."""

# Arguments for the stream, not for the session.
_OF_THE_STREAM = frozenset({"include_obfuscation", "record"})


@frozen(kw_only=True)
class DeletedAgentSession:
    """A session that was deleted.

    Attributes:
        id: The id of the session.
        deleted: Whether it was deleted.
        object: The kind of object: `agent.session.deleted`.
    """

    id: str
    deleted: bool = True
    object: str = "agent.session.deleted"


@frozen(kw_only=True)
class SentEvents:
    """Events that a session has accepted; its stream shows what comes of them.

    Attributes:
        session_id: The id of the session.
    """

    session_id: str


class AgentsMethods(BaseClient):
    """The methods of `Client` for the Agents API."""

    # Streams.

    def create_agent_session_stream(
        self, **params: Unpack[CreateAgentSession]
    ) -> StreamerV2[AgentEvent, AgentsAnswer]:
        """Create a session with an input, and stream its first turn."""
        return self._stream(_SESSIONS, CreateAgentSession, params, stream=True)

    def retrieve_agent_session_stream(
        self, session_id: str, **params: Unpack[StreamAgentSession]
    ) -> StreamerV2[AgentEvent, AgentsAnswer]:
        """Stream what happens in a session from now on, until its agent's turn ends.

        The API does not repeat events. Earlier items are in `list_agent_session_items`.
        """
        path = path_to(_EVENTS, session_id=session_id)
        return self._stream(path, StreamAgentSession, params, method="GET")

    def send_agent_session_events_stream(
        self,
        session_id: str,
        events: SessionInput,
        **params: Unpack[StreamAgentSession],
    ) -> StreamerV2[AgentEvent, AgentsAnswer]:
        """Send events to a session, and stream the turn that they cause.

        The events are sent once the stream has begun, so that nothing is missed. Send nothing else
        to the session in the meantime: the API does not say which turn an event causes.

        Args:
            session_id: The session, which should be idle or waiting for input.
            events: The text of a user message, an event, or several events; see
                `send_agent_session_events`.
            params: How to stream.
        """
        path = path_to(_EVENTS, session_id=session_id)
        extras = {name: value for name, value in params.items() if name not in _OF_THE_STREAM}
        sent = self._request("POST", path, Extras, extras, events=_as_events(events))
        sent = attrs.evolve(sent, may_answer_nothing=True)
        return self._stream(path, StreamAgentSession, params, method="GET", once_open=sent)

    def resume_agent_session_stream(
        self,
        bookmark: Mapping[str, Any],
        *,
        seen: Seen = (),
        **params: Unpack[StreamAgentSession],
    ) -> StreamerV2[AgentEvent, AgentsAnswer]:
        """Resume a turn at the `bookmark()` of another stream, in any process.

        The API sends only what happens from now on; events in between are lost. If a later event
        repeats their content, such as a whole message, `snapshot()` and `final()` have it; the rest
        is in `list_agent_session_items`. If the turn has already ended, nothing may arrive: check
        with `retrieve_agent_session` first. Repeated events are skipped.

        Args:
            bookmark: What `bookmark()` returned, perhaps loaded from a JSON file.
            seen: The events before the bookmark; see `resume_stream`.
            params: As for `retrieve_agent_session_stream`.

        Raises:
            ValueError: *bookmark* is not that of a session, is of a newer version, or has an
                invalid id.
            TypeError: *seen* contains something else.
            RecordingError: *seen* is a recording that cannot be read.
        """
        session_id, event_id = read_session_bookmark(bookmark)
        stream = self.retrieve_agent_session_stream(session_id, **params)
        stream._take_up_session(session_id, event_id, raw_events_of(seen))  # noqa: SLF001 - our own class
        return stream

    # Sessions.

    def create_agent_session(self, **params: Unpack[CreateAgentSession]) -> AgentSession:
        """Create a session without streaming; if it has an input, its agent starts to work."""
        return self._call(agents.AgentSession, "POST", _SESSIONS, CreateAgentSession, params)

    def retrieve_agent_session(self, session_id: str, **extras: Unpack[Extras]) -> AgentSession:
        """Return a session as it is now."""
        path = path_to(_SESSION, session_id=session_id)
        return self._call(agents.AgentSession, "GET", path, Extras, extras)

    def modify_agent_session(
        self, session_id: str, **params: Unpack[ModifyAgentSession]
    ) -> AgentSession:
        """Change a session and return it as it is now."""
        path = path_to(_SESSION, session_id=session_id)
        return self._call(agents.AgentSession, "POST", path, ModifyAgentSession, params)

    def delete_agent_session(
        self, session_id: str, **extras: Unpack[Extras]
    ) -> DeletedAgentSession:
        """Delete a session."""
        path = path_to(_SESSION, session_id=session_id)
        known = {"id": session_id}
        return self._call(DeletedAgentSession, "DELETE", path, Extras, extras, known=known)

    def list_agent_sessions(self, **params: Unpack[ListAgentSessions]) -> Page[AgentSession]:
        """Return a page of the sessions."""
        return self._call(Page[agents.AgentSession], "GET", _SESSIONS, ListAgentSessions, params)

    def send_agent_session_events(
        self,
        session_id: str,
        events: SessionInput,
        **extras: Unpack[Extras],
    ) -> SentEvents:
        """Send events to a session: messages, outputs of your functions, approvals, a cancellation.

        Args:
            session_id: The session.
            events: The text of a user message, an event, or several events, such as
                `{"type": "agent.session.input.cancel"}` to cancel the turn.
            extras: As for all methods.
        """
        path = path_to(_EVENTS, session_id=session_id)
        known = {"session_id": session_id}
        sent = _as_events(events)
        return self._call(SentEvents, "POST", path, Extras, extras, known=known, events=sent)

    # Items and turns.

    def list_agent_session_items(
        self, session_id: str, **params: Unpack[ListOfAgents]
    ) -> Page[SessionItem]:
        """Return a page of the items of a session's own agent: messages, calls, reasoning."""
        path = path_to(_SESSION + "/items", session_id=session_id)
        return self._call(Page[agents.SessionItem], "GET", path, ListOfAgents, params)

    def list_agent_session_turns(
        self, session_id: str, **params: Unpack[ListOfAgents]
    ) -> Page[Turn]:
        """Return a page of the turns of a session's own agent."""
        path = path_to(_SESSION + "/turns", session_id=session_id)
        return self._call(Page[agents.Turn], "GET", path, ListOfAgents, params)

    def retrieve_agent_session_turn(
        self, session_id: str, turn_id: str, **extras: Unpack[Extras]
    ) -> Turn:
        """Return a turn as it is now."""
        path = path_to(_TURN, session_id=session_id, turn_id=turn_id)
        return self._call(agents.Turn, "GET", path, Extras, extras)

    def list_agent_session_turn_items(
        self, session_id: str, turn_id: str, **params: Unpack[ListOfAgents]
    ) -> Page[SessionItem]:
        """Return a page of the items of a turn."""
        path = path_to(_TURN + "/items", session_id=session_id, turn_id=turn_id)
        return self._call(Page[agents.SessionItem], "GET", path, ListOfAgents, params)

    # Subagents.

    def list_agent_session_subagents(
        self, session_id: str, **params: Unpack[ListOfAgents]
    ) -> Page[Subagent]:
        """Return a page of the subagents of a session."""
        path = path_to(_SESSION + "/subagents", session_id=session_id)
        return self._call(Page[agents.Subagent], "GET", path, ListOfAgents, params)

    def retrieve_agent_session_subagent(
        self, session_id: str, subagent_id: str, **extras: Unpack[Extras]
    ) -> Subagent:
        """Return a subagent as it is now."""
        path = path_to(_SUBAGENT, session_id=session_id, subagent_id=subagent_id)
        return self._call(agents.Subagent, "GET", path, Extras, extras)

    def list_agent_session_subagent_items(
        self, session_id: str, subagent_id: str, **params: Unpack[ListOfAgents]
    ) -> Page[SessionItem]:
        """Return a page of the items of a subagent."""
        path = path_to(_SUBAGENT + "/items", session_id=session_id, subagent_id=subagent_id)
        return self._call(Page[agents.SessionItem], "GET", path, ListOfAgents, params)

    def list_agent_session_subagent_turns(
        self, session_id: str, subagent_id: str, **params: Unpack[ListOfAgents]
    ) -> Page[Turn]:
        """Return a page of the turns of a subagent."""
        path = path_to(_SUBAGENT + "/turns", session_id=session_id, subagent_id=subagent_id)
        return self._call(Page[agents.Turn], "GET", path, ListOfAgents, params)


def _as_events(events: SessionInput) -> list[Any]:
    """Return *events* as a session takes them; text becomes a user message."""
    if isinstance(events, Mapping):
        return [events]
    if not isinstance(events, str):
        return [*events]
    message = {"role": "user", "content": [{"type": "input_text", "text": events}]}
    return [{"type": "agent.session.input.message", "input": [message]}]
