"""The options that several commands have."""

from __future__ import annotations

import functools
import json
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from openai_scan.cli.answers import Output

Command = Callable[..., int]

_NO_COLOR = "openai_scan.cli.no_color"


def wants_no_color() -> bool:
    """Tell whether `--no-color` was given; whoever draws respects `NO_COLOR` by itself."""
    context = click.get_current_context(silent=True)
    return context is not None and _NO_COLOR in context.meta


def _note_no_color(context: click.Context, _: click.Parameter, given: bool) -> None:  # noqa: FBT001 - as click calls it
    if given:
        context.meta[_NO_COLOR] = True


no_color = click.option(
    "--no-color",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_note_no_color,
    help="Print without colours, as the variable NO_COLOR asks for too.",
)


def command(name: str, *, about: str, example: str) -> Callable[[Command], click.Command]:
    """Make a command of a function that returns an exit status.

    Args:
        name: What it is called.
        about: What it does, in a sentence or two for its help.
        example: How to call it, behind the program's name; several have a line each.
    """
    lines = "\n".join(f"  openai-scan {line}" for line in example.splitlines())
    return click.command(name, help=about, epilog=f"\b\nExample:\n{lines}")


def with_output(function: Command) -> Command:
    """Give *function* an `Output`, made of the options for how to print an answer."""

    @click.option("--json", "as_json", is_flag=True, help="Print the events, as JSON lines.")
    @click.option("--plain", is_flag=True, help="Do not render Markdown on a terminal.")
    @click.option("-q", "--quiet", is_flag=True, help="Leave out the line of facts on stderr.")
    @no_color
    @functools.wraps(function)
    def wrapped(*, as_json: bool, plain: bool, quiet: bool, **rest: Any) -> int:
        output = Output(as_json=as_json, plain=plain, quiet=quiet, colorless=wants_no_color())
        return function(output=output, **rest)

    return wrapped


def with_client(function: Command) -> Command:
    """Give *function* a `Client` that is closed in the end, made of the options for it."""

    @click.option("--base-url", metavar="URL", help="The server, rather than OPENAI_BASE_URL.")
    @click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="How long to wait for each next event.",
    )
    @functools.wraps(function)
    def wrapped(*, base_url: str | None, timeout: float | None, **rest: Any) -> int:
        from openai_scan.client import Client

        with Client(base_url=base_url, timeout=timeout) as client:
            return function(client=client, **rest)

    return wrapped


def _no_nan(_: click.Context, __: click.Parameter, value: float) -> float:
    """Refuse what is neither more nor less than 0."""
    if math.isnan(value):
        raise click.BadParameter("it has to be a number.")
    return value


model = click.option(
    "-m",
    "--model",
    required=True,
    envvar="OPENAI_MODEL",
    show_envvar=True,
    metavar="NAME",
    help="The model to ask.",
)

system = click.option("-s", "--system", metavar="TEXT", help="How the model is to answer.")

question = click.argument("prompt", nargs=-1)

force = click.option("--force", is_flag=True, help="Overwrite the file if it is there already.")

speed = click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    callback=_no_nan,
    metavar="X",
    help="Times the recorded pace; inf for no pauses. 1 by default.",
)

exchange = click.option(
    "--exchange",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Which one, in a file of several streams; from 0.",
)

recording = click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, allow_dash=True), metavar="FILE"
)


def _as_parameters(
    _: click.Context, __: click.Parameter, settings: Sequence[str]
) -> dict[str, Any]:
    """Return `NAME=VALUE` as what it says; a value that is no JSON is text."""
    parameters: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not (name and equals):
            raise click.BadParameter(f"{setting!r} is not of the form NAME=VALUE.")
        try:
            parameters[name] = json.loads(value)
        except ValueError:
            parameters[name] = value
    return parameters


parameters = click.option(
    "-p",
    "--param",
    "parameters",
    multiple=True,
    callback=_as_parameters,
    metavar="NAME=VALUE",
    help="Any other parameter of the API, such as temperature=0.2; can be repeated.",
)


def asked(prompt: Sequence[str]) -> str | None:
    """Return the question, or None if it is yet to be typed.

    Args:
        prompt: The words of the question; none of them, or a `-` among them, stand for what is on
            standard input.

    Raises:
        click.UsageError: There is nothing to ask.
    """
    if not prompt and sys.stdin.isatty() and sys.stdout.isatty():
        return None
    try:
        words = [sys.stdin.read().strip() if word == "-" else word for word in prompt or "-"]
    except UnicodeDecodeError:
        raise click.UsageError("What is on standard input is no text.") from None
    text = " ".join(words)
    if not text.strip():
        raise click.UsageError("Say what to ask, as an argument or on standard input.")
    return text
