"""The command line: `openai-scan`, which is `python -m openai_scan` too.

Each command is a module of its own here, loaded when it is called for. click reads the
arguments and rich draws; the extra `cli` installs both.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]

# What may be missing, and the extra that has it.
_EXTRAS = {"click": "cli", "rich": "cli", "matplotlib": "plot"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status, which `openai-scan --help` explains.

    Args:
        arguments: The words behind the program's name; by default those that it was called with.
    """
    try:
        from openai_scan.cli.program import run

        return run(sys.argv[1:] if arguments is None else arguments)
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package not in _EXTRAS:
            raise
        extra = f"pip install 'openai_scan[{_EXTRAS[package]}]'"
        print(
            f"openai-scan: this needs {package}, which is not installed: {extra}", file=sys.stderr
        )
        return 2  # `Status.BAD_INPUT`, without click
