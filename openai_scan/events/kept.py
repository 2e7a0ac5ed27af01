"""What the next request needs of an answer beyond its typed form.

Servers expect an answer back as they sent it, with keys that no class here has: Gemini puts the
signature of its reasoning beside each call, and DeepSeek wants its reasoning back. A `Kept` keeps
these keys while the events arrive. The texts are already in the fold, so they are not kept again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import Enum
from typing import Any

import attrs

from openai_scan.events.base import Event
from openai_scan.events.decoding.records import KEY
from openai_scan.values import UnknownObject

EMPTY: tuple[Any, ...] = (None, "", [], {}, ())
"""The values that say no more than a missing key does."""


class Kept(ABC):
    """Keeps what is needed to send an answer back; one for each answer.

    Attributes:
        drafting: Whether the text of the last event is not part of the final answer.
        drafts_changed: Whether text that came before the last event turned out not to be.
    """

    drafting: bool = False
    drafts_changed: bool = False

    @abstractmethod
    def take(self, event: Event, repeat: object) -> bool:
        """Take an event of the family; it never raises.

        Args:
            event: The event.
            repeat: What the event is a repetition of, see `Repeats.last`, or None.

        Returns:
            Whether the next events of this form have to be taken as well. If not, they may take the
            short way, on which they only add text.
        """

    @abstractmethod
    def as_sent(self, answer: Any, choice: int) -> list[dict[str, Any]]:
        """Return *answer* as the next request needs it, as plain JSON values.

        Args:
            answer: The answer, as its fold returns it.
            choice: The number of the choice to continue with.

        Raises:
            ValueError: There is no such choice.
        """

    def final_text(self, answer: Any) -> str:
        """Return the text of *answer* without the remarks on the way to it."""
        text: str = answer.text
        return text


def as_json(value: Any) -> Any:
    """Return *value* as JSON values that share no list and no dict with it.

    An object of an unknown kind is as the server sent it.
    """
    if isinstance(value, UnknownObject):
        value = value.payload
    if isinstance(value, Mapping):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if attrs.has(type(value)):
        items = {
            one.metadata.get(KEY, one.name): getattr(value, one.name)
            for one in attrs.fields(type(value))
        }
        return {name: as_json(item) for name, item in items.items() if item is not None}
    return value.value if isinstance(value, Enum) else value


def filled(sent: Any, other: Any) -> Any:
    """Return *sent* with what it lacks and *other* has: another report of the same thing.

    A key that only *sent* has is kept. A text is replaced only by one that goes on, or by one where
    *sent* has no text.
    """
    if sent in EMPTY:
        return sent if other in EMPTY else other
    if isinstance(sent, dict) and isinstance(other, dict):
        more = {key: item for key, item in other.items() if item not in EMPTY}
        return {**sent, **{key: filled(sent.get(key), item) for key, item in more.items()}}
    if isinstance(sent, list) and isinstance(other, list):
        both = [filled(a, b) for a, b in zip(sent, other, strict=False)]
        return [*both, *sent[len(both) :], *other[len(both) :]]
    if isinstance(other, str) and other.startswith(sent if isinstance(sent, str) else ""):
        return other
    return sent
