"""The generator of the event families: what it makes of a schema is what is checked in."""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "tests" / "spec" / "openapi.json"

NEEDS_RUFF = pytest.mark.skipif(
    importlib.util.find_spec("ruff") is None, reason="ruff, which formats the output, is missing"
)


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The generator, imported as it imports its neighbours: from its own folder."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("generate_types")


@NEEDS_RUFF
def test_what_is_checked_in_is_what_the_generator_makes() -> None:
    """Nobody has edited the output, and nobody has forgotten to make it anew."""
    command = [
        sys.executable,
        str(ROOT / "scripts" / "generate_types.py"),
        str(DOCUMENT),
        "--check",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


# A document with a bit of everything that OpenAI's has.
SCHEMAS: dict[str, Any] = {
    "Stream": {
        "anyOf": [
            {"$ref": "#/components/schemas/PetDelta"},
            {"$ref": "#/components/schemas/PetDone"},
            {"$ref": "#/components/schemas/PetError"},
        ]
    },
    "PetDelta": {
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": ["pet.delta"]},
            "number": {"type": "integer"},
            "delta": {"type": "string"},
            "noise": {"type": "string"},
            "seen_at": {"type": "integer", "format": "unixtime"},
        },
        "required": ["type", "number", "delta", "noise"],
    },
    "PetDone": {
        "type": "object",
        "properties": {
            "type": {"const": "pet.done"},
            "pet": {"$ref": "#/components/schemas/Pet"},
            "tags": {"type": "object", "additionalProperties": {"type": "string"}},
            "scores": {"type": "object", "additionalProperties": {"type": "number"}},
            "more": {},
        },
        "required": ["type", "pet"],
    },
    "PetError": {"properties": {"type": {"const": "error"}}},
    "Pet": {"oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}]},
    "Cat": {
        "type": "object",
        "properties": {
            "type": {"const": "cat"},
            "name": {"type": "string"},
            "mood": {"enum": ["good", "bad"], "type": "string"},
            "lives": {"type": ["integer", "null"]},
            "toy": {"anyOf": [{"$ref": "#/components/schemas/ToyParam"}, {"type": "null"}]},
            "prompt": {"type": "string", "nullable": True},
        },
        "required": ["type", "name", "mood", "lives", "toy", "prompt"],
    },
    "Dog": {
        "allOf": [
            {"$ref": "#/components/schemas/Animal"},
            {
                "properties": {
                    "type": {"const": "dog"},
                    "toys": {"type": "array", "items": {"$ref": "#/components/schemas/Toy"}},
                    "food": {"oneOf": [{"type": "string"}, {"type": "array", "items": {}}]},
                },
                "required": ["toys"],
            },
        ]
    },
    "Animal": {"properties": {"legs": {"type": "integer"}}, "required": ["legs"]},
    "Toy": {
        "properties": {"name": {"type": "string"}, "price": {"type": "number"}},
        "required": ["name", "price"],
    },
    "ToyParam": {"properties": {"name": {"type": "string"}}, "required": ["name"]},
}

DOCS = {
    "PetDelta": "a piece of a pet.",
    "PetDone": "a whole pet.",
    "PetNews": "news of a pet.",
    "Cat": "A cat.",
    "Dog": "A dog.",
    "Toy": "A toy.",
    "Collar": "A collar.",
}

OVERRIDES: dict[str, Any] = {
    "folder": "pets",
    "title": "pets",
    "source": "https://example.org/pets",
    "roots": ["Stream"],
    "optional": frozenset({"*.number", "Cat.mood"}),
    "extra": {"Cat.collar": "Collar | None"},
    "loose": {"PetDone.more": "dict[str, Any] | None"},
    "dropped": frozenset({"PetDelta.noise"}),
    "defaults": {"Dog.legs": "4"},
    "hidden": frozenset({"Cat.prompt"}),
    "new_objects": {"Collar": {"color": "str"}},
    "new_events": {"pet.news": {"text": "str"}},
    "bases": {"PetDelta": ["AddsText"]},
    "frequent": ["pet.news"],
    "docs": DOCS,
}

OBJECTS = '''\
from openai_scan.values import (Value)

@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Toy(Value):
    """A toy."""

    name: str
    price: float | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Collar(Value):
    """A collar."""

    color: str


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Cat(Value):
    """A cat."""

    name: str
    mood: str = ""
    lives: int | None = None
    toy: Toy | None = None
    prompt: str | None = field(default=None, repr=False)
    collar: Collar | None = None  # sent, but not in the schema
    type: Literal["cat"] = "cat"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Dog(Value):
    """A dog."""

    legs: int = 4
    toys: tuple[Toy, ...] = ()
    food: str | tuple[Any, ...] | None = None
    type: Literal["dog"] = "dog"


Pet: TypeAlias = Cat | Dog | dict[str, Any]
'''

EVENTS = '''
from openai_scan.events.base import (Event)
from openai_scan.events.decoding.structure import (Structurer)
from openai_scan.sse import (RawEvent)
from openai_scan.events.pets.objects import (Pet)
from openai_scan.events.pets.base import (AddsText)

@frozen(slots=False, eq=False, repr=False)
class PetDelta(AddsText):
    """`pet.delta`: a piece of a pet."""

    wire_name: ClassVar[str] = "pet.delta"

    delta: str
    number: int | None = None
    seen_at: int | None = None  # Unix seconds


@frozen(slots=False, eq=False, repr=False)
class PetDone(Event):
    """`pet.done`: a whole pet."""

    wire_name: ClassVar[str] = "pet.done"

    pet: Pet
    tags: dict[str, str] | None = None
    scores: dict[str, Any] | None = None
    more: dict[str, Any] | None = None


@frozen(slots=False, eq=False, repr=False)
class PetNews(Event):
    """`pet.news`: news of a pet."""

    wire_name: ClassVar[str] = "pet.news"

    text: str
'''

MATCH = """    match name:
        case "pet.news":
            event_class = PetNews
        case "pet.delta":
            event_class = PetDelta
        case "pet.done":
            event_class = PetDone
        case _:
            return None
    return structure.event(payload, event_class, raw)
"""


def rendered(tools: ModuleType, **overrides: Any) -> dict[str, str]:
    """Return what the generator makes of the pets."""
    family = tools.Family(**{**OVERRIDES, **overrides})
    texts: dict[str, str] = tools.render(tools.FamilyModel(family, SCHEMAS))
    return texts


def test_schema_becomes_classes(tools: ModuleType) -> None:
    """A field is required, merged, inherited, loose, hidden, dropped or added as it says."""
    texts = rendered(tools)
    assert set(texts) == {"objects.py", "events.py", "__init__.py"}
    assert texts["objects.py"].partition("from attrs import field, frozen\n")[2] == OBJECTS + "\n"
    assert EVENTS in texts["events.py"]
    assert texts["events.py"].endswith(MATCH + "\n")
    assert '"""The events of pets: one class per wire name, and the match' in texts["events.py"]
    assert texts["__init__.py"].endswith(
        "__all__ = ['Cat', 'Collar', 'Dog', 'Pet', 'PetDelta', 'PetDone', 'PetNews', 'Toy',"
        " 'decode']\n"
    )


UNION = """
Whelp: TypeAlias = PetDelta | PetDone | PetNews | DoneEvent | ErrorEvent | UnknownEvent
\"""Every event of such a stream, so that a `match` can be shown to be complete.\"""


News: TypeAlias = PetNews | DoneEvent | ErrorEvent | UnknownEvent
"""


def test_the_events_of_a_stream_become_a_union(tools: ModuleType) -> None:
    """It is found by the beginning of their names, exported, and on the page of the family."""
    unions = {"Whelp": "pet.", "News": "pet.news"}
    texts = rendered(tools, unions=unions)
    assert UNION in texts["events.py"]
    assert "import (DoneEvent, ErrorEvent, Event, UnknownEvent)" in texts["events.py"]
    assert "'Toy', 'Whelp', 'decode']" in texts["__init__.py"]
    page = tools.reference_page(
        tools.FamilyModel(tools.Family(**{**OVERRIDES, "unions": unions}), SCHEMAS)
    )
    assert ".. autodata:: openai_scan.events.pets.Whelp\n" in page


def test_reference_describes_all_of_it(tools: ModuleType) -> None:
    """The page of the family has its events, its objects and unions, and its function."""
    model = tools.FamilyModel(tools.Family(**OVERRIDES), SCHEMAS)
    page: str = tools.reference_page(model)
    assert page.startswith(
        "# events.pets\n\n```{eval-rst}\n.. automodule:: openai_scan.events.pets\n"
    )
    assert ".. autoclass:: openai_scan.events.pets.PetNews\n" in page
    assert ".. autoclass:: openai_scan.events.pets.Toy\n" in page
    assert ".. autodata:: openai_scan.events.pets.Pet\n" in page
    assert page.endswith(".. autofunction:: openai_scan.events.pets.decode\n```\n")


def test_modules_are_split_at_their_roots(tools: ModuleType) -> None:
    """A module takes what its root needs with it, and the others import it from there."""
    texts = rendered(tools, modules={"toys": ["Cat"]})
    assert "class Cat(Value):" in texts["toys.py"]
    assert "class Toy(Value):" in texts["toys.py"]
    assert "from openai_scan.events.pets.toys import (Cat, Toy)" in texts["objects.py"]


@NEEDS_RUFF
def test_output_is_formatted(tools: ModuleType) -> None:
    """What is written is what ruff would leave as it is."""
    text = tools.tidy("import b\nimport a\nx = {  'a':1 }\n", ROOT / "openai_scan" / "x.py")
    assert text == 'import a\nimport b\n\nx = {"a": 1}\n'


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"docs": {}}, "PetDelta is new: describe it in overrides.py (docs)"),
        ({"roots": ["Nothing"]}, "the document has no schema Nothing"),
        ({"roots": ["Animal"]}, "Animal has no wire name"),
        (
            {"dropped": frozenset({"PetDelta.noise", "Cat.tail"})},
            "overrides of pets that match nothing: dropped: Cat.tail",
        ),
        ({"frequent": ["pet.gone"]}, "overrides of pets that match nothing: frequent: pet.gone"),
        ({"names": {"Animal": "Beast"}}, "overrides of pets that match nothing: names: Animal"),
        ({"unions": {"Birds": "bird."}}, "unions: Birds: no event's name begins with 'bird.'"),
        ({"names": {"Dog": "Cat"}}, 'Cat.type is Literal["cat"] and Literal["dog"]'),
    ],
)
def test_what_cannot_be_written_is_refused(
    tools: ModuleType, overrides: dict[str, Any], message: str
) -> None:
    """The message names what is to be done, and overrides cannot go stale unseen."""
    with pytest.raises(tools.GeneratorError) as caught:
        rendered(tools, **overrides)
    assert message in str(caught.value)


def test_inline_schema_needs_a_name(tools: ModuleType) -> None:
    """What the schema does not name, the overrides have to."""
    inline = {"properties": {"x": {"type": "integer"}}}
    schemas = {
        "Event": {"properties": {"type": {"const": "e"}, "part": inline}},
    }
    family = tools.Family(
        folder="f",
        title="f",
        source="s",
        roots=["Event"],
        docs={"E": "an event.", "Part": "A part."},
    )
    with pytest.raises(tools.GeneratorError, match=r"Event\.part needs a name"):
        tools.FamilyModel(family, schemas)


def test_twins_have_to_be_alike(tools: ModuleType) -> None:
    """Two schemas become one class only if their fields agree."""
    schemas = {
        "Event": {
            "properties": {
                "type": {"const": "e"},
                "a": {"$ref": "#/components/schemas/Part"},
                "b": {"$ref": "#/components/schemas/PartParam"},
            }
        },
        "Part": {"properties": {"x": {"type": "integer"}}},
        "PartParam": {"properties": {"x": {"type": "string"}}},
    }
    family = tools.Family(
        folder="f",
        title="f",
        source="s",
        roots=["Event"],
        docs={"E": "an event.", "Part": "A part."},
    )
    with pytest.raises(tools.GeneratorError, match=r"Part\.x is int and str"):
        tools.FamilyModel(family, schemas)


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
def test_document_is_json_or_yaml(tools: ModuleType, tmp_path: Path, suffix: str) -> None:
    """OpenAI publishes both; YAML needs PyYAML, which nothing else here does."""
    if suffix == ".yaml":
        pytest.importorskip("yaml", reason="PyYAML is not installed")
    path = tmp_path / f"openapi{suffix}"
    path.write_text(json.dumps({"components": {}}))  # JSON is YAML
    assert tools.read_document(path) == {"components": {}}


def test_document_is_reduced_to_what_is_read(tools: ModuleType) -> None:
    """Prose and unused schemas are left out of the document that the first test reads."""
    reduce = importlib.import_module("spec.reduce").reduce
    noisy = {
        "components": {
            "schemas": {
                "Root": {
                    "description": "Prose.",
                    "properties": {"default": {"$ref": "#/components/schemas/Part", "default": 1}},
                },
                "Part": {"anyOf": [{"type": "string", "example": "x"}, {"type": "null"}]},
                "Unused": {"type": "string"},
            }
        }
    }
    assert reduce(noisy, ["Root"]) == (
        '{"components": {"schemas": {\n'
        ' "Part": {"anyOf": [{"type": "string"}, {"type": "null"}]},\n'
        ' "Root": {"properties": {"default": {"$ref": "#/components/schemas/Part"}}}\n'
        "}}}\n"
    )
    roots = [root for family in tools.FAMILIES for root in family.roots]
    text = DOCUMENT.read_text(encoding="utf-8")
    assert reduce(json.loads(text), roots) == text
