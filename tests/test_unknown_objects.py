"""Objects of unknown kinds: members of their unions, with all that the server sent."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any, get_args

import pytest
from folding import wire
from response_forms import done, message, response

from openai_scan import (
    Client,
    DecodeError,
    StreamerV2,
    UnknownAnnotation,
    UnknownItem,
    UnknownObject,
    UnknownPart,
    UnknownTool,
    UnknownToolCall,
)
from openai_scan.events import assistants, responses
from openai_scan.events.decoding import hooks
from openai_scan.events.decoding.structure import Structurer, hook_of
from openai_scan.events.kept import as_json
from openai_scan.testing import FakeServer, response_answer

PAYLOAD = {"type": "hologram", "id": "h_1", "secret": ["words", None, {"deep": 1}]}


def structured(payload: dict[str, Any], union: Any) -> Any:
    """Return *payload* as an object of *union*."""
    return Structurer()(payload, union)


@pytest.mark.parametrize(
    ("payload", "type", "id"),
    [
        (PAYLOAD, "hologram", "h_1"),
        ({"type": "hologram"}, "hologram", None),
        ({"type": "hologram", "id": None}, "hologram", None),
        ({"type": "hologram", "id": 7}, "hologram", None),
        ({"id": "h_1"}, "", "h_1"),
        ({"type": None}, "", None),
        ({"type": ["hologram"]}, "", None),
        ({}, "", None),
    ],
)
def test_an_unknown_object_has_a_type_whatever_was_sent(
    payload: dict[str, Any], type: str, id: str | None
) -> None:
    """The type is always a text and the id a text or None; the payload is as it was sent."""
    item = structured(payload, responses.OutputItem)
    assert item == UnknownItem(type, id, payload)
    assert item.payload is payload


@pytest.mark.parametrize(
    ("union", "expected"),
    [
        (responses.OutputItem, UnknownItem),
        (responses.OutputContent, UnknownPart),
        (responses.OutputMessageContent, UnknownPart),
        (responses.ToolOutputContent, UnknownPart),
        (responses.Annotation, UnknownAnnotation),
        (responses.ComputerAction, UnknownObject),
        (responses.Tool, UnknownTool),
        (responses.NamespacedTool, UnknownTool),
        (responses.ToolChoice, UnknownObject),
        (assistants.MessagePart, UnknownPart),
        (assistants.MessagePartDelta, UnknownPart),
        (assistants.Annotation, UnknownAnnotation),
        (assistants.AnnotationDelta, UnknownAnnotation),
        (assistants.Tool, UnknownTool),
        (assistants.ToolCall, UnknownToolCall),
        (assistants.ToolCallDelta, UnknownToolCall),
        (assistants.StepDetails, UnknownObject),
        (assistants.ResponseFormat, UnknownObject),
    ],
)
def test_each_union_has_its_class(union: Any, expected: type[UnknownObject]) -> None:
    """What the object would have been is still known by the place where it was found."""
    made = structured(PAYLOAD, union)
    assert type(made) is expected
    assert isinstance(made, UnknownObject)


@pytest.mark.parametrize("family", [assistants, responses])
def test_no_union_has_bare_dicts(family: Any) -> None:
    """A union of kinds ends in a class of objects of unknown kinds, so that all have a type."""
    unions = {name: value for name, value in vars(family).items() if hooks.is_union(value)}
    of_kinds = {
        name: value
        for name, value in unions.items()
        if any(hasattr(arm, "__attrs_attrs__") for arm in get_args(value))
        and not name.endswith("Event")
    }
    assert of_kinds
    assert [name for name, value in of_kinds.items() if hooks.unknown_of(value) is None] == []
    for union in of_kinds.values():
        assert hook_of(union)(PAYLOAD, union).type == "hologram"


def test_what_does_not_fit_its_class_is_an_unknown_object_of_its_type() -> None:
    """A known kind without what its class needs keeps its type, and its payload is a plain dict."""
    payload = {"type": "code_interpreter_call", "code": 5, "id": "c"}
    [event] = StreamerV2(wire(done(payload)), require_terminal=False)
    assert isinstance(event, responses.ResponseOutputItemDone)
    assert event.item == UnknownItem("code_interpreter_call", "c", payload)
    assert isinstance(event.item, UnknownItem)
    assert type(event.item.payload) is dict
    with pytest.raises(DecodeError, match="container_id"):
        list(StreamerV2(wire(done(payload)), strict=True))


def test_unknown_objects_are_values() -> None:
    """They are equal, hashed, copied and pickled by what they are, and shown without payload."""
    item = UnknownItem.of(PAYLOAD)
    assert item == UnknownItem("hologram", "h_1", json.loads(json.dumps(PAYLOAD)))
    assert item != UnknownItem("hologram", "h_1", {**PAYLOAD, "secret": []})
    assert item != UnknownPart("hologram", "h_1", PAYLOAD)
    assert hash(item) == hash(UnknownItem.of(dict(PAYLOAD)))
    assert hash(item) != hash(UnknownPart.of(PAYLOAD))
    assert repr(item) == "UnknownItem(type='hologram', id='h_1')"
    for same in (copy.copy(item), copy.deepcopy(item), pickle.loads(pickle.dumps(item))):
        assert same == item
        assert type(same) is UnknownItem
    match item:
        case UnknownItem(kind, id, {"secret": [first, *_]}):
            assert (kind, id, first) == ("hologram", "h_1", "words")


def test_json_is_the_payload_and_nothing_else() -> None:
    """This holds in an item, in a list and alone; changing the JSON does not change the object."""
    part: dict[str, Any] = {"type": "hologram", "status": None, "empty": []}
    known = structured(message("Hi", part), responses.OutputItem)
    assert as_json(known)["content"][1] == part
    alone = as_json(UnknownItem.of(PAYLOAD))
    assert alone == PAYLOAD
    alone["secret"].clear()
    assert PAYLOAD["secret"] == ["words", None, {"deep": 1}]


TOOLS: dict[str, dict[str, Any]] = {
    "function": {"name": "f", "parameters": {"type": "object"}, "strict": True},
    "file_search": {"vector_store_ids": ["vs_1"], "filters": {"type": "eq"}},
    "computer": {},
    "computer_use_preview": {"environment": "browser", "display_width": 800, "display_height": 600},
    "web_search": {"search_context_size": "low", "user_location": {"type": "approximate"}},
    "web_search_2025_08_26": {},
    "web_search_preview": {},
    "web_search_preview_2025_03_11": {},
    "mcp": {"server_label": "s", "allowed_tools": ["t"], "require_approval": {"never": {}}},
    "code_interpreter": {"container": {"type": "auto"}},
    "programmatic_tool_calling": {},
    "image_generation": {"size": "auto"},
    "local_shell": {},
    "shell": {"environment": {"type": "local"}},
    "custom": {"name": "c", "format": {"type": "text"}},
    "namespace": {"name": "n", "description": "d", "tools": [{"type": "custom", "name": "c"}]},
    "tool_search": {"execution": "client"},
    "apply_patch": {},
}


@pytest.mark.parametrize("kind", TOOLS)
def test_tools_have_classes(kind: str) -> None:
    """Each kind of tool in a response has one, with its settings as JSON."""
    settings = TOOLS[kind]
    tool = structured({"type": kind, **settings}, responses.Tool)
    assert not isinstance(tool, UnknownObject)
    assert tool.type == kind
    kept = {key: as_json(getattr(tool, key)) for key in settings}
    if kind == "namespace":
        assert tool.tools == (responses.CustomTool(name="c"),)
        kept["tools"] = settings["tools"]
    assert kept == settings


def test_tools_show_no_secrets() -> None:
    """Keys for the server of a tool and for a container are not in a repr()."""
    secret = {"domain_secrets": ["s3cret"]}
    tools: list[dict[str, Any]] = [
        {"type": "mcp", "server_label": "s", "authorization": "s3cret", "headers": {"a": "s3cret"}},
        {"type": "code_interpreter", "container": {"type": "auto", "network_policy": secret}},
        {"type": "shell", "environment": {"type": "container_auto", "network_policy": secret}},
        {"type": "hologram", "key": "s3cret"},
    ]
    for tool in tools:
        made = structured(tool, responses.Tool)
        assert made.type == tool["type"]
        assert "s3cret" not in repr(made)


def test_tools_that_are_allowed_are_tools() -> None:
    """Allowed tools, known and unknown, have the same classes as the tools of the response."""
    allowed = [{"type": "function", "name": "f"}, {"type": "hologram"}]
    choice = {"type": "allowed_tools", "mode": "auto", "tools": allowed}
    found = structured(choice, responses.ToolChoice)
    assert found.tools == (
        responses.FunctionTool(name="f"),
        UnknownTool("hologram", None, allowed[1]),
    )


def test_a_tool_in_another_shape_costs_nothing() -> None:
    """Tools in the form of Chat Completions, which some servers echo, lack their names.

    There is no note about them.
    """
    tools = [{"type": "function", "function": {"name": "f"}}, {"type": "custom"}]
    s = StreamerV2(wire(response("completed", tools=tools, tool_choice=None)), strict=True)
    [event] = s
    assert isinstance(event, responses.ResponseCompleted)
    assert event.response.tools == (responses.FunctionTool(), responses.CustomTool())
    assert event.response.tool_choice is None
    assert not [note for note in s.notes if note.startswith("skipped_field")]


def test_objects_are_arguments_of_the_client() -> None:
    """They are sent under the names that the API has, and unknown ones as they came."""
    known = responses.FunctionToolCall(name="f", arguments="{}", call_id="c", async_=True)
    with FakeServer(always=response_answer("Hi")) as server, Client("k", server.base_url) as client:
        client.create_response(model="m", input=[UnknownItem.of(PAYLOAD), {"of": known}])
    call = {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c", "async": True}
    assert server.requests[0].json["input"] == [PAYLOAD, {"of": call}]


def test_items_are_sent_back_as_they_came() -> None:
    """The input of the next request has the payloads of unknown items and parts."""
    odd: dict[str, Any] = {"type": "hologram", "id": "h", "empty": [], "null": None}
    tools = [{"type": "function", "name": "f", "parameters": {}}, {"type": "hologram", "x": None}]
    items = [
        odd,
        message("Hi", {"type": "smell", "strength": 3}, status="completed"),
        {"type": "tool_search_output", "id": "t", "execution": "server", "tools": tools},
    ]
    streams = (
        [done(item, index) for index, item in enumerate(items)],
        [response("completed", output=items)],
    )
    for payloads in streams:
        s = StreamerV2(wire(*payloads, response("completed", output=items)))
        while s.next():
            pass
        assert s.input_items() == items
        snapshot: Any = s.final()
        assert [item.type for item in snapshot.response.output] == [one["type"] for one in items]
        assert snapshot.response.output[1].content[1] == UnknownPart.of(
            {"type": "smell", "strength": 3}
        )
