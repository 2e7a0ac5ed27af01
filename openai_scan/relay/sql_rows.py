"""The queries of a `SqlLog` on its two tables.

The fence is the epoch in the row of a stream. A process that takes a job changes it. A process that
appends does so in a statement that checks the epoch, and locks the row against changes until its
transaction has ended. So once a job has been taken, everything that the previous process has
written can be read, and nothing more is written.

A frequent query is one statement with one parameter, a list in JSON. Building a statement takes
longer than running it, and one that grows with a list takes ten times as long.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from openai_scan.relay.database import Database
from openai_scan.relay.entries import HEAD, Entry, Place
from openai_scan.relay.errors import UnavailableError
from openai_scan.relay.log import Job
from openai_scan.relay.tables import LogTables

# How many streams to delete in one transaction, at most. Writers wait for that long.
_DELETED_AT_A_TIME = 20


class Rows:
    """The rows of a log.

    All methods raise an `UnavailableError` if the database cannot be reached or is locked.
    """

    def __init__(self, database: Database, tables: LogTables) -> None:
        self._database = database
        self._streams = tables.streams
        self._events = tables.events
        self._jobs = self._select_jobs()
        self._epochs = self._select_epochs()
        self._stopped = self._select_stopped()
        self._after = self._select_after()
        self._write = self._insert_events()

    # Jobs.

    def create(self, stream: str, head: bytes) -> bool:
        """Insert a stream with its `head`. Return False if it exists."""

        def create(connection: sa.Connection) -> None:
            connection.execute(
                self._streams.insert().values(
                    stream=stream, epoch=0, lease=0, stop=False, created=self._database.time
                )
            )
            epoch, seq = HEAD
            connection.execute(
                self._events.insert().values(
                    stream=stream, epoch=epoch, seq=seq, kind="head", data=head
                )
            )

        try:
            self._database.transact(create)
        except IntegrityError:
            return False
        return True

    def take(
        self, limit: int, *, owner: str, lease: float, with_overdue: bool = True
    ) -> Sequence[Job]:
        """Give jobs that belong to no process to *owner* for *lease* seconds.

        Args:
            limit: The maximum number.
            owner: The process. It does not take over its own jobs.
            lease: For how long.
            with_overdue: Whether to take those whose lease has expired, too.
        """
        wanted = {"limit": limit, "owner": owner, "with_overdue": with_overdue}
        if not self._database.read(
            lambda connection: connection.execute(self._jobs, {**wanted, "limit": 1}).all()
        ):
            return []

        def take(connection: sa.Connection) -> Sequence[Job]:
            found = connection.execute(self._jobs.with_for_update(skip_locked=True), wanted).all()
            streams = self._streams.c
            connection.execute(
                self._streams.update()
                .where(streams.stream.in_([stream for stream, _ in found]))
                .values(epoch=streams.epoch + 1, owner=owner, lease=self._database.time + lease)
            )
            return [Job(stream, epoch + 1) for stream, epoch in found]

        return self._database.transact(take)

    def _select_jobs(self) -> sa.Select[Any]:
        streams = self._streams.c
        is_overdue = (
            sa.bindparam("with_overdue", type_=sa.Boolean)
            & (streams.lease < self._database.time)
            & (streams.owner != sa.bindparam("owner", type_=sa.String))
        )
        return (
            sa.select(streams.stream, streams.epoch)
            .where(streams.expires.is_(None), (streams.lease == 0) | is_overdue)
            .order_by(streams.lease, streams.created)
            .limit(sa.bindparam("limit", type_=sa.Integer))
        )

    def renew(self, jobs: Collection[Job], lease: float) -> Mapping[Job, int]:
        """Renew the leases of *jobs*, except those that have been handed over.

        Returns:
            The lost ones; see `lost()`.
        """
        streams = self._streams.c
        self._update(jobs, {"lease": self._database.time + lease}, streams.lease > 0)
        return self.lost(jobs)

    def hand_over(self, jobs: Collection[Job]) -> None:
        """End the leases of *jobs*."""
        self._update(jobs, {"lease": 0})

    def finish(self, job: Job, keep: float) -> None:
        """Remove a job; its stream expires in *keep* seconds."""
        self._update([job], {"expires": self._database.time + keep})

    def _update(
        self, jobs: Iterable[Job], values: Mapping[str, Any], *conditions: sa.ColumnElement[bool]
    ) -> None:
        """Change the rows of those of *jobs* that no other process has taken."""
        streams, locked = self._streams.c, self._streams.alias("locked")
        rows, (stream, epoch) = self._listed(sa.String, sa.Integer)
        # In the same order as `write()` locks them; otherwise each may wait for the other.
        those = (
            sa.select(locked.c.stream, locked.c.epoch)
            .select_from(rows)
            .join(locked, (locked.c.stream == stream) & (locked.c.epoch == epoch))
            .order_by(locked.c.stream)
            .with_for_update(of=locked)
        )
        statement = (
            self._streams.update()
            .where(sa.tuple_(streams.stream, streams.epoch).in_(those), *conditions)
            .values(values)
        )
        listed = json.dumps([[job.stream, job.epoch] for job in jobs])
        self._database.write(lambda connection: connection.execute(statement, {"list": listed}))

    def lost(self, jobs: Collection[Job]) -> Mapping[Job, int]:
        """Return the epochs of those of *jobs* that another process has taken.

        The epoch is 0 if there is no such stream.
        """
        epochs = self._epochs_of(job.stream for job in jobs)
        return {job: epoch for job in jobs if (epoch := epochs.get(job.stream, 0)) != job.epoch}

    def _epochs_of(self, streams: Iterable[str]) -> Mapping[str, int]:
        """Return the epochs of those of *streams* that exist."""
        listed = json.dumps([[stream] for stream in streams])
        rows = self._database.read(
            lambda connection: connection.execute(self._epochs, {"list": listed}).all()
        )
        return dict(rows)

    def _select_epochs(self) -> sa.Select[Any]:
        streams = self._streams.c
        rows, (stream,) = self._listed(sa.String)
        return (
            sa.select(streams.stream, streams.epoch)
            .select_from(rows)
            .join(self._streams, streams.stream == stream)
        )

    # Entries.

    def write(self, batch: Mapping[Job, Sequence[Entry]]) -> Mapping[Job, int]:
        """Append entries to the streams of jobs.

        Returns:
            The lost jobs; see `lost()`. Nothing more can be appended for them.

        Raises:
            IntegrityError: Some entries already exist, so nothing has been appended.
        """
        listed = [
            [job.stream, entry.epoch, entry.seq, entry.kind, entry.data.decode()]
            for job, entries in batch.items()
            for entry in entries
        ]
        written = self._database.write(
            lambda connection: (
                connection.execute(self._write, {"list": json.dumps(listed)}).rowcount
            )
        )
        if written == len(listed):
            return {}
        lost = self.lost(batch)
        if not lost:
            raise UnavailableError("the log has not accepted all entries")
        return lost

    def _insert_events(self) -> sa.Insert:
        """Return the statement of `write()`, for the jobs whose epoch is that of the stream."""
        streams = self._streams.c
        rows, (stream, epoch, seq, kind, data) = self._listed(
            sa.String, sa.Integer, sa.Integer, sa.String, sa.Text
        )
        columns = [stream, epoch, seq, kind, self._to_bytes(data)]
        current = (
            sa.select(*columns)
            .select_from(rows)
            .join(self._streams, (streams.stream == stream) & (streams.epoch == epoch))
            .order_by(streams.stream, seq)
            .with_for_update(read=True, of=self._streams)
        )
        insert = self._events.insert().from_select([*self._events.c], current)
        return insert.execution_options(preserve_rowcount=True)

    def last(self, job: Job) -> int:
        """Return the number of the last entry that *job* has in the log; -1 if it has none."""
        events = self._events.c
        statement = sa.select(sa.func.max(events.seq)).where(
            events.stream == job.stream, events.epoch == job.epoch
        )
        last = self._database.read(lambda connection: connection.scalar(statement))
        return -1 if last is None else last

    def read(self, stream: str) -> Sequence[Entry]:
        """Return the entries of a stream in order."""
        events = self._events.c
        statement = (
            sa.select(events.epoch, events.seq, events.kind, events.data)
            .where(events.stream == stream)
            .order_by(events.epoch, events.seq)
        )
        rows = self._database.read(lambda connection: connection.execute(statement).all())
        return [Entry(*row) for row in rows]

    def after(self, places: Mapping[str, Place]) -> Mapping[str, Sequence[Entry]]:
        """Return the entries of many streams, each after its own place, in order."""
        listed = json.dumps([[stream, *place] for stream, place in places.items()])
        rows = self._database.read(
            lambda connection: connection.execute(self._after, {"list": listed}).all()
        )
        found: dict[str, list[Entry]] = defaultdict(list)
        for stream, *row in rows:
            found[stream].append(Entry(*row))
        return found

    def _select_after(self) -> sa.Select[Any]:
        events = self._events.c
        rows, (stream, epoch, seq) = self._listed(sa.String, sa.Integer, sa.Integer)
        return (
            sa.select(events.stream, events.epoch, events.seq, events.kind, events.data)
            .select_from(rows)
            .join(
                self._events,
                (events.stream == stream)
                & (sa.tuple_(events.epoch, events.seq) > sa.tuple_(epoch, seq)),
            )
            .order_by(events.stream, events.epoch, events.seq)
        )

    def _listed(self, *types: type[sa.types.TypeEngine[Any]]) -> Any:
        """Return the rows and the columns of the parameter `list`: a list of lists in JSON."""
        parameter = sa.bindparam("list", type_=sa.String)
        if self._database.is_sqlite:
            rows = sa.func.json_each(parameter).table_valued("value", name="listed")
            item = [sa.func.json_extract(rows.c.value, f"$[{n}]") for n in range(len(types))]
            return rows, item
        each = sa.func.json_array_elements(sa.cast(parameter, sa.JSON))
        rows = each.table_valued("value", name="listed")
        return rows, [sa.cast(rows.c.value.op("->>")(n), of) for n, of in enumerate(types)]

    def _to_bytes(self, text: sa.ColumnElement[str]) -> sa.ColumnElement[bytes]:
        if self._database.is_sqlite:
            return sa.cast(text, sa.LargeBinary)
        return sa.func.convert_to(text, "UTF8", type_=sa.LargeBinary)

    # Streams.

    def existing(self, streams: Iterable[str]) -> Collection[str]:
        """Return those of *streams* that exist."""
        return self._epochs_of(streams).keys()

    def stop(self, stream: str) -> None:
        """Note that a stream must stop."""
        statement = self._streams.update().where(self._streams.c.stream == stream).values(stop=True)
        self._database.write(lambda connection: connection.execute(statement))

    def is_stopped(self, stream: str) -> bool:
        """Return whether a stream must stop."""
        statement = sa.select(self._streams.c.stop).where(self._streams.c.stream == stream)
        return bool(self._database.read(lambda connection: connection.scalar(statement)))

    def stopped(self) -> Collection[str]:
        """Return the streams that must stop and have not ended."""
        return self._database.read(lambda connection: connection.scalars(self._stopped).all())

    def _select_stopped(self) -> sa.Select[Any]:
        streams = self._streams.c
        return sa.select(streams.stream).where(streams.expires.is_(None), streams.stop)

    def forget(self) -> None:
        """Delete the streams that have been kept long enough."""
        streams, events = self._streams.c, self._events.c
        expired = (
            sa.select(streams.stream)
            .where(streams.expires < self._database.time)
            .limit(_DELETED_AT_A_TIME)
            .with_for_update(skip_locked=True)
        )

        def forget(connection: sa.Connection) -> int:
            names = connection.scalars(expired).all()
            connection.execute(self._events.delete().where(events.stream.in_(names)))
            connection.execute(self._streams.delete().where(streams.stream.in_(names)))
            return len(names)

        while self._database.transact(forget) == _DELETED_AT_A_TIME:
            pass
