"""`openai-scan bench`: a server under many streams at once."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any, Literal

import click
from attrs import define, field
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from openai_scan import waiting
from openai_scan.cli import options
from openai_scan.cli.stats import seconds
from openai_scan.cli.status import Status
from openai_scan.cli.terminal import console
from openai_scan.cli.writer import complain
from openai_scan.client import RetryPolicy
from openai_scan.events import Event
from openai_scan.observer import Observer, Watched
from openai_scan.streamer import StreamerV2

_PERCENTILES = (50, 90, 95, 99, 100)

# A retry would hide a failure, and add to the times.
_ONCE = RetryPolicy(attempts=1)


@options.command(
    "bench",
    about="Send the same prompt to the server at URL many times, and show how long the first text"
    " and the gaps between pieces of text take. Failed requests are not retried.",
    example="""\
bench http://localhost:8080/v1 --model llama -n 100 -c 8
bench https://api.openai.com/v1 -m gpt-5 --api responses""",
)
@click.argument("url", metavar="URL", callback=options.not_empty)
@options.model
@click.option(
    "-n",
    "--streams",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="How many requests to send.",
)
@click.option(
    "-c",
    "--at-once",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How many requests to have open at the same time.",
)
@click.option(
    "--prompt",
    default="Count to ten.",
    show_default=True,
    callback=options.only_text,
    help="The prompt.",
)
@click.option(
    "--api",
    type=click.Choice(["chat", "responses"]),
    default="chat",
    show_default=True,
    help="Which API to use.",
)
@options.parameters
@options.timeout
@options.headers
@options.no_color
def command(
    *,
    url: str,
    model: str,
    streams: int,
    at_once: int,
    prompt: str,
    api: Literal["chat", "responses"],
    parameters: Mapping[str, Any],
    timeout: float | None,
    headers: Mapping[str, str],
) -> int:
    """Measure the server and show the figures."""
    options.refuse_prompt(parameters, "input" if api == "responses" else "messages")
    plain = options.wants_no_color()
    bench = Bench()
    with options.client_of(url, timeout, headers=headers, retries=_ONCE) as client:

        def ask() -> StreamerV2:
            if api == "responses":
                return client.create_response_stream(
                    model=model, input=prompt, extra_body=parameters
                )
            return client.create_chat_completion_stream(
                model=model, messages=[{"role": "user", "content": prompt}], extra_body=parameters
            )

        began = time.monotonic()
        try:
            _run(bench, ask, streams, at_once, console(stderr=True, colorless=plain))
        finally:
            draw(console(colorless=plain), bench, time.monotonic() - began)
    failed = streams - bench.outcomes["completed"]
    if failed:
        reason = f": {bench.error}" if bench.error else ""
        return complain(f"{failed} of {streams} answers were not whole{reason}")
    return Status.WHOLE


class _Watch(Observer):
    """Notes when the texts of one stream come."""

    def __init__(self) -> None:
        self.began_at = 0.0
        self.texts: list[float] = []

    def began(self, stream: Watched) -> None:  # noqa: ARG002 - the time is enough
        """Note when the request is sent."""
        self.began_at = time.monotonic()

    def event(self, stream: Watched, event: Event) -> None:  # noqa: ARG002 - the stream knows more
        """Note when a piece of text comes."""
        if stream.text():
            self.texts.append(time.monotonic())


@define
class Bench:
    """The figures so far. Many threads add to them at once.

    Attributes:
        outcomes: How many streams ended with each outcome.
        first_texts: The seconds until the first text, of each stream that was whole.
        gaps: The seconds between pieces of text, of all of these.
        error: The error of the first stream that failed, or None.
    """

    outcomes: Counter[str] = field(factory=Counter)
    first_texts: list[float] = field(factory=list)
    gaps: list[float] = field(factory=list)
    error: str | None = None
    _running: set[StreamerV2] = field(factory=set)
    _stopped: bool = False
    _lock: threading.Lock = field(factory=threading.Lock)

    def measure(self, ask: Callable[[], StreamerV2]) -> None:
        """Read a stream to its end and add its figures."""
        watch = _Watch()
        stream = ask()
        stream.observe(watch)
        with self._lock:
            self._running.add(stream)
            if self._stopped:
                stream.cancel()
        while stream.next():
            pass
        error = stream.err()
        stream.close()
        with self._lock:
            self._running.discard(stream)
            self.outcomes[str(stream.outcome)] += 1
            if error is not None:
                self.error = self.error or str(error)
            elif watch.texts:
                self.first_texts.append(watch.texts[0] - watch.began_at)
                self.gaps += [after - before for before, after in itertools.pairwise(watch.texts)]

    def stop(self) -> None:
        """End all streams that run."""
        with self._lock:
            self._stopped = True
            for stream in self._running:
                stream.cancel()


def _run(
    bench: Bench, ask: Callable[[], StreamerV2], streams: int, at_once: int, screen: Console
) -> None:
    """Measure *streams* streams, *at_once* at the same time, and show the progress."""
    columns = (
        TextColumn("streams"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    bar = Progress(*columns, console=screen, disable=not screen.is_terminal)
    with bar as progress, ThreadPoolExecutor(at_once) as pool:
        task = progress.add_task("streams", total=streams)

        def measure() -> None:
            bench.measure(ask)
            progress.advance(task)

        pending = {pool.submit(measure) for _ in range(streams)}
        try:
            while pending:  # a wait may end with a slice, before any stream has ended
                a_while = waiting.slice_of(None)
                done, pending = wait(pending, timeout=a_while, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
        except BaseException:  # Ctrl-C, above all: the rest is not needed any more
            pool.shutdown(wait=False, cancel_futures=True)
            bench.stop()
            raise


def draw(screen: Console, bench: Bench, duration: float) -> None:
    """Draw the figures."""
    ended = ", ".join(f"{count} {outcome}" for outcome, count in sorted(bench.outcomes.items()))
    screen.print(f"{ended or 'no stream ended'}, {duration:.2f} s in all")
    if not bench.first_texts:
        return
    names = ("median" if p == 50 else "longest" if p == 100 else f"{p} %" for p in _PERCENTILES)
    table = Table("", *names, box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, values in (("first text", bench.first_texts), ("gaps", bench.gaps)):
        shown = (seconds(percentile(values, p)) for p in _PERCENTILES)
        table.add_row(name, *shown)
    screen.print(table)


def percentile(values: Sequence[float], percent: int) -> float | None:
    """Return the smallest value that *percent* of all do not exceed; None of no values."""
    ordered = sorted(values)
    return ordered[math.ceil(percent / 100 * len(ordered)) - 1] if ordered else None
