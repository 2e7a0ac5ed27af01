"""`openai-scan relay`: a chat page whose answers survive reloads, restarts and lost connections."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import click
import uvicorn
from attrs import evolve, field, frozen

from openai_scan.cli import options
from openai_scan.cli.ports import listening_at
from openai_scan.cli.status import Status
from openai_scan.cli.workers import keep_running, noting_signals, terminable, wait_for_signal
from openai_scan.cli.writer import complain, tell
from openai_scan.client import Client
from openai_scan.demo.parrot import PARROTS, ParrotServer
from openai_scan.relay import ChatUpstream, Relay, ResponsesUpstream, SqlStore, asgi, open_log
from openai_scan.relay.database import parsed_url

_FILE = "openai-scan-relay.db"

# An id that no stream can have.
_NO_STREAM = "0" * 16

# How long open responses may continue when the server stops, in seconds.
_PATIENCE = 5


@options.command(
    "relay",
    about="Serve a chat page on this machine. An answer continues while the page is reloaded, shows"
    " in several tabs, and is stored once. If the process that reads it dies, another one takes"
    " over. Without a key and a base URL, a built-in parrot answers, so that you can try it.",
    example="""\
relay --model gpt-5 --model gpt-5-mini
relay --model gpt-5 --api responses --workers 2
relay -m llama --base-url http://localhost:8080/v1 --log redis://localhost""",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="NAME",
    help="The address to listen at; it must be one of this machine only.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="The port to listen at; 0 for any free one.",
)
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    envvar="OPENAI_MODEL",
    show_envvar=True,
    shell_complete=options.complete_models,
    metavar="NAME",
    help="A model that users may choose, the first one by default; can be repeated.",
)
@click.option(
    "--api",
    type=click.Choice(["chat", "responses"]),
    default="chat",
    show_default=True,
    help="Which API to use. With responses, an answer continues even if the process that reads"
    " it dies.",
)
@click.option(
    "--base-url",
    callback=options.not_empty,
    metavar="URL",
    help="The server to ask, instead of OPENAI_BASE_URL.",
)
@options.timeout
@options.headers
@click.option(
    "--db",
    default=f"sqlite:///{_FILE}",
    show_default=True,
    callback=options.not_empty,
    metavar="URL",
    help="Where messages are stored: sqlite:///FILE or postgresql://HOST/NAME.",
)
@click.option(
    "--log",
    callback=options.not_empty,
    metavar="URL",
    help="Where answers are while they come: the same, redis://HOST, or memory; that of --db by"
    " default.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How many processes to start.",
)
@click.option(
    "--serve-only",
    is_flag=True,
    help="Only serve browsers; other processes have to read the answers.",
)
@click.option(
    "--produce-only",
    is_flag=True,
    help="Only read answers; other processes have to serve browsers.",
)
@click.option(
    "--lease",
    type=options.Positive(" of seconds"),
    default=15.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a process must be silent until another one takes over its answers.",
)
def command(
    *,
    host: str,
    port: int,
    models: Sequence[str],
    api: Literal["chat", "responses"],
    base_url: str | None,
    timeout: float | None,
    headers: Mapping[str, str],
    db: str,
    log: str | None,
    workers: int,
    serve_only: bool,
    produce_only: bool,
    lease: float,
) -> int:
    """Serve the page until a signal ends it."""
    log = db if log is None else log
    if serve_only and produce_only:
        raise click.UsageError("--serve-only and --produce-only cannot be combined.")
    if log == "memory" and (workers > 1 or serve_only or produce_only):
        raise click.UsageError(
            "--log memory works in a single process: leave out --workers, --serve-only and"
            " --produce-only, or choose a log that processes can share."
        )
    is_demo = not (base_url or "OPENAI_BASE_URL" in os.environ or "OPENAI_API_KEY" in os.environ)
    if not (models or is_demo):
        raise click.UsageError(
            "There is no model for users to choose: pass --model, or set OPENAI_MODEL."
        )
    settings = Settings(
        models=tuple(models) or PARROTS,
        api=api,
        base_url=base_url,
        key="none" if is_demo else None,
        timeout=timeout,
        headers=headers,
        db=db,
        log=log,
        serves=not produce_only,
        produces=not serve_only,
        lease=lease,
    )
    with terminable(), contextlib.ExitStack() as stack:
        listener = None
        if settings.serves:
            listener = stack.enter_context(_listener(host, port))
        _check(settings)
        if is_demo and settings.produces:
            parrot = stack.enter_context(ParrotServer())
            settings = evolve(settings, base_url=parrot.base_url, key=parrot.key)
            tell("a parrot answers, because neither OPENAI_API_KEY nor a base URL is set")
        _tell_what_runs(settings, listener)
        if workers > 1:
            keep_running(_work, (settings, listener), workers)
        else:
            _work(settings, listener)
    return Status.WHOLE


@frozen(kw_only=True)
class Settings:
    """The settings of every process of the relay.

    Attributes:
        models: The models that users may choose.
        api: The API to use.
        base_url: The server to ask; None for that of the environment.
        key: The key for it; None for that of the environment.
        timeout: How long to wait for each next event, in seconds; None for what a client does.
        headers: What to send to the server with every request.
        db: The URL of the database for messages.
        log: The URL of the log.
        serves: Whether to answer HTTP requests.
        produces: Whether to read answers.
        lease: For how many seconds a process has an answer to itself without a sign of life.
    """

    models: tuple[str, ...]
    api: Literal["chat", "responses"]
    base_url: str | None
    key: str | None = field(repr=False)
    timeout: float | None
    headers: Mapping[str, str] = field(repr=False)
    db: str
    log: str
    serves: bool
    produces: bool
    lease: float


def _check(settings: Settings) -> None:
    """Use what every process will use once, so that errors are reported at the start.

    Tables are created here, before several workers try to. Wrong settings leave no file.
    """
    _client(settings).close()
    parsed_url(settings.db)
    with (
        contextlib.closing(open_log(settings.log, lease=settings.lease)) as log,
        contextlib.closing(SqlStore(settings.db)),
    ):
        log.exists(_NO_STREAM)


def _work(settings: Settings, listener: socket.socket | None) -> None:
    """Serve browsers, read answers, or both, until a signal ends the process."""
    with _telling_warnings(), _relay(settings) as relay:
        if listener is None:
            wait_for_signal()
        config = uvicorn.Config(
            asgi(relay),
            access_log=False,
            log_config=None,
            proxy_headers=False,  # requests that came through a proxy are refused
            server_header=False,
            timeout_graceful_shutdown=_PATIENCE,
            ws="none",
        )
        server = uvicorn.Server(config)

        def end() -> None:
            server.should_exit = True

        # uvicorn replaces the handlers while it serves, and then repeats the signal to these.
        with noting_signals(end):
            server.run(sockets=[listener])


def _client(settings: Settings) -> Client:
    return options.client_of(
        settings.base_url, settings.timeout, headers=settings.headers, api_key=settings.key
    )


@contextlib.contextmanager
def _relay(settings: Settings) -> Iterator[Relay]:
    """Make a relay; close it, its client, log and store at the end of the block."""
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(_client(settings))
        upstream = ChatUpstream(client) if settings.api == "chat" else ResponsesUpstream(client)
        store = stack.enter_context(contextlib.closing(SqlStore(settings.db)))
        yield stack.enter_context(
            Relay(
                open_log(settings.log, lease=settings.lease),
                store,
                upstream,
                models=settings.models,
                produce=settings.produces,
            )
        )


@contextlib.contextmanager
def _listener(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on this machine.

    Raises:
        click.UsageError: The host is another one, or the port is taken.
    """
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise click.UsageError(
            "--host must be an address of this machine only, such as 127.0.0.1 or ::1, not"
            f" {host!r}: the page has no user accounts, so everyone could read and ask everything."
            " To serve other machines, mount openai_scan.relay.asgi(relay, authorize) in a server"
            " of yours."
        )
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with listening_at(port):
        listener = socket.create_server((str(address), port), family=family, backlog=2048)
    with listener:
        yield listener


def _tell_what_runs(settings: Settings, listener: socket.socket | None) -> None:
    if listener is None:
        tell("reading answers for other processes to serve; Ctrl-C ends it")
        return
    host, port = listener.getsockname()[:2]
    where = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
    file = settings.db.partition("sqlite:///")[2]
    stored = f", and its messages are stored in {file}" if file else ""
    tell(f"the chat is at {where}{stored}; Ctrl-C ends it")


@contextlib.contextmanager
def _telling_warnings() -> Iterator[None]:
    """Print warnings of the relay and the web server on stderr."""
    teller = _Teller(logging.WARNING)
    logging.getLogger().addHandler(teller)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(teller)


class _Teller(logging.Handler):
    """Prints log records on stderr, line by line."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print *record*."""
        for line in self.format(record).splitlines():
            complain(line)
