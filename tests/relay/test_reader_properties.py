"""Whatever is written, and whenever readers come and go: each gets all of it, once and in order."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st
from server import PATIENCE

from openai_scan import EventScanner
from openai_scan.relay import Job, Log, MemoryLog, Relay
from openai_scan.relay.entries import Entry, EntryKind, encode_json
from openai_scan.relay.progress import Progress
from openai_scan.relay.reading import Reading

from .memory_store import MemoryStore
from .scripted_upstream import ScriptedUpstream
from .shared_log import Server, SharedLog

pytestmark = pytest.mark.unmeasured


@define
class Reader:
    """A browser: it shows a text, and reconnects with its cursor.

    Attributes:
        cursor: The id of the last frame; `""` before the first one.
        kinds: The types of the frames since the last restart.
        text: The text that it shows.
        is_over: Whether it has seen the end.
    """

    cursor: str = ""
    kinds: list[str] = field(factory=list)
    text: str = ""
    is_over: bool = False

    def take(self, frames: bytes) -> None:
        """Show some frames."""
        scanner = EventScanner([frames])
        while scanner.next():
            event = scanner.event()
            data: dict[str, str] = json.loads(event.data)
            assert not self.is_over
            if event.last_event_id:
                assert place(event.last_event_id) > place(self.cursor), "in order, and once"
                self.cursor = event.last_event_id
                self.kinds.append(event.type)
            else:  # the answer starts over
                assert (event.type, data) == ("reset", {"text": ""})
                self.cursor, self.kinds = "", []
            match event.type:
                case "reset":
                    self.text = data["text"]
                case "delta":
                    self.text += data["text"]
                case "done":
                    self.is_over = True


def place(cursor: str) -> tuple[int, ...]:
    """Return the place of a cursor."""
    return tuple(int(number) for number in cursor.split("-")[:2]) if cursor else (0, 0)


class Writer:
    """Writes a log, in one epoch after the other."""

    def __init__(self, log: Log, stream: str) -> None:
        self.log = log
        self.stream = stream
        self.epoch = 0
        self.seq = 0
        self.take_over()

    def take_over(self) -> None:
        """Begin another epoch."""
        self.epoch, self.seq = self.epoch + 1, 0
        self.write("begin", {})

    def write(self, kind: EntryKind, data: object) -> None:
        """Append an entry."""
        entry = Entry(self.epoch, self.seq, kind, encode_json(data))
        self.log.append(Job(self.stream, self.epoch, str(self.epoch)), [entry])
        self.seq += 1


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=3)

entries = st.one_of(
    st.tuples(st.just("delta"), texts),
    st.tuples(st.just("delta"), texts),
    st.tuples(st.just("reset"), texts),
    st.tuples(st.just("begin"), st.just("")),
    st.tuples(st.just("mark"), st.just("")),
)
"""What is written; `begin` is a takeover."""


def write(writer: Writer, kind: str, text: str) -> None:
    """Write one of `entries`."""
    match kind:
        case "begin":
            writer.take_over()
        case "delta" | "reset":
            writer.write(kind, {"text": text})
        case _:
            writer.write("mark", {})


actions = st.one_of(
    entries,
    entries,
    st.tuples(st.just("read"), st.integers(0, 2), st.integers(1, 3)),
    st.tuples(st.just("read"), st.integers(0, 2), st.integers(1, 3)),
    st.tuples(st.just("leave"), st.integers(0, 2), st.integers(0, 1)),
    st.tuples(st.just("down"), st.just(0), st.just(0)),
)


@given(st.lists(actions, max_size=40), st.lists(entries, max_size=6))
def test_readers_step_by_step(script: list[tuple[Any, ...]], late: list[tuple[Any, ...]]) -> None:
    """Readers of two processes step, leave and reconnect while the log is written and goes down."""
    server, store = Server(), MemoryStore()
    relays = [
        Relay(SharedLog(server), store, ScriptedUpstream([]), produce=False, heartbeat=0.0)
        for _ in range(2)
    ]
    try:
        stream = relays[0].start("Hi", user="alice").stream
        writer = Writer(relays[0].log, stream)
        readers = [Reader() for _ in range(3)]
        readings: list[Reading | None] = [None] * 3

        def read(number: int, relay: Relay, steps: int) -> None:
            for _ in range(steps):
                reading = readings[number]
                if reading is None:
                    reading = relay.follow(stream, readers[number].cursor)
                    readings[number] = reading
                frames = next(reading, None)
                if frames is None:
                    readings[number] = None
                    return
                readers[number].take(frames)

        for action in script:
            match action:
                case "read", int(number), int(steps):
                    if not readers[number].is_over:
                        read(number, relays[number % 2], steps)
                case "leave", int(number), int(_):
                    readings[number] = None
                case "down", _, _:
                    server.go_down()
                    server.come_back()
                case kind, str(text):
                    write(writer, kind, text)
        writer.write("done", {})
        for kind, text in late:  # of a process that takes over at the very end
            write(writer, kind, text)
        for number, reader in enumerate(readers):
            while not reader.is_over:
                read(number, relays[number % 2], 1)
        shown = server.streams[stream]
        end = next(at for at, entry in enumerate(shown, 1) if entry.kind == "done")
        told = Progress.of(shown[:end])
        kinds = [entry.kind for entry in shown[:end] if entry.kind in ("delta", "reset", "done")]
        for reader in readers:
            assert reader.text == told.text()
            assert reader.kinds == kinds
    finally:
        for relay in relays:
            relay.close()


@settings(max_examples=15)
@given(
    st.lists(entries, min_size=1, max_size=60), st.lists(st.integers(1, 5), min_size=4, max_size=4)
)
def test_readers_beside_a_writer(written: list[tuple[str, str]], paces: tuple[int, ...]) -> None:
    """Threads and tasks read while another thread writes; some leave after a few frames each."""
    log = MemoryLog()
    relay = Relay(log, MemoryStore(), ScriptedUpstream([]), produce=False, heartbeat=PATIENCE)
    try:
        stream = relay.start("Hi", user="alice").stream

        def in_a_thread(pace: int) -> Reader:
            reader = Reader()
            while not reader.is_over:
                for frames, _ in zip(relay.iter(stream, reader.cursor), range(pace), strict=False):
                    reader.take(frames)
            return reader

        async def in_a_task(pace: int) -> Reader:
            reader = Reader()
            while not reader.is_over:
                left = pace
                async for frames in relay.aiter(stream, reader.cursor):
                    reader.take(frames)
                    left -= 1
                    if not left:
                        break
            return reader

        async def in_tasks() -> list[Reader]:
            return await asyncio.gather(*[in_a_task(pace + 1) for pace in paces[2:]])

        with ThreadPoolExecutor(3) as threads:
            tasks = threads.submit(asyncio.run, in_tasks())
            runs = [threads.submit(in_a_thread, pace + 1) for pace in paces[:2]]
            writer = Writer(log, stream)
            for kind, text in written:
                write(writer, kind, text)
            writer.write("done", {})
            readers = [run.result(PATIENCE) for run in runs] + tasks.result(PATIENCE)
        text = Progress.of(log.read(stream)).text()
        assert [reader.text for reader in readers] == [text] * 4
    finally:
        relay.close()
