"""Run the functions of `run_tools` on an event loop: coroutines awaited, the others in threads."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable
from typing import Any, TypeVar

from openai_scan.aio.loops import running_trio
from openai_scan.events import Outcome
from openai_scan.functions import is_coroutine_function
from openai_scan.tools.rounds import End, Ready, Rounds, output_of
from openai_scan.values import Call

T = TypeVar("T")


class Awaited:
    """Runs the functions while the event loop goes on: an `AsyncSuccessor`.

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
        error: Exception | None = None
        try:
            if is_coroutine_function(ready.function):
                result = await ready()
            else:
                result, error = await _in_thread(functools.partial(_both, ready))
                if isawaitable(result):
                    result = await result
            if error is None:
                return output_of(result)
        except Exception as raised:  # noqa: BLE001 - it is raised again if it is to be
            error = raised
        return self._rounds.failure(call, error)


def _both(ready: Ready) -> tuple[Any, Exception | None]:
    """Return what a function returns, or raises.

    A thread can hand over neither an awaitable to Trio, nor a StopIteration to asyncio.
    """
    try:
        return ready(), None
    except Exception as error:  # noqa: BLE001 - it is raised where the thread was started
        return None, error


async def _in_thread(function: Callable[[], T]) -> T:
    """Return what *function* returns in a thread, which is left alone if the task is cancelled."""
    trio = running_trio()
    if trio is not None:
        result: T = await trio.to_thread.run_sync(function, abandon_on_cancel=True)
        return result
    import asyncio

    return await asyncio.to_thread(function)


async def together(steps: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """Return what *steps* return, which run at the same time, in their order.

    If one raises, the others are cancelled and waited for, and its exception is raised. The same
    happens if the caller's task is cancelled.
    """
    if running_trio() is not None:
        return await _together_on_trio(steps)
    return await _together_on_asyncio(steps)


async def _together_on_asyncio(steps: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    import asyncio

    tasks = [asyncio.ensure_future(step()) for step in steps]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:  # the first exception of all, rather than a cancellation that it has caused
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
    return [task.result() for task in tasks]


async def _together_on_trio(steps: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    import trio

    results: dict[int, T] = {}
    errors: list[BaseException] = []

    async def run(place: int, step: Callable[[], Awaitable[T]]) -> None:
        try:
            results[place] = await step()
        except trio.Cancelled:
            raise
        except BaseException as error:  # noqa: BLE001 - it is raised below, and not in a group
            errors.append(error)
            nursery.cancel_scope.cancel()

    try:
        async with trio.open_nursery() as nursery:
            for place, step in enumerate(steps):
                nursery.start_soon(run, place, step)
    finally:
        await trio.lowlevel.checkpoint_if_cancelled()  # raises without the group of the nursery
    if errors:
        raise errors[0]
    return [results[place] for place in range(len(steps))]
