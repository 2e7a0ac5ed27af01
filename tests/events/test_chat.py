"""Chat Completions: chunks of any dialect, what each choice answers, and how the streams end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openai_scan import (
    APIError,
    ChatCompletionChunk,
    Event,
    StreamerV2,
    TruncatedStreamError,
    UnknownAnnotation,
    UnknownEvent,
)
from openai_scan.events import Outcome, StreamPart, decode
from openai_scan.events.chat import (
    AudioDelta,
    Choice,
    ChoiceDelta,
    ChoiceLogProbs,
    CitedPage,
    CompletionTokensDetails,
    CompletionUsage,
    FunctionDelta,
    PromptTokensDetails,
    TokenLogProb,
    ToolCallDelta,
    TopLogProb,
    URLCitation,
)
from openai_scan.sse import RawEvent


def raw(payload: Any, name: str = "message") -> RawEvent:
    """Return *payload* as it comes off the wire."""
    return RawEvent(name, json.dumps(payload))


def chunk(*choices: dict[str, Any], **more: Any) -> Event:
    """Return the event for a chunk with these choices."""
    return decode(raw({"object": "chat.completion.chunk", "choices": list(choices), **more}))


def delta(index: int = 0, /, **fields: Any) -> dict[str, Any]:
    """Return a choice with these fields in its delta."""
    return {"index": index, "delta": fields, "finish_reason": None}


def data(*payloads: Any) -> bytes:
    """Return a whole stream of these payloads, without an end."""
    return b"".join(b"data: %b\n\n" % json.dumps(payload).encode() for payload in payloads)


def test_chunk_has_every_field_of_the_wire() -> None:
    """What OpenAI sends in a chunk is in the event, down to the log-probabilities."""
    sent = raw(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1700000000,
            "model": "gpt-5",
            "service_tier": "default",
            "system_fingerprint": "fp_1",
            "obfuscation": "xxxx",
            "choices": [
                {
                    "index": 0,
                    "delta": {"role": "assistant", "content": "Hi", "refusal": None},
                    "logprobs": {
                        "content": [
                            {
                                "token": "Hi",
                                "logprob": -1,
                                "bytes": [72, 105],
                                "top_logprobs": [{"token": "Hi", "logprob": -1.5, "bytes": None}],
                            }
                        ],
                        "refusal": None,
                    },
                    "finish_reason": None,
                }
            ],
            "usage": {
                "prompt_tokens": 1,
                "completion_tokens": 2,
                "total_tokens": 3,
                "prompt_tokens_details": {"cached_tokens": 1},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
        }
    )
    top = TopLogProb(token="Hi", logprob=-1.5)
    token = TokenLogProb(token="Hi", logprob=-1.0, bytes=(72, 105), top_logprobs=(top,))
    event = decode(sent)
    assert event == ChatCompletionChunk(
        id="chatcmpl-1",
        created=1700000000,
        model="gpt-5",
        service_tier="default",
        system_fingerprint="fp_1",
        choices=(
            Choice(
                delta=ChoiceDelta(role="assistant", content="Hi"),
                logprobs=ChoiceLogProbs(content=(token,)),
            ),
        ),
        usage=CompletionUsage(
            prompt_tokens=1,
            completion_tokens=2,
            total_tokens=3,
            prompt_tokens_details=PromptTokensDetails(cached_tokens=1),
            completion_tokens_details=CompletionTokensDetails(reasoning_tokens=2),
        ),
        raw=sent,
    )
    assert event.type == "chat.completion.chunk"
    assert event.raw is sent


@pytest.mark.parametrize(
    "payload",
    [
        {"choices": [], "object": "", "id": "", "model": "", "prompt_filter_results": []},
        {"choices": [{"index": 0, "content_filter_results": {}}], "object": ""},
        {"id": "c", "choices": None},
        {"id": "c", "choices": [], "usage": None},
        {"id": "c", "choices": [], "usage": {}},
        {"id": "c", "object": "chat.completion.chunk", "usage": None},
        {"id": None, "object": "chat.completion.chunk", "created": None, "model": None},
        {"choices": [{"delta": None}]},
        {"choices": [{"index": 0, "delta": {"role": None, "content": None, "tool_calls": None}}]},
    ],
    ids=json.dumps,
)
def test_chunk_without_an_answer_is_a_chunk_that_answers_nothing(payload: Any) -> None:
    """B10: if Azure, gpt-audio and others leave a field out or send null, the answer is None."""
    event = decode(raw(payload))
    assert type(event) is ChatCompletionChunk
    assert answers(event) == {}
    assert event.stream_parts() == ()


def answers(event: Event, choice: int = 0) -> dict[str, Any]:
    """Return what *event* answers, without what it does not."""
    found = {
        "text": event.unwrap_text(choice),
        "reasoning_text": event.unwrap_reasoning_text(choice),
        "refusal": event.unwrap_refusal(choice),
        "tool_calls": event.unwrap_tool_calls(choice),
        "finish_reason": event.unwrap_finish_reason(choice),
        "annotations": event.unwrap_annotations(choice),
        "audio": event.unwrap_audio(choice),
        "usage": event.unwrap_usage(),
        "partial_image": event.unwrap_partial_image(),
    }
    return {question: answer for question, answer in found.items() if answer is not None}


def test_each_choice_answers_for_itself() -> None:
    """The index of a choice, not its position in the list, tells whose text it is."""
    event = chunk(delta(1, content="one"), delta(0, content="zero"))
    assert event.unwrap_text() == "zero"
    assert event.unwrap_text(1) == "one"
    assert event.unwrap_text(2) is None


def test_sound_without_a_transcript_leaves_the_text_alone() -> None:
    """An empty text stays empty, and a missing one is None."""
    assert chunk(delta(content="", audio={"data": "QQ=="})).unwrap_text() == ""
    assert chunk(delta(audio={"data": "QQ=="})).unwrap_text() is None
    assert chunk(delta(content="", audio={"transcript": "a"})).unwrap_text() == "a"


def test_text_deltas_are_those_of_the_first_choice() -> None:
    """B32: choices in the order 1, 0, 1 neither fail nor get mixed up."""
    payloads = [
        {"choices": [delta(1, content="b1")]},
        {"choices": [delta(0, content="a1")]},
        {"choices": [delta(1, content="b2")]},
        {"choices": [{"index": 0, "finish_reason": "stop"}]},
        {"choices": [{"index": 1, "finish_reason": "stop"}]},
    ]
    assert list(StreamerV2([data(*payloads)]).text_deltas()) == ["a1"]
    stream = StreamerV2([data(*payloads)])
    assert [stream.text(1) for _ in stream] == ["b1", None, "b2", None, None]
    assert stream.outcome == "completed"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"content": "Hi"}, {"text": "Hi"}),
        ({"content": ""}, {"text": ""}),
        ({"refusal": "No."}, {"refusal": "No."}),
        ({"reasoning_content": "Hm"}, {"reasoning_text": "Hm"}),
        ({"reasoning": "Hm"}, {"reasoning_text": "Hm"}),
        ({"reasoning": "Hm", "reasoning_content": "Hm"}, {"reasoning_text": "Hm"}),
        ({"reasoning": "", "reasoning_content": None}, {}),
        (
            {"reasoning": "Hm", "reasoning_details": [{"type": "reasoning.text", "text": "Hm"}]},
            {"reasoning_text": "Hm"},
        ),
        (
            {"reasoning_details": [{"text": "H"}, {"summary": "m"}, {"data": "x"}, {"text": 5}]},
            {"reasoning_text": "Hm"},
        ),
        ({"content": "Hi", "reasoning": "Hm"}, {"text": "Hi", "reasoning_text": "Hm"}),
        (
            {
                "annotations": [
                    {"type": "url_citation", "url_citation": {"url": "u", "start_index": 1}},
                    {"type": "url_citation", "url": "u", "title": "t", "end_index": 2},
                ]
            },
            {
                "annotations": (
                    URLCitation(url_citation=CitedPage(url="u", start_index=1)),
                    URLCitation(url_citation=CitedPage(url="u", title="t", end_index=2)),
                )
            },
        ),
        (
            {"annotations": [{"type": "file"}]},
            {"annotations": (UnknownAnnotation("file", None, {"type": "file"}),)},
        ),
        ({"audio": {"id": "audio_1"}}, {}),
        ({"audio": {"transcript": "Hi"}}, {"text": "Hi"}),
        ({"audio": {"data": "AAE="}}, {"audio": b"\x00\x01"}),
        ({"audio": {"data": "AA"}}, {}),
        ({"audio": {"data": "!!!!"}}, {}),
        ({"audio": {"data": "é"}}, {}),
        ({"audio": {"expires_at": 1}}, {}),
    ],
    ids=repr,
)
def test_delta_answers(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    """Each field of a delta answers exactly one question."""
    assert answers(chunk(delta(**fields))) == expected
    assert answers(chunk(delta(**fields)), choice=1) == {}


def test_audio_delta_is_an_object() -> None:
    """Speech is typed, although the schema lacks it."""
    event = chunk(delta(audio={"id": "a", "data": "AAE=", "transcript": "Hi", "expires_at": 5}))
    assert isinstance(event, ChatCompletionChunk)
    assert event.choices[0].delta.audio == AudioDelta(
        id="a", data="AAE=", transcript="Hi", expires_at=5
    )


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            {"index": 1, "id": "c1", "type": "function", "function": {"name": "w"}},
            ToolCallDelta(index=1, id="c1", function=FunctionDelta(name="w")),
        ),
        (
            {"index": 0, "id": None, "type": None, "function": {"name": None, "arguments": "{"}},
            ToolCallDelta(index=0, function=FunctionDelta(arguments="{")),
        ),
        (
            {"function": {"arguments": {"city": "Zürich"}}},
            ToolCallDelta(function=FunctionDelta(arguments='{"city": "Zürich"}')),
        ),
        ({"id": "c1", "function": None}, ToolCallDelta(id="c1")),
        ({}, ToolCallDelta()),
    ],
    ids=repr,
)
def test_tool_call_pieces_come_as_sent(call: dict[str, Any], expected: ToolCallDelta) -> None:
    """B13, B15: indexes are kept, null and missing are None, arguments are always text."""
    assert chunk(delta(tool_calls=[call])).unwrap_tool_calls() == (expected,)


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("stop", "completed"),
        ("tool_calls", "completed"),
        ("function_call", "completed"),
        ("eos", "completed"),
        ("length", "incomplete"),
        ("content_filter", "incomplete"),
        ("abort", "cancelled"),
    ],
)
def test_finish_reason_decides_the_outcome(reason: str, outcome: Outcome) -> None:
    """Every finish reason ends its choice as completed, except known ones that mean otherwise."""
    event = chunk({"index": 0, "delta": {}, "finish_reason": reason})
    assert event.unwrap_finish_reason() == reason
    assert event.unwrap_finish_reason(1) is None
    assert event.stream_parts() == ((0, outcome),)
    stream = StreamerV2(
        [data({"choices": [delta(content="a")]}), b"data: " + event.raw.data.encode() + b"\n\n"]
    )
    assert list(stream.text_deltas()) == ["a"]
    assert stream.outcome == outcome
    assert stream.notes == {"missing_done": 1}


def test_finish_reason_of_an_error_is_an_error() -> None:
    """OpenRouter ends a choice with "error" when the provider behind it has failed."""
    stream = StreamerV2([data({"choices": [{"index": 0, "finish_reason": "error"}]})])
    assert stream.next()
    assert not stream.next()
    assert stream.outcome == "failed"
    error = stream.err()
    assert isinstance(error, APIError)
    assert str(error) == "the server ended the answer with an error, and did not say which"


@pytest.mark.parametrize("reason", ["", None], ids=repr)
def test_empty_finish_reason_ends_nothing(reason: str | None) -> None:
    """An empty finish reason counts as None."""
    event = chunk({"index": 0, "delta": {"content": "a"}, "finish_reason": reason})
    assert event.unwrap_finish_reason() is None
    assert event.stream_parts() == ((0, None),)


def test_stream_is_truncated_while_a_choice_is_under_way() -> None:
    """B1, B32: without [DONE], every choice that has begun needs a finish reason."""
    stream = StreamerV2(
        [
            data(
                {"choices": [delta(0, content="a"), delta(1, content="b")]},
                {"choices": [{"index": 0, "finish_reason": "stop"}]},
            )
        ]
    )
    assert [event.stream_parts() for event in (stream.event() for _ in iter(stream.next, False))]
    assert stream.outcome == "truncated"
    assert str(stream.err()) == "the stream ended before the answer did"


@pytest.mark.parametrize(
    "late",
    [
        {"choices": [{"index": 0, "delta": {}}], "usage": {"total_tokens": 3}},
        {"choices": [{"index": 0, "content_filter_offsets": {"check_offset": 1}}], "object": ""},
        {"choices": [], "usage": {"total_tokens": 3}},
        {"object": "chat.completion.chunk", "usage": None},
    ],
    ids=json.dumps,
)
def test_chunk_after_the_finish_reason_reopens_nothing(late: Any) -> None:
    """LiteLLM's usage and Azure's filter name a choice again that has ended."""
    parts: tuple[StreamPart, ...] = decode(raw(late)).stream_parts()
    assert parts == ()
    stream = StreamerV2([data({"choices": [{"index": 0, "finish_reason": "stop"}]}, late)])
    assert len(list(stream)) == 2
    assert stream.outcome == "completed"


def test_usage_is_reported_wherever_it_is() -> None:
    """B21: any chunk may have the usage; null and an empty object count as None."""
    stream = StreamerV2(
        [
            data(
                {"choices": [delta(content="a")], "usage": None},
                {"choices": [{"index": 0, "finish_reason": "stop"}], "usage": {"total_tokens": 3}},
                {"choices": [], "usage": {}},
            ),
            b"data: [DONE]\n\n",
        ]
    )
    assert [stream.usage() for _ in stream] == [None, CompletionUsage(total_tokens=3), None, None]


def test_error_in_a_chunk_is_an_error() -> None:
    """B5: the text before the error is delivered, and a [DONE] after it does not hide it."""
    stream = StreamerV2(
        [
            data(
                {"choices": [delta(content="a")]},
                {"error": {"message": "overloaded", "type": "server_error", "code": "503"}},
            ),
            b"data: [DONE]\n\n",
        ]
    )
    assert next(stream.text_deltas()) == "a"
    while stream.next():
        pass
    assert stream.outcome == "failed"
    assert str(stream.err()) == "overloaded (code 503)"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("created", "now"),
        ("model", 5),
        ("usage", "none"),
        ("service_tier", {}),
        ("choices", {}),
    ],
)
def test_field_of_the_wrong_type_is_left_out_and_noted(field: str, value: Any) -> None:
    """A chunk survives a field of the wrong type."""
    stream = StreamerV2([data({"object": "chat.completion.chunk", field: value})])
    assert stream.next()
    assert stream.event() == ChatCompletionChunk(raw=stream.event().raw)
    assert stream.notes == {f"skipped_field: ChatCompletionChunk $.{field}": 1}


def test_chunk_that_is_not_an_object_is_unknown() -> None:
    """An event named like a chunk, with other data, is unknown and has an error."""
    event = decode(raw([1], name="chat.completion.chunk"))
    assert isinstance(event, UnknownEvent)
    assert str(event.error) == "chat.completion.chunk: invalid value for type, expected object @ $"


def test_arguments_that_are_neither_text_nor_object_are_left_out() -> None:
    """The call itself is kept."""
    calls = [{"index": 0, "id": "c1", "function": {"name": "w", "arguments": 5}}]
    stream = StreamerV2([data({"choices": [delta(tool_calls=calls)]})])
    assert stream.next()
    assert stream.tool_calls() == (
        ToolCallDelta(index=0, id="c1", function=FunctionDelta(name="w")),
    )
    place = "$.choices[].delta.tool_calls[].function.arguments"
    assert stream.notes == {f"skipped_field: ChatCompletionChunk {place}": 1}


def test_other_chat_events_are_unknown() -> None:
    """A name that only begins like a chunk's is a new event."""
    event = decode(raw({"object": "chat.completion.news"}))
    assert type(event) is UnknownEvent
    assert event.type == "chat.completion.news"
    assert event.error is None


A = b'{"choices":[{"delta":{"content":"a"}}]}'
B = b'{"choices":[{"delta":{"content":"b"}}]}'


@pytest.mark.parametrize(
    "glued",
    [
        b"data: %bdata: %b" % (A, B),
        b"data: %b%b " % (A, B),
        b"data: %b\ndata: %b" % (A, B),
        b"data: %b\ndata:\ndata: data:%b\ndata: data: [DONE]" % (A, B),
    ],
    ids=repr,
)
def test_glued_events_are_distinguished(glued: bytes) -> None:
    """B29: events that lost the blank line between them are read separately, and noted."""
    stream = StreamerV2([glued, b"\n\ndata: [DONE]\n\n"])
    assert list(stream.text_deltas()) == ["a", "b"]
    assert stream.notes == {"glued_events": 1}
    assert stream.outcome == "completed"


@pytest.mark.parametrize("broken", [b'{"choices":[', b"[1][2]", b"{} and more", b"{}{"])
def test_data_in_which_no_event_is_found_stay_one_event(broken: bytes) -> None:
    """Data that are not clearly several events are one malformed event."""
    stream = StreamerV2([b"data: ", broken, b"\n\ndata: [DONE]\n\n"])
    assert stream.next()
    event = stream.event()
    assert isinstance(event, UnknownEvent)
    assert event.payload == broken.decode()
    assert event.error is not None
    assert stream.notes == {"malformed_event": 1}


@pytest.mark.parametrize("rest", ['{"choices":', " and more", "[1"])
def test_what_is_left_after_glued_events_is_malformed(rest: str) -> None:
    """The events before the rest are read all the same."""
    chunk = '{"choices":[{"index":0,"delta":{"content":"a"}}]}'
    stream = StreamerV2([b"data: ", chunk.encode(), rest.encode(), b"\n\ndata: [DONE]\n\n"])
    assert stream.next()
    assert stream.text() == "a"
    assert stream.next()
    event = stream.event()
    assert isinstance(event, UnknownEvent)
    assert event.payload == rest.strip()
    assert event.error is not None
    assert stream.notes == {"glued_events": 1, "malformed_event": 1}


def test_misfit_among_glued_events_is_not_lost() -> None:
    """Each of the events is decoded separately; one that does not fit is an unknown event."""
    glued = b'data: {"choices":[]}{"event":"thread.run.created","data":{}}{"choices":[]}\n\n'
    stream = StreamerV2([glued, b"data: [DONE]\n\n"])
    assert [type(event).__name__ for event in stream] == [
        "ChatCompletionChunk",
        "UnknownEvent",
        "ChatCompletionChunk",
        "DoneEvent",
    ]
    assert stream.notes == {"glued_events": 1, "malformed_event": 1}


def test_strict_streamer_takes_nothing_apart() -> None:
    """With `strict=True`, glued events are an error."""
    stream = StreamerV2([b'data: {"choices":[]}{"choices":[]}\n\n'], strict=True)
    assert not stream.next()
    assert str(stream.err()).startswith("message: the data are not JSON: Extra data")


def test_events_glued_after_the_end_are_dropped() -> None:
    """An event glued after [DONE] does not leak into a chained stream."""
    stream = StreamerV2([b'data: {"choices":[]}data: [DONE]data: {"choices":[]}\n\n'])
    stream.chain([data({"choices": [delta(content="b")]}), b"data: [DONE]\n\n"])
    assert [event.unwrap_text() for event in stream] == [None, None, "b", None]


@pytest.mark.parametrize("question", ["text", "reasoning_text", "refusal", "tool_calls"])
def test_streamer_asks_the_current_event(question: str) -> None:
    """The streamer's methods answer for the current event, or None if there is none."""
    fields: dict[str, Any] = {
        "content": "a",
        "reasoning": "b",
        "refusal": "c",
        "tool_calls": [{"id": "d"}],
    }
    expected = {
        "text": "a",
        "reasoning_text": "b",
        "refusal": "c",
        "tool_calls": (ToolCallDelta(id="d"),),
    }
    stream = StreamerV2([data({"choices": [delta(**fields)]})])
    ask = getattr(stream, question)
    assert ask() is None
    assert stream.next()
    assert ask() == expected[question]
    assert ask(choice=1) is None
    assert stream.finish_reason() is None
    assert stream.annotations() is None
    assert stream.audio() is None
    assert stream.partial_image() is None


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content", "refusal"])
def test_a_choice_that_has_only_thought_is_unfinished(field: str) -> None:
    """A delta of any kind begins a choice; without a finish reason, it is cut off."""
    finish = {"index": 0, "delta": {}, "finish_reason": "stop"}
    chunks = [delta(content="Hi"), delta(1, **{field: "Hm"}), finish]
    s = StreamerV2([data({"object": "chat.completion.chunk", "choices": [one]}) for one in chunks])
    while s.next():
        pass
    assert s.outcome == "truncated"
    assert type(s.err()) is TruncatedStreamError


def test_of_many_choices_each_is_found() -> None:
    """Choices are found among many as among few, and all pieces of a choice count."""
    for count in (1, 7, 8, 100):
        pieces = [
            {"index": index, "delta": {"content": f"{index}"}, "finish_reason": "stop"}
            for index in [*range(count), *range(count)]
        ]
        pieces[count:] = [{**piece, "delta": {"content": "late"}} for piece in pieces[count:]]
        event = decode(
            RawEvent("message", json.dumps({"object": "chat.completion.chunk", "choices": pieces}))
        )
        assert [event.unwrap_text(index) for index in range(count)] == [
            f"{index}late" for index in range(count)
        ]
        assert event.unwrap_finish_reason(count - 1) == "stop"
        assert event.unwrap_text(count) is None
        assert event.unwrap_finish_reason(count) is None
        assert len(event.stream_parts()) == count
        assert event == decode(event.raw)
