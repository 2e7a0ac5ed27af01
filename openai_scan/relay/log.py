"""The log of a relay: the entries of each answer, and the jobs.

A log is an append-only list of entries for each stream, and a list of jobs. A process takes a job
with a lease. If it does not renew the lease in time, because it has died or hangs, another process
takes the job over with the next epoch, and the log accepts nothing more of the earlier one. A job
is finished only after the message is saved, so part of an answer may be produced twice, but never
lost.

`MemoryLog` serves one process, `SqlLog` the processes that share a database, `RedisLog` those of
several machines.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence

from attrs import frozen

from openai_scan.relay.entries import Entry
from openai_scan.relay.tail import Tail, Tails


@frozen
class Job:
    """The work on one stream, taken by this process.

    Attributes:
        stream: The id of the stream.
        epoch: How many processes have taken the job, this one included.
        id: Which job it is, in the log's own terms: a stream may have two for a moment.
    """

    stream: str
    epoch: int
    id: str = ""


class Log(ABC):
    """What every log does. All methods may be called from any thread.

    If a log cannot do something because its server or file cannot be reached or is locked, it
    raises an `UnavailableError`, except in `append()`, `drain()` and `close()`, which never raise
    it.

    A log belongs to one relay. A process that was frozen for longer than the lease may take the
    same job again, so what a log keeps for a job belongs to the `Job`, not to the stream.

    Attributes:
        lease: For how many seconds a job belongs to a process that does not renew it.
        is_shared: Whether another process can take over a job.
        tails: What is new in the streams that are being read in this process.
        on_stop: Called with the id of a stream that must stop. The relay sets it; it is called in
            a thread of the log, and returns quickly.
    """

    lease: float
    is_shared: bool = True
    on_stop: Callable[[str], None]

    def __init__(self) -> None:
        self.on_stop = lambda stream: None  # noqa: ARG005 - until a relay sets it
        self.tails = Tails()

    # Jobs.

    @abstractmethod
    def create(self, stream: str, head: bytes) -> bool:
        """Create a stream and its job, both or neither. Return False if the stream exists.

        Args:
            stream: The id of the stream.
            head: The data of the entry `head`.
        """

    @abstractmethod
    def take(self, limit: int, seconds: float = 1.0) -> Sequence[Job]:
        """Take jobs that belong to no process: new ones, and those whose lease has expired.

        After the entry `begin` of their epoch is written, the log accepts no entry of an earlier
        one.

        Args:
            limit: How many at most.
            seconds: How long to wait for the first one.

        Returns:
            The jobs; an empty list if there is none in time, or `close()` has been called.
        """

    @abstractmethod
    def renew(self, jobs: Iterable[Job]) -> Iterable[Job]:
        """Renew the leases of *jobs*, and return those that other processes have taken over.

        A job whose owner is unknown is not returned.
        """

    @abstractmethod
    def hand_over(self, jobs: Iterable[Job]) -> None:
        """End the leases of *jobs* now, so that other processes can take them at once."""

    @abstractmethod
    def finish(self, job: Job) -> None:
        """Remove a job that is done, if it is still there.

        Its stream can still be read for some minutes. No-op if the job belongs to another process.
        """

    # Writing.

    @abstractmethod
    def append(self, job: Job, entries: Sequence[Entry]) -> None:
        """Append to the stream of *job*, and return without waiting for a server.

        Entries are written in order, and readers get them after they are written. Those that cannot
        be written now are kept and written later.

        The entries of an epoch are numbered without gaps, from 0, which is `begin`. So a log can
        detect whether any were lost.

        Raises:
            FencedError: Another process is known to have taken over the job.
            LogLostError: The log is known to have lost the stream.
        """

    @abstractmethod
    def drain(self, job: Job, seconds: float) -> bool:
        """Wait until everything appended is written. Return False if it takes longer.

        Raises:
            FencedError: Another process has taken over the job.
            LogLostError: The log has lost the stream.
        """

    # Reading.

    @abstractmethod
    def read(self, stream: str) -> Sequence[Entry]:
        """Return the entries of a stream; an empty list if there is no such stream."""

    @abstractmethod
    def exists(self, stream: str) -> bool:
        """Return whether there is such a stream."""

    @abstractmethod
    def open(self, stream: str) -> Tail:
        """Return a tail with the entries of a stream, which also gets those to come.

        It gets them as long as it is referenced. If the log becomes unreachable or loses the
        stream, the tail ends.
        """

    # Stop.

    @abstractmethod
    def stop(self, stream: str) -> None:
        """Ask the process that works on a stream to stop, now or when it begins.

        It reaches any process within half a second.
        """

    @abstractmethod
    def is_stopped(self, stream: str) -> bool:
        """Return whether `stop()` has been called for a stream."""

    @abstractmethod
    def close(self) -> None:
        """Release threads and connections. You may call it any number of times.

        What has been appended is written first, unless that takes long. A waiting `take()` returns,
        and tails end.
        """
