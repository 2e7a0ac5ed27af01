"""Event loops: which one is running, and a wait that any thread can end."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import Any

import pytest
import trio
from loops import ASYNCIO, TRIO, Loop, in_a_moment, on_every_loop

from openai_scan.aio.loops import Bell, pause, running_loop, running_trio


def test_without_a_loop_there_is_none() -> None:
    """Both libraries are imported, but no loop is running."""
    assert running_trio() is None
    assert running_loop() is None


def test_a_loop_is_itself() -> None:
    """All tasks of one run get the same object, and another run gets another one."""

    async def loops() -> list[object]:
        seen: list[object] = []

        async def look() -> None:
            seen.append(running_loop())

        await ASYNCIO.together(look, look)
        return seen

    async def token() -> object:
        return running_loop()

    (first, second), (third, _) = asyncio.run(loops()), asyncio.run(loops())
    assert first is second
    assert first is not third
    assert trio.run(token) is not trio.run(token)
    assert TRIO.run(token) is not None


@pytest.mark.usefixtures("measured_processes")
def test_a_program_without_a_loop_loads_none() -> None:
    """Asking for the loop imports neither asyncio nor Trio."""
    script = (
        "import sys; from openai_scan.aio.loops import running_loop;"
        "print(running_loop(), {'asyncio', 'trio'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout.split() == [b"None", b"set()"]


@on_every_loop
async def test_pause_lets_others_run(loop: Loop) -> None:
    """Another task gets a turn before the first one is done."""
    turns: list[int] = []

    async def one(number: int) -> None:
        for _ in range(3):
            turns.append(number)
            await pause()

    await loop.together(lambda: one(1), lambda: one(2))
    assert sorted(turns) == [1, 1, 1, 2, 2, 2]
    assert turns != [1, 1, 1, 2, 2, 2]


class TestBell:
    """It wakes tasks from any thread."""

    @on_every_loop
    async def test_a_thread_rings(self, loop: Loop) -> None:
        """The wait ends, and returns that it has happened."""
        bell, happened = Bell(), threading.Event()

        def ring() -> None:
            happened.set()
            bell.ring()

        threading.Timer(0.001, ring).start()
        assert await bell.wait(happened.is_set, 30.0)

    @on_every_loop
    async def test_what_has_happened_is_not_waited_for(self, loop: Loop) -> None:
        """The wait returns without a ring."""
        assert await Bell().wait(lambda: True, 30.0)

    @on_every_loop
    async def test_the_time_runs_out(self, loop: Loop) -> None:
        """The wait ends without a ring."""
        assert not await Bell().wait(lambda: False, 0.001)

    @on_every_loop
    async def test_a_ring_for_something_else_ends_nothing(self, loop: Loop) -> None:
        """The wait continues until what it waits for has happened."""
        bell = Bell()
        asked: list[bool] = []

        def happened() -> bool:
            asked.append(len(asked) > 4)
            bell.ring()
            return asked[-1]

        assert await bell.wait(happened, 30.0)
        assert asked == [False] * 5 + [True]

    @on_every_loop
    async def test_it_wakes_all_who_wait(self, loop: Loop) -> None:
        """All waiting tasks are woken, and the bell forgets them."""
        bell, happened = Bell(), threading.Event()
        woken: list[bool] = []

        async def wait() -> None:
            woken.append(await bell.wait(happened.is_set, 30.0))

        async def ring() -> None:
            await in_a_moment(loop).wait()
            happened.set()
            bell.ring()

        await loop.together(wait, wait, ring)
        assert woken == [True, True]
        assert bell._waiting == ()

    @on_every_loop
    async def test_a_cancelled_task_is_forgotten(self, loop: Loop) -> None:
        """Its wait ends as that of any other."""
        bell = Bell()

        async def wait() -> None:
            await bell.wait(lambda: False, 30.0)

        left = await loop.cancelling(wait, in_a_moment(loop))
        assert isinstance(left, loop.cancelled)
        assert bell._waiting == ()

    @pytest.mark.parametrize("run", [asyncio.run, None], ids=["asyncio", "trio"])
    def test_a_loop_that_has_ended_is_not_told(self, run: Any) -> None:
        """Waking a loop that is closed is not an error."""
        bell = Bell()
        wakes: list[Any] = []

        def happened() -> bool:
            wakes.extend(bell._waiting)
            return True

        async def wait() -> None:
            while not wakes:  # what has happened already is not waited for
                await bell.wait(happened, 30.0)

        if run is None:
            trio.run(wait)
        else:
            run(wait())
        bell._waiting = tuple(wakes[:1])
        bell.ring()
