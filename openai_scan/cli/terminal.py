"""The console that tables and Markdown are drawn on."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from openai_scan.printable import printable

# The least width of a table. A narrower terminal wraps the lines itself, because columns of one or
# two characters cannot be read.
TABLE_WIDTH = 60

# The width of a terminal that reports none.
_USUAL_WIDTH = 80


def console(*, stderr: bool = False, colorless: bool = False, least: int = 1) -> Console:
    """Return the console of stdout, or of stderr, which draws printable text only.

    It uses colours only on a terminal, and not if `NO_COLOR` is set. Strings are drawn unchanged:
    markup and names of emoji in them have no effect.

    Args:
        stderr: Whether to draw on stderr.
        colorless: Whether to leave out colors in any case.
        least: The least width, however narrow the terminal is.
    """
    # With None, rich looks at the environment.
    made = _Console(
        stderr=stderr, no_color=colorless or None, highlight=False, emoji=False, markup=False
    )
    if made.width < least:
        made.width = least if made.width > 0 else _USUAL_WIDTH
    return made


class _Console(Console):
    """A console that draws printable text only, and raises BrokenPipeError for a broken pipe."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield the segments of *renderable*, in which text and control codes are still apart."""
        for segment in super().render(renderable, options):
            yield from _harmless(segment)

    def on_broken_pipe(self) -> None:
        """Raise the error that is being handled."""
        raise  # noqa: PLE0704 - rich calls this where it has caught it


def _harmless(segment: Segment) -> Iterable[Segment]:
    """Yield *segment* with printable text only, line by line.

    Control codes of rich itself are in segments marked as control, and in styles. The only part of
    a style that comes from the text is a link, and a terminal would hide where it leads.
    """
    text, style, control = segment
    if control:
        yield segment
        return
    if style is not None and style.link is not None:
        style = style.update_link(None)
    # rich copies all the rest of a segment for each line in it, which is quadratic.
    for line in printable(text).splitlines(keepends=True):
        yield Segment(line, style)
