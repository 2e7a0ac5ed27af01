"""What tables and rendered text are drawn on."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from openai_scan.printable import printable

# What a table needs. A narrower terminal wraps its lines itself: columns of nothing help nobody.
TABLE_WIDTH = 60

# Of a terminal that does not know.
_USUAL_WIDTH = 80


def console(*, stderr: bool = False, colorless: bool = False, least: int = 1) -> Console:
    """Return the console of stdout, or of stderr, which draws printable text only.

    It has colours on a terminal only, and none where `NO_COLOR` is set. Strings are drawn as they
    are: neither markup nor the names of emoji in them mean anything.

    Args:
        stderr: Whether to draw there.
        colorless: Whether to do without colours anyway.
        least: How wide it is at least, however narrow the terminal.
    """
    # None leaves it to rich, which asks the environment.
    made = _Console(
        stderr=stderr, no_color=colorless or None, highlight=False, emoji=False, markup=False
    )
    if made.width < least:
        made.width = least if made.width > 0 else _USUAL_WIDTH
    return made


class _Console(Console):
    """A console that draws printable text only, and lets a broken pipe be a `BrokenPipeError`."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield the segments of *renderable*: the last step that tells text from commands."""
        for segment in super().render(renderable, options):
            yield from _harmless(segment)

    def on_broken_pipe(self) -> None:
        """Raise the error that is being handled."""
        raise  # noqa: PLE0704 - rich calls this where it has caught it


def _harmless(segment: Segment) -> Iterable[Segment]:
    """Yield *segment* with printable text only, line by line.

    What rich itself tells the terminal is in segments that are marked as control, and in the
    styles. Only the link of a style comes from the text, and a terminal would hide where it leads.
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
