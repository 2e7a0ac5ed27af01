"""The events of Chat Completions: one class per wire name, and the match that picks it.

Made by tools/generate_types.py from OpenAI's schema and tools/overrides.py; change those.
Their bases are in base.py.

Source: https://platform.openai.com/docs/api-reference/chat-streaming
"""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import frozen

from openai_scan.events.base import Event
from openai_scan.events.chat.base import ChatEvent
from openai_scan.events.chat.objects import Choice, CompletionUsage
from openai_scan.events.decoding.structure import Structurer
from openai_scan.sse import RawEvent


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class ChatCompletionChunk(ChatEvent):
    """`chat.completion.chunk`: pieces of one or more choices, or what goes with them."""

    wire_name: ClassVar[str] = "chat.completion.chunk"

    id: str = ""
    choices: tuple[Choice, ...] = ()
    created: int | None = None  # Unix seconds
    model: str = ""
    service_tier: str | None = None
    system_fingerprint: str | None = None
    object: str = "chat.completion.chunk"
    usage: CompletionUsage | None = None
    moderation: dict[str, Any] | None = None
    prompt_filter_results: tuple[dict[str, Any], ...] = ()  # sent, but not in the schema


def decode(name: str, payload: Any, raw: RawEvent, structure: Structurer) -> Event | None:
    """Return the event that *name* stands for, or None if this version does not know it.

    Raises:
        DecodeError: The payload does not fit the event's class.
    """
    event_class: type[Event]
    match name:
        case "chat.completion.chunk":
            event_class = ChatCompletionChunk
        case _:
            return None
    return structure.event(payload, event_class, raw)
