"""A database through SQLAlchemy: SQLite in a file, or PostgreSQL, with the same code.

The differences are handled here: how a transaction that writes begins, which clock counts, and what
a driver's exceptions mean.

::

                         SQLite                                    PostgreSQL
    transaction          BEGIN IMMEDIATE: one writer at a time     READ COMMITTED; `lock()` where
                                                                   rows that are not there count
    clock                of the machine, which all processes       of the server, since the machines
                         of the file share                         of the processes may differ
    waits for a lock     5 seconds                                 5 seconds
    threads that write   wait for their turn, in order             wait for the rows they need
    a frozen process     holds the lock until it continues or ends loses its connection after 10
                                                                   seconds in a transaction
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from openai_scan.errors import ConfigurationError
from openai_scan.relay.errors import UnavailableError

T = TypeVar("T")

_DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "sqlite+pysqlite": "sqlite+pysqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}

# How long a statement waits for a lock, and a thread for a connection or for its turn, in seconds.
_WAIT_SECONDS = 5

# The pause before the next attempt, in seconds.
_RETRY_SECONDS = 0.01

# Defaults of the drivers, which the URL may override. libpq gives up a server that does not answer,
# and notices one that has vanished, within seconds instead of hours.
_SQLITE = {"timeout": _WAIT_SECONDS}
_LIBPQ = {
    "application_name": "openai_scan.relay",
    "connect_timeout": _WAIT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}

# A session frozen in a transaction would block the takeover of its jobs.
_POSTGRESQL_SETTINGS = (
    f"SET lock_timeout = '{_WAIT_SECONDS}s'; SET idle_in_transaction_session_timeout = '10s'"
)

# NORMAL is safe with WAL: a crash of the machine may undo the last transactions, never half of one.
_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "foreign_keys = ON",
)

# SQLite's messages for a file that may be usable later. Older Pythons do not expose its error
# codes.
_PASSING = ("locked", "full", "disk I/O")

# PostgreSQL's messages for a connection that it will not accept later either. There is no code.
_REFUSING = ("does not exist", "authentication failed")


class _Turns:
    """Lets the threads of a process write to a SQLite file one after the other.

    In SQLite, a thread that finds the file locked sleeps and retries. If many threads write,
    some find it locked each time, until they give up. Here the thread that waited longest is next.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()  # the first one has its turn

    def begin(self) -> None:
        """Wait for the turn of this thread.

        Raises:
            UnavailableError: The turn has not come within five seconds.
        """
        mine = threading.Event()
        with self._lock:
            self._waiting.append(mine)
            if self._waiting[0] is mine:
                return
        if not mine.wait(_WAIT_SECONDS):
            with self._lock:
                if self._waiting[0] is not mine:  # otherwise the turn has just come
                    self._waiting.remove(mine)
                    raise UnavailableError(
                        f"sqlite:///{self._file}: other threads have locked it for"
                        f" {_WAIT_SECONDS} seconds"
                    )

    def end(self) -> None:
        """End the turn of this thread, so that the next one begins."""
        with self._lock:
            self._waiting.popleft()
            if self._waiting:
                self._waiting[0].set()


# By process, because a forked one would inherit turns that never end, and by file.
_turns: WeakValueDictionary[tuple[int, str], _Turns] = WeakValueDictionary()
_turns_lock = threading.Lock()


def _turns_of(file: str) -> _Turns:
    """Return what all databases of this process share that are in the same *file*."""
    with _turns_lock:
        return _turns.setdefault((os.getpid(), file), _Turns(file))


class Database:
    """One database, used by any number of threads.

    Args:
        url: `sqlite:///` and the path of a file, or `postgresql://` with what libpq understands.
        connections: The maximum number of connections. Threads wait for one.

    Attributes:
        is_sqlite: Whether it is SQLite.
        name: The URL without password and options, for display.
        time: An SQL expression for the time: seconds since 1970.
        timestamp: The same as a timestamp.

    Raises:
        ConfigurationError: The URL cannot be used, or the driver is not installed.
    """

    def __init__(self, url: str, *, connections: int) -> None:
        parsed = parsed_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.name = _shown(parsed)
        self._password = parsed.password or ""
        self._turns: _Turns | None = None
        if self.is_sqlite:
            parsed = _with_file(parsed)
            self._turns = _turns_of(parsed.database or "")
        self._engine = _engine(parsed, connections)
        self._together = self._engine.execution_options(is_together=True)
        self._alone = self._engine if self.is_sqlite else _autocommit(self._engine)
        self.time, self.timestamp = _clocks(is_sqlite=self.is_sqlite)
        self._closed = threading.Event()
        self._failed = -math.inf
        self._watching: sa.PoolProxiedConnection | None = None
        self._version: Any = None

    def __repr__(self) -> str:
        return f"Database({self.name!r})"

    def read(self, do: Callable[[sa.Connection], T]) -> T:
        """Call *do* with a connection that it only reads from, and return its result.

        Raises:
            UnavailableError: The database cannot be reached or is locked.
        """
        return self._run(self._alone, do)

    def write(self, do: Callable[[sa.Connection], T]) -> T:
        """Call *do* with a connection in autocommit mode, and return its result.

        Each statement is its own transaction, so no lock of the database is held while Python runs,
        which may take long on a busy machine.

        Raises:
            UnavailableError: The database cannot be reached or is locked. If the connection was
                lost, a statement may still have taken effect.
            IntegrityError: A row with the same key exists.
        """
        with self._turn():
            return self._run(self._alone, do)

    def transact(self, do: Callable[[sa.Connection], T]) -> T:
        """Call *do* in one transaction that writes, and return its result; an exception rolls back.

        Raises:
            UnavailableError: The database cannot be reached or is locked. If the connection was
                lost at the end, the transaction may still have been committed.
            IntegrityError: Another transaction has inserted a row with the same key.
        """
        with self._turn():
            return self._run(self._together, do)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        if self._turns is None:
            yield
            return
        try:
            self._turns.begin()
        except UnavailableError:
            self._failed = time.monotonic()
            raise
        try:
            yield
        finally:
            self._turns.end()

    def _run(self, engine: sa.Engine, do: Callable[[sa.Connection], T]) -> T:
        if self._closed.is_set():
            raise UnavailableError(f"{self.name} is closed")
        try:
            with engine.begin() as connection:
                return do(connection)
        except IntegrityError:
            raise
        except (DBAPIError, PoolTimeout) as error:
            cause = _cause(error)
        finally:
            if self._closed.is_set():  # closed meanwhile
                self._engine.pool.dispose()
        self._failed = time.monotonic()
        raise UnavailableError(f"{self.name}: {self._message(cause)}") from cause

    def well_for(self) -> float:
        """Return for how many seconds all calls have succeeded."""
        return time.monotonic() - self._failed

    def prepare(self, *tables: sa.Table) -> None:
        """Create those of *tables* that do not exist, and check the columns of the others.

        Raises:
            ConfigurationError: They cannot be created, or have other columns.
            UnavailableError: The database cannot be reached or is locked.
        """

        def prepare(connection: sa.Connection) -> None:
            self.lock(connection, "tables")
            tables[0].metadata.create_all(connection, tables)
            for table in tables:
                connection.execute(_probe(table))

        try:
            self.transact(prepare)
        except UnavailableError as error:
            self.close()
            cause = error.__cause__
            if cause is None or not self._is_lasting(cause):
                raise
        else:
            return
        raise ConfigurationError(f"{self.name}: {self._message(cause)}") from cause

    def _is_lasting(self, cause: BaseException) -> bool:
        """Return whether waiting cannot help against an error of the driver."""
        if self.is_sqlite:
            return not any(sign in str(cause) for sign in _PASSING)
        programming = self._engine.dialect.loaded_dbapi.ProgrammingError
        return isinstance(cause, programming) or any(sign in str(cause) for sign in _REFUSING)

    def lock(self, connection: sa.Connection, name: str) -> None:
        """Block other transactions that lock the same *name* until this one has ended."""
        if not self.is_sqlite:  # SQLite allows only one writer at a time
            digest = hashlib.sha256(name.encode()).digest()
            number = int.from_bytes(digest[:8], "big", signed=True)
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))

    def has_changed(self) -> bool:
        """Return whether anything may have been committed since the last call.

        Only one thread may call it. With SQLite it costs a microsecond; with PostgreSQL the answer
        is always True.
        """
        if not self.is_sqlite:
            return True
        version = self._version
        try:
            self._version = self._read_version()
        except (DBAPIError, PoolTimeout, self._engine.dialect.loaded_dbapi.Error):
            self._version = None
            self._stop_watching()
        return self._version is None or self._version != version

    def _read_version(self) -> Any:
        # The version changes when another connection commits. Only this thread uses this
        # connection.
        if self._watching is None:
            self._watching = self._engine.raw_connection()
        connection: Any = self._watching.driver_connection
        return connection.execute("PRAGMA data_version").fetchall()

    def _stop_watching(self) -> None:
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.invalidate()

    def close(self) -> None:
        """Close the connections. Later calls raise an UnavailableError."""
        self._closed.set()
        self._stop_watching()
        self._engine.pool.dispose()  # the engine would create a new pool

    def _message(self, cause: BaseException) -> str:
        message = " ".join(str(cause).split())
        return message.replace(self._password, "***") if self._password else message


def parsed_url(url: str) -> sa.URL:
    """Return a database's URL with the driver to use, or raise a `ConfigurationError`."""
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError):  # the message may contain the password
        parsed = None
    driver = _DRIVERS.get(parsed.drivername) if parsed is not None else None
    if parsed is None or driver is None:
        given = "" if parsed is None else f", not {parsed.drivername}://"
        raise ConfigurationError(
            f"the URL of a database must begin with sqlite:/// or postgresql://{given}"
        )
    return parsed.set(drivername=driver)


def _shown(url: sa.URL) -> str:
    scheme = url.get_backend_name()
    if scheme == "sqlite":
        return f"sqlite:///{url.database or ''}"
    host = f"{url.host or ''}{'' if url.port is None else f':{url.port}'}"
    return f"{scheme}://{host}/{url.database or ''}"


def _with_file(url: sa.URL) -> sa.URL:
    """Return the URL with an absolute path, because a process may change its directory."""
    file = url.database or ""
    if file in ("", ":memory:") or file.startswith("file:"):
        raise ConfigurationError(
            "SQLite needs the path of a file, such as sqlite:///relay.db: in memory, each"
            " connection would have its own database"
        )
    path = Path(file).absolute()
    if not path.parent.is_dir():
        raise ConfigurationError(
            f"{url.database} cannot be opened: there is no directory {path.parent}"
        )
    return url.set(database=str(path))


def _engine(url: sa.URL, connections: int) -> sa.Engine:
    is_sqlite = url.get_backend_name() == "sqlite"
    usual = _SQLITE if is_sqlite else _LIBPQ
    options: dict[str, Any] = {} if is_sqlite else {"isolation_level": "READ COMMITTED"}
    try:
        engine = sa.create_engine(
            url,
            connect_args={name: value for name, value in usual.items() if name not in url.query},
            hide_parameters=True,  # parameters are prompts and answers
            max_overflow=0,
            pool_pre_ping=not is_sqlite,
            pool_size=connections,
            pool_timeout=_WAIT_SECONDS,
            pool_use_lifo=True,
            **options,
        )
    except ModuleNotFoundError as missing:
        raise ConfigurationError(
            f"PostgreSQL needs {missing.name}, which is not installed:"
            " pip install 'psycopg[binary]'"
        ) from missing
    if is_sqlite:
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin_on_sqlite)
    else:
        sa.event.listen(engine, "connect", _set_up_postgresql)
    return engine


def _autocommit(engine: sa.Engine) -> sa.Engine:
    """Return *engine* with each statement in its own transaction."""
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def _set_up_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the sqlite3 module must not begin transactions
    for pragma in _PRAGMAS:
        _execute_patiently(connection, f"PRAGMA {pragma}")


def _execute_patiently(connection: Any, statement: str) -> None:
    """Execute a statement, and retry while another process blocks it.

    Switching to WAL for the first time needs the file exclusively. While others start to use it,
    SQLite rejects that at once, whatever the timeout.
    """
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            connection.execute(statement).close()
        except sqlite3.OperationalError as error:  # noqa: PERF203 - expected until the file is free
            if "locked" not in str(error) or time.monotonic() >= deadline:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return


def _begin_on_sqlite(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("is_together"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _set_up_postgresql(connection: Any, _: object) -> None:
    connection.execute(_POSTGRESQL_SETTINGS)
    connection.commit()


def _clocks(*, is_sqlite: bool) -> tuple[sa.ColumnElement[float], sa.ColumnElement[Any]]:
    if is_sqlite:
        seconds = (sa.func.julianday("now", type_=sa.Double) - 2440587.5) * 86400.0
        return seconds, sa.func.strftime("%Y-%m-%d %H:%M:%f000", "now")
    # Not now(), which is constant within a transaction, however long that has waited for a lock.
    now = sa.func.clock_timestamp()
    return sa.cast(sa.extract("epoch", now), sa.Double), now


def _cause(error: DBAPIError | PoolTimeout) -> BaseException:
    """Return the driver's exception: SQLAlchemy's has the statement's parameters."""
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def _probe(table: sa.Table) -> sa.Select[Any]:
    """Return a query without rows that fails if the table lacks a column."""
    return sa.select(table).where(sa.false())
