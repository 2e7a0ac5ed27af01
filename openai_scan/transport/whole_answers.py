"""Turn a whole answer, sent instead of a stream, into the events of that stream."""

from __future__ import annotations

from openai_scan import bounded_json
from openai_scan.events.error import is_error
from openai_scan.events.whole import from_body
from openai_scan.sse import RawEvent


def as_stream(body: bytes) -> list[RawEvent]:
    """Return the events of the whole answer *body*.

    The list is empty for an error, and for anything unknown; `refusals.mismatch()` explains those.
    """
    try:
        payload = bounded_json.loads(body)
    except ValueError:
        return []
    return [] if is_error(payload) else from_body(payload)
