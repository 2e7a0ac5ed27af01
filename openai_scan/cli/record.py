"""`openai-scan record`: a stream into a file."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from openai_scan import bounded_json
from openai_scan.cli import options
from openai_scan.cli.conversation import opening
from openai_scan.cli.printing import Output
from openai_scan.cli.settings import default_model
from openai_scan.cli.status import Status
from openai_scan.cli.writer import complain, tell
from openai_scan.client import Client
from openai_scan.client.base import headers_for
from openai_scan.recording import Recording
from openai_scan.transport import Request

# What to do about a body that cannot be sent.
_BODY = (
    """give an object such as '{"model": "gpt-5"}', @FILE for one in a file, or - for standard"""
    " input"
)

# Where `--path` may lead, for completion.
_PATHS = (
    "/audio/speech",
    "/chat/completions",
    "/completions",
    "/images/generations",
    "/responses",
    "/threads/runs",
)


def _complete_paths(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    """Return the paths of the APIs that begin with *typed*."""
    return [path for path in _PATHS if path.startswith(typed)]


@options.command(
    "record",
    about="Send a request, print the answer as it arrives, and write the stream to FILE: its bytes,"
    " when they came and how it ended, but not the key. PROMPT is sent to Chat Completions; use"
    " --path and --body for any other request.",
    example="""\
record sky.jsonl --model gpt-5 "Why is the sky blue?"
record run.jsonl --path /threads/runs --body @run.json""",
)
@click.argument("file", type=click.Path(dir_okay=False, writable=True), metavar="FILE")
@options.question
@click.option(
    "-m",
    "--model",
    envvar="OPENAI_MODEL",
    show_envvar=True,
    shell_complete=options.complete_models,
    metavar="NAME",
    help="The model to ask.",
)
@options.system
@options.parameters
@click.option(
    "--path",
    shell_complete=_complete_paths,
    metavar="PATH",
    help="The path to POST to, such as /responses; the base URL comes before it.",
)
@click.option(
    "--body",
    callback=options.only_text,
    metavar="JSON",
    help="The JSON to POST; @FILE reads it from a file, and - from standard input.",
)
@click.option(
    "--with-request", is_flag=True, help="Write the body of the request too, with the prompt."
)
@options.force
@options.with_client
@options.with_output
def command(
    *,
    client: Client,
    output: Output,
    file: str,
    prompt: Sequence[str],
    model: str | None,
    system: str | None,
    parameters: Mapping[str, Any],
    path: str | None,
    body: str | None,
    with_request: bool,
    force: bool,
) -> int:
    """Send the request, print the answer and record it."""
    if (path is None) != (body is None):
        raise click.UsageError("--path and --body belong together: give both, or neither.")
    if file == "-":
        raise click.UsageError(
            "FILE must be a file: the answer itself is printed on standard output."
        )
    if path is None or body is None:
        path = "/chat/completions"
        options.refuse_prompt(parameters, "messages")
        asked = _chat(prompt, model or default_model(), system)
    else:
        if prompt or system:
            raise click.UsageError(
                "--path and --body send a whole body: leave out PROMPT and --system."
            )
        asked = _json(body)
    path = "/" + path.lstrip("/")
    request = Request(
        method="POST",
        path=path,
        headers=headers_for(path),
        body={"stream": True, **asked, **parameters},
    )
    recording = Recording(file, overwrite=force, request=with_request)
    stream = client.stream(request, record=recording)
    try:
        status = output.show(stream)
    finally:  # an answer that failed is recorded too
        is_lost = stream.notes["recording_failed"] > 0
        if not (is_lost or output.quiet):
            tell(f"recorded in {file}")
    # If only the last line was lost, the answer is whole and no error was raised.
    return complain(f"{file} cannot be written", Status.BAD_INPUT) if is_lost else status


def _chat(prompt: Sequence[str], model: str | None, system: str | None) -> dict[str, Any]:
    """Return the body of a request to Chat Completions."""
    if model is None:
        raise click.UsageError("There is no model: pass --model, or set OPENAI_MODEL.")
    question = options.asked_once(prompt)
    messages = [*opening(system), {"role": "user", "content": question}]
    return {"model": model, "messages": messages}


def _json(body: str) -> dict[str, Any]:
    """Return the JSON object in *body*, or in the file that it names."""
    text: str | bytes = body
    if body == "-":
        text = sys.stdin.buffer.read()
    elif body.startswith("@"):
        text = Path(body[1:]).read_bytes()
    if not text.strip():
        raise click.UsageError(f"--body is empty: {_BODY}.")
    try:
        value = bounded_json.loads(text)
    except ValueError as error:  # UnicodeDecodeError among them
        raise click.UsageError(f"--body is not JSON ({error}): {_BODY}.") from None
    if not isinstance(value, dict):
        raise click.UsageError(f"--body is not a JSON object: {_BODY}.")
    return value
