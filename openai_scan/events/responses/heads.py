"""The items of the output as events bring them: their kinds, names and texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from openai_scan.events.responses.items import (
    ApplyPatchCreateFileOperation,
    ApplyPatchToolCall,
    ApplyPatchUpdateFileOperation,
    CodeInterpreterToolCall,
    Compaction,
    CustomToolCall,
    FileSearchToolCall,
    FunctionShellAction,
    FunctionShellCall,
    FunctionShellCallOutput,
    FunctionToolCall,
    ImageGenToolCall,
    MCPListTools,
    MCPToolCall,
    OutputItem,
    OutputMessage,
    ReasoningItem,
    WebSearchToolCall,
)
from openai_scan.values import UnknownItem, UnknownObject

UNDER_WAY = "in_progress"

CALLS = ("function_call", "custom_tool_call")
"""The kinds of items that are calls of the user's tools."""

UNFINISHED = ("in_progress", "incomplete")
"""The statuses of an item that is not all there."""


def new_item(kind: str, id: str) -> OutputItem:
    """Return an item that is empty except for its kind and its id, which may be ""."""
    match kind:
        case "message":
            return OutputMessage(id=id, role="assistant", status=UNDER_WAY)
        case "reasoning":
            return ReasoningItem(id=id, status=UNDER_WAY)
        case "function_call":
            return FunctionToolCall(id=id, name="", arguments="", status=UNDER_WAY)
        case "custom_tool_call":
            return CustomToolCall(id=id, call_id="", name="", input="")
        case "mcp_call":
            return MCPToolCall(id=id, server_label="", name="", arguments="", status=UNDER_WAY)
        case "mcp_list_tools":
            return MCPListTools(id=id, server_label="")
        case "code_interpreter_call":
            return CodeInterpreterToolCall(id=id, container_id="", status=UNDER_WAY)
        case "file_search_call":
            return FileSearchToolCall(id=id, status=UNDER_WAY)
        case "web_search_call":
            return WebSearchToolCall(id=id, status=UNDER_WAY)
        case "image_generation_call":
            return ImageGenToolCall(id=id, status=UNDER_WAY)
        case "shell_call":
            action = FunctionShellAction()
            return FunctionShellCall(id=id, call_id="", action=action, status=UNDER_WAY)
        case "shell_call_output":
            return FunctionShellCallOutput(id=id, call_id="", status=UNDER_WAY)
        case "apply_patch_call":
            operation = ApplyPatchUpdateFileOperation(path="", diff="")
            return ApplyPatchToolCall(id=id, call_id="", operation=operation, status=UNDER_WAY)
        case "compaction":
            return Compaction(id=id, encrypted_content="")
        case _:  # a kind that only a later event will describe
            return UnknownItem.of({"type": kind, "id": id})


def status_of(item: OutputItem) -> str:
    """Return the status of *item*, or "" if it has none."""
    return _field(item, "status")


def call_id_of(item: OutputItem) -> str:
    """Return the id of the call that *item* is, or "" if it is not one or has none."""
    return _field(item, "call_id")


def name_of(item: OutputItem) -> str:
    """Return the name of what *item* calls, or "" if it has none."""
    return _field(item, "name")


def _field(item: OutputItem, name: str) -> str:
    fields: Mapping[str, Any] = item.payload if isinstance(item, UnknownItem) else vars(item)
    found = fields.get(name)
    return found if isinstance(found, str) else ""


def id_of(item: OutputItem) -> str:
    """Return the id of *item*, or "" if it has none."""
    return item.id or ""


def item_text(item: OutputItem) -> str | None:
    """Return the text that is all of *item*, or None if it has no such text."""
    match item:
        case FunctionToolCall() | MCPToolCall():
            return item.arguments
        case CustomToolCall():
            return item.input
        case CodeInterpreterToolCall():
            return item.code or ""
        case ApplyPatchToolCall(
            operation=(ApplyPatchCreateFileOperation() | ApplyPatchUpdateFileOperation()) as known
        ):
            return known.diff
    return None


def richer(new: OutputItem, old: OutputItem) -> OutputItem:
    """Return *new* with those fields of *old* that it leaves out. Both are of one kind."""
    if isinstance(new, UnknownItem):
        if isinstance(old, FunctionToolCall | CustomToolCall):  # what fits of one that does not
            return attrs.evolve(
                old,
                call_id=call_id_of(new) or old.call_id,
                name=name_of(new) or old.name,
                status=status_of(new) or None,
            )
        if not isinstance(old, UnknownItem):
            return old
        known = new.payload
        missing = {key: value for key, value in old.payload.items() if _is_empty(known.get(key))}
        return UnknownItem.of({**known, **missing})
    if isinstance(old, UnknownItem):
        return new
    missing = {
        each.name: before
        for each in attrs.fields(type(new))
        if each.name != "status"
        and _is_empty(getattr(new, each.name))
        and not _is_empty(before := getattr(old, each.name))
    }
    return attrs.evolve(new, **missing) if missing else new


def _is_empty(value: Any) -> bool:
    if isinstance(value, UnknownObject):
        return not value.payload
    return value is None or value in ("", (), [], {})
