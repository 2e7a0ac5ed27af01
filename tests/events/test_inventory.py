"""Each wire name in the inventory has its own class, and each of its fields an attribute.

The inventory lists the events of OpenAI's schema and what was seen on the wire: `spec/README.md`.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lost_fields import lost

from openai_scan import DoneEvent, ErrorEvent, UnknownEvent
from openai_scan.events import Event, decode
from openai_scan.sse import RawEvent

pytestmark = pytest.mark.unmeasured

INVENTORY = Path(__file__).parents[1] / "spec" / "inventory.json"

FAMILIES = ("agents", "assistants", "audio", "chat", "completions", "images", "responses")

# The classes whose name is not the wire name in CamelCase.
NAMES = {
    "text_completion": "Completion",
    "done": "DoneEvent",
    "error": "ErrorEvent",
}

CONTENT = json.loads(INVENTORY.read_text(encoding="utf-8"))
EVENTS = [event for events in CONTENT["events"].values() for event in events]


def samples(node: Any, under_way: frozenset[str] = frozenset()) -> list[Any]:
    """Return values of the type that *node* describes; together they show every arm of a union."""
    match node["kind"]:
        case "string" | "open_enum":
            return ["x"]
        case "integer":
            return [1]
        case "number":
            return [1.5]
        case "boolean":
            return [True]
        case "any":
            return [{"x": 1}]
        case "enum":
            return [node["values"][0]]
        case "list":
            return [samples(node["items"], under_way)]
        case "map":
            return [{"x": samples(node["values"], under_way)[0]}]
        case "union":
            return [value for arm in node["variants"] for value in samples(arm, under_way)]
    name = node["ref"]
    if name in under_way:
        return [{}]  # a filter may hold filters
    schema = CONTENT["schemas"][name]
    if schema["kind"] == "alias":
        return samples(schema["type"], under_way | {name})
    fields = {
        field: samples(type_, under_way | {name}) for field, type_ in schema["fields"].items()
    }
    fields |= {extra: [None] for extra in schema.get("seen_extra", ())}
    return [
        {field: values[min(number, len(values) - 1)] for field, values in fields.items()}
        for number in range(max(map(len, fields.values()), default=1))
    ]


def test_inventory_has_94_wire_names() -> None:
    """The inventory is complete."""
    assert len(EVENTS) == 94
    # `error` is in two families.
    assert len({name for name, _ in EVENTS}) == 93


@pytest.mark.parametrize(("name", "node"), EVENTS, ids=[name for name, _ in EVENTS])
def test_event_reaches_its_own_class_with_every_field(name: str, node: Any) -> None:
    """Each wire name has a class named after it, with each field of each kind of payload."""
    class_name = NAMES.get(name) or "".join(
        word.title() for word in name.replace("_", ".").split(".")
    )
    for payload in samples(node):
        # Chat Completions and Completions have no `event:` line: the payload tells.
        raw_name = name if name.count(".") and name != "chat.completion.chunk" else "message"
        raw_name = name if name in ("error", "done") else raw_name
        event = decode(RawEvent(raw_name, json.dumps(payload)))
        assert type(event).__name__ == class_name
        assert not isinstance(event, UnknownEvent)
        assert event.type == name
        if isinstance(event, DoneEvent):
            continue
        value: Any = event.error if isinstance(event, ErrorEvent) else event
        # An Assistants event carries its payload under the object's own name.
        for part in ("thread", "run", "run_step", "message"):
            value = getattr(value, part, value) if name.startswith("thread.") else value
        assert list(lost(payload, value, name)) == []


@pytest.mark.parametrize(
    "name",
    [
        "response.apply_patch_call_operation_diff.delta",
        "response.apply_patch_call_operation_diff.done",
    ],
)
def test_undocumented_event_reaches_its_own_class_with_every_field(name: str) -> None:
    """These two names are in no schema; their fields are those seen on the wire."""
    seen = CONTENT["undocumented"][name]
    payload = {key: 1 if kind == "int" else name for key, kind in seen.items()}
    event = decode(RawEvent(name, json.dumps(payload)))
    assert event.type == name
    assert list(lost(payload, event, name)) == []


def classes_of(base: type[Event]) -> Iterator[type[Event]]:
    """Yield *base* and the classes of the package that are derived from it."""
    yield base
    for derived in base.__subclasses__():
        if derived.__module__.startswith("openai_scan."):
            yield from classes_of(derived)


@pytest.fixture(scope="module")
def all_classes() -> list[type[Event]]:
    """Load all families, and return every class of an event."""
    for family in FAMILIES:
        importlib.import_module(f"openai_scan.events.{family}")
    found = list(classes_of(Event))
    assert {one.family for one in found} == {"", *FAMILIES}
    return found


def test_only_numbered_events_are_asked_for_their_number(all_classes: list[type[Event]]) -> None:
    """A class sets `numbered` exactly if it has a number."""
    for one in all_classes:
        assert one.numbered == (one.stream_position is not Event.stream_position), one


def test_only_events_of_sessions_are_asked_for_what_belongs_to_one(
    all_classes: list[type[Event]],
) -> None:
    """A class that has an event id, a session id or a rest sets `of_session`."""
    for one in all_classes:
        own = [
            name
            for name in ("stream_event_id", "stream_session_id", "stream_rests")
            if getattr(one, name) is not getattr(Event, name)
        ]
        assert one.of_session or not own, one
    of_any_stream = {"DoneEvent", "ErrorEvent", "OfNoFamily", "UnknownEvent"}
    for one in all_classes:
        assert one.of_session == (one.family == "agents" or one.__name__ in of_any_stream)
