"""A log in SQLite and in PostgreSQL: what is special about it, and what happens in an outage."""

from __future__ import annotations

import contextlib
import gc
import logging
import sqlite3
import threading
from collections.abc import Iterator
from typing import Any, Protocol, TypeVar

import pytest
import sqlalchemy as sa
from server import PATIENCE

from openai_scan.errors import ConfigurationError
from openai_scan.relay import (
    FencedError,
    Job,
    Limits,
    LogLostError,
    NewMessage,
    SqlLog,
    SqlStore,
    UnavailableError,
    sql_log,
    sql_rows,
    sql_writing,
)
from openai_scan.relay.database import Database
from openai_scan.relay.entries import Entry
from openai_scan.relay.sql_rows import Rows
from openai_scan.relay.tables import LogTables
from openai_scan.relay.tail import Tail

from .databases import Postgres
from .logs import HEAD, STREAM, append, begin, delta, kinds, started, stops_of, taken, wait_for

T = TypeVar("T")


class MakeLog(Protocol):
    """Makes logs on the test's tables, one for each process."""

    def __call__(self, url: str | None = None, **settings: Any) -> SqlLog:
        """Make a log."""


@pytest.fixture
def make(database_url: str) -> Iterator[MakeLog]:
    """Make logs on each kind of database."""
    yield from _making(database_url)


@pytest.fixture
def make_on_sqlite(sqlite_url: str) -> Iterator[MakeLog]:
    """Make logs on a SQLite file, with a short wait for locks."""
    yield from _making(f"{sqlite_url}?timeout=0.3")


def _making(database_url: str) -> Iterator[MakeLog]:
    made: list[SqlLog] = []

    def make(url: str | None = None, **settings: Any) -> SqlLog:
        made.append(SqlLog(url or database_url, **settings))
        return made[-1]

    yield make
    for log in made:
        log.close()


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """Return the database behind the log."""
    engine = sa.create_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    """Return the rows of the log."""
    database, tables = Database(database_url, connections=5), LogTables.of(sa.MetaData(), "relay_")
    database.prepare(tables.streams, tables.events)
    yield Rows(database, tables)
    database.close()


def do(engine: sa.Engine, statement: str) -> None:
    """Run a statement."""
    with engine.begin() as connection:
        connection.execute(sa.text(statement))


@contextlib.contextmanager
def locked(url: str) -> Iterator[None]:
    """Lock a SQLite file, so that no other connection can write to it."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.execute("ROLLBACK")
    connection.close()


class Fault:
    """Makes statements fail while it is on, as if the connection were lost.

    Attributes:
        kinds: The beginnings of the statements that fail.
        is_on: Whether they fail.
        is_after: Whether the next one fails only after it was executed; it then turns itself off.
        happened: Set when a statement has failed.
    """

    def __init__(self) -> None:
        self.kinds: tuple[str, ...] = ("INSERT", "UPDATE")
        self.is_on = self.is_after = False
        self.happened = threading.Event()

    def before(self, _: object, __: object, statement: str, *___: object) -> None:
        """Fail before the statement, unless it should fail after it."""
        if not self.is_after:
            self._fail(statement)

    def after(self, _: object, __: object, statement: str, *___: object) -> None:
        """Fail after the statement, if it should."""
        if self.is_after:
            self._fail(statement)

    def _fail(self, statement: str) -> None:
        if self.is_on and statement.startswith(self.kinds):
            self.is_on = not self.is_after
            self.happened.set()
            raise sa.exc.OperationalError("", {}, Exception("the connection is lost"))


@pytest.fixture
def fault() -> Iterator[Fault]:
    """Install a fault that is off."""
    fault = Fault()
    listeners = {"before_cursor_execute": fault.before, "after_cursor_execute": fault.after}
    for event, listener in listeners.items():
        sa.event.listen(sa.Engine, event, listener)
    yield fault
    for event, listener in listeners.items():
        sa.event.remove(sa.Engine, event, listener)


def wait_for_end(tail: Tail) -> None:
    """Wait until a tail is over."""
    while not tail.is_over:
        tail.wait(len(tail.entries), PATIENCE)


class TestOutages:
    """Entries that cannot be written are kept, and written later, once and in order."""

    def test_a_locked_file(self, make_on_sqlite: MakeLog, sqlite_url: str) -> None:
        """Entries appended while the file is locked are written afterwards."""
        log = make_on_sqlite()
        job = started(log)
        with locked(sqlite_url):
            for seq in range(1, 11):
                log.append(job, [delta(1, seq)])
            assert not log.drain(job, 0)
            assert kinds(log.read(STREAM)) == ["head", "begin"]
            with pytest.raises(UnavailableError, match="database is locked"):
                log.stop(STREAM)
            with pytest.raises(UnavailableError, match="database is locked"):
                log.finish(job)
        assert log.drain(job, PATIENCE)
        assert list(log.read(STREAM))[2:] == [delta(1, seq) for seq in range(1, 11)]

    def test_a_server_that_is_restarted(self, own_postgres: Postgres) -> None:
        """Readers in every process get all entries, and the job stays with its process."""
        url = own_postgres.url.render_as_string(hide_password=False)
        log, other = SqlLog(url), SqlLog(url)
        job = started(log, "restarted-0123456789")
        tails = [log.open(job.stream), other.open(job.stream)]
        own_postgres.stop()
        try:
            log.append(job, [delta(1, 1)])
            with pytest.raises(UnavailableError, match="Is the server running"):
                log.take(1, 0)
            with pytest.raises(UnavailableError, match="Is the server running"):
                other.open("another-0123456789")
        finally:
            own_postgres.start()
        log.append(job, [delta(1, 2), Entry(1, 3, "done")])
        for tail in tails:
            assert kinds(wait_for(tail, 5)) == ["head", "begin", "delta", "delta", "done"]
        log.renew([job])
        assert not other.take(1, 0)
        log.finish(job)
        log.close()
        other.close()

    def test_a_transaction_that_was_committed_all_the_same(
        self, make: MakeLog, fault: Fault
    ) -> None:
        """Its entries are not written twice."""
        log = make()
        job = started(log)
        tail = log.open(STREAM)
        fault.is_on = fault.is_after = True
        append(log, job, delta(1, 1), delta(1, 2))
        assert fault.happened.is_set()
        append(log, job, delta(1, 3))
        assert list(log.read(STREAM))[2:] == [delta(1, seq) for seq in (1, 2, 3)]
        wait_for(tail, 5)

    def test_a_database_that_comes_back_without_its_last_transactions(
        self, make: MakeLog, engine: sa.Engine, fault: Fault
    ) -> None:
        """The log reports the loss, since readers could not notice the gap."""
        log = make()
        job, other = started(log), started(log, "other-0123456789012")
        append(log, job, delta(1, 1))
        tail = log.open(STREAM)
        fault.is_on = True
        log.append(other, [delta(1, 1)])
        assert fault.happened.wait(PATIENCE)
        do(engine, f"DELETE FROM relay_events WHERE stream = '{STREAM}' AND seq = 1 AND epoch = 1")
        log.append(job, [delta(1, 2)])
        fault.is_on = False
        with pytest.raises(LogLostError, match=STREAM):
            log.drain(job, PATIENCE)
        wait_for_end(tail)
        assert log.drain(other, PATIENCE)
        assert list(log.read(other.stream))[2:] == [delta(1, 1)]

    def test_closing_without_the_database(
        self, make: MakeLog, fault: Fault, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Waiting entries are given up after a moment."""
        monkeypatch.setattr(sql_log, "_CLOSING_SECONDS", 0.1)
        log = make()
        job = started(log)
        fault.is_on = True
        log.append(job, [delta(1, 1)])
        assert fault.happened.wait(PATIENCE)
        log.close()
        fault.is_on = False
        other = make()
        assert kinds(other.read(STREAM)) == ["head", "begin"]
        log.close()

    def test_readers_are_let_go(
        self, make: MakeLog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """After some seconds their tails end, so that they can read elsewhere."""
        monkeypatch.setattr(sql_log, "_PATIENCE_SECONDS", 0.1)
        log, other = make(), make()
        job = started(log)
        tail = other.open(STREAM)

        def fail(*_: object) -> Any:
            raise UnavailableError("the database is away")

        with caplog.at_level(logging.WARNING), monkeypatch.context() as patched:
            patched.setattr(Database, "read", fail)
            patched.setattr(Database, "write", fail)
            log.append(job, [delta(1, 1)])
            wait_for_end(tail)
        assert sum("cannot be read" in message for message in caplog.messages) <= 2
        assert log.drain(job, PATIENCE)
        assert kinds(other.open(STREAM).entries) == ["head", "begin", "delta"]

    def test_jobs_of_those_who_could_not_renew_them(
        self, make: MakeLog, engine: sa.Engine, fault: Fault
    ) -> None:
        """After an outage, processes have time to renew their jobs before others take them."""
        log, other = make(), make()
        job = started(log)
        fault.is_on = True
        with pytest.raises(UnavailableError):
            other.stop(STREAM)
        fault.is_on = False
        do(engine, "UPDATE relay_streams SET lease = 1")
        assert not other.take(1, 0)
        log.renew([job])
        log.create("another-0123456789", HEAD)
        assert taken(other).stream == "another-0123456789"


class TestFence:
    """After a job was taken over, its earlier process writes nothing."""

    def test_a_job_is_not_taken_while_its_process_writes(self, postgresql_url: str) -> None:
        """It can be taken after the transaction, whose entries can then be read."""
        database = Database(postgresql_url, connections=5)
        tables = LogTables.of(sa.MetaData(), "relay_")
        database.prepare(tables.streams, tables.events)
        rows = Rows(database, tables)
        rows.create(STREAM, HEAD)
        (job,) = rows.take(1, owner="one", lease=-1)
        # Another transaction holds up the one that writes, in the middle.
        engine = sa.create_engine(postgresql_url)
        watching = engine.execution_options(isolation_level="AUTOCOMMIT")
        blocked = sa.text("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        with engine.connect() as connection, watching.connect() as other:
            connection.execute(
                tables.events.insert().values(stream=STREAM, epoch=1, seq=1, kind="x", data=b"")
            )
            thread = threading.Thread(target=rows.write, args=({job: [delta(1, 1)]},))
            thread.start()
            while not other.execute(blocked).all():
                assert thread.is_alive()
            assert not rows.take(1, owner="two", lease=15)
            connection.rollback()
        thread.join(PATIENCE)
        assert rows.take(1, owner="two", lease=15) == [Job(STREAM, 2)]
        assert kinds(rows.read(STREAM)) == ["head", "delta"]
        assert rows.write({job: [delta(1, 2)]}) == {job: 2}
        engine.dispose()
        database.close()

    def test_a_job_that_another_process_has_taken_meanwhile(self, rows: Rows) -> None:
        """None of its entries is written; those of other jobs are."""
        for stream in (STREAM, "other-0123456789012"):
            rows.create(stream, HEAD)
        jobs = rows.take(5, owner="one", lease=-1)
        rows.renew(jobs[:1], 15)
        (again,) = rows.take(5, owner="two", lease=15)
        lost = jobs[1]
        assert again == Job(lost.stream, 2)
        assert rows.write({job: [delta(1, 1)] for job in jobs}) == {lost: 2}
        assert kinds(rows.read(lost.stream)) == ["head"]
        assert kinds(rows.read(jobs[0].stream)) == ["head", "delta"]

    def test_a_job_that_has_been_handed_over_is_not_renewed(self, rows: Rows) -> None:
        """A late renewal does not take the job back."""
        rows.create(STREAM, HEAD)
        (job,) = rows.take(1, owner="one", lease=15)
        rows.hand_over([job])
        assert not rows.renew([job], 15)
        assert rows.take(1, owner="two", lease=15, with_overdue=False) == [Job(STREAM, 2)]

    def test_no_jobs(self, rows: Rows) -> None:
        """An empty list of jobs changes nothing."""
        rows.create(STREAM, HEAD)
        rows.take(1, owner="one", lease=15)
        assert not rows.renew([], -1)
        rows.hand_over([])
        assert not rows.take(1, owner="two", lease=15)

    @pytest.mark.unmeasured
    def test_many_rows_at_once(self, postgresql_url: str) -> None:
        """Writing and renewing many jobs at the same time does not deadlock.

        PostgreSQL goes through rows in any order, such as that in which they were last changed.
        """
        database = Database(postgresql_url, connections=5)
        tables = LogTables.of(sa.MetaData(), "relay_")
        database.prepare(tables.streams, tables.events)
        rows = Rows(database, tables)
        for number in range(40):
            rows.create(f"stream-{number:016}", HEAD)
        jobs = rows.take(40, owner="one", lease=15)
        for job in reversed(jobs):
            rows.renew([job], 15)
        errors: list[Exception] = []

        def renew() -> None:
            try:
                while thread_of_writer.is_alive():
                    rows.renew(jobs, 15)
            except UnavailableError as error:
                errors.append(error)

        def write() -> None:
            for seq in range(40):
                rows.write({job: [delta(1, seq)] for job in jobs})

        thread_of_writer = threading.Thread(target=write)
        thread = threading.Thread(target=renew)
        thread_of_writer.start()
        thread.start()
        thread_of_writer.join(PATIENCE)
        thread.join(PATIENCE)
        assert not errors
        assert [len(rows.read(job.stream)) for job in jobs] == [41] * 40
        database.close()

    def test_many_jobs(self, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
        """All jobs are renewed at once, and their streams deleted in groups."""
        monkeypatch.setattr(sql_rows, "_DELETED_AT_A_TIME", 3)
        streams = [f"stream-{number:016}" for number in range(10)]
        for stream in streams:
            rows.create(stream, HEAD)
        jobs = rows.take(10, owner="one", lease=15)
        gone = Job("gone-0123456789", 1)
        assert rows.renew([*jobs, gone], 15) == {gone: 0}
        assert set(rows.existing([*streams, gone.stream])) == set(streams)
        for job in jobs:
            rows.finish(job, -1)
        rows.forget()
        assert not rows.existing(streams)
        assert not rows.read(streams[0])

    def test_a_process_that_is_refused_remembers_a_bounded_number(
        self, make: MakeLog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The database refuses the ones that the process has forgotten."""
        monkeypatch.setattr(sql_writing, "_MAX_LOST", 1)
        log, other = make(), make()
        jobs = [started(log, stream) for stream in (STREAM, "other-0123456789012")]
        log.hand_over(jobs)
        for job in other.take(2, PATIENCE):
            begin(other, job)
        for job in (*jobs, *jobs):
            with pytest.raises(FencedError, match=f"has taken over {job.stream}"):
                append(log, job, delta(1, 1))

    def test_entries_that_are_there_already(self, make: MakeLog) -> None:
        """A process that has forgotten that it wrote an entry does not write it again."""
        log = make()
        job = started(log)
        append(log, job, delta(1, 1))
        log.finish(job)
        append(log, job, delta(1, 1), delta(1, 2))
        assert kinds(log.read(STREAM)) == ["head", "begin", "delta", "delta"]

    def test_entries_that_the_database_does_not_take(
        self, rows: Rows, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """If there is no reason to reject them, the error is UnavailableError: they are retried."""
        rows.create(STREAM, HEAD)
        (job,) = rows.take(1, owner="one", lease=-1)
        rows.take(1, owner="two", lease=15)
        with monkeypatch.context() as patched:  # as if the job had come back meanwhile
            patched.setattr(rows, "lost", lambda _: {})
            with pytest.raises(UnavailableError, match="has not accepted all entries"):
                rows.write({job: [delta(1, 1)]})


class TestWriting:
    """Entries are written in groups."""

    def test_more_than_one_transaction_takes(
        self, make: MakeLog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Many entries are written in several transactions."""
        monkeypatch.setattr(sql_writing, "_MAX_ENTRIES", 3)
        log = make()
        job = started(log)
        entries = [delta(1, seq) for seq in range(1, 101)]
        log.append(job, entries)
        assert log.drain(job, PATIENCE)
        assert list(log.read(STREAM))[2:] == entries

    def test_what_waits_for_a_job_that_is_lost(self, make: MakeLog, fault: Fault) -> None:
        """The waiting entries are dropped."""
        log, other = make(), make()
        job, kept = started(log), started(log, "other-0123456789012")
        fault.is_on, fault.kinds = True, ("INSERT",)
        log.append(kept, [delta(1, 1)])
        assert fault.happened.wait(PATIENCE)
        log.append(job, [delta(1, 1)])
        log.hand_over([job])
        taken(other)
        assert list(log.renew([job, kept])) == [job]
        fault.is_on = False
        with pytest.raises(FencedError):
            log.drain(job, PATIENCE)
        assert log.drain(kept, PATIENCE)
        assert kinds(log.read(STREAM)) == ["head", "begin"]


class TestTails:
    """Readers in every process get each entry once, in order."""

    def test_a_job_that_comes_and_goes(self, make: MakeLog) -> None:
        """What each process writes reaches the readers of both processes."""
        logs = [make(), make()]
        job = started(logs[0])
        tails = [log.open(STREAM) for log in logs]
        for turn in range(2, 8):
            log, other = logs[(turn - 1) % 2], logs[turn % 2]
            append(other, job, delta(job.epoch, 1), delta(job.epoch, 2))
            other.hand_over([job])
            job = taken(log)
            begin(log, job)
        append(log, job, Entry(job.epoch, 1, "done"))
        for tail in tails:
            wait_for_end(tail)
            assert list(tail.entries) == list(log.read(STREAM))

    def test_opened_while_entries_are_written(self, make: MakeLog) -> None:
        """Readers may open tails at any moment, in the writing process and in another one."""
        log, other = make(), make()
        job = started(log)
        last: list[Tail] = []

        def open_some(log: SqlLog) -> None:
            for _ in range(25):
                tail = log.open(STREAM)
                assert kinds(tail.entries[:2]) == ["head", "begin"]
            last.append(tail)

        threads = [threading.Thread(target=open_some, args=(each,)) for each in (log, other) * 2]
        for thread in threads:
            thread.start()
        for seq in range(1, 51):
            log.append(job, [delta(1, seq)])
            if seq % 5 == 0:
                assert log.drain(job, PATIENCE)
        append(log, job, Entry(1, 51, "done"))
        for thread in threads:
            thread.join(PATIENCE)
        assert len(last) == 4
        for tail in last:
            wait_for_end(tail)
            assert list(tail.entries) == list(log.read(STREAM))

    def test_a_tail_that_lags_behind(self, make: MakeLog) -> None:
        """If its process writes ahead of it, the tail catches up before it continues."""
        log = make()
        job = started(log)
        tail = log.open(STREAM)
        log.tails.open(STREAM).entries.pop()  # as if `begin` had not arrived
        append(log, job, delta(1, 1))
        assert kinds(wait_for(tail, 3)) == ["head", "begin", "delta"]

    def test_a_tail_that_has_been_dropped(self, make: MakeLog) -> None:
        """The log no longer looks for its entries."""
        log, other = make(), make()
        job = started(log)
        tail = other.open(STREAM)
        append(log, job, delta(1, 1))
        wait_for(tail, 3)
        del tail
        gc.collect()
        append(log, job, delta(1, 2))
        assert not other.tails.unfinished()

    def test_a_stream_that_is_lost(
        self, make: MakeLog, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its tail ends, and the process that works on it is told."""
        monkeypatch.setattr(sql_log, "_LOSS_SECONDS", 0.0)
        log, other = make(), make()
        job, kept = started(log), started(log, "other-0123456789012")
        tail, kept_tail = other.open(STREAM), other.open(kept.stream)
        do(engine, f"DELETE FROM relay_events WHERE stream = '{STREAM}'")
        do(engine, f"DELETE FROM relay_streams WHERE stream = '{STREAM}'")
        wait_for_end(tail)
        assert not kept_tail.is_over
        assert list(log.renew([job, kept])) == [job]
        with pytest.raises(LogLostError, match="has lost"):
            log.append(job, [])

    def test_a_stream_that_expires(self, make: MakeLog, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is deleted, and tails that still wait for its end are over."""
        monkeypatch.setattr(sql_log, "_LOSS_SECONDS", 0.0)
        log, other = make(keep=0.0), make()
        job = started(log)
        tail = other.open(STREAM)
        log.finish(job)
        wait_for_end(tail)
        assert not log.exists(STREAM)
        assert list(log.read(STREAM)) == []
        assert log.create(STREAM, HEAD)


class TestJobs:
    """A process takes jobs, and releases those that it does not work on."""

    def test_a_job_that_this_process_does_not_work_on(self, make: MakeLog) -> None:
        """The process can take it again after the lease has expired."""
        log = make(lease=0.05)
        log.create(STREAM, HEAD)
        assert taken(log) == Job(STREAM, 1)
        assert taken(log) == Job(STREAM, 2)

    def test_a_stop_is_reported_once(self, make: MakeLog) -> None:
        """The process that takes the job next has to ask."""
        log, other = make(), make()
        stops = stops_of(log)
        job = started(log)
        other.stop(STREAM)
        assert stops.get(timeout=PATIENCE) == STREAM
        other.create("another-0123456789", HEAD)
        another = taken(log)
        other.stop(another.stream)
        assert stops.get(timeout=PATIENCE) == another.stream
        assert stops.empty()
        log.hand_over([job])
        taken(other)
        assert other.is_stopped(STREAM)

    def test_a_process_that_is_closing(
        self, make: MakeLog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It takes no job, even if it is closed while it asks for one."""
        log = make()
        log.create(STREAM, HEAD)

        def close_first(*_: object, **__: object) -> Any:
            log.close()
            raise UnavailableError("closed")

        monkeypatch.setattr(Rows, "take", close_first)
        assert list(log.take(1, PATIENCE)) == []
        assert list(log.take(1, PATIENCE)) == []


class TestConstruction:
    """The log's repr has no password, and it can share a database."""

    def test_how_it_is_shown(self, make_on_sqlite: MakeLog) -> None:
        """The repr has the URL."""
        assert repr(make_on_sqlite()).startswith("SqlLog('sqlite:////")

    def test_a_wrong_url(self) -> None:
        """A URL that is not a database's is refused."""
        with pytest.raises(ConfigurationError, match="must begin with sqlite:///"):
            SqlLog("redis://localhost")

    def test_another_prefix(self, make: MakeLog) -> None:
        """Logs with other prefixes are separate."""
        make().create(STREAM, HEAD)
        other = make(prefix="other_")
        assert not other.exists(STREAM)
        assert not other.take(1, 0)

    def test_together_with_a_store(self, make: MakeLog, database_url: str) -> None:
        """Log and store write to the same database at the same time, without an error."""
        log, store = make(), SqlStore(database_url)
        errors: list[Exception] = []
        barrier = threading.Barrier(5)

        def save(user: str) -> None:
            try:
                barrier.wait(PATIENCE)
                for number in range(10):
                    id = f"answer-{user}-{number}"
                    store.begin(NewMessage(id, user, user, "Why?"), Limits())
                    store.finish(id, 1, "completed", "Because.", {})
            except Exception as error:  # noqa: BLE001 - it is what the test looks for
                errors.append(error)

        job = started(log)
        threads = [threading.Thread(target=save, args=(f"user-{n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        barrier.wait(PATIENCE)
        for seq in range(1, 51):
            append(log, job, delta(1, seq))
        for thread in threads:
            thread.join(PATIENCE)
        assert not errors
        assert len(log.read(STREAM)) == 52
        assert len(store.history("user-0", "user-0")) == 20
        store.close()


class TestChanges:
    """With SQLite, it is cheap to ask whether anything has changed."""

    def test_what_others_commit(self, sqlite_url: str) -> None:
        """A commit of another connection is reported once."""
        database, other = Database(sqlite_url, connections=2), Database(sqlite_url, connections=1)
        tables = LogTables.of(sa.MetaData(), "relay_")
        database.prepare(tables.streams, tables.events)
        assert database.has_changed()
        assert not database.has_changed()
        Rows(other, tables).create(STREAM, HEAD)
        assert database.has_changed()
        assert not database.has_changed()
        other.close()
        database.close()

    def test_a_connection_that_fails(
        self, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Until there is another connection, the answer is that something may have changed."""
        database = Database(sqlite_url, connections=2)
        database.has_changed()
        with monkeypatch.context() as patched:
            patched.setattr(sa.Engine, "raw_connection", lambda _: sqlite3.connect("/no/such"))
            database._stop_watching()
            assert database.has_changed()
            assert database.has_changed()
        assert database.has_changed()
        assert not database.has_changed()
        database.close()
