"""Python functions that a model may call: where they are found, and how their calls are shown."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from openai_scan.cli.echo import forget_typed
from openai_scan.cli.printing import Output
from openai_scan.cli.writer import can_ask, read_answer, tell
from openai_scan.client import Client
from openai_scan.functions import is_coroutine_function, tool_of
from openai_scan.schema import API
from openai_scan.streamer import StreamerV2
from openai_scan.tools import run_tools
from openai_scan.tools.follow_ups import ErrorOutput

Function = Callable[..., Any]

# How many characters of arguments and results are shown.
_SHOWN = 200

_DECLINED = "Error: the user did not allow this call"


def imported(place: str, option: str, what: str) -> Any:
    """Return what `MODULE:NAME` names. Modules are looked for in the current folder too.

    Args:
        place: The module and the name.
        option: The option that was given, for a message.
        what: What the name has to be, such as "function".

    Raises:
        click.UsageError: There is no such thing.
    """
    module, _, name = place.partition(":")
    if not (module and name):
        raise click.UsageError(f"{option} {place} is not of the form MODULE:{what.upper()}.")
    sys.path.insert(0, "")  # this folder, as `python -m` has it
    try:
        found = getattr(importlib.import_module(module), name, None)
    except (Exception, SystemExit) as error:  # whatever the module does wrong
        raise click.UsageError(
            f"{option} {place}: {module} cannot be imported ({type(error).__name__}: {error})."
        ) from error
    finally:
        sys.path.remove("")
    if not callable(found):
        raise click.UsageError(f"{option} {place}: {module} has no {what} {name!r}.")
    return found


def functions_at(places: Sequence[str]) -> list[Function]:
    """Return the functions that `--tools` names.

    Raises:
        click.UsageError: See `imported()`; or one is asynchronous.
    """
    functions = [imported(place, "--tools", "function") for place in places]
    for place, function in zip(places, functions, strict=True):
        if is_coroutine_function(function):
            raise click.UsageError(f"--tools {place} is asynchronous: wrap it in a plain function.")
    return functions


def offered(functions: Sequence[Function], api: API) -> dict[str, Any]:
    """Return the parameter that offers *functions* to the model, if there are any.

    Raises:
        click.UsageError: A model cannot call one of them.
    """
    if not functions:
        return {}
    try:
        return {"tools": [tool_of(function, api=api) for function in functions]}
    except TypeError as error:
        raise click.UsageError(f"--tools: {error}.") from error


def answering(client: Client, stream: StreamerV2, functions: Sequence[Function]) -> StreamerV2:
    """Return *stream*, with the calls of *functions* answered.

    Raises:
        click.UsageError: Two have the same name, or a model cannot call one of them.
    """
    if not functions:
        return stream
    try:
        return run_tools(client, stream, functions)
    except (TypeError, ValueError) as error:
        stream.close()
        raise click.UsageError(f"--tools: {error}.") from error


def shown(functions: Sequence[Function], output: Output, *, approve: bool) -> list[Function]:
    """Return functions that do the same, and show on stderr what they are called with.

    Args:
        functions: The functions.
        output: How the answer is printed; a quiet one shows no calls.
        approve: Whether to ask before each call. If the user declines, the model is told.

    Raises:
        click.UsageError: There is no terminal to ask at.
    """
    if approve and not can_ask():
        raise click.UsageError("--approve needs a terminal to ask at.")
    return [_shown(function, output, approve=approve) for function in functions]


def _shown(function: Function, output: Output, *, approve: bool) -> Function:
    @functools.wraps(function)
    def wrapped(**arguments: Any) -> Any:
        listed = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        # What is to be approved is shown as a whole.
        call = f"{function.__name__}({listed if approve else _short(listed)})"
        with output.aside():
            if approve and not _is_approved(call):
                return ErrorOutput(_DECLINED)
            if not (approve or output.quiet):
                tell(f"tool call: {call}")
        result = function(**arguments)
        if not output.quiet:
            with output.aside():
                tell(f"{function.__name__} returned {_short(repr(result))}")
        return result

    return wrapped


def _is_approved(call: str) -> bool:
    forget_typed()  # before the question was seen
    try:
        return read_answer(f"Call {call}? [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        tell("")
        return False


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
