"""How entries are stored in a stream of Redis, and how a reader detects missing ones."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from attrs import frozen

from openai_scan.relay.entries import START, Entry, Place
from openai_scan.relay.log import Job


@frozen
class Position:
    """How far a stream has been read.

    Attributes:
        place: The place of the last entry.
        writer: The process that wrote it.
    """

    place: Place
    writer: str

    def read_on(self, reply: Any) -> tuple[Sequence[Entry], Position]:
        """Return the entries of a reply to XRANGE or XREAD, and the position after them.

        Raises:
            ValueError: They do not follow this position or each other, two processes have written
                in one epoch, or something other than a relay has written one.
        """
        entries = []
        place, writer = self.place, self.writer
        for id, fields in reply:
            ((name, data),) = fields.items()
            kind, _, by = name.decode().partition("@")
            epoch, seq = place_of(id)
            if not _follows(place, writer, (epoch, seq), by):
                raise ValueError(f"{id!r} does not follow {place}")
            entry = Entry(epoch, seq, sys.intern(kind), data)  # type: ignore[arg-type] # as stored
            entries.append(entry)
            place, writer = entry.place, by
        return entries, Position(place, writer)

    def after(self, entries: Sequence[Entry], writer: str) -> Position | None:
        """Return the position after *entries*, or None if some are missing before them.

        Args:
            entries: Consecutive entries that one process has written to the stream. They may begin
                before this position.
            writer: The process.
        """
        last = entries[-1].place
        if last <= self.place:
            return self
        first = next(entry.place for entry in entries if entry.place > self.place)
        return Position(last, writer) if _follows(self.place, self.writer, first, writer) else None


def _follows(place: Place, writer: str, following: Place, by: str) -> bool:
    """Return whether the entry at *following* may come after that at *place*."""
    if following[0] == place[0]:
        return following[1] == place[1] + 1 and by == writer
    return following[0] > place[0] and following[1] == 0 and place != START


BEFORE = Position(START, "")
"""Before the first entry of a stream."""


def fields_of(kind: str, data: bytes, writer: str = "") -> dict[bytes, bytes]:
    """Return an entry as it is stored: one field, named after the kind and the writer.

    Redis stores a field name once for consecutive entries with the same name.
    """
    return {f"{kind}@{writer}".encode(): data}


def place_of(id: bytes) -> Place:
    """Return the place of an entry from its id."""
    epoch, _, seq = id.partition(b"-")
    return int(epoch), int(seq)


def id_of(place: Place) -> str:
    """Return the id of the entry at a place."""
    return f"{place[0]}-{place[1]}"


# The id of a job consists of its entry in the stream of jobs and the process that has taken it. If
# Redis comes back with an older state, it may deliver a job again in the same epoch.


def job_id(entry: bytes, writer: str) -> str:
    """Return the id of the job in *entry*, taken by *writer*."""
    return f"{entry.decode()}/{writer}"


def entry_of(job: str) -> str:
    """Return the id of the entry of a job."""
    return job.partition("/")[0]


def writer_of(job: Job) -> str:
    """Return the process that has taken a job."""
    return job.id.partition("/")[2]
