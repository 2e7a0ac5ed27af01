"""`openai-scan replay`: print a recording, or serve it as the API did."""

from __future__ import annotations

import contextlib
import itertools
import sys
import threading
from collections.abc import Callable
from typing import BinaryIO, NoReturn
from urllib.parse import urlsplit

import click

from openai_scan import waiting
from openai_scan.cli import options
from openai_scan.cli.ports import listening_at
from openai_scan.cli.printing import Output
from openai_scan.cli.status import Status
from openai_scan.cli.writer import BytesPrinter, complain, tell
from openai_scan.client.base import checked_key
from openai_scan.recording import Replay, read_recording
from openai_scan.recording import replay as replayed
from openai_scan.streamer import StreamerV2
from openai_scan.testing import FakeServer, Reply, SeenRequest, error, recorded
from openai_scan.testing.guard import new_key
from openai_scan.testing.paths import api_path


@options.command(
    "replay",
    about="Print the recording in FILE at its original pace, or serve it, so that you can test a"
    " program without the API. FILE may also be a plain event stream. Pass - as FILE to read"
    " standard input.",
    example="""\
replay sky.jsonl --speed 10
replay sky.jsonl --raw > sky.sse
replay sky.jsonl --serve --port 8000""",
)
@options.recording
@options.speed
@options.exchange
@click.option("--raw", is_flag=True, help="Print the recorded bytes unchanged.")
@click.option(
    "--serve", is_flag=True, help="Answer HTTP requests with the recording, until Ctrl-C."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="The port to serve at; any free one by default.",
)
@click.option(
    "--key",
    callback=options.not_empty,
    metavar="KEY",
    help="The API key that --serve requires; a random one by default.",
)
@options.with_output
def command(
    *,
    output: Output,
    file: str,
    speed: float,
    exchange: int | None,
    raw: bool,
    serve: bool,
    port: int | None,
    key: str | None,
) -> int:
    """Print the recording or serve it."""
    if serve:
        if file == "-":
            raise click.UsageError("--serve needs a file: it cannot serve standard input.")
        if output.as_json or raw or exchange is not None:
            raise click.UsageError("--serve cannot be combined with --json, --raw or --exchange.")
        return _serve(file, speed, port or 0, key or new_key())
    if port is not None:
        raise click.UsageError("--port needs --serve.")
    if key is not None:
        raise click.UsageError("--key needs --serve.")
    if output.as_json and raw:
        raise click.UsageError("--json and --raw cannot be combined.")
    source: str | BinaryIO = sys.stdin.buffer if file == "-" else file
    try:
        played = replayed(source, speed=speed, exchange=exchange or 0)
    except ValueError as problem:  # the file has fewer
        raise click.UsageError(f"{problem}.") from None
    if raw:
        return _print_raw(played)
    return output.show(StreamerV2(played))


def _print_raw(played: Replay) -> Status:
    """Print the recorded bytes at their pace."""
    printer = BytesPrinter()
    try:
        for chunk in played:
            printer.write(chunk)
    finally:
        played.close()
    return Status.WHOLE


def _serve(file: str, speed: float, port: int, key: str) -> NoReturn:
    """Answer requests until Ctrl-C."""
    answers = _answers(file, speed)
    key = checked_key(key, "--key", allow_browser=True)
    with listening_at(port):
        started = FakeServer(answers, port=port, key=key, strict=False)
    with started as server:
        tell(f"serving {file} at {server.base_url} with the key {key}; Ctrl-C ends it")
        while True:
            waiting.wait(threading.Event())


def _answers(file: str, speed: float) -> Callable[[SeenRequest], Reply]:
    """Return a function that answers each request with what was recorded for it, in turn."""
    played = replayed(file)
    with contextlib.closing(played):
        if played.file is not None:  # a plain event stream, which has no paths
            plain = Reply(steps=list(played))
            return lambda _: plain
    replies: dict[tuple[str | None, str], list[Reply]] = {}
    sections = read_recording(file)
    if any(section.end is None for section in sections):
        complain(f"the recording {file} breaks off before its end")
    for section, reply in zip(sections, recorded(file, speed=speed), strict=True):
        asked = section.head.method, api_path(urlsplit(section.head.url or "").path)
        replies.setdefault(asked, []).append(reply)
    turns = {asked: itertools.cycle(answers) for asked, answers in replies.items()}
    names = ", ".join(f"{method or 'any'} {path}".strip() for method, path in turns)
    lock = threading.Lock()

    def answer(request: SeenRequest) -> Reply:
        # A recording without HTTP facts answers every request.
        turn = turns.get((request.method, request.path)) or turns.get((None, ""))
        tell(f"{request.method} {request.path}")
        if turn is None:
            return error(404, f"{request.method} {request.path} was not recorded, only {names}")
        with lock:
            return next(turn)

    return answer
