"""The streams that are timed: one for each family, shaped as the real ones are, and a recording.

What the payloads are like, `shapes.py` says.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any, TypeAlias

from attrs import frozen

from bench import shapes
from bench.shapes import Payloads
from openai_scan import replay

EVENTS = 20_000

# Small and cut through every event; what a file or a socket hands over; as much as is ever read.
CHUNK_SIZES = (200, 4 * 1024, 64 * 1024)


@frozen
class Workload:
    """A stream, and what has to come out of it.

    Attributes:
        family: Which API sends it.
        stream: Its bytes.
        payloads: The JSON texts of its events, in order, without `[DONE]`.
        text: The text of all its events.
        done: Whether it ends with `[DONE]`, which is one event more.
    """

    family: str
    stream: bytes
    payloads: tuple[str, ...]
    text: str
    done: bool

    @property
    def events(self) -> int:
        """How many events there are, `[DONE]` included."""
        return len(self.payloads) + self.done

    def chunks(self, size: int) -> list[bytes]:
        """Return the stream in chunks of *size* bytes."""
        return [self.stream[at : at + size] for at in range(0, len(self.stream), size)]


def workload(family: str, events: int = EVENTS) -> Workload:
    """Return the stream of a family with so many events, not counting `[DONE]`."""
    maker, line_end, done = _FAMILIES[family]
    words: list[str] = []
    named = [(name, _dumps(payload)) for name, payload in maker(events, words)]
    blocks = [
        f"event: {name}{line_end}data: {data}{line_end * 2}"
        if name
        else f"data: {data}{line_end * 2}"
        for name, data in named
    ]
    blocks += [done] if done else []
    return Workload(
        family=family,
        stream="".join(blocks).encode(),
        payloads=tuple(data for _, data in named),
        text="".join(words),
        done=bool(done),
    )


def recorded() -> Workload:
    """Return the recorded stream of the demo: a short Assistants run, whose end lacks `done`."""
    recording = files("openai_scan.demo").joinpath("assistants.jsonl").read_bytes()
    stream = b"".join(replay(io.BytesIO(recording))).decode()
    payloads = tuple(
        line.removeprefix("data: ") for line in stream.splitlines() if line.startswith("data: ")
    )
    return Workload(
        family="recorded",
        stream=stream.encode(),
        payloads=payloads,
        text="".join(_text_of_delta(json.loads(data)) for data in payloads),
        done=False,
    )


def _text_of_delta(payload: Mapping[str, Any]) -> str:
    if payload["object"] != "thread.message.delta":
        return ""
    return "".join(part["text"]["value"] for part in payload["delta"]["content"])


def _dumps(payload: Mapping[str, Any]) -> str:
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))


_Family: TypeAlias = tuple[Callable[[int, list[str]], Payloads], str, str]

# Of each family what makes its payloads, its line end, and what it ends with.
_FAMILIES: Mapping[str, _Family] = {
    "assistants": (shapes.assistants, "\n", "event: done\ndata: [DONE]\n\n"),
    "chat": (shapes.chat, "\n", "data: [DONE]\n\n"),
    "completions": (shapes.completions, "\n", "data: [DONE]\n\n"),
    "responses": (shapes.responses, "\n", ""),
    "audio": (shapes.audio, "\r\n", "data: [DONE]\r\n\r\n"),
    "images": (shapes.images, "\n", ""),
}

FAMILIES = tuple(_FAMILIES)
