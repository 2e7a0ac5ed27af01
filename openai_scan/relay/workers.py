"""The threads of a relay: they take jobs, work on them, renew leases, and sweep."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

from openai_scan.relay.errors import FencedError, UnavailableError
from openai_scan.relay.log import Job, Log
from openai_scan.relay.producer import Producer
from openai_scan.relay.writer import HandedOver

_log = logging.getLogger("openai_scan")

# How many jobs to take at a time, and how long to wait for one, in seconds; closing may have to
# wait for that long too.
_AT_A_TIME = 50
_TAKE_SECONDS = 0.25

_ALL = 1_000_000

# How long `close()` waits for threads, in seconds.
_CLOSING_SECONDS = 5.0


class Workers:
    """Gives each job that this process takes a thread.

    An exception of a log or a store ends none of the threads: it is logged, and the work is
    retried.

    Args:
        log: Has the jobs.
        slots: How many jobs this process works on at a time.
        new_producer: Creates the producer that works on a job.
    """

    def __init__(self, log: Log, slots: int, new_producer: Callable[[Job], Producer]) -> None:
        self._log = log
        self._slots = slots
        self._new_producer = new_producer
        self._producers: set[Producer] = set()
        self._changed = threading.Condition()
        self._renewed_at = time.monotonic()
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def is_closing(self) -> bool:
        """Whether `close()` has been called."""
        return self._closing.is_set()

    def take_jobs(self) -> None:
        """Start to take jobs."""
        self.repeat(self._take_some, "jobs")

    def renew_leases(self) -> None:
        """Start to renew the leases of all jobs that this process works on."""
        self.repeat(self._renew, "leases", every=self._log.lease / 3)

    def repeat(self, do: Callable[[], object], name: str, *, every: float = 0.0) -> None:
        """Do something repeatedly in a thread, until `close()`.

        Args:
            do: What to do.
            name: The name of the thread.
            every: How long to wait before each time, in seconds.
        """

        def repeatedly() -> None:
            while not self._closing.wait(every):
                try:
                    do()
                    continue
                except UnavailableError as error:
                    _log.warning("the %s of the relay are waiting: %s", name, error)
                except Exception:  # noqa: BLE001 - an error of a log or a store may be temporary
                    _log.exception("the %s of the relay are waiting", name)
                self._closing.wait(_TAKE_SECONDS)

        self._start_thread(repeatedly, name)

    def run_one(self, seconds: float) -> str | None:
        """Take one job and work on it in this thread; see `Relay.run_one()`."""
        self._catch_up()
        for job in self._log.take(1, seconds):
            producer = self._add(job)
            if producer is not None:
                self._run(producer)
                return job.stream
        return None

    def works_on(self, stream: str) -> bool:
        """Return whether this process works on a stream."""
        return bool(self._producers_of(stream))

    def stop(self, stream: str) -> None:
        """Stop the work on a stream if this process does it."""
        for producer in self._producers_of(stream):
            producer.stop()

    def close(self) -> None:
        """End the work, hand the jobs over, and wait for the threads.

        Raises:
            RuntimeError: It is called in one of the threads.
        """
        deadline = time.monotonic() + _CLOSING_SECONDS
        with self._changed:
            if threading.current_thread() in self._threads:
                raise RuntimeError(
                    "a relay cannot be closed by one of its own threads, such as in `on_finish`"
                )
            self._closing.set()
            for producer in self._producers:
                producer.close()
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._producers, _CLOSING_SECONDS)
            stuck, threads = [*self._producers], [*self._threads]
        for producer in stuck:  # the fence separates its entries from those of the next process
            _log.warning("the work on %s did not end in time", producer.job.stream)
            if self._log.is_shared:
                self._hand_over(producer.job)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if not self._log.is_shared:
            self._end_what_waits()

    def _end_what_waits(self) -> None:
        """Save as `incomplete` the answers of jobs that no other process can take."""
        for job in self._log.take(_ALL, 0.0):
            self._run(self._register(job))

    # Jobs.

    def _take_some(self) -> None:
        with self._changed:
            self._changed.wait_for(self._has_room, _TAKE_SECONDS)
            room = self._slots - len(self._producers)
        if room > 0:
            self._catch_up()
            for job in self._log.take(min(room, _AT_A_TIME), _TAKE_SECONDS):
                self._start(job)

    def _catch_up(self) -> None:
        """Renew the leases if that is overdue, as after the process was frozen.

        Some may have expired. A process that took its own job again would end its work on it, and
        that would count as a failed attempt.
        """
        if time.monotonic() > self._renewed_at + self._log.lease / 2:
            self._renew()

    def _has_room(self) -> bool:
        return len(self._producers) < self._slots or self.is_closing

    def _start(self, job: Job) -> None:
        """Work on a job in its own thread."""
        producer = self._add(job)
        if producer is None:
            return
        try:
            self._start_thread(lambda: self._run(producer), job.stream)
        except RuntimeError:  # the system cannot start another thread
            self._remove(producer)
            self._hand_over(job)
            raise

    def _add(self, job: Job) -> Producer | None:
        """Return a producer for *job*; None if this process ends and another can take the job."""
        with self._changed:
            if not self.is_closing:
                return self._register(job)
        self._hand_over(job)
        return None

    def _register(self, job: Job) -> Producer:
        """Return a producer for *job*, which ends any earlier work of this process on it."""
        with self._changed:
            for other in self._producers_of(job.stream):
                if other.job.epoch < job.epoch:  # this process was frozen for longer than the lease
                    other.abandon()
            producer = self._new_producer(job)
            self._producers.add(producer)
            if self.is_closing:
                producer.close()
            return producer

    def _run(self, producer: Producer) -> None:
        """Work on a job until it is finished or another process can continue."""
        job = producer.job
        try:
            producer.run()
        except FencedError:
            _log.warning("another process has taken over %s", job.stream)
        except HandedOver:
            self._hand_over(job)
        except Exception:  # noqa: BLE001 - the lease will expire, and another process will try
            _log.exception("the work on %s failed", job.stream)
        except BaseException:  # such as a KeyboardInterrupt in `run_one()`
            self._hand_over(job)
            raise
        finally:
            self._remove(producer)

    def _remove(self, producer: Producer) -> None:
        with self._changed:
            self._producers.discard(producer)
            self._changed.notify_all()

    def _hand_over(self, job: Job) -> None:
        try:
            self._log.hand_over([job])
        except Exception:  # noqa: BLE001 - its lease will expire
            _log.exception("%s could not be handed over", job.stream)

    def _renew(self) -> None:
        now = time.monotonic()
        with self._changed:
            producers = [*self._producers]
        if not producers:
            self._renewed_at = now
            return
        lost = {*self._log.renew([producer.job for producer in producers])}
        for producer in producers:
            if producer.job in lost:
                producer.abandon()
        self._renewed_at = now

    def _producers_of(self, stream: str) -> Iterable[Producer]:
        with self._changed:
            return [each for each in self._producers if each.job.stream == stream]

    def _start_thread(self, do: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=do, name=f"relay-{name}", daemon=True)
        with self._changed:
            thread.start()
            self._threads = [each for each in self._threads if each.is_alive()] + [thread]
