"""The work on one answer: read it, write it to the log, save it once.

Every step leaves something behind from which another process can go on:

::

    step     what is written                 if the process dies after it, the next one
    take     the epoch of the job            begins
    begin    begin, the fence                begins
    ask      ask                             asks no second time: it resumes the answer by the
                                             mark, or saves what came as `incomplete`
    read     delta, mark, reset              likewise
    end      end, all facts of the outcome   saves just that
    save     the row                         finds the row saved
    tell     done                            finds that readers have been told
    finish   the job is gone                 (there is no next one)

What never happens: that an answer is asked for twice, that a row is written twice, that `done` says
that a message is saved before it is, or that the text in the row differs from that in the log. The
log is read only after `begin` is in it, since until then the process before may have written more.

Upstream is told that an answer is not wanted any more only at the very end: by then the log has
taken the last entry, so it is certain that no other process reads the answer.
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

# A job that so many processes have begun to work on kills them.
_MAX_ATTEMPTS = 5

# How many fifths of a second the end may take to reach the log before the row is saved without.
_END_WAITS = 25

# How often a store may fail otherwise than by being unavailable: for about a minute.
_MAX_FAULTS = 32


class Producer:
    """What works on one job in this process; `run()` does it, in a thread.

    Args:
        job: The job, taken from *log*.
        log: Where the entries go.
        store: Where the message goes.
        upstream: The server that answers.
        limits: How long the answer may be.
        on_finish: Called with the message that has been stored, at least once for each.
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
        self._is_unasked = False  # `ask` is in the log, and upstream has not been asked
        self._stream: StreamerV2[Any, Any] | None = None
        self._is_whole = False  # upstream has nothing more to do
        self._is_stopped = False

    # Called from other threads.

    def stop(self) -> None:
        """Stop reading, because the user wants no more."""
        self._is_stopped = True
        self._cancel()

    def abandon(self) -> None:
        """Write nothing any more, because another process has the job now."""
        self._writer.abandon()
        self._cancel()

    def close(self) -> None:
        """Let another process go on, because this one ends."""
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
            HandedOver: `close()` was called, and another process can go on.
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
        """Fence off the process before, then learn how far it has come."""
        self._writer.write(("begin", encode_json({"job": self.job.id})))
        self._writer.wait()
        if not self._writer.is_lost:
            entries = self._writer.until_available(lambda: self._writer.log.read(self.job.stream))
            if entries and entries[-1].epoch > self.job.epoch:
                self._writer.abandon()  # this process was frozen, and another one has begun
            self._writer.check_fence()
            self._progress = Progress.of(entries)

    def _find_end(self) -> dict[str, Any]:
        """Return the facts of the end: those that are stored, or what upstream still brings."""
        try:
            return self._stored_end() or self._read_rest()
        except (FencedError, HandedOver):
            raise
        except Exception as error:  # noqa: BLE001 - a wrong setting, or a fault of the user's classes
            _log.exception("%s: the answer could not be read", self.job.stream)
            return facts("failed", error=type(error).__name__)

    def _stored_end(self) -> dict[str, Any] | None:
        """Return the facts of the end if a process before has stored it without the log."""
        if self.job.epoch == 1:
            return None
        message = self._writer.until_available(lambda: self._store.message(self.job.stream))
        if message is None or message.status == "running":
            return None
        self._is_whole = True  # as far as is known
        self._correct(message.text)
        return end_of(message)

    def _read_rest(self) -> dict[str, Any]:
        """Read what is still to come of the answer, and return the facts of its end."""
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
        """Return the stream of the answer, or of what is left of it.

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
        """Write what the stream brings to the log, and return the facts of its end."""
        progress, is_resumed = self._progress, self._progress.mark is not None
        pieces = _pieces_of_rest(stream) if is_resumed else stream.pieces
        with stream:
            self._stream = stream
            if self._is_stopped or self._writer.is_ending:
                stream.cancel()  # there was nothing to cancel when they came
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
            # A stream that was resumed may know only the rest.
            if not (is_resumed and progress.text().endswith(text)):
                self._correct(text)
        return facts(status, answer, error=None if error is None else type(error).__name__)

    def _take(self, pieces: Sequence[Piece], bookmark: Mapping[str, Any] | None) -> None:
        """Write what an event has brought, and how the answer can be resumed after it."""
        progress, entries = self._progress, list[tuple[EntryKind, bytes]]()
        position = None if bookmark is None else bookmark["position"]
        if not isinstance(position, int):  # an agent's session cannot be resumed exactly
            bookmark = position = None
        data = delta_of(pieces, position)
        if data is not None:
            progress.add(pieces, position, len(data))
            entries.append(("delta", data))
        else:
            progress.size += sum(len(piece.text) for piece in pieces)  # of sound and images
        if bookmark is not None and progress.mark is None:
            # After the delta: a bookmark alone would say that the log has the event.
            progress.mark = dict(bookmark)
            entries.append(("mark", encode_json(bookmark)))
        self._writer.write(*entries)

    def _is_stop_asked(self) -> bool:
        log, stream = self._writer.log, self.job.stream
        return self._writer.until_available(lambda: log.is_stopped(stream))

    def _interrupted(self) -> dict[str, Any]:
        """Return the facts of the end of an answer that no other process can go on with.

        Raises:
            HandedOver: Another process can.
        """
        if self._writer.log.is_shared and (
            self._progress.mark is not None or not self._progress.is_asked
        ):
            raise HandedOver
        return facts("incomplete", error="Shutdown")

    def _correct(self, text: str) -> None:
        """Replace the text if it is another one than what came of it."""
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
        """Store the message; tell readers of it, at once if it cannot be stored yet.

        Of an answer that was taken over they are told only once it is stored: a process that seems
        dead may still store it otherwise, without the log.
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
        except Exception:  # noqa: BLE001 - a fault of the user's store
            _log.exception("%s is not saved", self.job.stream)
        self._tell(message)
        if message is not None:
            tell(self._on_finish, message)

    def _save(self) -> StoredMessage | None:
        """Store the end of the answer, if no process has, and return the message as it is stored.

        Returns:
            None if it has been deleted meanwhile.

        Raises:
            UnavailableError: The store cannot be reached.
        """
        stream, progress = self.job.stream, self._progress
        end = progress.end or {}
        known = facts_of_row(end, progress.texts())
        self._store.finish(stream, self.job.epoch, end["status"], progress.text(), known)
        message = self._store.message(stream)
        if message is None:
            _log.warning("%s is not saved: there is no such message any more", stream)
        return message

    def _tell(self, message: StoredMessage | None) -> None:
        """Tell readers how the answer ended, once."""
        progress = self._progress
        if progress.done is not None:
            return
        end = progress.end or {}
        if message is not None and (message.status, message.text) != (
            end["status"],
            progress.text(),
        ):  # it was stored by a process that knew less, and stays as it is
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
            except Exception:  # noqa: BLE001 - upstream goes on for nothing, and that is all
                _log.exception("%s could not be cancelled upstream", self.job.stream)
        self._writer.until_available(lambda: self._writer.log.finish(self.job))


def tell(on_finish: Callable[[StoredMessage], object] | None, message: StoredMessage) -> None:
    """Call the user's `on_finish` with a message that has been stored, if there is one."""
    if on_finish is not None:
        try:
            on_finish(message)
        except Exception:  # noqa: BLE001 - the message is stored all the same
            _log.exception("on_finish failed for %s", message.id)


def _pieces_of_rest(stream: StreamerV2[Any, Any]) -> Callable[[], Sequence[Piece]]:
    """Return what returns the pieces of each event of a stream that was resumed.

    Such a stream does not know the text that came before it. So events that repeat the whole text
    seem to bring it, and only what an event adds by itself counts.
    """
    join = Halves().join
    return lambda: [piece for piece in join(stream.event().pieces()) if piece.text or piece.call_id]
