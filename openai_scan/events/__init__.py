"""Raw events in, typed events out.

The event classes of all APIs can be imported from here too. The module of an API is loaded when one
of its names is first used.
"""

from __future__ import annotations

from typing import Any

from openai_scan.events.base import (
    DONE,
    DoneEvent,
    ErrorEvent,
    Event,
    Fold,
    Outcome,
    StreamPart,
    UnknownEvent,
)
from openai_scan.events.error import Error
from openai_scan.events.families import decode, event_class
from openai_scan.events.folds import fold
from openai_scan.events.glued import unglue
from openai_scan.events.whole import from_answer

__all__ = [
    "DONE",
    "DoneEvent",
    "Error",
    "ErrorEvent",
    "Event",
    "Fold",
    "Outcome",
    "StreamPart",
    "UnknownEvent",
    "decode",
    "fold",
    "from_answer",
    "unglue",
]


def __getattr__(name: str) -> Any:
    """Return an event class, and load the module of its API."""
    found = event_class(name)
    if found is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return found
