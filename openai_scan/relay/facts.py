"""How an answer ended: as stored in the log, in the row and in the last frame.

::

    status          one word; see `Status`
    error           the name of an error class, or one of the words below
    finish_reason   the server's word
    usage           token counts: input, output, total, cached, reasoning
    calls           the function calls: id, name, arguments
    cancel          true if upstream may still work on the answer for nothing; only in the log

    Shutdown        the process that read the answer was stopped
    WorkerLost      the process that read the answer has died
    LogLost         the log has lost the stream
    GaveUp          each process that worked on the job has died
    TooLong         the answer is longer than the limit

An error is reduced to the name of its class: its message may contain the server's words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from openai_scan.events import Outcome
from openai_scan.relay.store import Status, StoredMessage
from openai_scan.values import Answer

STATUSES: Mapping[Outcome, Status] = {
    "completed": "completed",
    "incomplete": "incomplete",
    "requires_action": "requires_action",
    "failed": "failed",
    "truncated": "incomplete",
    "timed_out": "incomplete",
    "cancelled": "cancelled",
}
"""The status of a message for each outcome of its stream."""

_OF_ROW = ("finish_reason", "usage", "calls", "error")

# Readers have got reasoning and refusal, which a row also has, as deltas.
_OF_READERS = ("status", *_OF_ROW)


def facts(
    status: Status, answer: Answer | None = None, *, error: str | None = None
) -> dict[str, Any]:
    """Return the facts of an end, without unknown ones."""
    known: dict[str, Any] = {"status": status}
    if answer is not None:
        if answer.finish_reason is not None:
            known["finish_reason"] = answer.finish_reason
        if answer.counts is not None:
            counts = attrs.asdict(answer.counts)
            known["usage"] = {key: count for key, count in counts.items() if count is not None}
        if calls := [call for call in answer.calls if call.complete]:
            if status == "completed":  # not every API reports that it waits for their outputs
                known["status"] = "requires_action"
            known["calls"] = [
                {"id": call.id, "name": call.name, "arguments": call.arguments} for call in calls
            ]
    if error is not None:
        known["error"] = error
    return known


def facts_of_row(end: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Return what a message keeps of an end besides its status and its text."""
    beside = {kind: text for kind, text in texts.items() if kind != "text"}
    return {**beside, **{key: end[key] for key in _OF_ROW if key in end}}


def facts_of_readers(end: Mapping[str, Any], message: str, *, saved: bool) -> dict[str, Any]:
    """Return the data of the last frame.

    Args:
        end: The facts of the end.
        message: The id of the message.
        saved: Whether it has been stored.
    """
    return {
        **{key: end[key] for key in _OF_READERS if key in end},
        "saved": saved,
        "message": message,
    }


def end_of(message: StoredMessage) -> dict[str, Any]:
    """Return the facts of the end of a stored answer."""
    return {
        "status": message.status,
        **{key: message.facts[key] for key in _OF_ROW if key in message.facts},
    }


def texts_of(message: StoredMessage) -> dict[str, str]:
    """Return the texts of a stored answer, by kind."""
    texts = {"text": message.text}
    return texts | {
        kind: message.facts[kind] for kind in ("reasoning", "refusal") if kind in message.facts
    }
