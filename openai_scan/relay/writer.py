"""Write the entries of one job, and retry, until the process ends or has lost the job."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from openai_scan.relay.entries import Entry, EntryKind
from openai_scan.relay.errors import FencedError, LogLostError, UnavailableError
from openai_scan.relay.log import Job, Log

T = TypeVar("T")

_log = logging.getLogger("openai_scan")

# How long to wait for the log at a time, in seconds: a process that ends waits no longer.
_PATIENCE = 0.2

# Between two attempts to reach a log or a store: the first pause, and the longest, in seconds.
_PAUSES = (0.1, 2.0)


class HandedOver(Exception):  # noqa: N818 - it is not an error
    """This process ends, and another one continues the job."""


class Writer:
    """Numbers the entries of one job in one epoch, and appends them to the log.

    If the log loses the stream, nothing more is written, and the work continues without it.

    Attributes:
        job: The job.
        log: The log.
        is_lost: Whether the log has lost the stream.
    """

    def __init__(self, job: Job, log: Log) -> None:
        self.job = job
        self.log = log
        self.is_lost = False
        self._seq = 0
        self._is_fenced = False
        self._closing = threading.Event()

    # Also called from other threads.

    @property
    def is_ending(self) -> bool:
        """Whether `abandon()` or `close()` has been called."""
        return self._is_fenced or self.is_closing

    @property
    def is_closing(self) -> bool:
        """Whether `close()` has been called."""
        return self._closing.is_set()

    def abandon(self) -> None:
        """Make all other methods raise a FencedError, because another process has the job now."""
        self._is_fenced = True

    def close(self) -> None:
        """End all waits, because this process ends."""
        self._closing.set()

    # Called by the producer.

    def check_fence(self) -> None:
        """Check that the job still belongs to this process.

        Raises:
            FencedError: It does not.
        """
        if self._is_fenced:
            raise FencedError(f"another process has taken over {self.job.stream}")

    def write(self, *entries: tuple[EntryKind, bytes]) -> None:
        """Append entries, unless the log has lost the stream.

        Args:
            entries: The kind and the data of each.

        Raises:
            FencedError: Another process has taken over the job.
        """
        self.check_fence()
        if self.is_lost or not entries:
            return
        first, self._seq = self._seq, self._seq + len(entries)
        epoch = self.job.epoch
        try:
            self.log.append(
                self.job,
                [Entry(epoch, seq, kind, data) for seq, (kind, data) in enumerate(entries, first)],
            )
        except LogLostError:
            self._lose()

    def wait(self) -> None:
        """Wait until the log has everything, or has lost the stream.

        Raises:
            FencedError: Another process has taken over the job.
            HandedOver: `close()` was called meanwhile.
        """
        if not self.is_written():
            raise HandedOver

    def is_written(self, waits: int | None = None) -> bool:
        """Wait until the log has everything, or has lost the stream.

        Args:
            waits: How many times to wait, a fifth of a second each; None for as long as it takes.

        Returns:
            False if it takes longer, or `close()` was called meanwhile.

        Raises:
            FencedError: Another process has taken over the job.
        """
        for _ in itertools.count() if waits is None else range(waits):
            self.check_fence()
            try:
                if self.is_lost or self.log.drain(self.job, _PATIENCE):
                    return True
            except LogLostError:
                self._lose()
                return True
            if self.is_closing:
                break
        return False

    def until_available(
        self,
        do: Callable[[], T],
        *,
        faults: int = 0,
        or_else: Callable[[], object] = lambda: None,
    ) -> T:
        """Call *do* until what it needs can be reached, and return its result.

        Args:
            do: What to do.
            faults: How many other errors to retry.
            or_else: Called after each failure.

        Raises:
            HandedOver: `close()` was called meanwhile.
            Exception: Another error that occurred too often.
        """
        pause, longest = _PAUSES
        while True:
            try:
                return do()
            except UnavailableError as error:
                _log.warning("%s is waiting: %s", self.job.stream, error)
            except Exception:
                if not faults:
                    raise
                faults -= 1
                _log.exception("%s is waiting", self.job.stream)
            or_else()
            if self._closing.wait(pause):
                raise HandedOver
            pause = min(2 * pause, longest)

    def _lose(self) -> None:
        _log.warning("the log has lost %s", self.job.stream)
        self.is_lost = True
