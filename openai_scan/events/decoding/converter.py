"""The cattrs converter, for classes of other packages and for payloads that do not match.

It is slow, but its errors say where in a payload something does not match, and so what can be left
out. It is imported only when one of these two is needed: loading cattrs takes as long as loading
all classes of a family.

An error object takes a thousand times the memory of the `1` that caused it. So a list or a map
stops at its first `MAX_FAULTS` faults, those inside its items included, and is then one fault
itself. That bounds the errors of a whole payload.
"""

from __future__ import annotations

import enum
import functools
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias, get_args, get_origin

import attrs
import cattrs
from cattrs.cols import (
    homogenous_tuple_structure_factory,
    is_mapping,
    list_structure_factory,
    mapping_structure_factory,
)
from cattrs.errors import (
    BaseValidationError,
    ClassValidationError,
    IterableValidationError,
    IterableValidationNote,
)
from cattrs.gen import make_dict_structure_fn, override

from openai_scan.events.decoding import hooks
from openai_scan.events.decoding.hooks import RAW, Hook
from openai_scan.events.decoding.models import model_hook
from openai_scan.events.decoding.records import (
    KEY,
    is_foreign_record,
    is_model,
    made_of,
    mirror_of,
)
from openai_scan.interruptions import pass_interruption
from openai_scan.sse import RawEvent

log = logging.getLogger("openai_scan")

MISFITS = (BaseValidationError, hooks.UnfitError)
"""What the detailed converter raises if a payload does not match."""

MAX_FAULTS = 100
"""How many faults inside one list or map are told apart; one with more is left out whole."""

# Characters of one key in a path. The server chooses the keys of a map.
_MAX_KEY = 200

_GAP = object()
"""A placeholder for an item that is left out."""


@functools.cache
def converter(*, detailed: bool = False) -> cattrs.Converter:
    """Return the converter; the detailed one is slower and reports where a payload is wrong."""
    made = cattrs.Converter(detailed_validation=detailed)
    for kind in (str, int, float, bool):
        made.register_structure_hook(kind, hooks.checked(kind))
    made.register_structure_hook_func(lambda cls: cls == hooks.JSONText, hooks.json_text)
    made.register_structure_hook_func(lambda cls: cls == hooks.Index, hooks.index)
    made.register_structure_hook_factory(hooks.is_literal, lambda _: hooks.literal)
    made.register_structure_hook(enum.Enum, _enum)
    made.register_structure_hook_factory(hooks.is_tuple, partial(_tuple_hook, made, detailed))
    made.register_structure_hook_factory(_is_list, partial(_list_hook, made, detailed))
    made.register_structure_hook_factory(is_mapping, partial(_dict_hook, made, detailed))
    made.register_structure_hook_factory(hooks.is_union, partial(_union_hook, made))
    made.register_structure_hook_factory(attrs.has, partial(_class_hook, made, detailed=detailed))
    made.register_structure_hook_factory(is_foreign_record, partial(_record_hook, made))
    made.register_structure_hook_factory(is_model, model_hook)
    return made


def _tuple_hook(made: cattrs.Converter, detailed: bool, cls: Any) -> Hook:  # noqa: FBT001 - bound
    if not detailed:
        return hooks.tuple_hook(cls, homogenous_tuple_structure_factory(cls, made))
    structure_items = _items_hook(made, get_args(cls)[0])
    return hooks.tuple_hook(cls, lambda value, _: tuple(structure_items(value, cls)))


def _union_hook(made: cattrs.Converter, cls: Any) -> Hook:
    return hooks.union_hook(cls, made.get_structure_hook)


def _dict_hook(made: cattrs.Converter, detailed: bool, cls: Any) -> Hook:  # noqa: FBT001 - bound
    if detailed and get_args(cls):
        return hooks.dict_hook(_entries_hook(made, *get_args(cls)))
    return hooks.dict_hook(mapping_structure_factory(cls, made))


def _enum(value: Any, cls: Any) -> Any:
    for member in cls:
        if hooks.is_same(value, member.value):
            return member
    raise hooks.UnfitError(" or ".join(repr(member.value) for member in cls))


def _is_list(cls: Any) -> bool:
    return cls is list or get_origin(cls) is list


def _list_hook(made: cattrs.Converter, detailed: bool, cls: Any) -> Hook:  # noqa: FBT001 - bound
    if detailed and get_args(cls):
        structure_items = _items_hook(made, get_args(cls)[0])
    else:
        structure_items = list_structure_factory(cls, made)

    def hook(value: Any, _: Any) -> Any:
        if value is None:
            return []
        if not isinstance(value, list):
            raise hooks.UnfitError("list")
        return structure_items(value, cls)

    return hook


def _items_hook(made: cattrs.Converter, kind: Any) -> Hook:
    """Return the hook for a list of *kind* that stops at the first `MAX_FAULTS` faults."""

    def hook(value: Any, cls: Any) -> list[Any]:
        structure = made.get_structure_hook(kind)  # only now: a class may contain itself
        items: list[Any] = []
        _take_each(enumerate(value), lambda _, item: items.append(structure(item, kind)), kind, cls)
        return items

    return hook


def _entries_hook(made: cattrs.Converter, key_kind: Any, kind: Any) -> Hook:
    """Return the hook for a map that stops at the first `MAX_FAULTS` faults."""

    def hook(value: Any, cls: Any) -> dict[Any, Any]:
        structure_key = made.get_structure_hook(key_kind)
        structure = made.get_structure_hook(kind)
        entries: dict[Any, Any] = {}

        def take(key: Any, item: Any) -> None:
            entries[structure_key(key, key_kind)] = structure(item, kind)

        _take_each(value.items(), take, kind, cls)
        return entries

    return hook


def _take_each(
    items: Iterable[tuple[Any, Any]], take: Callable[[Any, Any], None], kind: Any, cls: Any
) -> None:
    """Take all items, or raise an error with the first faults among them.

    Args:
        items: Each with its index or key.
        take: Takes one; what it raises is a fault.
        kind: The type of each.
        cls: The type of the list or map.
    """
    errors: list[Exception] = []
    found = 0
    for place, item in items:
        try:
            take(place, item)
        except Exception as error:  # noqa: BLE001 - any error of a hook is a fault
            pass_interruption(error)
            note = IterableValidationNote("", place, kind)
            error.__notes__ = [*getattr(error, "__notes__", ()), note]
            errors.append(error)
            found += _count(error)
        if found > MAX_FAULTS:
            raise _TooManyFaultsError(IterableValidationError("the first", errors[:1], cls))
    if errors:
        raise IterableValidationError("all", errors, cls)


class _TooManyFaultsError(Exception):
    """A list or a map has so many faults that it is itself one; it keeps the *first* of them."""

    def __init__(self, first: IterableValidationError) -> None:
        super().__init__(f"more than {MAX_FAULTS} faults inside")
        self.first = first


def _count(error: Exception) -> int:
    """Return the number of faults in *error*."""
    if isinstance(error, BaseValidationError):
        return sum(map(_count, error.exceptions))
    return 1


def _class_hook(made: cattrs.Converter, cls: Any, *, detailed: bool) -> Hook:
    """Return the hook for an attrs class: unknown keys are ignored, null is the default."""
    overrides = {}
    attributes = attrs.fields(attrs.resolve_types(get_origin(cls) or cls))
    for attribute in attributes:
        key = attribute.metadata.get(KEY)
        if attribute.type is RawEvent:
            overrides[attribute.name] = override(rename=RAW, struct_hook=hooks.as_is)
        elif attribute.default not in (attrs.NOTHING, None, ()):  # the hooks of these take null
            hook = _null_is(attribute.default, made, attribute.type)
            overrides[attribute.name] = override(rename=key, struct_hook=hook)
        elif key is not None:
            overrides[attribute.name] = override(rename=key)
    # Without details, cattrs generates code that is not valid Python if a required keyword-only
    # field comes before a positional one.
    detailed = detailed or any(one.kw_only and one.default is attrs.NOTHING for one in attributes)
    structure_fields = make_dict_structure_fn(
        cls,
        made,
        _cattrs_detailed_validation=detailed,
        **overrides,  # type: ignore[arg-type] # they are named like the fields
    )

    # Their defaults are made of the object itself, so that only leaving them out gives these.
    own_defaults = [one.name for one in attributes if getattr(one.default, "takes_self", False)]

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):
            raise hooks.UnfitError("object")
        if any(name in value and value[name] is None for name in own_defaults):
            value = {
                key: item
                for key, item in value.items()
                if item is not None or key not in own_defaults
            }
        return structure_fields(value, cls)

    return structure


def _record_hook(made: cattrs.Converter, cls: Any) -> Hook:
    """Return the hook for a dataclass or a TypedDict, read by way of an attrs class like it."""

    @functools.cache
    def mirror() -> type:  # only when it is needed: a class may contain itself
        return mirror_of(cls)

    def hook(value: Any, _: Any) -> Any:
        like = mirror()
        read: Any = made.structure(value, like)
        try:
            return made_of(cls, read)
        except Exception as error:  # noqa: BLE001 - whatever the class says about its fields
            pass_interruption(error)
            raise ClassValidationError(cls.__name__, [error], like) from None

    return hook


def _null_is(default: Any, made: cattrs.Converter, kind: Any) -> Hook:
    structure = made.get_structure_hook(kind)
    is_factory = isinstance(default, attrs.Factory)  # type: ignore[arg-type] # it is a class

    def hook(value: Any, _: Any) -> Any:
        if value is not None:
            return structure(value, kind)
        return default.factory() if is_factory else default

    return hook


@attrs.frozen
class _Step:
    """One step of the path to a value: a key or an index, and what may be done there."""

    key: str | int
    drop: bool  # the value may be left out
    loosen: bool  # an object may count as one of an unknown kind


_Mends: TypeAlias = "dict[str | int, _Mends | _Step]"
"""What to correct, by key or index: the place itself, or the places inside it."""


@attrs.frozen
class Fault:
    """What is wrong with a payload, and where."""

    path: tuple[_Step, ...]
    reason: str

    def place(self, *, indexes: bool = True) -> str:
        """Return the path as JSONPath; without *indexes*, each index is `[]`."""
        return _place(self.path, indexes=indexes)

    def way(self) -> tuple[_Step, ...]:
        """Return the path to the nearest place where the fault can be corrected; () if none."""
        mendable = [depth for depth, step in enumerate(self.path) if step.drop or step.loosen]
        return self.path[: mendable[-1] + 1] if mendable else ()

    def removed(self) -> str:
        """Return the place that the correction omits, as JSONPath without indexes."""
        return _place(self.way(), indexes=False)

    def value_in(self, payload: Any) -> Any:
        """Return the value that the correction omits from *payload*."""
        for step in self.way():
            payload = payload[step.key]
        return payload


def _place(path: tuple[_Step, ...], *, indexes: bool) -> str:
    return "$" + "".join(
        f".{key[:_MAX_KEY]}" if isinstance(key, str) else f"[{key if indexes else ''}]"
        for key in (step.key for step in path)
    )


def faults_of(error: Exception, path: tuple[_Step, ...] = ()) -> Iterator[Fault]:
    """Yield the faults in a detailed error of cattrs, each with its path."""
    # The traceback would keep what the hooks had built, as long as the caller keeps the error.
    error.__traceback__ = None
    if isinstance(error, ClassValidationError):
        fields = attrs.fields_dict(error.cl)
        for inner, note in error.group_exceptions()[0]:
            optional = fields[note.name].default is not attrs.NOTHING
            loosen = hooks.is_loose(note.type) and not isinstance(
                inner, KeyError
            )  # a missing value is of no kind
            key = fields[note.name].metadata.get(KEY, note.name)
            step = _Step(key, drop=optional, loosen=loosen)
            yield from faults_of(inner, (*path, step))
        for inner in error.group_exceptions()[1]:  # raised by the class itself
            yield from faults_of(inner, path)
    elif isinstance(error, IterableValidationError):
        for inner, item in error.group_exceptions()[0]:
            # Plain values in a list belong to their places, so that none of them goes alone.
            drop = not hooks.is_plain_value(item.type)
            step = _Step(item.index, drop=drop, loosen=hooks.is_loose(item.type))
            yield from faults_of(inner, (*path, step))
    elif isinstance(error, _TooManyFaultsError):
        yield next(faults_of(error.first, path))
        yield Fault(path, str(error))
    elif isinstance(error, KeyError):
        yield Fault(path, "required field missing")
    elif isinstance(error, hooks.UnfitPartError):
        steps = tuple(_Step(key, drop=False, loosen=False) for key in error.path)
        yield Fault((*path, *steps), str(error))
    else:
        yield Fault(path, str(error))


def prune(payload: Any, faults: Sequence[Fault]) -> Any | None:
    """Return *payload* without its *faults*, or None if one of them is in a required field.

    Only what changes is copied: the objects and lists around each fault.
    """
    ways = [fault.way() for fault in faults]
    if not all(ways):
        return None
    mends: _Mends = {}
    for way in sorted(ways, key=len):
        place: Any = mends
        for step in way[:-1]:
            place = place.setdefault(step.key, {})
            if isinstance(place, _Step):
                break  # a fault around it is corrected, and with it this one
        else:
            place[way[-1].key] = way[-1]
    try:
        return _mended(payload, mends)
    except _UnmendableError:
        return None


class _UnmendableError(Exception):
    """A fault is in a place where nothing can be left out."""


def _mended(value: Any, mends: _Mends) -> Any:
    """Return a copy of an object or a list in which what *corrects* names is corrected."""
    mended: Any = value.copy()
    key: Any
    for key, mend in mends.items():
        if isinstance(mend, dict):
            mended[key] = _mended(value[key], mend)
        elif mend.loosen and isinstance(value[key], dict):
            mended[key] = hooks.Loose(value[key])
        elif isinstance(mended, list):
            mended[key] = _GAP
        elif mend.drop:
            del mended[key]
        else:
            raise _UnmendableError
    if isinstance(mended, list):  # only now, so that the indexes stay valid
        return [item for item in mended if item is not _GAP]
    return mended
