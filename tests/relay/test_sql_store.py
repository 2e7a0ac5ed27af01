"""The store in SQLite and in PostgreSQL; two stores represent two processes."""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar
from unittest import mock

import pytest
import sqlalchemy as sa
from server import PATIENCE

from openai_scan.errors import ConfigurationError
from openai_scan.relay import (
    LimitError,
    Limits,
    NewMessage,
    SqlStore,
    StoredMessage,
    UnavailableError,
    UnknownStreamError,
)
from openai_scan.relay import database as databases
from openai_scan.relay.database import Database
from openai_scan.relay.store import Store, Sweepable
from openai_scan.relay.tables import StoreTables

from .databases import Postgres

T = TypeVar("T")

ID = "answer-0123456789"
TALK = "conversation-012345"
MANY = Limits(running=1000, per_minute=1000)


@pytest.fixture
def make_store(database_url: str) -> Iterator[Callable[[], SqlStore]]:
    """Make stores on the same tables, one for each process."""
    made: list[SqlStore] = []

    def make_store() -> SqlStore:
        made.append(SqlStore(database_url))
        return made[-1]

    yield make_store
    for store in made:
        store.close()


@pytest.fixture
def store(make_store: Callable[[], SqlStore]) -> SqlStore:
    """Make a store."""
    return make_store()


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """Return the database behind the store."""
    engine = sa.create_engine(database_url)
    yield engine
    engine.dispose()


def asked(id: str = ID, talk: str = TALK, user: str = "alice", prompt: str = "Why?") -> NewMessage:
    """Return a user's question."""
    return NewMessage(id, talk, user, prompt)


def at_once(*calls: Callable[[], T]) -> list[T | Exception]:
    """Call *calls* in threads at the same moment; return their results or exceptions."""
    barrier = threading.Barrier(len(calls))
    results: dict[int, T | Exception] = {}

    def run(number: int) -> None:
        barrier.wait(PATIENCE)
        try:
            results[number] = calls[number]()
        except Exception as error:  # noqa: BLE001 - it is what the test looks at
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return [results[number] for number in range(len(calls))]


def do(engine: sa.Engine, statement: str) -> None:
    """Run a statement."""
    with engine.begin() as connection:
        connection.execute(sa.text(statement))


def count(engine: sa.Engine, table: str) -> int:
    """Return the number of rows in a table."""
    with engine.begin() as connection:
        return int(connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one())


def let_pass(engine: sa.Engine, seconds: int) -> None:
    """Make all messages older by *seconds*."""
    if engine.dialect.name == "sqlite":
        earlier = f"strftime('%Y-%m-%d %H:%M:%f000', created_at, '-{seconds} seconds')"
    else:
        earlier = f"created_at - interval '{seconds} seconds'"
    do(engine, f"UPDATE messages SET created_at = {earlier}")


def test_it_is_a_store(store: SqlStore) -> None:
    """It has all methods of a store, including the sweeper's."""
    as_store: Store = store
    assert isinstance(as_store, Sweepable)


class TestBegin:
    """`begin()` inserts a prompt and its answer once, if the user's limits allow it."""

    def test_the_two_messages(self, store: SqlStore) -> None:
        """The prompt is stored, and the answer has the status `running`."""
        assert store.begin(asked(), MANY)
        prompt, answer = store.history(TALK, "alice")
        assert prompt == StoredMessage(f"{ID}.prompt", TALK, "alice", "user", "Why?", "completed")
        assert answer == StoredMessage(ID, TALK, "alice", "assistant", "", "running")
        assert store.message(ID) == answer

    def test_the_same_id_again(self, store: SqlStore) -> None:
        """Nothing changes, even for another user or another prompt."""
        store.begin(asked(), MANY)
        before = store.history(TALK, "alice")
        assert not store.begin(asked(), MANY)
        assert not store.begin(asked(prompt="How?"), Limits(running=0, per_minute=0))
        assert not store.begin(asked(user="bob", talk="another"), MANY)
        assert store.history(TALK, "alice") == before
        assert list(store.history("another", "bob")) == []

    def test_another_users_conversation(self, store: SqlStore, engine: sa.Engine) -> None:
        """It looks like one that does not exist, and nothing is inserted."""
        store.begin(asked(), MANY)
        with pytest.raises(UnknownStreamError, match=f"there is no conversation {TALK}"):
            store.begin(asked("another", user="bob"), MANY)
        assert count(engine, "messages") == 2

    def test_too_many_at_a_time(self, store: SqlStore) -> None:
        """The limit holds until one answer has ended, and other users are not affected."""
        limits = Limits(running=2)
        assert store.begin(asked("1"), limits)
        assert store.begin(asked("2", talk="another"), limits)
        with pytest.raises(LimitError, match="you have 2 answers running") as caught:
            store.begin(asked("3"), limits)
        assert caught.value.retry_after is None
        assert not caught.value.is_too_long
        assert store.begin(asked("4", talk="others", user="bob"), limits)
        store.finish("1", 1, "completed", "", {})
        assert store.begin(asked("3"), limits)

    def test_too_often(self, store: SqlStore, engine: sa.Engine) -> None:
        """The limit holds until a minute after the oldest answer that counts."""
        limits = Limits(running=100, per_minute=2)
        assert store.begin(asked("1"), limits)
        let_pass(engine, 20)
        assert store.begin(asked("2"), limits)
        with pytest.raises(LimitError, match="2 answers within a minute") as caught:
            store.begin(asked("3"), limits)
        assert caught.value.retry_after is not None
        assert 0 < caught.value.retry_after <= 40
        assert store.begin(asked("4", talk="others", user="bob"), limits)
        let_pass(engine, 41)
        assert store.begin(asked("3"), limits)
        with pytest.raises(LimitError):
            store.begin(asked("5"), limits)

    def test_no_answers_at_all(self, store: SqlStore) -> None:
        """For a limit of 0, the error does not say when to retry."""
        with pytest.raises(LimitError) as caught:
            store.begin(asked(), Limits(per_minute=0))
        assert caught.value.retry_after is None

    @pytest.mark.parametrize("id", ["a\0b", "a" * 256], ids=["zero", "long"])
    def test_an_id_that_cannot_be_stored(self, store: SqlStore, id: str) -> None:
        """It is refused as the id of an answer, a conversation or a user."""
        for message in (asked(id), asked(talk=id), asked(user=id)):
            with pytest.raises(ValueError, match="at most 255 characters and no U"):
                store.begin(message, MANY)

    def test_the_same_id_at_once(
        self, make_store: Callable[[], SqlStore], engine: sa.Engine
    ) -> None:
        """If several processes begin it at the same time, one succeeds."""
        stores = [make_store(), make_store()] * 4
        results = at_once(*[lambda store=store: store.begin(asked(), MANY) for store in stores])
        assert sorted(map(str, results)) == ["False"] * 7 + ["True"]
        assert count(engine, "messages") == 2

    def test_the_last_slot(self, make_store: Callable[[], SqlStore]) -> None:
        """However many calls compete at the same time, the limit is not exceeded."""
        stores = [make_store(), make_store()] * 4
        limits = Limits(running=3)
        results = at_once(
            *[
                lambda store=store, number=number: store.begin(
                    asked(f"answer-{number}", talk=f"talk-{number % 3}"), limits
                )
                for number, store in enumerate(stores)
            ]
        )
        assert results.count(True) == 3
        assert sum(isinstance(result, LimitError) for result in results) == 5
        assert len(stores[0].running(-1)) == 3

    def test_a_conversation_of_two_users(
        self, make_store: Callable[[], SqlStore], engine: sa.Engine
    ) -> None:
        """If several users create it at the same time, it belongs to one of them."""
        stores = [make_store(), make_store()] * 2
        results = at_once(
            *[
                lambda store=store, user=user: store.begin(asked(user, user=user), MANY)
                for store, user in zip(stores, ("alice", "bob", "carol", "dave"), strict=True)
            ]
        )
        assert results.count(True) == 1
        assert sum(isinstance(result, UnknownStreamError) for result in results) == 3
        assert (count(engine, "conversations"), count(engine, "messages")) == (1, 2)

    def test_rows_that_the_database_refuses(self, store: SqlStore, engine: sa.Engine) -> None:
        """The store does not retry forever, and inserts nothing."""
        do(engine, "CREATE UNIQUE INDEX one ON messages (user_id)")
        with pytest.raises(UnavailableError, match=f"{ID} cannot be inserted"):
            store.begin(asked(), MANY)
        assert count(engine, "messages") == 0


class TestFinish:
    """The end of an answer is stored once, by the process with the latest epoch."""

    FACTS: dict[str, Any] = {
        "finish_reason": "stop",
        "usage": {"input": 1, "output": 2},
        "calls": [{"id": "call_1", "name": "f", "arguments": '{"ä": "\U0001f600"}'}],
    }

    def test_what_is_stored(self, store: SqlStore, engine: sa.Engine) -> None:
        """The text, the facts, the epoch and the times are stored."""
        store.begin(asked(), MANY)
        assert store.finish(ID, 1, "completed", "Because. ä\U0001f600\n", self.FACTS)
        assert store.message(ID) == StoredMessage(
            ID, TALK, "alice", "assistant", "Because. ä\U0001f600\n", "completed", self.FACTS
        )
        messages = StoreTables.of(sa.MetaData()).messages.c
        times = sa.select(messages.epoch, messages.created_at, messages.finished_at).order_by(
            messages.position
        )
        store.begin(asked("another"), MANY)
        now = datetime.now(timezone.utc)
        with engine.begin() as connection:
            (_, asked_at, _), (epoch, created, finished), _, (_, _, running) = connection.execute(
                times
            ).all()
        assert epoch == 1
        assert asked_at == created <= finished
        for each in (created, finished):  # UTC; SQLite has no time zones
            assert (
                abs((each.replace(tzinfo=each.tzinfo or timezone.utc) - now).total_seconds()) < 60
            )
        assert running is None

    def test_again(self, store: SqlStore) -> None:
        """A second call changes nothing, whatever its epoch."""
        store.begin(asked(), MANY)
        store.finish(ID, 1, "completed", "Because.", {})
        before = store.message(ID)
        assert not store.finish(ID, 1, "completed", "Because.", {})
        assert not store.finish(ID, 2, "failed", "", {"error": "GaveUp"})
        assert store.message(ID) == before

    def test_at_once(self, make_store: Callable[[], SqlStore]) -> None:
        """If several processes store an end at the same time, one succeeds, with its text."""
        stores = [make_store(), make_store()] * 2
        stores[0].begin(asked(), MANY)
        results = at_once(
            *[
                lambda store=store, text=text: store.finish(ID, 1, "completed", text, {})
                for store, text in zip(stores, "abcd", strict=True)
            ]
        )
        assert results.count(True) == 1
        message = stores[0].message(ID)
        assert message is not None
        assert message.text == "abcd"[results.index(True)]

    def test_an_earlier_epoch(self, store: SqlStore, engine: sa.Engine) -> None:
        """A process of an earlier epoch stores nothing."""
        store.begin(asked(), MANY)
        do(engine, "UPDATE messages SET epoch = 2")
        assert not store.finish(ID, 1, "completed", "Because.", {})
        assert store.finish(ID, 2, "completed", "Because.", {})

    def test_no_such_answer(self, store: SqlStore) -> None:
        """Nothing is stored; the same goes for the id of a prompt."""
        store.begin(asked(), MANY)
        assert not store.finish("another", 1, "completed", "", {})
        assert not store.finish(f"{ID}.prompt", 1, "completed", "", {})

    def test_characters_that_postgresql_cannot_store(self, store: SqlStore) -> None:
        """They are replaced in both databases."""
        store.begin(asked(prompt="a\0b\ud83d"), MANY)
        store.finish(ID, 1, "completed", "\0c\ud83d", {"calls": [{"a\0": "\0"}], "usage": None})
        prompt, answer = store.history(TALK, "alice")
        assert prompt.text == "a\ufffdb\ufffd"
        assert answer.text == "\ufffdc\ufffd"
        assert answer.facts == {"calls": [{"a\ufffd": "\ufffd"}], "usage": None}

    @pytest.mark.unmeasured
    def test_a_very_long_text(self, store: SqlStore) -> None:
        """It is stored whole."""
        text = "ä'\"\\\U0001f600%s :x " * 300_000
        store.begin(asked(), MANY)
        store.finish(ID, 1, "incomplete", text, {"reasoning": text})
        answer = store.message(ID)
        assert answer is not None
        assert (answer.text, answer.facts) == (text, {"reasoning": text})


class TestReading:
    """Messages are found by id or by conversation, or because they are running."""

    def test_no_such_message(self, store: SqlStore) -> None:
        """The result is None."""
        assert store.message(ID) is None

    def test_another_users_history(self, store: SqlStore) -> None:
        """The history is empty, as for a conversation that does not exist."""
        store.begin(asked(), MANY)
        assert list(store.history(TALK, "bob")) == []
        assert list(store.history("another", "alice")) == []

    def test_the_order(self, store: SqlStore, engine: sa.Engine) -> None:
        """Messages are in the order of the questions, whatever their times and ids."""
        ids = ["5", "3", "9", "1", "4"]
        for id in ids:
            store.begin(asked(id), MANY)
        do(engine, "UPDATE messages SET created_at = (SELECT max(created_at) FROM messages)")
        found = [message.id for message in store.history(TALK, "alice")]
        assert found == [each for id in ids for each in (f"{id}.prompt", id)]

    def test_answers_left_running(self, store: SqlStore, engine: sa.Engine) -> None:
        """`running()` returns answers that are old enough and have not ended."""
        store.begin(asked("old"), MANY)
        store.begin(asked("over"), MANY)
        store.finish("over", 1, "completed", "", {})
        let_pass(engine, 100)
        store.begin(asked("new"), MANY)
        assert [message.id for message in store.running(60)] == ["old"]
        assert list(store.running(200)) == []


class TestTrouble:
    """If the database cannot do something now, it raises UnavailableError, and you can retry."""

    def test_a_file_that_is_locked(self, sqlite_url: str) -> None:
        """The file can be read, but not written."""
        store = SqlStore(f"{sqlite_url}?timeout=0.01")
        store.begin(asked(), MANY)
        other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match=r"sqlite:///.*: database is locked") as caught:
            store.finish(ID, 1, "completed", "", {})
        assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
        assert caught.value.__context__ is None  # which would have the texts of the statement
        assert store.message(ID) is not None
        with pytest.raises(UnavailableError, match="database is locked"):
            SqlStore(f"{sqlite_url}?timeout=0.01")
        other.execute("COMMIT")
        other.close()
        assert store.finish(ID, 1, "completed", "", {})
        store.close()

    @pytest.mark.parametrize(
        ("limit", "no_limit", "message"),
        [
            ("max_page_count = 20", "max_page_count = 10000", "full"),
            ("query_only = ON", "query_only = OFF", "readonly"),
        ],
    )
    def test_a_file_that_cannot_be_written(
        self,
        sqlite_url: str,
        monkeypatch: pytest.MonkeyPatch,
        limit: str,
        no_limit: str,
        message: str,
    ) -> None:
        """A transaction that fails in the middle leaves nothing behind."""
        connections: list[sqlite3.Connection] = []
        connect = sqlite3.connect

        def connect_and_note(*args: Any, **options: Any) -> sqlite3.Connection:
            connections.append(connect(*args, **options))
            return connections[-1]

        monkeypatch.setattr(sqlite3.dbapi2, "connect", connect_and_note)
        store = SqlStore(sqlite_url)
        for connection in connections:
            connection.execute(f"PRAGMA {limit}")
        with pytest.raises(UnavailableError, match=message):
            store.begin(asked(prompt="x" * 200_000), MANY)
        assert store.message(ID) is None
        for connection in connections:
            connection.execute(f"PRAGMA {no_limit}")
        assert store.begin(asked(prompt="x" * 200_000), MANY)
        store.close()

    def test_a_connection_that_is_lost(self, postgresql_url: str) -> None:
        """A transaction that loses its connection in the middle changes nothing."""
        store = SqlStore(postgresql_url)
        store.begin(asked(), MANY)
        engine = sa.create_engine(postgresql_url)
        watching = engine.execution_options(isolation_level="AUTOCOMMIT")  # who waits changes
        blocked = sa.text(
            "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE%'"
        )
        with engine.begin() as connection, watching.connect() as other:
            connection.execute(sa.text("SELECT * FROM messages FOR UPDATE"))
            results: list[Any] = []
            thread = threading.Thread(
                target=lambda: results.extend(
                    at_once(lambda: store.finish(ID, 1, "completed", "", {}))
                )
            )
            thread.start()
            while not other.execute(blocked).all():
                assert thread.is_alive()
            thread.join(PATIENCE)
        (error,) = results
        assert isinstance(error, UnavailableError)
        assert "terminating connection" in str(error)
        assert store.finish(ID, 1, "completed", "", {})
        engine.dispose()
        store.close()

    def test_a_server_that_is_restarted(self, own_postgres: Postgres) -> None:
        """While it is down, calls raise UnavailableError; afterwards they work again."""
        url = own_postgres.url.render_as_string(hide_password=False)
        store = SqlStore(url)
        store.begin(asked(), MANY)
        own_postgres.stop()
        try:
            with pytest.raises(UnavailableError, match="Is the server running"):
                store.message(ID)
            with pytest.raises(UnavailableError, match="Is the server running"):
                SqlStore(url)
        finally:
            own_postgres.start()
        assert store.finish(ID, 1, "completed", "", {})
        store.close()

    def test_too_few_connections(self, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A thread does not wait forever for a connection."""
        monkeypatch.setattr(databases, "_WAIT_SECONDS", 0.01)
        database = Database(database_url, connections=1)
        with pytest.raises(UnavailableError, match="QueuePool"):
            database.read(lambda _: database.read(lambda _: None))
        database.close()

    def test_threads_that_write(self) -> None:
        """They write in the order in which they asked."""
        turns = databases._Turns("x.db")
        turns.begin()
        order = []

        def write(number: int) -> None:
            turns.begin()
            order.append(number)
            turns.end()

        threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for number, thread in enumerate(threads):
            thread.start()
            while len(turns._waiting) < number + 2:
                pass
        turns.end()
        for thread in threads:
            thread.join(PATIENCE)
        assert order == [*range(8)]

    def test_another_thread_writes_for_long(
        self, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A thread that wants to write gives up after a while. Threads that read do not wait."""
        store = SqlStore(sqlite_url)
        monkeypatch.setattr(databases, "_WAIT_SECONDS", 0.01)
        turns = databases._turns_of(sqlite_url.removeprefix("sqlite:///"))
        turns.begin()
        with pytest.raises(UnavailableError, match="other threads have locked it"):
            store.finish(ID, 1, "completed", "", {})
        assert store.message(ID) is None
        assert store._database.well_for() < PATIENCE
        turns.end()
        assert not store.finish(ID, 1, "completed", "", {})
        store.close()

    def test_a_turn_that_comes_at_the_last_moment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A turn that comes just after the timeout still counts."""
        turns = databases._Turns("x.db")

        class Late(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                turns.end()
                return False

        threads = SimpleNamespace(Event=Late, Lock=threading.Lock)
        monkeypatch.setattr(databases, "threading", threads)
        turns.begin()
        turns.begin()
        assert len(turns._waiting) == 1

    def test_after_closing(self, store: SqlStore) -> None:
        """A closed store opens no connection."""
        store.close()
        with pytest.raises(UnavailableError, match="is closed"):
            store.message(ID)

    def test_closing_while_a_thread_asks(self, database_url: str) -> None:
        """The thread can finish, and later calls are refused."""
        database = Database(database_url, connections=1)
        database.read(lambda _: database.close())
        with pytest.raises(UnavailableError, match="is closed"):
            database.read(lambda _: None)


class TestConstruction:
    """What can never work raises a clear error at once."""

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            ("", "must begin with sqlite:/// or postgresql://"),
            ("chat.db", "must begin with sqlite:/// or postgresql://"),
            ("postgresql://u:hidden@host:port/x", "must begin with sqlite:/// or postgresql://"),
            ("mysql://u:hidden@host/x", "or postgresql://, not mysql://"),
            ("postgresql+asyncpg://u:hidden@host/x", r"not postgresql\+asyncpg://"),
            ("sqlite://", "SQLite needs the path of a file"),
            ("sqlite:///:memory:", "SQLite needs the path of a file"),
            ("sqlite:///file:x?mode=memory&uri=true", "SQLite needs the path of a file"),
            (
                "sqlite:////no/such/x.db",
                "/no/such/x.db cannot be opened: there is no directory /no/such",
            ),
            ("postgresql://u:hidden@/x?nonsense=1", 'postgresql:///x: invalid .* "nonsense"'),
        ],
    )
    def test_a_wrong_url(self, url: str, message: str) -> None:
        """The error does not show the password."""
        with pytest.raises(ConfigurationError, match=message) as caught:
            SqlStore(url)
        assert "hidden" not in f"{caught.value!r} {caught.value.__cause__!r}"

    def test_a_server_that_is_not_there(self) -> None:
        """It may come back, so the error is an UnavailableError. It does not show the password."""
        with pytest.raises(
            UnavailableError, match=r"postgresql://127\.0\.0\.1:1/x: .* refused"
        ) as caught:
            SqlStore("postgresql://user:hidden@127.0.0.1:1/x")
        assert "hidden" not in f"{caught.value!r} {caught.value.__cause__!r}"

    def test_a_password_in_the_words_of_the_server(self, own_postgres: Postgres) -> None:
        """It is redacted; here it equals the user's name, which the server repeats."""
        url = own_postgres.url.set(username="hidden", password="hidden")
        with pytest.raises(ConfigurationError, match=r"role \"\*\*\*\" does not exist"):
            SqlStore(url.render_as_string(hide_password=False))

    def test_a_folder(self, tmp_path: Path) -> None:
        """A folder cannot be opened as a database."""
        with pytest.raises(ConfigurationError, match="unable to open database file"):
            SqlStore(f"sqlite:///{tmp_path}")

    def test_a_missing_driver(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The message says what to install."""
        monkeypatch.setitem(sys.modules, "psycopg", None)
        with pytest.raises(ConfigurationError, match="needs psycopg, which is not installed: pip"):
            SqlStore("postgresql://host/x")

    def test_a_schema_that_is_not_there(self, database_url: str) -> None:
        """The message names the schema."""
        with pytest.raises(ConfigurationError, match="nowhere"):
            SqlStore(database_url, schema="nowhere")

    def test_other_tables_of_the_same_names(self, database_url: str, engine: sa.Engine) -> None:
        """They are refused; with a prefix, the store creates tables of its own."""
        do(engine, "CREATE TABLE messages (id integer, text text)")
        with pytest.raises(ConfigurationError, match=r"messages\.\w+"):
            SqlStore(database_url)
        SqlStore(database_url, prefix="chat_").close()
        assert count(engine, "chat_messages") == 0

    def test_a_schema(self, postgresql_url: str) -> None:
        """The tables are created in the schema."""
        url = sa.make_url(postgresql_url)
        schema = str(url.query["options"]).partition("search_path=")[2]
        store = SqlStore(url.difference_update_query(["options"]).render_as_string(), schema=schema)
        store.begin(asked(), MANY)
        store.close()
        engine = sa.create_engine(postgresql_url)
        assert count(engine, f"{schema}.messages") == 2
        engine.dispose()

    def test_tables_that_a_migration_has_created(
        self, database_url: str, engine: sa.Engine
    ) -> None:
        """The store uses them, even if you have added a column."""
        SqlStore.add_tables(sa.MetaData(), prefix="my_").create_all(engine)
        do(engine, "ALTER TABLE my_messages ADD COLUMN rating integer")
        store = SqlStore(database_url, prefix="my_")
        store.begin(asked(), MANY)
        store.close()
        assert count(engine, "my_messages") == 2

    def test_several_processes_that_start_at_once(self, database_url: str) -> None:
        """All of them can create the store, and use its tables."""
        results = at_once(*[lambda: SqlStore(database_url)] * 4)
        for store in results:
            assert isinstance(store, SqlStore), store
            assert store.message(ID) is None
            store.close()

    @pytest.mark.parametrize(
        ("errors", "times", "is_done"),
        [
            (["database is locked"] * 2, [0.0, 1.0, 2.0], True),
            (["database is locked"] * 2, [0.0, 1.0, 10.0], False),
            (["disk I/O error"], [0.0], False),
        ],
        ids=["let go in time", "not let go", "something else"],
    )
    def test_a_file_that_others_begin_to_use(
        self,
        errors: list[str],
        times: list[float],
        is_done: bool,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """SQLite then refuses the change to WAL without waiting, so it is retried."""
        waits: list[float] = []
        clock = mock.Mock(monotonic=mock.Mock(side_effect=times), sleep=waits.append)
        monkeypatch.setattr(databases, "time", clock)
        connection = mock.Mock()
        connection.execute.side_effect = [*map(sqlite3.OperationalError, errors), mock.Mock()]
        if is_done:
            databases._execute_patiently(connection, "PRAGMA journal_mode = WAL")
        else:
            with pytest.raises(sqlite3.OperationalError, match=errors[-1]):
                databases._execute_patiently(connection, "PRAGMA journal_mode = WAL")
        assert connection.execute.call_count == len(errors) + is_done
        assert len(waits) == len(errors) - (not is_done)

    def test_how_it_is_shown(self, store: SqlStore) -> None:
        """The repr has the URL without the password."""
        assert repr(store).startswith("SqlStore('")
        database = Database("postgresql://user:hidden@host:5432/x?options=1", connections=1)
        assert repr(database) == "Database('postgresql://host:5432/x')"

    def test_a_relative_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The store keeps using the file when the process changes its directory."""
        monkeypatch.chdir(tmp_path)
        store = SqlStore("sqlite:///chat.db", connections=3)
        monkeypatch.chdir("/")
        assert at_once(*[lambda: store.message(ID)] * 3) == [None] * 3
        store.close()
        assert (tmp_path / "chat.db").exists()
