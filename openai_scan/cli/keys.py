"""`openai-scan keys`: store the keys of servers."""

from __future__ import annotations

import getpass
import os
import re
import sys

import click

from openai_scan.cli import options
from openai_scan.cli.groups import group
from openai_scan.cli.keystore import keys_path, remove_key, store_key, stored_keys
from openai_scan.cli.reading import read_piped
from openai_scan.cli.status import Status
from openai_scan.cli.writer import say, tell
from openai_scan.client.base import checked_key
from openai_scan.client.base_url import DEFAULT_BASE_URL

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")

# A key that is given in place of a name must not be taken for one: it would be listed.
_LONGEST_NAME = 30

command = group(
    "keys",
    about="Store API keys: in the system's keyring if there is one and the extra `keyring` is"
    " installed, and otherwise in a file that only you can read. A key is sent only to"
    " the scheme, host and port that it was stored for. It takes precedence over"
    " OPENAI_API_KEY, and is never printed.",
    example="""\
keys set openai
keys set local --base-url http://localhost:8080/v1 < key.txt
chat --base-url http://localhost:8080/v1 --model llama "Hello\"""",
)


@command.command("set")
@click.argument("name")
@click.option(
    "--base-url",
    callback=options.not_empty,
    metavar="URL",
    help="The server that the key is for, instead of OPENAI_BASE_URL or OpenAI's.",
)
def set_key(*, name: str, base_url: str | None) -> int:
    """Store a key as NAME. Type it when asked, which does not show it, or pipe it in."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise click.UsageError(
            "A name has letters, digits, '-', '_' and '.', and no more than"
            f" {_LONGEST_NAME} of them. The key itself is asked for."
        )
    url = base_url or os.environ.get("OPENAI_BASE_URL") or DEFAULT_BASE_URL
    stored = store_key(name, url, _asked_key())
    tell(f"stored {stored.place}, for {stored.base_url}")
    return Status.WHOLE


def _asked_key() -> str:
    """Return the key that is typed or piped."""
    try:
        typed = getpass.getpass("Key: ") if sys.stdin.isatty() else read_piped()
    except EOFError:
        typed = ""
    except UnicodeError:
        raise click.UsageError("What is on standard input is not text.") from None
    key = checked_key(typed.strip(), "the key", allow_browser=True)
    if not key:
        raise click.UsageError("No key was given, so nothing is stored.")
    return key


@command.command("list")
def list_keys() -> int:
    """List the names of the keys, and their servers."""
    keys = stored_keys()
    width = max(map(len, keys), default=0)
    for name, stored in sorted(keys.items()):
        say(f"{name:{width}}  {stored.base_url}  {stored.place}")
    return Status.WHOLE


@command.command("remove")
@click.argument("name")
def remove(*, name: str) -> int:
    """Remove the key NAME."""
    remove_key(name)
    return Status.WHOLE


@command.command("path")
def path() -> int:
    """Print where the list of keys is."""
    say(str(keys_path()))
    return Status.WHOLE
