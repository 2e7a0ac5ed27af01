"""What the generator reads: documents, what a newer one adds, and what the installed types lack."""

from __future__ import annotations

import copy
import importlib
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar, Literal

import attrs
import pytest
from attrs import frozen

from openai_scan.events.decoding.records import KEY

pytestmark = pytest.mark.unmeasured

ROOT = Path(__file__).parents[1]
SPEC = ROOT / "tests" / "spec"


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The generator, imported as it imports its neighbours: from its own folder."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("generate_types")


def ref(name: str) -> dict[str, str]:
    """Return a reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def obj(required: str = "", **properties: Any) -> dict[str, Any]:
    """Return an object's schema; *required* are names with spaces between them."""
    return {"type": "object", "properties": properties, "required": required.split()}


TEXT = {"type": "string"}
NULL = {"type": "null"}

# A document, and what a newer one calls the same things.
OLD: dict[str, Any] = {
    "Stream": {"anyOf": [ref("Delta"), ref("Done"), ref("Error")]},
    "Delta": obj("type delta place", type={"enum": ["pet.delta"]}, delta=TEXT, place=TEXT),
    "Done": obj("type pet", type={"const": "pet.done"}, pet={"allOf": [ref("Pet")]}, echo=obj()),
    "Error": obj("type", type={"const": "error"}),
    "Pet": {"oneOf": [ref("Cat"), ref("Dog")]},
    "Cat": {
        "allOf": [
            ref("Animal"),
            obj("type", type={"const": "cat"}, toys={"type": "array", "items": ref("Toy")}),
        ]
    },
    "Dog": obj(
        "type", type={"const": "dog"}, food={"anyOf": [TEXT, NULL]}, friend=ref("Pet"), any={}
    ),
    "Animal": obj("name age", name=TEXT, age={"type": "integer"}),
    "Toy": obj("price", price={"type": "number"}),
}

NEW: dict[str, Any] = {
    "pets": {"anyOf": [ref("PetDelta"), ref("PetDone"), ref("PetError"), ref("PetNap")]},
    "PetDelta": obj(
        "type delta",
        type={"const": "pet.delta"},
        delta=TEXT,
        place=TEXT,
        owner={"anyOf": [ref("a__Owner"), NULL]},
    ),
    "PetDone": obj(
        "type pet",
        type={"const": "pet.done"},
        echo=obj(new=TEXT),
        pet={"anyOf": [ref("ACat"), ref("ADog"), ref("b__Bird")]},
    ),
    "PetError": obj("type", type={"const": "error"}),
    "PetNap": obj(
        "type",
        type={"const": "pet.nap"},
        dream={"anyOf": [ref("ACat"), NULL]},
        owner=ref("b__PetOwner"),
    ),
    "ACat": obj(
        "type name",
        type={"const": "cat"},
        name=TEXT,
        age={"type": "number"},
        toys={"type": "array", "items": ref("AToy")},
    ),
    "ADog": obj(
        "type",
        type={"const": "dog"},
        any=TEXT,
        friend={"anyOf": [ref("ADog"), ref("ACat"), ref("b__Bird")]},
        food={"anyOf": [TEXT, {"type": "array", "items": ref("Toy")}, {}]},
    ),
    "AToy": obj("price", price={"type": ["integer", "null"]}, color=TEXT),
    "Toy": obj("flavor", flavor=TEXT),
    "b__Bird": obj(
        "type", type={"const": "bird"}, young={"type": "array", "items": ref("b__Bird")}
    ),
    # Two classes for the same thing, as the official client has them.
    "a__Owner": obj("name", name={**TEXT, "title": "Name"}),
    "b__PetOwner": obj("name", name={**TEXT, "description": "Who it is."}),
}


def merged(tools: ModuleType) -> Any:
    """Return the old document with what the new one adds."""
    return tools.update(OLD, ["Stream"], NEW, "pets", lambda _, name: name == "echo")


def test_a_newer_document_adds_what_it_has_beyond_the_older(tools: ModuleType) -> None:
    """Events, properties and kinds are added, whatever the newer document calls their schemas."""
    before = copy.deepcopy(OLD)
    made = merged(tools)
    assert before == OLD
    assert made["Stream"]["anyOf"][3:] == [{"$ref": "PetNap"}]
    assert made["PetNap"]["properties"]["dream"]["anyOf"][0] == {"$ref": "Cat"}
    assert made["Delta"]["properties"]["owner"]["anyOf"][0] == {"$ref": "Owner"}
    assert made["PetNap"]["properties"]["owner"] == {"$ref": "Owner"}
    assert made["Delta"]["required"] == ["type", "delta"]
    # The named union has grown once, for both its places.
    assert made["Pet"] == {"oneOf": [ref("Cat"), ref("Dog"), {"$ref": "Bird"}]}
    assert made["Bird"]["properties"]["young"]["items"] == {"$ref": "Bird"}
    assert made["Toy"]["properties"]["color"] == TEXT
    assert made["Animal"]["required"] == ["name"]
    # A schema of the same name that is another thing.
    food = made["Dog"]["properties"]["food"]["anyOf"]
    assert food[2:] == [{"type": "array", "items": {"$ref": "Toy2"}}]
    assert made["Toy2"] == NEW["Toy"]
    assert made["Done"]["properties"]["echo"] == obj()
    assert made["Dog"]["properties"]["any"] == {}


def test_a_class_becomes_a_union(tools: ModuleType) -> None:
    """A property that had one class can have another, of the same type in JSON or not."""
    old = {
        "Stream": ref("Delta"),
        "Delta": obj("type", type={"const": "d"}, a=ref("A"), b=TEXT, c={"allOf": [ref("A")]}),
        "A": obj("type", type={"const": "a"}),
    }
    new = {
        "s": ref("E"),
        "E": obj("type", type={"const": "d"}, a=ref("B"), b=ref("B"), c=ref("B")),
        "B": obj("type", type={"const": "b"}),
    }
    made = tools.update(old, ["Stream"], new, "s", lambda *_: False)
    assert made["Delta"]["properties"] | {"type": 0} == {
        "type": 0,
        "a": {"anyOf": [ref("A"), {"$ref": "B"}]},
        "b": {"anyOf": [TEXT, {"$ref": "B"}]},
        "c": {"allOf": [{"anyOf": [ref("A"), {"$ref": "B"}]}]},
    }


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
def test_document_is_json_or_yaml(tools: ModuleType, tmp_path: Path, suffix: str) -> None:
    """OpenAI publishes both; YAML needs PyYAML, which nothing else here does."""
    if suffix == ".yaml":
        pytest.importorskip("yaml", reason="PyYAML is not installed")
    path = tmp_path / f"openapi{suffix}"
    path.write_text(json.dumps({"components": {"schemas": OLD}}))  # JSON is YAML
    assert tools.read_documents([path]) == {"openapi": OLD}


def test_document_is_openapi_or_json_schemas(tools: ModuleType, tmp_path: Path) -> None:
    """A file of JSON schemas has a part for each; one JSON schema is named after its file."""
    root = NEW["pets"]
    defs = {name: schema for name, schema in NEW.items() if name != "pets"}
    paths = [tmp_path / name for name in ("openapi.json", "many.json", "pets.json")]
    contents = [
        {"components": {"schemas": OLD}},
        {"made_from": "a client", "zoo": {"$defs": defs, **root}, "one": obj(a=TEXT)},
        {"$defs": defs, **root},
    ]
    for path, content in zip(paths, contents, strict=True):
        path.write_text(json.dumps(content))
    parts = tools.read_documents(paths)
    assert parts == {
        "openapi": OLD,
        "zoo": {**defs, "zoo": root},
        "one": {"one": obj(a=TEXT)},
        "pets": NEW,
    }


def test_family_is_found_in_either_kind_of_document(tools: ModuleType) -> None:
    """A family is made of the OpenAPI document and what is newer, or of JSON schemas alone."""
    family = tools.Family(folder="f", title="f", source="s", roots=["Stream"], newer=["pets", "x"])
    assert tools.schemas_of(family, {"pets": NEW}) is None
    assert tools.schemas_of(family, {"openapi": OLD}) == OLD
    assert "PetNap" in tools.schemas_of(family, {"openapi": OLD, "pets": NEW})
    plain = tools.Family(
        folder="f", title="f", source="s", roots=["Stream"], newer=["pets"],
        loose={"Done.echo": "dict[str, Any]", "Delta.owner": "Any"},
    )  # fmt: skip
    made = tools.schemas_of(plain, {"openapi": OLD, "pets": NEW})
    assert made["Delta"]["properties"]["owner"] == {}
    alone = tools.Family(folder="f", title="f", source="s", roots=["pets"])
    assert tools.schemas_of(alone, {"openapi": OLD, "pets": NEW}) == NEW
    assert tools.schemas_of(alone, {"openapi": {**OLD, "pets": {}}}) == {**OLD, "pets": {}}
    with pytest.raises(tools.GeneratorError, match="no schema of any family"):
        list(tools.generate({"pets": NEW}, [family]))


def entries(model: Any) -> dict[str, dict[str, str]]:
    """Return the entries that the report on a family asks for, as a person would write them."""
    found: dict[str, dict[str, str]] = {}
    for override in ("names", "renamed", "docs", "attributes"):
        for line in model.wishes.lines.get(override, ()):
            key, value = json.loads(
                "[" + line.partition("  #")[0].replace('": "', '", "')[:-1] + "]"
            )
            found.setdefault(override, {})[key] = value or "Described, in Unix seconds."
    return found


@pytest.mark.parametrize("part", ["agents", "audio", "image_edit"])
def test_family_can_be_made_of_json_schemas_alone(tools: ModuleType, part: str) -> None:
    """With the entries that the first run asks for, the second run succeeds."""
    parts = tools.read_documents([SPEC / "streams.json"])
    known = {"folder": part, "title": part, "source": "s", "roots": [part]}
    first = tools.FamilyModel(tools.Family(**known), parts[part])
    family = tools.Family(**known, **entries(first))
    model = tools.FamilyModel(family, tools.schemas_of(family, parts))
    assert model.wishes.text() == ""
    for name, text in tools.render(model).items():
        compile(text, name, "exec")
    roots = [one for one in tools.render(model)["events.py"].splitlines() if "wire_name:" in one]
    shared = int(part == "agents")  # its `error` has a class of its own
    assert len(roots) == len(parts[part][part]["anyOf"]) - shared


def test_extra_field_that_the_document_has_is_listed(tools: ModuleType) -> None:
    """What a server sent before it was in the schema is no longer an exception."""
    family = tools.Family(
        folder="f", title="f", source="s", roots=["Stream"], extra={"Toy.price": "float | None"}
    )
    text = tools.FamilyModel(family, OLD).wishes.text()
    assert "extra: Toy.price is in the document now" in text


@frozen
class Toy:
    """A toy."""

    cost: float = attrs.field(metadata={KEY: "price"})


@frozen
class Cat:
    """A cat."""

    name: str
    age: int
    toys: tuple[Toy, ...]
    type: Literal["cat"] = "cat"


@frozen
class Dog:
    """A dog."""

    food: str | None
    friend: Cat | dict[str, Any]
    any: Any
    type: Literal["dog"] = "dog"


@frozen
class Delta:
    """A piece of a pet."""

    wire_name: ClassVar[str] = "pet.delta"

    raw: str
    delta: str
    place: str


@frozen
class Done:
    """A whole pet."""

    wire_name: ClassVar[str] = "pet.done"

    raw: str
    pet: Cat | Dog | dict[str, Any]
    echo: dict[str, Any]


INSTALLED = SimpleNamespace(Delta=Delta, Done=Done, Dog=Dog, decode=len)


def test_installed_types_are_compared_with_a_document(tools: ModuleType) -> None:
    """Every event, kind and field that no class has is listed once, with the counts."""
    drift = importlib.import_module("drift")
    family = tools.Family(
        folder="pets", title="f", source="s", roots=["Stream"],
        dropped=frozenset({"Delta.owner", "*.color"}),
    )  # fmt: skip
    same = drift.Drift(family, INSTALLED)
    same.compare({**OLD, "Pet": {"oneOf": [ref("Cat")]}}, ["Stream"])
    assert same.text() == ""
    one = drift.Drift(family, INSTALLED)
    one.compare({**OLD, "Toy": obj(price=TEXT, size=TEXT), "Pet": ref("Cat")}, ["Stream"])
    assert one.text() == "pets: 1 field is new\n  field Toy.size"
    many = drift.Drift(family, INSTALLED)
    many.compare(OLD, ["Stream"])
    many.compare(NEW, ["pets"])
    many.compare(
        {"s": obj(type={"const": "pet.nap"}), "x": obj(type={"const": "pet.x"})}, ["s", "x"]
    )
    assert many.text() == (
        "pets: 2 events, 3 kinds are new\n  event pet.nap\n  event pet.x\n"
        "  kind bird in Dog.friend\n  kind bird in Done.pet\n  kind dog in Dog.friend"
    )


@frozen
class ThreadCreated:
    """An event whose payload is its only field."""

    wire_name: ClassVar[str] = "thread.created"

    raw: str
    thread: Toy


@frozen
class ThreadDelta:
    """An event whose payload is the event."""

    wire_name: ClassVar[str] = "thread.delta"

    raw: str
    id: str
    delta: str


def test_payload_without_a_name_is_compared_as_well(tools: ModuleType) -> None:
    """The events of Assistants have their payload as `data` in the schema, and not on the wire."""
    drift = importlib.import_module("drift")
    schemas = {
        "Stream": {"anyOf": [ref("A"), ref("B")]},
        "A": obj(event={"const": "thread.created"}, data=obj(object={"const": "t"}, new=TEXT)),
        "B": obj(event={"const": "thread.delta"}, data=obj(id=TEXT, delta=TEXT, place=TEXT)),
    }
    family = tools.Family(folder="pets", title="f", source="s", roots=["Stream"])
    found = drift.Drift(family, SimpleNamespace(A=ThreadCreated, B=ThreadDelta))
    found.compare(schemas, ["Stream"])
    assert found.text() == ("pets: 2 fields are new\n  field ThreadDelta.place\n  field Toy.new")


def test_check_says_what_is_new(
    tools: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """With `--check` nothing is written, and a document with news fails."""
    path = tmp_path / "chat.json"
    path.write_text(
        json.dumps(obj(object={"const": "chat.completion.chunk"}, id=TEXT, shoe_size=TEXT))
    )
    monkeypatch.setattr(sys, "argv", ["generate_types.py", str(path), "--check"])
    assert tools.main() == 1
    assert capsys.readouterr().out == (
        "chat: 1 field is new\n  field ChatCompletionChunk.shoe_size\n"
    )


@pytest.mark.parametrize(
    ("part", "schema", "shown"),
    [
        ("assistants", "Run", "assistants: 1 field is new\n  field Run.shoe_size"),
        ("chat", "ChoiceDelta", "chat: 1 field is new\n  field ChoiceDelta.shoe_size"),
        ("openapi", "AssistantObject", "assistants: 1 field is new\n  field Assistant.shoe_size"),
        ("responses", "Response", "responses: 1 field is new\n  field Response.shoe_size"),
        ("responses_beta", "BetaResponse", "responses: 1 field is new\n  field Response.shoe_size"),
    ],
)
def test_installed_types_lack_nothing_but_what_is_newer_than_the_facts(
    tools: ModuleType, part: str, schema: str, shown: str
) -> None:
    """A field that the facts do not have yet is found in any family, also in an object alone."""
    parts = tools.read_documents([SPEC / "openapi.json", SPEC / "streams.json"])
    assert tools.drift(parts, tools.FAMILIES) == []
    parts[part][schema]["properties"]["shoe_size"] = TEXT
    assert tools.drift(parts, tools.FAMILIES) == [shown]


def test_documents_are_reduced_to_what_is_read(tools: ModuleType) -> None:
    """Prose, unused schemas and lists of all models are left out; what is left is unchanged."""
    assert tools.FAMILIES
    reduce = importlib.import_module("reduce_schemas")
    models = [f"model-{number}" for number in range(21)]
    noisy = {
        "Root": {
            "description": "Prose.",
            "additionalProperties": True,
            "properties": {"default": {**ref("Part"), "default": 1}},
        },
        "Part": {"anyOf": [{"type": "string", "example": "x", "nullable": True}, NULL]},
        "Part2": {"type": "string", "enum": models, "additionalProperties": {"type": "string"}},
        "Unused": {"type": "string"},
    }
    assert reduce.openapi({"components": {"schemas": noisy}}, ["Root", "Part2"]) == (
        '{"components": {"schemas": {\n'
        ' "Part": {"anyOf": [{"type": "string", "nullable": true}, {"type": "null"}]},\n'
        ' "Part2": {"type": "string", "additionalProperties": {"type": "string"}},\n'
        ' "Root": {"properties": {"default": {"$ref": "#/components/schemas/Part"}}}\n'
        "}}}\n"
    )
    text = reduce.json_schemas({"Root": noisy}, "a client 1.0")
    assert json.loads(text)["made_from"] == "a client 1.0"
    assert importlib.import_module("documents").parts_of(json.loads(text), "x") == {
        "Root": reduce.reduced(noisy, ["Root"])
    }


def test_facts_are_reduced(tools: ModuleType) -> None:
    """The documents that the tests read are what their scripts write."""
    reduce = importlib.import_module("reduce_schemas")
    roots = [root for family in tools.FAMILIES for root in (*family.roots, *family.objects)]
    text = (SPEC / "openapi.json").read_text(encoding="utf-8")
    assert reduce.openapi(json.loads(text), roots) == text
    text = (SPEC / "streams.json").read_text(encoding="utf-8")
    content = json.loads(text)
    parts = importlib.import_module("documents").parts_of(content, "streams")
    assert parts.keys() == reduce.CLIENT_TYPES.keys()
    assert reduce.json_schemas(parts, content["made_from"]) == text


def test_facts_are_those_of_the_official_client(tools: ModuleType) -> None:
    """If the client of the same version is installed, the facts are what it says."""
    openai = pytest.importorskip("openai", reason="the official client is not installed")
    assert tools.FAMILIES
    reduce = importlib.import_module("reduce_schemas")
    text = (SPEC / "streams.json").read_text(encoding="utf-8")
    if json.loads(text)["made_from"] != f"openai {openai.__version__}":
        pytest.skip("the facts are of another version of the client")
    assert reduce.json_schemas(*reduce.client_types()) == text
