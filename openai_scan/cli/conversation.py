"""Ask and answer in turn."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import click

from openai_scan.cli import options
from openai_scan.cli.printing import Output
from openai_scan.cli.status import Status
from openai_scan.cli.writer import complain, read_line, say, tell
from openai_scan.client import Client
from openai_scan.errors import ScanError
from openai_scan.streamer import StreamerV2

_LEAVE = "Ctrl-Z and Enter" if sys.platform == "win32" else "Ctrl-D"

Messages: TypeAlias = "list[dict[str, object]]"
"""What has been said, as both Chat Completions and Responses take it."""


class Ask(Protocol):
    """How an API is asked."""

    def __call__(
        self,
        client: Client,
        said: Messages,
        *,
        model: str,
        system: str | None,
        parameters: Mapping[str, Any],
    ) -> StreamerV2:
        """Return the stream that answers the last message."""


def conversing(ask: Ask, name: str, *, prompt_in: str, about: str, example: str) -> click.Command:
    """Make a command that asks once, or in a conversation.

    Args:
        ask: How to ask.
        name: See `options.command()`, as for *about* and *example*.
        prompt_in: The parameter of the API that the prompt is sent in; `-p` must not replace it.
        about: What the command does.
        example: How to call it.
    """

    @options.command(name, about=about, example=example)
    @options.question
    @options.model
    @options.system
    @options.parameters
    @options.with_client
    @options.with_output
    def command(*, client: Client, output: Output, prompt: Sequence[str], **settings: Any) -> int:
        options.refuse_prompt(settings["parameters"], prompt_in)
        return converse(lambda said: ask(client, said, **settings), output, options.asked(prompt))

    return command


def converse(ask: Callable[[Messages], StreamerV2], output: Output, question: str | None) -> Status:
    """Print the answer to *question*, or to what is typed if it is None."""
    if question is not None:
        return output.show(ask([_message("user", question)]))
    with contextlib.suppress(ImportError):  # there is none on Windows
        import readline  # noqa: F401 - from now on input() can edit a line, and knows those before it
    if not output.quiet:
        tell(f"Ctrl-C ends an answer, {_LEAVE} the conversation.")
    said: Messages = []
    while (typed := typed_line()) is not None:
        if typed.strip():
            said = _answered(ask, output, [*said, _message("user", typed)])
    return Status.WHOLE


def typed_line() -> str | None:
    """Return the line that is typed, or None if the conversation is to end.

    As in other programs, Ctrl-C discards what has been typed, and a second one ends.
    """
    with contextlib.suppress(KeyboardInterrupt):
        return _read_line()
    say()
    tell(f"Ctrl-C again, or {_LEAVE}, ends the conversation.")
    with contextlib.suppress(KeyboardInterrupt):
        return _read_line()
    say()
    return None


def _read_line() -> str | None:
    """Return the line that is typed, or None when there will be no more."""
    try:
        return read_line("> ")
    except EOFError:
        say()
        return None


def _answered(ask: Callable[[Messages], StreamerV2], output: Output, said: Messages) -> Messages:
    """Print the answer and return what has been said then; one of nothing unsays the question."""
    stream = ask(said)
    try:
        output.show(stream)
    except ScanError as error:
        complain(str(error))
    except KeyboardInterrupt:
        complain("the answer was interrupted")
    answer = stream.snapshot()
    if answer is None or not answer.text:
        return said[:-1]
    return [*said, _message("assistant", answer.text)]


def _message(role: str, text: str) -> dict[str, object]:
    return {"role": role, "content": text}


def opening(system: str | None) -> Sequence[dict[str, object]]:
    """Return the message that stands before all others, if there is one."""
    return () if system is None else (_message("system", system),)
