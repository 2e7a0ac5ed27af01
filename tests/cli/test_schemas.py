"""`--schema`: answers in JSON that match a schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openai_scan.cli import main
from openai_scan.cli.log import Log, log_path
from openai_scan.cli.schemas import is_strict
from openai_scan.testing import FakeServer, chat_answer, chat_chunk, cut, response_answer

DOG: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer", "description": "in years"},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}

NO_FIELD = (
    "is not a field such as 'age int', with one of the types str, int, float, bool; nor is there"
    " such a file"
)

FORMS = {
    "short": "name str, age int: in years",
    "shorter": "name,age int:in years,",
    "lines": "name\nage int: in years\n",
    "JSON": json.dumps(DOG),
    "file": "dog.json",
    "other": "dog.schema",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with schemas the current one."""
    (tmp_path / "dog.json").write_text(json.dumps(DOG))
    (tmp_path / "dog.schema").write_text(json.dumps(DOG))
    (tmp_path / "schema_classes.py").write_text(
        "from dataclasses import dataclass\n\n@dataclass\nclass Dog:\n    name: str\n    age: int\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("form", FORMS)
def test_a_schema_has_several_forms(
    form: str, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """All forms send the same schema, and the answer is printed unchanged."""
    server.add(chat_answer('{"name": "Rex",\n "age": 3}'))
    assert main(["chat", "-q", "--schema", FORMS[form], "A dog"]) == 0
    assert capsys.readouterr() == ('{"name": "Rex",\n "age": 3}\n', "")
    asked = server.requests[0].json["response_format"]
    name = "dog" if FORMS[form].startswith("dog") else "answer"
    assert asked == {
        "type": "json_schema",
        "json_schema": {"name": name, "schema": DOG, "strict": True},
    }


@pytest.mark.usefixtures("folder")
def test_a_class_is_a_schema(server: FakeServer) -> None:
    """The schema has the class's name; Responses take it in another parameter."""
    server.add(response_answer('{"name": "Rex", "age": 3}'))
    assert main(["respond", "-q", "--schema", "schema_classes:Dog", "A dog"]) == 0
    asked = server.requests[0].json["text"]["format"]
    assert (asked["type"], asked["name"], asked["strict"]) == ("json_schema", "Dog", True)
    assert list(asked["schema"]["properties"]) == ["name", "age"]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            '{"name": "Rex", "age": "3"}',
            "the answer does not match the schema: '3' is not of type 'integer' @ $.age",
        ),
        (
            '{"name": "Rex"}',
            "the answer does not match the schema: 'age' is a required property @ $",
        ),
        ("Rex", "the answer is not JSON: Expecting value: line 1 column 1 (char 0)"),
    ],
)
def test_an_answer_of_another_form_is_status_1(
    answer: str, sentence: str, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answer is printed, and the log has the reason."""
    server.add(chat_answer(answer))
    assert main(["chat", "-q", "--schema", FORMS["short"], "A dog"]) == 1
    assert capsys.readouterr() == (f"{answer}\n", f"openai-scan: {sentence}\n")
    with Log(log_path()) as log:
        [row] = log.newest(0)
    assert (row.outcome, row.error) == ("completed", sentence)


def test_long_values_are_cut_in_that_sentence(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A long value is cut, so the sentence stays short."""
    server.add(chat_answer(json.dumps({"name": 1000 * ["x"], "age": 3})))
    assert main(["chat", "-q", "--schema", FORMS["short"], "A dog"]) == 1
    assert len(capsys.readouterr().err) < 300


def test_an_answer_that_was_cut_is_not_checked(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the broken connection is reported, not the JSON that is cut off."""
    server.add([chat_chunk('{"name": "R'), cut()])
    assert main(["chat", "-q", "--schema", FORMS["short"], "A dog"]) == 1
    assert capsys.readouterr().err.count("openai-scan: ") == 1


@pytest.mark.parametrize(
    ("schema", "sentence"),
    [
        (
            {"properties": {"a": {"$ref": "http://127.0.0.1:1/x"}}},
            "the schema has no http://127.0.0.1:1/x",
        ),
        ({"properties": {"a": {"$ref": "#/$defs/x"}}}, "the schema has no /$defs/x"),
        ({"$ref": "#"}, "the schema refers to itself without end"),
    ],
)
def test_a_schema_that_cannot_be_followed_is_status_1(
    schema: dict[str, Any],
    sentence: str,
    server: FakeServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """References to other documents are not fetched."""
    server.add(chat_answer('{"a": 1}'))
    assert main(["chat", "-q", "--schema", json.dumps(schema), "A dog"]) == 1
    assert capsys.readouterr().err == f"openai-scan: the answer cannot be checked: {sentence}\n"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("schema", "sentence"),
    [
        ("missing.json", "--schema missing.json: No such file or directory"),
        (
            "{",
            (
                "--schema is not JSON: Expecting property name enclosed in double quotes: line 1"
                " column 2 (char 1)"
            ),
        ),
        (
            '{"type": "array"}',
            "--schema: the API takes schemas of objects only, not of type 'array'",
        ),
        (
            '{"type": 1}',
            "--schema is not a JSON schema: 1 is not valid under any of the given schemas @ $.type",
        ),
        ("list.json", "--schema list.json is not a JSON schema: that is a JSON object"),
        (
            "age integer",
            "--schema: 'age integer' {no_field}",
        ),
        (
            "1st str",
            "--schema: '1st str' {no_field}",
        ),
        (" ", "--schema is empty: give a file, a JSON schema, or fields"),
        (
            f"{300 * 'a'} b",
            "--schema: '" + 300 * "a" + " b' {no_field}",
        ),
        ("schema_classes:Cat", "--schema schema_classes:Cat: schema_classes has no class 'Cat'"),
        (
            "nothing_here:Cat",
            (
                "--schema nothing_here:Cat: nothing_here cannot be imported (ModuleNotFoundError:"
                " No module named 'nothing_here')"
            ),
        ),
        (
            "schema_classes:dataclass",
            "--schema schema_classes:dataclass: dataclass has no strict JSON schema",
        ),
        ("\udcff", "Invalid value for '--schema': it is not text"),
    ],
)
def test_what_is_no_schema_is_wrong_usage(
    schema: str, sentence: str, folder: Path, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """No question is sent."""
    (folder / "list.json").write_text("[]")
    assert main(["chat", "--schema", schema, "A dog"]) == 2
    sentence = sentence.replace("{no_field}", NO_FIELD)
    assert capsys.readouterr().err == f"openai-scan: {sentence}; see openai-scan chat --help\n"
    assert server.requests == []


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (DOG, True),
        ({**DOG, "required": ["name"]}, False),
        ({**DOG, "additionalProperties": True}, False),
        ({"type": "object", "additionalProperties": False}, True),
        ({**DOG, "properties": {"name": {"type": "object"}, "age": {}}}, False),
        ({**DOG, "$defs": {"x": {"type": "object"}}}, False),
        ({"anyOf": [{"type": "string"}, {"type": "object"}]}, False),
        ({"anyOf": [{"type": "string"}, DOG]}, True),
    ],
)
def test_a_server_can_enforce_strict_schemas_only(schema: dict[str, Any], strict: bool) -> None:
    """A server refuses a request to enforce any other schema."""
    assert is_strict(schema) is strict
