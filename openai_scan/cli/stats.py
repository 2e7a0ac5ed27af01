"""`openai-scan stats`: how fast recorded streams were."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Sequence
from pathlib import Path

import click
from rich.bar import Bar
from rich.console import Console
from rich.table import Table
from rich.text import Text

from openai_scan.cli import options
from openai_scan.cli.status import Status
from openai_scan.cli.terminal import TABLE_WIDTH, console
from openai_scan.cli.timeline import Figures, figures_of, given
from openai_scan.cli.writer import tell

# The histogram's bins, in milliseconds. Pauses span many orders of magnitude.
_EDGES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)

_BAR_WIDTH = 40

# Between two columns of the table.
_COLUMN_GAP = 2

# The levels of a timeline: how much text came in a slice of time, relative to the fullest slice.
_LEVELS = " ▁▂▃▄▅▆▇█"


@options.command(
    "stats",
    about="Show how fast the recorded streams in each FILE were: the seconds until the response"
    " headers, the first event and the first text, and the gaps between pieces of text. Below the"
    " table are a timeline and a histogram of the gaps. Pass - as FILE to read standard input.",
    example="""\
stats sky.jsonl
stats monday.jsonl tuesday.jsonl --plot week.svg""",
)
@click.argument(
    "files",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    nargs=-1,
    required=True,
    metavar="FILE...",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False),
    metavar="PICTURE",
    help="Draw the timeline and the histogram into this .png or .svg file instead.",
)
@options.force
@options.no_color
def command(*, files: Sequence[str], plot: str | None, force: bool) -> int:
    """Show the figures, or draw them into a picture."""
    screen = console(colorless=options.wants_no_color(), least=TABLE_WIDTH)
    if plot is not None:
        _check_picture(plot, force=force)
        from openai_scan.cli.plot import draw  # fails here if matplotlib is not installed
    figures = figures_of([given(file) for file in files])
    draw_tables(screen, figures)
    if plot is None:
        draw_timelines(screen, figures)
        draw_histogram(screen, [gap for each in figures for gap in each.timeline.gaps])
    else:
        draw(figures, plot, overwrite=force)
        tell(f"drawn into {plot}")
    return Status.WHOLE


def _check_picture(plot: str, *, force: bool) -> None:
    """Refuse a picture that cannot be written, before any work is done."""
    if Path(plot).suffix not in {".png", ".svg"}:
        raise click.UsageError(f"--plot {plot}: the name must end in .png or .svg.")
    if not Path(plot).parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), plot)
    if not force and Path(plot).exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), plot)


def draw_tables(screen: Console, figures: Sequence[Figures]) -> None:
    """Draw tables with a row for each figure and a column for each stream, as many as fit."""
    rows = [_rows(each) for each in figures]
    names = max(len(name) for name, _ in rows[0])
    values = max(len(value) for each in rows for _, value in each)
    most = max(1, (screen.width - names) // (values + _COLUMN_GAP))
    for first in range(0, len(figures), most):
        if first:
            screen.print()
        _draw_table(screen, figures[first : first + most], rows[first : first + most])


def _draw_table(
    screen: Console, figures: Sequence[Figures], rows: Sequence[Sequence[tuple[str, str]]]
) -> None:
    table = Table("", *(each.name for each in figures), box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.justify = "right"
        column.overflow = "fold"
    for name, *values in zip(*rows, strict=True):
        table.add_row(name[0], *(value for _, value in [name, *values]))
    screen.print(table)


def _rows(figures: Figures) -> list[tuple[str, str]]:
    """Return the figures of a stream, each with its name."""
    stats, gaps = figures.stats, figures.stats.gaps
    usage = stats.usage
    output = None if usage is None or usage.output is None else usage.output
    estimated = "" if usage is None or not usage.estimated else " (estimated)"
    return [
        ("outcome", str(stats.outcome)),
        ("events", str(stats.events)),
        ("bytes", str(stats.bytes)),
        ("characters of text", str(stats.characters)),
        ("tokens of output", _dash(output, f"{output}{estimated}")),
        ("retries", str(stats.retries)),
        ("until the headers", seconds(stats.to_headers)),
        ("until the first event", seconds(stats.to_first_event)),
        ("until the first text", seconds(stats.to_first_text)),
        ("in all", seconds(stats.seconds)),
        ("gaps: median", seconds(None if gaps is None else gaps.median)),
        ("gaps: 95 % are below", seconds(None if gaps is None else gaps.p95)),
        ("gaps: longest", seconds(None if gaps is None else gaps.max)),
        ("characters a second", _dash(stats.text_per_second, f"{stats.text_per_second or 0:.0f}")),
    ]


def seconds(value: float | None) -> str:
    """Return a time in seconds as text; "-" for None."""
    return _dash(value, f"{value or 0:.3f} s")


def _dash(value: float | None, shown: str) -> str:
    return "-" if value is None else shown


def draw_timelines(screen: Console, figures: Sequence[Figures]) -> None:
    """Draw a timeline of the text of each stream, all to the same scale."""
    drawn = [each for each in figures if each.timeline.texts]
    span = max((each.timeline.texts[-1][0] for each in drawn), default=0.0)
    if not span:
        return
    lines = [_characters_over(span, each.timeline.texts) for each in drawn]
    most = max(map(max, lines))
    grid = Table.grid(padding=(0, 1))
    grid.add_column(justify="right", overflow="fold")
    grid.add_column(no_wrap=True)
    for each, characters in zip(drawn, lines, strict=True):
        levels = (math.ceil(count / most * (len(_LEVELS) - 1)) for count in characters)
        grid.add_row(each.name, Text("".join(_LEVELS[level] for level in levels), "cyan"))
    title = f"\ntext as it came, from the request until {seconds(span)}"
    screen.print(Text(title, "bold"), grid, sep="\n")


def _characters_over(span: float, texts: Sequence[tuple[float, int]]) -> list[int]:
    """Return how many characters came in each of 40 equal slices of *span* seconds."""
    counts = [0] * _BAR_WIDTH
    for t, characters in texts:
        counts[min(int(t / span * _BAR_WIDTH), _BAR_WIDTH - 1)] += characters
    return counts


def draw_histogram(screen: Console, gaps: Sequence[float]) -> None:
    """Draw a histogram of the gaps."""
    if not gaps:
        return
    counts = [0] * (len(_EDGES) + 1)
    for gap in gaps:
        counts[sum(gap * 1000 >= edge for edge in _EDGES)] += 1
    used = [place for place, count in enumerate(counts) if count]
    grid = Table.grid(padding=(0, 1))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    for place in range(used[0], used[-1] + 1):
        bar = Bar(max(counts), 0, counts[place], width=_BAR_WIDTH, color="cyan")
        grid.add_row(_bin(place), str(counts[place]), bar)
    screen.print(Text("\ngaps between pieces of text", "bold"), grid, sep="\n")


def _bin(place: int) -> str:
    """Return the label of a bin of the histogram."""
    if place == 0:
        return f"below {_EDGES[0]} ms"
    if place == len(_EDGES):
        return f"{_EDGES[-1]} ms and more"
    return f"{_EDGES[place - 1]} to {_EDGES[place]} ms"
