"""Write the event families from OpenAI's schema: `python tools/generate_types.py openapi.json`.

Takes any OpenAPI document of OpenAI's, as JSON (or as YAML, if PyYAML is installed), and
`overrides.py`, which holds what the schema does not say. Writes `objects.py` and its neighbours,
`events.py` and `__init__.py` of each family, and its page of the reference; `base.py` is written
by hand. With `--check` it writes nothing and fails if a file is not up to date.

How a schema becomes a class: only what the schema requires, and no server was seen to leave out,
is required; all else is None, or `""` for a text that the schema promises. Lists are tuples, and
empty if left out. An enumeration is `str`, since servers send other words too. A union of classes
gets a name, and ends in `dict`, which takes the kinds that are not known yet.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from overrides import FAMILIES, Family

Schema: TypeAlias = Mapping[str, Any]

ROOT = Path(__file__).resolve().parent.parent
EVENTS = ROOT / "openai_scan" / "events"
REFERENCE = ROOT / "docs" / "reference"

HEADER = (
    "Made by tools/generate_types.py from OpenAI's schema and tools/overrides.py; change those."
)

# The event that every family shares; it has a class of its own.
SHARED_EVENT = "error"

# What the families have in common, by module.
SHARED_NAMES = {
    "openai_scan.events.base": ["Event"],
    "openai_scan.events.decoding.hooks": ["JSONText"],
    "openai_scan.events.decoding.structure": ["Structurer"],
    "openai_scan.sse": ["RawEvent"],
    "openai_scan.values": ["Value"],
}

# A comment on a field whose unit the type does not say.
UNITS = {"unixtime": "Unix seconds"}


class GeneratorError(Exception):
    """The schema or the overrides hold what this generator cannot write."""


@dataclass
class Field:
    """One field of a class to be."""

    name: str
    type: str  # without None
    default: str | None = None  # None for a field that is required
    comment: str = ""
    hidden: bool = False

    def demote(self) -> None:
        """Make it optional; a text that was promised is empty then."""
        if self.default is None:
            self.default = '""' if self.type == "str" else "None"

    def line(self) -> str:
        """Return the field as it stands in its class."""
        null = " | None" if self.default == "None" and self.type != "Any" else ""
        default = f"field(default={self.default}, repr=False)" if self.hidden else self.default
        value = "" if default is None else f" = {default}"
        comment = f"  # {self.comment}" if self.comment else ""
        return f"    {self.name}: {self.type}{null}{value}{comment}\n"


_ATTRS_USES = {"field": "= field(", "frozen": "@frozen"}


@dataclass
class Class:
    """A payload class or an event class to be."""

    name: str
    doc: str
    wire_name: str = ""  # of an event
    bases: Sequence[str] = ()
    fields: dict[str, Field] = field(default_factory=dict)

    def merge(self, other: Class) -> None:
        """Take in a class of the same name: what only one of the two has is optional."""
        for name in {**self.fields, **other.fields}:
            ours, theirs = self.fields.get(name), other.fields.get(name)
            if ours and theirs and ours.type != theirs.type:
                raise GeneratorError(f"{self.name}.{name} is {ours.type} and {theirs.type}")
            either = ours or theirs
            assert either is not None  # noqa: S101 - for the type checker
            if not ours or not theirs or theirs.default is not None:
                either.demote()
            self.fields[name] = either

    def text(self) -> str:
        """Return the class as it stands in its module."""
        doc = f"`{self.wire_name}`: {self.doc}" if self.wire_name else self.doc
        head = f"class {self.name}({', '.join(self.bases or ['Value'])}):"
        # What an event is there to bring comes first, so that a pattern can be as short as
        # `case ResponseCompleted(response)`. An event that may bring anything has no such field.
        positional = self.wire_name and any(one.default is None for one in self.fields.values())
        keywords = "slots=False, " if positional else "slots=False, kw_only=True, "
        decorator = f"@frozen({keywords}eq=False, repr=False)"
        lines = [f'{decorator}\n{head}\n    """{doc}"""\n']
        if self.wire_name:
            lines.append(f'    wire_name: ClassVar[str] = "{self.wire_name}"\n')
        if self.fields:
            lines.append("".join(one.line() for one in sorted(self.fields.values(), key=_rank)))
        return "\n".join(lines)


@dataclass
class Alias:
    """A named union to be."""

    name: str
    arms: Sequence[str]

    def text(self) -> str:
        """Return the alias as it stands in its module."""
        return f"{self.name}: TypeAlias = {' | '.join(self.arms)}\n"


class FamilyModel:
    """One family: the classes and aliases that its events need, in order of definition."""

    def __init__(self, family: Family, schemas: Mapping[str, Schema]) -> None:
        self.family = family
        self.objects: dict[str, Class | Alias] = {}
        self.events: list[Class] = []
        self._schemas = schemas
        self._under_way: set[str] = set()
        self._seen: set[tuple[str, str]] = set()  # overrides that have matched
        self._walked: set[str] = set()  # inline schemas and components that are done
        for root in family.roots:
            for name in self._arms(root):
                self._add_event(name)
        for wire_name, fields in family.new_events.items():
            self._see("new_events", wire_name)
            self.events.append(self._event_class(wire_name, self._new_fields(fields)))
        self._check_overrides()

    # Events.

    def _arms(self, root: str) -> list[str]:
        """Return the names of the event schemas in *root*: itself, or those of its union."""
        schema = self._schema(root)
        arms = schema.get("anyOf") or schema.get("oneOf")
        return [_ref_name(arm) for arm in arms] if arms else [root]

    def _add_event(self, name: str) -> None:
        properties, required = self._properties(self._schema(name))
        tag = "type" if _const(properties.get("type", {})) else "object"
        wire_name = _const(properties.get(tag, {}))
        if wire_name is None:
            raise GeneratorError(f"{name} has no wire name")
        if wire_name == SHARED_EVENT:
            return
        properties = {key: value for key, value in properties.items() if key != "type"}
        event_name = self._event_name(wire_name)
        fields = self._fields(event_name, name, properties, required)
        self.events.append(self._event_class(wire_name, fields))

    def _event_name(self, wire_name: str) -> str:
        if (name := self.family.event_names.get(wire_name)) is not None:
            self._see("event_names", wire_name)
            return name
        return "".join(word.title() for word in re.split(r"[._]", wire_name))

    def _event_class(self, wire_name: str, fields: dict[str, Field]) -> Class:
        name = self._event_name(wire_name)
        self._see("bases", name)
        bases = self.family.bases.get(name, [self.family.base])
        return Class(name, self._doc(name), wire_name, bases, fields)

    def _doc(self, name: str) -> str:
        if name not in self.family.docs:
            raise GeneratorError(f"{name} is new: say in overrides.py (docs) what it is")
        self._see("docs", name)
        return self.family.docs[name]

    # Fields.

    def _fields(
        self, owner: str, path: str, properties: Mapping[str, Schema], required: Sequence[str]
    ) -> dict[str, Field]:
        """Return the fields of the class *owner*, whose schema is at *path*."""
        fields: dict[str, Field] = {}
        for name, schema in properties.items():
            if not self._matches("dropped", owner, name):
                fields[name] = self._field(owner, f"{path}.{name}", name, schema, name in required)
        for place, type_ in self.family.extra.items():
            if place.partition(".")[0] == owner:
                self._see("extra", place)
                name = place.partition(".")[2]
                fields[name] = self._new_field(name, type_, "sent, but not in the schema")
        return fields

    def _field(
        self,
        owner: str,
        path: str,
        name: str,
        schema: Schema,
        required: bool,  # noqa: FBT001 - as the schema has it
    ) -> Field:
        place = f"{owner}.{name}"
        made: Field
        if (loose := self.family.loose.get(place)) is not None:
            self._see("loose", place)
            made = self._new_field(name, loose, "")
        elif (const := _const(schema)) is not None and name in ("type", "object"):
            kind = f'Literal["{const}"]' if name == "type" else "str"
            made = Field(name, kind, f'"{const}"')
        else:
            inner, nullable = self._unwrap_null(schema)
            made = Field(name, self._type(inner, path))
            made.comment = UNITS.get(str(inner.get("format")), "")
            if made.type.startswith("tuple["):
                made.default = "()"
            elif nullable or not required:
                made.default = "None"
            if self._matches("optional", owner, name):
                made.demote()
        if place in self.family.defaults:
            self._see("defaults", place)
            made.default = self.family.defaults[place]
        made.hidden = self._matches("hidden", owner, name)
        return made

    def _new_fields(self, fields: Mapping[str, str]) -> dict[str, Field]:
        return {name: self._new_field(name, type_, "") for name, type_ in fields.items()}

    def _new_field(self, name: str, type_: str, comment: str) -> Field:
        """Return the field for a type that the overrides write out."""
        for word in re.findall(r"\w+", type_):
            if word in self.family.new_objects and word not in self.objects:
                self._see("new_objects", word)
                fields = self._new_fields(self.family.new_objects[word])
                self.objects[word] = Class(word, self._doc(word), fields=fields)
        inner = type_.removesuffix(" | None")
        default = "()" if inner.startswith("tuple[") else "None" if inner != type_ else None
        return Field(name, inner, default, comment)

    # Types.

    def _type(self, schema: Schema, path: str) -> str:
        """Return the type of *schema*, without None, as it stands in the code."""
        schema, _ = self._unwrap_null(schema)
        if "$ref" in schema:
            return self._type_of_ref(_ref_name(schema))
        if arms := schema.get("anyOf") or schema.get("oneOf"):
            return self._union([self._type(arm, path) for arm in arms], path)
        match schema.get("type"):
            case "string":
                return "str"
            case "integer":
                return "int"
            case "number":
                return "float"
            case "boolean":
                return "bool"
            case "array":
                items = self._type(schema.get("items", {}), f"{path}[]")
                return f"tuple[{items}, ...]"
            case _ if "properties" in schema or "allOf" in schema:
                return self._class(path, schema)
            case "object":
                values = self._type(schema.get("additionalProperties") or {}, path)
                return f"dict[str, {values if values == 'str' else 'Any'}]"
            case _:
                return "Any"

    def _type_of_ref(self, name: str) -> str:
        schema, _ = self._unwrap_null(self._schema(name))
        if "properties" in schema or "allOf" in schema:
            return self._class(name, schema)
        return self._type(schema, name)

    def _union(self, arms: Sequence[str], path: str) -> str:
        """Return the union of *arms*; one of several classes gets a name."""
        arms = list(dict.fromkeys(arms))
        if "Any" in arms or len([arm for arm in arms if arm.startswith("tuple[")]) > 1:
            return "Any"
        classes = [arm for arm in arms if arm in self.objects]
        if len(arms) == 1 or len(classes) < 2:
            return " | ".join(arms)
        alias = Alias(self._name(path), [*arms, "dict[str, Any]"])
        known = self.objects.setdefault(alias.name, alias)
        if known != alias:
            raise GeneratorError(f"{path}: {alias.name} is taken; name it in overrides.py (names)")
        return alias.name

    def _class(self, path: str, schema: Schema) -> str:
        """Return the name of the class for *schema*, which is defined before whoever asks."""
        name = self._name(path)
        if path in self._walked or path in self._under_way:
            return name
        self._under_way.add(path)
        properties, required = self._properties(schema)
        made = Class(name, self._doc(name), fields=self._fields(name, path, properties, required))
        self._under_way.discard(path)
        self._walked.add(path)
        known = self.objects.get(name)
        if isinstance(known, Class):
            known.merge(made)
        else:
            self.objects[name] = made
        return name

    def _name(self, path: str) -> str:
        """Return the class name for the schema at *path*."""
        if path in self.family.names:
            self._see("names", path)
            return self.family.names[path]
        if "." in path:
            raise GeneratorError(f"{path} needs a name: give it one in overrides.py (names)")
        return re.sub(r"(Param|Resource|Body)$", "", path)

    # Schemas.

    def _schema(self, name: str) -> Schema:
        if name not in self._schemas:
            raise GeneratorError(f"the document has no schema {name}")
        return self._schemas[name]

    def _unwrap_null(self, schema: Schema) -> tuple[Schema, bool]:
        """Return *schema* without null, and whether null was in it: it is spelled in six ways."""
        nullable = bool(schema.get("nullable"))
        if isinstance(types := schema.get("type"), list):
            rest = [one for one in types if one != "null"]
            return {**schema, "type": rest[0]}, nullable or len(rest) < len(types)
        if "$ref" in schema:
            _, inner_nullable = self._unwrap_null(self._schema(_ref_name(schema)))
            return schema, nullable or inner_nullable
        for key in ("anyOf", "oneOf", "allOf"):
            arms = [arm for arm in schema.get(key, ()) if arm.get("type") != "null"]
            arms = [arm for arm in arms if arm.keys() != {"nullable"}]
            if len(arms) == 1:
                inner, _ = self._unwrap_null(arms[0])
                return inner, nullable or len(arms) < len(schema[key])
            if arms and len(arms) < len(schema[key]):
                return {**schema, key: arms}, True
        return schema, nullable

    def _properties(self, schema: Schema) -> tuple[dict[str, Schema], list[str]]:
        """Return the properties of an object and which are required, those of `allOf` first."""
        properties: dict[str, Schema] = {}
        required: list[str] = []
        for part in schema.get("allOf", ()):
            inner = self._schema(_ref_name(part)) if "$ref" in part else part
            inner_properties, inner_required = self._properties(inner)
            properties |= inner_properties
            required += inner_required
        properties |= schema.get("properties", {})
        return properties, required + list(schema.get("required", ()))

    # Overrides.

    def _matches(self, override: str, owner: str, name: str) -> bool:
        places = getattr(self.family, override)
        for place in (f"{owner}.{name}", f"*.{name}"):
            if place in places:
                self._see(override, place)
                return True
        return False

    def _see(self, override: str, key: str) -> None:
        self._seen.add((override, key))

    def _check_overrides(self) -> None:
        """Refuse overrides that match nothing: the schema has changed, or they were never true."""
        wire_names = {event.wire_name for event in self.events}
        self._seen |= {("frequent", name) for name in wire_names}
        unseen = [
            f"{override}: {key}"
            for override in (
                *("names", "event_names", "optional", "defaults", "extra", "loose", "dropped"),
                *("hidden", "new_objects", "new_events", "bases", "frequent", "docs"),
            )
            for key in sorted(getattr(self.family, override))
            if (override, key) not in self._seen
        ]
        if unseen:
            raise GeneratorError(
                f"overrides of {self.family.folder} that match nothing: {', '.join(unseen)}"
            )

    # What goes where.

    def modules(self) -> dict[str, list[Class | Alias]]:
        """Return the objects by module, those that others need first."""
        left = dict(self.objects)
        modules = {}
        for module, roots in self.family.modules.items():
            needed = set()
            for root in roots:
                needed |= self._needed_by(root)
            modules[module] = [left.pop(name) for name in list(left) if name in needed]
        return {**modules, "objects": list(left.values())}

    def _needed_by(self, name: str) -> set[str]:
        """Return the names of the objects that *name* is made of, itself included."""
        needed = {name}
        for word in re.findall(r"\w+", self.objects[name].text()):
            if word in self.objects and word not in needed:
                needed |= self._needed_by(word)
        return needed

    def matched_events(self) -> list[Class]:
        """Return the events in the order in which the match tries them."""
        frequent = {name: place for place, name in enumerate(self.family.frequent)}
        return sorted(self.events, key=lambda event: frequent.get(event.wire_name, len(frequent)))


def _rank(made: Field) -> int:
    """Put what is always there first, and the tag of a union, which says nothing new, last."""
    return 2 if made.name == "type" else 1 if made.default is not None else 0


def _ref_name(schema: Schema) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _const(schema: Schema) -> str | None:
    """Return the one value that *schema* allows, or None."""
    values = [schema["const"]] if "const" in schema else schema.get("enum", ())
    return str(values[0]) if len(values) == 1 else None


# From the model to the text of the modules.


def render(model: FamilyModel) -> dict[str, str]:
    """Return the text of each module of a family, complete but not yet formatted."""
    family = model.family
    package = f"openai_scan.events.{family.folder}"
    modules = model.modules()
    names = {
        f"{package}.{module}": [one.name for one in objects] for module, objects in modules.items()
    }
    texts = {
        f"{module}.py": _module(
            f'"""The {module} of {family.title}.\n\n{HEADER}\n\nSource: {family.source}\n"""',
            "\n\n".join(one.text() for one in objects),
            names,
        )
        for module, objects in modules.items()
    }
    bases = sorted({base for event in model.events for base in event.bases} - {"Event"})
    names[f"{package}.base"] = bases
    intro = (
        f'"""The events of {family.title}: one class per wire name, '
        f"and the match that picks it.\n\n"
        f'{HEADER}\nTheir bases are in base.py.\n\nSource: {family.source}\n"""'
    )
    body = "\n\n".join([*(event.text() for event in model.events), _match(model.matched_events())])
    texts["events.py"] = _module(intro, body, names)
    del names[f"{package}.base"]
    names[f"{package}.events"] = [*(event.name for event in model.events), "decode"]
    shown = sorted(name for group in names.values() for name in group)
    texts["__init__.py"] = (
        f'"""The family of {family.title}: everything that changes when that API changes.\n\n'
        f'{HEADER}\n"""\n\n'
        + "\n".join(
            f"from {module} import ({', '.join(sorted(group))})"
            for module, group in names.items()
            if group
        )
        + f"\n\n__all__ = [{', '.join(repr(name) for name in shown)}]\n"
    )
    return texts


def _module(intro: str, body: str, names: Mapping[str, Sequence[str]]) -> str:
    """Return a module with the imports that its body needs."""
    names = {**SHARED_NAMES, **names}
    words = set(re.findall(r"\w+", re.sub(r'""".*?"""', "", body, flags=re.DOTALL)))
    own = set(re.findall(r"^(?:class )?(\w+)(?:\(.*\))?:", body, re.MULTILINE))
    typing_names = [name for name in ("Any", "ClassVar", "Literal", "TypeAlias") if name in words]
    attrs_names = [name for name, use in _ATTRS_USES.items() if use in body]
    imports = ["from __future__ import annotations"]
    imports += [f"from typing import {', '.join(typing_names)}"] if typing_names else []
    imports += [f"from attrs import {', '.join(attrs_names)}"] if attrs_names else []
    for module, group in names.items():
        used = sorted(words.intersection(group) - own)
        imports += [f"from {module} import ({', '.join(used)})"] if used else []
    return "\n\n".join([intro, "\n".join(imports), body]) + "\n"


def _match(events: Sequence[Class]) -> str:
    """Return the function that picks the class for a wire name."""
    arms = "".join(
        f'        case "{event.wire_name}":\n            event_class = {event.name}\n'
        for event in events
    )
    return (
        "def decode(name: str, payload: Any, raw: RawEvent, structure: Structurer)"
        " -> Event | None:\n"
        '    """Return the event that *name* stands for, or None if this version does not know it.'
        "\n\n    Raises:\n        DecodeError: The payload does not fit the event's class.\n"
        '    """\n'
        "    event_class: type[Event]\n"
        "    match name:\n"
        f"{arms}        case _:\n            return None\n"
        "    return structure.event(payload, event_class, raw)\n"
    )


def reference_page(model: FamilyModel) -> str:
    """Return the family's page of the reference, which is Markdown."""
    module = f"openai_scan.events.{model.family.folder}"
    events = [f"autoclass:: {module}.{one.name}" for one in model.events]
    objects = [
        f"{'autoclass' if isinstance(one, Class) else 'autodata'}:: {module}.{one.name}"
        for one in model.objects.values()
    ]
    sections = {
        "Events": events,
        "Objects": objects,
        "Functions": [f"autofunction:: {module}.decode"],
    }
    return (
        f"# events.{model.family.folder}\n\n```{{eval-rst}}\n.. automodule:: {module}\n```\n"
        + "".join(
            f"\n## {title}\n\n```{{eval-rst}}\n.. " + "\n.. ".join(entries) + "\n```\n"
            for title, entries in sections.items()
        )
    )


def tidy(text: str, path: Path) -> str:
    """Return *text* as ruff sorts and formats it."""
    sorting = ["check", "--fix-only", "--quiet", "--select=I,RUF022"]
    for arguments in (sorting, ["format", "--quiet"]):
        command = [sys.executable, "-m", "ruff", *arguments, f"--stdin-filename={path}", "-"]
        text = subprocess.run(  # noqa: S603 - the command is ours
            command, input=text, text=True, check=True, capture_output=True, encoding="utf-8"
        ).stdout
    return text


def read_document(path: Path) -> Schema:
    """Return the OpenAPI document in a JSON or YAML file."""
    text = path.read_text(encoding="utf-8")
    if path.suffix in (".yaml", ".yml"):
        loaded: Schema = importlib.import_module("yaml").safe_load(text)
        return loaded
    parsed: Schema = json.loads(text)
    return parsed


def generate(document: Schema, families: Sequence[Family] = FAMILIES) -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of each generated file."""
    for family in families:
        model = FamilyModel(family, document["components"]["schemas"])
        for name, text in render(model).items():
            path = EVENTS / family.folder / name
            yield path, tidy(text, path)
        yield REFERENCE / f"events.{family.folder}.md", reference_page(model)


def main() -> int:
    """Write the files, or check that they are up to date."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("document", type=Path, help="an OpenAPI document of OpenAI's")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if out of date")
    options = parser.parse_args()
    stale = []
    for path, text in generate(read_document(options.document)):
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path.relative_to(ROOT))
        if not options.check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
    for path in stale:
        print("out of date:" if options.check else "written:", path)
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
