"""One event off the wire."""

from __future__ import annotations

from attrs import frozen


@frozen(slots=False)  # so that the tokenizer can set all fields at once
class RawEvent:
    """One event off the wire: what a blank line dispatches.

    Attributes:
        type: The event type; `"message"` if the stream named none.
        data: The data lines, joined by LF.
        last_event_id: The stream's last event ID as it stood at the dispatch.
    """

    type: str
    data: str
    last_event_id: str = ""
