"""Who says what in a session: the root agent's words are the answer.

Events and items name the turn that they belong to, and a turn names its subagent if it has one. So
the turns that have been shown tell the agents apart. A reader who joins in the middle of a stream
has not seen how its turns began. Until a turn of the root is known, an unknown turn counts as the
root's; after that, as a subagent's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from openai_scan.events.agents.items import OutputText, SessionItem, SessionMessage
from openai_scan.events.agents.objects import AgentSession, Subagent, Turn
from openai_scan.surrogates import mend

# What the root agent is called if the session does not say.
ROOT = "root"


class Voices:
    """Tells the root agent from its subagents.

    Args:
        turns: The turns that are known.

    Attributes:
        turns: The same, by their ids.
    """

    def __init__(self, turns: Iterable[Turn] = ()) -> None:
        self.turns: dict[str, Turn] = {}
        self._has_root = False
        for turn in turns:
            self.learn(turn)

    def learn(self, turn: Turn) -> None:
        """Take a turn as it is now."""
        self.turns[turn.id] = turn
        self._has_root = self._has_root or not turn.subagent_id

    def is_aside(self, turn_id: str) -> bool:
        """Return whether what belongs to a turn is not part of the answer."""
        turn = self.turns.get(turn_id)
        if turn is None:
            return bool(turn_id) and self._has_root
        return bool(turn.subagent_id)

    def agent_id(self, turn_id: str) -> str:
        """Return the id of the subagent whose turn it is, or "" for the root agent."""
        turn = self.turns.get(turn_id)
        return turn_id if turn is None else turn.subagent_id or ""


def is_said(item: SessionItem) -> bool:
    """Return whether *item* is a message that an agent wrote."""
    return isinstance(item, SessionMessage) and item.role != "user"


def texts_by_agent(
    voices: Voices,
    items: Iterable[SessionItem],
    subagents: Sequence[Subagent],
    session: AgentSession | None,
) -> dict[str, str]:
    """Return the text of the messages of each agent, by its name.

    The name of an agent without one is its id; that of a root without one is `root`.
    """
    root = "" if session is None or session.agent is None else session.agent.name or ""
    names = {"": root or ROOT}
    for subagent in subagents:
        name = subagent.name or subagent.id
        names[subagent.id] = name if name not in names.values() else subagent.id
    said: dict[str, list[SessionMessage]] = {}
    for item in items:
        if isinstance(item, SessionMessage) and is_said(item):
            agent = voices.agent_id(item.turn_id) if voices.is_aside(item.turn_id) else ""
            said.setdefault(names.get(agent, agent), []).append(item)
    return {name: text_of_messages(messages) for name, messages in said.items()}


def text_of_messages(messages: Iterable[SessionMessage]) -> str:
    """Return the texts of *messages*, joined."""
    return mend(
        "".join(
            part.text
            for message in messages
            for part in message.content
            if isinstance(part, OutputText)
        )
    )
