"""Fixtures for pytest: a fake server, clients for it, and a cassette.

pytest loads this module wherever the package is installed, so nothing else is imported until a test
requests a fixture.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from openai_scan.client import Client, RetryPolicy
    from openai_scan.client.aio import AsyncClient
    from openai_scan.testing import Cassette, FakeServer

__all__ = ["cassette", "openai_async_client", "openai_client", "openai_server"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that says what cassettes may record."""
    parser.getgroup("openai_scan").addoption(
        "--openai-record-mode",
        choices=["none", "once", "new_episodes", "all"],
        default="once",
        help="what cassettes may record (default: once). once: if there is no recording yet;"
        " none: nothing, and no test uses the network; new_episodes: what is not yet recorded;"
        " all: everything, replacing the recording",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Fail a passing test whose fake server has answers left; leave a failing test alone."""
    server: FakeServer | None = getattr(item, "funcargs", {}).get("openai_server")
    try:
        yield
    except BaseException:
        if server is not None:
            server.strict = False
        raise
    if server is not None:
        server.check()


@pytest.fixture
def openai_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    """A `FakeServer` that the environment points to: your own `Client()` uses it too.

    A test that ends before all answers were requested fails. Set `openai_server.strict = False`
    to allow that.
    """
    from openai_scan.testing import FakeServer

    with FakeServer() as server:
        _point_to(server, monkeypatch)
        yield server


@pytest.fixture
def openai_client(openai_server: FakeServer) -> Iterator[Client]:
    """A `Client` of the fake server with short waits before retries."""
    from openai_scan.client import Client

    with Client(openai_server.key, openai_server.base_url, retries=_soon()) as client:
        yield client


@pytest.fixture
def openai_async_client(openai_server: FakeServer) -> Iterator[AsyncClient]:
    """An `AsyncClient` of the fake server; otherwise like `openai_client`.

    It needs no plugin of its own and works with pytest-asyncio, anyio and pytest-trio, because it
    reads in threads, whichever event loop runs the test.
    """
    from openai_scan.client.aio import AsyncClient
    from openai_scan.transport.wire import at_once

    client = AsyncClient(openai_server.key, openai_server.base_url, retries=_soon(), wire="threads")
    yield client
    at_once(client.aclose())  # it has nothing to wait for


def _soon() -> RetryPolicy:
    from openai_scan.transport import RetryPolicy

    return RetryPolicy(wait_initial=0.01, wait_max=0.01)


@pytest.fixture
def cassette(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cassette]:
    """A `Cassette` for this test, which the environment points to.

    It is in the folder `cassettes` beside the test: `cassettes/test_file/test_name.jsonl`. A name
    that some file systems confuse with another, such as one with capital letters, ends with a hash:
    `cassettes/test_file/TestClass.test_name~1b2c3d4e.jsonl`. The option `--openai-record-mode`
    says what it may record.
    """
    from openai_scan.errors import RecordingError
    from openai_scan.testing import Cassette
    from openai_scan.testing.names import cassette_path

    folder = request.path.parent / "cassettes" / request.path.stem
    path = cassette_path(folder, request.node.nodeid.partition("::")[2])
    try:
        tape = Cassette(path, mode=request.config.getoption("--openai-record-mode"))
    except RecordingError as error:
        pytest.fail(str(error), pytrace=False)
    with tape:
        _point_to(tape, monkeypatch)
        yield tape


def _point_to(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the environment at *server*, and bypass proxies."""
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", server.key)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1", prepend=",")
