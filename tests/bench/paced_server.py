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
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.serving import END, HEAD, TIME, chunks, started, timed_frame

_EVENTS = 2_000


@contextlib.contextmanager
def running(certificate: Path | None = None) -> Iterator[str]:
    """Run the server, and give its URL.

    Args:
        certificate: The key and the certificate of `localhost`, for TLS; None for none.
    """
    where = [] if certificate is None else [str(certificate)]
    with started("bench.paced_server", *where) as port:
        yield f"http://127.0.0.1:{port}" if certificate is None else f"https://localhost:{port}"


_chunks = functools.cache(chunks)
_frame = functools.cache(timed_frame)


def _events(kind: str) -> Iterator[Callable[[], bytes]]:
    """Yield what makes each event, at the moment when it is sent."""
    if kind == "timed":
        before, after = _frame()
        return itertools.repeat(lambda: before + TIME % time.monotonic_ns() + after)
    return (functools.partial(bytes, chunk) for chunk in (*_chunks(kind, _EVENTS), END))


def _serve(accepted: socket.socket, tls: ssl.SSLContext | None) -> None:
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # The client goes away when it has read enough.
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        connection = stack.enter_context(
            accepted if tls is None else tls.wrap_socket(accepted, server_side=True)
        )
        kind, rate = _read_request(connection)
        connection.sendall(HEAD)
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
