"""The tables of a relay: for its store, and for its log."""

from __future__ import annotations

import sqlalchemy as sa
from attrs import frozen


@frozen
class StoreTables:
    """The tables of a `SqlStore`. Times are UTC, in SQLite too, which stores no time zone."""

    conversations: sa.Table
    messages: sa.Table

    @classmethod
    def of(cls, metadata: sa.MetaData, prefix: str = "", schema: str | None = None) -> StoreTables:
        """Return the tables, added to *metadata*."""
        conversations = sa.Table(
            f"{prefix}conversations",
            metadata,
            sa.Column("id", sa.String(255), primary_key=True),
            sa.Column("user_id", sa.String(255), nullable=False, index=True),
            sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
            schema=schema,
        )
        messages = sa.Table(
            f"{prefix}messages",
            metadata,
            sa.Column("id", sa.String(255), primary_key=True),
            sa.Column(
                "conversation_id",
                sa.String(255),
                sa.ForeignKey(conversations.c.id, ondelete="CASCADE"),
                nullable=False,
            ),
            # Times of two messages may be equal, and clocks may be set back, so the order is
            # stored.
            sa.Column("position", sa.Integer, nullable=False),
            # The user of the conversation, so that an index can count a user's messages.
            sa.Column("user_id", sa.String(255), nullable=False),
            sa.Column("role", sa.String(16), nullable=False),
            sa.Column("content", sa.Text, nullable=False),
            sa.Column("status", sa.String(16), nullable=False),
            sa.Column("epoch", sa.Integer, nullable=False),
            sa.Column("facts", sa.JSON, nullable=False),
            sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
            sa.Column("finished_at", sa.DateTime(timezone=True)),
            sa.UniqueConstraint("conversation_id", "position"),
            schema=schema,
        )
        name = f"ix_{prefix}messages"
        sa.Index(f"{name}_user_id_created_at", messages.c.user_id, messages.c.created_at)
        running = messages.c.status == "running"
        sa.Index(
            f"{name}_running",
            messages.c.user_id,
            postgresql_where=running,
            sqlite_where=running,
        )
        return cls(conversations, messages)


@frozen
class LogTables:
    """The tables of a `SqlLog`."""

    streams: sa.Table
    events: sa.Table

    @classmethod
    def of(cls, metadata: sa.MetaData, prefix: str, schema: str | None = None) -> LogTables:
        """Return the tables, added to *metadata*. Times are seconds since 1970."""
        streams = sa.Table(
            f"{prefix}streams",
            metadata,
            sa.Column("stream", sa.String(255), primary_key=True),
            # How many processes have taken the job.
            sa.Column("epoch", sa.Integer, nullable=False),
            # The last of them.
            sa.Column("owner", sa.String(255)),
            # Until when the job belongs to it; 0 if it belongs to no process.
            sa.Column("lease", sa.Double, nullable=False),
            sa.Column("stop", sa.Boolean, nullable=False),
            sa.Column("created", sa.Double, nullable=False),
            # When to delete a stream that has ended; null before its end.
            sa.Column("expires", sa.Double),
            schema=schema,
        )
        name = f"ix_{prefix}streams"
        is_job = streams.c.expires.is_(None)
        is_to_stop = is_job & streams.c.stop
        sa.Index(
            f"{name}_jobs",
            streams.c.lease,
            streams.c.created,
            postgresql_where=is_job,
            sqlite_where=is_job,
        )
        sa.Index(
            f"{name}_stop",
            streams.c.stream,
            postgresql_where=is_to_stop,
            sqlite_where=is_to_stop,
        )
        sa.Index(f"{name}_expires", streams.c.expires)
        events = sa.Table(
            f"{prefix}events",
            metadata,
            sa.Column("stream", sa.String(255), primary_key=True),
            sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("kind", sa.String(16), nullable=False),
            sa.Column("data", sa.LargeBinary, nullable=False),
            sqlite_with_rowid=False,
            schema=schema,
        )
        return cls(streams, events)
