"""A process is killed at any point of its work, and another one continues."""

from __future__ import annotations

import signal

import pytest

from .cases import CASES, Case, plays
from .model import Model
from .reader import Reader
from .stand import Stand, Worker, until
from .worker import Fault

pytestmark = pytest.mark.unmeasured

_POINTS = tuple(name for name, case in CASES.items() if case.point and name.startswith("killed-"))


@plays(*_POINTS)
def test_at_a_point(case: Case, stand: Stand) -> None:
    """Readers of the killed process and of another one get the same text, which is the row's."""
    web = stand.worker(produces=False)
    killed = stand.mortal(count=12 if case.point == "delta" else 1)
    stream = stand.ask(web)
    stand.read(stream, web)
    stand.read(stream, killed, web)
    killed.until_reached(case.point)
    assert killed.until_dead() == -signal.SIGKILL
    if case.point != "finish":
        stand.heir()
    stand.check(stream)


@plays("killed-silent")
def test_while_upstream_is_silent(stand: Stand) -> None:
    """The process is killed from outside, and its reader reconnects to another one."""
    stream, killed = stand.begun_beside_readers()
    killed.kill()
    stand.heir()
    stand.check(stream)


@plays("killed-many")
def test_many(stand: Stand, model: Model) -> None:
    """Two of three processes are killed one after the other; each answer is generated once."""
    model.gate_at = 12
    stand.lease = 3.0
    web = stand.worker(produces=False)
    prompts = [f"prompt{number}" for number in range(20)]
    workers: list[Worker] = []
    streams: list[str] = []
    readers: list[Reader] = []
    for slots, some in ((7, prompts[:7]), (7, prompts[7:14]), (1000, prompts[14:])):
        keeps = slots == 1000 and not stand.is_on_redis  # what it has, not what it may take over
        workers.append(stand.worker(keeps=keeps, slots=slots))
        for prompt in some:  # the processes before have no room for them
            streams.append(stand.ask(web, prompt))
            readers.append(stand.read(streams[-1], web))
        for prompt, reader in zip(prompts, readers, strict=False):
            reader.until_shown(model.text(prompt, 12))
    for killed, some_readers in ((workers[0], readers[:7]), (workers[1], readers[7:14])):
        killed.kill()
        for reader in some_readers:
            reader.until_over()
    for prompt in prompts[14:]:
        model.gate_of(prompt).release()
    stand.check(*streams)


@plays("killed-by-job")
def test_by_the_job(case: Case, stand: Stand) -> None:
    """A job that has killed five processes is given up; the text so far is kept."""
    stand.lease = 0.5
    web = stand.worker(produces=False)
    stream = stand.ask(web)
    stand.read(stream, web)
    for _ in range(5):
        killed = stand.worker(fault=Fault("delta", 2))
        killed.until_reached("delta")
        killed.until_dead()
    stand.heir()
    stand.check(stream)
    assert stand.row(stream).text == stand.model.text("Hi", 10)


@plays("killed-task")
def test_in_a_task(stand: Stand) -> None:
    """The next task takes the job over."""
    web = stand.worker(produces=False)
    stream = stand.ask(web)
    stand.read(stream, web)
    killed = stand.worker(is_task=True, fault=Fault("delta", 12))
    killed.until_reached("delta")
    killed.until_dead()
    stand.heir(is_task=True)
    stand.check(stream)


@plays("killed-log-lost")
def test_with_the_log(stand: Stand, model: Model) -> None:
    """Only the row is left, which a sweeper closes."""
    model.gate_at = 12
    web = stand.worker(produces=False)
    killed = stand.worker()
    stream = stand.ask(web)
    reader = stand.read(stream, web)
    reader.until_shown(model.text("Hi", 12))
    killed.kill()
    for key in stand.redis.scan_iter(f"{stand.prefix}:*"):
        stand.redis.delete(key)
    stand.worker(sweeps_after=0.5)
    until(lambda: stand.row(stream).status == "incomplete")
    assert stand.row(stream).text == ""
    stand.check(stream, log=False)
