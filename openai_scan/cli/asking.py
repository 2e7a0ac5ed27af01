"""The options of `chat` and `respond`, and what they ask for together."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import field, fields, frozen

from openai_scan.cli import options
from openai_scan.cli.completion import complete_conversations, complete_templates
from openai_scan.cli.settings import MODEL, default_model, read_settings
from openai_scan.cli.writer import complain

if TYPE_CHECKING:
    from openai_scan.cli.functions import Function
    from openai_scan.cli.log import Log, Row
    from openai_scan.cli.schemas import Schema
    from openai_scan.cli.templating import Template
    from openai_scan.schema import API


@frozen(kw_only=True)
class Given:
    """What the options say, as they were given."""

    model: str | None
    system: str | None
    parameters: Mapping[str, Any]
    last: bool
    conversation: str | None
    template: str | None
    variables: Mapping[str, str]
    schema: str | None
    tools: Sequence[str]
    approve: bool
    attachments: Sequence[str]
    no_log: bool
    log: Path | None


@frozen(kw_only=True)
class Plan:
    """What is to be asked, and how.

    Attributes:
        model: The model.
        system: How it is to answer; variables are not replaced yet if there is a template.
        parameters: Other parameters of the request, the schema and the tools included.
        template: The template, or None.
        variables: The variables for it.
        schema: What the answer has to match, or None.
        functions: The functions that the model may call.
        past: The answers of the conversation that is continued, oldest first.
    """

    model: str
    system: str | None
    parameters: Mapping[str, Any]
    template: Template | None = None
    variables: Mapping[str, str] = field(factory=dict)
    schema: Schema | None = None
    functions: Sequence[Function] = ()
    past: Sequence[Row] = ()

    @property
    def needs_question(self) -> bool:
        """Whether there is a place for a question; a template may have none."""
        return self.template is None or self.template.takes_input

    def filled(self, question: str) -> tuple[str, str | None]:
        """Return the prompt and the system prompt for *question*.

        Raises:
            click.UsageError: See `Template.filled()`.
        """
        if self.template is None:
            return question, self.system
        prompt, system = self.template.filled(question, self.variables)
        return prompt, system if self.system is None else self.system


def with_given(function: options.Command) -> options.Command:
    """Give *function* what the options of a question say, as a `Given`."""

    @click.option(
        "-m",
        "--model",
        shell_complete=options.complete_models,
        metavar="NAME",
        help=f"The model to ask; by default {MODEL}, or the one set with `models default`.",
    )
    @options.system
    @options.parameters
    @click.option(
        "-c",
        "--continue",
        "last",
        is_flag=True,
        help="Continue the last conversation.",
    )
    @click.option(
        "--cid",
        "--conversation",
        "conversation",
        callback=options.not_empty,
        shell_complete=complete_conversations,
        metavar="ID",
        help="Continue the conversation with this ID, which `logs` shows.",
    )
    @click.option(
        "-t",
        "--template",
        shell_complete=complete_templates,
        metavar="NAME",
        help="Use a template; see `templates`.",
    )
    @click.option(
        "--var",
        "variables",
        multiple=True,
        callback=options.as_variables,
        metavar="NAME=VALUE",
        help="A variable of the template; can be repeated.",
    )
    @click.option(
        "--schema",
        callback=options.only_text,
        metavar="SCHEMA",
        help="Answer in JSON that matches this schema: a file, JSON, fields such as 'name str, age"
        " int', or a Python class as MODULE:CLASS.",
    )
    @click.option(
        "--tools",
        multiple=True,
        metavar="MODULE:FUNCTION",
        help="A Python function that the model may call; can be repeated. Modules are looked for in"
        " this folder too.",
    )
    @options.approve
    @click.option(
        "-a",
        "--attach",
        "attachments",
        multiple=True,
        metavar="PATH|URL",
        help="Send this image, sound, document or text too; - is standard input. Can be repeated.",
    )
    @click.option("-n", "--no-log", is_flag=True, help="Do not log the question and the answer.")
    @options.log
    @functools.wraps(function)
    def wrapped(**settings: Any) -> int:
        given = Given(**{one.name: settings.pop(one.name) for one in fields(Given)})
        return function(given=given, **settings)

    return wrapped


def open_log(given: Given) -> Log | None:
    """Return the log that the answers go to, or None if they are not logged.

    A log that cannot be used is reported on stderr, and the question is asked without one.
    """
    if given.no_log or (given.log is None and not read_settings().log):
        return None
    from openai_scan.cli.log import Log, LogError, log_path

    try:
        return Log(given.log or log_path(), create=True)
    except LogError as error:
        complain(f"nothing is logged: {error}")
        return None


def planned(given: Given, api: API, command: str) -> Plan:
    """Return what the options ask for together.

    The command line takes precedence over the template, and that over the conversation that is
    continued.

    Args:
        given: The options.
        api: The API that is asked.
        command: The command that asks.

    Raises:
        click.UsageError: Options contradict each other, or name something that does not exist.
        ConfigurationError: A file of the user's is not what it has to be.
    """
    template = None
    if given.template is not None:
        from openai_scan.cli.templating import read_template

        template = read_template(given.template)
    elif given.variables:
        raise click.UsageError("--var is for a --template.")
    if given.approve and not given.tools:
        raise click.UsageError("--approve is for --tools.")
    past = _past(given, command)
    model = (
        given.model
        or (template and template.model)
        or (past[-1].model if past else None)
        or default_model()
    )
    if model is None:
        raise click.UsageError(
            f"Say which model: with --model, in {MODEL}, or for all questions with openai-scan"
            " models default NAME."
        )
    system = given.system
    if system is None and past and (template is None or template.system is None):
        system = past[-1].system
    schema = _schema(given, template)
    functions: Sequence[Function] = ()
    offer: Mapping[str, Any] = {}
    if given.tools:
        from openai_scan.cli.functions import functions_at, offered

        functions = functions_at(given.tools)
        offer = offered(functions, api)
    return Plan(
        model=model,
        system=system,
        parameters={
            **({} if template is None else template.options),
            **({} if schema is None else schema.parameters(api)),
            **offer,
            **given.parameters,
        },
        template=template,
        variables=given.variables,
        schema=schema,
        functions=functions,
        past=past,
    )


def _past(given: Given, command: str) -> Sequence[Row]:
    """Return the answers of the conversation that is continued, if one is."""
    if not given.last and given.conversation is None:
        return ()
    if given.last and given.conversation is not None:
        raise click.UsageError("Either --continue or --conversation: the last one, or that one.")
    from openai_scan.cli.log import Log, log_path

    with Log(given.log or log_path()) as log:
        id = given.conversation or log.last(command)
        if id is None:
            raise click.UsageError(f"{log.path} has no conversation of {command} to continue.")
        past = log.conversation(id)
    if past[0].command != command:
        raise click.UsageError(
            f"The conversation {past[0].conversation} is one of another API: continue it with"
            f" openai-scan {past[0].command}."
        )
    return past


def _schema(given: Given, template: Template | None) -> Schema | None:
    if given.schema is not None:
        from openai_scan.cli.schemas import schema_from

        return schema_from(given.schema)
    if template is not None and template.schema_object is not None:
        from openai_scan.cli.schemas import checked_schema

        return checked_schema("answer", template.schema_object, "the template's schema_object")
    return None
