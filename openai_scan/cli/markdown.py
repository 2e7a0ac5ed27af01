"""Render Markdown on a terminal while it arrives."""

from __future__ import annotations

import contextlib
import signal
import threading
from types import FrameType
from typing import NoReturn

from markdown_it import MarkdownIt
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.markdown import Markdown
from rich.segment import Segment
from typing_extensions import Self

from openai_scan.cli.harmless import harmless

# As often as the eye can follow.
_FRAMES_PER_SECOND = 12


class MarkdownPrinter:
    """Prints Markdown as it arrives.

    Only the last block may still change its looks: it is drawn again and again. What is before it
    stays on the screen as it is, however long the answer gets.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self._parser = MarkdownIt().enable("table")
        self._last = _Block()
        self._end = contextlib.ExitStack()
        self._live = Live(
            console=console,
            get_renderable=lambda: self._last,
            refresh_per_second=_FRAMES_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        # Whoever has a handler knows better, and none but the main thread can have one.
        is_ours = threading.current_thread() is threading.main_thread()
        if is_ours and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _terminate)
            self._end.callback(signal.signal, signal.SIGTERM, signal.SIG_DFL)
        self._end.callback(self._live.stop)
        self._live.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._last.is_whole = True
        self._end.close()

    def write(self, text: str) -> None:
        """Print a piece."""
        self._last.text += harmless(text)
        if "\n" in text:
            self._settle()

    def _settle(self) -> None:
        """Print the blocks for good that are followed by another."""
        starts = [
            token.map[0]
            for token in self._parser.parse(self._last.text)
            if token.level == 0 and token.map is not None
        ]
        if len(starts) < 2 or starts[-1] == 0:
            return
        lines = self._last.text.split("\n")
        settled = "\n".join(lines[: starts[-1]])
        with self._live.console:  # both appear at once
            self._last.text = "\n".join(lines[starts[-1] :])
            self._live.console.print(Markdown(settled))
            self._live.console.print()


def _terminate(signum: int, _: FrameType | None) -> NoReturn:
    """End the program as the signal would, but let the terminal have its cursor back."""
    raise SystemExit(128 + signum)


class _Block:
    """The end of the text, drawn as far as there is room for it until it is whole."""

    def __init__(self) -> None:
        self.text = ""
        self.is_whole = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(Markdown(self.text), options, pad=False)
        # Lines that have left the screen cannot be drawn again.
        for line in lines if self.is_whole else lines[1 - console.height :]:
            yield from line
            yield Segment.line()
