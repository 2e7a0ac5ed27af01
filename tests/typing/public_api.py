"""The public API as a type checker sees it: never run, only type-checked."""

from __future__ import annotations

import io
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from typing_extensions import assert_type

from openai_scan import (
    Answer,
    APIError,
    AssistantsAnswer,
    AsyncStreamerV2,
    ChatCompletion,
    ChatCompletionChunk,
    DoneEvent,
    ErrorEvent,
    Event,
    EventScanner,
    EventTokenizer,
    Outcome,
    RawEvent,
    ScanError,
    StreamerV2,
    TextReader,
    ThreadMessageDelta,
    ThreadRunCompleted,
    ThreadRunRequiresAction,
    ThreadRunStepDelta,
    UnknownAnnotation,
    UnknownEvent,
    UnknownPart,
)
from openai_scan.events.assistants import (
    AnnotationDelta,
    FunctionToolCallDelta,
    ImageFile,
    ImageFilePartDelta,
    Message,
    MessageDelta,
    RequiredAction,
    Run,
    RunStep,
    RunUsage,
    TextPartDelta,
    ToolCallsDetailsDelta,
)
from openai_scan.events.chat import CompletionUsage, ToolCallDelta, URLCitation


def the_loop(s: StreamerV2, tool_outputs: StreamerV2) -> None:
    """Read a stream as the README does."""
    while s.next():
        match s.event():
            case ThreadMessageDelta(delta=delta):
                assert_type(delta, MessageDelta)
                for part in delta.content:
                    match part:
                        case TextPartDelta(text=text) if text is not None:
                            assert_type(text.value, str | None)
                        case ImageFilePartDelta(image_file=image_file):
                            assert_type(image_file, ImageFile | None)
                        case UnknownPart(type=kind, payload=payload):
                            assert_type(kind, str)
                            assert_type(payload, Mapping[str, Any])
            case ThreadRunRequiresAction(run=run):
                assert_type(run, Run)
                s.chain(tool_outputs)
            case ThreadRunStepDelta(delta, id):
                assert_type(id, str)
                if isinstance(delta.step_details, ToolCallsDetailsDelta):
                    for call in delta.step_details.tool_calls:
                        if isinstance(call, FunctionToolCallDelta) and call.function is not None:
                            assert_type(call.function.arguments, str | None)
            case ThreadRunCompleted(run):
                assert_type(run.usage, RunUsage | None)
            case ErrorEvent(error):
                assert_type(error.message, str | None)
            case UnknownEvent(payload, error=error):
                assert_type(payload, Any)
            case DoneEvent():
                pass
    if err := s.err():
        assert_type(err, ScanError)
        raise err


def the_unwrappers(s: StreamerV2) -> None:
    """Ask all the questions: each answer may be None."""
    assert_type(s.text(), str | None)
    assert_type(s.message_delta_text(), str | None)
    assert_type(s.image_file(), ImageFile | None)
    assert_type(s.message(), Message | None)
    assert_type(s.run(), Run | None)
    assert_type(s.run_step(), RunStep | None)
    assert_type(s.required_action(), RequiredAction | None)
    assert_type(s.tool_calls(), tuple[Any, ...] | None)
    assert_type(s.usage(), Any | None)
    assert_type(s.annotations(), tuple[Any, ...] | None)


def the_rest_of_the_streamer(s: StreamerV2) -> None:
    """Use what else a streamer can do."""
    with s as same:
        assert_type(same, StreamerV2)
    for event in s:
        assert_type(event, Event)
        assert_type(event.type, str)
        assert_type(event.raw, RawEvent)
        assert_type(event.stream_error(), APIError | None)
    assert_type(s.outcome, Outcome | None)
    assert_type(s.notes, Counter[str])
    assert_type(s.events_read, int)
    assert_type(s.bytes_read, int)
    assert_type(s.text_deltas(), Iterator[str])
    assert_type(s.read(), bytes)
    assert_type(s.read(10), bytes)
    assert_type(s.read(None), bytes)
    assert_type(s.reader(), TextReader)
    s.tee(sys.stdout.buffer)
    s.tee(io.BytesIO())
    s.chain([b"data: [DONE]\n\n"])
    s.cancel()
    s.close()
    shutil.copyfileobj(s, sys.stdout.buffer)
    lines = io.TextIOWrapper(io.BufferedReader(s.reader()), encoding="utf-8")
    assert_type(lines.readline(), str)


def the_sources(path: Path) -> None:
    """Pass all kinds of sources; the type checker rejects anything else."""
    StreamerV2([b"a", b"b"], max_event_bytes=1024, strict=True, require_terminal=False)
    StreamerV2(chunk for chunk in (b"a", b"b"))
    StreamerV2(path.open("rb"))
    StreamerV2(path.open("rb", buffering=0))
    StreamerV2(io.BytesIO(b"a"))
    StreamerV2("text")  # type: ignore[arg-type] # text is not a source
    StreamerV2(path.open())  # type: ignore[arg-type] # nor is a text file


def the_wire() -> None:
    """Use the tokenizer and the scanner by themselves."""
    tokenizer = EventTokenizer(max_event_bytes=1024)
    for raw in tokenizer.feed(b"data: 1\n\n"):
        assert_type(raw, RawEvent)
        assert_type(raw.data, str)
    assert_type(tokenizer.last_event_id, str)
    assert_type(tokenizer.reconnection_time, int | None)
    scanner = EventScanner([b"data: 1\n\n"])
    assert_type(scanner.next(), bool)
    assert_type(scanner.event(), RawEvent)
    assert_type(scanner.err(), ScanError | None)


def the_classes_of_a_stream(
    any_stream: StreamerV2,
    chat: StreamerV2[ChatCompletionChunk | DoneEvent, ChatCompletion],
    run: StreamerV2[ThreadMessageDelta | ThreadRunStepDelta | DoneEvent, AssistantsAnswer],
    waiting: AsyncStreamerV2[ChatCompletionChunk | DoneEvent, ChatCompletion],
) -> None:
    """A stream says which events and which answer it has, and all that follows from these."""
    assert_type(any_stream, StreamerV2[Event, Answer])
    assert_type(StreamerV2([b""]), StreamerV2[Event, Answer])
    assert_type(any_stream.event(), Event)
    assert_type(any_stream.final(), Answer)
    assert_type(chat.event(), ChatCompletionChunk | DoneEvent)
    assert_type(chat.final(), ChatCompletion)
    assert_type(chat.snapshot(), ChatCompletion | None)
    assert_type(chat.usage(), CompletionUsage | None)
    assert_type(chat.tool_calls(), tuple[ToolCallDelta, ...] | None)
    assert_type(chat.annotations(), tuple[URLCitation | UnknownAnnotation, ...] | None)
    assert_type(run.usage(), RunUsage | None)
    assert_type(run.annotations(), tuple[AnnotationDelta, ...] | None)
    assert_type(run.final(), AssistantsAnswer)
    assert_type(waiting.event(), ChatCompletionChunk | DoneEvent)
    for event in chat:
        assert_type(event, ChatCompletionChunk | DoneEvent)
    any_stream = chat
    any_stream.chain(run)
    chat.chain([b""])
    chat.chain_from(_next_of)


async def awaited(
    waiting: AsyncStreamerV2[ChatCompletionChunk | DoneEvent, ChatCompletion],
) -> None:
    """What reads is awaited, and has the same types."""
    assert_type(await waiting.final(), ChatCompletion)
    assert_type(await waiting.final_as(int), int)
    assert_type(await waiting.messages(), list[dict[str, Any]])
    async for event in waiting:
        assert_type(event, ChatCompletionChunk | DoneEvent)
    async for text in waiting.text_deltas():
        assert_type(text, str)


def _next_of(
    stream: StreamerV2[ChatCompletionChunk | DoneEvent, ChatCompletion], outcome: Outcome
) -> Outcome:
    assert_type(stream.final(), ChatCompletion)
    return outcome
