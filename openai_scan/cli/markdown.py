"""Render Markdown on a terminal while it arrives, at a cost in proportion to its length.

Only the last block of the text, the *open* one, can still change its looks. So it alone is drawn
again and again; what is before it is *settled*: rendered once, printed and forgotten.

- The open text is parsed again only when it has grown by half since the last time, so that all
  parsing together costs a small multiple of parsing the text once.
- An open block that grows beyond `MAX_OPEN` characters is printed as far as it has come, and the
  rest of it as plain text. Without this bound a list of thousands of items, which is a single
  block, would be parsed and drawn as a whole for each new item.
- A frame that takes long to draw is drawn less often, so that drawing takes a fifth of the time at
  most.
"""

from __future__ import annotations

import contextlib
import re
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import NoReturn

from attrs import frozen
from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.markdown import Markdown
from rich.segment import Segment
from rich.text import Text
from typing_extensions import Self

from openai_scan.cli.echo import without_echo
from openai_scan.cli.interrupts import uninterrupted
from openai_scan.printable import printable

MAX_OPEN = 8 * 1024
"""How many characters a block may have to be rendered as a whole."""

# However much comes at once, no more is added to the open block before it is looked at.
_SLICE = 1024

# The open text is parsed again when it has grown by this factor.
_GROWTH = 1.5

# As often as the eye can follow.
_FRAMES_PER_SECOND = 12

# For each second that drawing took, the seconds until it is done again.
_REST = 4

# A longer line ends no block of code.
_LONGEST_FENCE = 200


class MarkdownPrinter:
    """Prints Markdown as it arrives. Meanwhile, except in a pause, nothing that is typed is shown.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._parser = MarkdownIt().enable("table")
        self._end = contextlib.ExitStack()
        self._echo = contextlib.ExitStack()  # turns the echo of the terminal on again
        self._rest: _RestOfBlock | None = None  # what is printed as plain text
        self._draw()

    def __enter__(self) -> Self:
        self._end.enter_context(self._echo)
        self._echo.enter_context(without_echo())
        # A handler that is already set has its reasons, and only the main thread may set one.
        is_ours = threading.current_thread() is threading.main_thread()
        if is_ours and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _terminate)
            self._end.callback(signal.signal, signal.SIGTERM, signal.SIG_DFL)
        self._end.callback(self._finish)
        self._live.start()
        return self

    def __exit__(self, *exc: object) -> None:
        with uninterrupted():
            self._end.close()

    def write(self, text: str) -> None:
        """Print a piece."""
        text = printable(text)  # rich would remove some characters, and measure others wrongly
        for start in range(0, len(text), _SLICE):
            piece = text[start : start + _SLICE]
            while piece:
                # What rich was just writing when Ctrl-C came, it would write again.
                with uninterrupted():
                    piece = self._add(piece) if self._rest is None else self._add_plain(piece)

    def pause(self) -> None:
        """Print what is open for good, and let something else be printed below it."""
        self._finish()
        self._echo.close()

    def go_on(self) -> None:
        """Render what comes next as a new block, after a pause."""
        self._echo.enter_context(without_echo())
        self._begin_block()

    def _draw(self) -> None:
        """Make a new open block, without starting to draw it."""
        self._open = _Block()
        self._parse_at = 0.0  # characters
        self._live = Live(
            console=self._console,
            get_renderable=lambda: self._open,
            refresh_per_second=_FRAMES_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def _finish(self) -> None:
        """Print what is still open for good."""
        if self._rest is None:
            self._open.is_whole = True
            self._live.stop()
        elif self._rest.is_within_line:
            self._console.print()

    def _add(self, piece: str) -> str:
        """Add *piece* to the open text, and print what is settled by it. Nothing is left."""
        self._open.text += piece
        is_long = len(self._open.text) > MAX_OPEN
        if is_long or ("\n" in piece and len(self._open.text) >= self._parse_at):
            blocks = self._settle()
            self._parse_at = _GROWTH * len(self._open.text)
            if len(self._open.text) > MAX_OPEN:
                self._print_open(blocks[-1] if blocks else None)
        return ""

    def _settle(self) -> Sequence[Token]:
        """Print the blocks that are followed by another, and return the blocks of the open text."""
        tokens = self._parser.parse(self._open.text)
        blocks = [token for token in tokens if token.level == 0 and token.map is not None]
        start = blocks[-1].map[0] if blocks and blocks[-1].map else 0
        if len(blocks) > 1 and start > 0:
            lines = self._open.text.split("\n")
            # Both appear at once. The thread that draws the open block has to wait: what is written
            # here begins with going up as many lines as it drew last.
            with self._live._lock, self._console:  # noqa: SLF001 - rich has no other way
                self._open.cut("\n".join(lines[start:]))
                self._console.print(_rendered("\n".join(lines[:start])))
                self._console.print()
        return blocks

    def _print_open(self, block: Token | None) -> None:
        """Print the open text, which has become too long, and the rest of its block plain."""
        lines, end, line = self._open.text.rpartition("\n")
        self._open.cut(lines + end)
        self._open.is_whole = True
        self._live.stop()
        fence = block.markup if block is not None and block.type == "fence" else ""
        self._rest = _RestOfBlock(fence)
        if fence and self._rest.ends(lines.rpartition("\n")[2]):  # it is just over
            self._begin_block()
            self._add(line)
        else:
            self._add_plain(line)

    def _add_plain(self, piece: str) -> str:
        """Print what of *piece* belongs to the rest of the block, and return what is after it."""
        assert self._rest is not None  # noqa: S101 - for the type checker
        size = self._rest.take(piece)
        self._console.print(Text(piece[:size]), end="", soft_wrap=True)
        if self._rest.is_over:
            self._begin_block()
        return piece[size:]

    def _begin_block(self) -> None:
        """Render again what comes from now on."""
        self._rest = None
        self._draw()
        self._live.start()


def _rendered(text: str) -> Markdown:
    """Return *text* as it is drawn; after the words of a link stands where it leads to."""
    return Markdown(text, hyperlinks=False)


def _terminate(signum: int, _: FrameType | None) -> NoReturn:
    """End the program as the signal would, but let the terminal have its cursor back."""
    raise SystemExit(128 + signum)


@frozen
class _Frame:
    """What was drawn of a text, and until when that is good enough."""

    text: str
    cuts: int
    size: tuple[int, int]
    lines: list[list[Segment]]
    until: float


class _Block:
    """The end of the text, drawn as far as there is room for it until it is whole."""

    def __init__(self) -> None:
        self.text = ""
        self.is_whole = False
        self._cuts = 0
        self._frame: _Frame | None = None

    def cut(self, text: str) -> None:
        """Keep only *text*; the rest has been printed elsewhere."""
        self._cuts += 1  # first: a frame of the old text that another thread draws is of no use
        self.text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.is_whole:
            yield from _with_ends(console.render_lines(_rendered(self.text), options, pad=False))
            return
        cuts = self._cuts
        frame, text = self._frame, self.text
        size = (options.max_width, console.height)
        now = time.monotonic()
        if (
            frame is None
            or frame.cuts != cuts
            or frame.size != size
            or (frame.text != text and now >= frame.until)
        ):
            lines = console.render_lines(_rendered(text), options, pad=False)
            drawn = time.monotonic()
            # Lines that have left the screen cannot be drawn again.
            lines = lines[1 - console.height :]
            self._frame = frame = _Frame(text, cuts, size, lines, drawn + _REST * (drawn - now))
        yield from _with_ends(frame.lines)


def _with_ends(lines: Sequence[list[Segment]]) -> Iterator[Segment]:
    for line in lines:
        yield from line
        yield Segment.line()


class _RestOfBlock:
    """Finds the end of a block without parsing it.

    A block of code ends with its fence. Any other ends with a blank line here: what comes after it
    may belong to the same list, and is rendered as another one.

    Args:
        fence: What a block of code began with, such as three backquotes; "" for any other block.

    Attributes:
        is_over: Whether the end has been found.
        is_within_line: Whether the line that was taken last has no end yet.
    """

    def __init__(self, fence: str) -> None:
        self.is_over = False
        self.is_within_line = False
        self._fence = fence
        self._line: list[str] = []
        self._length = 0

    def take(self, text: str) -> int:
        """Return how many characters of *text* belong to the block."""
        start = 0
        while start < len(text) and not self.is_over:
            end = text.find("\n", start) + 1 or len(text)
            self._length += end - start
            if self._length <= _LONGEST_FENCE:
                self._line.append(text[start:end])
            self.is_within_line = text[end - 1] != "\n"
            if not self.is_within_line:
                self.is_over = self._length <= _LONGEST_FENCE and self.ends("".join(self._line))
                self._line, self._length = [], 0
            start = end
        return start

    def ends(self, line: str) -> bool:
        """Return whether a block ends with *line*."""
        if not self._fence:
            return not line.strip()
        return re.fullmatch(rf" {{0,3}}{self._fence}{self._fence[0]}*\s*", line) is not None
