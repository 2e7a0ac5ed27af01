"""A relay, served to a browser."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from openai_scan import Client, RetryPolicy
from openai_scan.relay import ChatUpstream, Limits, MemoryLog, Relay
from openai_scan.testing import FakeServer
from relay.memory_store import MemoryStore
from relay.page.reader import Reader
from relay.page.serving import KINDS, Kind, Serving
from relay.page.tabs import Tabs


@pytest.fixture(scope="session")
def tabs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tabs]:
    """Start a browser. Where it has to be, as in `.ci/run`, it is no reason to skip."""
    if not Tabs.command and "OPENAI_SCAN_BROWSER" not in os.environ:
        pytest.skip("there is no Chromium here; `.ci/run` installs it")
    with Tabs(tmp_path_factory.mktemp("profile")) as started:
        yield started


class Stand:
    """A relay behind both kinds of servers, for all tests; each one finds it as it was made."""

    def __init__(self, client: Client, api: FakeServer) -> None:
        self.api = api
        self.store = MemoryStore()
        upstream = ChatUpstream(client)
        self.relay = Relay(MemoryLog(), self.store, upstream, models=("large", "small"))
        self._numbers = itertools.count()
        self.serving = {kind: Serving(self.relay, kind) for kind in KINDS}

    def clear(self) -> None:
        """Make it as it was."""
        self.api.strict = True
        self.api.requests.clear()
        self.api.hung_up.clear()
        self.store.is_down = False
        self.relay.limits = Limits()
        for serving in self.serving.values():
            serving.user = f"user-{next(self._numbers)}"  # whose limits no other test has used
            serving.faults.clear()
            serving.asked.clear()


@pytest.fixture(scope="session")
def stand() -> Iterator[Stand]:
    """Start all servers."""
    once = RetryPolicy(attempts=1)
    with FakeServer() as api, Client("k", api.base_url, retries=once) as client:
        stand = Stand(client, api)
        with stand.relay, stand.serving["asgi"], stand.serving["wsgi"]:
            yield stand


@pytest.fixture
def api(stand: Stand) -> Iterator[FakeServer]:
    """Return the model server."""
    yield stand.api
    stand.api.check()


@pytest.fixture
def store(stand: Stand) -> MemoryStore:
    """Return where messages are."""
    return stand.store


@pytest.fixture
def relay(stand: Stand) -> Relay:
    """Return a relay with two models to choose from."""
    return stand.relay


@pytest.fixture
def kind() -> Kind:
    """Return by which kind of server it is served; tests name another one."""
    return "asgi"


@pytest.fixture
def serving(stand: Stand, kind: Kind) -> Serving:
    """Return what serves the relay."""
    stand.clear()
    return stand.serving[kind]


@pytest.fixture
def page(tabs: Tabs, serving: Serving) -> Iterator[Reader]:
    """Open the page. At the end its console has complained of nothing that a test has not taken."""
    reader = Reader(tabs, serving.url)
    first = tabs.tab
    tabs.complaints.clear()
    reader.open()
    yield reader
    for tab in reader.more:
        tabs.use(tab)
        tabs.close()
    tabs.use(first)
    tabs.run("sessionStorage.clear(); localStorage.clear()")
    tabs.open("about:blank")
    assert tabs.complaints == []
