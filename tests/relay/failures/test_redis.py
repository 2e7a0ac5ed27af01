"""Redis or Valkey is restarted, emptied, gone, or cut off from one process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from relay.proxy import Proxy
from relay.valkey import Valkey

from .cases import Case, plays
from .model import Model
from .network import network
from .reader import PATIENCE
from .stand import Stand, Worker

pytestmark = pytest.mark.unmeasured


def _begun(stand: Stand) -> tuple[str, Worker]:
    """Start an answer; return its stream and the process that reads it, halfway through."""
    stand.lease = PATIENCE
    stand.model.gate_at = 12
    worker = stand.worker()
    web = stand.worker(produces=False)
    stream = stand.ask(web)
    for reader in (stand.read(stream, web), stand.read(stream, worker)):
        reader.until_shown(stand.model.text("Hi", 12))
    return stream, worker


@plays("redis-restarted")
def test_it_is_restarted(stand: Stand, model: Model, own_valkey: Valkey) -> None:
    """Entries that arrive meanwhile are kept and written later."""
    stream, worker = _begun(stand)
    own_valkey.stop()
    model.gate_of("Hi").release()
    worker.until_said("entries wait for the log")
    own_valkey.start()
    stand.check(stream)


@plays("redis-emptied")
def test_it_loses_everything(stand: Stand, model: Model) -> None:
    """The process reads to the end and saves the answer without the log."""
    stream, _ = _begun(stand)
    stand.redis.flushall()
    model.gate_of("Hi").release()
    stand.check(stream, log=False)


@plays("redis-gone")
def test_it_is_gone_for_good(stand: Stand, model: Model, own_valkey: Valkey) -> None:
    """The answer is saved without the log."""
    stream, _ = _begun(stand)
    own_valkey.kill()
    model.gate_of("Hi").release()
    stand.check(stream, log=False)


def _cut_off(stand: Stand, url: str, cut: Callable[[], None], mend: Callable[[], None]) -> None:
    """Check that what a process writes after being cut off for a whole lease does not count."""
    model = stand.model
    model.gate_at = 12
    # With the default timeout, it would be cut off for ten seconds longer.
    worker = stand.worker(log=f"{url}?socket_timeout=1")
    web = stand.worker(produces=False)
    stream = stand.ask(web)
    reader = stand.read(stream, web)
    stand.read(stream, worker, web)
    reader.until_shown(model.text("Hi", 12))
    stand.heir()
    cut()
    model.gate_of("Hi").release()
    reader.until_over()
    stand.until_done(stream)
    entries, row = stand.entries(stream), stand.row(stream)
    mend()
    worker.until_said("has taken over")
    assert (stand.entries(stream), stand.row(stream)) == (entries, row)
    stand.check(stream)


@plays("redis-frozen-link", "redis-cut-link")
def test_one_process_is_cut_off(case: Case, stand: Stand, redis_url: str) -> None:
    """Another process continues with the answer."""
    with Proxy(int(redis_url.rpartition(":")[2])) as proxy:
        cut = proxy.stop if case.name == "redis-frozen-link" else proxy.cut
        _cut_off(stand, f"redis://127.0.0.1:{proxy.port}", cut, proxy.restore)


@plays("redis-partition")
def test_the_network_is_down(stand: Stand) -> None:
    """The network itself is cut; if that is not allowed here, a proxy freezes the link."""
    with network() as link:
        stand.log_url = link.other_url
        _cut_off(stand, link.url, link.cut, link.restore)
