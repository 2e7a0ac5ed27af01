"""The server that answers: it counts what it is asked, and may wait in the middle of an answer."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

from attrs import define, field
from typing_extensions import Self

from openai_scan.testing import (
    FakeServer,
    Reply,
    SeenRequest,
    Step,
    background_responses,
    chat_answer,
    delay,
    hold,
    response_answer,
)
from openai_scan.testing.background import BackgroundResponses
from openai_scan.testing.hold import Hold

from .worker import Api

_DELTA = b"response.output_text.delta"


@define(eq=False)
class Model:
    """Answers each prompt with a text of its own; a `with` block starts and ends it.

    Attributes:
        api: The API that it serves.
        pieces: Of how many pieces an answer consists.
        length: How many characters each has at least.
        gate_at: Before which piece it waits, until the test releases `gate_of()` the prompt; None
            for nowhere. A response that is resumed gets past it.
        every: How long it waits before each piece, in seconds.
        asked: How often it was asked for an answer to each prompt.
        resumed: How often answers were resumed.
        cancelled: How often answers were cancelled.
    """

    api: Api
    pieces: int = 24
    length: int = 0
    gate_at: int | None = None
    every: float = 0.0
    asked: Counter[str] = field(factory=Counter)
    resumed: int = 0
    cancelled: int = 0
    server: FakeServer = field(init=False)
    _service: BackgroundResponses = field(init=False, factory=background_responses)
    _gates: dict[str, Hold] = field(factory=dict)
    _lock: threading.Lock = field(factory=threading.Lock)

    def __attrs_post_init__(self) -> None:
        self.server = FakeServer(self._answer)

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self.server.__exit__(*exc)

    def text(self, prompt: str, pieces: int | None = None) -> str:
        """Return the answer to a prompt, or its first pieces."""
        return "".join(self._pieces(prompt)[:pieces])

    def gate_of(self, prompt: str) -> Hold:
        """Return where the answer to a prompt waits."""
        with self._lock:
            return self._gates.setdefault(prompt, hold())

    def _pieces(self, prompt: str) -> Sequence[str]:
        return [f"{prompt} {number}é🎈. ".ljust(self.length, ".") for number in range(self.pieces)]

    def _answer(self, request: SeenRequest) -> Reply:
        if request.method == "GET":
            self.resumed += 1
            return self._service(request)
        if request.path.endswith("/cancel"):
            self.cancelled += 1
            return self._service(request)
        said: Any = request.json
        prompt: str = said["messages" if self.api == "chat" else "input"][-1]["content"]
        gate = self.gate_of(prompt)
        with self._lock:
            self.asked[prompt] += 1
            steps = self._steps(prompt, gate)
            if self.api == "chat":
                return Reply(steps=steps)
            self._service.add(steps)
            return self._service(request)

    def _steps(self, prompt: str, gate: Hold) -> list[Step]:
        pieces = self._pieces(prompt)
        if self.api == "chat":
            events = chat_answer(pieces)
            first = 1
        else:
            events = response_answer(pieces, background=True)
            first = next(place for place, event in enumerate(events) if _DELTA in event)
        steps: list[Step] = []
        for number, event in enumerate(events, -first):
            if number == self.gate_at:
                steps.append(gate)
            if self.every and 0 <= number < len(pieces):
                steps.append(delay(self.every))
            steps.append(event)
        return steps
