"""The builders: each makes what its API sends, so it comes as the right class."""

from __future__ import annotations

from typing import Any

import pytest

from openai_scan import (
    AgentSessionIdle,
    AgentSessionTurnCreated,
    AgentSessionTurnItemAdded,
    AgentSessionTurnOutputTextDelta,
    ChatCompletionChunk,
    Completion,
    DoneEvent,
    ErrorEvent,
    ImageEditPartialImage,
    ImageGenerationPartialImage,
    ResponseInProgress,
    ResponseOutputTextDelta,
    SpeechAudioDelta,
    StreamerV2,
    ThreadCreated,
    ThreadMessageCompleted,
    ThreadMessageCreated,
    ThreadMessageDelta,
    ThreadRunCreated,
    ThreadRunFailed,
    ThreadRunStepCreated,
    TranscriptTextDelta,
)
from openai_scan.events import ResponseCompleted
from openai_scan.testing import (
    ToolCall,
    agent_answer,
    agent_calls,
    agent_event,
    agent_failure,
    agent_status,
    agent_text_delta,
    agent_turn,
    assistant_answer,
    assistant_calls,
    assistant_failure,
    chat_answer,
    chat_calls,
    chat_chunk,
    chat_usage,
    comment,
    completion_answer,
    completion_chunk,
    done,
    event,
    image_answer,
    image_partial,
    response_answer,
    response_calls,
    response_event,
    response_failure,
    response_status,
    response_text_delta,
    speech_answer,
    speech_delta,
    stream_error,
    thread_created,
    thread_done,
    thread_message,
    thread_message_delta,
    thread_run,
    transcript_answer,
    transcript_delta,
)
from openai_scan.values import Call


@pytest.mark.parametrize(
    ("sent", "cls", "text"),
    [
        (chat_chunk("Hé"), ChatCompletionChunk, "Hé"),
        (chat_chunk(), ChatCompletionChunk, None),
        (chat_usage(), ChatCompletionChunk, None),
        (completion_chunk("Hé"), Completion, "Hé"),
        (thread_created(), ThreadCreated, None),
        (thread_run("queued", name="created"), ThreadRunCreated, None),
        (thread_run("failed", last_error={"code": "c", "message": "m"}), ThreadRunFailed, None),
        (thread_message("in_progress", name="created"), ThreadMessageCreated, None),
        (thread_message("completed", "Hé"), ThreadMessageCompleted, "Hé"),
        (thread_message_delta("Hé"), ThreadMessageDelta, "Hé"),
        (event("thread.run.step.created", {"id": "s"}), ThreadRunStepCreated, None),
        (response_status("in_progress", 1), ResponseInProgress, None),
        (response_text_delta("Hé"), ResponseOutputTextDelta, "Hé"),
        (response_event("completed", 0, response={"id": "r"}), ResponseCompleted, None),
        (agent_status("idle", 0), AgentSessionIdle, None),
        (agent_turn("queued", 0, name="created"), AgentSessionTurnCreated, None),
        (agent_event("turn.item.added", 0, item={"id": "m"}), AgentSessionTurnItemAdded, None),
        (agent_text_delta("Hé"), AgentSessionTurnOutputTextDelta, "Hé"),
        (transcript_delta("Hé"), TranscriptTextDelta, "Hé"),
        (speech_delta(b"\0"), SpeechAudioDelta, None),
        (image_partial(b"\0"), ImageGenerationPartialImage, None),
        (image_partial(b"\0", edit=True), ImageEditPartialImage, None),
        (stream_error("server_error"), ErrorEvent, None),
        (done(), DoneEvent, None),
        (thread_done(), DoneEvent, None),
    ],
)
def test_an_event_is_of_its_class(sent: bytes, cls: type, text: str | None) -> None:
    """Each builder makes one event that, read strictly, has all that its class requires."""
    with StreamerV2([sent], strict=True, require_terminal=False) as s:
        assert s.next()
        assert type(s.event()) is cls
        assert s.text() == text
        assert not s.next()
        s.err()
    assert s.notes.keys() <= {"missing_done", "empty_answer"}


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (chat_answer("Hi there, you"), "Hi there, you"),
        (chat_answer(["H", "é"], usage=True), "Hé"),
        (completion_answer("Hi there"), "Hi there"),
        (assistant_answer("Hi there"), "Hi there"),
        (response_answer("Hi there"), "Hi there"),
        (agent_answer("Hi there"), "Hi there"),
        (agent_answer(["H", "é"]), "Hé"),
        (transcript_answer("Hi there"), "Hi there"),
    ],
)
def test_an_answer_is_whole(sent: list[bytes], text: str) -> None:
    """Strictly read it is complete, and nothing in it had to be tolerated."""
    with StreamerV2(sent, strict=True) as s:
        assert "".join(s.text_deltas()) == text
        assert s.outcome == "completed"
        assert s.final().text == text
    assert s.notes == {}


def test_text_comes_word_by_word() -> None:
    """A space belongs to the word after it, so that no text is lost."""
    with StreamerV2(chat_answer(" a  b\nc ")) as s:
        assert list(s.text_deltas()) == [" a", " ", " b\nc", " "]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (chat_calls, "completed"),
        (response_calls, "completed"),
        (assistant_calls, "requires_action"),
        (agent_calls, "requires_action"),
    ],
)
def test_calls_are_whole(answer: Any, outcome: str) -> None:
    """The calls come in pieces, with their arguments as JSON, or as text that is not JSON."""
    sent = answer(ToolCall("weather", {"city": "Oslo"}), ToolCall("now", "{", id="call_x"))
    with StreamerV2(sent, strict=True) as s:
        for _ in s:
            pass
        assert s.final().calls == (
            Call(id="call_1", name="weather", arguments='{"city": "Oslo"}', complete=True),
            Call(id="call_x", name="now", arguments="{", complete=False),
        )
    assert s.outcome == outcome
    assert s.notes == {}


@pytest.mark.parametrize("answer", [agent_failure, assistant_failure, response_failure])
def test_a_failure_is_an_error(answer: Any) -> None:
    """A run or a response that fails ends its stream with the error that was named."""
    with StreamerV2(answer("rate_limit_exceeded", "slow down"), strict=True) as s:
        while s.next():
            pass
        assert str(s.err()) == "slow down (code rate_limit_exceeded)"


def test_a_response_in_the_background_can_be_resumed() -> None:
    """Its events have numbers, from 0 on."""
    with StreamerV2(response_answer("Hi", background=True), strict=True) as s:
        assert [event.stream_position() for event in s] == list(range(9))
        answer: Any = s.final()
        assert answer.response.background


def test_sound_and_pictures_are_decoded() -> None:
    """What was put in comes out."""
    with StreamerV2(speech_answer(b"ab", b"c"), strict=True) as s:
        assert b"".join(s.audio() or b"" for _ in s) == b"abc"
    with StreamerV2(image_answer(b"whole", partial=[b"half"]), strict=True) as s:
        assert [s.partial_image() for _ in s] == [b"half", None]
        answer: Any = s.final()
        assert answer.images[0].data == b"whole"


def test_a_comment_is_not_an_event() -> None:
    """It only keeps the connection alive."""
    with StreamerV2([comment(), *chat_answer("Hi")]) as s:
        assert s.read() == b"Hi"
    assert s.notes == {"comment": 1}
