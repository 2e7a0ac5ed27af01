"""The names of events that came without one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def name_of(payload: Mapping[str, Any]) -> str:
    """Return the wire name for a payload that came without one, from its `object` and `status`.

    Servers that leave out the names send an object whenever its status changes.
    """
    kind = str(payload["object"])
    if kind == "thread":
        return "thread.created"
    status = payload.get("status")
    return f"{kind}.{status}" if isinstance(status, str) and not kind.endswith(".delta") else kind
