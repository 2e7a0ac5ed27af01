"""What a shell offers for the names of what is stored."""

from __future__ import annotations

import contextlib

import click
from click.shell_completion import CompletionItem

from openai_scan.errors import ScanError
from openai_scan.printable import printable

# How many answers of the log are looked at, and how many characters of a question are shown.
_ROWS = 100
_SHOWN = 40


def complete_templates(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    """Return the names of the templates that begin with *typed*."""
    from openai_scan.cli.templating import template_names

    return [name for name in template_names() if name.startswith(typed)]


def complete_conversations(
    context: click.Context, _: click.Parameter, typed: str
) -> list[CompletionItem]:
    """Return the ids of the newest conversations that begin with *typed*, with their questions."""
    from openai_scan.cli.log import Log, log_path

    found: dict[str, str] = {}
    with contextlib.suppress(ScanError), Log(context.params.get("log") or log_path()) as log:
        for row in reversed(log.newest(_ROWS)):
            if row.conversation.startswith(typed):
                found.setdefault(row.conversation, " ".join(row.prompt.split())[:_SHOWN])
    return [CompletionItem(id, help=printable(prompt)) for id, prompt in found.items()]
