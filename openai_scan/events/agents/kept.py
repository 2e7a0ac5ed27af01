"""Which messages of an agent are drafts: what it says on the way to its answer."""

from __future__ import annotations

from typing import Any

from openai_scan.events.agents.base import BringsItem
from openai_scan.events.agents.growing import in_one_form
from openai_scan.events.agents.items import SessionMessage
from openai_scan.events.base import Event
from openai_scan.events.kept import Kept
from openai_scan.events.phases import DRAFT, FINAL


class AgentsKept(Kept):
    """Tells drafts from the answer. The server keeps the session, so nothing is sent back."""

    def __init__(self) -> None:
        self._drafts: set[str] = set()  # the ids of messages
        self._finals: set[str] = set()

    def take(self, event: Event, repeat: object) -> bool:  # noqa: ARG002 - no event repeats
        self.drafts_changed = False
        id = getattr(event, "item_id", "")
        if isinstance(event, BringsItem):
            item = in_one_form(event.item)
            if isinstance(item, SessionMessage):
                id = item.id or ""
                self._take_phase(id, item.phase)
        self.drafting = id not in self._finals if self._finals else id in self._drafts
        return False

    def _take_phase(self, id: str, phase: str | None) -> None:
        """Note whether a message is a draft; one without a phase stays what it was."""
        if phase == DRAFT:
            self.drafts_changed = id not in self._drafts
            self._drafts.add(id)
        elif phase == FINAL:
            self.drafts_changed = id not in self._finals
            self._finals.add(id)

    def as_sent(self, answer: Any, choice: int) -> list[dict[str, Any]]:  # noqa: ARG002 - see above
        return []

    def final_text(self, answer: Any) -> str:
        text: str = answer.final_text
        return text
