"""Writes the page of the documentation on faults of the relay from the data of the tests.

`python -m relay.failures.page` in the folder of the tests writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from relay.failures.cases import CASES, Case

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "relay-failures.md"

_LOGS = {
    "redis": "Redis",
    "own redis": "Redis",
    "sqlite": "SQLite",
    "postgresql": "PostgreSQL",
    "redis, postgresql": "Redis, with messages in PostgreSQL",
}

_READERS = {
    "continues": "continue where they were",
    "from the row": "get the whole text from the row",
    "starts over": "get the answer from the beginning",
    "loses it": "lose the text they had",
}


def text() -> str:
    """Return the page."""
    groups = list(dict.fromkeys(case.group for case in CASES.values()))
    count = sum(len(case.logs) for case in CASES.values())
    introduction = f"""\
# Faults of the relay

What happens to an answer when a process, a network or a database fails. Each row of these tables
is tested with real processes and signals: {count} tests, over the logs in the last column. This
page is generated from the data of the tests. [How the relay works](relay.md) explains the steps
and entries that appear here.

After each case, every reader, the row and the log have the same text, character for character. It
is the whole answer if the row is `completed`, and otherwise the beginning of the answer. Readers
get the end once, with the status and the error of the row. The answer was generated at most once,
and no job is left. A process that takes over waits until the lease expires, after 15 seconds by
default, unless the table says that it happens at once.

*Chat* is an answer of Chat Completions, which ends with its connection. *Responses* is a response
in background mode, which another process can resume."""
    parts = [introduction]
    for group in groups:
        parts += [f"## {group}", _table([case for case in CASES.values() if case.group == group])]
    return "\n\n".join(parts) + "\n"


def write() -> None:
    """Write the page."""
    PAGE.write_text(text())


def _table(cases: Sequence[Case]) -> str:
    head = ("fault", "answer", "row", "readers", "upstream is", "tested over")
    apis: dict[tuple[str, ...], list[str]] = {}
    for case in cases:
        logs = ", ".join(_LOGS[log] for log in case.logs)
        facts = case.fault, _row(case), _readers(case), _upstream(case), logs
        apis.setdefault(facts, []).append("Chat" if case.api == "chat" else "Responses")
    rows = [(fault, ", ".join(names), *rest) for (fault, *rest), names in apis.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def _row(case: Case) -> str:
    row = f"`{case.status}`" + (f", `{case.error}`" if case.error else "")
    return row + (f"; {case.told}" if case.told else "")


def _readers(case: Case) -> str:
    unsaved = "" if case.saved else ", and get `saved: false`"
    return _READERS[case.reader] + unsaved


def _upstream(case: Case) -> str:
    words = [
        {None: "asked at most once, for nothing", 0: "not asked"}.get(case.asked, "asked once")
    ]
    words += ["resumed"] * case.resumed
    words += ["told to cancel"] * bool(case.cancelled)
    return ", ".join(words)


if __name__ == "__main__":
    write()
