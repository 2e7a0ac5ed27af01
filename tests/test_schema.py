"""JSON schemas of Python types, and the formats made of them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import re
import sys
from collections.abc import Callable
from typing import Annotated, Any, Literal, Optional

import attrs
import pydantic
import pytest
from typing_extensions import NotRequired, Required, TypedDict

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
    """Null means the default, whatever that is."""
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
    """Null becomes an empty list, even if the field has no default."""
    cls: Any = attrs.make_class("Names", {"names": attrs.field(type=list[str])})
    assert Structurer(strict=True)({"names": None}, cls) == cls(names=[])


@attrs.frozen
class Checked:
    """A class that validates its values itself."""

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
def test_what_does_not_fit_is_reported_with_its_place(payload: Any, message: str) -> None:
    """A list is not text, an enum has its values only, and a class may have its own say."""
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
    """JSON types have one, and so have choices, unions and lists of them."""
    assert schema_of(kind) == expected


def test_a_union_of_classes_is_distinguished_by_type() -> None:
    """A tag that has a default is asked for as well."""
    schema = schema_of(Circle | None | str)
    assert schema["anyOf"] == [{"$ref": "#/$defs/Circle"}, {"type": "null"}, {"type": "string"}]
    assert schema["$defs"]["Circle"]["required"] == ["radius", "type"]


def test_a_class_is_defined_once() -> None:
    """Several fields of one class refer to the same definition."""
    trip = attrs.make_class("Trip", {name: attrs.field(type=Place) for name in ("start", "end")})
    schema = schema_of(trip)
    assert schema["properties"] == {
        "start": {"$ref": "#/$defs/Place"},
        "end": {"$ref": "#/$defs/Place"},
    }
    assert schema["$defs"] == REPORT["$defs"]


def test_a_loose_schema_knows_less() -> None:
    """A loose schema allows any object or value, and fields with a default are optional.

    A reference may have a description.
    """

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


@attrs.frozen
class Trip:
    """A class with a field that has no schema."""

    stops: list[Any]


@attrs.frozen
class Year:
    """Has no strict schema either, because of its own field."""

    trips: dict[str, int]


@attrs.frozen
class Life:
    """Contains a class that has a field without a schema."""

    trips: list[Trip]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (dict[str, int], "dict[str, int] has no strict JSON schema"),
        (Any, "Any has no strict JSON schema"),
        (tuple[int, str], "tuple[int, str] has no strict JSON schema"),
        (_Plain, "_Plain has no strict JSON schema"),
        (
            Place | int,
            (
                "Place cannot be in a union: use str, int, float, bool, None and"
                " classes with a field type: Literal['...']"
            ),
        ),
        (
            list[int] | str,
            (
                "list[int] cannot be in a union: use str, int, float, bool, None and"
                " classes with a field type: Literal['...']"
            ),
        ),
        (
            Literal[b"a"],
            "a Literal or Enum needs values of str, int, float, bool or None to have a JSON schema",
        ),
        (
            _two_of_a_name(),
            (
                "Move.end: two classes have the name Place: rename one, because a schema refers to"
                " classes by name"
            ),
        ),
        (Year, "Year.trips: dict[str, int] has no strict JSON schema"),
        (Life, "Life.trips: Trip.stops: Any has no strict JSON schema"),
    ],
    ids=str,
)
def test_what_has_no_schema_is_a_type_error(kind: Any, message: str) -> None:
    """The error is raised when the request is made, rather than by the server."""
    with pytest.raises(TypeError) as caught:
        schema_of(kind)
    assert str(caught.value) == message


def test_a_loose_schema_has_limits_too() -> None:
    """A dict needs keys of text, as in JSON."""
    with pytest.raises(TypeError) as caught:
        schema_of(dict[int, str], strict=False)
    assert str(caught.value) == "dict[int, str] has no JSON schema"


def test_a_format_is_of_a_class() -> None:
    """The server wants an object at the top."""
    with pytest.raises(TypeError) as caught:
        json_schema_format(int)
    assert str(caught.value) == (
        "int is not an attrs class, a dataclass, a TypedDict or a pydantic model"
    )
    with pytest.raises(TypeError, match="Names is not a JSON object"):
        json_schema_format(pydantic.create_model("Names", __base__=pydantic.RootModel[list[str]]))


@dataclasses.dataclass
class Dangling:
    """Has a field whose class does not exist."""

    it: "Nowhere"  # type: ignore[name-defined]  # noqa: F821, UP037


def test_a_type_that_cannot_be_found_is_a_type_error() -> None:
    """This holds for the class itself and for a list of it."""
    for kind in (Dangling, list[Dangling]):
        with pytest.raises(
            TypeError, match=r"a field of Dangling has an unknown type: .*'Nowhere'"
        ):
            schema_of(kind)


def test_a_docstring_says_what_parameters_are() -> None:
    """The first paragraph describes the function, and the lines of "Args" its parameters."""
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


class TestChoices:
    """Literals and enums, whatever their values are."""

    class Mixed(enum.Enum):
        """Values of several types."""

        ONE = 1
        NONE = None
        TEXT = "t"

    @pytest.mark.parametrize(
        ("kind", "expected"),
        [
            (Literal["a", None], {"type": ["string", "null"], "enum": ["a", None]}),  # noqa: PYI061 - on purpose
            (Literal[1, "a", True], {"type": ["integer", "string", "boolean"]}),
            (Literal[True], {"type": "boolean", "enum": [True]}),
            (Literal[None], {"type": "null", "enum": [None]}),  # noqa: PYI061 - on purpose
            (Literal[Unit.CELSIUS, "K"], {"type": "string", "enum": ["C", "K"]}),
            (Mixed, {"type": ["integer", "null", "string"], "enum": [1, None, "t"]}),
            (
                Literal["a"] | None,
                {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]},
            ),
        ],
    )
    def test_each_has_its_types(self, kind: Any, expected: dict[str, Any]) -> None:
        """The schema lists the types of the values in order, each once."""
        schema = schema_of(kind)
        assert {key: schema[key] for key in expected} == expected

    @pytest.mark.parametrize(
        ("kind", "value", "expected"),
        [
            (Literal[1], 1, 1),
            (Literal[1], 1.0, 1),
            (Literal[True], True, True),
            (Literal["a", None], None, None),  # noqa: PYI061 - on purpose
            (Literal[Unit.CELSIUS, "K"], "C", Unit.CELSIUS),
            (Literal[Unit.CELSIUS, "K"], "K", "K"),
            (Mixed, None, Mixed.NONE),
            (Mixed, 1, Mixed.ONE),
        ],
    )
    def test_a_value_is_read(self, kind: Any, value: Any, expected: Any) -> None:
        """The result is the value of the Literal, or the member of the Enum; strict or not."""
        cls: Any = attrs.make_class("Has", {"it": attrs.field(type=kind)})
        for strict in (True, False):
            read = Structurer(strict=strict)({"it": value}, cls).it
            assert (read, type(read)) == (expected, type(expected))

    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            (Literal[1], True),
            (Literal[1], "1"),
            (Literal[1], None),
            (Literal[0], False),
            (Literal[True], 1),
            (Literal["a"], ["a"]),
            (Mixed, True),
            (Mixed, 2),
        ],
    )
    def test_nothing_is_coerced(self, kind: Any, value: Any) -> None:
        """True is not 1, and 1 is not "1"."""
        cls: Any = attrs.make_class("Has", {"it": attrs.field(type=kind)})
        with pytest.raises(DecodeError):
            Structurer(strict=True)({"it": value}, cls)

    def test_a_choice_of_nothing_has_no_schema(self) -> None:
        """An Enum without members is a TypeError, since no value would match."""
        with pytest.raises(TypeError, match="a Literal or Enum needs values"):
            schema_of(enum.Enum("Empty", []))


def test_a_default_may_depend_on_the_object() -> None:
    """Null means a default that is computed from the other fields, too."""

    @attrs.define
    class Box:
        width: int
        height: int = attrs.field()
        names: list[str] = attrs.field()

        @height.default
        def _square(self) -> int:
            return self.width

        @names.default
        def _no_names(self) -> list[str]:
            return []

    attrs.resolve_types(Box)
    assert schema_of(Box)["properties"]["height"] == {
        "anyOf": [{"type": "integer"}, {"type": "null"}]
    }
    for payload in ({}, {"height": None}, {"height": None, "names": None}):
        assert Structurer(strict=True)({"width": 2, **payload}, Box) == Box(2)
    assert Structurer(strict=True)({"width": 2, "height": 3}, Box).height == 3


class Doc:
    """Words, as `typing_extensions.Doc` has them."""

    documentation = "Documented."


class TestWords:
    """`Annotated` describes a type or a field."""

    @pytest.mark.parametrize(
        ("kind", "expected"),
        [
            (Annotated[str, "Words."], {"type": "string", "description": "Words."}),
            (Annotated[str, 1, "Words.", "More."], {"type": "string", "description": "Words."}),
            (Annotated[str, Doc()], {"type": "string", "description": "Documented."}),
            (
                Annotated[str, pydantic.Field(description="F")],
                {"type": "string", "description": "F"},
            ),
            (Annotated[str, 1], {"type": "string"}),
            (
                list[Annotated[int, "One."]],
                {"type": "array", "items": {"type": "integer", "description": "One."}},
            ),
            (Annotated[Place, "Where."], {"$ref": "#/$defs/Place"}),
        ],
    )
    def test_a_type_is_described(self, kind: Any, expected: dict[str, Any]) -> None:
        """The first text counts; a strict reference cannot have a description."""
        schema = schema_of(kind)
        schema.pop("$defs", None)
        assert schema == expected

    def test_a_field_is_described(self) -> None:
        """An annotation counts more than the docstring, and the field is read as without it."""

        @attrs.frozen
        class City:
            """A city.

            Attributes:
                name: Not this.
            """

            name: Annotated[str, "Its name."]
            size: Annotated[int | None, "Its size."] = None
            parts: tuple[Annotated[str, "One."], ...] = ()

        attrs.resolve_types(City, localns=locals())
        properties = schema_of(City)["properties"]
        assert properties["name"] == {"type": "string", "description": "Its name."}
        assert properties["size"]["description"] == "Its size."
        payload = {"name": "Oslo", "size": 1, "parts": ["a"]}
        assert Structurer(strict=True)(payload, City) == City("Oslo", 1, ("a",))
        with pytest.raises(DecodeError, match=r"expected str @ \$\.name"):
            Structurer(strict=True)({"name": 1}, City)


@dataclasses.dataclass
class Street:
    """A street.

    Attributes:
        name: What it is called.
    """

    name: str
    number: int = 1
    names: list[str] = dataclasses.field(default_factory=list)
    next: Street | None = None
    length: Annotated[float, "In metres."] = 0.0
    computed: int = dataclasses.field(default=0, init=False)


@dataclasses.dataclass
class Checking:
    """A dataclass that checks its values itself."""

    number: int

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError("it is negative")


class Keys(TypedDict):
    """Keys.

    Attributes:
        name: The name.
    """

    name: str
    size: NotRequired[int]
    streets: list[Street]
    type: Literal["keys"]


# Keys that are not names in Python.
Odd = TypedDict("Odd", {"from": Required[str], "a-b": int, "_c": Annotated[int, "C."]}, total=False)


class Model(pydantic.BaseModel):
    """A model."""

    name: str
    unit: Unit = Unit.CELSIUS
    day: dt.date | None = None
    inner: Inner | None = None
    sizes: list[int] = pydantic.Field(default_factory=list, description="How large.")
    kind: Literal["a", None] = "a"  # noqa: PYI061 - on purpose

    @pydantic.field_validator("name")
    @classmethod
    def _named(cls, name: str) -> str:
        if name == "secret":
            raise ValueError("hunter2")
        return name


class Inner(pydantic.BaseModel):
    """A model in a model."""

    x: int = 7
    again: Inner | None = None


class TestDataclasses:
    """Dataclasses and TypedDicts are read as attrs classes are."""

    def test_a_dataclass_has_a_schema(self) -> None:
        """It has the descriptions of the docstring, and only fields that the constructor takes."""
        schema = schema_of(Street)
        assert schema["description"] == "A street."
        assert schema["required"] == ["name", "number", "names", "next", "length"]
        assert schema["properties"]["name"] == {
            "type": "string",
            "description": "What it is called.",
        }
        assert schema["properties"]["next"] == {"anyOf": [{"$ref": "#"}, {"type": "null"}]}
        assert schema["properties"]["length"]["description"] == "In metres."
        assert json_schema_format(Street)["json_schema"]["name"] == "Street"

        @dataclasses.dataclass
        class Bare:
            x: int

        assert "description" not in schema_of(Bare)

    def test_a_dataclass_is_read(self) -> None:
        """Null means the default, and a class may contain itself."""
        payload = {"name": "a", "number": None, "next": {"name": "b", "names": ["c"]}, "new": 1}
        assert Structurer(strict=True)(payload, Street) == Street(
            "a", next=Street("b", names=["c"])
        )

    @pytest.mark.parametrize(
        ("cls", "payload", "message"),
        [
            (Street, {"name": 1}, "invalid value for type, expected str @ $.name"),
            (Street, {}, "required field missing @ $.name"),
            (
                Street,
                {"name": "a", "next": {"name": "b", "number": True}},
                "invalid value for type, expected int @ $.next.number",
            ),
            (Street, [], "invalid value for type, expected object @ $"),
            (Checking, {"number": -1}, "it is negative @ $"),
            (Keys, {"name": "a", "streets": [{}]}, "required field missing @ $.streets[0].name"),
            (Odd, {"from": "x", "a-b": "y"}, "invalid value for type, expected int @ $.a-b"),
            (Odd, {}, "required field missing @ $.from"),
        ],
    )
    def test_what_does_not_fit_is_reported_with_its_place(
        self, cls: Any, payload: Any, message: str
    ) -> None:
        """The messages are those for attrs classes."""
        with pytest.raises(DecodeError) as caught:
            Structurer(strict=True)(payload, cls)
        assert str(caught.value) == message

    def test_a_typed_dict_has_a_schema_and_is_read(self) -> None:
        """A key that is not required may be null, and is left out then."""
        schema = schema_of(Keys)
        assert schema["required"] == ["name", "size", "streets", "type"]
        assert schema["properties"]["size"] == {"anyOf": [{"type": "integer"}, {"type": "null"}]}
        assert schema["properties"]["name"]["description"] == "The name."
        payload = {"name": "a", "size": None, "streets": [{"name": "b"}], "type": "keys", "new": 1}
        assert Structurer(strict=True)(payload, Keys) == {
            "name": "a",
            "streets": [Street("b")],
            "type": "keys",
        }

    def test_keys_need_not_be_names(self) -> None:
        """Keys of a TypedDict may be any text, as in JSON."""
        assert schema_of(Odd, strict=False)["required"] == ["from"]
        assert schema_of(Odd)["properties"]["_c"]["description"] == "C."
        read = Structurer(strict=True)({"from": "x", "a-b": 1, "_c": None}, Odd)
        assert read == {"from": "x", "a-b": 1}

    def test_a_union_tells_them_apart(self) -> None:
        """Their `type` distinguishes them, as with attrs classes."""
        kind: Any = Circle | Keys | None
        cls: Any = attrs.make_class("Has", {"it": attrs.field(type=kind)})
        assert schema_of(cls)["properties"]["it"]["anyOf"][1] == {"$ref": "#/$defs/Keys"}
        keys = {"type": "keys", "name": "a", "streets": []}
        assert Structurer(strict=True)({"it": keys}, cls).it == keys
        assert Structurer(strict=True)({"it": {"type": "circle", "radius": 1}}, cls).it == Circle(1)
        with pytest.raises(TypeError, match="Street cannot be in a union"):
            schema_of(Street | Circle)


class TestModels:
    """pydantic's models describe and read themselves, strictly."""

    def test_a_model_has_a_strict_schema(self) -> None:
        """It is pydantic's schema, with all keys required."""
        schema = schema_of(Model)
        again = {"anyOf": [{"$ref": "#/$defs/Inner"}, {"type": "null"}]}
        assert schema == {
            "type": "object",
            "description": "A model.",
            "properties": {
                "name": {"type": "string"},
                "unit": {"anyOf": [{"$ref": "#/$defs/Unit"}, {"type": "null"}]},
                "day": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
                "inner": again,
                "sizes": {
                    "anyOf": [
                        {
                            "type": "array",
                            "items": {"type": "integer"},
                            "description": "How large.",
                        },
                        {"type": "null"},
                    ]
                },
                "kind": {
                    "anyOf": [{"type": ["string", "null"], "enum": ["a", None]}, {"type": "null"}]
                },
            },
            "required": ["name", "unit", "day", "inner", "sizes", "kind"],
            "additionalProperties": False,
            "$defs": {
                "Unit": {
                    "type": "string",
                    "description": "A unit of temperature.",
                    "enum": ["C", "F"],
                },
                "Inner": {
                    "type": "object",
                    "description": "A model in a model.",
                    "properties": {
                        "x": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                        "again": again,
                    },
                    "required": ["x", "again"],
                    "additionalProperties": False,
                },
            },
        }
        assert json_schema_format(Model)["json_schema"]["name"] == "Model"

    def test_a_loose_schema_is_its_own(self) -> None:
        """It is pydantic's schema without the title, since the format already has the name."""
        schema = Model.model_json_schema()
        del schema["title"]
        assert schema_of(Model, strict=False) == schema

    def test_a_model_that_contains_itself_is_an_object(self) -> None:
        """The top of a schema cannot be a reference."""
        schema = schema_of(Inner)
        assert (schema["type"], list(schema["$defs"])) == ("object", ["Inner"])
        assert schema["properties"] == schema["$defs"]["Inner"]["properties"]

    def test_a_model_may_be_in_another_class(self) -> None:
        """It is defined once, with what it needs."""
        cls: Any = attrs.make_class(
            "Has", {"a": attrs.field(type=Model), "b": attrs.field(type=Inner)}
        )
        schema = schema_of(cls)
        assert schema["properties"] == {
            "a": {"$ref": "#/$defs/Model"},
            "b": {"$ref": "#/$defs/Inner"},
        }
        assert sorted(schema["$defs"]) == ["Inner", "Model", "Unit"]
        payload = {"a": {"name": "n", "unit": "F"}, "b": {"x": 1}}
        read = Structurer(strict=True)(payload, cls)
        assert (read.a.unit, read.b.x) == (Unit.FAHRENHEIT, 1)

    def test_a_model_is_read(self) -> None:
        """Null is the default; dates are text in JSON."""
        payload = {
            "name": "n",
            "unit": None,
            "day": "2026-01-31",
            "inner": {"x": None, "again": {"x": 3}},
            "sizes": None,
        }
        assert Structurer(strict=True)(payload, Model) == Model(
            name="n", day=dt.date(2026, 1, 31), inner=Inner(again=Inner(x=3))
        )

    @pytest.mark.parametrize(
        ("payload", "message"),
        [
            ({"name": 1}, "Input should be a valid string @ $.name"),
            ({"name": "n", "sizes": [1, "2"]}, "Input should be a valid integer @ $.sizes[1]"),
            ({"name": "n", "inner": {"x": True}}, "Input should be a valid integer @ $.inner.x"),
            ({}, "Field required @ $.name"),
            ({"name": None}, "Field required @ $.name"),
            ({"name": "n", "sizes": [None]}, "Input should be a valid integer @ $.sizes[0]"),
            ([], "Input should be an object @ $"),
            ({"name": "secret"}, "Value error, hunter2 @ $"),
        ],
    )
    def test_what_does_not_fit_is_reported_with_its_place(self, payload: Any, message: str) -> None:
        """Nothing is coerced, and no value is shown."""
        with pytest.raises(DecodeError) as caught:
            Structurer(strict=True)(payload, Model)
        assert str(caught.value) == message

    @pytest.mark.parametrize(
        ("kind", "message"),
        [
            (dict[str, int], "the dict in Bad has no strict JSON schema"),
            (Any, "a field of Bad has no strict JSON schema"),
            (tuple[int, str], "a field of Bad has no strict JSON schema"),
            (list[Any], "a field of Bad has no strict JSON schema"),
            (Callable[[], int], "Bad has no JSON schema"),
        ],
    )
    def test_what_has_no_schema_is_a_type_error(self, kind: Any, message: str) -> None:
        """The error is raised when the request is made, rather than by the server."""
        bad = pydantic.create_model("Bad", it=(kind, ...))
        with pytest.raises(TypeError, match=re.escape(message)):
            schema_of(bad)

    def test_unions_by_a_tag_are_plain_unions(self) -> None:
        """Strict schemas have no discriminator."""
        make: Any = pydantic.create_model
        a: Any = make("A", type=(Literal["a"], ...))
        b: Any = make("B", type=(Literal["b"], ...))
        union: Any = Annotated[a | b, pydantic.Field(discriminator="type")]
        has = make("Has", it=(union, ...))
        assert schema_of(has)["properties"]["it"] == {
            "anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]
        }

    def test_two_classes_of_one_name_are_a_type_error(self) -> None:
        """This holds for attrs classes and models in any combination."""
        place = pydantic.create_model("Place", zip=(str, ...))
        outer = pydantic.create_model("Outer", place=(place, ...))
        kinds: list[Any]
        for kinds in ([Place, place], [place, Place], [Place, outer], [outer, Place]):
            fields: dict[str, Any] = {}
            kind: Any
            for kind in kinds:
                fields[f"f{len(fields)}"] = attrs.field(type=kind)
            cls = attrs.make_class("Has", fields)
            with pytest.raises(TypeError, match="two classes have the name Place"):
                schema_of(cls)

    def test_without_pydantic_nothing_is_a_model(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The check does not import pydantic."""
        monkeypatch.delitem(sys.modules, "pydantic")
        with pytest.raises(
            TypeError, match="Model is not an attrs class, a dataclass, a TypedDict"
        ):
            json_schema_format(Model)
        assert "pydantic" not in sys.modules
