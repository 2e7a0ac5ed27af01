"""`openai-scan models`: the models of a server, and the one to ask by default."""

from __future__ import annotations

import json

import attrs
import click

from openai_scan.cli import options
from openai_scan.cli.groups import group
from openai_scan.cli.settings import change_settings, default_model
from openai_scan.cli.status import Status
from openai_scan.cli.writer import complain, say
from openai_scan.client import Client

command = group(
    "models",
    about="List the models of a server by name, or set the default model.",
    example="""\
models --base-url http://localhost:8080/v1
models default gpt-5""",
)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each model.")
@options.with_client
def list_models(*, client: Client, as_json: bool) -> int:
    """List the models of the server."""
    for model in sorted(client.list_models(), key=lambda one: one.id):
        say(json.dumps(attrs.asdict(model)) if as_json else model.id)
    return Status.WHOLE


@command.command("default")
@click.argument(
    "name", required=False, callback=options.only_text, shell_complete=options.complete_models
)
@click.option("--unset", is_flag=True, help="Remove the default model.")
def default(*, name: str | None, unset: bool) -> int:
    """Set or print the default model.

    It is asked if neither --model nor OPENAI_MODEL names another one.
    """
    if name is not None and unset:
        raise click.UsageError("Either a NAME or --unset.")
    if name is not None and not name.strip():
        raise click.UsageError("The name is empty.")
    if name is not None or unset:
        change_settings(model=name)
        return Status.WHOLE
    model = default_model()
    if model is None:
        return complain("no default model is set")
    say(model)
    return Status.WHOLE
