"""From JSON values to attrs objects: the one cattrs converter.

JSON types are checked, never coerced: where cattrs by itself turns null into "None" and 1.9 into
1, this converter refuses. What may be missing may also be null; a list that is null is empty.
"""

from __future__ import annotations

import copy
import enum
import functools
import json
import logging
import operator
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, Union, get_args, get_origin

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

from openai_scan.errors import DecodeError
from openai_scan.events.plain import RAW, is_plain, plain_hook
from openai_scan.events.repeats import Repeats
from openai_scan.sse import RawEvent

T = TypeVar("T")

Hook: TypeAlias = Callable[[Any, Any], Any]

JSONText: TypeAlias = Annotated[str, "JSON"]
"""Text that is JSON, such as the arguments of a call; some servers send the object itself."""

_log = logging.getLogger("openai_scan")

# A note names a place in a payload. Servers differ in few places; one that differs in more than
# this many is not worth more memory.
MAX_NOTES = 100

# The characters of one note; a place may have a key in it that the server chose.
MAX_NOTE_LENGTH = 200

_NOTHING: frozenset[type] = frozenset()

_MAX_FLOAT = int(sys.float_info.max)


class Structurer:
    """Builds objects from payloads, strictly or with tolerance.

    With tolerance an optional field of the wrong JSON type is left out, and noted, rather than
    losing the event that it is in; an item of a list that does not fit stays a plain dict, and
    is left out if it is none.

    Args:
        strict: Whether to refuse what could be left out.
        notes: Where the fields that were left out are counted.

    Attributes:
        repeats: What the events of the stream have been.
    """

    def __init__(self, *, strict: bool = False, notes: Counter[str] | None = None) -> None:
        self._strict = strict
        self._notes: Counter[str] = Counter() if notes is None else notes
        self.repeats = Repeats()

    def __call__(self, payload: Any, cls: type[T]) -> T:
        """Return *payload* as an instance of *cls*.

        Raises:
            DecodeError: It does not fit; the message says where, and never shows a value.
        """
        try:
            return converter().structure(payload, cls)
        except Exception:  # noqa: BLE001 - what it was is found out now
            return self._explain_or_prune(payload, cls)

    def event(self, payload: Any, cls: type[T], raw: RawEvent) -> T:
        """Return *payload* as an event of *cls*, whose fields are the payload's own.

        Raises:
            DecodeError: It does not fit.
        """
        return self({**payload, RAW: raw} if isinstance(payload, dict) else payload, cls)

    def _explain_or_prune(self, payload: Any, cls: type[T]) -> T:
        """Find out what does not fit, leave it out if that is allowed, and try again."""
        explaining = converter(detailed=True)
        while True:
            try:
                return explaining.structure(payload, cls)
            except (BaseValidationError, _UnfitError) as error:
                faults = list(_faults(error))
                pruned = None if self._strict else _prune(payload, faults)
                if pruned is None:
                    raise DecodeError(f"{faults[0].reason} @ {faults[0].place()}") from error
            payload = pruned
            for fault in faults:
                self.note(f"skipped_field: {cls.__name__} {fault.place(indexes=False)}")
                _log.debug("skipped %s %s: %s", cls.__name__, fault.place(), fault.reason)

    def note(self, note: str) -> None:
        """Count one thing that was tolerated."""
        note = note[:MAX_NOTE_LENGTH]
        if note not in self._notes and len(self._notes) >= MAX_NOTES:
            note = "other"
        self._notes[note] += 1


@functools.cache
def converter(*, detailed: bool = False) -> cattrs.Converter:
    """Return the converter; the detailed one is slower, and says where a payload does not fit."""
    made = cattrs.Converter(detailed_validation=detailed)
    for kind in (str, int, float, bool):
        made.register_structure_hook(kind, _checked(kind))
    made.register_structure_hook_func(lambda cls: cls == JSONText, _json_text)
    made.register_structure_hook_factory(_is_literal, lambda _: _literal)
    made.register_structure_hook(enum.Enum, _enum)
    made.register_structure_hook_factory(_is_tuple, partial(_tuple_hook, made))
    made.register_structure_hook_factory(_is_list, partial(_list_hook, made))
    made.register_structure_hook_factory(is_mapping, partial(_dict_hook, made))
    made.register_structure_hook_factory(_is_union, partial(_union_hook, made))
    made.register_structure_hook_factory(attrs.has, partial(_class_hook, made, detailed=detailed))
    return made


class _Loose(dict[str, Any]):
    """An item that fits no class and shall stay as it was sent."""


_GAP = object()
"""Stands for an item that is left out."""


class _UnfitError(Exception):
    """A value is not of the type that a hook stands for."""

    def __init__(self, expected: str) -> None:
        super().__init__(f"invalid value for type, expected {expected}")


def _checked(kind: type) -> Hook:
    """Return the hook for a JSON primitive: it passes or refuses, and converts nothing."""

    def hook(value: Any, _: Any) -> Any:
        if type(value) is kind:
            return value
        # JSON has one kind of number: 1 is a fine float, and 1.0 a fine integer.
        if kind is float and type(value) is int and abs(value) <= _MAX_FLOAT:
            return float(value)
        if kind is int and type(value) is float and value.is_integer():
            return int(value)
        raise _UnfitError(kind.__name__)

    return hook


def _json_text(value: Any, _: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if not isinstance(value, str):
        raise _UnfitError("str")
    return value


def _is_literal(cls: Any) -> bool:
    return get_origin(cls) is Literal


def _literal(value: Any, cls: Any) -> Any:
    if value not in get_args(cls):
        raise _UnfitError(" or ".join(map(repr, get_args(cls))))
    return value


def _enum(value: Any, cls: Any) -> Any:
    for member in cls:
        if member.value == value and type(member.value) is type(value):
            return member
    raise _UnfitError(" or ".join(repr(member.value) for member in cls))


def _is_tuple(cls: Any) -> bool:
    return get_origin(cls) is tuple and get_args(cls)[-1] is Ellipsis


def _tuple_hook(made: cattrs.Converter, cls: Any) -> Hook:
    structure_items = homogenous_tuple_structure_factory(cls, made)
    # The bytes of a token, say: to look at the types alone is ten times faster than item by item.
    kind = get_args(cls)[0]
    exact = frozenset({kind}) if kind in (str, int, float, bool) else _NOTHING

    def hook(value: Any, _: Any) -> Any:
        if value is None:
            return ()
        if not isinstance(value, list):
            raise _UnfitError("list")
        if exact.issuperset(map(type, value)):
            return tuple(value)
        return structure_items(value, cls)

    return hook


def _is_list(cls: Any) -> bool:
    return cls is list or get_origin(cls) is list


def _list_hook(made: cattrs.Converter, cls: Any) -> Hook:
    structure_items = list_structure_factory(cls, made)

    def hook(value: Any, _: Any) -> Any:
        if value is None:
            return []
        if not isinstance(value, list):
            raise _UnfitError("list")
        return structure_items(value, cls)

    return hook


def _dict_hook(made: cattrs.Converter, cls: Any) -> Hook:
    structure_items = mapping_structure_factory(cls, made)

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):
            raise _UnfitError("object")
        return structure_items(value, cls)

    return hook


def _is_union(cls: Any) -> bool:
    """Tell whether *cls* is a union of more than one type and None, which cattrs can do itself."""
    if get_origin(cls) not in (Union, UnionType):
        return False
    return len([arm for arm in get_args(cls) if arm is not NoneType]) > 1


def _union_hook(made: cattrs.Converter, cls: Any) -> Hook:
    """Return the hook for a union: `type` picks the class, and an unknown one stays a dict."""
    arms = get_args(cls)
    by_tag = {
        tag: arm
        for arm in arms
        if attrs.has(arm)
        for tag in get_args(attrs.resolve_types(arm).__attrs_attrs__.type.type)
    }
    primitives = tuple(arm for arm in arms if arm in (str, int, float, bool, NoneType))
    lists = {arm: made.get_structure_hook(arm) for arm in arms if _is_tuple(arm)}
    loose = _is_loose(cls)

    def hook(value: Any, _: Any) -> Any:
        if isinstance(value, dict):
            tag = value.get("type")
            if isinstance(tag, str) and tag in by_tag and not isinstance(value, _Loose):
                # Its hook is made only now: of thirty kinds of items a response has a few.
                return made.get_structure_hook(by_tag[tag])(value, by_tag[tag])
            if loose:
                return value
        elif isinstance(value, list) and lists:
            [(arm, structure)] = lists.items()
            return structure(value, arm)
        elif type(value) in primitives:
            return value
        raise _UnfitError(" or ".join(getattr(arm, "__name__", str(arm)) for arm in arms))

    return hook


def _is_loose(cls: Any) -> bool:
    """Tell whether an object that fits no other arm of the union *cls* stays a dict."""
    return _is_union(cls) and any(get_origin(arm) is dict for arm in get_args(cls))


def _class_hook(made: cattrs.Converter, cls: Any, *, detailed: bool) -> Hook:
    """Return the hook for an attrs class: unknown keys are ignored, null is the default."""
    if is_plain(cls) and not detailed:
        return plain_hook(cls, made.get_structure_hook, _UnfitError("object"))
    overrides = {}
    for attribute in attrs.fields(attrs.resolve_types(get_origin(cls) or cls)):
        if attribute.type is RawEvent:
            overrides[attribute.name] = override(rename=RAW, struct_hook=_as_is)
        elif attribute.default not in (attrs.NOTHING, None, ()):  # the hooks of these take null
            hook = _null_is(attribute.default, made, attribute.type)
            overrides[attribute.name] = override(struct_hook=hook)
    structure_fields = make_dict_structure_fn(
        cls,
        made,
        _cattrs_detailed_validation=detailed,
        **overrides,  # type: ignore[arg-type] # they are named like the fields
    )

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):
            raise _UnfitError("object")
        return structure_fields(value, cls)

    return structure


def _as_is(value: Any, _: Any) -> Any:
    return value


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
    """One step of the way to a value: a key or an index, and what may be done with it."""

    key: str | int
    drop: bool  # the value may be left out
    loosen: bool  # an object may stay a plain dict


@attrs.frozen
class _Fault:
    """What does not fit, and where."""

    path: tuple[_Step, ...]
    reason: str

    def place(self, *, indexes: bool = True) -> str:
        """Return the path as JSONPath, with `[]` for any index unless *indexes*."""
        return "$" + "".join(
            f".{step.key}" if isinstance(step.key, str) else f"[{step.key if indexes else ''}]"
            for step in self.path
        )


def _faults(error: Exception, path: tuple[_Step, ...] = ()) -> Iterator[_Fault]:
    """Yield the faults that cattrs' detailed error reports, each with its path."""
    if isinstance(error, ClassValidationError):
        fields = attrs.fields_dict(error.cl)
        for inner, note in error.group_exceptions()[0]:
            optional = fields[note.name].default is not attrs.NOTHING
            loosen = _is_loose(note.type) and not isinstance(inner, KeyError)  # it is there at all
            step = _Step(note.name, drop=optional, loosen=loosen)
            yield from _faults(inner, (*path, step))
        for inner in error.group_exceptions()[1]:  # what the class itself does not take
            yield _Fault(path, str(inner))
    elif isinstance(error, IterableValidationError):
        for inner, item in error.group_exceptions()[0]:
            step = _Step(item.index, drop=False, loosen=_is_loose(item.type))
            yield from _faults(inner, (*path, step))
    elif isinstance(error, KeyError):
        yield _Fault(path, "required field missing")
    else:
        yield _Fault(path, str(error))


def _prune(payload: Any, faults: Sequence[_Fault]) -> Any | None:
    """Return *payload* without what does not fit, or None if something needed does not."""
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
            continue  # what it is in is mended as a whole
        *outer, last = path
        place = functools.reduce(operator.getitem, outer, pruned)
        if step.loosen and isinstance(place[last], dict):
            place[last] = _Loose(place[last])
        elif step.drop:
            del place[last]
        elif isinstance(place, list):
            place[last] = _GAP
            gaps.append(place)
        else:
            return None
    for items in gaps:  # closed only now, so that the indexes in the paths hold until then
        items[:] = [item for item in items if item is not _GAP]
    return pruned
