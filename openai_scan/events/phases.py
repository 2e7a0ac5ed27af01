"""Tell the messages that are the answer from those on the way to it, by the phases they have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

DRAFT = "commentary"
"""The phase of a message that is not the answer but accompanies the calls before it."""

FINAL = "final_answer"
"""The phase of the answer. Once a message has it, all others are drafts."""


class _Phased(Protocol):
    @property
    def phase(self) -> str | None: ...


_PhasedT = TypeVar("_PhasedT", bound=_Phased)


def final_of(messages: Sequence[_PhasedT]) -> list[_PhasedT]:
    """Return those of *messages* that are the answer, or else all that are not drafts."""
    final = [message for message in messages if message.phase == FINAL]
    return final or [message for message in messages if message.phase != DRAFT]
