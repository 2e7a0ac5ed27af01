"""The relay itself: it starts answers, gives jobs to threads, and lets readers follow the log."""

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

# How often to look for answers that no process works on, and how old they must be, in seconds. If
# only the log of an answer is lost, its process saves it at the end, so it gets that much time.
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

    Create one in each process, after forking. It starts threads; `close()` ends them.

    Args:
        log: Stores the entries of each answer, and the jobs.
        store: Stores the messages.
        upstream: The server that answers.
        models: The models that users may choose; the first is the default. If empty, *upstream* has
            the model, and users cannot choose.
        slots: How many answers this process reads at a time, each in a thread.
        produce: Whether this process reads answers. In a web tier pass False, and leave that to
            processes with True, or to tasks that call `run_one()`.
        heartbeat: Seconds without an entry after which readers get a heartbeat.
        limits: What one user may do.
        on_finish: Called with each `StoredMessage`, in the thread that has stored it: at least once
            for each, so use its id to recognize repetitions.

    Raises:
        TypeError: The log, the store or the upstream is something else, such as when two of them
            are swapped.
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
        limits: Limits = Limits(),  # noqa: B008 - frozen, so sharing it is safe
        on_finish: Callable[[StoredMessage], object] | None = None,
    ) -> None:
        _check_parts(log, store, upstream)
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

    # For the servers of browsers.

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

        Calling it again with the same *stream* starts nothing twice. So a browser can choose the id
        and repeat its request if it got no response.

        Args:
            prompt: The user's prompt.
            user: The id of the user.
            conversation: The id of the conversation to continue; None for a new one.
            stream: The id of the answer; None for a new one. Ids are 16 to 64 letters, digits, "-"
                or "_".
            model: One of `models`; None for the first.

        Raises:
            LimitError: The prompt is too long, or the user asks for too much at once.
            UnknownStreamError: The conversation or the answer belongs to another user.
            UnavailableError: The store or the log cannot be reached. Call it again with the same
                *stream*.
            TypeError: The prompt is not a string.
            ValueError: An id is malformed, the prompt is empty, or the model is not allowed.
            ConfigurationError: This process was forked after the relay was created.
        """
        self._check_process()
        if self._workers.is_closing:
            raise UnavailableError("the relay is closed")
        if not user:
            raise ValueError("the user's id is empty")
        conversation = _checked_id(conversation, "conversation")
        stream = _checked_id(stream, "stream")
        if not isinstance(prompt, str):
            raise TypeError(f"the prompt must be a string, not {type(prompt).__name__}")
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
            raise ValueError("this relay was created without models, so users cannot choose one")
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
        """Return an iterator over the frames of an answer, for `for` or `async for`.

        In an event loop, call it in a thread, because it may query the log and the store.

        Args:
            stream: The id of the answer.
            after: The cursor of the reader, its `Last-Event-ID`; None for the beginning.
            user: The id of the user to whom the answer must belong; None not to check that.
            encoding: How to encode the entries; None for the neutral frames.

        Raises:
            UnknownStreamError: There is no such answer, or it belongs to another user.
            UnavailableError: Neither the log nor the store can be reached.
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
            if tail.entries and place > tail.entries[-1].place:  # this process is behind
                tail.push(self.log.read(stream))
        except UnavailableError as error:
            _log.warning("looking %s up in the store: %s", stream, error)
            return None
        # A stream without the entry `head` was written by a process after the log had lost it.
        return tail if tail.entries and tail.entries[0].kind == "head" else None

    def iter(
        self,
        stream: str,
        after: str | None = None,
        *,
        user: str | None = None,
        encoding: Encoding | None = None,
    ) -> Iterator[bytes]:
        """Return the frames of an answer, for a blocking server; arguments as for `follow()`.

        Raises:
            UnknownStreamError: There is no such answer, or it belongs to another user.
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
            UnknownStreamError: There is no such answer, or it belongs to another user. Raised
                before the first frame.
            UnavailableError: Neither the log nor the store can be reached. Raised before the first
                frame.
        """
        reading = await asyncio.to_thread(self.follow, stream, after, user=user, encoding=encoding)
        with reading:
            async for frames in reading:
                yield frames

    def stop(self, stream: str) -> None:
        """Stop an answer, whichever process reads it. What has arrived is saved as `cancelled`.

        It returns at once; readers get the end as `done`.

        Raises:
            UnavailableError: The log cannot be reached.
        """
        self._check_process()
        self.log.stop(stream)

    def owner(self, stream: str) -> str | None:
        """Return the id of the user to whom an answer belongs, or None if there is no such answer.

        Raises:
            UnavailableError: The store cannot be reached.
        """
        message = self._answer(stream)
        return None if message is None else message.user

    def message(self, stream: str, *, user: str | None = None) -> StoredMessage:
        """Return an answer as it is stored.

        Raises:
            UnknownStreamError: There is no such answer, or it does not belong to *user*.
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
        """Return the messages of a conversation in order; an empty list if it is not the user's.

        Raises:
            UnavailableError: The store cannot be reached.
        """
        return self.store.history(conversation, user)

    # For the producers.

    def run_one(self, seconds: float = 0.0) -> str | None:
        """Take one job and work on it in this thread, until the message is saved.

        Use it in tasks of your own queue: call it once for each answer that was started. It takes
        the job that has waited longest, which need not be the one of the task. If the process dies,
        the next call takes the job over once its lease has expired.

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
        """Save as `incomplete` the answers that are still `running` although their log is gone.

        That happens if a process dies between the row and the log, or if the log is lost while no
        process works on the answer. A relay that produces does it every minute.

        Args:
            seconds: The minimum time they have been running. A process that still reads an answer
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
        """Save an answer whose log is gone. Return False if it is already saved."""
        if not self.store.finish(stream, 0, "incomplete", "", {"error": "LogLost"}):
            return False
        message = self.store.message(stream)
        if message is not None:
            tell(self._on_finish, message)
        return True

    def close(self) -> None:
        """Stop working, and let other processes continue the answers of this one.

        With a `MemoryLog` there is no other process: what has arrived of each answer is saved as
        `incomplete`. The same happens to answers that cannot be resumed, such as those of Chat
        Completions. Readers in this process end; those in other processes continue.

        You may call it any number of times. In a process that was forked after the relay was
        created it does nothing, because the threads and connections belong to the other process.

        Raises:
            RuntimeError: It is called in a thread of the relay, for instance by *on_finish*.
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
                "the relay was created before this process was forked: create one in each process"
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


def _check_parts(log: object, store: object, upstream: object) -> None:
    """Raise a TypeError if one of the parts of a relay is something else."""
    if not isinstance(log, Log):
        raise TypeError(f"the log must be a Log, such as MemoryLog(), not {type(log).__name__}")
    if not hasattr(store, "begin"):
        raise TypeError(
            "the store must have the methods of Store, as SqlStore('sqlite:///chat.db') has, not"
            f" {type(store).__name__}"
        )
    if not hasattr(upstream, "ask"):
        raise TypeError(
            "the upstream must have the methods of Upstream, as ChatUpstream(client, model='gpt-5')"
            f" has, not {type(upstream).__name__}"
        )


def _checked_id(given: str | None, name: str) -> str:
    if given is None:
        return secrets.token_urlsafe(18)
    if not is_id(given):
        raise ValueError(f'{name} must be 16 to 64 letters, digits, "-" or "_"')
    return given


def _user_of(head: Entry) -> str:
    user: str = json.loads(head.data)["user"]
    return user


def _unknown(stream: str) -> UnknownStreamError:
    return UnknownStreamError(f"there is no stream {stream}")
