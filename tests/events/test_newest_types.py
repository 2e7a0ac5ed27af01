"""Every event of the official client's types is read, with every field of every kind of payload.

The types are in `spec/streams.json`; the samples are made of them here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lost_fields import lost

from openai_scan import ErrorEvent, UnknownEvent
from openai_scan.events import decode
from openai_scan.events.decoding.structure import Structurer
from openai_scan.sse import RawEvent

CONTENT = json.loads((Path(__file__).parents[1] / "spec" / "streams.json").read_text("utf-8"))


def samples(schema: Any, defs: Any, under_way: tuple[str, ...] = ()) -> list[Any]:
    """Return values that *schema* allows; together they show every arm of every union."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return [] if name in under_way else samples(defs[name], defs, (*under_way, name))
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return [value for arm in schema[key] for value in samples(arm, defs, under_way)]
    if "const" in schema:
        return [schema["const"]]
    match schema.get("type"):
        case "string":
            return [schema["enum"][0] if "enum" in schema else "x"]
        case "integer":
            return [1]
        case "number":
            return [1.5]
        case "boolean":
            return [True]
        case "null":
            return []
        case "array":
            return [samples(schema.get("items", {}), defs, under_way)]
        case "object" if "properties" in schema:
            fields = {
                name: values
                for name, inner in schema["properties"].items()
                if (values := samples(inner, defs, under_way))
            }
            return [
                {name: values[min(number, len(values) - 1)] for name, values in fields.items()}
                for number in range(max(map(len, fields.values()), default=1))
            ]
        case "object":
            inner = schema.get("additionalProperties", {})
            return [{"x": value} for value in samples(inner, defs, under_way)[:1]]
    return [{"x": 1}]


def events() -> Iterator[Any]:
    """Yield each event of each stream, with its name and a payload for each kind of content."""
    for part, stream in CONTENT.items():
        if part == "made_from":
            continue
        defs = stream["$defs"]
        for arm in stream.get("anyOf", [stream]):
            payloads = samples(arm, defs)
            name = next(
                payloads[0][key] for key in ("event", "type", "object") if key in payloads[0]
            )
            yield pytest.param(part, name, payloads, id=f"{part}: {name}")


def test_agents_have_33_wire_names() -> None:
    """The list is complete: 31 names of a session, the output of a command, and the error."""
    names = [event.values[1] for event in events() if event.values[0] == "agents"]
    assert len(names) == len(set(names)) == 33
    assert len([name for name in names if str(name).startswith("agent.session.")]) == 31


@pytest.mark.parametrize(
    ("part", "name", "payloads"),
    [
        # Other tests reach the events of the other families.
        event
        if event.values[0] == "agents"
        else pytest.param(*event.values, id=event.id, marks=pytest.mark.unmeasured)
        for event in events()
    ],
)
def test_event_reaches_a_class_with_every_field(part: str, name: str, payloads: list[Any]) -> None:
    """No field of the client's types is left out."""
    for payload in payloads:
        data = payload.get("data", payload) if part == "assistants" else payload
        structure = Structurer(strict=True)
        is_named = part not in ("chat", "completions")
        event = decode(RawEvent(name if is_named else "message", json.dumps(data)), structure)
        assert not isinstance(event, UnknownEvent)
        assert event.type == name
        if isinstance(event, ErrorEvent):
            known = {"event_id": "x", "session_id": "x"} if part == "agents" else {}
            assert {name: getattr(event.error, name) for name in known} == known
            continue
        value: Any = event
        # An Assistants event carries its payload under the object's own name.
        for field in ("thread", "run", "run_step", "message"):
            value = getattr(value, field, value) if part == "assistants" else value
        assert list(lost(data, value, name)) == []
