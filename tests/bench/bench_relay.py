"""What a relay costs, beside a reader that only reads: CPU, memory, delay, and whether all arrives.

`make bench-relay` runs it, or `python -m bench.bench_relay [all | load | readers | stalled] [N]` in
`tests/`; `load N` takes the names of the logs to try as well: memory, sqlite, redis. Everything is
a process of its own: the server of the model, the relay or the bare reader, and this one, which is
all of the browsers. A Valkey is started for the log on Redis.

A relay is asked for so many answers at once, of 240 events at 20 a second, and each is followed by
one browser. Every text is compared, and every row in the database.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen

from bench import relay_upstream
from bench.serving import started
from bench.timing import ratios, spread

_EVENTS = 240
_RATE = 20
_ROUNDS = 2
_PAUSE = 0.02  # between the starts of two answers, so that they are not all in step
_STALLED = 10
_MANY_READERS = 1_000
_LOGS = ("memory", "sqlite", "redis")


@frozen
class Worker:
    """A relay in a process of its own."""

    port: int
    database: Path

    def rows(self) -> list[tuple[str, str]]:
        """Return the status and the text of each answer."""
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            query = "SELECT status, content FROM messages WHERE role = 'assistant'"
            return connection.execute(query).fetchall()


@contextlib.contextmanager
def relay(url: str, log: str) -> Iterator[Worker]:
    """Run a relay whose model is at *url*."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder, "relay.db")
        if log == "sqlite":
            log = f"sqlite:///{database}"
        with started("bench.relay_worker", "relay", url, log, f"sqlite:///{database}") as port:
            yield Worker(port, database)


@contextlib.contextmanager
def valkey() -> Iterator[str]:
    """Run a Valkey, and give its URL."""
    from relay.valkey import running

    with running() as server:
        yield server.url


class Browser:
    """One request to a relay, over a connection of its own."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Return the body of a short response."""
        reader, writer = await self._send(method, path, body)
        with contextlib.closing(writer):
            whole = await reader.read()
        return whole.partition(b"\r\n\r\n")[2]

    async def follow(self, stream: str, taken: Taken) -> None:
        """Read an answer to its end."""
        reader, writer = await self._send("GET", f"/streams/{stream}/events")
        with contextlib.closing(writer):
            await reader.readuntil(b"\r\n\r\n")
            rest = b""
            while chunk := await reader.read(65536):
                *blocks, rest = (rest + chunk).split(b"\n\n")
                for block in blocks:
                    taken.take(block)

    async def stall(self, stream: str) -> asyncio.StreamWriter:
        """Ask for an answer, and read nothing of it."""
        _, writer = await self._send("GET", f"/streams/{stream}/events", limit=1)
        return writer

    async def _send(
        self, method: str, path: str, body: bytes = b"", limit: int = 2**16
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=limit)
        writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        return reader, writer


class Taken:
    """What a browser has read of one answer.

    Attributes:
        text: The text, put together.
        end: What `done` has said.
        times: When each event arrived, by the clock of this process.
    """

    def __init__(self) -> None:
        self.text = ""
        self.end: dict[str, Any] | None = None
        self.times: list[float] = []

    def take(self, block: bytes) -> None:
        """Take a frame."""
        _, found, data = block.partition(b"data: ")
        if not found:
            return
        value = json.loads(data.partition(b"\n")[0])
        if b"event: delta" in block:
            self.text += value.get("text", "")
            self.times.append(time.perf_counter())
        elif b"event: reset" in block:
            self.text = value["text"]
        elif b"event: done" in block:
            self.end = value


@frozen
class Run:
    """What one run has shown.

    Attributes:
        cpu: CPU seconds of the relay for each event.
        share: Of one core, while the answers came.
        memory: Resident bytes of the relay for each stream.
        delays: How much later than the steady pace each event arrived, in seconds.
        wrong: The texts that differ, and the rows.
    """

    cpu: float
    share: float
    memory: float
    wrong: int
    delays: list[float] = field(repr=False)


async def _load(worker: Worker, streams: int) -> Run:
    browser = Browser(worker.port)
    await _warm_up(browser)
    before = json.loads(await browser.ask("GET", "/measured"))
    start = time.perf_counter()
    taken = [Taken() for _ in range(streams)]
    tasks = []
    for one in taken:
        tasks.append(asyncio.ensure_future(_answer(browser, one)))
        await asyncio.sleep(_PAUSE)
    await asyncio.sleep(_EVENTS / _RATE - _PAUSE * streams - 1.0)
    resident = json.loads(await browser.ask("GET", "/measured"))["resident"]
    await asyncio.gather(*tasks)
    seconds = time.perf_counter() - start
    after = json.loads(await browser.ask("GET", "/measured"))
    cpu = after["cpu"] - before["cpu"]
    text = relay_upstream.text(_EVENTS)
    wrong = sum(one.text != text or (one.end or {}).get("saved") is not True for one in taken)
    wrong += streams - sum(row == ("completed", text) for row in worker.rows())
    return Run(
        cpu=cpu / (streams * _EVENTS),
        share=cpu / seconds,
        memory=(resident - before["resident"]) / streams,
        wrong=wrong,
        delays=[delay for one in taken for delay in _delays(one.times)],
    )


async def _warm_up(browser: Browser) -> None:
    """Do what is done only once: stop an answer in the middle."""
    started = json.loads(await browser.ask("POST", "/streams", b'{"prompt": "Go"}'))
    reading = asyncio.ensure_future(browser.follow(started["stream"], Taken()))
    await asyncio.sleep(0.5)
    await browser.ask("POST", f"/streams/{started['stream']}/stop", b"{}")
    await reading


async def _answer(browser: Browser, taken: Taken) -> None:
    started = json.loads(await browser.ask("POST", "/streams", b'{"prompt": "Go"}'))
    await browser.follow(started["stream"], taken)


def _delays(times: list[float]) -> list[float]:
    """Return how late each event was, by the pace of the one that was least late."""
    ideal = [at - number / _RATE for number, at in enumerate(times)]
    first = min(ideal)
    return [at - first for at in ideal]


def _bare(url: str, streams: int) -> float:
    """Return the CPU seconds for each event of a process that only reads."""
    command = [sys.executable, "-m", "bench.relay_worker", "bare", url, str(streams)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found = json.loads(ran.stdout)
    return float(found["cpu"] / found["events"])


def _show_load(streams: int, names: Sequence[str]) -> None:
    with relay_upstream.running() as server, valkey() as redis:
        url = f"{server}/answer/{_EVENTS}/{_RATE}/v1"
        logs = {name: redis if name == "redis" else name for name in names or _LOGS}
        bare: list[float] = []
        runs: dict[str, list[Run]] = {name: [] for name in logs}
        for _ in range(_ROUNDS):
            bare.append(_bare(url, streams))
            for name, log in logs.items():
                with relay(url, log) as worker:
                    runs[name].append(asyncio.run(_load(worker, streams)))
    _print(f"{streams} answers of {_EVENTS} events at {_RATE} a second, one browser each")
    _print(f"  bare reader  {1e6 * spread(bare).median:6.1f} us CPU an event")
    for name, found in runs.items():
        cpu = spread([1e6 * run.cpu for run in found])
        ratio = ratios([run.cpu for run in found], bare)
        delays = sorted(delay for run in found for delay in run.delays)
        _print(
            f"  {name:12} {cpu.median:6.1f} us CPU an event, {ratio.median:.2f} x bare"
            f" ({ratio.low:.2f} to {ratio.high:.2f}), {spread([r.share for r in found]).median:.0%}"
            f" of a core, {spread([r.memory for r in found]).median / 1e3:.0f} KB a stream,"
            f" late {1e3 * delays[len(delays) // 2]:.1f} ms"
            f" (p99 {1e3 * delays[len(delays) * 99 // 100]:.0f}),"
            f" wrong: {sum(run.wrong for run in found)}"
        )


async def _readers(worker: Worker, readers: int) -> None:
    browser = Browser(worker.port)
    await _warm_up(browser)
    started = json.loads(await browser.ask("POST", "/streams", b'{"prompt": "Go"}'))
    before = json.loads(await browser.ask("GET", "/measured"))
    start = time.perf_counter()
    taken = [Taken() for _ in range(readers)]
    await asyncio.gather(*(browser.follow(started["stream"], one) for one in taken))
    after = json.loads(await browser.ask("GET", "/measured"))
    seconds = time.perf_counter() - start
    exact = sum(one.text == relay_upstream.text(_EVENTS) for one in taken)
    cpu = after["cpu"] - before["cpu"]
    _print(
        f"{readers} browsers of one answer: {exact} exact, {cpu / seconds:.0%} of a core,"
        f" {1e6 * cpu / readers / _EVENTS:.1f} us CPU for each frame,"
        f" {(after['resident'] - before['resident']) / 1e6:.1f} MB"
    )


def _show_readers(readers: int) -> None:
    with relay_upstream.running() as server:
        url = f"{server}/answer/{_EVENTS}/{_RATE}/v1"
        with relay(url, "memory") as worker:
            asyncio.run(_readers(worker, readers))


async def _stalled(worker: Worker, events: int) -> None:
    browser = Browser(worker.port)
    started = json.loads(await browser.ask("POST", "/streams", b'{"prompt": "Go"}'))
    taken = Taken()
    reading = asyncio.ensure_future(browser.follow(started["stream"], taken))
    await asyncio.sleep(1)
    before = json.loads(await browser.ask("GET", "/measured"))
    writers = [await browser.stall(started["stream"]) for _ in range(_STALLED)]
    await reading
    after = json.loads(await browser.ask("GET", "/measured"))
    for writer in writers:
        writer.close()
    _print(
        f"{_STALLED} browsers that read nothing of {events} events:"
        f" {(after['resident'] - before['resident']) / 1e6:.1f} MB more, and the one that reads:"
        f" {'exact' if taken.text == relay_upstream.text(events) else 'WRONG'}"
    )


def _show_stalled() -> None:
    events, rate = 3_000, 300
    with relay_upstream.running() as server:
        with relay(f"{server}/answer/{events}/{rate}/v1", "memory") as worker:
            asyncio.run(_stalled(worker, events))


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _main(topic: str = "all", number: str = "", *names: str) -> None:
    if topic in ("all", "load"):
        for streams in [int(number)] if number else [50, 200, 300]:
            _show_load(streams, names)
    if topic in ("all", "readers"):
        _show_readers(int(number or _MANY_READERS))
    if topic in ("all", "stalled"):
        _show_stalled()


if __name__ == "__main__":
    _main(*sys.argv[1:])
