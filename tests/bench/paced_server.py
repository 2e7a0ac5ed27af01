"""A server that sends one event at a time, each in a packet of its own, on a steady schedule.

It runs in a process of its own. The path says what to send: `/chat/50/v1/...` is a stream of
Chat Completions at 50 events a second, `/responses/50/v1/...` one of the Responses API. In
`/timed/50/v1/...`, Chat Completions again, the text of each event is when it was sent, in ns of
the clock that all processes share. A client hangs up when it has read enough.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench import workloads

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_EVENTS = 2_000
_TIME = b"%020d"  # of the same length for all, so that the frame around it can be made beforehand


@contextlib.contextmanager
def running(certificate: Path | None = None) -> Iterator[str]:
    """Run the server, and give its URL.

    Args:
        certificate: The key and the certificate of `localhost`, for TLS; None for none.
    """
    command = [sys.executable, "-m", "bench.paced_server"]
    scheme, host = "http", "127.0.0.1"
    if certificate is not None:
        command.append(str(certificate))
        scheme, host = "https", "localhost"
    pipe = subprocess.PIPE
    # It finds the benchmarks where this process does.
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"{scheme}://{host}:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()  # it ends with that


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@functools.cache
def _chunks(family: str) -> Sequence[bytes]:
    """Return the events of a stream, each as a chunk of its own; the last ends the stream."""
    blocks = workloads.workload(family, _EVENTS).stream.split(b"\n\n")
    return [_chunk(block + b"\n\n") for block in blocks[:-1]] + [b"0\r\n\r\n"]


@functools.cache
def _frame() -> tuple[bytes, bytes]:
    """Return what precedes and what follows the time in an event of a timed stream."""
    block = workloads.workload("chat", 10).stream.split(b"\n\n")[1] + b"\n\n"
    before, _, after = block.partition(b'"content":"The"')
    start, _, rest = _chunk(before + b'"content":"' + _TIME % 0 + b'"' + after).partition(_TIME % 0)
    return start, rest


def _events(kind: str) -> Iterator[Callable[[], bytes]]:
    """Yield what makes each event, at the moment when it is sent."""
    if kind == "timed":
        before, after = _frame()
        return itertools.repeat(lambda: before + _TIME % time.monotonic_ns() + after)
    return (functools.partial(bytes, chunk) for chunk in _chunks(kind))


def _serve(accepted: socket.socket, tls: ssl.SSLContext | None) -> None:
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # The client goes away when it has read enough.
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        connection = stack.enter_context(
            accepted if tls is None else tls.wrap_socket(accepted, server_side=True)
        )
        kind, rate = _read_request(connection)
        connection.sendall(_HEAD)
        due = time.monotonic()
        for make in _events(kind):
            due += 1 / rate
            now = time.monotonic()
            if now < due:
                time.sleep(due - now)
            else:
                due = now  # a late event delays the others, so that no two are sent at once
            connection.sendall(make())


def _read_request(connection: socket.socket) -> tuple[str, int]:
    """Read a request; return what it asks for, and how many events a second."""
    with connection.makefile("rb") as lines:
        first = lines.readline().decode()
        length = 0
        while (line := lines.readline().strip().lower()) and line:
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        lines.read(length)
    _, kind, rate, *_ = first.split(" ")[1].split("/")
    return kind, int(rate)


def _main(certificate: Sequence[str]) -> None:
    tls = None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*certificate)
    listener = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()

    def accept() -> None:
        while True:
            accepted, _ = listener.accept()
            threading.Thread(target=_serve, args=(accepted, tls), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    # The process that started it closes its input, or dies, and then it has nothing more to do.
    sys.stdin.read()


if __name__ == "__main__":
    _main(sys.argv[1:])
