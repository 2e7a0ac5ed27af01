"""The relay itself: it starts answers, hands jobs to threads, and lets readers follow the log."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from openai_scan.errors import ConfigurationError
from openai_scan.relay.entries import Entry, Place, encode_json, read_cursor, storable
from openai_scan.relay.errors import LimitError, UnavailableError, UnknownStreamError
from openai_scan.relay.frames import Encoding, Frames
from openai_scan.relay.log import Job, Log
from openai_scan.relay.producer import Producer, tell
from openai_scan.relay.reading import Reading
from openai_scan.relay.store import Limits, NewMessage, Store, StoredMessage, Sweepable
from openai_scan.relay.tail import Tail
from openai_scan.relay.upstream import Upstream
from openai_scan.relay.workers import Workers

if TYPE_CHECKING:
    from typing_extensions import Self

_log = logging.getLogger("openai_scan")

_ID = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)

# How often answers are looked for that no process works on, and how old they are, in seconds. One
# whose log is lost may still be read: its process saves it at the end, so it is left that time.
_SWEEP_EVERY = 60.0
_SWEEP_AFTER = 900.0


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
        on_finish: Called with each `StoredMessage`, in the thread that has stored it: at least once
            for each, so use its id to tell repetitions.
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
        on_finish: Callable[[StoredMessage], object] | None = None,
    ) -> None:
        self.log = log
        self.store = store
        self.upstream = upstream
        self.models = tuple(models)
        self.limits = limits
        self.heartbeat = heartbeat
        self._on_finish = on_finish
        self._process = os.getpid()
        self._workers = Workers(log, slots, self._new_producer)
        log.on_stop = self._workers.stop
        self._workers.renew_leases()
        if produce:
            self._workers.take_jobs()
            if isinstance(store, Sweepable):
                self._workers.repeat(self.sweep, "sweeper", every=_SWEEP_EVERY)

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
            ConfigurationError: This process was forked after the relay was made.
        """
        self._check_process()
        if self._workers.is_closing:
            raise UnavailableError("the relay is closed")
        if not user:
            raise ValueError("the user has no id")
        conversation = _checked_id(conversation, "conversation")
        stream = _checked_id(stream, "stream")
        prompt = storable(prompt)
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
        self._check_process()
        encoding = Frames() if encoding is None else encoding
        place, has_seen_end = read_cursor(after)
        tail = self._tail(stream, place)
        if tail is not None:
            if user not in (None, _user_of(tail.entries[0])):
                raise _unknown(stream)
            stored = b""
        else:
            stored = encoding.stored(self.message(stream, user=user))
        return Reading(
            encoding,
            tail=tail,
            after=place,
            stored=stored,
            is_over=has_seen_end,
            heartbeat=self.heartbeat,
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
        # Without its head, it is what a process has written after the log had lost the stream.
        return tail if tail.entries and tail.entries[0].kind == "head" else None

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
        return self.follow(stream, after, user=user, encoding=encoding)

    async def aiter(
        self,
        stream: str,
        after: str | None = None,
        *,
        user: str | None = None,
        encoding: Encoding | None = None,
    ) -> AsyncIterator[bytes]:
        """Yield the frames of an answer, for a server on asyncio; arguments as for `follow()`.

        On Trio, iterate over `iter()` in a thread.

        Raises:
            UnknownStreamError: There is no such answer, or it is another user's; raised before the
                first frame.
            UnavailableError: Neither the log nor the store can be reached; likewise.
        """
        reading = await asyncio.to_thread(self.follow, stream, after, user=user, encoding=encoding)
        with reading:
            async for frames in reading:
                yield frames

    def stop(self, stream: str) -> None:
        """Stop an answer, whichever process reads it. What came of it is saved as `cancelled`.

        It returns at once; readers see the end as `done`.

        Raises:
            UnavailableError: The log cannot be reached.
        """
        self._check_process()
        self.log.stop(stream)

    def owner(self, stream: str) -> str | None:
        """Return the id of the user whose answer it is, or None if there is no such answer.

        Raises:
            UnavailableError: The store cannot be reached.
        """
        message = self._answer(stream)
        return None if message is None else message.user

    def message(self, stream: str, *, user: str | None = None) -> StoredMessage:
        """Return an answer as it is stored.

        Raises:
            UnknownStreamError: There is no such answer, or it is not the one of *user*.
            UnavailableError: The store cannot be reached.
        """
        message = self._answer(stream)
        if message is None or user not in (None, message.user):
            raise _unknown(stream)
        return message

    def _answer(self, stream: str) -> StoredMessage | None:
        message = self.store.message(stream)
        return None if message is None or message.role != "assistant" else message

    def history(self, conversation: str, *, user: str) -> Sequence[StoredMessage]:
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
        return self._workers.run_one(seconds)

    def sweep(self, seconds: float = _SWEEP_AFTER) -> int:
        """Save as `incomplete` the answers that are left `running` although their log is gone.

        That happens if a process dies between the row and the log, or if the log is lost while no
        process works on the answer. A relay that produces does it every minute.

        Args:
            seconds: How long they have been running at least. A process that still reads an answer
                whose log is lost has that long to save it.

        Returns:
            How many were found; 0 if the store cannot look for them.

        Raises:
            UnavailableError: The log or the store cannot be reached.
        """
        self._check_process()
        found = 0
        if isinstance(self.store, Sweepable):
            for message in self.store.running(seconds):
                if not (self._workers.works_on(message.id) or self.log.exists(message.id)):
                    found += self._give_up(message.id)
        return found

    def _give_up(self, stream: str) -> bool:
        """Save an answer whose log is gone. Return False if it is saved already."""
        if not self.store.finish(stream, 0, "incomplete", "", {"error": "LogLost"}):
            return False
        message = self.store.message(stream)
        if message is not None:
            tell(self._on_finish, message)
        return True

    def close(self) -> None:
        """Stop working, and let other processes go on with the answers of this one.

        With a `MemoryLog` there is no other process: what came of each answer is saved as
        `incomplete`. So is an answer that cannot be resumed, such as one of Chat Completions.
        Readers are let go; those of other processes go on.

        Call it any number of times. In a process that was forked after the relay was made it does
        nothing, since threads and connections are those of the other process.

        Raises:
            RuntimeError: It is called in a thread of the relay, as by *on_finish*.
        """
        if os.getpid() == self._process:
            self._workers.close()
            self.log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _new_producer(self, job: Job) -> Producer:
        return Producer(
            job,
            self.log,
            self.store,
            self.upstream,
            limits=self.limits,
            on_finish=self._on_finish,
        )

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


def _unknown(stream: str) -> UnknownStreamError:
    return UnknownStreamError(f"there is no stream {stream}")
