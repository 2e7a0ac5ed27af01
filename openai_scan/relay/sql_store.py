"""A store in a database, with SQLAlchemy Core."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from openai_scan.relay.database import Database
from openai_scan.relay.entries import storable
from openai_scan.relay.errors import LimitError, UnavailableError, UnknownStreamError
from openai_scan.relay.store import Limits, NewMessage, Status, StoredMessage
from openai_scan.relay.tables import StoreTables

# The seconds over which `Limits.per_minute` counts.
_MINUTE = 60.0

# How often to run a transaction that another one interferes with. One repetition is enough to see
# what the other has inserted.
_TRIES = 3

_MAX_ID = 255


class SqlStore:
    """Conversations and messages in two tables of SQLite or PostgreSQL.

    ::

        SqlStore("sqlite:///chat.db")
        SqlStore("postgresql://user:password@host/name", prefix="chat_")

    The tables are created if they do not exist:

    ::

        conversations        id, user_id, created_at
        messages             id, conversation_id, position, user_id, role, content, status, epoch,
                             facts, created_at, finished_at

    `position` counts the messages of a conversation from 1. The id of an answer is that of its
    stream; that of the prompt before it ends with `.prompt`. `facts` is JSON. Messages are deleted
    with their conversation. You may add columns that are nullable or have a default.

    To create the tables with Alembic instead, run its migrations before you create a store, and
    pass the tables to its `env.py`:

    ::

        target_metadata = SqlStore.add_tables(MetaData(), prefix="chat_")

    All times are UTC. With PostgreSQL they are those of the server, so that machines with different
    clocks count the same minute; with SQLite they are those of the machine. The character U+0000,
    which PostgreSQL cannot store, becomes U+FFFD in both.

    Args:
        url: `sqlite:///` and a path, or `postgresql://` with what libpq understands; the driver is
            psycopg.
        prefix: The prefix of the table names.
        schema: The schema of the tables, which must exist; None for the default one.
        connections: The maximum number of connections to the database.

    Raises:
        ConfigurationError: The URL or the file cannot be used, a library is missing, or tables
            with the same names but other columns exist.
        UnavailableError: The database cannot be reached or is locked.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "",
        schema: str | None = None,
        connections: int = 10,
    ) -> None:
        self._database = Database(url, connections=connections)
        self._tables = StoreTables.of(sa.MetaData(), prefix, schema)
        self._database.prepare(self._tables.conversations, self._tables.messages)

    def __repr__(self) -> str:
        return f"SqlStore({self._database.name!r})"

    @staticmethod
    def add_tables(
        metadata: sa.MetaData, *, prefix: str = "", schema: str | None = None
    ) -> sa.MetaData:
        """Add the tables to *metadata*, and return it; arguments as for the store."""
        StoreTables.of(metadata, prefix, schema)
        return metadata

    def begin(self, message: NewMessage, limits: Limits) -> bool:
        """Insert a prompt and, as `running`, the answer to it.

        The limits are exact, however many processes call it at once: calls for one user wait for
        each other.

        Returns:
            False if a message with that id exists: nothing was changed.

        Raises:
            UnknownStreamError: The conversation belongs to another user.
            LimitError: The user has too many answers running, or has asked too often.
            UnavailableError: The database cannot be reached or is locked. Call it again with the
                same id.
            ValueError: An id has more than 255 characters, or contains U+0000.
        """
        for id in (message.id, message.conversation, message.user):
            if len(id) > _MAX_ID or "\0" in id:
                raise ValueError(f"an id may have at most {_MAX_ID} characters and no U+0000")
        for _ in range(_TRIES):
            # Another user may just have created the same message or conversation.
            with contextlib.suppress(IntegrityError):
                return self._database.transact(functools.partial(self._begin, message, limits))
        raise UnavailableError(f"{self._database.name}: {message.id} cannot be inserted")

    def _begin(self, message: NewMessage, limits: Limits, connection: sa.Connection) -> bool:
        messages, conversations = self._tables.messages.c, self._tables.conversations.c
        self._database.lock(connection, f"{self._tables.messages.fullname} {message.user}")
        if connection.scalar(sa.select(messages.id).where(messages.id == message.id)):
            return False
        owner = connection.scalar(
            sa.select(conversations.user_id).where(conversations.id == message.conversation)
        )
        if owner not in (None, message.user):
            raise UnknownStreamError(f"there is no conversation {message.conversation}")
        now = self._now(connection)
        self._check(connection, message.user, limits, now)
        if owner is None:
            connection.execute(
                self._tables.conversations.insert().values(
                    id=message.conversation, user_id=message.user, created_at=_time_of(now)
                )
            )
        last = connection.scalar(
            sa.select(sa.func.max(messages.position)).where(
                messages.conversation_id == message.conversation
            )
        )
        shared = {
            "conversation_id": message.conversation,
            "user_id": message.user,
            "epoch": 0,
            "facts": {},
            "created_at": _time_of(now),
        }
        prompt = {
            "id": f"{message.id}.prompt",  # ids of streams contain no dots
            "position": (last or 0) + 1,
            "role": "user",
            "content": storable(message.prompt),
            "status": "completed",
            "finished_at": _time_of(now),
        }
        answer = {
            "id": message.id,
            "position": (last or 0) + 2,
            "role": "assistant",
            "content": "",
            "status": "running",
            "finished_at": None,
        }
        connection.execute(self._tables.messages.insert(), [shared | prompt, shared | answer])
        return True

    def _check(self, connection: sa.Connection, user: str, limits: Limits, now: float) -> None:
        """Raise a LimitError if the user may not start another answer."""
        messages = self._tables.messages.c
        running = connection.scalar(
            sa.select(sa.func.count()).where(messages.user_id == user, messages.status == "running")
        )
        if (running or 0) >= limits.running:
            raise LimitError(f"you have {running} answers running; wait until one has ended")
        starts = connection.scalars(
            sa.select(messages.created_at)
            .where(
                messages.user_id == user,
                messages.role == "assistant",
                messages.created_at > _time_of(now - _MINUTE),
            )
            .order_by(messages.created_at.desc())
            .limit(limits.per_minute)
        ).all()
        if len(starts) >= limits.per_minute:
            raise LimitError(
                f"you have started {limits.per_minute} answers within a minute",
                retry_after=_seconds_of(starts[-1]) + _MINUTE - now if starts else None,
            )

    def finish(
        self, id: str, epoch: int, status: Status, text: str, facts: Mapping[str, Any]
    ) -> bool:
        """Store the end of an answer, once.

        Returns:
            Whether this call has stored it. If False, it was stored before and stays as it is.

        Raises:
            UnavailableError: The database cannot be reached or is locked. Call it again.
        """
        messages = self._tables.messages
        statement = (
            messages.update()
            .where(
                messages.c.id == id,
                messages.c.status == "running",
                messages.c.epoch <= epoch,
            )
            .values(
                status=status,
                content=storable(text),
                facts=_storable(dict(facts)),
                epoch=epoch,
                finished_at=self._database.timestamp,
            )
        )
        return self._database.write(lambda connection: connection.execute(statement).rowcount) == 1

    def message(self, id: str) -> StoredMessage | None:
        """Return a message, or None if there is none with that id.

        Raises:
            UnavailableError: The database cannot be reached.
        """
        found = self._select(self._tables.messages.c.id == id)
        return found[0] if found else None

    def history(self, conversation: str, user: str) -> Sequence[StoredMessage]:
        """Return the messages of a conversation in order; an empty list if it is not the user's.

        Raises:
            UnavailableError: The database cannot be reached.
        """
        messages = self._tables.messages.c
        return self._select(messages.conversation_id == conversation, messages.user_id == user)

    def running(self, seconds: float) -> Sequence[StoredMessage]:
        """Return the answers that have been `running` for longer than *seconds*.

        Raises:
            UnavailableError: The database cannot be reached.
        """
        messages = self._tables.messages.c
        before = self._database.read(self._now) - seconds
        return self._select(messages.status == "running", messages.created_at < _time_of(before))

    def close(self) -> None:
        """Close the connections. Later calls raise an UnavailableError."""
        self._database.close()

    def _select(self, *conditions: sa.ColumnElement[bool]) -> Sequence[StoredMessage]:
        messages = self._tables.messages.c
        statement = (
            sa.select(
                messages.id,
                messages.conversation_id,
                messages.user_id,
                messages.role,
                messages.content,
                messages.status,
                messages.facts,
            )
            .where(*conditions)
            .order_by(messages.conversation_id, messages.position)
        )
        rows = self._database.read(lambda connection: connection.execute(statement).all())
        return [StoredMessage(*row) for row in rows]

    def _now(self, connection: sa.Connection) -> float:
        now = connection.scalar(sa.select(self._database.time))
        return cast("float", now)


def _time_of(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)


def _seconds_of(time: datetime) -> float:
    """Return the seconds since 1970. Times from SQLite have no time zone."""
    return (time.replace(tzinfo=timezone.utc) if time.tzinfo is None else time).timestamp()


def _storable(value: Any) -> Any:
    """Return a JSON value with all texts made storable."""
    match value:
        case str():
            return storable(value)
        case list():
            return [_storable(item) for item in value]
        case dict():
            return {_storable(key): _storable(item) for key, item in value.items()}
        case _:
            return value
