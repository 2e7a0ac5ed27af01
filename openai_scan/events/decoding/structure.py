"""From JSON values to attrs objects: types are checked, what does not fit is explained or mended.

JSON types are never coerced: where cattrs by itself turns null into "None" and 1.9 into 1, this
refuses. What may be missing may also be null; a list that is null is empty.
"""

from __future__ import annotations

from collections import Counter
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from openai_scan.errors import DecodeError
from openai_scan.events.decoding import hooks
from openai_scan.events.decoding.hooks import RAW, Hook
from openai_scan.events.decoding.plain import plain_hook
from openai_scan.events.decoding.repeats import Repeats
from openai_scan.sse import RawEvent

T = TypeVar("T")

# A note names a place in a payload. Servers differ in few places; one that differs in more than
# this many is not worth more memory.
MAX_NOTES = 100

# The characters of one note; a place may have a key in it that the server chose.
MAX_NOTE_LENGTH = 200

# The hooks that have been made, by type.
_hooks: dict[Any, Hook] = {}


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
            made: T = hook_of(cls)(payload, cls)
        except Exception:  # noqa: BLE001 - what it was is found out now
            return self._explain_or_prune(payload, cls)
        return made

    def event(self, payload: Any, cls: type[T], raw: RawEvent) -> T:
        """Return *payload* as an event of *cls*, whose fields are the payload's own.

        Raises:
            DecodeError: It does not fit.
        """
        return self({**payload, RAW: raw} if isinstance(payload, dict) else payload, cls)

    def _explain_or_prune(self, payload: Any, cls: type[T]) -> T:
        """Find out what does not fit, leave it out if that is allowed, and try again."""
        # These take their time to load, and most streams have nothing to explain.
        from openai_scan.events.decoding.converter import MISFITS, converter, faults_of, log, prune

        explaining = converter(detailed=True)
        while True:
            try:
                return explaining.structure(payload, cls)
            except MISFITS as error:
                faults = list(faults_of(error))
                pruned = None if self._strict else prune(payload, faults)
                if pruned is None:
                    raise DecodeError(f"{faults[0].reason} @ {faults[0].place()}") from error
            payload = pruned
            for fault in faults:
                self.note(f"skipped_field: {cls.__name__} {fault.place(indexes=False)}")
                log.debug("skipped %s %s: %s", cls.__name__, fault.place(), fault.reason)

    def note(self, note: str) -> None:
        """Count one thing that was tolerated."""
        note = note[:MAX_NOTE_LENGTH]
        if note not in self._notes and len(self._notes) >= MAX_NOTES:
            note = "other"
        self._notes[note] += 1


def hook_of(cls: Any) -> Hook:
    """Return the hook for any type."""
    hook = _hooks.get(cls)
    if hook is None:
        hook = _hooks[cls] = _make_hook(cls)
    return hook


def _make_hook(cls: Any) -> Hook:
    if cls in hooks.PRIMITIVES:
        return hooks.checked(cls)
    if cls is Any:
        return hooks.as_is
    if cls == hooks.JSONText:
        return hooks.json_text
    if (hook := plain_hook(cls, hook_of)) is not None:
        return hook
    if hooks.is_literal(cls):
        return hooks.literal
    if hooks.is_tuple(cls):
        return hooks.tuple_hook(cls, _items_hook(get_args(cls)[0]))
    if get_origin(cls) is dict and get_args(cls)[0] is str:
        return hooks.dict_hook(_values_hook(get_args(cls)[1]))
    if hooks.is_union(cls):
        return hooks.union_hook(cls, hook_of)
    if get_origin(cls) in (Union, UnionType):
        [kind] = [arm for arm in get_args(cls) if arm is not NoneType]
        return _optional_hook(kind)
    # Somebody else's type. What most streams do not need is not loaded.
    from openai_scan.events.decoding.converter import converter

    return converter().get_structure_hook(cls)


def _optional_hook(cls: Any) -> Hook:
    structure = hook_of(cls)
    return lambda value, _: None if value is None else structure(value, cls)


def _items_hook(cls: Any) -> Hook:
    structure = hook_of(cls)
    return lambda value, _: tuple([structure(item, cls) for item in value])


def _values_hook(cls: Any) -> Hook:
    structure = hook_of(cls)
    return lambda value, _: {key: structure(item, cls) for key, item in value.items()}
