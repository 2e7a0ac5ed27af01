"""The streams of the client as a type checker sees them: never run, only type-checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import assert_never, assert_type

from openai_scan import (
    AgentEvent,
    AgentsAnswer,
    AssistantEvent,
    AssistantsAnswer,
    AsyncClient,
    AsyncStreamerV2,
    ChatCompletion,
    ChatCompletionChunk,
    ChatEvent,
    Client,
    Completion,
    CompletionAnswer,
    CompletionEvent,
    DoneEvent,
    ErrorEvent,
    ImageEvent,
    ImagesAnswer,
    Page,
    ResponseAnswer,
    ResponseEvent,
    Speech,
    SpeechAudioDelta,
    SpeechAudioDone,
    SpeechEvent,
    StreamerV2,
    Transcript,
    TranscriptEvent,
    UnknownEvent,
    UnknownObject,
    UnknownPart,
    UnknownToolCall,
    run_tools,
)
from openai_scan.client.models import Model
from openai_scan.events.agents import TokenUsage
from openai_scan.events.agents.base import PartOfCall as PartOfAgentsCall
from openai_scan.events.assistants import (
    AnnotationDelta,
    CodeInterpreterTool,
    CodeInterpreterToolCall,
    FileSearchTool,
    FileSearchToolCall,
    FunctionTool,
    FunctionToolCall,
    RunUsage,
    Tool,
    ToolCall,
)
from openai_scan.events.assistants.base import PartOfCall as PartOfAssistantsCall
from openai_scan.events.audio import SpeechUsage, TranscriptUsage
from openai_scan.events.chat import CompletionUsage, ToolCallDelta
from openai_scan.events.completions import CompletionUsage as OldUsage
from openai_scan.events.images import ImagesUsage
from openai_scan.events.responses import (
    Annotation,
    OutputContent,
    OutputItem,
    OutputTextContent,
    ReasoningTextContent,
    RefusalContent,
    ResponseUsage,
)
from openai_scan.events.responses.base import PartOfCall


def the_streams(client: Client) -> None:
    """Each method names the events and the answer of its API."""
    chat = client.create_chat_completion_stream(model="m", messages=[])
    assert_type(chat, StreamerV2[ChatEvent, ChatCompletion])
    assert_type(run_tools(client, chat, []), StreamerV2[ChatEvent, ChatCompletion])
    completion = client.create_completion_stream(model="m", prompt="p")
    assert_type(completion, StreamerV2[CompletionEvent, CompletionAnswer])
    response = client.create_response_stream(model="m", input="i")
    assert_type(response, StreamerV2[ResponseEvent, ResponseAnswer])
    assert_type(
        client.retrieve_response_stream("resp_1"), StreamerV2[ResponseEvent, ResponseAnswer]
    )
    assert_type(client.resume_stream({}), StreamerV2[ResponseEvent, ResponseAnswer])
    run = client.create_run_stream("thread_1", assistant_id="asst_1")
    assert_type(run, StreamerV2[AssistantEvent, AssistantsAnswer])
    run.chain(client.submit_tool_outputs_stream("thread_1", "run_1", []))
    session = client.create_agent_session_stream(environment={"type": "none"}, input="i")
    assert_type(session, StreamerV2[AgentEvent, AgentsAnswer])
    assert_type(run_tools(client, session, []), StreamerV2[AgentEvent, AgentsAnswer])
    session.chain(client.send_agent_session_events_stream("sess_1", "i"))
    session.chain(client.retrieve_agent_session_stream("sess_1"))
    session.chain(client.resume_agent_session_stream({}))
    image = client.create_image_stream(model="m", prompt="p")
    assert_type(image, StreamerV2[ImageEvent, ImagesAnswer])
    transcript = client.create_transcription_stream(model="m", file=b"")
    assert_type(transcript, StreamerV2[TranscriptEvent, Transcript])
    speech = client.create_speech_stream(model="m", input="i", voice="v")
    assert_type(speech, StreamerV2[SpeechEvent, Speech])

    assert_type(chat.usage(), CompletionUsage | None)
    assert_type(completion.usage(), OldUsage | None)
    assert_type(response.usage(), ResponseUsage | None)
    assert_type(run.usage(), RunUsage | None)
    assert_type(session.usage(), TokenUsage | None)
    assert_type(image.usage(), ImagesUsage | None)
    assert_type(transcript.usage(), TranscriptUsage | None)
    assert_type(speech.usage(), SpeechUsage | None)
    assert_type(chat.tool_calls(), tuple[ToolCallDelta, ...] | None)
    assert_type(response.tool_calls(), tuple[PartOfCall, ...] | None)
    assert_type(run.tool_calls(), tuple[PartOfAssistantsCall, ...] | None)
    assert_type(session.tool_calls(), tuple[PartOfAgentsCall, ...] | None)
    assert_type(response.annotations(), tuple[Annotation, ...] | None)
    assert_type(run.annotations(), tuple[AnnotationDelta, ...] | None)


async def the_asynchronous_streams(client: AsyncClient) -> None:
    """They have the same events and answers; what is not a stream is awaited."""
    chat = client.create_chat_completion_stream(model="m", messages=[])
    assert_type(chat, AsyncStreamerV2[ChatEvent, ChatCompletion])
    assert_type(
        run_tools(client, chat, [], concurrent=True), AsyncStreamerV2[ChatEvent, ChatCompletion]
    )
    assert_type(await chat.final(), ChatCompletion)
    response = client.create_response_stream(model="m", input="i")
    assert_type(response, AsyncStreamerV2[ResponseEvent, ResponseAnswer])
    assert_type(client.resume_stream({}), AsyncStreamerV2[ResponseEvent, ResponseAnswer])
    assert_type(await client.create_chat_completion(model="m", messages=[]), ChatCompletion)
    assert_type(await client.list_models(), Page[Model])
    async with client as same:
        assert_type(same, AsyncClient)


def every_event(
    chat: ChatEvent,
    completion: CompletionEvent,
    speech: SpeechEvent,
    response: ResponseEvent,
    session: AgentEvent,
) -> None:
    """A match that leaves no event out is complete."""
    match chat:
        case ChatCompletionChunk():
            pass
        case DoneEvent() | ErrorEvent() | UnknownEvent():
            pass
        case _:
            assert_never(chat)
    match completion:
        case Completion():
            pass
        case DoneEvent() | ErrorEvent() | UnknownEvent():
            pass
        case _:
            assert_never(completion)
    match speech:
        case SpeechAudioDelta() | SpeechAudioDone():
            pass
        case DoneEvent() | ErrorEvent() | UnknownEvent():
            pass
        case _:
            assert_never(speech)
    match response:
        case DoneEvent() | ErrorEvent() | UnknownEvent():
            pass
        case _:
            assert_type(response.sequence_number, int | None)  # every other event has one
    match session:
        case DoneEvent() | ErrorEvent() | UnknownEvent():
            pass
        case _:
            assert_type(session.event_id, str)  # likewise


def every_kind(
    part: OutputContent, annotation: Annotation, call: ToolCall, tool: Tool, item: OutputItem
) -> None:
    """A match over the kinds is complete with that of the unknown ones, and all have a type."""
    match part:
        case OutputTextContent() | RefusalContent() | ReasoningTextContent():
            pass
        case UnknownPart(type=kind, id=id):
            assert_type(kind, str)
            assert_type(id, str | None)
        case _:
            assert_never(part)
    match call:
        case CodeInterpreterToolCall() | FileSearchToolCall() | FunctionToolCall():
            pass
        case UnknownToolCall(kind):
            assert_type(kind, str)
        case _:
            assert_never(call)
    match tool:
        case CodeInterpreterTool() | FileSearchTool() | FunctionTool():
            pass
        case UnknownObject() as unknown:
            assert_type(unknown.payload, Mapping[str, Any])
        case _:
            assert_never(tool)
    kinds: list[str] = [part.type, annotation.type, call.type, tool.type, item.type]
    ids: list[str | None] = [call.id, item.id]
    assert_type((kinds, ids), tuple[list[str], list[str | None]])


def the_whole_answers(client: Client) -> None:
    """What is not streamed to the caller has a class too."""
    assert_type(client.create_chat_completion(model="m", messages=[]), ChatCompletion)
    assert_type(client.create_completion(model="m", prompt="p"), CompletionAnswer)
