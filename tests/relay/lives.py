"""Processes that die, or meet something else, at any of their calls: nothing of it is timed.

Each call of a producer into its log, its store or its upstream is announced to a `Life`, which
does to the process what the test wants before that call takes effect. Between two calls a process
only computes, so that is everything that can happen to it, after its calls included.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from openai_scan.relay import FencedError, Job, Limits, NewMessage, StoredMessage
from openai_scan.relay.entries import Entry, EntryKind, encode_json
from openai_scan.relay.producer import Producer
from openai_scan.relay.writer import HandedOver

from .memory_store import MemoryStore
from .scripted_upstream import ScriptedUpstream
from .shared_log import Server, SharedLog, _key

STREAM = "stream-0123456789"
USER = "alice"
CONVERSATION = "conversation-0123"


class Killed(BaseException):
    """The process has died: no code of it runs any more."""


class Life:
    """What happens to one process.

    Args:
        events: What happens before which call takes effect, by their numbers, from 1.

    Attributes:
        calls: The names of the calls so far.
        producer: What works in the process.
        log: What the process has of the log.
    """

    producer: Producer
    log: SharedLog

    def __init__(self, events: Mapping[int, Callable[[Life], object]] | None = None) -> None:
        self.calls: list[str] = []
        self._events = events or {}
        self._is_dead = False

    def call(self, name: str) -> None:
        """Announce a call."""
        if self._is_dead:  # what it would do while it unwinds
            raise Killed
        self.calls.append(name)
        happens = self._events.get(len(self.calls))
        if happens is not None:
            happens(self)

    def live(self) -> str:
        """Work on the job, and say how that ended."""
        try:
            self.producer.run()
        except Killed:
            return "killed"
        except FencedError:
            return "fenced"
        except HandedOver:
            return "handed over"
        return "finished"

    def die(self) -> None:
        """End the process."""
        self._is_dead = True
        raise Killed


def announced(of: Any, life: Life, **names: str) -> Any:
    """Return *of*, with calls of some methods announced to a life by the names they have there."""
    return _Announced(of, life, names)


class _Announced:
    def __init__(self, of: Any, life: Life, names: Mapping[str, str]) -> None:
        self._of = of
        self._life = life
        self._names = names

    def __getattr__(self, method: str) -> Any:
        attribute = getattr(self._of, method)
        name = self._names.get(method)
        if name is None:
            return attribute

        def call(*args: Any, **kwargs: Any) -> Any:
            self._life.call(name)
            return attribute(*args, **kwargs)

        return call


class MortalLog(SharedLog):
    """A log of a process that may die between any two entries that it writes."""

    def __init__(self, server: Server, life: Life, *, writes_at_once: bool) -> None:
        super().__init__(server, writes_at_once=writes_at_once)
        self._life = life

    def append(self, job: Job, entries: Sequence[Entry]) -> None:
        """Append one after the other."""
        for entry in entries:
            self._life.call(f"append {entry.kind}")
            super().append(job, [entry])

    def drain(self, job: Job, seconds: float) -> bool:
        """Write one after the other."""
        self._life.call("drain")
        while self._is_reachable() and self._flush_one(_key(job)):
            self._life.call("drain")
        return super().drain(job, seconds)


class World:
    """A log, a store and an upstream, in which one answer has been started.

    Args:
        upstream: The server that answers.
        writes_at_once: Whether processes write entries when they are appended, or keep them until
            they wait for the log.
        limit: How many bytes the answer may have.
        model: The model that the user has chosen.
    """

    def __init__(
        self,
        upstream: ScriptedUpstream,
        *,
        writes_at_once: bool = True,
        limit: int = 1_000_000,
        model: str | None = None,
    ) -> None:
        self.server = Server()
        self.store = MemoryStore()
        self.upstream = upstream
        self.stored: list[str] = []  # the statuses that `on_finish` was told
        self._writes_at_once = writes_at_once
        self._limits = Limits(answer=limit)
        self.store.begin(NewMessage(STREAM, CONVERSATION, USER, "Hi"), self._limits)
        head = {"user": USER, "conversation": CONVERSATION}
        if model is not None:
            head["model"] = model
        SharedLog(self.server).create(STREAM, encode_json(head))

    def process(self, life: Life) -> Producer | None:
        """Return what works on the job in a new process; None if there is no job any more."""
        self.server.expire_leases()
        log = MortalLog(self.server, life, writes_at_once=self._writes_at_once)
        jobs = log.take(1, 0.0)
        if not jobs:
            return None
        life.producer = Producer(
            jobs[0],
            announced(log, life, read="read", is_stopped="is_stopped", finish="finish"),
            announced(self.store, life, message="message", history="history", finish="store"),
            announced(self.upstream, life, ask="ask", resume="resume", cancel="cancel"),
            limits=self._limits,
            on_finish=lambda message: self.stored.append(message.status),
        )
        log.on_stop = lambda _: life.producer.stop()
        life.log = log
        return life.producer

    def stop(self, _: object = None) -> None:
        """Stop the answer, as its user does through some process."""
        SharedLog(self.server).stop(STREAM)

    def row(self) -> StoredMessage:
        """Return the answer as it is stored."""
        message = self.store.message(STREAM)
        assert message is not None
        return message

    def entries(self, *kinds: EntryKind) -> list[Any]:
        """Return what the entries of some kinds say."""
        entries = self.server.streams[STREAM]
        return [json.loads(entry.data) for entry in entries if entry.kind in kinds]

    def run(self, life: Life) -> str:
        """Let a new process work on the job, and say how that ended."""
        return "no job" if self.process(life) is None else life.live()
