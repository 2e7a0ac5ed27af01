"""The table that compares the libraries: its rows, and the pages that show it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from attrs import frozen

LIBRARIES = ("openai_scan", "openai-python", "httpx-sse", "LiteLLM", "AI SDK")

# The rows by the names of their scenes, in order.
ROWS: Mapping[str, str] = {
    "cut": "The connection breaks",
    "early": "The stream ends too early",
    "failure": "The server sends an error in the stream",
    "wrong": "A number where text belongs",
    "held": "The server does not hang up after `[DONE]`",
    "cancel": "Cancelling from another thread",
    "reuse": "Connections for three streams",
    "resume": "Resuming a background response",
    "types": "Types of the events of a response",
    "bulk": "CPU for a token, thousands at once",
    "paced": "CPU for a token, 50 a second",
    "browser": "In a web page, without a backend",
    "leave": "The browser reloads and reads on",
    "kill": "The process that reads the answer dies",
}

_MARKED = re.compile(r"(<!-- comparison: ([a-z]+) -->\n).*?(<!-- comparison: end -->)", re.DOTALL)


@frozen
class Cell:
    """What came of a scene with one library.

    Attributes:
        short: In a few words, for the table.
        detail: What the library handed out, for the page.
    """

    short: str
    detail: str


Cells = Mapping[tuple[str, str], Cell]
"""The cells by scene and library."""


def table(cells: Cells) -> str:
    """Return the table: a row for each scene, a column for each library."""
    return _table(
        ("", *LIBRARIES),
        [[row, *(cells[scene, name].short for name in LIBRARIES)] for scene, row in ROWS.items()],
    )


def details(cells: Cells) -> str:
    """Return the same with what each library handed out."""
    return _table(
        ("", *LIBRARIES),
        [[row, *(cells[scene, name].detail for name in LIBRARIES)] for scene, row in ROWS.items()],
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines) + "\n"


def fill(page: str, parts: Mapping[str, str]) -> str:
    """Return *page* with the parts between its marks rewritten."""
    return _MARKED.sub(lambda marked: f"{marked[1]}\n{parts[marked[2]]}\n{marked[3]}", page)


def parts_of(page: str) -> dict[str, str]:
    """Return what *page* has between its marks, by name."""
    return {
        marked[2]: marked[0].removeprefix(marked[1]).removesuffix(marked[3]).strip("\n") + "\n"
        for marked in _MARKED.finditer(page)
    }


# What came of a scene, in words.


def ended(found: Mapping[str, object]) -> Cell:
    """Judge the end of an answer that is not whole: only an error tells the user."""
    if error := found["error"]:
        return Cell("error", f"`{error}`")
    finish = found["finish"]
    if finish is None:
        return Cell("no error", "no error, no finish reason")
    return Cell("no error", f"no error, finish reason `{finish}`")


def passed_on(found: Mapping[str, object]) -> Cell:
    """Judge an answer with a number where its text belongs."""
    if error := found["error"]:
        return Cell("error", f"`{error}`")
    return Cell("passed on", f"the pieces `{found['texts']}`")


def came_back(found: Mapping[str, object] | None, seconds: float) -> Cell:
    """Judge whether a reader returned; None if it had not after so many *seconds*."""
    if found is None:
        return Cell("waits", f"still reading after {seconds:g} s")
    if error := found["error"]:
        return Cell("error", f"`{error}`")
    return Cell("returns", f"returns, `{found['finish']}`")


def cancelled(found: Mapping[str, float | str | None], patience: float) -> Cell:
    """Judge how long a cancelled reader took to return."""
    seconds = found["seconds"]
    if not isinstance(seconds, float):
        return Cell("has no effect", f"still reading after {patience:g} s")
    how = "at once" if seconds < 0.1 else f"after {seconds:.1f} s"
    ended_with = f"`{found['error']}`" if found["error"] else "no error"
    return Cell(how, f"{seconds * 1000:.0f} ms, {ended_with}")


def reused(count: int) -> Cell:
    """Tell how many connections were made."""
    return Cell(str(count), f"{count} connection{'s' if count > 1 else ''}")


def resumed(found: Mapping[str, Mapping[str, object] | None], text: str) -> Cell:
    """Judge whether an answer that broke off was read to its end."""
    first, by_hand = found["first"], found.get("by_hand")
    assert first is not None
    got = _joined(first)
    if first["error"] is None and got == text:
        return Cell("automatically", "the whole answer")
    error = f"`{first['error']}` after `{got}`"
    if by_hand is not None and got + _joined(by_hand) == text:
        return Cell("with a request of yours", f"{error}; a request for the rest brings it")
    return Cell("no", f"{error}; no request for the rest was tried")


def _joined(found: Mapping[str, object]) -> str:
    texts = found["texts"]
    assert isinstance(texts, list)
    return "".join(map(str, texts))


def typed(found: Mapping[str, object], names: int, *, of_its_own: bool = False) -> Cell:
    """Count the types of the events of a response that has so many *names* on the wire."""
    types = found["types"]
    assert isinstance(types, list)
    shown = ", ".join(f"`{each}`" for each in types)
    if of_its_own:
        return Cell(f"{len(types)} kinds of its own", shown)
    counted = f"{len(types)} class{'es' if len(types) > 1 else ''}"
    return Cell(f"{counted} for {names} names", shown)


def costs(us: Mapping[str, float]) -> dict[str, Cell]:
    """Compare CPU times, in µs for a token, with that of the first library."""
    own = us[LIBRARIES[0]]
    ratios = {name: _digits(each / own) for name, each in us.items()}
    return {
        name: Cell("1" if name == LIBRARIES[0] else f"{ratio} times", f"{_digits(us[name])} µs")
        for name, ratio in ratios.items()
    }


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}" if value >= 1 else f"{value:.2f}"


def lost(row: str) -> Cell:
    """Read what a browser had at the end off a row of the page about the relay."""
    cells = [cell.strip() for cell in row.strip("| ").split("|")]
    return Cell(cells[1], f"{cells[0]}: {cells[1]}, told {cells[2]}")
