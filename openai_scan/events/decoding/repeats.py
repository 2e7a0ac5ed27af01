"""A faster way to decode an event that repeats an earlier one. Without it every result is the same.

Most events of a stream differ from the one before in a piece of text and a number; the three
hundred characters around these stay the same. Such a *repetition* is not parsed: the changed values
are read out of its data and put into a copy of the earlier event. That takes 1.5 us, where parsing
takes 3 us and building the event another 3 us.

**States.** `Repeats` belongs to one stream. For each type of raw event (`RawEvent.type`) it is in
one of four states:

- *new*: no event of this type has been seen.
- *seen*: the data and the class of the last event are kept.
- *learned*: a `Repeat` is kept as well. `event()` asks it first; a raw event that it does not
  recognise is decoded the normal way and passed to `learn()`, which may replace the `Repeat`.
- *given up*: `_MAX_TRIES` comparisons have been made. No more are made; a `Repeat` that has been
  learned stays in use.

**Recognising a repetition.** A `Repeat` is a list of texts with a JSON value between each two:
`text, value, text, ..., value, text`. Data match if they have these texts in these places, and
between them values of the same types. JSON is parsed from left to right, so if the text before a
value is the same, the parser is in the same state there; reading the value and comparing the text
after it is all that parsing would have found out. A match therefore has the same payload as the
earlier event, except for the values.

**Learning.** Two successive events of one type and class are compared token by token. If they
differ only in a few strings and numbers, these places may be variable. That is a guess, and it is
tested: two *trials*, with made-up values in these places, are decoded the normal way and strictly.
Both must result in the same class, and wherever the two resulting events differ, they must differ
in exactly the made-up values. Then the event can be copied with new values in these places.

The test assumes that `decode()` treats all strings alike, and all numbers, which it does not beside
a `message`. Only the values of
`_TELLING` keys decide what an event is, and a place with such a key is never variable. A `Literal`
field rejects the made-up value, so that nothing is learned.

**What never happens.**

- A copied event differs from what `decode()` would have returned, in any field or in `raw`. A
  property test compares them.
- Two events share a dict or a list: these are copied even if nothing in them changes.
- Text from a server becomes code. A `Repeat` is a generated function, and its code consists of
  names like `c7`, lengths, and the field names of our classes.
- Memory or time grows without limit, whatever a server sends: names, tries, places and the length
  of the data are limited.

`Repeats` is the only class that other modules use. If its `event()` always returned None, all
events would be decoded the normal way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import attrs
from attrs import frozen

from openai_scan.events.base import Event
from openai_scan.events.decoding.fields import setter_of_fields
from openai_scan.sse import RawEvent

Decode: TypeAlias = Callable[[RawEvent], Event]

Make: TypeAlias = Callable[[RawEvent], "tuple[Event, str | None] | None"]
"""Returns the event for a raw event that is a repetition, and None for any other.

If it adds text to the answer and nothing else, that text comes with it. It is then what the event's
`unwrap_text()` would return, unless it is empty: then something else in the event may count.
"""

_Trial: TypeAlias = "tuple[Any, list[Any]]"
"""What was decoded, and the made-up values that were put in."""

# A larger event spends most of its time on its own values.
_MAX_CHARACTERS = 8192

# With more values than this, parsing is as fast.
_MAX_CHANGES = 8

# How many comparisons are made for one type, and how many types are kept: a server cannot make it
# work without end.
_MAX_TRIES = 16
_MAX_NAMES = 64

# The wire names of events that belong to no family.
_WITHOUT_FAMILY = ("", "done", "error")

# Splits JSON into tokens, and anything else into something.
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[-+.\w]+|\s+|.', re.DOTALL)

# The keys whose values decide what an event is, in any family. They must not change.
_TELLING = frozenset({"choices", "data", "error", "event", "object", "status", "type"})

# The key of a message, which counts if the delta beside it is empty.
_MESSAGE = '"message"'

# What json.loads() calls; it reads one value at any place in a text.
_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined] # typeshed leaves it out
_MISFITS = (ValueError, IndexError, StopIteration)

# What that calls for a text, from behind its opening quote.
_scan_text = json.decoder.scanstring  # type: ignore[attr-defined] # typeshed leaves it out


@frozen
class Repeat:
    """What has been learned about events that repeat each other.

    Attributes:
        make: Makes the next one.
        adds_text: Whether they differ only in the text that they add to the answer, and perhaps
            in their number or their id.
        has_error: Whether a key of theirs is `error`.
    """

    make: Make
    adds_text: bool
    has_error: bool


class Repeats:
    """Recognises the repeated events of one stream.

    Attributes:
        last: What the last event was a repetition of, or None if it was not a repetition.
    """

    last: Repeat | None = None

    def __init__(self) -> None:
        self._by_type: dict[str, Repeat] = {}
        self._last: dict[str, tuple[str, type[Event]]] = {}  # data and class
        self._tries: dict[str, int] = {}

    def event(self, raw: RawEvent) -> Event | None:
        """Return the event for *raw* if it is a repetition, else None."""
        repeat = self._by_type.get(raw.type)
        made = None if repeat is None else repeat.make(raw)
        if made is None:
            self.last = None
            return None
        self.last = repeat
        return made[0]

    def learn(self, raw: RawEvent, event: Event, decode: Decode) -> None:
        """Learn from an event that was not a repetition.

        Args:
            raw: The raw event.
            event: The event that *raw* was decoded to.
            decode: Decodes the trials; strictly, and without using this object.
        """
        kind, data = raw.type, raw.data
        tries = self._tries.get(kind, 0)
        if tries == _MAX_TRIES or len(kind) + len(data) > _MAX_CHARACTERS:
            return
        if kind not in self._last and len(self._last) == _MAX_NAMES:
            return
        before, event_class = self._last.get(kind, ("", Event))
        self._last[kind] = data, type(event)
        if type(event) is event_class:
            self._tries[kind] = tries + 1
            repeat = _compare(RawEvent(kind, before), raw, event_class, decode)
            if repeat is not None:
                self._by_type[kind] = repeat


def _compare(
    before: RawEvent, raw: RawEvent, event_class: type[Event], decode: Decode
) -> Repeat | None:
    """Return what the two events have in common, or None if they do not repeat each other."""
    if event_class.wire_name in _WITHOUT_FAMILY:
        return None
    tokens = _TOKENS.findall(raw.data)
    if _MESSAGE in tokens:
        return None
    places = _changes(_TOKENS.findall(before.data), tokens)
    if not 0 < len(places) <= _MAX_CHANGES:
        return None
    kinds = [kind for place in places if (kind := _kind(tokens[place])) in (str, int, float)]
    if len(kinds) != len(places):
        return None
    trials: list[_Trial] = []
    for number in (1, 2):
        values = [_made_up(kind, number, place) for kind, place in zip(kinds, places, strict=True)]
        for place, value in zip(places, values, strict=True):
            tokens[place] = json.dumps(value)
        event = decode(RawEvent(raw.type, "".join(tokens)))
        trials.append((event, values))
    if type(trials[0][0]) is not event_class:
        return None
    cuts = [-1, *places, len(tokens)]
    program = _Program()
    program.read(raw.type, ["".join(tokens[a + 1 : b]) for a, b in pairwise(cuts)], kinds)
    try:
        program.make(*trials)
    except _UnlikeError:
        return None
    text_place = _text_place(program.used, trials)
    return Repeat(
        program.function(text_place),
        adds_text=text_place is not None,
        has_error='"error"' in tokens,
    )


def _text_place(used: set[int], trials: Sequence[_Trial]) -> int | None:
    """Return the place of the text, if the others *used* are those of the number and the id."""
    event, values = trials[0]
    text = event.unwrap_text()
    if not all(
        {values[place] for place in used} - {event.stream_position(), event.stream_event_id()}
        == {event.unwrap_text()}
        for event, values in trials
    ):
        return None
    return next(place for place in used if values[place] == text)


def _changes(before: Sequence[str], tokens: Sequence[str]) -> list[int]:
    """Return where *tokens* differ from *before*; nothing if not only values differ."""
    if len(before) != len(tokens):
        return []
    places = [place for place, token in enumerate(tokens) if token != before[place]]
    for place in places:
        around = [token for token in tokens[place + 1 : place + 3] if not token.isspace()]
        before_it = [token for token in tokens[max(place - 4, 0) : place] if not token.isspace()]
        if around[:1] == [":"] or _key(before_it) in _TELLING:
            return []
    return places


def _key(tokens: Sequence[str]) -> str | None:
    """Return the key of the value after *tokens*, or None if the value has no key."""
    match tokens:
        case [*_, key, ":"]:
            return str(json.loads(key))
    return None


def _kind(token: str) -> type:
    """Return the type of the value that *token* is, or None's type if it is not a value."""
    try:
        return type(json.loads(token))
    except ValueError:
        return type(None)


def _made_up(kind: type, number: int, place: int) -> str | int | float:
    """Return a value of *kind* that no server sends and that no other place has."""
    value = 1_000_000_000 * number + place
    return f"(made up {value})" if kind is str else value + 0.5 if kind is float else value


class _UnlikeError(Exception):
    """Two objects differ in more than the made-up values."""


class _Program:
    """Generates the function that reads the values of a repetition and makes its event.

    Generated code takes two thirds of the time of functions that call each other. Everything that
    a server sent is a constant with a name such as `c7`; the code has only the name.

    Attributes:
        used: The places whose values are in the event.
    """

    def __init__(self) -> None:
        self.used: set[int] = set()
        self._lines: list[str] = []
        self._made = ""
        self._names: dict[str, Any] = {
            "new": object.__new__,
            "scan": _scan,
            "scan_text": _scan_text,
            "errors": _MISFITS,
        }

    def function(self, text_place: int | None) -> Make:
        """Return the function.

        Args:
            text_place: The place of the value that is returned beside the event, or None.
        """
        text = None if text_place is None else f"v{text_place}"
        body = "\n        ".join([*self._lines, f"return {self._made}, {text}"])
        code = (
            f"def repeat(raw):\n    try:\n        {body}\n    except errors:\n        return None"
        )
        exec(code, self._names)  # noqa: S102 - attrs and cattrs generate code in the same way
        make: Make = self._names["repeat"]
        return make

    def read(self, name: str, texts: Sequence[str], kinds: Sequence[type]) -> None:
        """Generate the code that reads the values `v0`, `v1` and so on, each between two texts.

        Args:
            name: The type that the raw event must have.
            texts: The texts around the values, one more than there are values.
            kinds: The types of the values.
        """
        # The opening quote of a text is part of what is the same. So nothing but a text or a
        # number is read: an object or a list might be nested too deeply.
        first, *others = (
            f'{text}"' if kind is str else text
            for kind, text in zip((*kinds, None), texts, strict=True)
        )
        self._lines += [
            "data = raw.data",
            f"if raw.type != {self._name(name)}: return",
            f"if not data.startswith({self._name(first)}): return",
            f"end = {len(first)}",
        ]
        for place, (kind, text) in enumerate(zip(kinds, others, strict=True)):
            is_last = place == len(kinds) - 1
            differs = "data[end:] != {}" if is_last else "not data.startswith({}, end)"
            differs = differs.format(self._name(text))
            self._lines += [
                f"v{place}, end = scan_text(data, end)"
                if kind is str
                else f"v{place}, end = (None, end) if data[end] in '[{{' else scan(data, end)",
                f"if type(v{place}) is not {kind.__name__} or {differs}: return",
            ]
            if not is_last:
                self._lines.append(f"end += {len(text)}")

    def make(self, one: _Trial, two: _Trial) -> None:
        """Generate the code that makes an object like those of the two trials.

        Raises:
            _UnlikeError: The two differ in more than the made-up values.
        """
        self._made = self._expression(one, two) or self._name(one[0])

    def _name(self, thing: Any) -> str:
        name = f"c{len(self._names)}"
        self._names[name] = thing
        return name

    def _expression(self, one: _Trial, two: _Trial) -> str | None:
        """Return the expression for a value, or None if it is always the same and frozen."""
        thing, other = one[0], two[0]
        kind = type(thing)
        for place, pair in enumerate(zip(one[1], two[1], strict=True)):
            if pair == (thing, other) and type(pair[0]) is kind:
                self.used.add(place)
                return f"v{place}"
        if _shape(thing) != _shape(other):
            raise _UnlikeError
        if kind is RawEvent:
            return "raw"
        if kind is tuple or kind is list:
            return self._items(one, two)
        if kind is dict:
            return self._dict(one, two)
        if attrs.has(kind):
            return self._object(one, two)
        return None

    def _parts(
        self, one: _Trial, two: _Trial, parts: Mapping[Any, Any], others: Mapping[Any, Any]
    ) -> dict[Any, str]:
        """Return the expressions for the *parts* of an object that are not always the same."""
        found = {
            key: self._expression((parts[key], one[1]), (others[key], two[1])) for key in parts
        }
        return {key: expression for key, expression in found.items() if expression is not None}

    def _items(self, one: _Trial, two: _Trial) -> str | None:
        items = one[0]
        made = self._parts(one, two, dict(enumerate(items)), dict(enumerate(two[0])))
        if not made and isinstance(items, tuple):
            return None
        listed = [made.get(place) or self._name(item) for place, item in enumerate(items)]
        inner = "".join(f"{item}, " for item in listed)
        return f"({inner})" if isinstance(items, tuple) else f"[{inner}]"

    def _dict(self, one: _Trial, two: _Trial) -> str:
        # Copied even when nothing changes, so that two events never share a mutable dict.
        made = self._parts(one, two, one[0], two[0])
        changes = "".join(f", {self._name(key)}: {value}" for key, value in made.items())
        return f"{{**{self._name(one[0])}{changes}}}"

    def _object(self, one: _Trial, two: _Trial) -> str | None:
        # A copy: what the trial caches in itself later is not to be in the events made from it.
        kind, fields = type(one[0]), dict(vars(one[0]))
        made = self._parts(one, two, fields, vars(two[0]))
        if not made:
            return None
        set_fields = self._name(setter_of_fields(kind))
        changes = "".join(f", {name!r}: {value}" for name, value in made.items())
        variable = f"o{len(self._lines)}"
        self._lines += [
            f"{variable} = new({self._name(kind)})",
            f"{set_fields}({variable}, {{**{self._name(fields)}{changes}}})",
        ]
        return variable


def _shape(thing: Any) -> tuple[Any, ...]:
    """Return what must be equal in two objects before their parts are compared."""
    kind = type(thing)
    if kind is dict or kind is tuple or kind is list:
        return kind, len(thing), list(thing) if kind is dict else None
    return (kind,) if attrs.has(kind) else (kind, thing)
