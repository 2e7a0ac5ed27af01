"""The command line: `openai-scan`, which is `python -m openai_scan` too.

Each command is a module of its own, which is imported when the command is used. click parses the
arguments and rich draws tables and Markdown; the extra `cli` installs both.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from openai_scan.cli.writer import tell

__all__ = ["main"]

# Packages that may be missing, and the extra that installs each.
_EXTRAS = {
    "click": "cli",
    "jsonschema": "cli",
    "rich": "cli",
    "matplotlib": "plot",
    "platformdirs": "cli",
    "redis": "relay",
    "referencing": "cli",
    "sqlalchemy": "relay",
    "sse_starlette": "relay",
    "starlette": "relay",
    "uvicorn": "relay",
    "yaml": "cli",
}

_MODES = {"stdin": "r", "stdout": "w", "stderr": "w"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; `openai-scan --help` lists them.

    Args:
        arguments: The words after the program's name; those of `sys.argv` by default.
    """
    try:
        _open_streams()
        from openai_scan.cli.program import run

        return run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:  # while the command itself was being imported
        tell("openai-scan: interrupted")
        return 128 + 2  # `Status.INTERRUPTED`, whatever has been loaded
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package not in _EXTRAS:
            raise
        extra = _EXTRAS[package]
        tell(
            f"openai-scan: {package} is not installed: install openai_scan with its extra"
            f" {extra!r}, as in pip install '.[{extra}]'"
        )
        return 2  # `Status.BAD_INPUT`, without click


def _open_streams() -> None:
    """Replace standard streams that were closed before the start with empty ones.

    Python has None there, and `print()` takes a None for stdout.
    """
    for name, mode in _MODES.items():
        if getattr(sys, name) is None:
            nothing = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - it stays
            setattr(sys, name, nothing)
