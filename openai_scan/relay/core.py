"""The relay itself: it starts answers, hands jobs to threads, and lets readers follow the log."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from openai_scan.errors import ConfigurationError
from openai_scan.relay.entries import Entry, Place, encode_json, read_cursor
from openai_scan.relay.errors import (
    FencedError,
    LimitError,
    UnavailableError,
    UnknownStreamError,
)
from openai_scan.relay.frames import Encoding, Frames
from openai_scan.relay.log import Job, Log
from openai_scan.relay.production import HandedOver, Production
from openai_scan.relay.reading import Reading
from openai_scan.relay.store import Limits, Message, NewMessage, Store, Sweepable
from openai_scan.relay.tail import Tail
from openai_scan.relay.upstream import Upstream
from openai_scan.surrogates import mend

if TYPE_CHECKING:
    from typing_extensions import Self

_log = logging.getLogger("openai_scan")

_ID = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)

# How many jobs are taken at a time, and how long is waited for one, which is also how long closing
# may have to wait for that, in seconds.
_AT_A_TIME = 50
_TAKE_SECONDS = 0.25

# How long `close()` waits for threads, in seconds.
_CLOSING_SECONDS = 5.0

# How often answers are looked for that no process works on, and how old they are, in seconds.
_SWEEP_SECONDS = 60.0


@frozen
class Started:
    """An answer that has been started.

    Attributes:
        stream: The id of its stream, and of the message that is saved at the end.
        conversation: The id of its conversation.
    """

    stream: str
    conversation: str


class Relay:
    """Streams answers to browsers, and saves each one once.

    ::

        upstream = ChatUpstream(client, model="gpt-5")
        relay = Relay(MemoryLog(), SqlStore("sqlite:///chat.db"), upstream)
        started = relay.start("Why is the sky blue?", user="alice")
        for frame in relay.iter(started.stream):
            ...

    Make one in each process, after it has been forked. It starts threads; `close()` ends them.

    Args:
        log: Where the entries of each answer go, and the jobs.
        store: Where messages go.
        upstream: The server that answers.
        models: The models that users may choose, the first one by default. Without any, the model
            is that of *upstream*, and users cannot choose.
        slots: How many answers this process reads at a time, each in a thread.
        produce: Whether this process reads answers. A web tier has False, and leaves that to
            processes with True, or to tasks that call `run_one()`.
        heartbeat: After how many seconds without an entry readers get a sign of life.
        limits: What one user may do.
        on_finish: Called with each `Message` that has been stored, in the thread that has read it:
            at least once for each, so use its id to tell repetitions.
    """

    def __init__(
        self,
        log: Log,
        store: Store,
        upstream: Upstream,
        *,
        models: Sequence[str] = (),
        slots: int = 1000,
        produce: bool = True,
        heartbeat: float = 15.0,
        limits: Limits = Limits(),  # noqa: B008 - it is frozen
        on_finish: Callable[[Message], object] | None = None,
    ) -> None:
        self.log = log
        self.store = store
        self.upstream = upstream
        self.models = tuple(models)
        self.limits = limits
        self.heartbeat = heartbeat
        self._slots = slots
        self._on_finish = on_finish
        self._process = os.getpid()
        self._productions: dict[str, Production] = {}
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        log.on_stop = self._stop_here
        if produce:
            self._start_thread(self._take_jobs, "jobs")
        self._start_thread(self._renew_leases, "leases")
        if produce and isinstance(store, Sweepable):
            self._start_thread(self._sweep_now_and_then, "sweeper")

    # Asked by those who serve browsers.

    def start(
        self,
        prompt: str,
        *,
        user: str,
        conversation: str | None = None,
        stream: str | None = None,
        model: str | None = None,
    ) -> Started:
        """Start an answer, and return at once.

        A call that is repeated with the same *stream* starts nothing twice, so a browser can choose
        the id, and send its request again if it has got no response.

        Args:
            prompt: What the user has written.
            user: The id of the user.
            conversation: The id of the conversation to continue; None for a new one.
            stream: The id of the answer; None for a new one. Ids have 16 to 64 letters, digits, "-"
                and "_".
            model: One of `models`; None for the first.

        Raises:
            LimitError: The prompt is too long, or the user asks for too much at once.
            UnknownStreamError: The conversation or the answer is another user's.
            UnavailableError: The store or the log cannot be reached. Call again, with the same
                *stream*.
            ValueError: An id is malformed, the prompt is empty, or the model is not allowed.
        """
        self._check_process()
        conversation = _checked_id(conversation, "conversation")
        stream = _checked_id(stream, "stream")
        prompt = mend(prompt)
        if not prompt.strip():
            raise ValueError("the prompt is empty")
        if len(prompt) > self.limits.prompt:
            raise LimitError(
                f"the prompt has more than {self.limits.prompt} characters", is_too_long=True
            )
        head = {"user": user, "conversation": conversation}
        if self.models:
            head["model"] = self._allowed(model)
        elif model is not None:
            raise ValueError("this relay has no list of models to choose from")
        if not self.store.begin(NewMessage(stream, conversation, user, prompt), self.limits):
            message = self.message(stream, user=user)
            head["conversation"] = conversation = message.conversation
            if message.status != "running":
                return Started(stream, conversation)
        self.log.create(stream, encode_json(head))
        return Started(stream, conversation)

    def follow(
        self,
        stream: str,
        after: str | None = None,
        *,
        user: str | None = None,
        encoding: Encoding | None = None,
    ) -> Reading:
        """Return what a browser reads of an answer; iterate over it with `for` or `async for`.

        Call it in a thread if an event loop runs, since it may ask the log and the store.

        Args:
            stream: The id of the answer.
            after: The cursor of the reader, its `Last-Event-ID`; None for the beginning.
            user: The id of the user, to whom the answer has to belong; None not to check that.
            encoding: How to write what has come; None for the neutral frames.

        Raises:
            UnknownStreamError: There is no such answer, or it is another user's.
            UnavailableError: The log cannot be reached, and the store neither.
        """
        encoding = Frames() if encoding is None else encoding
        place, has_seen_end = read_cursor(after)
        tail = self._tail(stream, place)
        try:
            if tail is not None:
                _check_owner(stream, _user_of(tail.entries[0]), user)
            message = self.message(stream, user=user) if tail is None else None
        except BaseException:
            if tail is not None:
                self.log.release(tail)
            raise
        return Reading(
            encoding,
            tail=tail,
            after=place,
            stored=b"" if message is None else encoding.stored(message),
            is_over=has_seen_end,
            heartbeat=self.heartbeat,
            release=self.log.release,
        )

    def _tail(self, stream: str, place: Place) -> Tail | None:
        """Return the tail of a stream, or None if the log has nothing of it or is unreachable."""
        try:
            tail = self.log.open(stream)
            if tail.entries and place > tail.entries[-1].place:  # this process lags behind
                tail.push(self.log.read(stream))
        except UnavailableError as error:
            _log.warning("%s is looked up in the store: %s", stream, error)
            return None
        if tail.entries:
            return tail
        self.log.release(tail)
        return None

    def iter(
        self,
        stream: str,
        after: str | None = None,
        *,
        user: str | None = None,
        encoding: Encoding | None = None,
    ) -> Iterator[bytes]:
        """Return the frames of an answer, for a server that blocks; arguments as for `follow()`.

        Raises:
            UnknownStreamError: There is no such answer, or it is another user's.
            UnavailableError: Neither the log nor the store can be reached.
        """
        return iter(self.follow(stream, after, user=user, encoding=encoding))

    async def aiter(
        self,
        stream: str,
        after: str | None = None,
        *,
        user: str | None = None,
        encoding: Encoding | None = None,
    ) -> AsyncIterator[bytes]:
        """Yield the frames of an answer, for a server on asyncio; arguments as for `follow()`.

        Raises:
            UnknownStreamError: There is no such answer, or it is another user's; raised before the
                first frame.
            UnavailableError: Neither the log nor the store can be reached; likewise.
        """
        reading = await asyncio.to_thread(self.follow, stream, after, user=user, encoding=encoding)
        async for frames in reading:
            yield frames

    def stop(self, stream: str) -> None:
        """Stop an answer, in whatever process it is read. What came of it is saved, `cancelled`.

        It returns at once; readers see the end as `done`.

        Raises:
            UnavailableError: The log cannot be reached.
        """
        self.log.stop(stream)

    def owner(self, stream: str) -> str | None:
        """Return the id of the user whose answer it is, or None if there is no such answer.

        Raises:
            UnavailableError: The store cannot be reached.
        """
        message = self.store.message(stream)
        return None if message is None else message.user

    def message(self, stream: str, *, user: str | None = None) -> Message:
        """Return an answer as it is stored.

        Raises:
            UnknownStreamError: There is no such answer, or it is not the one of *user*.
            UnavailableError: The store cannot be reached.
        """
        message = self.store.message(stream)
        if message is None or user not in (None, message.user):
            raise _unknown(stream)
        return message

    def history(self, conversation: str, *, user: str) -> Sequence[Message]:
        """Return the messages of a conversation in order; none if it is not the user's.

        Raises:
            UnavailableError: The store cannot be reached.
        """
        return self.store.history(conversation, user)

    # Asked by those who produce.

    def run_one(self, seconds: float = 0.0) -> str | None:
        """Take one job and work on it in this thread, until the message is saved.

        For tasks of a queue of your own: call it once for each answer that was started. The job it
        takes is the one that waits longest, which need not be the one of the task. If the process
        dies, the next call takes the job over once its lease has run out.

        Args:
            seconds: How long to wait for a job.

        Returns:
            The id of the answer; None if there was no job in time.

        Raises:
            UnavailableError: The log cannot be reached.
        """
        self._check_process()
        for job in self.log.take(1, seconds):
            production = self._production(job)
            if production is not None:
                self._run(production)
            return job.stream
        return None

    def sweep(self, seconds: float = _SWEEP_SECONDS) -> int:
        """Save as `incomplete` the answers that are left `running` although their log is gone.

        That happens if a process dies between the row and the log, or if the log is lost while no
        process works on the answer. A relay that produces does it every minute.

        Args:
            seconds: How long they have been running at least.

        Returns:
            How many were found; 0 if the store cannot look for them, or cannot be reached.
        """
        if not isinstance(self.store, Sweepable):
            return 0
        found = 0
        try:
            for message in self.store.running(seconds):
                if message.id in self._productions or self.log.exists(message.id):
                    continue
                found += self.store.finish(message.id, 0, "incomplete", "", {"error": "LogLost"})
        except UnavailableError as error:
            _log.warning("answers left running are not looked for: %s", error)
        return found

    def close(self) -> None:
        """Stop working, and let other processes go on with the answers of this one.

        With a `MemoryLog` there is no other process: what came of each answer is saved as
        `incomplete`. Readers are let go; those of other processes go on.
        """
        self._closing.set()
        with self._changed:
            for production in self._productions.values():
                production.close()
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._productions, _CLOSING_SECONDS)
        for thread in self._threads:
            thread.join(_CLOSING_SECONDS)
        self.log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The threads.

    def _start_thread(self, do: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=do, name=f"relay-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _take_jobs(self) -> None:
        """Take jobs, and give each one a thread."""
        while not self._closing.is_set():
            with self._changed:
                self._changed.wait_for(self._has_room, _TAKE_SECONDS)
                room = self._slots - len(self._productions)
            try:
                jobs = self.log.take(min(room, _AT_A_TIME), _TAKE_SECONDS) if room > 0 else ()
            except UnavailableError as error:
                _log.warning("no jobs can be taken: %s", error)
                self._closing.wait(_TAKE_SECONDS)
                continue
            for job in jobs:
                production = self._production(job)
                if production is not None:
                    name = f"relay-{job.stream}"
                    threading.Thread(
                        target=self._run, args=(production,), name=name, daemon=True
                    ).start()

    def _has_room(self) -> bool:
        return len(self._productions) < self._slots or self._closing.is_set()

    def _production(self, job: Job) -> Production | None:
        """Return what works on *job*; None if this process already does, or ends."""
        production = Production(
            job,
            self.log,
            self.store,
            self.upstream,
            limits=self.limits,
            on_finish=self._on_finish,
        )
        with self._changed:
            if not self._closing.is_set() and job.stream not in self._productions:
                self._productions[job.stream] = production
                return production
        self._hand_over(job)
        return None

    def _run(self, production: Production) -> None:
        """Work on a job until it is finished or another process can go on."""
        job = production.job
        try:
            production.run()
        except FencedError:
            _log.warning("another process has taken over %s", job.stream)
        except HandedOver:
            self._hand_over(job)
        except Exception:  # noqa: BLE001 - the lease runs out, and another process tries
            _log.exception("the work on %s has failed", job.stream)
        finally:
            with self._changed:
                del self._productions[job.stream]
                self._changed.notify_all()

    def _hand_over(self, job: Job) -> None:
        try:
            self.log.hand_over([job])
        except UnavailableError as error:  # its lease runs out
            _log.warning("%s is not handed over: %s", job.stream, error)

    def _renew_leases(self) -> None:
        while not self._closing.wait(self.log.lease / 3):
            with self._changed:
                jobs = [production.job for production in self._productions.values()]
            try:
                self.log.renew(jobs)
            except UnavailableError as error:
                _log.warning("the leases are not renewed: %s", error)

    def _stop_here(self, stream: str) -> None:
        production = self._productions.get(stream)
        if production is not None:
            production.stop()

    def _sweep_now_and_then(self) -> None:
        while not self._closing.wait(_SWEEP_SECONDS):
            self.sweep()

    def _check_process(self) -> None:
        if os.getpid() != self._process:
            raise ConfigurationError(
                "the relay was made before this process was forked: make one in each process"
            )

    def _allowed(self, model: str | None) -> str:
        if model is None:
            return self.models[0]
        if model not in self.models:
            raise ValueError(f"the model must be one of {', '.join(self.models)}")
        return model


def is_id(text: str) -> bool:
    """Return whether *text* can be the id of a stream or a conversation."""
    return _ID.fullmatch(text) is not None


def _checked_id(given: str | None, name: str) -> str:
    if given is None:
        return secrets.token_urlsafe(18)
    if not is_id(given):
        raise ValueError(f'{name} must have 16 to 64 letters, digits, "-" and "_"')
    return given


def _user_of(head: Entry) -> str:
    user: str = json.loads(head.data)["user"]
    return user


def _check_owner(stream: str, owner: str, user: str | None) -> None:
    if user not in (None, owner):
        raise _unknown(stream)


def _unknown(stream: str) -> UnknownStreamError:
    return UnknownStreamError(f"there is no stream {stream}")
