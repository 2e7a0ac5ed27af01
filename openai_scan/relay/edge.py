"""What the encodings for other clients share: how an answer ended, and which calls it has.

These clients only know their own words. So an answer that is not whole is an error to them, with a
message of ours; the upstream server's words never leave the relay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from attrs import frozen

from openai_scan.values import Piece

_ORDER: Sequence[Literal["reasoning", "text", "refusal"]] = ("reasoning", "text", "refusal")

REPLACED = "The text so far is replaced by another one: read the answer from its beginning."
LATER = "The answer cannot be read now: retry later."

_SAID: Mapping[str, str] = {
    "cancelled": "The answer was stopped.",
    "failed": "The answer has failed.",
    "incomplete": "The answer is incomplete.",
}

# Finish reasons of Responses, as Chat Completions calls them.
_FINISH_REASONS: Mapping[str, str] = {
    "content_filter": "content_filter",
    "function_call": "tool_calls",
    "length": "length",
    "max_output_tokens": "length",
    "stop": "stop",
    "tool_calls": "tool_calls",
}


def finish_reason_of(end: Mapping[str, Any]) -> str | None:
    """Return why an answer ended, in the words of Chat Completions; None if it is not whole.

    An answer cut off by a token limit or a content filter counts as whole here, because it has all
    that the server sent.

    Args:
        end: The data of an entry `done`.
    """
    reason = _FINISH_REASONS.get(end.get("finish_reason") or "")
    match end["status"]:
        case "completed":
            return reason or "stop"
        case "requires_action":
            return "tool_calls"
        case "incomplete" if reason in ("length", "content_filter") and "error" not in end:
            return reason
    return None


def said_of(end: Mapping[str, Any]) -> str:
    """Return the message for an answer that is not whole."""
    return _SAID[end["status"]]


def pieces_of_texts(texts: Mapping[str, str]) -> list[Piece]:
    """Return texts by kind as pieces, in the order in which models write them."""
    return [Piece(kind, text=texts[kind]) for kind in _ORDER if texts.get(kind)]


class SentTexts:
    """The texts of the first choice that readers have received, by kind."""

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}

    def take(self, pieces: Iterable[Piece]) -> None:
        """Add pieces of an answer."""
        for piece in pieces:
            if piece.kind in _ORDER and not piece.choice:
                self._texts.setdefault(piece.kind, []).append(piece.text)

    def reset(self, texts: Mapping[str, str]) -> list[Piece] | None:
        """Note that *texts*, by kind, replace what readers have received.

        Returns:
            What to add to what they have received; None if adding is not enough.
        """
        before = {kind: "".join(parts) for kind, parts in self._texts.items()}
        self._texts = {kind: [text] for kind, text in texts.items()}
        if not all(texts.get(kind, "").startswith(text) for kind, text in before.items()):
            return None
        return pieces_of_texts(
            {kind: text.removeprefix(before.get(kind, "")) for kind, text in texts.items()}
        )


@frozen
class SentCall:
    """A call that readers have received.

    Attributes:
        index: Its index among the calls of its choice.
        is_new: Whether this is its first piece.
    """

    index: int
    is_new: bool


class SentCalls:
    """The calls that readers have received, piece by piece.

    A piece may arrive before the id or the name of its call is known. Then this call, and each one
    that begins after it, is only sent at the end, when everything is known.
    """

    def __init__(self) -> None:
        self._indexes: dict[tuple[int, str], int] = {}
        self._is_late = False

    def take(self, piece: Piece) -> SentCall | None:
        """Register a piece of a call. Return None if it must not be sent now."""
        key = piece.choice, piece.call_id
        index = self._indexes.get(key)
        if index is not None:
            return SentCall(index, is_new=False)
        if self._is_late or not piece.call_id or not piece.name:
            self._is_late = True
            return None
        return SentCall(self._add(key), is_new=True)

    def left(self, end: Mapping[str, Any]) -> list[tuple[int, Mapping[str, Any]]]:
        """Return the calls that readers have not received, each with its index.

        Args:
            end: The data of an entry `done`.
        """
        known = {id for _, id in self._indexes}
        calls = [call for call in end.get("calls", ()) if call["id"] not in known]
        return [(self._add((0, call["id"])), call) for call in calls]

    def _add(self, key: tuple[int, str]) -> int:
        index = sum(choice == key[0] for choice, _ in self._indexes)
        self._indexes[key] = index
        return index
