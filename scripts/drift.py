"""What the installed types lack against a document: the drift of the API since they were made.

It compares the classes themselves with the schemas, by what is on the wire, and knows nothing of
how the classes are made. So it is the check of the generator as well.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from types import NoneType
from typing import Any, get_args, get_origin

import attrs
from documents import Arm, Schema, Schemas, arms_of, members_of, tags_of
from overrides import Family

from openai_scan.events.decoding import hooks
from openai_scan.events.decoding.records import KEY
from openai_scan.events.decoding.records import tags_of as tags_of_class

# The events that all families share; they have classes of their own.
_SHARED = ("done", "error")

# Kinds of what can be new, each with its plural.
_KINDS = {"event": "events", "kind": "kinds", "field": "fields"}


class Drift:
    """What documents have and the types of one family do not.

    Args:
        family: The family.
        module: The package with its classes.
    """

    def __init__(self, family: Family, module: Any) -> None:
        self._family = family
        self._events = {
            one.wire_name: one for one in vars(module).values() if hasattr(one, "wire_name")
        }
        self._classes = vars(module)
        self._new: dict[str, dict[Any, str]] = {}

    def text(self) -> str:
        """Return the counts and the names of all that is new; "" if nothing is."""
        counts = [
            f"{len(names)} {kind if len(names) == 1 else _KINDS[kind]}"
            for kind in _KINDS
            if (names := self._new.get(kind))
        ]
        if not counts:
            return ""
        is_one = sum(map(len, self._new.values())) == 1
        lines = [f"{self._family.folder}: {', '.join(counts)} {'is' if is_one else 'are'} new"]
        for kind in _KINDS:
            lines += [f"  {kind} {name}" for name in sorted(self._new.get(kind, {}).values())]
        return "\n".join(lines)

    def compare(self, schemas: Schemas, roots: Iterable[str]) -> None:
        """Compare the classes with the events of *roots*, and with the objects beside them."""
        comparison = _Comparison(self._family, self._events, schemas, self._new)
        comparison.of(roots)
        for name in self._family.objects:
            if name in schemas:
                comparison.of_object(self._classes[self._family.names[name]], name)


def installed(folder: str) -> Any:
    """Return the package with the classes of a family."""
    return importlib.import_module(f"openai_scan.events.{folder}")


class _Comparison:
    """The comparison with one document."""

    def __init__(
        self,
        family: Family,
        events: Mapping[str, type],
        schemas: Schemas,
        new: dict[str, dict[Any, str]],
    ) -> None:
        self._family = family
        self._events = events
        self._schemas = schemas
        self._new = new
        self._compared: set[tuple[type, int]] = set()

    def of(self, roots: Iterable[str]) -> None:
        """Compare all events of *roots*."""
        for root in roots:
            for arm in arms_of({"$ref": root}, self._schemas):
                for name in tags_of(arm.schema, self._schemas):
                    if name in self._events:
                        self._event(self._events[name], arm.schema)
                    elif name not in _SHARED:
                        self._note("event", name, name)

    def of_object(self, cls: type, name: str) -> None:
        """Compare a class with its schema."""
        self._object(cls, self._schemas[name], {"object"})

    def _note(self, kind: str, key: Any, name: str) -> None:
        self._new.setdefault(kind, {}).setdefault(key, name)

    def _event(self, cls: type, schema: Schema) -> None:
        members = dict(members_of(schema, self._schemas))
        if "event" not in members:
            self._object(cls, schema, skipped={"type"})
            return
        # In an Assistants stream the payload has no name of its own; its class is the event's
        # only field, or the event itself.
        [payload] = arms_of(members["data"], self._schemas)
        fields = [one for one in attrs.fields(attrs.resolve_types(cls)) if one.name != "raw"]
        self._object(fields[0].type if len(fields) == 1 else cls, payload.schema, {"object"})

    def _object(self, cls: type, schema: Schema, skipped: Iterable[str] = ()) -> None:
        if (cls, id(schema)) in self._compared:
            return
        self._compared.add((cls, id(schema)))
        types = {
            one.metadata.get(KEY, one.name): one.type
            for one in attrs.fields(attrs.resolve_types(cls))
        }
        for key, inner in members_of(schema, self._schemas):
            place = f"{cls.__name__}.{key}"
            if key in skipped or {place, f"*.{key}"} & self._family.dropped:
                continue
            if key in types:
                self._value(types[key], inner, place)
            else:
                self._note("field", place, place)

    def _value(self, kind: Any, schema: Schema, place: str) -> None:
        arms = _arms_of_type(kind)
        unknown = hooks.unknown_of(kind)
        classes = [arm for arm in arms if attrs.has(arm) and arm is not unknown]
        lists = [arm for arm in arms if get_origin(arm) is tuple]
        by_tag = {tag: one for one in classes for tag in tags_of_class(one)}
        for arm in arms_of(schema, self._schemas):
            if arm.kind == "array" and lists:
                self._value(get_args(lists[0])[0], arm.schema.get("items", {}), place)
            elif arm.kind == "object" and classes:
                self._arm(classes, by_tag, arm, place)

    def _arm(self, classes: list[Any], by_tag: Mapping[Any, Any], arm: Arm, place: str) -> None:
        tags = tags_of(arm.schema, self._schemas)
        found = next((by_tag[tag] for tag in tags if tag in by_tag), None)
        if found is None and len(classes) == 1 and not by_tag:
            [found] = classes
        if found is not None:
            self._object(found, arm.schema)
        elif tags or any(members_of(arm.schema, self._schemas)):  # else it says only: an object
            name = tags[0] if tags else arm.name
            self._note("kind", (name, *classes), f"{name} in {place}")


def _arms_of_type(kind: Any) -> list[Any]:
    """Return the types that a value of *kind* can have, other than None."""
    return [arm for arm in hooks.arms_of(kind) if arm is not NoneType]
