"""What tables and rendered text are drawn on."""

from __future__ import annotations

from rich.console import Console


def console(*, stderr: bool = False, colorless: bool = False) -> Console:
    """Return the console of stdout, or of stderr.

    It has colours on a terminal only, and none where `NO_COLOR` is set.

    Args:
        stderr: Whether to draw there.
        colorless: Whether to do without colours anyway.
    """
    # None leaves it to rich, which asks the environment.
    return _Console(stderr=stderr, no_color=colorless or None, highlight=False, emoji=False)


class _Console(Console):
    """One that lets a broken pipe be a `BrokenPipeError`, rather than end the program."""

    def on_broken_pipe(self) -> None:
        """Raise the error that is being handled."""
        raise  # noqa: PLE0704 - rich calls this where it has caught it
