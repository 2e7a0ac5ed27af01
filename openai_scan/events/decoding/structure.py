"""Build attrs objects from JSON values, with types checked and never coerced.

Where cattrs alone turns null into "None" and 1.9 into 1, this rejects the value.

A payload goes through at most three stages:

1. *The hook.* `hook_of(cls)` returns one function for the class, which builds the object or raises
   any exception. Nearly every payload ends here. Hooks are made once for each type and kept.
2. *The explanation.* The detailed cattrs converter reads the same payload again, without the hooks
   of stage 1, and reports every fault with its path. With `strict=True` the first fault is raised
   as a `DecodeError`. (If only the hook failed, this stage returns the object.)
3. *The pruning.* Without `strict`, each fault is corrected at the nearest place on its path where
   that is allowed: an optional field is removed, an object in an open union becomes one of an
   unknown kind, any other item of a list of objects is dropped alone. If a fault has no such place,
   it is raised. The pruned payload goes back to stage 2. This ends because each round corrects at
   least one fault. A list or map with more than `MAX_FAULTS` faults is one fault, so that a payload
   of nothing but faults takes linear time and little memory.

What always holds:

- Both stages accept the same payloads and build equal objects; a property test compares them.
- The payload is never changed: stage 3 copies what it changes.
- A `DecodeError` names a place and an expected type, never a value: values are the user's data.
- A field that may be missing may also be null, and a list that is null is empty.
- Everything removed in stage 3 is counted as a note; the number of notes has a limit.
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
from openai_scan.interruptions import pass_interruption
from openai_scan.sse import RawEvent

T = TypeVar("T")

# A note names a place in a payload. Real servers differ from the schema in a few places; a server
# that differs in more than this many gets no more memory.
MAX_NOTES = 100

# Characters. A place may contain a key that the server chose.
MAX_NOTE_LENGTH = 200

# Hooks by type. They depend on nothing else, so that all structurers share them.
_hooks: dict[Any, Hook] = {}


class Structurer:
    """Builds objects from payloads.

    An optional field of the wrong JSON type is left out and counted in the notes, so that the rest
    of the event is not lost. An item of a list of objects that does not match becomes an
    `UnknownObject` if the union is open, and is left out alone if not. A list of plain values is
    left out whole.

    Args:
        strict: Whether to reject a payload instead of leaving something out.
        notes: Where the fields that were left out are counted.

    Attributes:
        repeats: What is known of the stream's repeated events.
        lost: Where a part of the answer was left out of the last event, and why; "" if none was.
        choices_name: The name of the last event with choices, or None before there is one.
    """

    lost: str = ""
    choices_name: str | None = None

    def __init__(self, *, strict: bool = False, notes: Counter[str] | None = None) -> None:
        self._strict = strict
        self._notes: Counter[str] = Counter() if notes is None else notes
        self.repeats = Repeats()

    def __call__(self, payload: Any, cls: type[T]) -> T:
        """Return *payload* as an instance of *cls*.

        Raises:
            DecodeError: It does not match; the message says where and never shows a value.
        """
        try:
            made: T = hook_of(cls)(payload, cls)
        except Exception as error:  # noqa: BLE001 - the next stage finds out what it was
            pass_interruption(error)
            fits = False
        else:
            fits = True
        # Not in the handler: its error would be the context of the next, and keep all its frames.
        return made if fits else self._explain_or_prune(payload, cls)

    def event(self, payload: Any, cls: type[T], raw: RawEvent) -> T:
        """Return *payload* as an event of *cls*, with the payload's fields and *raw*.

        Raises:
            DecodeError: It does not match.
        """
        return self({**payload, RAW: raw} if isinstance(payload, dict) else payload, cls)

    def _explain_or_prune(self, payload: Any, cls: type[T]) -> T:
        """Find what does not match, leave it out if that is allowed, and build the rest."""
        # Imported here because cattrs is slow to load and most streams never need it.
        from openai_scan.events.decoding.converter import MISFITS, converter, faults_of, log, prune

        explaining = converter(detailed=True)
        while True:
            try:
                return explaining.structure(payload, cls)
            except MISFITS as error:
                faults = list(faults_of(error))
                cause = error
            pruned = None if self._strict else prune(payload, faults)
            if pruned is None:
                raise DecodeError(f"{faults[0].reason} @ {faults[0].place()}") from cause
            places = getattr(cls, "content_places", ())
            for fault in faults:
                if fault.removed() in places and fault.value_in(payload):
                    self.lost = f"{cls.__name__} {fault.place()}: {fault.reason}"
                self.note(f"skipped_field: {cls.__name__} {fault.place(indexes=False)}")
                log.debug("skipped %s %s: %s", cls.__name__, fault.place(), fault.reason)
            payload = pruned

    def tolerates(self, note: str) -> bool:
        """Count one thing that is tolerated; return False if nothing is, as with `strict`."""
        if not self._strict:
            self.note(note)
        return not self._strict

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
    if cls == hooks.Index:
        return hooks.index
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
    # A class of another package. Imported here because cattrs is slow to load.
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
