"""The events of Completions: one class per wire name, and the match that picks it.

Made by tools/generate_types.py from OpenAI's schema and tools/overrides.py; change those.
Their bases are in base.py.

Source: https://platform.openai.com/docs/api-reference/completions
"""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import frozen

from openai_scan.events.base import Event
from openai_scan.events.completions.base import CompletionsEvent
from openai_scan.events.completions.objects import CompletionChoice, CompletionUsage
from openai_scan.events.decoding.structure import Structurer
from openai_scan.sse import RawEvent


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Completion(CompletionsEvent):
    """`text_completion`: pieces of one or more choices, or what goes with them."""

    wire_name: ClassVar[str] = "text_completion"

    id: str = ""
    choices: tuple[CompletionChoice, ...] = ()
    created: int | None = None  # Unix seconds
    model: str = ""
    system_fingerprint: str | None = None
    object: str = "text_completion"
    usage: CompletionUsage | None = None


def decode(name: str, payload: Any, raw: RawEvent, structure: Structurer) -> Event | None:
    """Return the event that *name* stands for, or None if this version does not know it.

    Raises:
        DecodeError: The payload does not fit the event's class.
    """
    event_class: type[Event]
    match name:
        case "text_completion":
            event_class = Completion
        case _:
            return None
    return structure.event(payload, event_class, raw)
