"""The stand of each test, and which of them this run is about."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from relay import valkey
from relay.databases import Postgres, schema

from .cases import Case, LogKind, is_due
from .model import Model
from .stand import Stand


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only `make failures` tests."""
    kept, left = list[pytest.Item](), list[pytest.Item]()
    for item in items:
        params = getattr(getattr(item, "callspec", None), "params", {})
        is_case = "log_kind" in params
        is_left = is_case and not is_due(params["case"], params["log_kind"])
        (left if is_left else kept).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left)


@pytest.fixture(scope="session", autouse=True)
def _importable() -> Iterator[None]:
    """Let the process that is forked for workers find what this one imports."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        yield


@pytest.fixture
def model(case: Case) -> Model:
    """Make the server that answers; the stand starts it."""
    return Model(case.api)


@pytest.fixture
def stand(
    request: pytest.FixtureRequest,
    case: Case,
    log_kind: LogKind,
    model: Model,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> Iterator[Stand]:
    """Make a log and a store, and what runs around them."""
    prefix = ""
    store_url = f"sqlite:///{tmp_path}/relay.db"
    match log_kind:
        case "redis" | "redis, postgresql":
            log_url = request.getfixturevalue("redis_url")
            prefix = request.getfixturevalue("prefix")
            if log_kind != "redis":
                store_url = request.getfixturevalue("own_postgresql_url")
        case "own redis":
            log_url = request.getfixturevalue("own_valkey").url
            prefix = f"own-{secrets.token_hex(4)}"
        case "postgresql":
            stops = case.name.startswith("database-stopped")
            name = "own_postgresql_url" if stops else "postgresql_url"
            log_url = store_url = request.getfixturevalue(name)
        case "sqlite":
            log_url = store_url
    with Stand(
        case=case,
        model=model,
        folder=tmp_path,
        log_url=log_url,
        store_url=store_url,
        prefix=prefix,
    ) as made:
        yield made
        for name, seconds in made.figures.items():
            record_property(name, f"{seconds:.3f}")


@pytest.fixture
def own_postgresql_url(own_postgres: Postgres) -> Iterator[str]:
    """Return the URL of a new schema in a server that may be stopped."""
    with schema(own_postgres.url) as url:
        yield url


@pytest.fixture
def own_valkey() -> Iterator[valkey.Valkey]:
    """Start a server that only one test uses, and that loses nothing when it is stopped."""
    with valkey.running(appendonly="yes", appendfsync="always") as server:
        yield server
