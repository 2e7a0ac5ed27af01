"""Read what OpenAI publishes of its types: OpenAPI documents, and JSON schemas.

A document has one or more *parts*, each with schemas by name. An OpenAPI document is one part,
called `openapi`. A file of JSON schemas has a part for each of them, called as it is there; the
schema itself is one of the part's schemas, under the same name, beside those that it defines.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]

Schemas: TypeAlias = Mapping[str, Schema]

Parts: TypeAlias = dict[str, Schemas]

OPENAPI = "openapi"
"""The part that is an OpenAPI document."""

# What only a schema has, and no object of schemas.
_OF_SCHEMAS = {"$defs", "anyOf", "oneOf", "properties"}


def read_documents(paths: Iterable[Path]) -> Parts:
    """Return the parts of documents in JSON or YAML files."""
    parts: Parts = {}
    for path in paths:
        parts |= parts_of(_load(path), path.stem)
    return parts


def _load(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    if path.suffix in (".yaml", ".yml"):
        return importlib.import_module("yaml").safe_load(text)
    return json.loads(text)


def parts_of(document: Schema, name: str) -> Parts:
    """Return the parts of a document; *name* is that of a document that is one JSON schema."""
    if "components" in document:
        return {OPENAPI: document["components"]["schemas"]}
    if _OF_SCHEMAS & document.keys():
        return {name: _schemas(name, document)}
    return {
        key: _schemas(key, schema)
        for key, schema in document.items()
        if isinstance(schema, dict) and _OF_SCHEMAS & schema.keys()
    }


def _schemas(name: str, schema: Schema) -> dict[str, Schema]:
    root = {key: value for key, value in schema.items() if key != "$defs"}
    return {**schema.get("$defs", {}), name: root}


def ref_name(schema: Schema) -> str:
    """Return the name of the schema that one with `$ref` refers to."""
    return str(schema["$ref"]).rpartition("/")[2]


def const(schema: Schema) -> str | None:
    """Return the one value that *schema* allows, or None."""
    values = [schema["const"]] if "const" in schema else schema.get("enum", ())
    return str(values[0]) if len(values) == 1 else None


# What the generator reads of a schema.
_READ = frozenset(
    {
        *("$ref", "type", "enum", "const", "nullable", "format", "anyOf", "oneOf", "allOf"),
        *("properties", "required", "items", "additionalProperties"),
    }
)

# A property that tells classes apart has a few values at most.
_MOST_TAGS = 20


@dataclass
class Arm:
    """One of the schemas that a value can have."""

    name: str  # "" for one without a name
    schema: Schema

    @property
    def kind(self) -> str:
        """The type in JSON; "" for any."""
        if "properties" in self.schema or "allOf" in self.schema:
            return "object"
        return str(self.schema.get("type", "")).replace("integer", "number")


def arms_of(node: Schema, schemas: Schemas, name: str = "") -> Iterator[Arm]:
    """Yield the schemas that a value of *node* can have, other than null."""
    if "$ref" in node:
        yield from arms_of(schemas[ref_name(node)], schemas, ref_name(node))
    elif arms := node.get("anyOf") or node.get("oneOf"):
        for arm in arms:
            yield from arms_of(arm, schemas)
    elif len(parts := _parts_of(node)) == 1 and "properties" not in node:
        yield from arms_of(parts[0], schemas)
    elif isinstance(kinds := node.get("type"), list):
        for kind in kinds:
            yield from arms_of({**node, "type": kind}, schemas)
    elif node.get("type") != "null" and node.keys() != {"nullable"}:
        yield Arm(name, node)


def _parts_of(node: Schema) -> list[Schema]:
    """Return the schemas that all together are *node*, without what only allows null."""
    return [part for part in node.get("allOf", ()) if part.keys() != {"nullable"}]


def members_of(schema: Schema, schemas: Schemas) -> Iterator[tuple[str, Schema]]:
    """Yield the properties of an object, also of those that it is made of."""
    for part in schema.get("allOf", ()):
        yield from members_of(schemas[ref_name(part)] if "$ref" in part else part, schemas)
    yield from schema.get("properties", {}).items()


def tags_of(schema: Schema, schemas: Schemas) -> list[str]:
    """Return the values that tell an object of *schema* from others in a union."""
    members = dict(members_of(schema, schemas))
    for name in ("type", "object", "event"):
        for arm in arms_of(members.get(name, {}), schemas):
            if values := [arm.schema["const"]] if "const" in arm.schema else arm.schema.get("enum"):
                return [*values]
    return []


def _is_useless(key: str, value: Any) -> bool:
    """Return whether *value* says nothing: all models, or that there may be other properties."""
    match key:
        case "enum":
            return len(value) > _MOST_TAGS
        case "additionalProperties":
            return value is True
        case _:
            return False


def without_prose(node: Any) -> Any:
    """Return what the generator reads of a schema, or of anything in one."""
    match node:
        case dict():
            return {
                key: {name: without_prose(inner) for name, inner in value.items()}
                if key == "properties"
                else without_prose(value)
                for key, value in node.items()
                if key in _READ and not _is_useless(key, value)
            }
        case list():
            return [without_prose(inner) for inner in node]
        case _:
            return node
