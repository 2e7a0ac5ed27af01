"""The logs that the tests of the relay run over, and a relay that is served in memory."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
import redis
import sqlalchemy as sa

from openai_scan import Client
from openai_scan.relay import (
    ChatUpstream,
    Limits,
    Log,
    MemoryLog,
    RedisLog,
    Relay,
    SqlLog,
    asgi,
    wsgi,
)
from openai_scan.testing import FakeServer
from relay.memory_store import MemoryStore
from relay.served import Browser, Kind, by_header, serving

from . import valkey
from .databases import Postgres, postgres, schema
from .shared_log import Server, SharedLog


class MakeLog(Protocol):
    """Makes a log. All that one of these makes have the same streams, as several processes do."""

    def __call__(self, *, lease: float = 15.0, keep: float = 600.0) -> Log:
        """Make one with another lease, or that keeps streams for another time, in seconds."""


# A kind of log is the fixture that makes one of given `lease` and `keep`. It may be asked again in
# the same test, and then makes another log on the same data.
SHARED = ("postgresql_log", "redis_log", "shared_log", "sqlite_log")
LOGS = ("memory_log", *SHARED)


@pytest.fixture
def memory_log() -> Callable[[float, float], Log]:
    """Make a log in memory."""
    return lambda _lease, keep: MemoryLog(keep=keep)


@pytest.fixture
def shared_log() -> Callable[[float, float], Log]:
    """Make logs that share a server in memory, which shows what a log has to do."""
    server = Server()
    return lambda lease, _keep: SharedLog(server, lease=lease)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Return the URL of a Valkey that all tests use, or of what the variable names."""
    if url := os.environ.get("OPENAI_SCAN_REDIS_URL"):
        yield url
        return
    with valkey.running() as server:
        yield server.url


@pytest.fixture
def prefix(redis_url: str) -> Iterator[str]:
    """Return what all keys of a test begin with, and delete these after it."""
    prefix = f"openai-scan-{secrets.token_hex(8)}"
    yield prefix
    with redis.Redis.from_url(redis_url) as client:
        for key in client.scan_iter(f"{prefix}:*", count=1000):
            client.delete(key)


@pytest.fixture
def redis_log(redis_url: str, prefix: str) -> Callable[[float, float], Log]:
    """Make a log on Valkey."""
    return lambda lease, keep: RedisLog(redis_url, lease=lease, keep=keep, prefix=prefix)


@pytest.fixture(scope="session")
def own_postgres() -> Iterator[Postgres]:
    """Start a PostgreSQL server that tests may stop, if they start it again."""
    with postgres() as server:
        yield server


@pytest.fixture
def postgresql_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the URL of a new schema in PostgreSQL."""
    named = os.environ.get("OPENAI_SCAN_POSTGRES_URL")
    if named is None:
        server: Postgres = request.getfixturevalue("own_postgres")
        url = server.url
    else:
        url = sa.make_url(named)
    with schema(url) as with_schema:
        yield with_schema


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Return the URL of a file that does not exist yet."""
    return f"sqlite:///{tmp_path}/relay.db"


@pytest.fixture(params=["sqlite_url", "postgresql_url"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of an empty database of each kind."""
    url: str = request.getfixturevalue(request.param)
    return url


@pytest.fixture
def sqlite_log(sqlite_url: str) -> Callable[[float, float], Log]:
    """Make logs in one file of SQLite."""
    return lambda lease, keep: SqlLog(sqlite_url, lease=lease, keep=keep)


@pytest.fixture
def postgresql_log(postgresql_url: str) -> Callable[[float, float], Log]:
    """Make logs in one schema of PostgreSQL."""
    return lambda lease, keep: SqlLog(postgresql_url, lease=lease, keep=keep)


@pytest.fixture(params=LOGS)
def make_log(request: pytest.FixtureRequest) -> Iterator[MakeLog]:
    """Make a log of each kind, one in a test."""
    yield from _making(request)


@pytest.fixture(params=SHARED)
def make_shared_log(request: pytest.FixtureRequest) -> Iterator[MakeLog]:
    """Make logs of each kind that several processes can share, one for each process."""
    yield from _making(request)


def _making(request: pytest.FixtureRequest) -> Iterator[MakeLog]:
    make: Callable[[float, float], Log] = request.getfixturevalue(request.param)
    made: list[Log] = []

    def make_log(*, lease: float = 15.0, keep: float = 600.0) -> Log:
        made.append(make(lease, keep))
        return made[-1]

    yield make_log
    for log in made:
        log.close()


@pytest.fixture
def upstream() -> Iterator[FakeServer]:
    """Start the server that answers the relay."""
    with FakeServer() as server:
        yield server


@pytest.fixture
def store() -> MemoryStore:
    """Make an empty store."""
    return MemoryStore()


@pytest.fixture
def relay(upstream: FakeServer, store: MemoryStore) -> Iterator[Relay]:
    """Make a relay whose users may have as many answers at a time as they like."""
    with (
        Client("sk-secret-key", upstream.base_url) as client,
        Relay(
            MemoryLog(), store, ChatUpstream(client, model="m"), limits=Limits(running=100)
        ) as made,
    ):
        yield made


@pytest.fixture(params=["asgi", "wsgi"])
def kind(request: pytest.FixtureRequest) -> Kind:
    """Name each kind of server."""
    kind: Kind = request.param
    return kind


@pytest.fixture
def browser(relay: Relay, kind: Kind) -> Iterator[Browser]:
    """Serve the relay by each kind of server, and give the browser of a user."""
    app = asgi(relay, by_header) if kind == "asgi" else wsgi(relay, by_header)
    with serving(app, kind) as port:
        yield Browser(port)
        relay.close()  # which ends the streams that the server waits for
