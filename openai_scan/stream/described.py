"""One line about a stream, for whoever sees it in a debugger or at a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openai_scan.stream.machine import StreamMachine


def described(machine: StreamMachine) -> str:
    """Return what was asked for, of which API the answer is, how far it has come, how it ended.

    Nothing of the answer is in it, and of the request only what a log may show as well::

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
    return f"{what}: {family}{machine.events_read} events, {machine.bytes_read} bytes, {end}"
