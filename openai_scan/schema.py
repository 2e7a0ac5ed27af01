"""JSON schemas of Python types, for the arguments and answers of a model.

`Structurer` reads JSON that matches such a schema. A *strict* schema is one that the server forces
the model to follow: it lists all keys of all objects, and all are required. A field with a default
may be null, which means the default.

Source: https://platform.openai.com/docs/guides/structured-outputs
"""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Sequence
from types import NoneType, UnionType
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin

import attrs

__all__ = ["API", "described", "json_schema_format", "schema_of"]

API: TypeAlias = Literal["assistants", "chat", "responses"]
"""The APIs that take a schema, each in a different place of the request."""

_PRIMITIVES = {str: "string", bool: "boolean", int: "integer", float: "number", NoneType: "null"}

# The sections of a docstring that have a line for each parameter or field.
_SECTIONS = ("Args:", "Arguments:", "Attributes:")
_ENTRY = re.compile(r"(\w+)(?: *\(.*?\))?: *(.*)")


def json_schema_format(cls: type, *, api: API = "chat") -> dict[str, Any]:
    """Return the format that makes the model answer with JSON for *cls*.

    For Chat and Assistants it is the `response_format`, for Responses the `format` of `text`::

        client.create_chat_completion_stream(response_format=json_schema_format(City), ...)
        text = {"format": json_schema_format(City, api="responses")}
        client.create_response_stream(text=text, ...)

    `StreamerV2.final_as(cls)` reads the answer.

    Args:
        cls: An attrs class.
        api: Which API it is for.

    Raises:
        TypeError: *cls* is not an attrs class, or has a field that no strict schema can describe.
    """
    if not attrs.has(cls):
        raise TypeError(f"{_name(cls)} is not an attrs class")
    schema = schema_of(cls)
    # The API takes the description of the outermost class beside the schema, not in it.
    about = {"name": cls.__name__}
    if "description" in schema:
        about["description"] = schema.pop("description")
    form = {**about, "schema": schema, "strict": True}
    if api == "responses":
        return {"type": "json_schema", **form}
    return {"type": "json_schema", "json_schema": form}


def schema_of(kind: Any, *, strict: bool = True) -> dict[str, Any]:
    """Return the JSON schema of a type.

    Args:
        kind: An attrs class; `str`, `int`, `float`, `bool`, a `Literal` or an `Enum`; an
            optional one, a union, or a `list`, a `tuple[..., ...]` or a `dict` of such.
        strict: Whether the schema must be strict. If not, `dict` and `Any` are possible, and
            a field with a default may be left out.

    Raises:
        TypeError: There is no such schema for *kind*.
    """
    maker = _Maker(strict=strict, root=kind)
    schema = maker.class_schema(kind) if attrs.has(kind) else maker.schema(kind)
    return {**schema, "$defs": maker.definitions} if maker.definitions else schema


def described(docstring: str | None) -> tuple[str, dict[str, str]]:
    """Return the first paragraph of a docstring, and what it says about each parameter.

    Args:
        docstring: A docstring in Google's style, or None.
    """
    lines = inspect.cleandoc(docstring or "").splitlines()
    summary = []
    for line in lines:
        if not line.strip() or line.strip() in _SECTIONS:
            break
        summary.append(line)
    texts: dict[str, str] = {}
    name, column = "", None  # the current entry, and where entries begin; None outside a section
    for line in filter(str.strip, lines):
        indent = len(line) - len(line.lstrip())
        if not indent:
            name, column = "", -1 if line.strip() in _SECTIONS else None
        elif column is not None:
            column = indent if column < 0 else column
            entry = _ENTRY.fullmatch(line.strip()) if indent == column else None
            if entry is not None:
                name, texts[entry[1]] = entry[1], entry[2]
            elif name:
                texts[name] = f"{texts[name]} {line.strip()}".lstrip()
    return " ".join(summary), texts


@attrs.define
class _Maker:
    """Makes one schema, in which each nested class is defined once and referred to."""

    strict: bool
    root: Any
    definitions: dict[str, Any] = attrs.field(factory=dict)
    _classes: dict[str, Any] = attrs.field(factory=dict)

    def schema(self, kind: Any) -> dict[str, Any]:
        """Return the schema of any type."""
        origin, args = get_origin(kind), get_args(kind)
        if kind in _PRIMITIVES:
            return {"type": _PRIMITIVES[kind]}
        if attrs.has(kind):
            return {"$ref": self._reference(kind)}
        if origin is Literal:
            return _choice(args)
        if isinstance(kind, enum.EnumMeta):
            members: list[enum.Enum] = list(kind)
            return _choice([member.value for member in members])
        if origin in (Union, UnionType):
            return self._union(args)
        if origin is list or (origin is tuple and args[1:] == (Ellipsis,)):
            return {"type": "array", "items": self.schema(args[0])}
        if not self.strict and kind in (Any, dict, list):
            return {} if kind is Any else {"type": "object" if kind is dict else "array"}
        if not self.strict and origin is dict and args[0] is str:
            return {"type": "object", "additionalProperties": self.schema(args[1])}
        raise TypeError(f"there is no {'strict ' * self.strict}JSON schema of {_name(kind)}")

    def class_schema(self, cls: Any) -> dict[str, Any]:
        """Return the schema of an attrs class."""
        summary, texts = described(cls.__doc__)
        properties = {}
        required = []
        for attribute in attrs.fields(attrs.resolve_types(cls)):
            if not attribute.init:
                continue
            schema = self.schema(attribute.type)
            if attribute.default is attrs.NOTHING or self.strict:
                required.append(attribute.name)
            if attribute.default is not attrs.NOTHING and self.strict:
                schema = _nullable(schema)
            # A strict schema allows nothing beside a reference.
            if attribute.name in texts and not (self.strict and "$ref" in schema):
                schema = {**schema, "description": texts[attribute.name]}
            properties[attribute.name] = schema
        about = {"description": summary} if summary else {}
        rest = {"properties": properties, "required": required, "additionalProperties": False}
        return {"type": "object", **about, **rest}

    def _reference(self, cls: Any) -> str:
        if cls is self.root:
            return "#"
        name = cls.__name__
        if self._classes.setdefault(name, cls) is not cls:
            raise TypeError(f"there are two classes {name}: a schema tells them apart by name")
        if name not in self.definitions:
            self.definitions[name] = {}  # reserved, so that the class may refer to itself
            self.definitions[name] = self.class_schema(cls)
        return f"#/$defs/{name}"

    def _union(self, arms: Sequence[Any]) -> dict[str, Any]:
        several = len([arm for arm in arms if arm is not NoneType]) > 1
        for arm in arms if several else ():
            # Classes are told apart by their `type`, everything else by its JSON type.
            if arm not in _PRIMITIVES and not _tags(arm):
                raise TypeError(
                    f"{_name(arm)} cannot be in a union: that takes str, int, float, bool, None"
                    " and attrs classes with a field type: Literal['...']"
                )
        return {"anyOf": [self.schema(arm) for arm in arms]}


def _choice(values: Sequence[Any]) -> dict[str, Any]:
    kinds = {_PRIMITIVES.get(type(value)) for value in values}
    if None in kinds:
        raise TypeError(
            "there is no JSON schema of a choice that is not of str, int, float or bool"
        )
    kind = {"type": kinds.pop()} if len(kinds) == 1 else {}
    return {**kind, "enum": list(values)}


def _tags(kind: Any) -> tuple[Any, ...]:
    """Return the values of the `type` of a class; nothing if *kind* is not such a class."""
    if not attrs.has(kind):
        return ()
    tag = attrs.fields_dict(attrs.resolve_types(kind)).get("type")
    return get_args(tag.type) if tag is not None and get_origin(tag.type) is Literal else ()


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    null = {"type": "null"}
    if null in schema.get("anyOf", ()):
        return schema
    return {"anyOf": [schema, null]}


def _name(kind: Any) -> str:
    if get_args(kind):
        return str(kind)
    return str(getattr(kind, "__qualname__", kind)).removeprefix("typing.")
