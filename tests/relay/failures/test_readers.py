"""Readers that read nothing, or late; cursors from nowhere; a process that only serves dies."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse

import pytest

from relay.served import text_of

from .cases import plays
from .model import Model
from .reader import PATIENCE
from .stand import Stand, Worker

pytestmark = pytest.mark.unmeasured

_STRANGE = ("9-9", "999999999-999999999", "1-99999", "0-0", "-1", "1-4-end-end", "x", "1e3-1")


@contextlib.contextmanager
def _unread(worker: Worker, stream: str) -> Iterator[HTTPResponse]:
    """Yield a response of which only the headers are read, with a small receive buffer."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(PATIENCE)
        sock.connect(("127.0.0.1", worker.port))
        connection = HTTPConnection("127.0.0.1", worker.port)
        connection.sock = sock
        connection.request("GET", f"/streams/{stream}/events", headers={"x-user": "alice"})
        with connection.getresponse() as response:
            yield response


@plays("readers-stalled")
def test_readers_that_stall(stand: Stand, model: Model) -> None:
    """The answer is larger than the connections' buffers, so these readers really stall."""
    model.gate_at = 1
    model.pieces, model.length = 230, 20_000
    stand.lease = PATIENCE
    worker = stand.worker()
    stream = stand.ask(worker)
    with contextlib.ExitStack() as stack:
        unread = [stack.enter_context(_unread(worker, stream)) for _ in range(11)]
        reader = stand.read(stream, worker)
        model.gate_of("Hi").release()
        reader.until_over()
        late = unread[0].read()
    assert text_of(late) == model.text("Hi")
    stand.check(stream)


@plays("readers-lost")
def test_cursors_from_nowhere(stand: Stand, model: Model) -> None:
    """A reader with such a cursor gets the whole answer; a cursor of an end gets nothing."""
    model.gate_at = 12
    stand.lease = PATIENCE
    stand.worker()
    web = stand.worker(produces=False)
    stream = stand.ask(web)
    for cursor in _STRANGE:
        reader = stand.read(stream, web, cursor=cursor)
        reader.until_shown(model.text("Hi", 12))
    assert web.browser.get(f"/streams/{stream}/events", last_event_id="9-9-end").status == 204
    model.gate_of("Hi").release()
    stand.check(stream)


@plays("readers-apart")
def test_processes_that_only_serve(stand: Stand, model: Model) -> None:
    """Readers of a killed process continue at another one, and the answer is unaffected."""
    model.gate_at = 12
    stand.lease = PATIENCE
    web = stand.worker(produces=False)
    stand.worker()
    stream = stand.ask(web)
    reader = stand.read(stream, web, stand.worker(produces=False))
    reader.until_shown(model.text("Hi", 12))
    web.kill()
    model.gate_of("Hi").release()
    stand.check(stream)
