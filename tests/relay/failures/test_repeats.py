"""The same job exists several times, or the same request arrives several times."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest

from .cases import plays
from .model import Model
from .reader import PATIENCE
from .stand import Stand

pytestmark = pytest.mark.unmeasured


@plays("twice-job")
def test_a_job_that_is_there_three_times(stand: Stand, model: Model) -> None:
    """Two of the three are dropped, even if another process takes them."""
    model.gate_at = 12
    stand.lease = PATIENCE
    web = stand.worker(produces=False)
    stand.worker()
    stand.worker()
    stream = stand.ask(web)
    reader = stand.read(stream, web)
    for _ in range(2):
        stand.redis.xadd(f"{stand.prefix}:jobs", {"stream": stream})
    reader.until_shown(model.text("Hi", 12))
    model.gate_of("Hi").release()
    stand.check(stream)


@plays("twice-post")
def test_a_request_that_comes_six_times(stand: Stand) -> None:
    """All six get the same response, and there is one answer.

    In Redis there may be two jobs, and a process that has lost the race keeps its own for a lease.
    """
    stand.lease = 3.0
    workers = [stand.worker(keeps=False), stand.worker(keeps=False)] * 3
    stream = f"Hi-{secrets.token_urlsafe(12)}"
    with ThreadPoolExecutor(len(workers)) as pool:
        answers = [*pool.map(lambda worker: stand.post(worker, stream), workers)]
    assert [answer.status for answer in answers] == [202] * 6
    (told,) = {answer.body for answer in answers}
    assert stream in told.decode()
    stand.read(stream, *workers[:2])
    stand.check(stream)
    messages = stand.store.history(answers[0].json["conversation"], "alice")
    assert [message.role for message in messages] == ["user", "assistant"]
