"""`openai-scan doctor`: what a server supports, and what is broken."""

from __future__ import annotations

import ipaddress
import json
import platform
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

import click
from rich.box import MARKDOWN
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from openai_scan._version import __version__
from openai_scan.cli import options
from openai_scan.cli.checkup.apis import CHECKS, examine, most_requests
from openai_scan.cli.checkup.findings import Finding
from openai_scan.cli.checkup.server import ONCE, Models, Server
from openai_scan.cli.checkup.text import MOST_TOKENS
from openai_scan.cli.status import Status
from openai_scan.cli.terminal import TABLE_WIDTH, console
from openai_scan.cli.writer import complain, is_terminal, read_line, say, tell
from openai_scan.printable import one_line
from openai_scan.stream.described import counted

# A reasoning model may be silent for minutes, but not if it only has to say hello.
_SECONDS = 60.0

# A file or a pipe has no width. Lines are not wrapped there, so that the table is valid Markdown.
_NO_LIMIT = 10_000

_STYLES = {"ok": "green", "no": "dim", "odd": "yellow", "refused": "yellow", "broken": "bold red"}


def _as_apis(_: click.Context, __: click.Parameter, given: Sequence[str]) -> Sequence[str]:
    """Return the APIs that `--only` names, in the usual order; all of them by default."""
    names = [name.strip() for each in given for name in each.split(",")]
    for name in names:
        if name not in CHECKS:
            raise click.BadParameter(f"{name!r} is not one of {', '.join(CHECKS)}.")
    return [name for name in CHECKS if name in (names or CHECKS)]


def _complete_apis(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    """Return how a list of APIs can be completed."""
    before, comma, begun = typed.rpartition(",")
    return [f"{before}{comma}{name}" for name in CHECKS if name.startswith(begun)]


@options.command(
    "doctor",
    about="Find out which of OpenAI's APIs the server at URL has, and whether their streams, ends,"
    " token counts, tool calls, schemas and errors are as they should be. The table that it prints"
    " can be pasted into a bug report; it has neither the key nor the values of headers. Images and"
    " audio are only tried with a model of their own.",
    example="""\
doctor http://localhost:8080/v1 --model llama
doctor https://api.openai.com/v1 -m gpt-5-mini --only chat,responses --yes
doctor http://localhost:4000 -m gpt-5 --json | jq -r 'select(.result == "broken")'""",
)
@click.argument("url", metavar="URL", callback=options.not_empty)
@options.model
@click.option(
    "--only",
    "apis",
    multiple=True,
    callback=_as_apis,
    shell_complete=_complete_apis,
    metavar="API,...",
    help=f"Check only these APIs: {', '.join(CHECKS)}.",
)
@click.option(
    "--image-model",
    shell_complete=options.complete_models,
    metavar="NAME",
    help="Make an image with this model.",
)
@click.option(
    "--speech-model",
    shell_complete=options.complete_models,
    metavar="NAME",
    help="Speak a word with this model.",
)
@click.option(
    "--transcription-model",
    shell_complete=options.complete_models,
    metavar="NAME",
    help="Transcribe a second of silence with this model.",
)
@click.option(
    "-y", "--yes", is_flag=True, help="Do not ask before sending requests to another machine."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines instead of a table.")
@options.timeout
@options.headers
@options.no_color
def command(
    *,
    url: str,
    model: str,
    apis: Sequence[str],
    image_model: str | None,
    speech_model: str | None,
    transcription_model: str | None,
    yes: bool,
    as_json: bool,
    timeout: float | None,
    headers: Mapping[str, str],
) -> int:
    """Examine the server and print the findings."""
    seconds = _SECONDS if timeout is None else timeout
    models = Models(
        text=model, image=image_model, speech=speech_model, transcription=transcription_model
    )
    with options.client_of(url, seconds, headers=headers, retries=ONCE) as client:
        _confirm(url, apis, is_confirmed=yes)
        server = Server(client, models, timeout=seconds)
        findings: list[Finding] = []
        about = _about(url, model)
        if as_json:
            _print_json({"type": "server", **about})
        try:
            for finding in _shown_on_stderr(server, apis):
                findings.append(finding)
                if as_json:
                    _print_json(_as_dict(finding))
        finally:  # after Ctrl-C too, what was found until then is printed
            if as_json:
                results = dict(Counter(finding.result for finding in findings))
                _print_json({"type": "summary", "requests": server.requests, "results": results})
            else:
                _draw(about, findings, server)
    return _judge(url, findings)


def _confirm(url: str, apis: Sequence[str], *, is_confirmed: bool) -> None:
    """Say how many requests will be sent, and ask the user whether to send them.

    Raises:
        click.UsageError: The user refused, or standard input is no terminal.
    """
    host = urlsplit(url).hostname or ""
    what = (
        f"at most {counted(most_requests(apis), 'short request')} to {host}, of at most"
        f" {MOST_TOKENS} tokens each"
    )
    if is_confirmed or _is_this_machine(host):
        tell(f"sending {what}")
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"This sends {what}: confirm it with --yes.")
    tell(f"This sends {what}. Continue? [y/N]")
    try:
        answer = read_line("")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in {"y", "yes"}:
        raise click.UsageError("Nothing was sent.")


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _shown_on_stderr(server: Server, apis: Sequence[str]) -> Iterator[Finding]:
    """Yield the findings, and show the progress on a terminal."""
    screen = console(stderr=True, colorless=options.wants_no_color())
    if not screen.is_terminal:
        yield from examine(server, apis)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn())
    with Progress(*columns, console=screen, transient=True) as progress:
        task = progress.add_task("checking", total=len(apis))
        for finding in examine(server, apis):
            progress.update(
                task, description=f"checking {finding.api}", completed=apis.index(finding.api) + 1
            )
            yield finding


def _about(url: str, model: str) -> dict[str, str]:
    """Return the facts that a bug report begins with."""
    return {
        "url": url,
        "model": model,
        "openai_scan": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def _as_dict(finding: Finding) -> dict[str, str]:
    return {
        "type": "check",
        "api": finding.api,
        "check": finding.check,
        "result": finding.result,
        "seen": one_line(finding.seen),
    }


def _print_json(value: Mapping[str, object]) -> None:
    say(json.dumps(value))


def _draw(about: Mapping[str, str], findings: Sequence[Finding], server: Server) -> None:
    """Draw the table, as Markdown."""
    width = TABLE_WIDTH if is_terminal() else _NO_LIMIT
    screen = console(colorless=options.wants_no_color(), least=width)
    name = "" if server.name is None else f" ({server.name})"
    screen.print(
        f"{about['url']}{name}",
        f"model {about['model']}, {counted(server.requests, 'request')}, {about['at']}",
        f"openai_scan {about['openai_scan']}, Python {about['python']}, {about['platform']}",
        sep="\n",
        soft_wrap=True,
    )
    _draw_table(screen, findings)


def _draw_table(screen: Console, findings: Sequence[Finding]) -> None:
    table = Table("API", "check", "result", "seen", box=MARKDOWN)
    for column in table.columns[:3]:
        column.no_wrap = True
    table.columns[3].overflow = "fold"
    before = None
    for finding in findings:
        table.add_row(
            "" if finding.api == before else finding.api,
            finding.check,
            Text(finding.result, _STYLES[finding.result]),
            Text(one_line(finding.seen).replace("|", "\\|")),
        )
        before = finding.api
    screen.print(table)


def _judge(url: str, findings: Sequence[Finding]) -> Status:
    """Report what does not work, and return the status."""
    wrong = [one for one in findings if one.result in {"broken", "refused"}]
    if wrong:
        names = ", ".join(f"{one.api} {one.check} ({one.result})" for one in wrong)
        return complain(f"not everything that the server offers works: {names}")
    if all(one.result == "no" for one in findings):
        path = urlsplit(url).path.rstrip("/")
        hint = "" if path.endswith("/v1") else f"; most servers have it at {url.rstrip('/')}/v1"
        return complain(f"no API of OpenAI's was found at {url}{hint}")
    return Status.WHOLE
