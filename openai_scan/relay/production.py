"""The work on one answer: read it, write it to the log, save it once.

Every step leaves something behind from which another process can go on:

::

    step     what is written                 if the process dies after it, the next one
    take     the epoch of the job            begins; nothing was asked yet
    begin    begin, the fence                asks no second time: it takes the answer up by the
                                             mark, or saves what came as `incomplete`
    read     mark, delta, reset              likewise
    end      end, all facts of the outcome   saves just that
    save     the row                         finds the row saved
    tell     done                            finds that readers have been told
    finish   the job is gone                 (there is no next one)

What never happens: that an answer is asked for twice, that a row is written twice, that `done` says
that a message is saved before it is, or that the text in the row differs from that in the log. The
log is read only after `begin` is in it, since until then the process before may have written more.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import attrs

from openai_scan.errors import StreamCancelledError
from openai_scan.events import Outcome
from openai_scan.relay.entries import Entry, EntryKind, Told, delta_of, encode_json
from openai_scan.relay.errors import FencedError, LogLostError, UnavailableError
from openai_scan.relay.log import Job, Log
from openai_scan.relay.store import Limits, Message, Status, Store
from openai_scan.relay.upstream import Question, Upstream
from openai_scan.streamer import StreamerV2
from openai_scan.values import Answer

T = TypeVar("T")

_log = logging.getLogger("openai_scan")

_STATUSES: Mapping[Outcome, Status] = {
    "completed": "completed",
    "incomplete": "incomplete",
    "requires_action": "requires_action",
    "failed": "failed",
    "truncated": "incomplete",
    "timed_out": "incomplete",
    "cancelled": "cancelled",
}

# A job that has been taken so often kills the processes that work on it.
_MAX_EPOCH = 5

# How long the end may take to reach the log before the row is saved without it, in seconds.
_END_SECONDS = 5.0

# How long a process that ends may take to write what came, in seconds.
_LAST_SECONDS = 0.2

# Between two tries to reach a log or a store: the first pause, and the longest, in seconds.
_PAUSES = (0.1, 2.0)


class HandedOver(Exception):  # noqa: N818 - it is no error
    """This process ends, and another one goes on with the job."""


class Production:
    """The work of this process on one job; `run()` does it, in a thread.

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
        on_finish: Callable[[Message], object] | None = None,
    ) -> None:
        self.job = job
        self._log = log
        self._store = store
        self._upstream = upstream
        self._limits = limits
        self._on_finish = on_finish
        self._told = Told()
        self._seq = 0
        self._log_is_lost = False
        self._stream: StreamerV2[Any, Any] | None = None
        self._is_stopped = False
        self._closing = threading.Event()

    # Called from other threads.

    def stop(self) -> None:
        """Stop reading: the user wants no more, or the job is another process's now."""
        self._is_stopped = True
        self._cancel()

    def close(self) -> None:
        """Let another process go on, since this one ends."""
        self._closing.set()
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
            if self._told.end is None:
                self._end(self._facts_of_what_is_stored() or self._facts_of_what_remains())
            self._save_and_tell()
            self._finish()
        except HandedOver:
            self._drain(_LAST_SECONDS)  # so that the next one has all that came
            raise

    def _begin(self) -> None:
        """Fence off the process before, then learn what it has told."""
        try:
            self._write("begin", encode_json({"job": self.job.id}))
            while not self._log.drain(self.job, _PAUSES[1]):
                self._check_closing()
            self._told = Told.of(self._until_available(lambda: self._log.read(self.job.stream)))
        except LogLostError:
            self._lose_log()

    def _facts_of_what_is_stored(self) -> dict[str, Any] | None:
        """Return the facts of the end if the process before has stored it without the log."""
        if self._told.begins < 2:
            return None
        message = self._until_available(lambda: self._store.message(self.job.stream))
        if message is None or message.status == "running":
            return None
        self._correct(message.text)
        return {**message.facts, "status": message.status}

    def _facts_of_what_remains(self) -> dict[str, Any]:
        """Read what is still to come of the answer, and return the facts of its end."""
        told = self._told
        if told.head is None:
            return _facts("incomplete", error="LogLost")
        if self.job.epoch > _MAX_EPOCH:
            return _facts("failed", error="GaveUp")
        if told.begins > 1 and told.mark is None:
            return _facts("incomplete", error="WorkerLost")
        if self._is_stop_asked():
            self._cancel_upstream()
            return _facts("cancelled")
        try:
            stream = self._open(told.head)
        except (FencedError, HandedOver):
            raise
        except Exception as error:  # noqa: BLE001 - a wrong setting, or a fault of the user's upstream
            _log.exception("%s: the answer could not be asked for", self.job.stream)
            return _facts("failed", error=type(error).__name__)
        return self._read(stream)

    def _open(self, head: Mapping[str, Any]) -> StreamerV2[Any, Any]:
        if self._told.mark is not None:
            return self._upstream.resume(self._told.mark)
        history = self._until_available(
            lambda: self._store.history(head["conversation"], head["user"])
        )
        return self._upstream.ask(
            Question(
                stream=self.job.stream,
                conversation=head["conversation"],
                user=head["user"],
                model=head.get("model"),
                messages=_up_to(history, self.job.stream),
            )
        )

    def _read(self, stream: StreamerV2[Any, Any]) -> dict[str, Any]:
        """Write what the stream brings to the log, and return the facts of its end."""
        is_resumed = self._told.mark is not None
        size = 0
        self._stream = stream
        if self._closing.is_set() or self._is_stop_asked():  # before it could be cancelled
            stream.cancel()
        with stream:
            while stream.next():
                position = self._mark(stream)
                data = delta_of(pieces := stream.pieces(), position)
                if data is None:
                    continue
                self._told.add(pieces, position)
                self._write("delta", data)
                size += len(data)
                if size > self._limits.answer:
                    self._cancel_upstream()
                    return _facts("incomplete", error="TooLong")
            error, outcome, answer = stream.err(), stream.outcome, stream.snapshot()
        self._check_fence()
        if isinstance(error, StreamCancelledError) and not self._is_stopped:
            self._check_closing()
            return _facts("incomplete", error="Shutdown")
        status = _STATUSES[outcome or "truncated"]
        if status == "cancelled":
            self._cancel_upstream()
        elif status == "completed" and answer is not None:
            self._correct(answer.text, is_rest=is_resumed)
        return _facts(status, answer, error=None if error is None else type(error).__name__)

    def _mark(self, stream: StreamerV2[Any, Any]) -> int | None:
        """Return where the answer can be taken up after this event, having said so once."""
        bookmark = stream.bookmark()
        if bookmark is None or not isinstance(bookmark["position"], int):
            return None
        if self._told.mark is None:
            self._told.mark = bookmark
            self._write("mark", encode_json(bookmark))
        return int(bookmark["position"])

    def _correct(self, text: str, *, is_rest: bool = False) -> None:
        """Replace the text if the answer is another one than what came of it.

        Args:
            text: The text of the answer.
            is_rest: Whether that may be only what came since the answer was taken up.
        """
        told = self._told.text()
        if text != told and not (is_rest and told.endswith(text)):
            self._told.reset(text)
            self._write("reset", encode_json({"text": text}))

    def _end(self, facts: dict[str, Any]) -> None:
        """Write all facts of the end to the log, so that whoever saves it saves the same."""
        for kind in ("reasoning", "refusal"):
            if text := self._told.text(kind):
                facts[kind] = text
        self._told.end = facts
        self._write("end", encode_json(facts))
        self._drain(_END_SECONDS)

    def _save_and_tell(self) -> None:
        """Store the message; tell readers of it, at once if it cannot be stored yet."""
        try:
            message = self._save()
        except UnavailableError as error:
            _log.warning("%s is not saved yet: %s", self.job.stream, error)
            self._tell(None)
            message = self._until_available(self._save)
        self._tell(message)
        if self._on_finish is not None:
            try:
                self._on_finish(message)
            except Exception:  # noqa: BLE001 - the message is stored all the same
                _log.exception("on_finish failed for %s", self.job.stream)

    def _save(self) -> Message:
        """Store the end of the answer, if no process has, and return the message as it is stored.

        Raises:
            UnavailableError: The store cannot be reached.
        """
        facts = dict(self._told.end or {})
        status = facts.pop("status")
        stream = self.job.stream
        self._store.finish(stream, self.job.epoch, status, self._told.text(), facts)
        message = self._store.message(stream)
        if message is None:
            raise UnavailableError(f"the store has no message {stream}")
        return message

    def _tell(self, message: Message | None) -> None:
        """Tell readers how the answer ended, once."""
        if self._told.done is not None:
            return
        end = self._told.end or {}
        if message is not None and (message.status, message.text) != (
            end["status"],
            self._told.text(),
        ):  # it was stored by a process that knew less, and stays as it is
            self._correct(message.text)
            end = {**message.facts, "status": message.status}
        facts = {key: end[key] for key in _DONE if key in end}
        facts |= {"saved": message is not None, "message": self.job.stream}
        self._told.done = facts
        self._write("done", encode_json(facts))

    def _finish(self) -> None:
        """Remove the job, once readers can know all of it."""
        while not self._drain(_PAUSES[1]):
            self._check_closing()
        self._until_available(lambda: self._log.finish(self.job))

    # What the steps share.

    def _write(self, kind: EntryKind, data: bytes) -> None:
        if self._log_is_lost:
            return
        try:
            self._log.append(self.job, [Entry(self.job.epoch, self._seq, kind, data)])
        except LogLostError:
            self._lose_log()
        self._seq += 1

    def _drain(self, seconds: float) -> bool:
        """Wait until the log has everything, or is lost. Return False if it takes longer."""
        try:
            return self._log_is_lost or self._log.drain(self.job, seconds)
        except LogLostError:
            self._lose_log()
            return True

    def _lose_log(self) -> None:
        _log.warning("the log has lost %s", self.job.stream)
        self._log_is_lost = True

    def _until_available(self, do: Callable[[], T]) -> T:
        """Return what *do* returns, as soon as what it asks can be reached.

        Raises:
            HandedOver: `close()` was called meanwhile.
        """
        pause, longest = _PAUSES
        while True:
            try:
                return do()
            except UnavailableError as error:
                _log.warning("%s waits: %s", self.job.stream, error)
            if self._closing.wait(pause):
                raise HandedOver
            pause = min(2 * pause, longest)

    def _check_fence(self) -> None:
        """Raise FencedError if the job is another process's."""
        try:
            self._log.append(self.job, [])
        except LogLostError:
            self._lose_log()

    def _check_closing(self) -> None:
        if self._closing.is_set() and self._log.is_shared:
            raise HandedOver

    def _is_stop_asked(self) -> bool:
        if not self._is_stopped:
            self._is_stopped = self._until_available(lambda: self._log.is_stopped(self.job.stream))
        return self._is_stopped

    def _cancel_upstream(self) -> None:
        if self._told.mark is not None:
            self._upstream.cancel(self._told.mark)


# What readers are told of the end. Reasoning and refusal they have as deltas.
_DONE = ("status", "finish_reason", "usage", "calls", "error")


def _facts(
    status: Status, answer: Answer | None = None, *, error: str | None = None
) -> dict[str, Any]:
    """Return the facts of an end, without those that are not known.

    Of an error only the name of its class is told: its message may have what the server said.
    """
    facts: dict[str, Any] = {"status": status}
    if answer is not None:
        if answer.finish_reason is not None:
            facts["finish_reason"] = answer.finish_reason
        if answer.counts is not None:
            counts = attrs.asdict(answer.counts)
            facts["usage"] = {key: count for key, count in counts.items() if count is not None}
        if calls := [call for call in answer.calls if call.complete]:
            facts["calls"] = [
                {"id": call.id, "name": call.name, "arguments": call.arguments} for call in calls
            ]
    if error is not None:
        facts["error"] = error
    return facts


def _up_to(history: Any, stream: str) -> list[Message]:
    """Return the messages before the answer *stream*."""
    before = []
    for message in history:
        if message.id == stream:
            break
        before.append(message)
    return before
