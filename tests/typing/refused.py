"""Programs that a type checker has to refuse: never run, only type-checked.

Each line with an error says so. If a checker takes the line, it reports that the comment is not
needed.
"""

from __future__ import annotations

import io

from typing_extensions import assert_never

from openai_scan import (
    AsyncAzureClient,
    AsyncClient,
    AsyncStreamerV2,
    AzureClient,
    ChatCompletion,
    ChatCompletionChunk,
    ChatEvent,
    Client,
    DoneEvent,
    ErrorEvent,
    ResponseAnswer,
    ResponseCompleted,
    ResponseEvent,
    StreamerV2,
    ThreadRunCompleted,
    UnknownEvent,
    run_tools,
)
from openai_scan.events.responses import (
    OutputContent,
    OutputItem,
    OutputTextContent,
    ReasoningTextContent,
    RefusalContent,
)


def an_event_is_left_out(event: ChatEvent) -> None:
    """An error in the stream can come at any time."""
    match event:
        case ChatCompletionChunk() | DoneEvent() | UnknownEvent():
            pass
        case _:
            assert_never(event)  # type: ignore[arg-type] # an ErrorEvent


def one_of_many_events_is_left_out(event: ResponseEvent) -> None:
    """It does not help that most are there."""
    if not isinstance(event, DoneEvent | ErrorEvent | UnknownEvent | ResponseCompleted):
        assert_never(event)  # type: ignore[arg-type] # more than fifty others


def an_unknown_kind_is_left_out(item: OutputItem, part: OutputContent) -> None:
    """New kinds come without a new version of this package."""
    show(item["type"])  # type: ignore[index] # it is never a dict
    match part:
        case OutputTextContent() | RefusalContent() | ReasoningTextContent():
            pass
        case _:
            assert_never(part)  # type: ignore[arg-type] # an UnknownPart


def no_event_has_all_fields(chat: StreamerV2[ChatEvent, ChatCompletion], client: Client) -> None:
    """What only one class has needs a look at the class first."""
    show(chat.event().choices)  # type: ignore[union-attr]
    show(client.create_response_stream().event().delta)  # type: ignore[union-attr]
    show(StreamerV2([b""]).event().choices)  # type: ignore[attr-defined]


def an_answer_has_the_fields_of_its_api(client: Client) -> None:
    """A response has no choices, and a completion no output."""
    response = client.create_response_stream(model="m", input="i")
    show(response.final().choices)  # type: ignore[attr-defined]
    chat = client.create_chat_completion_stream(model="m", messages=[])
    show(chat.final().response)  # type: ignore[attr-defined]
    show(chat.snapshot().choices)  # type: ignore[union-attr] # there may be none yet
    show(chat.usage().total_tokens)  # type: ignore[union-attr] # there may be none
    answer: ResponseAnswer = chat.final()  # type: ignore[assignment]
    show(answer)


def a_stream_is_not_one_of_another_api(
    chat: StreamerV2[ChatEvent, ChatCompletion], any_stream: StreamerV2
) -> None:
    """A function that takes one kind of stream is given that kind."""
    of_responses(chat)  # type: ignore[arg-type]
    of_responses(any_stream)  # type: ignore[arg-type] # it may be of any API
    waiting: AsyncStreamerV2[ChatEvent, ChatCompletion] = chat  # type: ignore[assignment]
    show(waiting)


def of_responses(stream: StreamerV2[ResponseEvent, ResponseAnswer]) -> None:
    """Take the stream of a response."""
    while stream.next():
        show(stream.event().sequence_number)  # type: ignore[union-attr] # [DONE] has none


def arguments_are_checked(client: Client) -> None:
    """Arguments have names and types, and some are needed."""
    client.create_chat_completion_stream(messages=[])  # type: ignore[call-arg] # no model
    client.create_chat_completion_stream(model="m", messages=[], temprature=1)  # type: ignore[call-arg]
    client.create_chat_completion_stream(model="m", messages=[], n="2")  # type: ignore[arg-type]
    client.create_run_stream(assistant_id="a")  # type: ignore[call-arg] # on which thread?
    client.create_thread_and_run_stream(assistant_id="a", thread="t")  # type: ignore[arg-type]
    client.submit_tool_outputs_stream("t", "r", ["42"])  # type: ignore[list-item]


def objects_are_checked(client: Client) -> None:
    """An argument that the API takes as an object is one, and so is each of a list."""
    client.create_chat_completion_stream(model="m", messages=["Hi"])  # type: ignore[list-item]
    client.create_response_stream(model="m", input="i", text="json")  # type: ignore[arg-type]
    client.create_agent_session_stream(environment="none")  # type: ignore[arg-type]
    client.send_agent_session_events("s", ["Hi"])  # type: ignore[list-item]


def text_is_no_source() -> None:
    """A stream is bytes."""
    StreamerV2("data: [DONE]")  # type: ignore[arg-type]
    StreamerV2(io.StringIO("data: [DONE]"))  # type: ignore[arg-type]
    StreamerV2([b""]).chain("data: [DONE]")  # type: ignore[arg-type]


async def _token() -> str:
    return "token"


def a_key_is_text_or_returns_text() -> None:
    """Only an asynchronous client awaits what a callable returns."""
    AsyncClient(_token)
    AsyncAzureClient(ad_token=_token)
    Client(_token)  # type: ignore[arg-type]
    AzureClient(ad_token=_token)  # type: ignore[arg-type]
    AsyncClient(lambda: b"token")  # type: ignore[arg-type]
    Client(1)  # type: ignore[arg-type]


def a_payload_is_not_another(event: ThreadRunCompleted) -> None:
    """The payload has a name of its own."""
    show(event.message)  # type: ignore[attr-defined]


def show(value: object) -> None:
    """Represents whatever a program does with a value."""


def a_client_goes_on_with_its_own_streams(
    client: Client,
    awaiting: AsyncClient,
    blocks: StreamerV2[ChatEvent, ChatCompletion],
    awaits: AsyncStreamerV2[ChatEvent, ChatCompletion],
) -> None:
    """One that blocks and one that awaits cannot be mixed."""
    run_tools(client, awaits, [])  # type: ignore[call-overload]
    run_tools(awaiting, blocks, [])  # type: ignore[call-overload]
    run_tools(client, blocks, [], concurrent=True)  # type: ignore[call-overload]
    AsyncClient("k", wire="curl")  # type: ignore[arg-type]
