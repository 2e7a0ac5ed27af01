"""Add an event to the answer: `fold()` is the only list of the families' folds.

The fold of a family is imported with the first event of that family.
"""

from __future__ import annotations

from openai_scan.events.base import DoneEvent, Event, Fold, Note
from openai_scan.events.kept import Kept


def fold(event: Event, state: Fold | None, note: Note) -> Fold | None:
    """Add *event* to the answer.

    Args:
        event: The next event of the stream.
        state: What this function returned for the event before it, or None at the start. The
            caller must not use it afterwards.
        note: Counts each server mistake that was corrected.

    Returns:
        The fold of all events so far: *state* itself, or a new one if *event* starts a new answer.
        None if no event so far belongs to an answer.
    """
    family = event.family
    if not family:
        if state is not None:
            is_done = isinstance(event, DoneEvent)
            state.done = state.done or is_done
            state.added = state.close() if is_done else ()
        return state
    if state is None or state.family != family or (state.over and not state.spans_streams):
        state = _new_fold(family)
    state.over = False  # an answer that spans streams goes on
    state.added = state.take(event, note)
    return state


def _new_fold(family: str) -> Fold:
    match family:
        case "agents":
            from openai_scan.events.agents.snapshot import AgentsFold

            return AgentsFold()
        case "assistants":
            from openai_scan.events.assistants.snapshot import AssistantsFold

            return AssistantsFold()
        case "audio":
            from openai_scan.events.audio.snapshot import AudioFold

            return AudioFold()
        case "chat":
            from openai_scan.events.chat.fold import ChatFold

            return ChatFold()
        case "completions":
            from openai_scan.events.completions.snapshot import CompletionFold

            return CompletionFold()
        case "images":
            from openai_scan.events.images.snapshot import ImagesFold

            return ImagesFold()
        case "responses":
            from openai_scan.events.responses.snapshot import ResponseFold

            return ResponseFold()
        case _:
            raise ValueError(f"there is no fold for the family {family!r}")


def kept(fold: Fold) -> Kept | None:
    """Return what keeps the answer of *fold* for the next request; None if there is nothing."""
    match fold.family:
        case "agents":
            from openai_scan.events.agents.kept import AgentsKept

            return AgentsKept()
        case "chat":
            from openai_scan.events.chat.kept import ChatKept

            return ChatKept(fold)
        case "responses":
            from openai_scan.events.responses.kept import ResponseKept

            return ResponseKept()
        case _:
            return None
