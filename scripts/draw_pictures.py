"""Draw the pictures of the command line that the documents show.

They are drawn by the commands' own functions, from recordings that do not change, on a light and on
a dark terminal::

    .venv/bin/python scripts/draw_pictures.py
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME, TerminalTheme

from openai_scan import StreamerV2, replay
from openai_scan.cli.inspect import inspect
from openai_scan.cli.markdown import MarkdownPrinter
from openai_scan.cli.stats import draw_histogram, draw_tables, draw_timelines
from openai_scan.cli.timeline import figures_of

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs/pictures"

# Made by the fake server at random times, and by a real Assistants server.
CHAT = ROOT / "docs/examples/recordings/event-streams.jsonl"
RUN = ROOT / "openai_scan/demo/assistants.jsonl"

# Where rich has the reader fetch a font from somewhere else.
_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)

_COLUMNS = 88

# The colours of GitHub's light theme: black to white, and their bright forms. Its black is a light
# grey here, since rich puts it behind code.
_LIGHT = TerminalTheme(
    (255, 255, 255),
    (31, 35, 40),
    [
        (234, 238, 242),
        (207, 34, 46),
        (17, 99, 41),
        (125, 78, 0),
        (9, 105, 218),
        (130, 80, 223),
        (27, 124, 131),
        (110, 119, 129),
    ],
    [
        (87, 96, 106),
        (164, 14, 38),
        (26, 127, 55),
        (99, 60, 1),
        (33, 139, 255),
        (164, 117, 249),
        (49, 146, 170),
        (140, 149, 159),
    ],
)

# What follows the name of a picture, and its colours. The documents find the dark one by its name.
_THEMES = {"": _LIGHT, "-dark": SVG_EXPORT_THEME}

# The line around a terminal, which can be seen on a dark page only, and on both.
_LINE, _VISIBLE_LINE = "rgba(255,255,255,0.35)", "rgba(128,128,128,0.5)"


def pictures() -> dict[str, str]:
    """Return the pictures, by their names."""
    drawn = {"chat": _chat(), "inspect": _inspect(), "stats": _stats()}
    return {
        f"{name}{end}": _drawn(screen, name, theme)
        for name, screen in drawn.items()
        for end, theme in _THEMES.items()
    }


def _chat() -> Console:
    screen = _screen('openai-scan chat -m gpt-5 "What is an event stream?"')
    with StreamerV2(replay(CHAT)) as s, MarkdownPrinter(screen) as printer:
        for text in s.text_deltas():
            printer.write(text)
    return screen


def _inspect() -> Console:
    screen = _screen(f"openai-scan inspect {RUN.name}")
    with _in_folder_of(RUN):
        inspect(screen, replay(RUN.name), RUN.name)
    return screen


def _stats() -> Console:
    screen = _screen(f"openai-scan stats {CHAT.name}")
    with _in_folder_of(CHAT):
        figures = figures_of([CHAT.name])
    draw_tables(screen, figures)
    draw_timelines(screen, figures)
    draw_histogram(screen, [gap for each in figures for gap in each.timeline.gaps])
    return screen


def _screen(command: str) -> Console:
    """Return a screen on which *command* has been typed."""
    screen = Console(record=True, width=_COLUMNS, file=io.StringIO(), highlight=False, emoji=False)
    screen.print(f"[bold green]$[/] {command}\n")
    return screen


def _drawn(screen: Console, name: str, theme: TerminalTheme) -> str:
    svg = screen.export_svg(title="openai-scan", theme=theme, clear=False, unique_id=name)
    svg = _FONT.sub("", svg).replace(_LINE, _VISIBLE_LINE)
    return re.sub(r" +$", "", svg, flags=re.MULTILINE)


@contextlib.contextmanager
def _in_folder_of(file: Path) -> Iterator[None]:
    """Be in a folder, so that the picture shows no more than a file's name."""
    before = Path.cwd()
    os.chdir(file.parent)
    try:
        yield
    finally:
        os.chdir(before)


if __name__ == "__main__":
    for name, svg in pictures().items():
        (PICTURES / f"{name}.svg").write_text(svg, "utf-8")
