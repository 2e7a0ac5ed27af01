"""`openai-scan logs`: what was asked and answered."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import click

from openai_scan.cli import options
from openai_scan.cli.completion import complete_conversations
from openai_scan.cli.groups import group
from openai_scan.cli.log import Log, Row, log_path
from openai_scan.cli.settings import change_settings, read_settings
from openai_scan.cli.status import Status
from openai_scan.cli.writer import TextPrinter, complain, say, tell
from openai_scan.stream.described import counted

# How many characters of questions and answers are listed.
_SHOWN = 300

command = group(
    "logs",
    about="Show, search and export what was asked with `chat` and `respond`, and what was answered."
    " The log is a SQLite file that only you can read; `logs off` stops it.",
    example="""\
logs -n 10
logs --query "blue sky" --json
logs show 3f9a1c2e07
logs export > answers.jsonl""",
)


@command.command("list")
@click.option(
    "-n",
    "--count",
    type=click.IntRange(min=0),
    default=3,
    metavar="N",
    help="How many answers to show: 3 by default, 0 for all.",
)
@click.option(
    "-q",
    "--query",
    callback=options.only_text,
    metavar="TEXT",
    help="Show only answers that contain all these words, in the question or the answer.",
)
@click.option("-m", "--model", metavar="NAME", help="Show only answers of this model.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each answer.")
@click.option("-r", "--response", is_flag=True, help="Print only the text of the newest answer.")
@options.log
def list_answers(
    *,
    count: int,
    query: str | None,
    model: str | None,
    as_json: bool,
    response: bool,
    log: Path | None,
) -> int:
    """Show the newest answers, the newest last."""
    with _opened(log) as opened:
        words = (query or "").split()
        rows = opened.newest(1 if response else count, words=words, model=model)
    if response:
        return _print_last(rows)
    for row in rows:
        if as_json:
            say(_as_json(row))
        else:
            _print(_markdown(row, shorten=True, with_id=True))
    if not rows:
        tell(f"{opened.path} has no such answers" if words or model else f"{opened.path} is empty")
    return Status.WHOLE


def _print_last(rows: Sequence[Row]) -> Status:
    """Print the text of the newest answer."""
    if not rows:
        return complain("there is no such answer in the log")
    _print([rows[-1].answer])
    return Status.WHOLE if rows[-1].is_whole else complain(_state(rows[-1]))


@command.command("show")
@click.argument("id", shell_complete=complete_conversations)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each answer.")
@options.log
def show(*, id: str, as_json: bool, log: Path | None) -> int:
    """Show a conversation. The beginning of its ID is enough."""
    with _opened(log) as opened:
        rows = opened.conversation(id)
    _print_all(rows, as_json=as_json)
    return Status.WHOLE


@command.command("export")
@click.argument("id", required=False, shell_complete=complete_conversations)
@click.option(
    "--format",
    type=click.Choice(["jsonl", "markdown"]),
    default="jsonl",
    show_default=True,
    help="A JSON object on each line, or Markdown.",
)
@options.log
def export(*, id: str | None, format: str, log: Path | None) -> int:
    """Print all answers, or one conversation."""
    with _opened(log) as opened:
        rows = opened.newest(0) if id is None else opened.conversation(id)
    _print_all(rows, as_json=format == "jsonl")
    return Status.WHOLE


@command.command("path")
def path() -> int:
    """Print where the log is."""
    say(str(log_path()))
    return Status.WHOLE


@command.command("on")
def on() -> int:
    """Start logging again."""
    change_settings(log=True)
    return Status.WHOLE


@command.command("off")
def off() -> int:
    """Stop logging, except with --log.

    What is in the log stays.
    """
    change_settings(log=False)
    return Status.WHOLE


@command.command("status")
@options.log
def status(*, log: Path | None) -> int:
    """Print whether answers are logged."""
    say(f"logging is {'on' if read_settings().log else 'off'}")
    with _opened(log) as opened:
        answers, conversations = opened.count()
    say(f"{opened.path}: {counted(answers, 'answer')} in {counted(conversations, 'conversation')}")
    return Status.WHOLE


def _opened(log: Path | None) -> Log:
    """Return the log; it has no rows if the file does not exist."""
    return Log(log or log_path())


def _print_all(rows: Sequence[Row], *, as_json: bool) -> None:
    conversation = None
    for row in rows:
        if as_json:
            say(_as_json(row))
        else:
            _print(_markdown(row, shorten=False, with_id=row.conversation != conversation))
            conversation = row.conversation


def _as_json(row: Row) -> str:
    """Return a row as a line of JSON."""
    values: dict[str, Any] = attrs.asdict(row, recurse=False)
    return json.dumps({**values, "whole": row.is_whole}).replace("\x7f", "\\u007f")


def _markdown(row: Row, *, shorten: bool, with_id: bool) -> Iterator[str]:
    """Yield a row as Markdown."""
    if with_id:
        yield f"# {row.conversation}\n\n"
    yield f"## {row.started[:19].replace('T', ' ')} UTC, {row.command} {row.model}\n\n"
    if row.system:
        yield f"System: {_short(row.system, shorten=shorten)}\n\n"
    for one in row.attachments:
        yield f"Attached: {one.get('url') or one.get('name')} ({one.get('type')})\n\n"
    yield f"### Question\n\n{_short(row.prompt, shorten=shorten)}\n\n"
    yield "### Answer\n\n"
    if row.answer:
        yield f"{_short(row.answer, shorten=shorten)}\n\n"
    if not row.is_whole or row.error:
        yield f"({_state(row)})\n\n"
    if row.notes:
        noted = ", ".join(f"{name} {count}" for name, count in row.notes.items())
        yield f"(tolerated: {noted})\n\n"
    if row.usage:
        yield f"(tokens: {row.usage.get('input')} in, {row.usage.get('output')} out)\n\n"


def _state(row: Row) -> str:
    """Return in words what is wrong with an answer."""
    parts = [] if row.is_whole else [f"the answer is not whole ({row.outcome})"]
    return ": ".join([*parts, *filter(None, [row.error])])


def _short(text: str, *, shorten: bool) -> str:
    text = text.strip("\n")
    return f"{text[:_SHOWN]}…" if shorten and len(text) > _SHOWN else text


def _print(pieces: Iterator[str] | Sequence[str]) -> None:
    printer = TextPrinter()
    for piece in pieces:
        printer.write(piece)
    printer.end()
