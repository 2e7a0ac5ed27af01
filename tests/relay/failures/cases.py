"""The faults that are tested, each with the expected result.

The tests check an answer against its case, and the page of the docs shows the cases.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

import pytest
from attrs import evolve, frozen

from openai_scan.relay.store import Status

from .worker import Api, Point

LogKind: TypeAlias = Literal["redis", "own redis", "sqlite", "postgresql", "redis, postgresql"]
"""Where log and store are: in Redis and a file of SQLite, unless it says otherwise."""

SHARED: Sequence[LogKind] = ("redis", "sqlite")
ALL: Sequence[LogKind] = ("redis", "sqlite", "postgresql")

Seen: TypeAlias = Literal["continues", "from the row", "starts over", "loses it"]
"""How a reader gets the rest: after its cursor, the stored text, from the beginning, or not."""


@frozen(kw_only=True)
class Case:
    """A fault, and what has to happen to the answer.

    Attributes:
        name: Its name.
        group: Under which heading the docs show it.
        fault: What happens.
        api: The API that is asked.
        status: The status of the row.
        error: What the row has as its error.
        asked: How often upstream is asked for the answer; None if that may be once or not at all.
        resumed: Whether the answer is resumed upstream.
        cancelled: How often upstream is told that the answer is not wanted.
        reader: How readers get the rest.
        saved: Whether readers are told that the message is saved.
        told: What else the docs say.
        logs: Over which logs it is tested.
        quick: Over which of them `make test` does it; `make failures` does all.
        point: At which point of its work the process is.
    """

    name: str
    group: str
    fault: str
    api: Api = "responses"
    status: Status = "completed"
    error: str | None = None
    asked: int | None = 1
    resumed: bool = False
    cancelled: int = 0
    reader: Seen = "continues"
    saved: bool = True
    told: str = ""
    logs: Sequence[LogKind] = SHARED
    quick: Sequence[LogKind] = ()
    point: Point | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the whole answer has to be stored."""
        return self.status == "completed"


_KILLED = "A process is killed"
_FROZEN = "A process is frozen and wakes up after another one has taken over"
_ENDED = "A process is asked to exit"
_STOPPED = "The user presses Stop"
_REDIS = "Redis or Valkey fails"
_DATABASE = "The database fails"
_TWICE = "Something happens twice"
_READERS = "Readers"

_WORDS: dict[Point, str] = {
    "take": "before `begin`",
    "begin": "after `begin`",
    "ask": "after `ask`, before the request is sent",
    "mark": "after the first event of a response",
    "delta": "while it reads",
    "end": "after `end`",
    "store": "after the row is saved",
    "done": "after `done`, before the acknowledgement",
    "finish": "after the acknowledgement",
}


def _of_points() -> Iterator[Case]:
    """Yield the cases of a process that is killed or frozen at a point of its work."""
    for point, words in _WORDS.items():
        apis: Sequence[Api] = ("responses",) if point == "mark" else ("chat", "responses")
        for api in apis:
            is_lost = point == "ask" or (point, api) == ("delta", "chat")
            quick: Sequence[LogKind] = ()
            if (api, point) in (("chat", "delta"), ("responses", "end"), ("responses", "done")):
                quick = ("redis",)
            elif (api, point) in (("responses", "delta"), ("responses", "store")):
                quick = SHARED
            common = Case(
                name="",
                group="",
                fault=words,
                api=api,
                status="incomplete" if is_lost else "completed",
                error="WorkerLost" if is_lost else None,
                asked=0 if point == "ask" else 1,
                resumed=point in ("mark", "delta") and api == "responses",
                point=point,
            )
            yield evolve(
                common,
                name=f"killed-{point}-{api}",
                group=_KILLED,
                logs=ALL if point in ("begin", "delta", "end") else SHARED,
                quick=quick,
            )
            if point in ("begin", "ask", "delta", "end", "store", "done"):
                is_first = (api, point) == ("responses", "delta")
                yield evolve(
                    common,
                    name=f"frozen-{point}-{api}",
                    group=_FROZEN,
                    # It may send the request before it learns that the answer is another one's.
                    asked=None if point == "ask" else 1,
                    quick=SHARED if is_first else (),
                )


_ALL_CASES: Sequence[Case] = (
    *_of_points(),
    Case(
        name="killed-silent",
        group=_KILLED,
        fault="while upstream is silent, in the middle of the answer",
        resumed=True,
        logs=ALL,
        quick=("redis",),
    ),
    Case(
        name="killed-many",
        group=_KILLED,
        fault="and then a second one, of three that read 20 answers",
        resumed=True,
    ),
    Case(
        name="killed-by-job",
        group=_KILLED,
        fault="repeatedly, by the same job",
        status="failed",
        error="GaveUp",
        resumed=True,
        cancelled=1,
        told="after five processes",
    ),
    Case(
        name="killed-task",
        group=_KILLED,
        fault="in a task that called `run_one()`",
        resumed=True,
    ),
    Case(
        name="killed-log-lost",
        group=_KILLED,
        fault="and the log is lost at the same time",
        status="incomplete",
        error="LogLost",
        reader="loses it",
        logs=("redis",),
        told="once the sweeper finds the row",
    ),
    Case(
        name="ended-responses",
        group=_ENDED,
        fault="SIGTERM while it reads",
        resumed=True,
        logs=ALL,
        quick=SHARED,
        told="at once, not when the lease expires",
    ),
    Case(
        name="ended-chat",
        group=_ENDED,
        fault="SIGTERM while it reads",
        api="chat",
        status="incomplete",
        error="Shutdown",
        quick=("redis",),
    ),
    Case(
        name="ended-unread",
        group=_ENDED,
        fault="SIGTERM while it reads, without readers",
        resumed=True,
        quick=("redis",),
        told="at once",
    ),
    Case(
        name="stopped-chat",
        group=_STOPPED,
        fault="through another process, while upstream is silent",
        api="chat",
        status="cancelled",
        error="StreamCancelledError",
        logs=ALL,
        quick=SHARED,
        told="the connection to upstream is closed",
    ),
    Case(
        name="stopped-responses",
        group=_STOPPED,
        fault="through another process, while upstream is silent",
        status="cancelled",
        error="StreamCancelledError",
        cancelled=1,
        logs=ALL,
        quick=("redis",),
    ),
    Case(
        name="redis-restarted",
        group=_REDIS,
        fault="it is restarted, with an append-only file",
        logs=("own redis",),
        quick=("own redis",),
    ),
    Case(
        name="redis-emptied",
        group=_REDIS,
        fault="it loses everything while the answer is read",
        reader="from the row",
        logs=("own redis",),
        quick=("own redis",),
    ),
    Case(
        name="redis-gone",
        group=_REDIS,
        fault="it is lost at the end, permanently",
        reader="from the row",
        logs=("own redis",),
        told="the row is saved after five seconds",
    ),
    Case(
        name="redis-frozen-link",
        group=_REDIS,
        fault="data from one process arrives only after the lease has expired",
        resumed=True,
        logs=("redis",),
        quick=("redis",),
    ),
    Case(
        name="redis-cut-link",
        group=_REDIS,
        fault="the connections of one process are reset for longer than the lease",
        resumed=True,
        logs=("redis",),
    ),
    Case(
        name="redis-partition",
        group=_REDIS,
        fault="the network to one process is down for longer than the lease",
        resumed=True,
        logs=("own redis",),
    ),
    Case(
        name="database-locked-at-start",
        group=_DATABASE,
        fault="it is locked when the user sends the request",
        logs=SHARED,
        quick=("redis",),
        told="the request gets 503 and is retried",
    ),
    Case(
        name="database-locked-at-end",
        group=_DATABASE,
        fault="it is locked at the end",
        saved=False,
        logs=("redis",),
        quick=("redis",),
        told="the row is saved once the database is free",
    ),
    Case(
        name="database-locked-killed",
        group=_DATABASE,
        fault="it is locked at the end, and the process that waits for it is killed",
        saved=False,
        logs=("redis",),
        told="the next process saves the row from the log",
    ),
    Case(
        name="database-locked-log",
        group=_DATABASE,
        fault="it is locked while the answer is read, and also has the log",
        logs=("sqlite",),
    ),
    Case(
        name="database-stopped-at-end",
        group=_DATABASE,
        fault="PostgreSQL is stopped at the end and started again",
        saved=False,
        logs=("redis, postgresql",),
        told="the row is saved once the database is back",
    ),
    Case(
        name="database-stopped-log",
        group=_DATABASE,
        fault="PostgreSQL, which also has the log, is restarted while the answer is read",
        logs=("postgresql",),
    ),
    Case(
        name="twice-job",
        group=_TWICE,
        fault="the job is in Redis three times",
        logs=("redis",),
        quick=("redis",),
    ),
    Case(
        name="twice-post",
        group=_TWICE,
        fault="the same request is sent six times at once, to two processes",
        logs=ALL,
    ),
    Case(
        name="readers-stalled",
        group=_READERS,
        fault="ten read nothing, and one reads late",
        api="chat",
        quick=("redis",),
        told="the others are not delayed, and the late one gets everything",
    ),
    Case(
        name="readers-lost",
        group=_READERS,
        fault="some send cursors that did not come from the relay",
        reader="starts over",
        quick=("redis",),
    ),
    Case(
        name="readers-apart",
        group=_READERS,
        fault="they are served by processes that read no answers, and one of them is killed",
    ),
)

CASES = {case.name: case for case in _ALL_CASES}


def plays(*names: str) -> pytest.MarkDecorator:
    """Run a test for some cases, over each of their logs.

    Args:
        names: Those of the cases, or what they begin with.
    """
    return pytest.mark.parametrize(
        ("case", "log_kind"),
        [
            pytest.param(case, log, id=f"{case.name}-{log}".replace(", ", "-").replace(" ", "-"))
            for case in CASES.values()
            if case.name.startswith(names)
            for log in case.logs
        ],
    )


def is_due(case: Case, log_kind: LogKind) -> bool:
    """Return whether this run of the tests is about a case."""
    return os.environ.get("OPENAI_SCAN_FAILURES") == "all" or log_kind in case.quick
