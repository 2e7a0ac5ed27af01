"""The classes of other packages that a JSON object can become: what their fields are.

attrs classes, dataclasses and TypedDicts have fields whose types this package knows how to read. A
pydantic model describes and reads itself. pydantic is never imported here: if it is not loaded yet,
no class is a model of it.
"""

from __future__ import annotations

import dataclasses
import sys
from typing import Annotated, Any, Literal, TypeGuard, get_args, get_origin

import attrs
import typing_extensions

from openai_scan.values import KEY as KEY  # noqa: PLC0414 - the generated modules import it here

_REQUIREDNESS = (
    typing_extensions.Required,
    typing_extensions.NotRequired,
    typing_extensions.ReadOnly,
)


@attrs.frozen
class Field:
    """A field of a class, or a key of a TypedDict.

    Attributes:
        name: Its name, which is the key in JSON.
        type: Its type, without `Annotated` around it.
        required: Whether it has no default and must be there.
        words: What `Annotated` says about it, or "".
    """

    name: str
    type: Any
    required: bool
    words: str


def is_record(cls: Any) -> bool:
    """Return whether *cls* is an attrs class, a dataclass or a TypedDict."""
    return isinstance(cls, type) and (
        attrs.has(cls) or dataclasses.is_dataclass(cls) or typing_extensions.is_typeddict(cls)
    )


def is_foreign_record(cls: Any) -> bool:
    """Return whether *cls* is a dataclass or a TypedDict."""
    return is_record(cls) and not attrs.has(cls)


def is_model(cls: Any) -> TypeGuard[Any]:
    """Return whether *cls* is a pydantic model."""
    pydantic: Any = sys.modules.get("pydantic")
    return isinstance(cls, type) and pydantic is not None and issubclass(cls, pydantic.BaseModel)


def fields_of(cls: Any) -> tuple[Field, ...]:
    """Return the fields of an attrs class, a dataclass or a TypedDict, in order.

    Raises:
        TypeError: A type is a name that cannot be found.
    """
    try:
        return _fields_of(cls)
    except NameError as error:
        raise TypeError(f"a field of {cls.__qualname__} has an unknown type: {error}") from None


def _fields_of(cls: Any) -> tuple[Field, ...]:
    if attrs.has(cls):
        return tuple(
            _field(one.name, one.type, required=one.default is attrs.NOTHING)
            for one in attrs.fields(attrs.resolve_types(cls))
            if one.init
        )
    types = typing_extensions.get_type_hints(cls, include_extras=True)
    if dataclasses.is_dataclass(cls):
        missing = dataclasses.MISSING
        return tuple(
            _field(
                one.name,
                types[one.name],
                required=one.default is missing and one.default_factory is missing,
            )
            for one in dataclasses.fields(cls)
            if one.init
        )
    return tuple(
        _field(name, kind, required=name in cls.__required_keys__) for name, kind in types.items()
    )


def _field(name: str, kind: Any, *, required: bool) -> Field:
    words = ""
    while True:
        origin = get_origin(kind)
        if origin is Annotated:
            words = words or words_of(kind)
        elif origin is typing_extensions.NotRequired:
            required = False
        elif origin not in _REQUIREDNESS:
            return Field(name, kind, required, words)
        kind = get_args(kind)[0]


def words_of(kind: Any) -> str:
    """Return what `Annotated` says in words: a text, a `Doc`, or a pydantic field's description."""
    for word in kind.__metadata__:
        for text in (
            word,
            getattr(word, "documentation", None),
            getattr(word, "description", None),
        ):
            if isinstance(text, str):
                return text
    return ""


def tags_of(cls: Any) -> tuple[Any, ...]:
    """Return the values that the field `type` of a class can have, by which unions tell it."""
    if not is_record(cls):
        return ()
    for field in fields_of(cls):
        if field.name == "type" and get_origin(field.type) is Literal:
            return get_args(field.type)
    return ()


class _Missing:
    """What a field has whose own class knows its default."""


_MISSING: Any = _Missing()


def mirror_of(cls: Any) -> type:
    """Return an attrs class with the fields of a dataclass or a TypedDict.

    Its attributes have names of their own, since the keys of a TypedDict need not be names.
    """
    attributes = {}
    for number, field in enumerate(fields_of(cls)):
        default = attrs.NOTHING if field.required else _MISSING
        attributes[f"field_{number}"] = attrs.field(
            type=field.type, default=default, metadata={KEY: field.name}
        )
    return attrs.make_class(cls.__name__, attributes, kw_only=True, frozen=True)


def made_of(cls: Any, like: Any) -> Any:
    """Return the object of *cls* with the fields of *like*; its constructor may raise anything.

    Args:
        cls: A dataclass or a TypedDict.
        like: An object of its `mirror_of()`. What it lacks gets the default of *cls*.
    """
    values = {one.metadata[KEY]: getattr(like, one.name) for one in attrs.fields(type(like))}
    return cls(**{key: value for key, value in values.items() if value is not _MISSING})
