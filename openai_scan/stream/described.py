"""Describe a stream in one line, for a debugger or a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openai_scan.stream.machine import StreamMachine


def described(machine: StreamMachine) -> str:
    """Return the request, the API, how much has been read and how the stream ended.

    It shows nothing of the answer, and of the request only what logs show too::

        " POST /chat/completions: chat, 7 events, 1019 bytes, completed"
    """
    request = getattr(machine.current.source, "request", None)
    what = "" if request is None else f" {request.method} {request.path}"
    if not machine.started:
        return f"{what}: {machine.outcome or 'not started'}"
    end: str = machine.outcome or "not ended"
    if machine.outcome == "failed":
        end = f"failed with {type(machine.err).__name__}"
    family = f"{machine.answer.family}, " if machine.answer.family else ""
    events, size = counted(machine.events_read, "event"), counted(machine.bytes_read, "byte")
    return f"{what}: {family}{events}, {size}, {end}"


def counted(number: int, what: str) -> str:
    """Return *number* with the noun it counts, in the plural if needed."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
