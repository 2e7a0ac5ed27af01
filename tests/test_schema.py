"""JSON schemas of Python types, and the formats made of them."""

from __future__ import annotations

import enum
from typing import Any, Literal, Optional

import attrs
import pytest

from openai_scan import DecodeError, json_schema_format
from openai_scan.events.decoding.structure import Structurer
from openai_scan.schema import described, schema_of


class Unit(enum.Enum):
    """A unit of temperature."""

    CELSIUS = "C"
    FAHRENHEIT = "F"


@attrs.frozen
class Place:
    """Where something is.

    Attributes:
        city: The city,
            in English.
        country (str): Its country.
    """

    city: str
    country: str | None = None


@attrs.frozen
class Report:
    """A weather report.

    More of it is not in the schema.

    Attributes:
        place: Not said, since it is a reference.
        sky: What the sky is like.
    """

    place: Place
    sky: Literal["clear", "cloudy"]
    degrees: float = 0.0
    unit: Unit = Unit.CELSIUS
    earlier: list[Report] = attrs.field(factory=list)
    known: bool = attrs.field(default=True, init=False)


REPORT = {
    "type": "object",
    "properties": {
        "place": {"$ref": "#/$defs/Place"},
        "sky": {
            "type": "string",
            "enum": ["clear", "cloudy"],
            "description": "What the sky is like.",
        },
        "degrees": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "unit": {"anyOf": [{"type": "string", "enum": ["C", "F"]}, {"type": "null"}]},
        "earlier": {"anyOf": [{"type": "array", "items": {"$ref": "#"}}, {"type": "null"}]},
    },
    "required": ["place", "sky", "degrees", "unit", "earlier"],
    "additionalProperties": False,
    "$defs": {
        "Place": {
            "type": "object",
            "description": "Where something is.",
            "properties": {
                "city": {"type": "string", "description": "The city, in English."},
                "country": {
                    "anyOf": [{"type": "string"}, {"type": "null"}],
                    "description": "Its country.",
                },
            },
            "required": ["city", "country"],
            "additionalProperties": False,
        }
    },
}


def test_a_class_is_a_format_for_chat_and_assistants() -> None:
    """All keys are required and no others are allowed: what has a default may be null."""
    assert json_schema_format(Report) == {
        "type": "json_schema",
        "json_schema": {
            "name": "Report",
            "description": "A weather report.",
            "schema": REPORT,
            "strict": True,
        },
    }
    assert json_schema_format(Report, api="assistants") == json_schema_format(Report)


def test_for_responses_it_is_flat() -> None:
    """It is the `format` of `text` there; a class without a docstring has no description."""

    @attrs.frozen
    class Bare:
        pass

    assert json_schema_format(Bare, api="responses") == {
        "type": "json_schema",
        "name": "Bare",
        "schema": {
            "type": "object",
            "properties": {},
            "required": [],
            "additionalProperties": False,
        },
        "strict": True,
    }


def test_what_the_schema_asks_for_can_be_read() -> None:
    """Null stands for the default, whatever that is."""
    payload = {
        "place": {"city": "Rome", "country": None},
        "sky": "clear",
        "degrees": 21,
        "unit": None,
        "earlier": [{"place": {"city": "Bari"}, "sky": "cloudy", "unit": "F", "earlier": None}],
    }
    before = Report(place=Place(city="Bari"), sky="cloudy", unit=Unit.FAHRENHEIT)
    assert Structurer(strict=True)(payload, Report) == Report(
        place=Place(city="Rome"), sky="clear", degrees=21.0, earlier=[before]
    )


def test_a_list_that_is_null_is_empty() -> None:
    """Also where it has no default."""
    cls: Any = attrs.make_class("Names", {"names": attrs.field(type=list[str])})
    assert Structurer(strict=True)({"names": None}, cls) == cls(names=[])


@attrs.frozen
class Checked:
    """A class that checks its values itself."""

    number: int = attrs.field(validator=attrs.validators.ge(0))
    names: list[str] = attrs.field(factory=list)
    unit: Unit = Unit.CELSIUS


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"number": -1}, "'number' must be >= 0: -1 @ $"),
        ({"number": 1, "names": "ab"}, "invalid value for type, expected list @ $.names"),
        ({"number": 1, "names": [1]}, "invalid value for type, expected str @ $.names[0]"),
        ({"number": 1, "unit": "K"}, "invalid value for type, expected 'C' or 'F' @ $.unit"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(payload: Any, message: str) -> None:
    """A list is no text, an enum has its values only, and a class may have its own say."""
    with pytest.raises(DecodeError) as caught:
        Structurer(strict=True)(payload, Checked)
    assert str(caught.value) == message


@attrs.frozen
class Circle:
    """A circle."""

    radius: float
    type: Literal["circle"] = "circle"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (str, {"type": "string"}),
        (bool, {"type": "boolean"}),
        (int, {"type": "integer"}),
        (Optional[int], {"anyOf": [{"type": "integer"}, {"type": "null"}]}),  # noqa: UP045 - on purpose
        (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
        (Literal[1, 2], {"type": "integer", "enum": [1, 2]}),
        (Literal["a", 1], {"type": ["string", "integer"], "enum": ["a", 1]}),
    ],
)
def test_a_type_has_its_schema(kind: Any, expected: Any) -> None:
    """The types of JSON, and choices, unions and lists of them."""
    assert schema_of(kind) == expected


def test_a_union_of_classes_is_told_apart_by_type() -> None:
    """A tag that has a default is asked for as well."""
    schema = schema_of(Circle | None | str)
    assert schema["anyOf"] == [{"$ref": "#/$defs/Circle"}, {"type": "null"}, {"type": "string"}]
    assert schema["$defs"]["Circle"]["required"] == ["radius", "type"]


def test_a_class_is_defined_once() -> None:
    """However often it is referred to."""
    trip = attrs.make_class("Trip", {name: attrs.field(type=Place) for name in ("start", "end")})
    schema = schema_of(trip)
    assert schema["properties"] == {
        "start": {"$ref": "#/$defs/Place"},
        "end": {"$ref": "#/$defs/Place"},
    }
    assert schema["$defs"] == REPORT["$defs"]


def test_a_loose_schema_knows_less() -> None:
    """Any object, any value; what has a default may be left out, a reference described."""

    @attrs.frozen
    class Loose:
        """A loose one.

        Attributes:
            place: Where.
        """

        place: Place
        counts: dict[str, int]
        rest: dict  # type: ignore[type-arg] # on purpose
        items: list  # type: ignore[type-arg] # on purpose
        value: Any = None

    attrs.resolve_types(Loose, localns={"Place": Place})
    schema = schema_of(Loose, strict=False)
    assert schema["properties"] == {
        "place": {"$ref": "#/$defs/Place", "description": "Where."},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        "rest": {"type": "object"},
        "items": {"type": "array"},
        "value": {},
    }
    assert schema["required"] == ["place", "counts", "rest", "items"]


class _Plain:
    """A class that attrs does not know."""


def _two_of_a_name() -> type:
    """Return a class with fields of two classes that are both called Place."""
    other = attrs.make_class("Place", {"zip": attrs.field(type=str)})
    return attrs.make_class(
        "Move", {"start": attrs.field(type=Place), "end": attrs.field(type=other)}
    )


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (dict[str, int], "there is no strict JSON schema of dict[str, int]"),
        (Any, "there is no strict JSON schema of Any"),
        (tuple[int, str], "there is no strict JSON schema of tuple[int, str]"),
        (_Plain, "there is no strict JSON schema of _Plain"),
        (
            Place | int,
            (
                "Place cannot be in a union: that takes str, int, float, bool, None and"
                " classes with a field type: Literal['...']"
            ),
        ),
        (
            list[int] | str,
            (
                "list[int] cannot be in a union: that takes str, int, float, bool, None and"
                " classes with a field type: Literal['...']"
            ),
        ),
        (
            Literal[b"a"],
            "there is no JSON schema of a choice that is not of str, int, float, bool or None",
        ),
        (
            _two_of_a_name(),
            "there are two classes Place: a schema tells them apart by name",
        ),
    ],
    ids=str,
)
def test_what_has_no_schema_is_a_type_error(kind: Any, message: str) -> None:
    """It is told when the request is made, not by the server."""
    with pytest.raises(TypeError) as caught:
        schema_of(kind)
    assert str(caught.value) == message


def test_a_loose_schema_has_limits_too() -> None:
    """The keys of JSON are text."""
    with pytest.raises(TypeError) as caught:
        schema_of(dict[int, str], strict=False)
    assert str(caught.value) == "there is no JSON schema of dict[int, str]"


def test_a_format_is_of_a_class() -> None:
    """The server wants an object at the top."""
    with pytest.raises(TypeError) as caught:
        json_schema_format(int)
    assert str(caught.value) == (
        "int is not an attrs class, a dataclass, a TypedDict or a pydantic model"
    )


def test_a_docstring_says_what_parameters_are() -> None:
    """The first paragraph, and the lines of the sections that have them."""
    docstring = """Do this
    and that.

    And more.

    Args:
        first: One
            and on.
        second (int, optional):
            Two: half.

        third: Three.
            note: four.

    Returns:
        fourth: nothing.
    """
    assert described(docstring) == (
        "Do this and that.",
        {"first": "One and on.", "second": "Two: half.", "third": "Three. note: four."},
    )
    assert described("Args:\n  - a list\n  a: b\nRest") == ("", {"a": "b"})
    assert described(None) == ("", {})


@attrs.frozen
class Folder:
    """A folder of folders."""

    name: str
    inner: list[Folder]


@attrs.frozen
class Disk:
    """What holds a folder."""

    top: Folder


def test_a_class_inside_may_hold_itself() -> None:
    """It is described once, and refers to that description."""
    folder = {
        "type": "object",
        "description": "A folder of folders.",
        "properties": {
            "name": {"type": "string"},
            "inner": {"type": "array", "items": {"$ref": "#/$defs/Folder"}},
        },
        "required": ["name", "inner"],
        "additionalProperties": False,
    }
    assert schema_of(Disk)["$defs"] == {"Folder": folder}
