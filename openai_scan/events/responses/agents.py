"""Who says what in a response of several agents: the root's words are the answer.

The root agent starts others, its *subagents*, and all of them stream at once. Events and items name
the agent that they are from. No field says which agent is the root:

- An item that names no agent is the root's. So is everything in a response of one agent.
- A name that is a path shows it: `/root` is the root, and `/root/reviewer` one of its subagents.
- Of other names, the first in a response is the root's, since the root starts all others.

If no item names the root, its name is the first part of its subagents' paths, or `root`.

What a subagent says stays in the items of the response, under its name. Its calls of your functions
are calls like any other: you have to answer them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs
from attrs import define

from openai_scan.events.responses.items import (
    Agent,
    OutputItem,
    OutputMessage,
    OutputTextContent,
)
from openai_scan.surrogates import mend
from openai_scan.values import UnknownItem

# What the root agent is called if nothing shows its name.
ROOT = "root"


@define
class Agents:
    """Tells the root of a response from its subagents.

    Attributes:
        root: The name of the root, or "" until it is known.
    """

    root: str = ""

    def is_aside(self, agent: Agent | None) -> bool:
        """Return whether what *agent* says is not part of the answer."""
        name = name_of_agent(agent)
        if not name:
            return False
        is_path = name.startswith("/")
        if is_path and "/" in name.strip("/"):
            return True
        if is_path or not self.root:
            self.root = name
        return name != self.root


def agent_of(item: OutputItem) -> Agent | None:
    """Return the agent that *item* is from, or None if it names none."""
    if not isinstance(item, UnknownItem):
        return item.agent
    match item.payload.get("agent"):
        case {"agent_name": str(name)}:
            return Agent(agent_name=name)
    return None


def name_of_agent(agent: Agent | None) -> str:
    """Return the name of *agent*, or "" if there is none."""
    return "" if agent is None else agent.agent_name


def with_agent(item: OutputItem, agent: Agent | None) -> OutputItem:
    """Return *item* with *agent*, which its event names, if it names none itself."""
    if agent is None or isinstance(item, UnknownItem) or item.agent is not None:
        return item
    known: OutputItem = attrs.evolve(item, agent=agent)
    return known


def messages_of_root(output: Sequence[OutputItem], root: str) -> list[OutputMessage]:
    """Return the messages of the root agent.

    Args:
        output: The items of a response.
        root: The root's name, or "" if only the items show it.
    """
    agents = Agents(root)
    own = [item for item in output if not agents.is_aside(agent_of(item))]
    return [item for item in own if isinstance(item, OutputMessage)]


def texts_by_agent(output: Sequence[OutputItem], root: str) -> dict[str, str]:
    """Return the text of the messages of each agent, by its name.

    Args:
        output: The items of a response.
        root: The root's name, or "" if only the items show it.
    """
    root = root or _root_in(output)
    messages: dict[str, list[OutputMessage]] = {}
    for item in output:
        if isinstance(item, OutputMessage):
            messages.setdefault(name_of_agent(item.agent) or root, []).append(item)
    return {name: text_of_messages(said) for name, said in messages.items()}


def _root_in(output: Sequence[OutputItem]) -> str:
    """Return the name of the root, as far as the items show it."""
    agents, asides = Agents(), []
    for item in output:
        agent = agent_of(item)
        if agents.is_aside(agent):
            asides.append(name_of_agent(agent))
    if agents.root or not asides:
        return agents.root or ROOT
    return "/" + asides[0].strip("/").partition("/")[0]


def text_of_messages(messages: Iterable[OutputMessage]) -> str:
    """Return the texts of *messages*, joined."""
    return mend(
        "".join(
            part.text
            for message in messages
            for part in message.content
            if isinstance(part, OutputTextContent)
        )
    )
