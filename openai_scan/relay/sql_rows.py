"""What a `SqlLog` asks of its two tables: each method is one transaction, and waits for nothing.

The fence is the epoch in the row of a stream. A process that takes a job changes it. One that
appends checks it, and keeps the row from being changed until what it appends has been committed. So
once a job has been taken, all that the process before has written can be read, and nothing more is
written.
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
from openai_scan.relay.log import Job
from openai_scan.relay.tables import LogTables

# How many streams are named in a statement, and deleted in a transaction, at most.
AT_A_TIME = 200


class Rows:
    """The rows of a log.

    All methods raise an `UnavailableError` if the database cannot be reached or is locked.
    """

    def __init__(self, database: Database, tables: LogTables) -> None:
        self._database = database
        self._streams = tables.streams
        self._events = tables.events
        # The statements that are needed often. To build one takes as long as to run it.
        self._jobs = self._select_jobs()
        self._of_streams = self._select_of_streams()
        self._kept_of_streams = self._of_streams.with_for_update(read=True)
        self._stopped = sa.select(self._streams.c.stream).where(
            self._streams.c.expires.is_(None), self._streams.c.stop
        )
        self._after = self._select_after()

    # Jobs.

    def create(self, stream: str, head: bytes) -> bool:
        """Insert a stream with its head. Return False if it exists."""

        def create(connection: sa.Connection) -> None:
            connection.execute(
                self._streams.insert().values(
                    stream=stream, epoch=0, lease=0, stop=False, created=self._database.time
                )
            )
            connection.execute(self._events.insert(), [_row(stream, Entry(*HEAD, "head", head))])

        try:
            self._database.write(create)
        except IntegrityError:
            return False
        return True

    def take(
        self, limit: int, *, owner: str, lease: float, with_overdue: bool = True
    ) -> Sequence[Job]:
        """Give jobs that belong to no process to *owner* for *lease* seconds.

        Args:
            limit: How many at most.
            owner: The process. It takes none from itself.
            lease: For how long.
            with_overdue: Whether to take those whose lease has run out, too.
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

        return self._database.write(take)

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
        """Begin the leases of *jobs* anew, but for those that have been handed over.

        Returns:
            The epochs of those that another process has taken; 0 for a stream that does not exist.
        """
        if not jobs:
            return {}
        streams = self._streams.c

        def renew(connection: sa.Connection) -> Mapping[str, int]:
            until = self._database.time + lease
            self._update(connection, jobs, {"lease": until}, streams.lease > 0)
            return self._epochs(connection, jobs)

        epochs = self._database.write(renew)
        return {job: epoch for job in jobs if (epoch := epochs.get(job.stream, 0)) != job.epoch}

    def hand_over(self, jobs: Collection[Job]) -> None:
        """End the leases of *jobs*."""
        if jobs:
            self._database.write(lambda connection: self._update(connection, jobs, {"lease": 0}))

    def finish(self, job: Job, keep: float) -> None:
        """Remove a job; its stream expires in *keep* seconds."""
        expires = self._database.time + keep
        self._database.write(
            lambda connection: self._update(connection, [job], {"expires": expires})
        )

    def _update(
        self,
        connection: sa.Connection,
        jobs: Iterable[Job],
        values: Mapping[str, Any],
        *conditions: sa.ColumnElement[bool],
    ) -> None:
        """Change the rows of those of *jobs* that no other process has taken."""
        streams = self._streams.c
        statement = (
            self._streams.update()
            .where(
                streams.stream == sa.bindparam("of_stream"),
                streams.epoch == sa.bindparam("of_epoch"),
                *conditions,
            )
            .values(values)
        )
        # All lock rows in the same order, so that none waits for one that waits for it.
        keys = [
            {"of_stream": stream, "of_epoch": epoch}
            for stream, epoch in sorted((job.stream, job.epoch) for job in jobs)
        ]
        connection.execute(statement, keys)

    def _epochs(
        self, connection: sa.Connection, jobs: Iterable[Job], *, is_kept: bool = False
    ) -> Mapping[str, int]:
        """Return the epochs of the streams of *jobs* that exist.

        Args:
            connection: The transaction.
            jobs: The jobs.
            is_kept: Whether no process may take them before the transaction has ended.
        """
        statement = self._kept_of_streams if is_kept else self._of_streams
        epochs: dict[str, int] = {}
        for names in _groups(sorted({job.stream for job in jobs})):
            rows = connection.execute(statement, {"names": names})
            epochs.update((stream, epoch) for stream, epoch in rows)
        return epochs

    def _select_of_streams(self) -> sa.Select[Any]:
        streams = self._streams.c
        return (
            sa.select(streams.stream, streams.epoch)
            .where(streams.stream.in_(sa.bindparam("names", expanding=True)))
            .order_by(streams.stream)  # all lock rows in the same order
        )

    # Entries.

    def write(self, batch: Mapping[Job, Sequence[Entry]]) -> Mapping[Job, int]:
        """Append entries to the streams of jobs.

        Returns:
            The epochs of those that another process has taken; 0 for a stream that does not exist.
            Nothing has been appended for them.

        Raises:
            IntegrityError: Some are there already, so nothing has been appended.
        """

        def write(connection: sa.Connection) -> Mapping[Job, int]:
            epochs = self._epochs(connection, batch, is_kept=True)
            lost = {
                job: epoch for job in batch if (epoch := epochs.get(job.stream, 0)) != job.epoch
            }
            rows = [
                _row(job.stream, entry)
                for job, entries in batch.items()
                if job not in lost
                for entry in entries
            ]
            if rows:
                connection.execute(self._events.insert(), rows)
            return lost

        return self._database.write(write)

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
        """Return the entries of many streams, each behind its own place, in order."""
        wanted = json.dumps([[stream, *place] for stream, place in places.items()])
        rows = self._database.read(
            lambda connection: connection.execute(self._after, {"places": wanted}).all()
        )
        found: dict[str, list[Entry]] = defaultdict(list)
        for stream, *row in rows:
            found[stream].append(Entry(*row))
        return found

    def _select_after(self) -> sa.Select[Any]:
        """Return the statement of `after()`.

        The places are one parameter, since a statement that grows with them takes SQLAlchemy ten
        times as long.
        """
        places = sa.bindparam("places", type_=sa.String)
        stream: sa.ColumnElement[Any]
        epoch: sa.ColumnElement[Any]
        seq: sa.ColumnElement[Any]
        if self._database.is_sqlite:
            place = sa.func.json_each(places).table_valued("value", name="place")
            stream, epoch, seq = (
                sa.func.json_extract(place.c.value, f"$[{number}]") for number in range(3)
            )
        else:
            each = sa.func.json_array_elements(sa.cast(places, sa.JSON))
            place = each.table_valued("value", name="place")
            stream, epoch, seq = (
                sa.cast(place.c.value.op("->>")(number), type_)
                for number, type_ in enumerate((sa.String, sa.Integer, sa.Integer))
            )
        events = self._events.c
        return (
            sa.select(events.stream, events.epoch, events.seq, events.kind, events.data)
            .select_from(place)
            .join(
                self._events,
                (events.stream == stream)
                & (sa.tuple_(events.epoch, events.seq) > sa.tuple_(epoch, seq)),
            )
            .order_by(events.stream, events.epoch, events.seq)
        )

    # Streams.

    def existing(self, streams: Iterable[str]) -> Collection[str]:
        """Return those of *streams* that exist."""
        of_streams = [Job(stream, 0) for stream in streams]
        return self._database.read(lambda connection: self._epochs(connection, of_streams)).keys()

    def stop(self, stream: str) -> None:
        """Note that a stream is to stop."""
        statement = self._streams.update().where(self._streams.c.stream == stream).values(stop=True)
        self._database.write(lambda connection: connection.execute(statement))

    def is_stopped(self, stream: str) -> bool:
        """Return whether a stream is to stop."""
        statement = sa.select(self._streams.c.stop).where(self._streams.c.stream == stream)
        return bool(self._database.read(lambda connection: connection.scalar(statement)))

    def stopped(self) -> Collection[str]:
        """Return the streams that are to stop, and have not ended."""
        return self._database.read(lambda connection: connection.scalars(self._stopped).all())

    def forget(self) -> None:
        """Delete the streams that have been kept long enough."""
        streams, events = self._streams.c, self._events.c
        expired = (
            sa.select(streams.stream)
            .where(streams.expires < self._database.time)
            .limit(AT_A_TIME)
            .with_for_update(skip_locked=True)
        )

        def forget(connection: sa.Connection) -> int:
            names = connection.scalars(expired).all()
            connection.execute(self._events.delete().where(events.stream.in_(names)))
            connection.execute(self._streams.delete().where(streams.stream.in_(names)))
            return len(names)

        while self._database.write(forget) == AT_A_TIME:
            pass


def _row(stream: str, entry: Entry) -> dict[str, Any]:
    return {
        "stream": stream,
        "epoch": entry.epoch,
        "seq": entry.seq,
        "kind": entry.kind,
        "data": entry.data,
    }


def _groups(names: Sequence[str]) -> Iterable[Sequence[str]]:
    return (names[start : start + AT_A_TIME] for start in range(0, len(names), AT_A_TIME))
