"""The exit statuses."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

PROGRAM = "openai-scan"


class Status(IntEnum):
    """How a command ended."""

    WHOLE = 0
    NOT_WHOLE = 1
    BAD_INPUT = 2
    INTERRUPTED = 128 + 2  # as shells report SIGINT
    BROKEN_PIPE = 128 + 13  # as shells report SIGPIPE


MEANINGS: Mapping[Status, str] = {
    Status.WHOLE: "success: the answer is whole, or the command has done its work",
    Status.NOT_WHOLE: "the answer is not whole, or a check failed; stderr says why",
    Status.BAD_INPUT: "wrong usage, or an option, a file, a key or a package is missing",
    Status.INTERRUPTED: "you pressed Ctrl-C; what had arrived was printed",
    Status.BROKEN_PIPE: "the output was closed before its end, as `head` closes it",
}
