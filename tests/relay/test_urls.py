"""Which log a URL selects."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from openai_scan.errors import ConfigurationError
from openai_scan.relay import MemoryLog, RedisLog, SqlLog, open_log


@pytest.mark.parametrize("url", ["memory", "memory:"])
def test_memory(url: str) -> None:
    """`memory` selects a MemoryLog."""
    log = open_log(url)
    assert isinstance(log, MemoryLog)
    log.close()


def test_a_file(tmp_path: Path) -> None:
    """The file is created if it does not exist."""
    log = open_log(f"sqlite:///{tmp_path}/relay.db")
    assert isinstance(log, SqlLog)
    log.close()
    assert (tmp_path / "relay.db").exists()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql(postgresql_url: str, scheme: str) -> None:
    """You need not name the driver."""
    log = open_log(f"{scheme}:{postgresql_url.partition(':')[2]}")
    assert isinstance(log, SqlLog)
    log.close()


def test_redis(redis_url: str) -> None:
    """A Redis URL selects a RedisLog."""
    log = open_log(redis_url)
    assert isinstance(log, RedisLog)
    log.close()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "must be memory, or begin with sqlite:///, postgresql:// or redis://"),
        ("relay.db", "not relay.db"),
        ("mysql://root:hidden@host/x", "not mysql$"),
        ("sqlite://", "SQLite needs the path of a file"),
        ("postgresql+asyncpg://u:hidden@host/x", r"not postgresql\+asyncpg://"),
    ],
)
def test_no_log(url: str, message: str) -> None:
    """The error says what a URL looks like, and shows no password."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        open_log(url)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "library"), [("sqlite:///x.db", "sqlalchemy"), ("redis://host", "redis")]
)
def test_a_missing_library(url: str, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""

    def import_module(_: str) -> ModuleType:
        raise ModuleNotFoundError(f"No module named {library!r}", name=library)

    monkeypatch.setattr(importlib, "import_module", import_module)
    with pytest.raises(ConfigurationError, match=rf"needs {library}, which .* pip install 'openai"):
        open_log(url)
