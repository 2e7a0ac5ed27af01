"""Templates: a prompt, a system prompt and settings in a file, to be used again under a name.

They are YAML files as those of `llm`, so that templates can be shared with it, and because YAML has
room for text of several lines without quoting it. In both prompts `$input` is the question, and any
other `$name` a variable; `$$` is a dollar sign.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template as Placeholders
from typing import Any

import click
import yaml
from attrs import asdict, field, frozen

from openai_scan.cli.folders import config_folder, write_private
from openai_scan.errors import ConfigurationError

INPUT = "input"
"""The variable that is the question."""

# What can be typed, and is the name of a file on every system.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")

_SUFFIX = ".yaml"

# What the value of each key has to be.
_KINDS: Mapping[str, tuple[type, str]] = {
    "prompt": (str, "text"),
    "system": (str, "text"),
    "model": (str, "text"),
    "defaults": (dict, "a mapping of variables to values"),
    "options": (dict, "a mapping of parameters to values"),
    "schema_object": (dict, "a JSON schema"),
}

_KEYS = ", ".join(_KINDS)


@frozen(kw_only=True)
class Template:
    """A template, by the keys of its file.

    Attributes:
        prompt: The prompt; None if it is the question itself.
        system: How the model is to answer.
        model: The model to ask.
        defaults: Values of variables that are not given.
        options: Other parameters of the API.
        schema_object: The JSON schema that the answer has to match.
    """

    prompt: str | None = None
    system: str | None = None
    model: str | None = None
    defaults: Mapping[str, Any] = field(factory=dict)
    options: Mapping[str, Any] = field(factory=dict)
    schema_object: Mapping[str, Any] | None = None

    @property
    def takes_input(self) -> bool:
        """Whether there is a place for a question."""
        return self.prompt is None or INPUT in _names(self.prompt) | _names(self.system or "")

    def filled(self, question: str, variables: Mapping[str, str]) -> tuple[str, str | None]:
        """Return the prompt and the system prompt.

        Args:
            question: What `$input` is.
            variables: The variables that were given.

        Raises:
            click.UsageError: A variable is missing, or one is not in the template.
        """
        prompt, system = self.prompt or f"${INPUT}", self.system
        names = (_names(prompt) | _names(system or "")) - {INPUT}
        values = {**self.defaults, **variables}
        if missing := sorted(names - values.keys()):
            needed = " ".join(f"--var {name}=VALUE" for name in missing)
            raise click.UsageError(f"The template needs {needed}.")
        if unknown := sorted(variables.keys() - names):
            known = ", ".join(sorted(names)) or "none"
            raise click.UsageError(
                f"--var {unknown[0]}: the template has no such variable; its variables: {known}."
            )
        given = {**values, INPUT: question}
        return (
            Placeholders(prompt).substitute(given),
            None if system is None else Placeholders(system).substitute(given),
        )


def templates_folder() -> Path:
    """Return the folder of the templates; it may not exist yet."""
    return config_folder() / "templates"


def template_path(name: str) -> Path:
    """Return where the template *name* is; it may not exist.

    Raises:
        click.UsageError: It cannot be the name of a template.
    """
    if not _NAME.fullmatch(name):
        raise click.UsageError(
            f"{name!r} is not the name of a template: it has letters, digits, '-', '_' and '.'."
        )
    return templates_folder() / f"{name}{_SUFFIX}"


def template_names() -> list[str]:
    """Return the names of all templates, in order."""
    paths = templates_folder().glob(f"*{_SUFFIX}")
    return sorted(path.stem for path in paths if _NAME.fullmatch(path.stem))


def read_text(name: str) -> str:
    """Return the file of a template.

    Raises:
        click.UsageError: There is no template with this name.
        OSError: It cannot be read.
    """
    try:
        return template_path(name).read_text("utf-8")
    except FileNotFoundError:
        known = ", ".join(template_names()) or "none"
        raise click.UsageError(
            f"There is no template {name!r}; the templates are: {known}."
        ) from None
    except UnicodeError:
        raise ConfigurationError(f"{template_path(name)} is not text in UTF-8") from None


def read_template(name: str) -> Template:
    """Return a template.

    Raises:
        click.UsageError: There is no template with this name.
        ConfigurationError: Its file is not a template; the message says why.
        OSError: It cannot be read.
    """
    return parsed(read_text(name), str(template_path(name)))


def parsed(text: str, where: str) -> Template:
    """Return the template that *text* is.

    Raises:
        ConfigurationError: It is not a template. The message begins with *where*.
    """
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = "" if mark is None else f", line {mark.line + 1}"
        problem = getattr(error, "problem", None) or type(error).__name__
        raise ConfigurationError(f"{where}{place}: not YAML: {problem}") from None
    if isinstance(found, str):  # as `llm` reads it
        found = {"prompt": found}
    if not isinstance(found, dict):
        raise ConfigurationError(f"{where}: a template has keys such as prompt and system")
    for key, value in found.items():
        if key not in _KINDS:
            raise ConfigurationError(f"{where}: unknown key {key!r}; the keys are: {_KEYS}")
        kind, words = _KINDS[key]
        if not isinstance(value, kind | None):
            raise ConfigurationError(f"{where}: {key} has to be {words}")
        _check_json(key, value, where)
    template = Template(**{key: value for key, value in found.items() if value is not None})
    for prompt in (template.prompt, template.system):
        if any(each["invalid"] is not None for each in _placeholders(prompt or "")):
            raise ConfigurationError(
                f"{where}: a $ is not followed by the name of a variable; write $$ for a dollar"
                " sign"
            )
    return template


def written(template: Template) -> str:
    """Return *template* as the text of its file, without the keys that have no value."""
    values = {key: value for key, value in asdict(template).items() if value}
    text: str = yaml.dump(
        values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=float("inf")
    )
    return text


def save_template(name: str, text: str) -> Path:
    """Write the file of a template, in place of an older one, and return where it is.

    Raises:
        click.UsageError: It cannot be the name of a template.
        OSError: It cannot be written.
    """
    path = template_path(name)
    write_private(path, text)
    return path


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as a block."""


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _block)


def _check_json(key: str, value: Any, where: str) -> None:
    """Refuse what YAML knows and JSON does not, such as dates."""
    try:
        json.dumps(value)
    except TypeError:
        raise ConfigurationError(
            f"{where}: {key} has a value that JSON does not have, such as a date: put it in quotes"
        ) from None


def _names(text: str) -> set[str]:
    """Return the variables in *text*."""
    return {each["named"] or each["braced"] for each in _placeholders(text)} - {None}


def _placeholders(text: str) -> Iterator[re.Match[str]]:
    # `get_identifiers()` and `is_valid()` came with Python 3.11.
    return Placeholders.pattern.finditer(text)
