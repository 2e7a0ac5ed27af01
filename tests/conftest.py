"""What tests share: how hypothesis draws its examples, a small heap to collect, and fixtures."""

from __future__ import annotations

import gc
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from clocks import Now
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers
from server import ScriptedServer, serving
from wire_differences import difference
from wires import BLOCKING, WIRES, Facade, facades

from openai_scan.transport.session import body
from openai_scan.transport.session.cancellation import SocketCancellation

# Tests promise results, not times, and a shared machine is slow now and then.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

# What `make test` runs: always the same examples, so that luck does not decide. As it would find
# nothing new with more of them, it has fewer than hypothesis draws by default; see `search`.
settings.register_profile("fixed", _PATIENT, derandomize=True, max_examples=60)
# What `make search` runs: new examples each time, and those that failed before.
settings.register_profile("search", _PATIENT, max_examples=2_000)
settings.load_profile("fixed")


def _leave_constants_out() -> None:
    """Keep hypothesis from drawing the constants of modules, unless it searches.

    It takes them from all local modules that are loaded. Which those are depends on the tests that
    ran before in the same process, and with them would the examples.
    """
    of_loaded_modules = providers._get_local_constants

    def constants() -> Any:
        fixed = settings().derandomize
        return providers._local_constants if fixed else of_loaded_modules()

    providers._get_local_constants = constants


# There is no setting for it; `test_examples.py` fails if a newer hypothesis does it elsewhere.
if hasattr(providers, "_get_local_constants"):
    _leave_constants_out()


def _spare_context_variables() -> None:
    """Keep mutmut from noting in a context variable which function calls which.

    It does so in each call, which crashes Python 3.11 sooner or later. Nothing else needs it.
    """
    from mutmut.core import MutmutCallStack

    for name in ("set", "reset"):
        setattr(MutmutCallStack, name, staticmethod(lambda *_: None))


if "mutmut" in sys.modules and sys.version_info < (3, 12):
    _spare_context_variables()


def pytest_collection_finish() -> None:
    """Hide what pytest has collected from the garbage collector.

    Thousands of tests made each `gc.collect()` take 70 ms, and the tests call it hundreds of times.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _only_one_alarm() -> Iterator[None]:
    """Read bodies as a program does that handles no signals.

    pytest-timeout installs a handler for its alarm, but this alarm goes off only once.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(body, "signals_may_repeat", lambda: False)
        yield


@pytest.fixture(scope="session", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the log, the keys and the templates of the user out of the tests."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("OPENAI_SCAN_HOME", str(tmp_path_factory.mktemp("home")))
        patched.delenv("OPENAI_SCAN_LOG", raising=False)
        yield


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Start a server without a script."""
    with serving() as started:
        yield started


# If these are set, coverage.py also measures the processes that a process starts.
_MEASURING = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")

_measuring: dict[str, str] = {}


def pytest_configure(config: pytest.Config) -> None:
    """Describe the marker of tests that do not run over all wires, and measure fewer processes.

    Most processes that tests start reach no line that the tests do not reach themselves. Measuring
    them took a third of the time.
    """
    config.addinivalue_line("markers", "wires(*names): it runs over these alone; see wires.py")
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        _measuring.update((name, os.environ.pop(name)) for name in _MEASURING if name in os.environ)


@pytest.fixture
def measured_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure the coverage of the processes that the test starts, if its own is measured."""
    for name, value in _measuring.items():
        monkeypatch.setenv(name, value)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that uses the fixture `wire` over every wire.

    The wire `threads` is only another way to wait for the blocking wire, and has tests of its own.
    It runs one case of each function, unless it is the only wire, or that of the function.
    """
    if "wire" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("wires")
        wires = WIRES if marker is None else marker.args
        marks = {"threads": pytest.mark.unmeasured}
        params = [pytest.param(name, marks=marks.get(name, ())) for name in wires]
        metafunc.parametrize("wire", params, indirect=True)


def _wire_of(item: pytest.Item) -> str:
    """Return the wire that a test runs over; without the fixture, the first that is tested."""
    called = getattr(item, "callspec", None)
    name: str = WIRES[0] if called is None else called.params.get("wire", WIRES[0])
    return name


def _left_out(items: list[pytest.Item]) -> Iterator[pytest.Item]:
    """Yield the tests over wires that are not tested, and all but the first case over `threads`."""
    seen = set()
    for item in items:
        wire = _wire_of(item)
        if wire not in WIRES:
            yield item
        elif wire == "threads" and WIRES != ["threads"]:
            marker = item.get_closest_marker("wires")
            function = (item.parent, getattr(item, "originalname", item.name))
            if function in seen and (marker is None or marker.args != ("threads",)):
                yield item
            seen.add(function)


# Fixtures that take seconds to start, once in each worker.
_ENGINES = {"browser", "bundle", "engine", "old_engine", "pyodide", "site", "site_folder", "tabs"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not to be tested, and begin with the tests that need an engine.

    Then one worker gets all of them, and no other worker has to start another engine.
    """
    others = set(_left_out(items))
    if others:
        config.hook.pytest_deselected(items=list(others))
        items[:] = [item for item in items if item not in others]
    items.sort(key=lambda item: _ENGINES.isdisjoint(getattr(item, "fixturenames", ())))


@pytest.fixture
def wire(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Make the clients in the test's module run over a wire, and return its name."""
    name: str = request.param
    if name == "aiohttp":
        other = difference(request.node.originalname, request.node.name)
        if other is not None:
            request.applymarker(pytest.mark.xfail(reason=other.reason, strict=True))
    for public, facade in facades(name).items():
        if hasattr(request.module, public):
            monkeypatch.setattr(request.module, public, facade)
    yield name
    Facade.close_all()


@pytest.fixture
def client(request: pytest.FixtureRequest, server: ScriptedServer) -> Iterator[Any]:
    """Make a client of the server, over the wire of the test if it has one."""
    name = request.getfixturevalue("wire") if "wire" in request.fixturenames else BLOCKING
    with facades(name)["Client"]("k", server.base_url) as made:
        yield made


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Now:
    """Stop `time.monotonic()`. An event loop must not wait for anything then."""
    now = Now()
    monkeypatch.setattr(time, "monotonic", now)
    return now


@pytest.fixture
def connecting(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Return an event that is set as soon as an exchange waits for a new connection."""
    begun = threading.Event()
    watch = SocketCancellation.watch

    def told(self: SocketCancellation, sock: socket.socket) -> None:
        watch(self, sock)
        begun.set()

    connect = socket.socket.connect

    def connecting(self: socket.socket, address: Any) -> None:  # what asyncio calls
        try:
            connect(self, address)
        finally:
            begun.set()

    monkeypatch.setattr(SocketCancellation, "watch", told)
    monkeypatch.setattr(socket.socket, "connect", connecting)
    return begun
