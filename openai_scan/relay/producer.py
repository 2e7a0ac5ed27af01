"""The work on one answer: read it, write it to the log, save it once.

Every step leaves something behind from which another process can continue:

::

    step     what is written                 if the process dies after it, the next one
    take     the epoch of the job            begins
    begin    begin, the fence                begins
    ask      ask                             does not ask again: it resumes the answer from the
                                             mark, or saves what has arrived as `incomplete`
    read     delta, mark, reset              does the same
    end      end, all facts of the outcome   only saves
    save     the row                         finds the row saved
    tell     done                            finds that readers have been told
    finish   the job is gone                 (there is no next one)

These never happen: an answer is asked for twice, a row is written twice, `done` says that a message
is saved before it is, or the text in the row differs from that in the log. The log is read only
after `begin` is in it, because until then the previous process may have written more.

Upstream is told that an answer is not wanted only at the very end. By then the log has accepted the
last entry, so no other process can be reading the answer.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from openai_scan.errors import StreamCancelledError
from openai_scan.relay.entries import EntryKind, delta_of, encode_json, storable
from openai_scan.relay.errors import FencedError
from openai_scan.relay.facts import (
    STATUSES,
    end_of,
    facts,
    facts_of_readers,
    facts_of_row,
)
from openai_scan.relay.log import Job, Log
from openai_scan.relay.progress import Progress
from openai_scan.relay.store import Limits, Store, StoredMessage
from openai_scan.relay.upstream import Question, Upstream
from openai_scan.relay.writer import HandedOver, Writer
from openai_scan.stream.text import Halves
from openai_scan.streamer import StreamerV2
from openai_scan.values import Piece

_log = logging.getLogger("openai_scan")

# A job that this many processes have begun apparently kills them.
_MAX_ATTEMPTS = 5

# How many fifths of a second to wait for the end to reach the log before the row is saved anyway.
_END_WAITS = 25

# How many errors other than UnavailableError a store may raise: about a minute of retries.
_MAX_FAULTS = 32


class Producer:
    """Works on one job in this process; `run()` does it, in a thread.

    Args:
        job: The job, taken from *log*.
        log: Stores the entries.
        store: Stores the message.
        upstream: The server that answers.
        limits: How long the answer may be.
        on_finish: Called with the stored message, at least once for each.
    """

    def __init__(
        self,
        job: Job,
        log: Log,
        store: Store,
        upstream: Upstream,
        *,
        limits: Limits,
        on_finish: Callable[[StoredMessage], object] | None = None,
    ) -> None:
        self.job = job
        self._writer = Writer(job, log)
        self._store = store
        self._upstream = upstream
        self._limits = limits
        self._on_finish = on_finish
        self._progress = Progress()
        self._is_unasked = False  # `ask` is in the log, but upstream has not been asked
        self._stream: StreamerV2[Any, Any] | None = None
        self._is_whole = False  # upstream has finished
        self._is_stopped = False

    # Called from other threads.

    def stop(self) -> None:
        """Stop reading, because the user asked to stop."""
        self._is_stopped = True
        self._cancel()

    def abandon(self) -> None:
        """Write nothing more, because another process has the job now."""
        self._writer.abandon()
        self._cancel()

    def close(self) -> None:
        """Let another process continue, because this one ends."""
        self._writer.close()
        self._cancel()

    def _cancel(self) -> None:
        stream = self._stream
        if stream is not None:
            stream.cancel()

    # The steps, in order.

    def run(self) -> None:
        """Work on the job until it is finished.

        Raises:
            FencedError: Another process has taken it over.
            HandedOver: `close()` was called, and another process can continue.
        """
        try:
            self._begin()
            if self._progress.end is None:
                self._end(self._find_end())
            self._save_and_tell()
            self._finish()
        except HandedOver:
            self._writer.write(("leave", b'{"unasked":true}' if self._is_unasked else b"{}"))
            self._writer.is_written(waits=1)
            raise

    def _begin(self) -> None:
        """Fence off the previous process, then find out how far it came."""
        self._writer.write(("begin", encode_json({"job": self.job.id})))
        self._writer.wait()
        if not self._writer.is_lost:
            entries = self._writer.until_available(lambda: self._writer.log.read(self.job.stream))
            if entries and entries[-1].epoch > self.job.epoch:
                self._writer.abandon()  # this process was frozen, and another one has taken over
            self._writer.check_fence()
            self._progress = Progress.of(entries)

    def _find_end(self) -> dict[str, Any]:
        """Return the facts of the end: those that are stored, or those of the answer read now."""
        try:
            return self._stored_end() or self._read_rest()
        except (FencedError, HandedOver):
            raise
        except Exception as error:  # noqa: BLE001 - a wrong setting, or a bug in the user's classes
            _log.exception("%s: the answer could not be read", self.job.stream)
            return facts("failed", error=type(error).__name__)

    def _stored_end(self) -> dict[str, Any] | None:
        """Return the facts of the end if a previous process has stored it without the log."""
        if self.job.epoch == 1:
            return None
        message = self._writer.until_available(lambda: self._store.message(self.job.stream))
        if message is None or message.status == "running":
            return None
        self._is_whole = True  # as far as is known
        self._correct(message.text)
        return end_of(message)

    def _read_rest(self) -> dict[str, Any]:
        """Read the rest of the answer, and return the facts of its end."""
        progress = self._progress
        if progress.head is None:
            return facts("incomplete", error="LogLost")
        if self._is_stopped or self._is_stop_asked():
            return facts("cancelled")
        if progress.attempts > _MAX_ATTEMPTS:
            return facts("failed", error="GaveUp")
        if progress.is_asked and progress.mark is None:
            return facts("incomplete", error="WorkerLost")
        if self._writer.is_closing:
            return self._interrupted()
        stream = self._open(progress.head)
        return facts("incomplete", error="LogLost") if stream is None else self._read(stream)

    def _open(self, head: Mapping[str, Any]) -> StreamerV2[Any, Any] | None:
        """Return the stream of the answer, or of the rest of it.

        Returns:
            None if the log was lost before it had the `ask`: another process may ask.
        """
        if self._progress.mark is not None:
            return self._upstream.resume(self._progress.mark)
        stream, conversation, user = self.job.stream, head["conversation"], head["user"]
        history = self._writer.until_available(lambda: self._store.history(conversation, user))
        before = itertools.takewhile(lambda message: message.id != stream, history)
        question = Question(stream, conversation, user, head.get("model"), [*before])
        self._is_unasked = True
        self._writer.write(("ask", b"{}"))
        self._writer.wait()
        if self._writer.is_lost:
            return None
        if self._writer.is_closing and self._writer.log.is_shared:
            raise HandedOver
        self._is_unasked, self._progress.is_asked = False, True
        return self._upstream.ask(question)

    def _read(self, stream: StreamerV2[Any, Any]) -> dict[str, Any]:
        """Write the stream to the log, and return the facts of its end."""
        progress, is_resumed = self._progress, self._progress.mark is not None
        pieces = _pieces_of_rest(stream) if is_resumed else stream.pieces
        with stream:
            self._stream = stream
            if self._is_stopped or self._writer.is_ending:
                stream.cancel()  # the request to stop came before there was a stream
            while stream.next():
                self._take(pieces(), stream.bookmark())
                if progress.size > self._limits.answer:
                    return facts("incomplete", error="TooLong")
            error, outcome, answer = stream.err(), stream.outcome, stream.snapshot()
            self._is_whole = stream.bookmark() is None
        is_cancelled = isinstance(error, StreamCancelledError)
        if is_cancelled and self._writer.is_closing and not self._is_stopped:
            return self._interrupted()
        status = STATUSES[outcome or "truncated"]
        if status == "completed" and answer is not None:
            text = storable(answer.text)
            # A resumed stream may have only the rest.
            if not (is_resumed and progress.text().endswith(text)):
                self._correct(text)
        return facts(status, answer, error=None if error is None else type(error).__name__)

    def _take(self, pieces: Sequence[Piece], bookmark: Mapping[str, Any] | None) -> None:
        """Write what an event added, and how to resume the answer after it."""
        progress, entries = self._progress, list[tuple[EntryKind, bytes]]()
        position = None if bookmark is None else bookmark["position"]
        if not isinstance(position, int):  # an agent's session cannot be resumed exactly
            bookmark = position = None
        data = delta_of(pieces, position)
        if data is not None:
            progress.add(pieces, position, len(data))
            entries.append(("delta", data))
        else:
            progress.size += sum(len(piece.text) for piece in pieces)  # audio and images included
        if bookmark is not None and progress.mark is None:
            # After the delta: a bookmark alone would mean that the log has the event.
            progress.mark = dict(bookmark)
            entries.append(("mark", encode_json(bookmark)))
        self._writer.write(*entries)

    def _is_stop_asked(self) -> bool:
        log, stream = self._writer.log, self.job.stream
        return self._writer.until_available(lambda: log.is_stopped(stream))

    def _interrupted(self) -> dict[str, Any]:
        """Return the facts of the end of an answer that no other process can continue.

        Raises:
            HandedOver: Another process can continue it.
        """
        if self._writer.log.is_shared and (
            self._progress.mark is not None or not self._progress.is_asked
        ):
            raise HandedOver
        return facts("incomplete", error="Shutdown")

    def _correct(self, text: str) -> None:
        """Replace the text if it differs from what arrived."""
        if text != self._progress.text():
            texts = {**self._progress.texts(), "text": text}
            self._progress.reset(texts)
            self._writer.write(("reset", encode_json(texts)))

    def _end(self, end: dict[str, Any]) -> None:
        """Write all facts of the end to the log, so that every process saves the same."""
        if self._progress.mark is not None and not self._is_whole:
            end["cancel"] = True
        self._progress.end = end
        self._writer.write(("end", encode_json(end)))
        self._writer.is_written(_END_WAITS)

    def _save_and_tell(self) -> None:
        """Store the message and notify readers; if it cannot be stored yet, notify them at once.

        If the answer was taken over, readers are notified only after it is stored: a process that
        seems dead may still store it differently, without the log.
        """
        message = None
        is_certain = self._progress.attempts <= 1
        try:
            message = self._writer.until_available(
                self._save,
                faults=_MAX_FAULTS,
                or_else=lambda: self._tell(None) if is_certain else None,
            )
        except (FencedError, HandedOver):
            raise
        except Exception:  # noqa: BLE001 - a bug in the user's store
            _log.exception("%s could not be saved", self.job.stream)
        self._tell(message)
        if message is not None:
            tell(self._on_finish, message)

    def _save(self) -> StoredMessage | None:
        """Store the end of the answer unless a process has done so; return the stored message.

        Returns:
            None if it has been deleted.

        Raises:
            UnavailableError: The store cannot be reached.
        """
        stream, progress = self.job.stream, self._progress
        end = progress.end or {}
        known = facts_of_row(end, progress.texts())
        self._store.finish(stream, self.job.epoch, end["status"], progress.text(), known)
        message = self._store.message(stream)
        if message is None:
            _log.warning("%s could not be saved: the message was deleted", stream)
        return message

    def _tell(self, message: StoredMessage | None) -> None:
        """Notify readers, once, of how the answer ended."""
        progress = self._progress
        if progress.done is not None:
            return
        end = progress.end or {}
        if message is not None and (message.status, message.text) != (
            end["status"],
            progress.text(),
        ):  # stored by a process that knew less; it stays as it is
            self._correct(message.text)
            end = end_of(message)
        progress.done = facts_of_readers(end, self.job.stream, saved=message is not None)
        self._writer.write(("done", encode_json(progress.done)))

    def _finish(self) -> None:
        """Tell upstream if the answer is not wanted, and remove the job."""
        self._writer.wait()
        mark = self._progress.mark
        if mark is not None and (self._progress.end or {}).get("cancel"):
            try:
                self._upstream.cancel(mark)
            except Exception:  # noqa: BLE001 - the only harm is that upstream continues for nothing
                _log.exception("%s could not be cancelled upstream", self.job.stream)
        self._writer.until_available(lambda: self._writer.log.finish(self.job))


def tell(on_finish: Callable[[StoredMessage], object] | None, message: StoredMessage) -> None:
    """Call the user's `on_finish`, if there is one, with a stored message."""
    if on_finish is not None:
        try:
            on_finish(message)
        except Exception:  # noqa: BLE001 - the message is stored anyway
            _log.exception("on_finish failed for %s", message.id)


def _pieces_of_rest(stream: StreamerV2[Any, Any]) -> Callable[[], Sequence[Piece]]:
    """Return a function that returns the pieces of each event of a resumed stream.

    Such a stream does not have the text before it. So events that repeat the whole text seem to add
    it, and only what an event adds by itself counts.
    """
    join = Halves().join
    return lambda: [piece for piece in join(stream.event().pieces()) if piece.text or piece.call_id]
