"""`openai-scan inspect`: the events of a recording."""

from __future__ import annotations

from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from openai_scan.cli import options
from openai_scan.cli.status import Status
from openai_scan.cli.terminal import TABLE_WIDTH, console
from openai_scan.cli.timeline import given, name_of, played
from openai_scan.printable import printable
from openai_scan.recording import Replay
from openai_scan.recording.player import replay_all
from openai_scan.stream.described import counted
from openai_scan.streamer import StreamerV2

# How many events one table shows at most.
_ROWS = 1000


@options.command(
    "inspect",
    about="List the events of the streams in FILE: when each came, its size, what it adds to the"
    " answer, and which irregularities were tolerated. Below the list are the outcome and the"
    " answer. Pass - as FILE to read standard input.",
    example="inspect sky.jsonl",
)
@options.recording
@options.no_color
def command(*, file: str) -> int:
    """List the events of each stream."""
    screen = console(colorless=options.wants_no_color(), least=TABLE_WIDTH)
    recording = given(file)
    for source in replay_all(recording):
        inspect(screen, source, name_of(recording))
    return Status.WHOLE


def inspect(screen: Console, source: Replay, name: str) -> None:
    """Draw the events and the end of a recorded stream.

    Args:
        screen: The console to draw on.
        source: The stream.
        name: The name of the recording.
    """
    with played(source, name) as (stream, timeline):
        table, before, noted = _table(), 0.0, Counter[str]()
        is_first = True
        while stream.next():
            if table.row_count == _ROWS:  # one table of a long stream would need too much memory
                if is_first:
                    _draw_head(screen, name, stream)
                    is_first = False
                screen.print(table)
                table = _table()
            now = timeline.now(stream)
            notes = stream.notes
            table.add_row(
                str(stream.events_read),
                f"{now:.3f} s",
                f"{now - before:.3f} s",
                Text(stream.event().type),
                str(len(stream.event().raw.data.encode("utf-8", "surrogatepass"))),
                _said(stream) + _noted(notes - noted),
            )
            before, noted = now, notes
        if is_first:
            _draw_head(screen, name, stream)
        screen.print(table)
        _draw_end(screen, stream, timeline.now(stream))


def _table() -> Table:
    """Return a table for events."""
    table = Table("#", "time", "gap", "event", "bytes", "text", box=None, pad_edge=False)
    for place in (0, 1, 2, 4):
        table.columns[place].justify = "right"
        table.columns[place].style = "cyan" if place in {1, 2} else ""
        table.columns[place].no_wrap = True
    for place in (3, 5):
        table.columns[place].overflow = "fold"
    return table


def _said(stream: StreamerV2) -> Text:
    """Return what the current event adds to the answer."""
    for text, style in (
        (stream.text(), ""),
        (stream.reasoning_text(), "italic"),
        (stream.refusal(), "red"),
    ):
        if text:
            return Text(_shown(text), style)
    return Text()


def _noted(notes: Counter[str]) -> Text:
    """Return the irregularities that were tolerated."""
    return Text(" ".join(f"! {note}" for note in notes), "yellow")


def _shown(text: str) -> str:
    """Return *text* in one line, with its blanks and line ends made visible."""
    return printable(text).replace("\n", "⏎").replace("\t", "⇥").replace(" ", "·")


def _draw_head(screen: Console, name: str, stream: StreamerV2) -> None:
    """Draw the request, the HTTP status and the request id."""
    lines = [Text(name, "bold")]
    source = stream.source
    if isinstance(source, Replay) and source.method is not None:
        answer = "no answer" if source.status is None else f"status {source.status}"
        lines.append(Text(f"{source.method} {source.url}: {answer}"))
        if source.request_id is not None:
            lines.append(Text(f"request {source.request_id}"))
    screen.print(*lines, Text(), sep="\n")


def _draw_end(screen: Console, stream: StreamerV2, seconds: float) -> None:
    """Draw how the stream ended, and the answer as far as it came."""
    good = stream.outcome == "completed"
    facts = Table.grid(padding=(0, 2))
    facts.add_column()
    facts.add_column(overflow="fold")
    facts.add_row("outcome", Text(str(stream.outcome), "bold green" if good else "bold red"))
    if (error := stream.err()) is not None:
        facts.add_row("error", Text(str(error)))
    size = [counted(stream.events_read, "event"), counted(stream.bytes_read, "byte")]
    facts.add_row("size", f"{', '.join(size)}, {seconds:.3f} s")
    if stream.notes:
        notes = ", ".join(f"{note} ({times})" for note, times in sorted(stream.notes.items()))
        facts.add_row("notes", Text(notes, "yellow"))
    answer = stream.snapshot()
    if (usage := stream.stats.usage) is not None:
        about = "an estimate" if usage.estimated else "as counted by the server"
        counts = f"{_count(usage.input)} in, {_count(usage.output)} out"
        facts.add_row("tokens", f"{counts}, {about}")
    for call in () if answer is None else answer.calls:
        facts.add_row("call", Text(f"{call.name}({call.arguments})"))
    if answer is not None and answer.text:
        facts.add_row("answer", Text(answer.text))
    screen.print(Text(), facts, sep="\n")


def _count(tokens: int | None) -> str:
    return "?" if tokens is None else str(tokens)
