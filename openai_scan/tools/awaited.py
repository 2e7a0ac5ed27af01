"""Run the functions of `run_tools` on an event loop: coroutines awaited, the others in threads."""

from __future__ import annotations

import functools
from inspect import isawaitable
from typing import Any

from openai_scan.aio.loops import in_thread, together
from openai_scan.events import Outcome
from openai_scan.functions import is_coroutine_function
from openai_scan.tools.rounds import End, Rounds, output_of
from openai_scan.values import Call


class Awaited:
    """Runs the functions without blocking the event loop: an `AsyncSuccessor`.

    Args:
        rounds: Decides what is answered.
        concurrent: Whether the calls of one answer run at the same time.
    """

    def __init__(self, rounds: Rounds, *, concurrent: bool) -> None:
        self._rounds = rounds
        self._concurrent = concurrent

    async def __call__(self, streamer: Any, outcome: Outcome) -> Any:
        """Return the stream that follows, or the outcome if there is nothing to answer."""
        calls = self._rounds.begin(streamer, outcome)
        if isinstance(calls, End):
            return calls.following
        if self._concurrent:
            outputs = await together([functools.partial(self._answer, call) for call in calls])
        else:
            outputs = [await self._answer(call) for call in calls]
        onward = self._rounds.follow(streamer, list(zip(calls, outputs, strict=True)))
        if isawaitable(onward):
            onward = await onward
        return self._rounds.joined(streamer, onward)

    async def _answer(self, call: Call) -> str:
        """Run the function of *call* and return its output for the model."""
        ready = self._rounds.prepare(call)
        if isinstance(ready, str):
            return ready
        try:
            if is_coroutine_function(ready.function):
                result = await ready()
            else:
                result = await in_thread(ready)
                if isawaitable(result):
                    result = await result
            return output_of(result)
        except Exception as error:  # noqa: BLE001 - raised again if on_error says so
            return self._rounds.failure(call, error)
