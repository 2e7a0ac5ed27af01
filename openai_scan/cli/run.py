"""`openai-scan run`: an assistant."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from openai_scan.cli import options
from openai_scan.cli.printing import Output
from openai_scan.client import Client
from openai_scan.client.params import MessageParam
from openai_scan.tools import run_tools, tool_of


@options.command(
    "run",
    about="Run an assistant on a new thread, and print its answer as it arrives. PROMPT is what to"
    " say to it, where - stands for standard input.",
    example="""\
run --assistant asst_1 "Why is the sky blue?"
run --assistant asst_1 --tools weather:forecast "Shall I take an umbrella?\"""",
)
@options.question
@click.option("--assistant", required=True, metavar="ID", help="The assistant to run.")
@click.option("--thread", metavar="ID", help="Run it on this thread rather than a new one.")
@click.option(
    "--tools",
    multiple=True,
    metavar="MODULE:FUNCTION",
    help="A Python function that it may call, in place of its own tools; can be repeated. Modules"
    " are looked for in this folder too.",
)
@options.parameters
@options.with_client
@options.with_output
def command(
    *,
    client: Client,
    output: Output,
    prompt: Sequence[str],
    assistant: str,
    thread: str | None,
    tools: Sequence[str],
    parameters: Mapping[str, Any],
) -> int:
    """Run it, and print the answer."""
    question = options.asked_once(prompt)
    functions = [_function(place) for place in tools]
    if functions:
        parameters = {"tools": [_tool_of(function) for function in functions], **parameters}
    messages: list[MessageParam] = [{"role": "user", "content": question}]
    if thread is None:
        stream = client.create_thread_and_run_stream(
            assistant_id=assistant, thread={"messages": messages}, extra_body=parameters
        )
    else:
        stream = client.create_run_stream(
            thread, assistant_id=assistant, additional_messages=messages, extra_body=parameters
        )
    if functions:
        stream = run_tools(client, stream, functions)
    return output.show(stream)


def _function(place: str) -> Callable[..., Any]:
    """Return the function that `MODULE:FUNCTION` names."""
    module, _, name = place.partition(":")
    if not (module and name):
        raise click.UsageError(f"--tools {place} is not of the form MODULE:FUNCTION.")
    sys.path.insert(0, "")  # this folder, as `python -m` has it
    try:
        function: Callable[..., Any] | None = getattr(importlib.import_module(module), name, None)
    except (Exception, SystemExit) as error:  # whatever the module does wrong
        raise click.UsageError(
            f"--tools {place}: {module} cannot be imported ({type(error).__name__}: {error})."
        ) from error
    finally:
        sys.path.remove("")
    if not callable(function):
        raise click.UsageError(f"--tools {place}: {module} has no function {name!r}.")
    return function


def _tool_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return what offers *function* to the model."""
    try:
        return tool_of(function, api="assistants")
    except TypeError as error:
        raise click.UsageError(f"--tools: {error}.") from error
