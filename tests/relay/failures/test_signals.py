"""A process is frozen and wakes up, or is told to end; the user presses Stop."""

from __future__ import annotations

import signal

import pytest

from .cases import Case, plays
from .model import Model
from .reader import PATIENCE
from .stand import Stand

pytestmark = pytest.mark.unmeasured


@plays("frozen-")
def test_frozen_at_a_point(case: Case, stand: Stand) -> None:
    """A process that wakes up changes nothing and does not cancel the answer upstream."""
    web = stand.worker(produces=False)
    frozen = stand.mortal(signal.SIGSTOP, count=12 if case.point == "delta" else 1)
    stream = stand.ask(web)
    reader = stand.read(stream, web)
    frozen.until_reached(case.point)
    frozen.until_frozen()
    stand.heir()
    reader.until_over()
    stand.until_done(stream)
    entries, row = stand.entries(stream), stand.row(stream)
    frozen.send(signal.SIGCONT)
    frozen.until_said("has taken over", "is finished")
    assert (stand.entries(stream), stand.row(stream)) == (entries, row)
    stand.check(stream)


@plays("ended-responses", "ended-chat")
def test_asked_to_exit(stand: Stand) -> None:
    """Its readers reconnect to another process, which need not wait for the lease to expire."""
    stand.lease = PATIENCE
    stream, ended = stand.begun_beside_readers()
    stand.worker()
    stand.end(ended)
    stand.check(stream)


@plays("ended-unread")
def test_asked_to_exit_without_readers(stand: Stand) -> None:
    """The server does not exit before its jobs are handed over, even without readers."""
    stand.lease = PATIENCE
    stream, ended, _ = stand.begun()
    stand.worker()
    stand.end(ended)
    stand.check(stream)


@plays("stopped-chat", "stopped-responses")
def test_stopped_through_another_process(case: Case, stand: Stand, model: Model) -> None:
    """The text so far is kept, and upstream stops."""
    model.gate_at = 12
    stand.lease = PATIENCE
    stand.worker()
    web = stand.worker(produces=False)
    stream = stand.ask(web)
    reader = stand.read(stream, web)
    reader.until_shown(model.text("Hi", 12))
    with stand.measuring("stop"):
        assert web.browser.post(f"/streams/{stream}/stop").status == 202
        reader.until_over()
    stand.check(stream)
    assert stand.row(stream).text == model.text("Hi", 12)
    if case.api == "chat":
        assert model.server.hung_up.wait(PATIENCE)
