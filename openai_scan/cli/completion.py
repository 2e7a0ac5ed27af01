"""What a shell offers for values that only the server or the API knows."""

from __future__ import annotations

import contextlib

import click

from openai_scan.errors import ScanError

# The user waits for the Tab key.
_SECONDS = 3.0

# Where `openai-scan record --path` may POST.
_PATHS = (
    "/audio/speech",
    "/chat/completions",
    "/completions",
    "/images/generations",
    "/responses",
    "/threads/runs",
)


def complete_models(context: click.Context, _: click.Parameter, typed: str) -> list[str]:
    """Return the models of the server that begin with *typed*; none if it does not answer soon.

    The server is the one that the options before it name.
    """
    from openai_scan.cli.options import client_of
    from openai_scan.client import RetryPolicy, Timeout

    given = context.params
    # An option without its value keeps click from naming the arguments before it.
    url = given.get("base_url") or next((each for each in context.args if "://" in each), None)
    timeout, once = Timeout(connect=_SECONDS, total=_SECONDS), RetryPolicy(attempts=1)
    with contextlib.suppress(ScanError, click.UsageError):
        with client_of(url, timeout, headers=given.get("headers"), retries=once) as client:
            models = client.list_models()
        return sorted(model.id for model in models if model.id.startswith(typed))
    return []


def complete_paths(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    """Return the paths of the APIs that begin with *typed*."""
    return [path for path in _PATHS if path.startswith(typed)]
