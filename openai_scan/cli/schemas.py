"""`--schema`: what an answer in JSON has to look like, and whether it does.

A schema is given in one of four forms: a file or a text with a JSON schema, a list of fields such
as `name str, age int`, or a Python class as `MODULE:CLASS`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import jsonschema
from attrs import frozen
from jsonschema.protocols import Validator
from referencing import Registry
from referencing.exceptions import Unresolvable

from openai_scan import bounded_json
from openai_scan.cli.functions import imported
from openai_scan.schema import API, schema_of

# The types of fields in the short form; those of `llm`.
_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}

_CLASS = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_FIELD = re.compile(r"(?P<name>[A-Za-z_]\w*)(\s+(?P<type>\w+))?\s*(:\s*(?P<about>.*))?", re.DOTALL)

# What the API allows in a name.
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_NAME = 64

# How many characters of a wrong value are shown.
_SHOWN = 200


@frozen
class Schema:
    """What an answer has to look like.

    Attributes:
        name: What the API calls it.
        schema: The JSON schema.
    """

    name: str
    schema: Mapping[str, Any]

    def parameters(self, api: API) -> dict[str, Any]:
        """Return the parameter of a request that asks for such an answer.

        The server is asked to force the model to follow the schema if it can, see `is_strict()`.
        """
        form = {"name": self.name, "schema": self.schema, "strict": is_strict(self.schema)}
        if api == "responses":
            return {"text": {"format": {"type": "json_schema", **form}}}
        return {"response_format": {"type": "json_schema", "json_schema": form}}

    def problem(self, text: str) -> str | None:
        """Return in a sentence why *text* does not match, or None if it does."""
        try:
            value = bounded_json.loads_strictly(text)
        except ValueError as error:
            return f"the answer is not JSON: {error}"
        try:
            wrong = next(_validator(self.schema).iter_errors(value), None)
        except Unresolvable as unknown:
            return f"the answer cannot be checked: the schema has no {unknown.ref}"
        except RecursionError:
            return "the answer cannot be checked: the schema refers to itself without end"
        if wrong is None:
            return None
        return f"the answer does not match the schema: {_short(wrong.message)} @ {wrong.json_path}"


def schema_from(given: str) -> Schema:
    """Return the schema that `--schema` gives.

    Raises:
        click.UsageError: It is not a schema, or the file does not exist.
    """
    text = given.strip()
    if _CLASS.fullmatch(text):
        return _of_class(text)
    if text.startswith("{"):
        return checked_schema("answer", _loaded(text, "--schema"), "--schema")
    path = Path(text)
    if path.suffix == ".json" or _is_file(path):
        where = f"--schema {text}"
        return checked_schema(path.stem, _loaded(_read(path), where), where)
    return Schema("answer", _of_fields(text))


def checked_schema(name: str, schema: Any, where: str) -> Schema:
    """Return the JSON schema *schema* as a `Schema`.

    Raises:
        click.UsageError: It is not a JSON schema of an object. The message begins with *where*.
    """
    if not isinstance(schema, dict):
        raise click.UsageError(f"{where} is not a JSON schema: that is a JSON object.")
    try:
        jsonschema.validators.validator_for(schema).check_schema(schema)
    except jsonschema.SchemaError as error:
        raise click.UsageError(
            f"{where} is not a JSON schema: {_short(error.message)} @ {error.json_path}."
        ) from None
    if "type" in schema and schema["type"] != "object":
        raise click.UsageError(
            f"{where}: the API takes schemas of objects only, not of type {schema['type']!r}."
        )
    return Schema(_NOT_IN_NAME.sub("_", name)[:_LONGEST_NAME] or "answer", schema)


def is_strict(schema: Any) -> bool:
    """Return whether a server can force a model to follow *schema*.

    All its objects must list all their keys, and require them.
    """
    if isinstance(schema, list):
        return all(map(is_strict, schema))
    if not isinstance(schema, Mapping):
        return True
    if schema.get("type") == "object" or "properties" in schema:
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is not False:
            return False
        if set(schema.get("required", ())) != set(properties):
            return False
        if not all(map(is_strict, properties.values())):
            return False
    return all(is_strict(value) for key, value in schema.items() if key != "properties")


def _of_class(place: str) -> Schema:
    cls = imported(place, "--schema", "class")
    try:
        schema = schema_of(cls)
    except TypeError as error:
        raise click.UsageError(f"--schema {place}: {error}.") from error
    return checked_schema(cls.__name__, schema, f"--schema {place}")


def _of_fields(text: str) -> dict[str, Any]:
    """Return the schema of a list of fields: `name str, age int: in years`, or one on each line."""
    parts = text.splitlines() if "\n" in text else text.split(",")
    properties: dict[str, Any] = {}
    for part in filter(None, map(str.strip, parts)):
        field = _FIELD.fullmatch(part)
        kind = _TYPES.get(field["type"] or "str") if field else None
        if field is None or kind is None:
            raise click.UsageError(
                f"--schema: {part!r} is not a field such as 'age int', with one of the types"
                f" {', '.join(_TYPES)}; nor is there such a file."
            )
        about = {"description": field["about"].strip()} if field["about"] else {}
        properties[field["name"]] = {"type": kind, **about}
    if not properties:
        raise click.UsageError("--schema is empty: give a file, a JSON schema, or fields.")
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a list of fields may be too long for a name
        return False


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise click.UsageError(f"--schema {path}: {error.strerror}.") from None


def _loaded(text: str | bytes, where: str) -> Any:
    try:
        return bounded_json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"{where} is not JSON: {error}.") from None


def _validator(schema: Mapping[str, Any]) -> Validator:
    cls = jsonschema.validators.validator_for(schema)
    # Without this registry, a reference to a URL would be fetched.
    made: Validator = cls(schema, registry=Registry())
    return made


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
