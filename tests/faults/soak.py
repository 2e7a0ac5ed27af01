"""A soak: very many streams with random faults, from several threads, each judged.

Run it with `make soak`. It ends with status 1 if one stream ended as it should not have, or if
memory, threads or descriptors grew.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import itertools
import json
import os
import queue
import statistics
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeAlias
from unittest import mock

import attrs
from attrs import define, field, frozen
from wires import BLOCKING, WIRES

from faults import page
from faults.cases import Case, Expected, Kind, case, expected
from faults.table import Route
from openai_scan import Client, RetryPolicy, StreamCancelledError, Timeout

# A wait that takes longer has failed.
_PATIENCE = 60.0
_IDLE = 0.2

CHECKPOINTS = 10
# What a run has besides its streams is there by then.
_WARM = 2

# The allocator of Python hands memory back in large pieces, or not at all.
_MEMORY_SLACK = 8 * 1024 * 1024
_OBJECT_SLACK = 0.05


Cancels: TypeAlias = "queue.SimpleQueue[Callable[[], object] | None]"
"""What the thread that cancels has to do, in order; None is the end."""


@frozen
class Levels:
    """How much the process holds, after so many streams."""

    streams: int
    resident_bytes: int
    objects: int
    descriptors: int
    threads: int


@frozen
class Seen:
    """How a stream ended.

    Attributes:
        woken_after: How many seconds after the call of `cancel()` its reader knew; None if it was
            not cancelled, or had ended before.
    """

    ending: tuple[str, str | None]
    events: int
    text: str
    woken_after: float | None = field(default=None, eq=False)


@define
class Soak:
    """A run.

    Attributes:
        endings: How many streams met with what and ended how.
        wrong: What went wrong, in words.
        levels: What the process held from time to time.
        woken_after: How many seconds it took until each reader that was cancelled knew.
    """

    seed: int
    streams: int
    threads: int
    wire: str = BLOCKING
    endings: Counter[tuple[str, str]] = field(factory=Counter)
    wrong: list[str] = field(factory=list)
    levels: list[Levels] = field(factory=list)
    woken_after: list[float] = field(factory=list)
    _lock: threading.Lock = field(factory=threading.Lock)

    def run(self, sites: Mapping[str, str]) -> None:
        """Read all streams, in equal parts with a look at the levels after each."""
        with contextlib.ExitStack() as stack:
            clients = {
                place: stack.enter_context(Client("sk-1", sites[place]))
                for place in (*(route.name for route in Route), "UNREACHABLE")
            }
            cancel = stack.enter_context(canceller())
            stack.enter_context(self.no_surprises())
            numbers = itertools.count()
            for part in range(1, CHECKPOINTS + 1):
                last = self.streams * part // CHECKPOINTS
                workers = [
                    threading.Thread(target=self._work, args=(numbers, last, clients, cancel))
                    for _ in range(self.threads)
                ]
                for worker in workers:
                    worker.start()
                for worker in workers:
                    worker.join()
                numbers = itertools.count(last)
                self.levels.append(levels_of(last))
        self.compare()

    def _work(
        self,
        numbers: Iterator[int],
        last: int,
        clients: Mapping[str, Client],
        cancel: Cancels,
    ) -> None:
        while (number := next(numbers)) < last:
            one = case(self.seed, number)
            seen = read(one, clients, cancel)
            complaint = judge(expected(one), seen)
            with self._lock:
                self.note(one, seen, complaint)

    def note(self, one: Case, seen: Seen, complaint: str | None) -> None:
        """Count how the stream of a case ended, and what is wrong with that."""
        self.endings[one.kind.value, " ".join(filter(None, seen.ending))] += 1
        if seen.woken_after is not None:
            self.woken_after.append(seen.woken_after)
        if complaint:
            self.wrong.append(f"stream {one.number}: {complaint}: {one}")

    def compare(self) -> None:
        """Compare the last levels with the first after the warming up."""
        warm, end = self.levels[_WARM - 1], self.levels[-1]
        if end.resident_bytes > warm.resident_bytes + _MEMORY_SLACK:
            self.wrong.append("memory has grown")
        if end.objects > warm.objects * (1 + _OBJECT_SLACK):
            self.wrong.append("there are more objects")
        # Each thread may have left a connection to be used again, over each route.
        if end.descriptors > warm.descriptors + len(Route) * self.threads:
            self.wrong.append("there are more descriptors")
        if end.threads > warm.threads:
            self.wrong.append("there are more threads")

    @contextlib.contextmanager
    def no_surprises(self) -> Iterator[None]:
        """Report warnings, and exceptions that would be ignored, as errors."""

        def unseen(args: Any) -> None:
            self.wrong.append(f"an exception that nobody sees: {args.exc_value!r}")

        with (
            warnings.catch_warnings(),
            mock.patch.object(sys, "unraisablehook", unseen),
            mock.patch.object(threading, "excepthook", unseen),
        ):
            warnings.simplefilter("error")
            yield


def read(one: Case, clients: Mapping[str, Client], cancel: Cancels) -> Seen:
    """Read the stream of a case to its end, or as far as the case says."""
    unreachable = one.kind is Kind.UNREACHABLE
    client = clients["UNREACHABLE" if unreachable else one.route.name]
    s = client.create_chat_completion_stream(model=str(one.number), messages=[], **settings_of(one))
    text = ""
    cancelled_at: list[float] = []

    def cancel_it() -> None:
        cancelled_at.append(time.monotonic())
        s.cancel()

    def come_to(events: int) -> None:
        """Do what the case says the reader does after so many events."""
        if events == one.before and one.kind is Kind.LEAVE:
            s.close()
        if events == one.before and one.kind is Kind.CANCEL:
            cancel.put(cancel_it)

    try:
        come_to(0)
        while s.next():
            text += s.text() or ""
            come_to(s.events_read)
        ended_at = time.monotonic()
    finally:
        s.close()
    error = s.err()
    return Seen(
        (str(s.outcome), None if error is None else type(error).__name__),
        s.events_read,
        text,
        ended_at - cancelled_at[0] if isinstance(error, StreamCancelledError) else None,
    )


def judge(expected: Expected, seen: Seen) -> str | None:
    """Return what is wrong with what was seen, or None."""
    fewest, most = expected.events
    if seen.ending not in expected.endings:
        return f"{seen.ending}, and not one of {expected.endings}"
    if not fewest <= seen.events <= most:
        return f"{seen.events} events, and not {fewest} to {most}"
    if not expected.text.startswith(seen.text) or (fewest == most and seen.text != expected.text):
        return f"the text {seen.text!r}, and not {expected.text!r}"
    return None


def settings_of(one: Case) -> Any:
    """Return the limits, and the attempts, of the request of a case."""
    idle = _IDLE if one.kind is Kind.STALL else _PATIENCE
    return {
        "timeout": Timeout(connect=_PATIENCE, first_byte=_PATIENCE, idle=idle),
        "retries": RetryPolicy(attempts=2 if one.kind is Kind.RETRY else 1, wait_max=0),
    }


@contextlib.contextmanager
def canceller() -> Iterator[Cancels]:
    """Cancel what is put into the queue, in a thread."""
    cancels: Cancels = queue.SimpleQueue()

    def work() -> None:
        while (cancel := cancels.get()) is not None:
            cancel()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield cancels
    finally:
        cancels.put(None)
        thread.join()


def levels_of(streams: int) -> Levels:
    """Return what the process holds."""
    gc.collect()
    for thread in threading.enumerate():
        # After a cancellation, these are left running.
        if thread.name in ("openai_scan-resolver", "openai_scan stream"):
            thread.join()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Levels(
        streams,
        pages * os.sysconf("SC_PAGESIZE"),
        len(gc.get_objects()),
        len(list(Path("/proc/self/fd").iterdir())),
        threading.active_count(),
    )


@contextlib.contextmanager
def _sites(seed: int) -> Iterator[dict[str, str]]:
    """Start the servers' process; the environment leads to it meanwhile."""
    with subprocess.Popen(
        [sys.executable, "-m", "faults.soak_server", str(seed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        found = json.loads(process.stdout.readline())
        variables = {name: found[name] for name in found if not name.isupper() or "_CA_" in name}
        with mock.patch.dict(os.environ, variables):
            yield found
        process.stdin.close()


def report(soak: Soak, seconds: float) -> dict[str, Any]:
    """Return the figures of a run."""
    of_wire = "" if soak.wire == BLOCKING else f" --wire {soak.wire}"
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "command": f"make soak SOAK='--streams {soak.streams} --threads {soak.threads}"
        f" --seed {soak.seed}{of_wire}'",
        "seconds": round(seconds),
        "streams": soak.streams,
        "wrong": len(soak.wrong),
        "cancelled": {
            "streams": len(soak.woken_after),
            "median_ms": round(1000 * statistics.median(soak.woken_after or [0]), 2),
            "longest_ms": round(1000 * max(soak.woken_after, default=0), 2),
        },
        "levels": [attrs.asdict(one) for one in soak.levels],
        "endings": [[*key, count] for key, count in sorted(soak.endings.items())],
    }


def soak_over(wire: str) -> type[Soak]:
    """Return the class of a soak over a wire."""
    if wire == BLOCKING:
        return Soak
    from faults.async_soak import AsyncSoak

    return AsyncSoak


def main(arguments: list[str] | None = None) -> int:
    """Run a soak, print its figures, and return whether something was wrong."""
    parser = argparse.ArgumentParser(prog="python -m faults.soak", description=__doc__)
    parser.add_argument("--streams", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--wire", choices=WIRES, default=BLOCKING)
    parser.add_argument("--record", action="store_true", help="put the figures into the docs")
    options = parser.parse_args(arguments)
    soak = soak_over(options.wire)(options.seed, options.streams, options.threads, options.wire)
    started = time.monotonic()
    with _sites(options.seed) as sites:
        soak.run(sites)
    figures = report(soak, time.monotonic() - started)
    print(page.of_soak(figures), *soak.wrong, sep="\n")  # noqa: T201 - it is what it is for
    if options.record:
        page.FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
        page.write()
    return 1 if soak.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
