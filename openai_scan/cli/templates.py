"""`openai-scan templates`: prompts that are used again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from openai_scan.cli import options
from openai_scan.cli.completion import complete_templates
from openai_scan.cli.groups import group
from openai_scan.cli.status import Status
from openai_scan.cli.templating import (
    Template,
    parsed,
    read_template,
    read_text,
    save_template,
    template_names,
    template_path,
    templates_folder,
    written,
)
from openai_scan.cli.writer import TextPrinter, complain, say, tell
from openai_scan.errors import ConfigurationError

# How many characters of a prompt are listed.
_SHOWN = 60

_NEW = """\
# The question is $input; other $names are given by --var NAME=VALUE. $$ is a dollar sign.
# Other keys: model, defaults (of variables), options (of the API), schema_object.
system:
prompt: |
  $input
"""

command = group(
    "templates",
    about="List, show, save and edit templates: prompts and settings that `chat -t NAME` uses. They"
    " are YAML files.",
    example="""\
templates save summary --system 'Sum up in $language.' --var language=English
chat -t summary --var language=French < report.txt
templates edit summary""",
)


@command.command("list")
def list_templates() -> int:
    """List the templates and their prompts."""
    names = template_names()
    width = max(map(len, names), default=0)
    for name in names:
        try:
            shown = _about(read_template(name))
        except (ConfigurationError, OSError) as error:
            shown = f"({error})"
        say(f"{name:{width}}  {shown}".rstrip())
    return Status.WHOLE


def _about(template: Template) -> str:
    parts = {"system": template.system, "prompt": template.prompt}
    shown = "  ".join(f"{name}: {' '.join(text.split())}" for name, text in parts.items() if text)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


@command.command("show")
@click.argument("name", shell_complete=complete_templates)
def show(*, name: str) -> int:
    """Print the file of a template."""
    printer = TextPrinter()
    printer.write(read_text(name))
    printer.end()
    return Status.WHOLE


@command.command("save")
@click.argument("name")
@click.argument("prompt", required=False, callback=options.only_text)
@options.system
@click.option(
    "-m",
    "--model",
    shell_complete=options.complete_models,
    metavar="NAME",
    help="The model to ask.",
)
@click.option(
    "--var",
    "variables",
    multiple=True,
    callback=options.as_variables,
    metavar="NAME=VALUE",
    help="The default value of a variable; can be repeated.",
)
@options.parameters
@click.option(
    "--schema",
    callback=options.only_text,
    metavar="SCHEMA",
    help="What answers have to match; see `chat --help`.",
)
@options.force
def save(
    *,
    name: str,
    prompt: str | None,
    system: str | None,
    model: str | None,
    variables: Mapping[str, str],
    parameters: Mapping[str, Any],
    schema: str | None,
    force: bool,
) -> int:
    """Save a new template.

    In PROMPT and the system prompt, $input is the question, and $NAME a variable. Use single
    quotes, so that the shell does not replace them.
    """
    schema_object = None
    if schema is not None:
        from openai_scan.cli.schemas import schema_from

        schema_object = schema_from(schema).schema
    template = Template(
        prompt=prompt,
        system=system,
        model=model,
        defaults=variables,
        options=parameters,
        schema_object=schema_object,
    )
    text = written(template)
    if template == Template():
        raise click.UsageError("Give the template a PROMPT, a --system prompt, or an option.")
    parsed(text, f"the template {name}")
    path = template_path(name)
    if path.exists() and not force:
        raise click.UsageError(f"There is a template {name}: --force replaces it.")
    save_template(name, text)
    return Status.WHOLE


@command.command("edit")
@click.argument("name", shell_complete=complete_templates)
def edit(*, name: str) -> int:
    """Open a template in your editor.

    The editor is the one in VISUAL or EDITOR.
    """
    path = template_path(name)
    old = read_text(name) if path.exists() else _NEW
    new = click.edit(old, extension=path.suffix)
    if new is None or new == old:
        tell("nothing was changed")
        return Status.WHOLE
    save_template(name, new)
    try:
        parsed(new, str(path))
    except ConfigurationError as error:
        return complain(f"saved, but it cannot be used: {error}", Status.BAD_INPUT)
    return Status.WHOLE


@command.command("path")
def path() -> int:
    """Print the folder of the templates."""
    say(str(templates_folder()))
    return Status.WHOLE
