"""Commands that consist of commands, of which one is run if none is named."""

from __future__ import annotations

import click


class Group(click.Group):
    """Commands under one name.

    Without the name of one of them, and with options only, the command `list` is run.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the name of the default command before options that are not of the group."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


def group(name: str, *, about: str, example: str) -> Group:
    """Make such a command; see `options.command()` for the arguments."""
    lines = "\n".join(f"  openai-scan {line}" for line in example.splitlines())
    about = f"{about} `{name}` alone runs `{name} list`, whose --help has its options."
    return Group(name, no_args_is_help=False, help=about, epilog=f"\b\nExample:\n{lines}")
