"""What the methods of the Agents API take."""

# Annotations are not postponed: `TypedDict` would not see which keys are required.

from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import NotRequired, Required, TypedDict

from openai_scan.client.params.base import Extras, JSONObject


class ListOfAgents(Extras, total=False):
    """Which page of a list to return.

    Attributes:
        limit: The maximum number of items, 1 to 100; the server's default is 20.
        order: `"asc"` for the oldest first, or `"desc"` (the default) for the newest first.
        after: The id of the item to start after, such as the `last_id` of a page.
    """

    limit: int | None
    order: str | None
    after: str | None


class ListAgentSessions(ListOfAgents, total=False):
    """Which sessions to list.

    Attributes:
        agent_id: Only the sessions of this agent.
        metadata: Only the sessions with all of these keys and values.
    """

    agent_id: str | None
    metadata: Mapping[str, str] | None


class CreateAgentSession(Extras, total=False):
    """A new session.

    Attributes:
        environment: Where commands run, such as `{"type": "none"}` or `{"type": "openai_hosted"}`.
        agent: The agent to run: its model, instructions and tools. Without an *agent_id* it
            needs a model.
        agent_id: The saved agent to run.
        input: The first input: text, or user messages. Without it the session waits.
        metadata: Your own notes: at most 16 keys of 64 characters, with values of 512.
        prompt_cache_options: How to cache the prompt, such as `{"ttl": "12h"}`.
        review: Who reviews the agent's actions: `"none"`, or `"auto_review"`.
        stream_options: `{"include_obfuscation": False}` omits the padding against eavesdroppers.
        vault_ids: The vaults with the agent's credentials.
    """

    environment: Required[JSONObject]
    agent: JSONObject | None
    agent_id: str | None
    input: str | Sequence[JSONObject] | None
    metadata: Mapping[str, str] | None
    prompt_cache_options: JSONObject | None
    review: str | None
    stream_options: JSONObject | None
    vault_ids: Sequence[str] | None


class ModifyAgentSession(Extras, total=False):
    """Changes to a session.

    Attributes:
        agent: Changes to the agent: its model, reasoning, service tier or tools.
        metadata: Your own notes, which replace the earlier ones: at most 16 keys and values.
        prompt_cache_options: How to cache the prompt, such as `{"ttl": "12h"}`.
        review: Who reviews the agent's actions: `"none"`, or `"auto_review"`.
    """

    agent: JSONObject | None
    metadata: Mapping[str, str] | None
    prompt_cache_options: JSONObject | None
    review: str | None


class StreamAgentSession(Extras, total=False):
    """How to send the events of a session.

    Attributes:
        include_obfuscation: Whether to send padding against eavesdroppers.
    """

    include_obfuscation: bool | None


class AgentToolResult(TypedDict):
    """The result of a call: an event to send to a session.

    Attributes:
        type: `"agent.session.input.tool_result"`.
        turn_id: The turn that made the call.
        call_id: The id of the call.
        success: Whether the tool succeeded.
        output: What it returned: text, or a list of parts.
        error: What went wrong, if it failed.
    """

    type: str
    turn_id: str
    call_id: str
    success: bool
    output: NotRequired[str | Sequence[Mapping[str, Any]] | None]
    error: NotRequired[str | None]
