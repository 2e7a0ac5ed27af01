"""JSON schemas of Python types, for the arguments and answers of a model.

`Structurer` reads JSON that matches such a schema. A *strict* schema is one that the server makes
the model follow: it lists all keys of all objects, and all of them are required. A field with a
default may be null, which means the default.

Source: https://platform.openai.com/docs/guides/structured-outputs
"""

from __future__ import annotations

import enum
import inspect
import re
from collections.abc import Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

import attrs

from openai_scan.events.decoding.records import (
    fields_of,
    is_model,
    is_record,
    tags_of,
    words_of,
)

__all__ = ["API", "described", "json_schema_format", "schema_of"]

API: TypeAlias = Literal["agents", "assistants", "chat", "responses"]
"""The APIs that take a schema, each in a different place of the request."""

_PRIMITIVES = {str: "string", bool: "boolean", int: "integer", float: "number", NoneType: "null"}

# The docstring sections that have an entry for each parameter or field.
_SECTIONS = ("Args:", "Arguments:", "Attributes:")
_TWO = "two classes have the name {}: rename one, because a schema refers to classes by name"

_ENTRY = re.compile(r"(\w+)(?: *\(.*?\))?: *(.*)")


def json_schema_format(cls: type, *, api: API = "chat") -> dict[str, Any]:
    """Return the format that makes the model answer with JSON for *cls*.

    For Chat and Assistants it is the `response_format`, for Responses the `format` of `text`, and
    for Agents the `format` of the agent's `text`::

        client.create_chat_completion_stream(response_format=json_schema_format(City), ...)
        text = {"format": json_schema_format(City, api="responses")}
        client.create_response_stream(text=text, ...)

    `StreamerV2.final_as(cls)` reads the answer.

    Args:
        cls: An attrs class, a dataclass, a TypedDict or a pydantic model.
        api: The API to make it for.

    Raises:
        TypeError: *cls* is not such a class, or has a field that a strict schema cannot describe.
    """
    if not is_record(cls) and not is_model(cls):
        raise TypeError(
            f"{_name(cls)} is not an attrs class, a dataclass, a TypedDict or a pydantic model"
        )
    schema = schema_of(cls)
    if schema.get("type") != "object":
        raise TypeError(f"{_name(cls)} is not a JSON object, which the API requires")
    if api == "agents":
        return {"type": "json_schema", "schema": schema}
    # The API wants the description of the outermost class next to the schema, not in it.
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
        kind: An attrs class, a dataclass, a TypedDict or a pydantic model; `str`, `int`, `float`,
            `bool`, a `Literal` or an `Enum`; an optional one, a union, or a `list`, a
            `tuple[..., ...]` or a `dict` of these. `Annotated[..., "words"]` adds a description.
        strict: Whether the schema must be strict. If not, `dict` and `Any` are allowed, and
            a field with a default may be left out.

    Raises:
        TypeError: *kind* has no such schema.
    """
    maker = _Maker(strict=strict, root=kind)
    if is_record(kind):
        schema = maker.class_schema(kind)
    elif is_model(kind):
        schema = maker.model_schema(kind)
    else:
        schema = maker.schema(kind)
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
    name, column = "", None  # the current entry, and the column of entries (None outside a section)
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
    """Makes one schema, which defines each nested class once and refers to it."""

    strict: bool
    root: Any
    definitions: dict[str, Any] = attrs.field(factory=dict)
    _classes: dict[str, Any] = attrs.field(factory=dict)

    def schema(self, kind: Any) -> dict[str, Any]:
        """Return the schema of any type."""
        origin, args = get_origin(kind), get_args(kind)
        if kind in _PRIMITIVES:
            return {"type": _PRIMITIVES[kind]}
        if origin is Annotated:
            return self._described(self.schema(args[0]), words_of(kind))
        if is_record(kind) or is_model(kind):
            return {"$ref": self._reference(kind)}
        if origin is Literal:
            return _choice([arg.value if isinstance(arg, enum.Enum) else arg for arg in args])
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
        raise TypeError(f"{_name(kind)} has no {'strict ' * self.strict}JSON schema")

    def class_schema(self, cls: Any) -> dict[str, Any]:
        """Return the schema of an attrs class, a dataclass or a TypedDict."""
        # A dataclass without a docstring gets its signature as its docstring.
        is_made_up = (cls.__doc__ or "").startswith(f"{cls.__name__}(")
        summary, texts = described(None if is_made_up else cls.__doc__)
        properties = {}
        required = []
        for field in fields_of(cls):
            try:
                schema = self.schema(field.type)
            except TypeError as error:
                raise TypeError(f"{cls.__name__}.{field.name}: {error}") from error.__cause__
            if field.required or self.strict:
                required.append(field.name)
            if not field.required and self.strict:
                schema = _nullable(schema)
            words = field.words or texts.get(field.name, "")
            properties[field.name] = self._described(schema, words)
        about = {"description": summary} if summary else {}
        rest = {"properties": properties, "required": required, "additionalProperties": False}
        return {"type": "object", **about, **rest}

    def model_schema(self, cls: Any) -> dict[str, Any]:
        """Return the schema that pydantic makes of a model, made strict if necessary."""
        try:
            schema: dict[str, Any] = cls.model_json_schema()
        except Exception as error:
            raise TypeError(f"{_name(cls)} has no JSON schema: {error}") from error
        definitions = schema.pop("$defs", {})
        if self.strict:
            for each in (schema, *definitions.values()):
                _make_strict(each, _name(cls))
        if "$ref" in schema:  # the model contains itself
            schema = {**definitions[schema["$ref"].rpartition("/")[2]], "title": cls.__name__}
        schema.pop("title", None)
        for name, each in definitions.items():
            if self.definitions.setdefault(name, each) != each:
                raise TypeError(_TWO.format(name))
        return schema

    def _described(self, schema: dict[str, Any], words: str) -> dict[str, Any]:
        # A strict schema allows nothing next to a reference.
        if not words or (self.strict and "$ref" in schema):
            return schema
        return {**schema, "description": words}

    def _reference(self, cls: Any) -> str:
        if cls is self.root and not is_model(cls):
            return "#"
        name = cls.__name__
        if self._classes.get(name) is not cls:
            schema = self.model_schema(cls) if is_model(cls) else None
            # A model defines the classes it contains, which may already be in the schema.
            if name in self._classes or self.definitions.get(name, schema) != schema:
                raise TypeError(_TWO.format(name))
            self._classes[name] = cls
            self.definitions[name] = schema or {}  # reserved: the class may refer to itself
            if schema is None:
                self.definitions[name] = self.class_schema(cls)
        return f"#/$defs/{name}"

    def _union(self, arms: Sequence[Any]) -> dict[str, Any]:
        several = len([arm for arm in arms if arm is not NoneType]) > 1
        for arm in arms if several else ():
            # Classes are distinguished by their `type`, everything else by its JSON type.
            if arm not in _PRIMITIVES and not tags_of(arm):
                raise TypeError(
                    f"{_name(arm)} cannot be in a union: use str, int, float, bool, None"
                    " and classes with a field type: Literal['...']"
                )
        return {"anyOf": [self.schema(arm) for arm in arms]}


def _make_strict(schema: dict[str, Any], model: str) -> None:
    """Make a schema from pydantic strict, in place.

    Raises:
        TypeError: No strict schema is equivalent.
    """
    ref = schema.get("$ref")
    if ref is not None:
        schema.clear()
        schema["$ref"] = ref
        return
    schema.pop("title", None)
    schema.pop("default", None)
    schema.pop("discriminator", None)
    if "oneOf" in schema:
        schema["anyOf"] = schema.pop("oneOf")
    if "enum" in schema and "type" not in schema:
        schema |= _choice(schema["enum"])
    if schema.get("type") == "object":
        if not schema.setdefault("properties", {}) and schema.get("additionalProperties"):
            raise TypeError(f"the dict in {model} has no strict JSON schema")
        required = schema.get("required", [])
        for name, each in schema["properties"].items():
            _make_strict(each, model)
            if name not in required:
                schema["properties"][name] = _nullable(each)
        schema["required"] = list(schema["properties"])
        schema["additionalProperties"] = False
    elif "prefixItems" in schema or not schema.keys() & {"type", "anyOf", "const", "enum"}:
        raise TypeError(f"a field of {model} has no strict JSON schema")
    for each in (*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())):
        _make_strict(each, model)


def _choice(values: Sequence[Any]) -> dict[str, Any]:
    kinds = dict.fromkeys(_PRIMITIVES.get(type(value)) for value in values)
    if None in kinds or not kinds:
        raise TypeError(
            "a Literal or Enum needs values of str, int, float, bool or None to have a JSON schema"
        )
    names = [kind for kind in kinds if kind is not None]
    return {"type": names[0] if len(names) == 1 else names, "enum": list(values)}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    null = {"type": "null"}
    if null in schema.get("anyOf", ()):
        return schema
    return {"anyOf": [schema, null]}


def _name(kind: Any) -> str:
    if get_args(kind):
        return str(kind)
    return str(getattr(kind, "__qualname__", kind)).removeprefix("typing.")
