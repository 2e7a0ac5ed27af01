"""The database is locked, stopped, or restarted."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from relay.databases import Postgres

from .cases import LogKind, plays
from .model import Model
from .reader import PATIENCE
from .stand import Stand

pytestmark = pytest.mark.unmeasured


@contextlib.contextmanager
def _locked(stand: Stand) -> Iterator[None]:
    """Let no process write to the database in the block."""
    file = sa.make_url(stand.store_url).database
    assert file is not None
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def _impatient(stand: Stand, log_kind: LogKind) -> None:
    """Make processes wait 0.2 seconds for a lock, not the usual five."""
    stand.store_url += "?timeout=0.2"
    if log_kind == "sqlite":
        stand.log_url = stand.store_url


@plays("database-locked-at-start")
def test_locked_at_the_start(stand: Stand, log_kind: LogKind) -> None:
    """The browser is told to retry, and nothing of the answer has been stored."""
    _impatient(stand, log_kind)
    stand.lease = PATIENCE
    worker = stand.worker()
    stream = f"Hi-{secrets.token_urlsafe(12)}"
    with _locked(stand):
        assert stand.post(worker, stream).status == 503
        assert stand.store.message(stream) is None
    assert stand.post(worker, stream).status == 202
    stand.read(stream, worker)
    stand.check(stream)


@plays("database-locked-at-end")
def test_locked_at_the_end(stand: Stand, log_kind: LogKind, model: Model) -> None:
    """Readers are told that the message is not saved yet; it is saved later."""
    _impatient(stand, log_kind)
    stand.lease = PATIENCE
    stream, _, reader = stand.begun()
    with _locked(stand):
        model.gate_of("Hi").release()
        reader.until_over()
        assert stand.row(stream).status == "running"
    stand.check(stream)


@plays("database-locked-killed")
def test_locked_at_the_end_and_killed(stand: Stand, log_kind: LogKind, model: Model) -> None:
    """Another process saves the answer from the log."""
    _impatient(stand, log_kind)
    stream, worker, reader = stand.begun()
    other = stand.worker()
    with _locked(stand):
        model.gate_of("Hi").release()
        reader.until_over()
        worker.kill()
        other.until_said(f"{stream} is waiting: ")
    stand.check(stream)


@plays("database-locked-log")
def test_locked_with_the_log(stand: Stand, log_kind: LogKind, model: Model) -> None:
    """Entries that arrive meanwhile are kept and written later."""
    _impatient(stand, log_kind)
    stand.lease = PATIENCE
    stream, worker, _ = stand.begun()
    with _locked(stand):
        model.gate_of("Hi").release()
        worker.until_said("streams are waiting: ")
    stand.check(stream)


@plays("database-stopped-at-end")
def test_stopped_at_the_end(stand: Stand, model: Model, own_postgres: Postgres) -> None:
    """Readers are told that the message is not saved yet; it is saved later."""
    stand.lease = PATIENCE
    stream, _, reader = stand.begun()
    own_postgres.stop()
    try:
        model.gate_of("Hi").release()
        reader.until_over()
    finally:
        own_postgres.start()
    stand.check(stream)


@plays("database-stopped-log")
def test_restarted_with_the_log(stand: Stand, model: Model, own_postgres: Postgres) -> None:
    """Entries that arrive meanwhile are kept and written later."""
    stand.lease = PATIENCE
    stream, worker, _ = stand.begun()
    own_postgres.stop()
    try:
        model.gate_of("Hi").release()
        worker.until_said("streams are waiting: ")
    finally:
        own_postgres.start()
    stand.check(stream)
