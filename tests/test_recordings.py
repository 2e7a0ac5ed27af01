"""Real streams, byte for byte as servers sent them: read whole, understood, and judged right."""

from __future__ import annotations

import contextlib
import fnmatch
import io
import shutil

import pytest
import recordings

from openai_scan import (
    InternalServerError,
    ScanError,
    StreamerV2,
    ThreadMessageCompleted,
    TruncatedStreamError,
    UnknownEvent,
)
from openai_scan.events.assistants import TextPart

pytestmark = pytest.mark.unmeasured

NO_DONE = {"missing_done": 1}

# The recording, its events, its outcome, the notes, and how many characters of text came.
RUNS: dict[str, tuple[int, str, dict[str, int], int]] = {
    # OpenAI's own API.
    "openai/Assistants_FileSearchStreamingWorks.3.sse": (24, "completed", {}, 54),
    "openai/Assistants_StreamingRunWorks.2.sse": (44, "completed", {}, 139),
    "openai/Assistants_StreamingToolCall-.1.sse": (10, "requires_action", {}, 0),
    "openai/Assistants_StreamingToolCall-.2.sse": (51, "completed", {}, 212),
    # LiteLLM wraps each event, sends [DONE], and reports its errors nested and unnamed.
    "servers/litellm_assistants_run_500.sse": (4, "failed", {}, 0),
    "servers/litellm_assistants_run_drop.sse": (20, "failed", {}, 240),
    "servers/litellm_assistants_run_long.sse": (856, "completed", {}, 16892),
    "servers/litellm_assistants_run_slow.sse": (24, "completed", {}, 49),
    "servers/litellm_assistants_run_stall.sse": (15, "completed", {}, 71),
    "servers/litellm_assistants_run_text.sse": (16, "completed", {}, 88),
    "servers/litellm_assistants_run_tool.sse": (9, "requires_action", {}, 0),
    # open-assistant-api ends its lines with CRLF and never sends `done`; where the model behind
    # it failed, it cuts the connection and says nothing.
    "servers/oaa_run_clientcut.sse": (5, "truncated", {}, 0),
    "servers/oaa_run_long.sse": (855, "completed", NO_DONE, 16892),
    "servers/oaa_run_slow.sse": (23, "completed", NO_DONE, 49),
    "servers/oaa_run_stall.sse": (14, "completed", {"comment": 1, **NO_DONE}, 71),
    "servers/oaa_run_text.sse": (15, "completed", NO_DONE, 88),
    "servers/oaa_run_tools.sse": (8, "requires_action", NO_DONE, 0),
    "servers/oaa_run_unicode.sse": (30, "truncated", {}, 23),
    "servers/oaa_run_upstream429.sse": (3, "truncated", {}, 0),
    "servers/oaa_run_upstream500.sse": (3, "truncated", {}, 0),
    "servers/oaa_run_upstreamdrop.sse": (18, "truncated", {}, 220),
    "servers/oaa_run_usage.sse": (16, "completed", NO_DONE, 88),
    "servers/oaa_run_utf8.sse": (76, "completed", NO_DONE, 66),
    "servers/oaa_submit_tool_outputs.sse": (10, "completed", NO_DONE, 38),
}

ERRORS: dict[str, type[ScanError]] = {
    "truncated": TruncatedStreamError,
    "failed": InternalServerError,
}

# Other people's recordings are not everywhere.
HERE = [name for name in RUNS if name in recordings.ALL]


def test_table_names_all_runs() -> None:
    """None of our recordings of an Assistants run is left out of the table."""
    patterns = (
        "servers/litellm_assistants_run_*.sse",
        "servers/oaa_run_*.sse",
        "servers/oaa_submit_*.sse",
    )
    found = {name for pattern in patterns for name in fnmatch.filter(recordings.OWN, pattern)}
    assert {name for name in RUNS if name.startswith("servers/")} == found


@pytest.mark.parametrize("size", [1, 1000, 1_000_000])
@pytest.mark.parametrize("name", HERE)
def test_recording(name: str, size: int) -> None:
    """Every event has its class, the end is judged right, and the text is the message's own."""
    data = recordings.ALL[name]
    s = StreamerV2([data[at : at + size] for at in range(0, len(data), size)])
    events = []
    text = ""
    while s.next():
        events.append(s.event())
        text += s.message_delta_text() or ""
    assert not [event for event in events if isinstance(event, UnknownEvent)]
    assert (len(events), s.outcome, dict(s.notes), len(text)) == RUNS[name]
    assert type(s.err()) is ERRORS.get(str(s.outcome), type(None))
    for event in events:
        if isinstance(event, ThreadMessageCompleted):
            parts = event.message.content
            assert "".join(part.text.value for part in parts if isinstance(part, TextPart)) == text


@pytest.mark.parametrize("name", HERE)
def test_recording_as_text(name: str) -> None:
    """Read as a file, a recording is the same text, in UTF-8, before the error if there is one."""
    file = io.BytesIO()
    s = StreamerV2([recordings.ALL[name]])
    with contextlib.suppress(*ERRORS.values()):
        shutil.copyfileobj(s, file)
    assert len(file.getvalue().decode()) == RUNS[name][3]


@pytest.mark.parametrize("name", HERE)
def test_recording_is_strictly_right(name: str) -> None:
    """No recorded payload breaks its class, so `strict=True` changes nothing."""
    s = StreamerV2([recordings.ALL[name]], strict=True)
    while s.next():
        pass
    assert s.outcome == RUNS[name][1]
