"""The calls of a response that wait for the caller and are not calls of functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openai_scan.values import UnknownItem

if TYPE_CHECKING:
    from openai_scan.events.responses.items import OutputItem

_APPROVAL = "mcp_approval_request"
_FUNCTION = "function_call"
_OUTPUTS = (f"{_FUNCTION}_output", "custom_tool_call_output")

# The calls that a client answers. The server answers a shell_call itself if the shell is its own.
_CLIENT_CALLS = frozenset(
    {"apply_patch_call", "computer_call", "custom_tool_call", "local_shell_call", "shell_call"}
)


def waits_for_others(answer: Any) -> bool:
    """Return whether a call waits for the caller that is not of a function.

    These are calls of custom tools, computers, shells and patches, searches for tools, and requests
    for an approval. Calls of unknown kinds are among them if they have a `call_id`, since the calls
    that the server runs itself have none. A call whose output is in the answer no longer waits.

    Args:
        answer: A `ResponseAnswer`.
    """
    output = answer.response.output
    answered = {
        (_tool_of(item), _get(item, "call_id")) for item in output if item.type.endswith("_output")
    }
    return any(
        _waits(item) and (_tool_of(item), _get(item, "call_id")) not in answered for item in output
    )


def answered_ids(answer: Any) -> set[str | None]:
    """Return the ids of the calls whose outputs are in *answer*, a `ResponseAnswer`.

    They are of functions and custom tools. The server has run these itself.
    """
    output = answer.response.output
    return {_get(item, "call_id") for item in output if item.type in _OUTPUTS}


def _waits(item: OutputItem) -> bool:
    kind = item.type
    if kind in _CLIENT_CALLS or kind == _APPROVAL:
        return True
    if kind == _FUNCTION or not kind.endswith("_call"):
        return False
    return bool(_get(item, "call_id")) and _get(item, "execution") != "server"


def _tool_of(item: OutputItem) -> str:
    """Return the name that the kinds of a call and of its output have in common."""
    return item.type.removesuffix("_output").removesuffix("_call")


def _get(item: OutputItem, name: str) -> Any:
    """Return a field of *item* as something that can be compared."""
    fields: Any = item.payload if isinstance(item, UnknownItem) else vars(item)
    value = fields.get(name)
    return value if isinstance(value, str) else None
