"""A server of many chat streams, in a process of its own: as fast as it goes, paced, or silent.

The path says which: `/bulk/100000/...` sends so many events and ends, `/paced/10/...` sends an
event every ten ticks of 2 ms, with the time as its text, and `/idle/0/...` sends one, then nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Iterator

from bench.serving import END, HEAD, TIME, chunks, started, timed_frame

TICK = 0.002

# The writers of paced streams, each with its interval and its place in it.
_paced: list[tuple[asyncio.StreamWriter, int, int]] = []


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Run the server, and give its URL."""
    with started("bench.server") as port:
        yield f"http://127.0.0.1:{port}"


_BLOCKS = chunks("chat", 2_000)
_START, _REST = timed_frame()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        head = await reader.readuntil(b"\r\n\r\n")
        _, mode, number, *_ = head.split(b" ", 2)[1].split(b"/")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        await reader.readexactly(int(fields.get(b"content-length", b"0")))
        writer.write(HEAD)
        match mode:
            case b"bulk":
                await _send_all(writer, int(number))
            case b"paced":
                _paced.append((writer, int(number), len(_paced)))
                await reader.read()  # until the client has had enough
            case _:
                writer.write(_BLOCKS[0])
                await reader.read()
    writer.close()


async def _send_all(writer: asyncio.StreamWriter, events: int) -> None:
    opening, deltas, ending = _BLOCKS[0], _BLOCKS[1:-3], _BLOCKS[-3:]
    left = events - 1 - len(ending)
    writer.write(opening)
    while left > 0:
        writer.write(b"".join(deltas[:left]))
        left -= len(deltas)
        await writer.drain()
    writer.write(b"".join(ending) + END)
    await writer.drain()


async def _keep_pace() -> None:
    """Write to the paced streams, in turn, so that not all of them have their event at once."""
    start = time.perf_counter()
    tick = 0
    while True:
        tick += 1
        _paced[:] = [each for each in _paced if not each[0].is_closing()]
        for writer, interval, place in _paced:
            if tick % interval == place % interval:
                writer.write(_START + TIME % time.perf_counter_ns() + _REST)
        await asyncio.sleep(start + tick * TICK - time.perf_counter())


async def _main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    pace = asyncio.create_task(_keep_pace())
    # The one who has started it closes its input, or dies, and then it has nothing more to do.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    pace.cancel()


if __name__ == "__main__":
    asyncio.run(_main())
