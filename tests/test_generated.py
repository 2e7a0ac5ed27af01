"""The generator of the event families: what it makes of a schema is what is checked in."""

from __future__ import annotations

import importlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.unmeasured

ROOT = Path(__file__).parents[1]
SPEC = ROOT / "tests" / "spec"
DOCUMENTS = [SPEC / "openapi.json", SPEC / "streams.json"]

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
    """The output has not been edited by hand, is complete, and up to date."""
    command = [
        sys.executable,
        str(ROOT / "scripts" / "generate_types.py"),
        *map(str, DOCUMENTS),
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
    "Jump": "A jump.",
}

ATTRIBUTES = {
    "collar": "What it wears",
    "color": "The color",
    "delta": "A piece of the pet",
    "food": "What it eats; None if it eats nothing",
    "height": "How high it was, in meters",
    "legs": "How many legs it has",
    "lives": "How many lives it has left",
    "mood": "How it feels",
    "more": "What else there is",
    "name": "What you call it",
    "number": "The number of the piece",
    "pet": "The pet",
    "price": "The price; None means free",
    "prompt": "What you told it",
    "scores": "How good it is",
    "seen_at": "When it was seen, in Unix seconds",
    "tags": "Words about it",
    "Cat.toy": "What it plays with, which is often something that is worth more than it looks",
    "toys": "What it plays with",
    "tricks": "What it can do",
}

OVERRIDES: dict[str, Any] = {
    "folder": "pets",
    "title": "pets",
    "source": "https://example.org/pets",
    "roots": ["Stream"],
    "optional": frozenset({"*.number", "Cat.mood"}),
    "extra": {"Cat.collar": "Collar | None", "Cat.tricks": "tuple[Trick, ...]"},
    "loose": {"PetDone.more": "dict[str, Any] | None"},
    "dropped": frozenset({"PetDelta.noise"}),
    "defaults": {"Dog.legs": "4", "Jump.type": '"jump"'},
    "hidden": frozenset({"Cat.prompt"}),
    "new_objects": {
        "Collar": {"color": "str"},
        "Jump": {"height": "int | None", "type": 'Literal["jump"]'},
    },
    "new_unions": {"Trick": ["Jump"]},
    "new_events": {"pet.news": {"text": "str"}},
    "bases": {"PetDelta": ["AddsText"]},
    "frequent": ["pet.news"],
    "docs": DOCS,
    "attributes": ATTRIBUTES,
}

OBJECTS = '''\
from openai_scan.values import (UnknownObject, Value)

@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Toy(Value):
    """A toy.

    Attributes:
        name: What you call it.
        price: The price; None means free.
    """

    name: str
    price: float | None = None


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Collar(Value):
    """A collar.

    Attributes:
        color: The color.
    """

    color: str


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Jump(Value):
    """A jump.

    Attributes:
        height: How high it was, in meters; None if missing.
        type: The kind: `jump`.
    """

    height: int | None = None
    type: Literal["jump"] = "jump"


Trick: TypeAlias = Jump | UnknownObject


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Cat(Value):
    """A cat.

    Attributes:
        name: What you call it.
        mood: How it feels: `good` or `bad`; `""` if missing.
        lives: How many lives it has left; None if missing.
        toy: What it plays with, which is often something that is worth more than it looks; None if
            missing.
        prompt: What you told it; None if missing.
        collar: What it wears; None if missing.
        tricks: What it can do; empty if missing.
        type: The kind: `cat`.
    """

    name: str
    mood: str = ""
    lives: int | None = None
    toy: Toy | None = None
    prompt: str | None = field(default=None, repr=False)
    collar: Collar | None = None
    tricks: tuple[Trick, ...] = ()
    type: Literal["cat"] = "cat"


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Dog(Value):
    """A dog.

    Attributes:
        legs: How many legs it has.
        toys: What it plays with; empty if missing.
        food: What it eats; None if it eats nothing.
        type: The kind: `dog`.
    """

    legs: int = 4
    toys: tuple[Toy, ...] = ()
    food: str | tuple[Any, ...] | None = None
    type: Literal["dog"] = "dog"


Pet: TypeAlias = Cat | Dog | UnknownObject
'''

EVENTS = '''
from openai_scan.events.base import (Event)
from openai_scan.events.decoding.structure import (Structurer)
from openai_scan.sse import (RawEvent)
from openai_scan.events.pets.objects import (Pet)
from openai_scan.events.pets.base import (AddsText)

@frozen(slots=False, eq=False, repr=False)
class PetDelta(AddsText):
    """`pet.delta`: a piece of a pet.

    Attributes:
        delta: A piece of the pet.
        number: The number of the piece; None if missing.
        seen_at: When it was seen, in Unix seconds; None if missing.
    """

    wire_name: ClassVar[str] = "pet.delta"

    delta: str
    number: int | None = None
    seen_at: int | None = None


@frozen(slots=False, eq=False, repr=False)
class PetDone(Event):
    """`pet.done`: a whole pet.

    Attributes:
        pet: The pet.
        tags: Words about it; None if missing.
        scores: How good it is; None if missing.
        more: What else there is; None if missing.
    """

    wire_name: ClassVar[str] = "pet.done"

    pet: Pet
    tags: dict[str, str] | None = None
    scores: dict[str, Any] | None = None
    more: dict[str, Any] | None = None


@frozen(slots=False, eq=False, repr=False)
class PetNews(Event):
    """`pet.news`: news of a pet.

    Attributes:
        text: The text.
    """

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
        "__all__ = ['Cat', 'Collar', 'Dog', 'Jump', 'Pet', 'PetDelta', 'PetDone', 'PetNews', 'Toy',"
        " 'Trick', 'decode']\n"
    )


UNION = """
Whelp: TypeAlias = PetDelta | PetDone | PetNews | DoneEvent | ErrorEvent | UnknownEvent
\"""Any event of such a stream; type checkers show if a `match` leaves one out.\"""


News: TypeAlias = PetNews | DoneEvent | ErrorEvent | UnknownEvent
"""


def test_the_events_of_a_stream_become_a_union(tools: ModuleType) -> None:
    """It is found by the beginning of their names, exported, and on the page of the family."""
    unions = {"Whelp": "pet.", "News": "pet.news"}
    texts = rendered(tools, unions=unions)
    assert UNION in texts["events.py"]
    assert "import (DoneEvent, ErrorEvent, Event, UnknownEvent)" in texts["events.py"]
    assert "'Toy', 'Trick', 'Whelp', 'decode']" in texts["__init__.py"]
    page = tools.reference_page(
        tools.FamilyModel(tools.Family(**{**OVERRIDES, "unions": unions}), SCHEMAS)
    )
    assert ".. autodata:: openai_scan.events.pets.Whelp\n" in page


def envelope(name: str, payload: str) -> dict[str, Any]:
    """Return the schema of an event that is sent as an envelope."""
    properties = {
        "event": {"type": "string", "enum": [name]},
        "data": {"$ref": f"#/components/schemas/{payload}"},
    }
    return {"properties": properties, "required": ["event", "data"]}


BIRDS: dict[str, Any] = {
    "Birds": {"oneOf": [{"$ref": "#/components/schemas/NestEvents"}, envelope("done", "Bird")]},
    "NestEvents": {
        "oneOf": [
            envelope("bird.hatched", "Bird"),
            envelope("bird.flown", "Bird"),
            envelope("bird.delta", "BirdDelta"),
        ]
    },
    "Bird": {"properties": {"id": {"type": "string"}}, "required": ["id"]},
    "BirdDelta": {
        "properties": {"object": {"enum": ["bird.delta"]}, "song": {"type": "string"}},
        "required": ["object", "song"],
    },
    "Nest": {"properties": {"eggs": {"type": "integer"}}},
}

BIRD_OVERRIDES: dict[str, Any] = {
    "folder": "birds",
    "title": "birds",
    "source": "https://example.org/birds",
    "roots": ["Birds"],
    "objects": ["Nest"],
    "names": {"Nest": "Home"},
    "loose": {"Home.eggs": "int | None"},
    "dropped": frozenset({"BirdDelta.object"}),
    "payloads": {"Bird": "bird"},
    "bases": {"BirdFlown": ["BirdEvent"]},
    "prepares": {
        "bird.delta": ("openai_scan.events.birds.forms", "in_one_form"),
        "bird.flown": ("openai_scan.events.birds.forms", "grown"),
    },
    "by_hand": {"base": ["BirdEvent"], "names": ["name_of"]},
    "docs": {
        "Bird": "A bird.",
        "BirdDelta": "a piece of a song.",
        "BirdFlown": "the bird has flown.",
        "BirdHatched": "a new bird.",
        "Home": "Where birds hatch.",
    },
    "attributes": {
        "BirdDelta.song": "A piece of the song",
        "bird": "The bird",
        "eggs": "How many eggs there are, 0 to 5",
    },
}

BIRD_EVENTS = '''
@frozen(slots=False, eq=False, repr=False)
class BirdHatched(Event):
    """`bird.hatched`: a new bird.

    Attributes:
        bird: The bird.
    """

    wire_name: ClassVar[str] = "bird.hatched"

    bird: Bird


@frozen(slots=False, eq=False, repr=False)
class BirdFlown(BirdEvent):
    """`bird.flown`: the bird has flown.

    Attributes:
        bird: The bird.
    """

    wire_name: ClassVar[str] = "bird.flown"


@frozen(slots=False, eq=False, repr=False)
class BirdDelta(Event):
    """`bird.delta`: a piece of a song.

    Attributes:
        song: A piece of the song.
    """

    wire_name: ClassVar[str] = "bird.delta"

    song: str
'''

BIRD_MATCH = """    match name:
        case "bird.hatched":
            return BirdHatched(structure(payload, Bird), raw=raw)
        case "bird.flown":
            return BirdFlown(structure(grown(payload), Bird), raw=raw)
        case "bird.delta":
            payload = in_one_form(payload)
            event_class = BirdDelta
        case _:
            return None
    return structure.event(payload, event_class, raw)
"""


def test_events_in_envelopes(tools: ModuleType) -> None:
    """The payload has a name of its own, which a base may have, or its fields are the event's."""
    texts: dict[str, str] = tools.render(tools.FamilyModel(tools.Family(**BIRD_OVERRIDES), BIRDS))
    assert BIRD_EVENTS in texts["events.py"]
    assert texts["events.py"].endswith(BIRD_MATCH + "\n")
    assert "from openai_scan.events.birds.forms import (grown, in_one_form)" in texts["events.py"]
    assert "from openai_scan.events.birds.base import (BirdEvent)" in texts["events.py"]


def test_what_is_beside_the_events(tools: ModuleType) -> None:
    """Objects that no event has are made as well, and names of other modules are exported."""
    model = tools.FamilyModel(tools.Family(**BIRD_OVERRIDES), BIRDS)
    assert model.wishes.text() == ""
    texts: dict[str, str] = tools.render(model)
    assert "class Home(Value):" in texts["objects.py"]
    assert "    eggs: How many eggs there are, 0 to 5; None if missing.\n" in texts["objects.py"]
    assert "from openai_scan.events.birds.base import (BirdEvent)" in texts["__init__.py"]
    assert "from openai_scan.events.birds.names import (name_of)" in texts["__init__.py"]
    assert (
        "'BirdEvent', 'BirdFlown', 'BirdHatched', 'Home', 'decode', 'name_of']"
        in (texts["__init__.py"])
    )
    page: str = tools.reference_page(model)
    assert (
        "## Bases of events\n\n```{eval-rst}\n.. autoclass:: openai_scan.events.birds.base." in page
    )
    assert page.endswith(".. autofunction:: openai_scan.events.birds.names.name_of\n```\n")


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
    known = "# Pets\n\nBy hand.\n\n## Events\n\nOld.\n"
    own: str = tools.reference_page(model, known)
    assert own == "# Pets\n\nBy hand.\n" + page[page.index("\n## Events\n") :]


def test_modules_are_split_at_their_roots(tools: ModuleType) -> None:
    """A module takes what its root needs with it, and the others import it from there."""
    texts = rendered(tools, modules={"toys": ["Cat"]})
    assert "class Cat(Value):" in texts["toys.py"]
    assert "class Toy(Value):" in texts["toys.py"]
    assert "from openai_scan.events.pets.toys import (Cat, Toy)" in texts["objects.py"]


def test_every_description_is_used_and_a_phrase(tools: ModuleType) -> None:
    """Some family uses each common description; each begins with a capital and has no full stop."""
    parts = tools.read_documents(DOCUMENTS)
    models = [
        tools.FamilyModel(family, tools.schemas_of(family, parts)) for family in tools.FAMILIES
    ]
    assert set(tools.COMMON) == set[str]().union(*(model.common for model in models))
    for texts in (tools.COMMON, *(family.attributes for family in tools.FAMILIES)):
        assert [text for text in texts.values() if not text[0].isupper() or text[-1] == "."] == []


@NEEDS_RUFF
def test_output_is_formatted(tools: ModuleType) -> None:
    """What is written is what ruff would leave as it is."""
    text = tools.tidy("import b\nimport a\nx = {  'a':1 }\n", ROOT / "openai_scan" / "x.py")
    assert text == 'import a\nimport b\n\nx = {"a": 1}\n'


def wishes(tools: ModuleType, schemas: Any = SCHEMAS, **overrides: Any) -> list[str]:
    """Return the lines of the report on what the overrides of the pets lack."""
    model = tools.FamilyModel(tools.Family(**{**OVERRIDES, **overrides}), schemas)
    text: str = model.wishes.text()
    assert text.startswith("overrides of pets:\n")
    return [line.strip() for line in text.splitlines()[1:]]


@pytest.mark.parametrize(
    ("overrides", "lines"),
    [
        ({"roots": ["Stream", "Nothing"]}, ["the document has no schema Nothing"]),
        ({"roots": ["Stream", "Animal"]}, ["Animal has no wire name"]),
        ({"dropped": frozenset({"PetDelta.noise", "Cat.tail"})}, ["dropped: Cat.tail"]),
        ({"frequent": ["pet.news", "pet.gone"]}, ["frequent: pet.gone"]),
        ({"payloads": {"Cat": "cat"}}, ["payloads: Cat"]),
        ({"prepares": {"pet.gone": ("m", "f")}}, ["prepares: pet.gone"]),
        ({"names": {"Animal": "Beast"}}, ["names: Animal"]),
        (
            {
                "renamed": {"Cat.name": "called", "Dog.name": "x"},
                "attributes": {**ATTRIBUTES, "called": "What you call it"},
            },
            ["renamed: Dog.name"],
        ),
        (
            {
                "names": {"Dog": "Cat"},
                "extra": {},
                "new_objects": {},
                "new_unions": {},
                "defaults": {},
                "attributes": {
                    name: text
                    for name, text in ATTRIBUTES.items()
                    if name not in ("collar", "color", "height", "tricks")
                },
            },
            [
                'Cat.type is Literal["cat"] and Literal["dog"]',
                *("docs: Collar", "docs: Dog", "docs: Jump"),
            ],
        ),
        ({"unions": {"Birds": "bird."}}, ["unions: Birds"]),
        ({"attributes": {**ATTRIBUTES, "Dog.tail": "Its tail"}}, ["attributes: Dog.tail"]),
        (
            {"attributes": {**ATTRIBUTES, "mood": "", "seen_at": "When it was seen"}},
            ['"Cat.mood": "",  # str', '"PetDelta.seen_at": "",  # Unix seconds'],
        ),
        (
            {"new_unions": {"Trick": ["Jump"], "Game": ["Jump"]}},
            ["new_unions: Game"],
        ),
    ],
)
def test_overrides_that_do_not_match_are_listed(
    tools: ModuleType, overrides: dict[str, Any], lines: list[str]
) -> None:
    """The message says what is to be done, and overrides cannot go stale unseen."""
    listed = [line for line in wishes(tools, **overrides) if not re.match(r"\w+: \w+ ", line)]
    assert listed == lines


NEWER: dict[str, Any] = {
    **SCHEMAS,
    "Stream": {
        "anyOf": [*SCHEMAS["Stream"]["anyOf"], {"$ref": "#/components/schemas/PetSleeping"}]
    },
    "PetSleeping": {
        "properties": {
            "type": {"const": "pet.sleeping"},
            "async": {"type": "boolean"},
            "x-mood": {"type": "string"},
            "dream": {"properties": {"str": {"type": "string"}, "self": {"type": "string"}}},
        },
        "required": ["type", "async"],
    },
}


def test_all_that_is_new_is_listed_at_once(
    tools: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The generator lists every surprise, not only the first, before it writes anything."""
    families = [tools.Family(**OVERRIDES), tools.Family(**{**OVERRIDES, "folder": "zoo"})]
    monkeypatch.setattr(tools, "read_documents", lambda _: {tools.OPENAPI: NEWER})
    monkeypatch.setattr(tools, "FAMILIES", families)
    monkeypatch.setattr(sys, "argv", ["generate_types.py", "newer.json"])
    assert tools.main() == 1
    needed = """
  names: name the class of each schema that has no name of its own
    "PetSleeping.dream": "PetSleepingDream",
  renamed: name the attribute for each key that an attribute cannot be called
    "*.async": "async_",  # PetSleeping
    "*.x-mood": "x_mood_",  # PetSleeping
    "*.str": "str_",  # PetSleepingDream
    "*.self": "self_",  # PetSleepingDream
  docs: describe each new class
    "PetSleepingDream": "",  # PetSleeping.dream
    "PetSleeping": "",  # pet.sleeping
  attributes: describe each new attribute in descriptions.py, a time with its unit
    "PetSleepingDream.str_": "",  # str
    "PetSleepingDream.self_": "",  # str
    "PetSleeping.async_": "",  # bool
    "PetSleeping.x_mood_": "",  # str
    "PetSleeping.dream": "",  # PetSleepingDream
"""
    assert capsys.readouterr() == (
        "",
        f"overrides of pets:{needed}overrides of zoo:{needed}",
    )


def test_key_that_is_a_keyword_has_an_attribute_of_another_name(tools: ModuleType) -> None:
    """With the entries that the report asks for, the newer document can be generated."""
    renamed = {"*.async": "async_", "PetSleeping.x-mood": "mood", "*.str": "words", "*.self": "own"}
    family = tools.Family(
        **{
            **OVERRIDES,
            "names": {"PetSleeping.dream": "Dream"},
            "renamed": renamed,
            "hidden": frozenset({"Cat.prompt", "PetSleeping.x-mood"}),
            "docs": {**DOCS, "Dream": "A dream.", "PetSleeping": "a pet sleeps."},
            "attributes": {
                **ATTRIBUTES,
                "async_": "Whether it sleeps alone",
                "PetSleeping.mood": "How it sleeps",
                "dream": "What it dreams",
                "words": "What it says",
                "own": "What it is in the dream",
            },
        }
    )
    model = tools.FamilyModel(family, NEWER)
    assert model.wishes.text() == ""
    texts = tools.render(model)
    assert '    async_: bool = field(metadata={KEY: "async"})\n' in texts["events.py"]
    hidden = 'field(default=None, repr=False, metadata={KEY: "x-mood"})'
    assert f"    mood: str | None = {hidden}\n" in texts["events.py"]
    for name, source in texts.items():
        compile(source, name, "exec")
    assert "from openai_scan.events.decoding.records import (KEY)" in texts["objects.py"]


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("async", "async_"),
        ("x-mood", "x_mood_"),
        ("_9 lives", "key_9_lives"),
        ("--", "key"),
        ("²", "key"),
    ],
)
def test_name_that_is_suggested_can_be_used(tools: ModuleType, key: str, name: str) -> None:
    """Whatever the key is, its attribute is a name that attrs takes as it is."""
    pet = {"properties": {"type": {"const": "pet.new"}, key: {"type": "string"}}}
    schemas = {"Stream": pet}
    family = {"folder": "pets", "title": "pets", "source": "", "roots": ["Stream"]}
    docs = {"docs": {"PetNew": "a new pet."}, "attributes": {name: "What is new"}}
    assert (
        f'"*.{key}": "{name}",'
        in tools.FamilyModel(tools.Family(**family, **docs), schemas).wishes.text()
    )
    known = tools.Family(**family, **docs, renamed={f"*.{key}": name})
    [event] = tools.FamilyModel(known, schemas).events
    compile(event.text(), "event", "exec")


def test_inline_schema_needs_a_name(tools: ModuleType) -> None:
    """If the schema does not name an object, the overrides have to."""
    inline = {"properties": {"x": {"type": "integer"}}}
    schemas = {"Event": {"properties": {"type": {"const": "e"}, "part": inline}}}
    family = tools.Family(
        folder="f", title="f", source="s", roots=["Event"], docs={"E": "an event."}
    )
    text = tools.FamilyModel(family, schemas).wishes.text()
    assert '"Event.part": "EventPart",' in text


def test_name_of_a_union_that_is_taken_is_listed(tools: ModuleType) -> None:
    """Two unions with different arms cannot have one name."""
    schemas = {
        **SCHEMAS,
        "PetDone": {
            "properties": {
                "type": {"const": "pet.done"},
                "pet": {"$ref": "#/components/schemas/Pet"},
                "other": {"$ref": "#/components/schemas/PetParam"},
            }
        },
        "PetParam": {
            "oneOf": [
                {"$ref": "#/components/schemas/Cat"},
                {"$ref": "#/components/schemas/Toy"},
            ]
        },
    }
    assert '"PetParam": "",  # Pet is taken' in wishes(tools, schemas)


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
    assert "Part.x is int and str" in tools.FamilyModel(family, schemas).wishes.text()


TABLE = """\
_MODULES = {
    "Answer": "values",
    "PetGone": "events.pets",
    "PetUnion": "events.pets",
    "record": "recording",
}

__all__ = list(_MODULES)
"""

STUB = """\
# The names.

from openai_scan.events.pets import (
    PetDelta as PetDelta,
    PetUnion as PetUnion,
)
from openai_scan.recording import (
    Recording as Recording,
    record as record,
)
from openai_scan.values import (
    Answer as Answer,
)
"""

PAGE = """\
## Events of pet streams

| name | what it is |
|---|---|
| {py:class}`~openai_scan.events.pets.PetDelta` | `pet.delta`: a piece. |

## The wire
"""


def test_public_names_follow(tools: ModuleType) -> None:
    """A new event is added and an old one is removed; entries written by hand stay."""
    public = tools.public_names
    names = public.Names("pets", "pet", {"PetDelta": "`pet.delta`: a piece."}, {"PetUnion"})
    table = public.in_table(
        TABLE.replace('"record"', '"Recording": "recording",\n    "record"'), names
    )
    assert table == (
        '_MODULES = {\n    "Answer": "values",\n    "PetDelta": "events.pets",\n'
        '    "PetUnion": "events.pets",\n    "Recording": "recording",\n'
        '    "record": "recording",\n}\n\n__all__ = list(_MODULES)\n'
    )
    assert public.stub("# The names.\n\nfrom openai_scan.old import (\n)\n", table) == STUB
    assert public.on_page("## The wire\n", names) == "## The wire\n"
    new = public.on_page("\n## The wire\n", names)
    assert new == f"\n{PAGE}"
    assert public.on_page(PAGE.replace("a piece", "old"), names) == PAGE
