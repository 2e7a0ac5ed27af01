"""The command line: `openai-scan`, which is `python -m openai_scan` too.

Each command is a module of its own here, loaded when it is called for. click reads the
arguments and rich draws; the extra `cli` installs both.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from openai_scan.cli.writer import tell

__all__ = ["main"]

# What may be missing, and the extra that has it.
_EXTRAS = {
    "click": "cli",
    "rich": "cli",
    "matplotlib": "plot",
    "redis": "relay",
    "sqlalchemy": "relay",
    "sse_starlette": "relay",
    "starlette": "relay",
    "uvicorn": "relay",
}

_MODES = {"stdin": "r", "stdout": "w", "stderr": "w"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status, which `openai-scan --help` explains.

    Args:
        arguments: The words behind the program's name; by default those that it was called with.
    """
    try:
        _open_streams()
        from openai_scan.cli.program import run

        return run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:  # before there was anything that could end well
        tell("openai-scan: interrupted")
        return 128 + 2  # `Status.INTERRUPTED`, whatever has been loaded
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package not in _EXTRAS:
            raise
        extra = f"pip install 'openai_scan[{_EXTRAS[package]}]'"
        tell(f"openai-scan: this needs {package}, which is not installed: {extra}")
        return 2  # `Status.BAD_INPUT`, without click


def _open_streams() -> None:
    """Put nothing in the place of a standard stream that was closed before the start.

    Python has None there, and `print()` takes a None for stdout.
    """
    for name, mode in _MODES.items():
        if getattr(sys, name) is None:
            nothing = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - it stays
            setattr(sys, name, nothing)
