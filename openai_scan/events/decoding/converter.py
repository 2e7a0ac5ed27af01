"""The cattrs converter, for classes of other packages and for payloads that do not match.

It is slow, but its errors say where in a payload something does not match, and so what can be left
out. It is imported only when one of these two is needed: loading cattrs takes as long as loading
all classes of a family.
"""

from __future__ import annotations

import copy
import enum
import functools
import logging
import operator
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, get_origin

import attrs
import cattrs
from cattrs.cols import (
    homogenous_tuple_structure_factory,
    is_mapping,
    list_structure_factory,
    mapping_structure_factory,
)
from cattrs.errors import BaseValidationError, ClassValidationError, IterableValidationError
from cattrs.gen import make_dict_structure_fn, override

from openai_scan.events.decoding import hooks
from openai_scan.events.decoding.hooks import RAW, Hook
from openai_scan.sse import RawEvent

log = logging.getLogger("openai_scan")

MISFITS = (BaseValidationError, hooks.UnfitError)
"""What the detailed converter raises if a payload does not match."""

_GAP = object()
"""A placeholder for an item that is left out."""


@functools.cache
def converter(*, detailed: bool = False) -> cattrs.Converter:
    """Return the converter; the detailed one is slower and reports where a payload is wrong."""
    made = cattrs.Converter(detailed_validation=detailed)
    for kind in (str, int, float, bool):
        made.register_structure_hook(kind, hooks.checked(kind))
    made.register_structure_hook_func(lambda cls: cls == hooks.JSONText, hooks.json_text)
    made.register_structure_hook_factory(hooks.is_literal, lambda _: hooks.literal)
    made.register_structure_hook(enum.Enum, _enum)
    made.register_structure_hook_factory(hooks.is_tuple, partial(_tuple_hook, made))
    made.register_structure_hook_factory(_is_list, partial(_list_hook, made))
    made.register_structure_hook_factory(is_mapping, partial(_dict_hook, made))
    made.register_structure_hook_factory(hooks.is_union, partial(_union_hook, made))
    made.register_structure_hook_factory(attrs.has, partial(_class_hook, made, detailed=detailed))
    return made


def _tuple_hook(made: cattrs.Converter, cls: Any) -> Hook:
    return hooks.tuple_hook(cls, homogenous_tuple_structure_factory(cls, made))


def _union_hook(made: cattrs.Converter, cls: Any) -> Hook:
    return hooks.union_hook(cls, made.get_structure_hook)


def _dict_hook(made: cattrs.Converter, cls: Any) -> Hook:
    return hooks.dict_hook(mapping_structure_factory(cls, made))


def _enum(value: Any, cls: Any) -> Any:
    for member in cls:
        if member.value == value and type(member.value) is type(value):
            return member
    raise hooks.UnfitError(" or ".join(repr(member.value) for member in cls))


def _is_list(cls: Any) -> bool:
    return cls is list or get_origin(cls) is list


def _list_hook(made: cattrs.Converter, cls: Any) -> Hook:
    structure_items = list_structure_factory(cls, made)

    def hook(value: Any, _: Any) -> Any:
        if value is None:
            return []
        if not isinstance(value, list):
            raise hooks.UnfitError("list")
        return structure_items(value, cls)

    return hook


def _class_hook(made: cattrs.Converter, cls: Any, *, detailed: bool) -> Hook:
    """Return the hook for an attrs class: unknown keys are ignored, null is the default."""
    overrides = {}
    attributes = attrs.fields(attrs.resolve_types(get_origin(cls) or cls))
    for attribute in attributes:
        if attribute.type is RawEvent:
            overrides[attribute.name] = override(rename=RAW, struct_hook=hooks.as_is)
        elif attribute.default not in (attrs.NOTHING, None, ()):  # the hooks of these take null
            hook = _null_is(attribute.default, made, attribute.type)
            overrides[attribute.name] = override(struct_hook=hook)
    # Without details, cattrs generates code that is not valid Python if a required keyword-only
    # field comes before a positional one.
    detailed = detailed or any(one.kw_only and one.default is attrs.NOTHING for one in attributes)
    structure_fields = make_dict_structure_fn(
        cls,
        made,
        _cattrs_detailed_validation=detailed,
        **overrides,  # type: ignore[arg-type] # they are named like the fields
    )

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):
            raise hooks.UnfitError("object")
        return structure_fields(value, cls)

    return structure


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
    loosen: bool  # an object may stay a plain dict


@attrs.frozen
class Fault:
    """What is wrong with a payload, and where."""

    path: tuple[_Step, ...]
    reason: str

    def place(self, *, indexes: bool = True) -> str:
        """Return the path as JSONPath; without *indexes*, each index is `[]`."""
        return "$" + "".join(
            f".{step.key}" if isinstance(step.key, str) else f"[{step.key if indexes else ''}]"
            for step in self.path
        )


def faults_of(error: Exception, path: tuple[_Step, ...] = ()) -> Iterator[Fault]:
    """Yield the faults in a detailed error of cattrs, each with its path."""
    if isinstance(error, ClassValidationError):
        fields = attrs.fields_dict(error.cl)
        for inner, note in error.group_exceptions()[0]:
            optional = fields[note.name].default is not attrs.NOTHING
            loosen = hooks.is_loose(note.type) and not isinstance(
                inner, KeyError
            )  # a missing value cannot stay a dict
            step = _Step(note.name, drop=optional, loosen=loosen)
            yield from faults_of(inner, (*path, step))
        for inner in error.group_exceptions()[1]:  # raised by the class itself
            yield Fault(path, str(inner))
    elif isinstance(error, IterableValidationError):
        for inner, item in error.group_exceptions()[0]:
            step = _Step(item.index, drop=False, loosen=hooks.is_loose(item.type))
            yield from faults_of(inner, (*path, step))
    elif isinstance(error, KeyError):
        yield Fault(path, "required field missing")
    else:
        yield Fault(path, str(error))


def prune(payload: Any, faults: Sequence[Fault]) -> Any | None:
    """Return *payload* without its *faults*, or None if one of them is in a required field."""
    mends: dict[tuple[Any, ...], _Step] = {}
    for fault in faults:
        mendable = [depth for depth, step in enumerate(fault.path) if step.drop or step.loosen]
        if not mendable:
            return None
        way = fault.path[: mendable[-1] + 1]
        mends[tuple(step.key for step in way)] = way[-1]
    pruned = copy.deepcopy(payload)
    gaps = []
    for path, step in mends.items():
        if any(path[:depth] in mends for depth in range(1, len(path))):
            continue  # a fault around it is mended, and with it this one
        *outer, last = path
        place = functools.reduce(operator.getitem, outer, pruned)
        if step.loosen and isinstance(place[last], dict):
            place[last] = hooks.Loose(place[last])
        elif step.drop:
            del place[last]
        elif isinstance(place, list):
            place[last] = _GAP
            gaps.append(place)
        else:
            return None
    for items in gaps:  # only now, so that the indexes in the paths stay valid
        items[:] = [item for item in items if item is not _GAP]
    return pruned
