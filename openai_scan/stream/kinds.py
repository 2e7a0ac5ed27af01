"""The type parameters of every streamer: its events, and its answer.

They are only for type checkers; nothing uses them while a stream is read. Both are covariant, so
that a function that accepts any `StreamerV2` also accepts the stream of a chat completion.

The protocols take the type of calls, annotations and counts from the class that declares them, so
this module needs no list of families.
"""

from __future__ import annotations

from typing import Protocol

from typing_extensions import TypeVar

from openai_scan.events import Event
from openai_scan.values import Answer

# Unbound, because the protocols below stand in for the events.
EventT = TypeVar("EventT", default=Event, covariant=True)
AnswerT = TypeVar("AnswerT", bound=Answer, default=Answer, covariant=True)
_PartT = TypeVar("_PartT", covariant=True)


class BringsCalls(Protocol[_PartT]):
    """An event that may have calls of this type."""

    def unwrap_tool_calls(self, choice: int = 0) -> tuple[_PartT, ...] | None:
        """See `Event`."""


class BringsAnnotations(Protocol[_PartT]):
    """An event that may have annotations of this type."""

    def unwrap_annotations(self, choice: int = 0) -> tuple[_PartT, ...] | None:
        """See `Event`."""


class HasUsage(Answer, Protocol[_PartT]):
    """An answer with token counts of this type."""

    @property
    def usage(self) -> _PartT | None:
        """See `Answer`."""
