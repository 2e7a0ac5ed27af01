"""A server of chat streams for web pages, in a process of its own.

The model that is asked for says what comes: `paced` says one token every 20 ms, `busy` refuses the
first request of each question, asks for a pause, and then does the same, and `at once` says a word.
The text of each token is when it was sent, in milliseconds since 1970, the clock of the page.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Any

from bench.serving import started
from openai_scan.testing import (
    FakeServer,
    Reply,
    SeenRequest,
    Step,
    chat_answer,
    chat_chunk,
    error,
)
from openai_scan.testing.steps import Due

TOKENS = 100
INTERVAL = 0.02
PAUSE = 1.0


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Run the server, and give its base URL."""
    with started("bench.page_server") as port:
        yield f"http://127.0.0.1:{port}/v1"


class Model:
    """Answers each question.

    Attributes:
        refused: Whether the question has been refused once.
    """

    def __init__(self) -> None:
        self.refused = False

    def __call__(self, request: SeenRequest) -> Reply:
        """Answer a request."""
        body: Any = request.json
        match body["model"]:
            case "at once":
                return Reply(steps=chat_answer("Hello"))
            case "busy" if not self.refused:
                self.refused = True
                return error(429, "come back later", retry_after=PAUSE)
            case _:
                self.refused = False
                return Reply(steps=_paced())


def _paced() -> Iterator[Step]:
    for token in range(TOKENS):
        yield Due(token * INTERVAL)
        yield chat_chunk(f"{time.time_ns() / 1e6:.3f} ")
    yield from (chat_chunk(finish_reason="stop"), b"data: [DONE]\n\n")


def _main() -> None:
    with FakeServer(Model(), strict=False, pages="*") as server:
        port = server.base_url.rpartition(":")[2].partition("/")[0]
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        # The one who has started it closes its input, or dies, and then it has nothing more to do.
        sys.stdin.read()


if __name__ == "__main__":
    _main()
