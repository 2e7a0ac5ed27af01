"""The options that several commands have."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from openai_scan import bounded_json
from openai_scan.cli.printing import Output
from openai_scan.cli.reading import read_piped
from openai_scan.cli.writer import complain, is_terminal
from openai_scan.errors import ConfigurationError, ScanError, StreamTimeoutError

if TYPE_CHECKING:
    from openai_scan.client import Client, Timeout

Command = Callable[..., int]

_NO_COLOR = "openai_scan.cli.no_color"

# How long the Tab key may take, in seconds.
_PATIENCE = 3.0


def wants_no_color() -> bool:
    """Return whether `--no-color` was given. rich itself looks for `NO_COLOR`."""
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
    help="Do not use colors. Setting NO_COLOR does the same.",
)


def command(name: str, *, about: str, example: str) -> Callable[[Command], click.Command]:
    """Make a command of a function that returns an exit status.

    Args:
        name: The name of the command.
        about: What it does, for its help.
        example: How to call it, without the program's name; one line for each example.
    """
    lines = "\n".join(f"  openai-scan {line}" for line in example.splitlines())
    return click.command(name, help=about, epilog=f"\b\nExample:\n{lines}")


def with_output(function: Command) -> Command:
    """Give *function* an `Output`, made of the options for how to print an answer."""

    @click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print the events as JSON lines instead of the text.",
    )
    @click.option("--plain", is_flag=True, help="Do not render Markdown on a terminal.")
    @click.option(
        "-q", "--quiet", is_flag=True, help="Do not print the line of statistics on stderr."
    )
    @no_color
    @functools.wraps(function)
    def wrapped(*, as_json: bool, plain: bool, quiet: bool, **rest: Any) -> int:
        output = Output(as_json=as_json, plain=plain, quiet=quiet, colorless=wants_no_color())
        return function(output=output, **rest)

    return wrapped


def client_of(
    base_url: str | None,
    timeout: Timeout | float | None,
    *,
    headers: Mapping[str, str] | None = None,
    key: str | None = None,
    **settings: Any,
) -> Client:
    """Return a client for the server.

    Args:
        base_url: Where the server is; None for OPENAI_BASE_URL.
        timeout: How many seconds to wait for each next event; None for what a client does.
        headers: What to send with every request. No error and no recording shows the values.
        key: The name of the stored key to send. Without one, the key that is stored for this server
            is sent, or else that of the environment. With an Authorization header, neither is.
        settings: Other arguments of `Client`. With an `api_key`, no stored key is looked for.

    Raises:
        click.UsageError: The URL cannot be parsed.
        ConfigurationError: There is no key, or the stored one is for another server.
    """
    from openai_scan.client import Client

    url = base_url or os.environ.get("OPENAI_BASE_URL", "")
    try:
        urlsplit(url).port  # noqa: B018 - a wrong one is noticed when it is asked for
    except ValueError as error:
        raise click.UsageError(f"The base URL is malformed: {error}.") from None
    headers = headers or {}
    sent = dict(headers)
    for name in [name for name in headers if name.lower() == "authorization"]:
        if settings.get("api_key"):
            del sent[name]  # the command's own server gets its own key
        else:
            settings["api_key"] = ""  # the header takes the key's place
    if settings.get("api_key") is None:
        settings["api_key"] = _key(url, key)
    client = Client(base_url=base_url, timeout=timeout, headers=sent, **settings)
    client._transport.keep_secret(headers.values())  # noqa: SLF001 - the library's own
    return client


def _key(url: str, name: str | None) -> str | None:
    """Return the key that is stored for a server, or None if that of the environment is sent."""
    from openai_scan.cli.keystore import key_for
    from openai_scan.client.base_url import DEFAULT_BASE_URL, checked_url

    stored = key_for(checked_url(url or DEFAULT_BASE_URL), name)
    if stored is None and "OPENAI_API_KEY" not in os.environ:
        raise ConfigurationError(
            "no API key: set OPENAI_API_KEY (to nothing if the server needs none), or store one"
            " with openai-scan keys set NAME"
        )
    return stored


def complete_models(context: click.Context, _: click.Parameter, typed: str) -> list[str]:
    """Return the models of the server that begin with *typed*; none if it does not answer soon.

    The server is the one that the options before it name.
    """
    from openai_scan.client import RetryPolicy, Timeout

    given = context.params
    # An option without its value keeps click from naming the arguments before it.
    url = given.get("base_url") or next((each for each in context.args if "://" in each), None)
    timeout, once = Timeout(connect=_PATIENCE, total=_PATIENCE), RetryPolicy(attempts=1)
    with contextlib.suppress(ScanError, click.UsageError):
        headers, key = given.get("headers"), given.get("key")
        with client_of(url, timeout, headers=headers, key=key, retries=once) as client:
            models = client.list_models()
        return sorted(model.id for model in models if model.id.startswith(typed))
    return []


def with_client(function: Command) -> Command:
    """Give *function* a `Client` that is closed in the end, made of the options for it."""

    @click.option(
        "--base-url",
        callback=not_empty,
        metavar="URL",
        help="The server to ask, instead of OPENAI_BASE_URL.",
    )
    @click.option(
        "--key",
        callback=not_empty,
        metavar="NAME",
        help="The name of the stored key to send; see `keys`.",
    )
    @timeout
    @headers
    @functools.wraps(function)
    def wrapped(
        *,
        base_url: str | None,
        key: str | None,
        timeout: float | None,
        headers: Mapping[str, str],
        **rest: Any,
    ) -> int:
        with client_of(base_url, timeout, headers=headers, key=key) as client:
            try:
                return function(client=client, **rest)
            except StreamTimeoutError as error:
                if timeout is None:
                    raise
                return complain(f"{error}; a longer --timeout may help")

    return wrapped


def not_empty(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Refuse an empty value, as of an unset shell variable: the key would go to another server."""
    if value == "":
        raise click.BadParameter("it is empty.")
    return value


class Positive(click.FloatRange):
    """A positive number, with a plainer error message than click's.

    Args:
        of: What is counted, such as " of seconds"; it is appended to "a positive number".
    """

    def __init__(self, of: str = "") -> None:
        super().__init__(min=0, min_open=True)
        self._of = of

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number that *value* is, infinity included."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not number > 0:
            self.fail(f"it must be a positive number{self._of}, not {value!r}.", param, ctx)
        return number


def is_text(text: str) -> bool:
    """Return whether *text* was valid UTF-8; Python decodes other bytes as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def only_text(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Refuse a value that is not valid UTF-8."""
    if value is not None and not is_text(value):
        raise click.BadParameter("it is not text.")
    return value


timeout = click.option(
    "--timeout",
    type=Positive(" of seconds"),
    metavar="SECONDS",
    help="Give up after this long without an event.",
)


def _as_headers(_: click.Context, __: click.Parameter, settings: Sequence[str]) -> dict[str, str]:
    """Return `NAME=VALUE` as headers. An error does not show the value, which may be a secret."""
    from openai_scan.transport.request import check_header

    headers = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not (equals and value):  # as with a variable of the shell that is not set
            raise click.BadParameter("it must be NAME=VALUE, such as x-portkey-provider=openai.")
        try:
            check_header(name, value)
        except ValueError as error:
            raise click.BadParameter(f"{error}.") from None
        headers[name] = value
    return headers


headers = click.option(
    "--header",
    "headers",
    multiple=True,
    callback=_as_headers,
    metavar="NAME=VALUE",
    help="Send this header with every request, as some gateways require; can be repeated. The value"
    " is treated as a secret. An Authorization header is sent in place of the key.",
)


def _or_default_model(context: click.Context, parameter: click.Parameter, name: str | None) -> str:
    """Return the model that is named, or the one that is asked by default."""
    from openai_scan.cli.settings import default_model

    name = name or default_model()
    if name is None:
        raise click.MissingParameter(ctx=context, param=parameter)
    return name


model = click.option(
    "-m",
    "--model",
    envvar="OPENAI_MODEL",
    show_envvar=True,
    callback=_or_default_model,
    shell_complete=complete_models,
    metavar="NAME",
    help="The model to ask.",
)

system = click.option(
    "-s", "--system", callback=only_text, metavar="TEXT", help="The system prompt."
)

question = click.argument("prompt", nargs=-1)

approve = click.option(
    "--approve", is_flag=True, help="Ask at the terminal before each call of a tool."
)

log = click.option(
    "--log",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Use this log instead of OPENAI_SCAN_LOG or the one in your data folder.",
)

force = click.option("--force", is_flag=True, help="Overwrite the file if it exists.")

speed = click.option(
    "--speed",
    type=Positive(),
    default=1.0,
    metavar="X",
    help="Play this many times as fast as recorded; inf leaves out all pauses. 1 by default.",
)

exchange = click.option(
    "--exchange",
    type=click.IntRange(min=0),
    metavar="N",
    help="Which stream of a file that has several, counting from 0, which is the default.",
)

recording = click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, allow_dash=True), metavar="FILE"
)


def _pairs(settings: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the name and the value of each `NAME=VALUE`."""
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not (name and equals):
            raise click.BadParameter(f"{setting!r} is not of the form NAME=VALUE.")
        if not is_text(setting):
            raise click.BadParameter(f"{name} is not text.")
        yield name, value


def _as_parameters(
    _: click.Context, __: click.Parameter, settings: Sequence[str]
) -> dict[str, Any]:
    """Return the `NAME=VALUE` pairs as a dict; a value that is not JSON is text."""
    return {name: _json_or_text(name, value) for name, value in _pairs(settings)}


def _json_or_text(name: str, value: str) -> Any:
    try:
        return bounded_json.loads(value)
    except bounded_json.UnboundedJSONError as error:
        raise click.BadParameter(f"{name} is {error}.") from None
    except ValueError:
        return value


def as_variables(_: click.Context, __: click.Parameter, settings: Sequence[str]) -> dict[str, str]:
    """Return the `NAME=VALUE` pairs as a dict; each value is text."""
    return dict(_pairs(settings))


parameters = click.option(
    "-p",
    "--param",
    "parameters",
    multiple=True,
    callback=_as_parameters,
    metavar="NAME=VALUE",
    help="Any other parameter of the API, such as temperature=0.2; can be repeated.",
)


def refuse_prompt(parameters: Mapping[str, Any], *names: str) -> None:
    """Refuse parameters that would replace the prompt.

    Args:
        parameters: What was given with `-p`.
        names: The parameters of the API that the prompt is sent in.

    Raises:
        click.UsageError: One of them was given.
    """
    for name in names:
        if name in parameters:
            raise click.UsageError(
                f"-p {name} would replace the prompt: give the prompt as an argument, or send a"
                " whole body with openai-scan record --path and --body."
            )


_NOTHING_ASKED = "Say what to ask, as an argument or on standard input."


def asked(prompt: Sequence[str]) -> str | None:
    """Return the prompt, or None if the user is to type it.

    Args:
        prompt: The words of the prompt. Each `-` is replaced by the text on standard input,
            which is also read if there are no words.

    Raises:
        click.UsageError: There is nothing to ask.
    """
    if not prompt and sys.stdin.isatty() and is_terminal():
        return None
    text = " ".join(_piped() if word == "-" else word for word in prompt or "-")
    if not is_text(text):
        raise click.UsageError("The question is not text.")
    if not text.strip():
        raise click.UsageError(_NOTHING_ASKED)
    return text


def asked_once(prompt: Sequence[str]) -> str:
    """Return the prompt of a command that has no conversation.

    Raises:
        click.UsageError: See `asked()`.
    """
    question = asked(prompt)
    if question is None:
        raise click.UsageError(_NOTHING_ASKED)
    return question


def _piped() -> str:
    """Return what is on standard input."""
    try:
        return read_piped().strip()
    except UnicodeError:
        raise click.UsageError("What is on standard input is not text.") from None
