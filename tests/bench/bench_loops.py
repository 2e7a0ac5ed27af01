"""Many streams in one event loop: what an event costs each reader, how late it is, what waits cost.

Run as `python -m bench.bench_loops`, in the environment of the other benchmarks with the extra
`aio`. It is not part of the page. Each reader is a process of its own; the blocking one reads each
stream in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from bench import remote, server
from bench.timing import ratios, spread

_OURS = "openai_scan, aiohttp"
_BLOCKING = "openai_scan, blocking"
_BARE = "asyncio, json.loads"
_PEER = "openai-python, asyncio"

_BULK_EVENTS = 60_000
_ROUNDS = 3
_IDLE = 500
_WARM_SECONDS = 1.0
_SECONDS = 4.0

# Events a second of each stream: so many that one core can keep up.
_RATES = {1: 500, 50: 50, 500: 5}


async def bare(url: str) -> AsyncIterator[str]:
    """Read with asyncio's own stream, and parse the JSON of each event."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(f"POST {where.path}/x HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    rest = b""
    with contextlib.closing(writer):
        while chunk := await reader.read(65536):
            *blocks, rest = (rest + chunk).split(b"\n\n")
            for block in blocks:
                _, found, data = block.partition(b"data: ")
                if found and data != b"[DONE]":
                    payload = json.loads(data)
                    text = payload["choices"] and payload["choices"][0]["delta"].get("content")
                    if text:
                        yield text
            if b"0\r\n\r\n" in rest[-5:]:
                return


def _ours() -> Callable[[str], AsyncIterator[str]]:
    from openai_scan.aio import AsyncStreamerV2
    from openai_scan.transport import Request
    from openai_scan.transport.aio_http.wire import AiohttpWire
    from openai_scan.transport.transport import AsyncTransport

    wire = AiohttpWire()

    async def read(url: str) -> AsyncIterator[str]:
        transport = AsyncTransport(url, key="-", wire=wire)
        request = Request(method="POST", path="/chat/completions", body={"stream": True})
        async with AsyncStreamerV2(transport.stream(request)) as s:
            while await s.next():
                s.event()
                text = s.text()
                if text is not None:
                    yield text

    return read


def _peer() -> Callable[[str], AsyncIterator[str]]:
    from openai import AsyncOpenAI

    clients: dict[str, Any] = {}

    async def read(url: str) -> AsyncIterator[str]:
        client = clients.setdefault(url, None) or AsyncOpenAI(api_key="-", base_url=url)
        clients[url] = client
        stream = await client.chat.completions.create(model="m", messages=[], stream=True)
        async with stream:
            async for chunk in stream:
                text = chunk.choices[0].delta.content if chunk.choices else None
                if text is not None:
                    yield text

    return read


_READERS: dict[str, Callable[[], Callable[[str], AsyncIterator[str]]]] = {
    _BARE: lambda: bare,
    _OURS: _ours,
    _PEER: _peer,
}


class _Count:
    """What all streams of a process have read."""

    def __init__(self, streams: int) -> None:
        self.events = [0] * streams
        self.delays: list[float] | None = None

    def take(self, number: int, text: str, *, timed: bool) -> None:
        """Count an event of a stream."""
        self.events[number] += 1
        if timed and self.delays is not None:
            self.delays.append(time.perf_counter_ns() - int(text))


def _measured(count: _Count, cpu: float, start: float, before: int) -> dict[str, float]:
    events = sum(count.events) - before
    found = {
        "cpu": (time.process_time() - cpu) / events,
        "rate": events / (time.perf_counter() - start),
    }
    if count.delays:
        found["delay"] = statistics.median(count.delays) / 1e9
    return found


async def _in_loop(name: str, mode: str, url: str, streams: int) -> dict[str, float]:
    read = _READERS[name]()
    count = _Count(streams)

    async def one(number: int, url: str) -> None:
        async for text in read(url):
            count.take(number, text, timed=mode == "paced")

    return await _do(mode, url, streams, count, one)


async def _do(
    mode: str,
    url: str,
    streams: int,
    count: _Count,
    one: Callable[[int, str], Awaitable[None]],
) -> dict[str, float]:
    if mode == "bulk":
        await one(0, f"{url}/bulk/3000/v1")
        before, cpu, start = sum(count.events), time.process_time(), time.perf_counter()
        each = f"{url}/bulk/{_BULK_EVENTS // streams}/v1"
        await asyncio.gather(*(one(number, each) for number in range(streams)))
        return _measured(count, cpu, start, before)
    if mode == "idle":
        before = _resident()
        tasks = [
            asyncio.ensure_future(one(number, f"{url}/idle/0/v1")) for number in range(streams)
        ]
        await asyncio.sleep(3)
        found = {"size": (_resident() - before) / streams}
    else:
        interval = round(1 / _RATES[streams] / server.TICK)
        tasks = [
            asyncio.ensure_future(one(number, f"{url}/paced/{interval}/v1"))
            for number in range(streams)
        ]
        while not all(count.events):
            await asyncio.sleep(0.1)
        await asyncio.sleep(_WARM_SECONDS)
        count.delays = []
        before, cpu, start = sum(count.events), time.process_time(), time.perf_counter()
        await asyncio.sleep(_SECONDS)
        found = _measured(count, cpu, start, before)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    return found


def _in_threads(mode: str, url: str, streams: int) -> dict[str, float]:
    count = _Count(streams)

    def read(number: int, url: str) -> None:
        for text in remote.openai_scan(url):
            count.take(number, text, timed=mode == "paced")

    if streams == 1 and mode == "bulk":
        read(0, f"{url}/bulk/3000/v1")
        before, cpu, start = sum(count.events), time.process_time(), time.perf_counter()
        read(0, f"{url}/bulk/{_BULK_EVENTS}/v1")
        return _measured(count, cpu, start, before)

    async def one(number: int, url: str) -> None:
        done = asyncio.Event()
        loop = asyncio.get_running_loop()

        def run() -> None:
            read(number, url)
            loop.call_soon_threadsafe(done.set)

        threading.Thread(target=run, daemon=True).start()
        await done.wait()

    return asyncio.run(_do(mode, url, streams, count, one))


def _resident() -> int:
    import psutil

    size: int = psutil.Process().memory_info().rss
    return size


def _child(*arguments: object) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.bench_loops", *map(str, arguments)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    found: dict[str, float] = json.loads(ran.stdout)
    return found


def _show() -> None:
    with server.running() as url:
        for mode, counts in (("bulk", (1, 50)), ("paced", (1, 50, 500))):
            for streams in counts:
                names = [_BLOCKING, *_READERS]
                rounds = [
                    {name: _child(name, mode, url, streams) for name in names}
                    for _ in range(_ROUNDS)
                ]
                _print(f"{mode}, {streams} streams", rounds)
        sizes = {name: _child(name, "idle", url, _IDLE)["size"] / 1e3 for name in _READERS}
        sys.stdout.write(f"{_IDLE} idle streams, KB each: {sizes}\n")


def _print(row: str, rounds: list[dict[str, dict[str, float]]]) -> None:
    def values(name: str, what: str) -> list[float]:
        return [found[name][what] for found in rounds]

    sys.stdout.write(f"{row}\n")
    for name in rounds[0]:
        cpu = spread([1e6 * one for one in values(name, "cpu")]).median
        line = f"  {name:24} {cpu:7.2f} us CPU/event"
        for other in (_BLOCKING, _OURS):
            ratio = ratios(values(name, "cpu"), values(other, "cpu")).median
            line += f"  {ratio:5.2f} x {other}"
        if "delay" in rounds[0][name]:
            delay = spread([1e6 * one for one in values(name, "delay")]).median
            against = ratios(values(name, "delay"), values(_BARE, "delay")).median
            line += f"  late {delay:6.1f} us, {against:.2f} x bare"
        sys.stdout.write(f"{line}  ({spread(values(name, 'rate')).median:.0f}/s)\n")
    sys.stdout.flush()


def _main(name: str, mode: str, url: str, streams: str) -> None:
    if name == _BLOCKING:
        found = _in_threads(mode, url, int(streams))
    else:
        found = asyncio.run(_in_loop(name, mode, url, int(streams)))
    sys.stdout.write(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)  # the streams have no end to wait for


if __name__ == "__main__":
    if sys.argv[1:]:
        _main(*sys.argv[1:])
    else:
        _show()
