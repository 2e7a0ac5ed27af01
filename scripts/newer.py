"""Bring the schemas of one document up to date with those of a newer one.

The official client has types for everything that the API sends, and is released more often than the
OpenAPI document. It calls most schemas by other names. So the two are compared by what is on the
wire: beginning at the events, which have their wire names, property by property; the classes of a
union are told by their `type`. What only the newer one has is added: an event, a property, a kind
of a union. An added property is never required, since older servers do not send it, and one that
the newer schema does not require no longer is. Nothing is removed.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from documents import (
    Arm,
    Schema,
    Schemas,
    arms_of,
    members_of,
    ref_name,
    tags_of,
    without_prose,
)

Node: TypeAlias = dict[str, Any]

_UNIONS = ("anyOf", "oneOf")


def update(
    schemas: Schemas,
    roots: Iterable[str],
    newer: Schemas,
    root: str,
    is_plain: Callable[[str, str], bool],
) -> Node:
    """Return *schemas* with what the *newer* schemas have beyond them.

    Args:
        schemas: The schemas of the older document; not changed.
        roots: The names of its unions of events.
        newer: The schemas of the newer document.
        root: The name of its union of events.
        is_plain: Whether a property of a schema, both by name, is not looked into.
    """
    return _Update(schemas, newer, is_plain).of([*roots], root)


class _Update:
    def __init__(
        self,
        schemas: Schemas,
        newer: Schemas,
        is_plain: Callable[[str, str], bool],
    ) -> None:
        self._schemas: Node = copy.deepcopy({**schemas})
        self._newer = newer
        self._is_plain = is_plain
        self._twins: dict[str, str] = {}  # newer schemas, and what they are called here
        self._adopted: dict[str, list[tuple[str, str]]] = {}  # their names there and here
        self._compared: set[tuple[int, int]] = set()
        # What to add, only when all has been compared.
        self._properties: list[tuple[Node, str, Node]] = []
        self._arms: list[tuple[Node, Node]] = []

    def of(self, roots: list[str], root: str) -> Node:
        """Compare the events, and add what is new."""
        ours = {
            tag: arm
            for name in roots
            for arm in arms_of({"$ref": name}, self._schemas)
            for tag in tags_of(arm.schema, self._schemas)
        }
        for arm in arms_of({"$ref": root}, self._newer):
            tag = tags_of(arm.schema, self._newer)[0]
            if tag in ours:
                self._match(ours[tag], arm)
            else:
                self._arms.append(({"$ref": roots[0]}, {"$ref": arm.name}))
        for node, name, schema in self._properties:
            node.setdefault("properties", {}).setdefault(name, self._ours(schema))
        for node, schema in self._arms:
            self._add_arm(node, self._ours(schema))
        return self._schemas

    def _match(self, ours: Arm, theirs: Arm) -> None:
        if theirs.name and ours.name:
            self._twins[theirs.name] = ours.name
        pair = id(ours.schema), id(theirs.schema)
        if pair in self._compared:
            return
        self._compared.add(pair)
        properties = dict(members_of(ours.schema, self._schemas))
        newer = dict(members_of(theirs.schema, self._newer))
        required = set(_required(theirs.schema, self._newer))
        for name, schema in newer.items():
            is_plain = self._is_plain(ours.name, name)
            if name not in properties:
                self._properties.append((ours.schema, name, {} if is_plain else schema))
            elif not is_plain:
                self._compare(properties[name], schema)
        self._relax(ours.schema, newer.keys() - required)

    def _compare(self, ours: Node, theirs: Node) -> None:
        """Compare the schemas of one property, or of the items of a list."""
        known, found = [*arms_of(ours, self._schemas)], [*arms_of(theirs, self._newer)]
        if any(not arm.kind for arm in known):
            return  # it can be anything
        by_tag = {tag: arm for arm in known for tag in tags_of(arm.schema, self._schemas)}
        for arm in found:
            same = [one for one in known if one.kind == arm.kind]
            if not arm.kind or (same and arm.kind not in ("object", "array")):
                continue
            tags = tags_of(arm.schema, self._newer)
            twin = next((by_tag[tag] for tag in tags if tag in by_tag), None)
            if twin is None and len(same) == 1 and not (tags and by_tag):
                [twin] = same
            if twin is None:
                self._arms.append((ours, {"$ref": arm.name} if arm.name else arm.schema))
            elif arm.kind == "object":
                self._match(twin, arm)
            elif arm.kind == "array":
                self._compare(twin.schema.setdefault("items", {}), arm.schema.get("items", {}))

    def _add_arm(self, node: Node, arm: Node) -> None:
        """Make *node* the union of what it is and *arm*; a union that has a name grows itself."""
        while True:
            inner = node
            if "$ref" in node:
                inner = self._schemas[ref_name(node)]
            elif len(node.get("allOf", ())) == 1:
                [inner] = node["allOf"]
            for key in _UNIONS:
                if key in inner:
                    if arm not in inner[key]:
                        inner[key].append(arm)
                    return
            if inner is node or "properties" in inner:
                break
            node = inner
        old = {**node}
        node.clear()
        node["anyOf"] = [old, arm]

    def _relax(self, schema: Node, names: set[str]) -> None:
        if "required" in schema:
            schema["required"] = [name for name in schema["required"] if name not in names]
        for part in schema.get("allOf", ()):
            self._relax(self._schemas[ref_name(part)] if "$ref" in part else part, names)

    def _ours(self, node: Any) -> Any:
        """Return a newer schema with the names that its schemas have here."""
        if isinstance(node, list):
            return [self._ours(inner) for inner in node]
        if not isinstance(node, dict):
            return node
        if "$ref" not in node:
            return {key: self._ours(inner) for key, inner in node.items()}
        name = ref_name(node)
        if name not in self._twins:
            self._twins[name] = self._adopt(name)
        return {"$ref": self._twins[name]}

    def _adopt(self, name: str) -> str:
        """Return the name here of a newer schema that has no twin."""
        # The client has one class for each place, often with the module in its name.
        short = name.rpartition("__")[2]
        key = json.dumps(without_prose(self._newer[name]), sort_keys=True)
        for known, own in self._adopted.get(key, ()):
            if known.endswith(short) or short.endswith(known):
                return own
        own, number = short, 2
        while own in self._schemas:
            own, number = f"{short}{number}", number + 1
        self._adopted.setdefault(key, []).append((short, own))
        self._schemas[own] = {}  # so that the name is taken
        self._twins[name] = own  # it may refer to itself
        self._schemas[own] = self._ours(self._newer[name])
        return own


def _required(schema: Schema, schemas: Schemas) -> Iterator[str]:
    for part in schema.get("allOf", ()):
        yield from _required(schemas[ref_name(part)] if "$ref" in part else part, schemas)
    yield from schema.get("required", ())
