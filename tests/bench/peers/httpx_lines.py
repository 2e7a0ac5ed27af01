"""httpx alone: the lines of a response, and `json.loads` for each that has data."""

from __future__ import annotations

import json
from collections.abc import Iterable

from bench.peers import over_httpx


def parsed(chunks: Iterable[bytes], family: str) -> tuple[int, int]:
    """Parse the data of a stream, each a line of its own; the family makes no difference."""
    events = characters = 0
    with (
        over_httpx.client(chunks) as client,
        client.stream("GET", "http://localhost/") as response,
    ):
        for line in response.iter_lines():
            if line.startswith("data: "):
                events += 1
                characters += len(line) - 6
                if line != "data: [DONE]":
                    json.loads(line[6:])
    return events, characters
