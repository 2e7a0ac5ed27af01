"""What tables and rendered text are drawn on."""

from __future__ import annotations

from rich.console import Console

# What a table needs. A narrower terminal wraps its lines itself: columns of nothing help nobody.
TABLE_WIDTH = 60

# Of a terminal that does not know.
_USUAL_WIDTH = 80


def console(*, stderr: bool = False, colorless: bool = False, least: int = 1) -> Console:
    """Return the console of stdout, or of stderr.

    It has colours on a terminal only, and none where `NO_COLOR` is set.

    Args:
        stderr: Whether to draw there.
        colorless: Whether to do without colours anyway.
        least: How wide it is at least, however narrow the terminal.
    """
    # None leaves it to rich, which asks the environment.
    made = _Console(stderr=stderr, no_color=colorless or None, highlight=False, emoji=False)
    if made.width < least:
        made.width = least if made.width > 0 else _USUAL_WIDTH
    return made


class _Console(Console):
    """One that lets a broken pipe be a `BrokenPipeError`, rather than end the program."""

    def on_broken_pipe(self) -> None:
        """Raise the error that is being handled."""
        raise  # noqa: PLE0704 - rich calls this where it has caught it
