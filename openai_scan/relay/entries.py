"""The entries of a relay's log: one answer, in the same form for every API.

::

    entry   place   what it says
    head    0-1     who asked, and where; written together with the job
    begin   E-0     a process has taken the job: the Eth to do so
    ask     E-n     upstream is about to be asked, which happens once
    delta   E-n     what one event added to the answer
    mark    E-n     how the answer can be resumed upstream: a bookmark
    reset   E-n     all texts, replacing what came before
    leave   E-n     the process hands the job over, and has written all that it had; `unasked` if
                    it wrote `ask` but sent no request
    end     E-n     how the answer ended, with all its facts
    done    E-n     the same for readers, and whether the message is saved

Places only grow. The epoch E is the fence: a log accepts no entry of an epoch once a later one has
begun. So what a process writes after another one has taken over its job is never read.

An event is one entry, however many pieces it has. So an answer that is resumed after an event has
all of that event or nothing of it.

Browsers only get reset, delta and done. The other entries are for the processes of the relay, which
fold them into a `Progress`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

from attrs import frozen

from openai_scan.surrogates import REPLACEMENT, mend, utf8
from openai_scan.values import Piece, PieceKind

EntryKind: TypeAlias = Literal[
    "head", "begin", "ask", "delta", "mark", "reset", "leave", "end", "done"
]

Place: TypeAlias = tuple[int, int]
"""The position of an entry: its epoch, and its number in that epoch."""

START: Place = (0, 0)
"""Before the first entry."""

HEAD: Place = (0, 1)
"""The place of the entry `head` in every log."""

SHOWN = frozenset({"delta", "reset", "done"})
"""The kinds of entries that are sent to browsers."""

TEXTS: Sequence[PieceKind] = ("text", "reasoning", "refusal")
"""The kinds of pieces that are text. Audio and images are too large for a log."""

# More digits than any answer needs, and few enough for every database.
_CURSOR = re.compile(r"([0-9]{1,9})-([0-9]{1,9})(-end)?", re.ASCII)

# Shared, because `json.dumps()` would create an encoder for each entry.
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@frozen(weakref_slot=False)  # small, as there is one for each token
class Entry:
    """One entry of a log.

    Attributes:
        epoch: How many processes had taken the job when it was written; 0 for `head`.
        seq: Its number in the epoch, from 0.
        kind: What it says.
        data: A JSON object as UTF-8 bytes, on one line.
    """

    epoch: int
    seq: int
    kind: EntryKind
    data: bytes = b"{}"

    @property
    def place(self) -> Place:
        """Its position in the log."""
        return self.epoch, self.seq


def encode_json(value: Any) -> bytes:
    """Return *value* as the JSON of an entry: UTF-8 on one line, lone surrogates replaced."""
    return utf8(_to_json(value))


def storable(text: str) -> str:
    """Return *text* so that every database can store it: U+FFFD for NUL and lone surrogates."""
    return mend(text).replace("\0", REPLACEMENT)


def delta_of(pieces: Iterable[Piece], position: int | None = None) -> bytes | None:
    """Return the data of the delta for what one event added, or None if it added nothing.

    ::

        {"text": "Hel"}                                    a piece of the text
        {"reasoning": "First"}  {"refusal": "I cannot"}    and of the texts beside it
        {"call": "call_1", "name": "f", "arguments": "{"}  a piece of a function call
        {"text": "Hel", "choice": 1}                       of a choice other than number 0
        {"pieces": [{"text": "a"}, {"text": "b"}]}         several at once
        {"text": "Hel", "n": 7}                            the position to resume the answer from

    Args:
        pieces: The pieces of the event. Those of audio and images are left out.
        position: The position of the bookmark after the event, if the answer can be resumed.
    """
    told = [as_told for piece in pieces if (as_told := _told(piece)) is not None]
    if not told:
        return None
    data: dict[str, Any] = told[0] if len(told) == 1 else {"pieces": told}
    if position is not None:
        data["n"] = position
    return encode_json(data)


def _told(piece: Piece) -> dict[str, Any] | None:
    if piece.kind in TEXTS:
        told: dict[str, Any] = {piece.kind: storable(piece.text)}
    elif piece.kind == "call":
        told = {"call": piece.call_id, "name": piece.name, "arguments": piece.text}
    else:
        return None
    if piece.choice:
        told["choice"] = piece.choice
    return told


def pieces_of(data: dict[str, Any]) -> Sequence[Piece]:
    """Return the pieces in the parsed data of a delta."""
    return [_piece(told) for told in data.get("pieces") or [data]]


def _piece(told: dict[str, Any]) -> Piece:
    choice = told.get("choice", 0)
    if "call" in told:
        return Piece("call", choice, told["arguments"], told["call"], told["name"])
    kind = next(kind for kind in TEXTS if kind in told)
    return Piece(kind, choice, told[kind])


def cursor_of(place: Place, *, is_end: bool = False) -> str:
    """Return the id of the frame of an entry, with which a reader can reconnect."""
    return f"{place[0]}-{place[1]}" + ("-end" if is_end else "")


def read_cursor(text: str | None) -> tuple[Place, bool]:
    """Return the place of a reader's cursor, and whether the reader has seen the end.

    A cursor is untrusted. If it is missing or did not come from a relay, it means the beginning.
    """
    found = _CURSOR.fullmatch(text or "")
    if found is None:
        return START, False
    return (int(found[1]), int(found[2])), found[3] is not None
