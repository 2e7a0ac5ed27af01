"""Writes the page of the documentation on faults from the data of the tests.

`python -m faults.page` in the folder of the tests writes it.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from faults.table import ABSENT, ALL, CELLS, Cell, Framing, Phase, Route, plays
from faults.traps import SHOWN_BY, TRAPS, Trap

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "faults.md"
FIGURES = Path(__file__).with_name("soak.json")

_MEBIBYTE = 1024 * 1024
_WIDTH = 100

_INTRODUCTION = f"""\
# Faults

What happens when something goes wrong, in each phase of a request. Each row of these tables is a
test over real sockets, and this page is generated from the data of the tests. There are
{len(CELLS)} cases, which run {len(plays())} times: directly and through a proxy, plain and over
TLS, and with each framing of the body that makes a difference.

The stream is always the same: an event with text, an event with the finish reason, `[DONE]`. So the
answer is complete after the second event. After each case the tests check that `err()` still
returns the same error, that the error has the events, the bytes and the snapshot of the stream, and
that no descriptor is left open. Then the same client reads another stream to its end; *afterwards*
says whether it reuses the connection. Retries are switched off, except in the last phase."""

_ABSENT = """\
## What cannot happen

These combinations of a phase and a fault have no test, for the reason in the last column."""

_TRAPS = """\
## Traps

Byte sequences that break other clients. The tests read each of these bodies from a socket, chunked
and close-delimited, and byte by byte without a socket."""

_OTHER_TRAPS = "Traps that concern the connection, or are large, have separate tests:"

_SOAK = """\
## A soak test

`make soak` reads many streams with random faults: from several threads that share their clients,
plain, over TLS and through proxies. It compares how each stream ended with how it should have
ended. The servers run in another process. Memory, objects, descriptors and threads are counted
from time to time and must not grow."""


def text() -> str:
    """Return the page."""
    parts = [_INTRODUCTION, *(_of_phase(phase) for phase in Phase), _ABSENT, _of_absent()]
    parts += [_TRAPS, _of_traps(), _OTHER_TRAPS, _of_other_traps(), _SOAK]
    return "\n\n".join([*parts, of_soak(json.loads(FIGURES.read_text()))]) + "\n"


def write() -> None:
    """Write the page."""
    PAGE.write_text(text())


def of_soak(figures: dict[str, Any]) -> str:
    """Return the figures of a soak as tables."""
    levels = _table(
        ("streams", "resident MiB", "objects", "descriptors", "threads"),
        [
            (
                f"{one['streams']:,}",
                f"{one['resident_bytes'] / _MEBIBYTE:.1f}",
                f"{one['objects']:,}",
                str(one["descriptors"]),
                str(one["threads"]),
            )
            for one in figures["levels"]
        ],
    )
    endings = _table(
        ("fault", "end", "streams"),
        [(met, f"`{ended}`", f"{count:,}") for met, ended, count in figures["endings"]],
    )
    cancelled = figures["cancelled"]
    facts = textwrap.fill(
        f"On {figures['date']}, with `{figures['command']}`: {figures['streams']:,} streams in"
        f" {figures['seconds']} s. Wrong ends, and counts that grew: {figures['wrong']}. From"
        f" `cancel()` in another thread to the return of the reader's `next()` it took"
        f" {cancelled['median_ms']} ms (median of {cancelled['streams']:,} streams), and"
        f" {cancelled['longest_ms']} ms in the longest case, while the other threads and the"
        f" servers kept the machine busy.",
        _WIDTH,
        break_on_hyphens=False,
    )
    return f"{facts}\n\n{levels}\n\n{endings}"


def _of_phase(phase: Phase) -> str:
    cells = [cell for cell in CELLS if cell.phase is phase]
    head = ["fault", "framing", "route", "`outcome`", "`err()`", "events", "`notes`", "afterwards"]
    rows = [_row(cell) for cell in cells]
    # A column that says nothing is left out.
    said = [column for column in range(len(head)) if any(row[column] for row in rows)]
    table = _table([head[column] for column in said], [[row[c] for c in said] for row in rows])
    blind = "\n\n" + _BLIND if any(cell.blind for cell in cells) else ""
    return f"## {phase.value[0].upper()}{phase.value[1:]}\n\n{table}{blind}"


_BLIND = """\
(\\*) Over TLS, many versions of Python mistake a reset for an end; then the result is that of
*closed*."""


def _row(cell: Cell) -> list[str]:
    ending = cell.ending
    error = _code(ending.error) + (f", `{ending.limit}`" if ending.limit else "")
    raised = f"`{ending.raised}` is raised" if ending.raised else ""
    fault = cell.fault.value + (f": {cell.variant}" if cell.variant else "")
    return [
        fault + (" (\\*)" if cell.blind else ""),
        _names(cell.framings, [one for one in Framing if one is not Framing.NONE])
        if cell.framings != (Framing.NONE,)
        else "",
        _names(cell.routes, ALL),
        _code(ending.outcome),
        raised or error or "None",
        str(cell.events) if cell.events else "",
        ", ".join(map(_code, ending.notes)),
        cell.connection.value,
    ]


def _names(some: Iterable[Framing | Route], all_: Iterable[Framing | Route]) -> str:
    return "any" if set(some) == set(all_) else "; ".join(one.value for one in some)


def _code(word: str | None) -> str:
    return f"`{word}`" if word else ""


def _of_absent() -> str:
    rows: dict[tuple[str, str], list[str]] = {}
    for one in ABSENT:
        framing = "" if Framing.NONE in one.framings else f", {one.framings[0].value}"
        phases = "; ".join(phase.value for phase in one.phases) + framing
        rows.setdefault((phases, one.why), []).append(one.fault.value)
    return _table(
        ("phases", "faults", "reason"),
        [(phases, "; ".join(faults), why) for (phases, why), faults in rows.items()],
    )


def _of_traps() -> str:
    return _table(
        ("trap", "`outcome`", "`err()`", "and"),
        [
            (_plain(one.number), _code(one.outcome), _code(one.error) or "None", _and(one))
            for one in TRAPS
        ],
    )


def _and(trap: Trap) -> str:
    said: list[str] = [f"{name} is {value!r}" for name, value in trap.facts.items()]
    said += [f"the text is {trap.text!r}"] * bool(trap.text)
    said += [f"the call is {name}({arguments})" for _, name, arguments in trap.calls]
    said += [f"the data are {', '.join(map(ascii, trap.data))}"] if trap.data else []
    said += [f"the events are {_counted(trap.events)}"] if trap.events else []
    said += [f"the counts are {trap.usage}"] if trap.usage else []
    said += [f"the choices are {trap.choices}"] if trap.choices else []
    said += [f"noted: {', '.join(trap.notes)}"] if trap.notes else []
    return _plain("; ".join(said))


def _counted(names: Sequence[str]) -> str:
    return ", ".join(
        name if names.count(name) == 1 else f"{names.count(name)} {name}"
        for name in dict.fromkeys(names)
    )


def _of_other_traps() -> str:
    return _table(
        ("trap", "tests"),
        [(number, ", ".join(map(_code, places))) for number, places in SHOWN_BY.items()],
    )


def _plain(words: str) -> str:
    """Return *words* as Markdown that means nothing but itself."""
    for sign in "\\|[]*_<>{}":
        words = words.replace(sign, f"\\{sign}")
    return words


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


if __name__ == "__main__":
    write()
