"""What the servers of the benchmarks share: each is a process, and sends a stream in chunks."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench import workloads

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
TIME = b"%020d"  # of the same length for all, so that the frame around it can be made beforehand


@contextlib.contextmanager
def started(*arguments: str) -> Iterator[int]:
    """Run a module with its arguments, and give the port that it prints; it ends with its input."""
    # It finds the benchmarks where this process does.
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", *arguments]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()


def chunk(data: bytes) -> bytes:
    """Return *data* as a chunk of the transfer coding."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def chunks(family: str, events: int) -> list[bytes]:
    """Return the events of a stream, each as a chunk of its own, without the end."""
    blocks = workloads.workload(family, events).stream.split(b"\n\n")[:-1]
    return [chunk(block + b"\n\n") for block in blocks]


def timed_frame() -> tuple[bytes, bytes]:
    """Return what precedes and what follows the time in a chat event whose text it is."""
    block = workloads.workload("chat", 10).stream.split(b"\n\n")[1] + b"\n\n"
    before, _, after = block.partition(b'"content":"The"')
    event = before + b'"content":"' + TIME % 0 + b'"' + after
    start, _, rest = chunk(event).partition(TIME % 0)
    return start, rest
