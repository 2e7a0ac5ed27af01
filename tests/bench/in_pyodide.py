"""What is timed in CPython and in Pyodide alike: events from memory. It needs the package alone."""

from __future__ import annotations

from collections.abc import Sequence

from openai_scan import StreamerV2


def chunks_of(stream: str, size: int | None) -> list[bytes]:
    """Return *stream* in chunks of *size* bytes; None for an event in each."""
    data = stream.encode()
    if size is None:
        return [block + b"\n\n" for block in data.split(b"\n\n")[:-1]]
    return [data[at : at + size] for at in range(0, len(data), size)]


def decode(chunks: Sequence[bytes], times: int) -> int:
    """Read a stream so many times, asking each event for its text; return how many events came."""
    events = 0
    for _ in range(times):
        s = StreamerV2(chunks)
        while s.next():
            s.event()
            s.text()
            events += 1
        assert s.outcome == "completed", s.err()
    return events


_kept: dict[str, list[bytes]] = {}


def keep(key: str, stream: str, size: int | None) -> int:
    """Keep a stream for `decode_kept`, and return in how many chunks."""
    _kept[key] = chunks_of(stream, size)
    return len(_kept[key])


def decode_kept(key: str, times: int) -> int:
    """Read a stream that was kept."""
    return decode(_kept[key], times)


def cpu_seconds() -> float:
    """Return the CPU time that Node.js has taken."""
    import js

    usage = js.process.cpuUsage()
    return float(usage.user + usage.system) / 1e6


async def result_of(value: float) -> float:
    """Return *value*, as the harness of the tests asks for it."""
    return value
