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
    Status.WHOLE: "the answer is whole; the file could be read",
    Status.NOT_WHOLE: "the answer is not whole, and stderr says why",
    Status.BAD_INPUT: "wrong usage: an option, a file, a key or a package that is missing",
    Status.INTERRUPTED: "interrupted by Ctrl-C; what had arrived is printed",
    Status.BROKEN_PIPE: "nobody reads the output any more",
}
