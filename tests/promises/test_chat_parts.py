"""Text is text and reasoning is reasoning, whatever form a chat server sends them in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from chatting import DONE, chunk, tell, whole
from folding import wire

from openai_scan import StreamerV2, UnknownEvent
from openai_scan.events import decode
from openai_scan.events.decoding.structure import Structurer
from openai_scan.sse import RawEvent
from openai_scan.values import Counts

PARTS: dict[str, tuple[Any, str | None, str | None]] = {
    "text parts": ([{"type": "text", "text": "Hi"}, {"type": "text", "text": "!"}], "Hi!", None),
    "spelled as in Responses": ([{"type": "output_text", "text": "Hi"}], "Hi", None),
    "spelled as an input": ([{"type": "input_text", "text": "Hi"}], "Hi", None),
    "one part": ({"type": "text", "text": "Hi"}, "Hi", None),
    "a part without a type": ({"text": "Hi"}, "Hi", None),
    "a type that is null": ([{"type": None, "text": "Hi"}], "Hi", None),
    "text as an object": ([{"type": "text", "text": {"value": "Hi"}}], "Hi", None),
    "strings": (["H", "i"], "Hi", None),
    "lists in a list": ([["H"], [{"text": "i"}]], "Hi", None),
    "no parts": ([], "", None),
    "Mistral": (
        [
            {"type": "thinking", "thinking": [{"type": "text", "text": "H"}, {"text": "m"}]},
            {"type": "text", "text": "Hi"},
        ],
        "Hi",
        "Hm",
    ),
    "Databricks": (
        [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm"}]}],
        None,
        "Hm",
    ),
    "reasoning text": ([{"type": "reasoning_text", "text": "Hm"}], None, "Hm"),
    "thinking as text": ([{"type": "thinking", "thinking": "Hm", "signature": "x"}], None, "Hm"),
    "thinking without a type": ([{"thinking": "Hm"}], None, "Hm"),
    "reasoning with content": ([{"type": "reasoning", "content": [{"text": "Hm"}]}], None, "Hm"),
}


@pytest.mark.parametrize("form", PARTS)
def test_content_in_parts(form: str) -> None:
    """They are read in pieces and in whole answers; nothing is lost, so nothing is noted."""
    content, text, reasoning = PARTS[form]
    for payloads in (
        [chunk({"content": content}), chunk({}, "stop"), DONE],
        [whole({"content": content})],
    ):
        told = tell(*payloads)
        message = told.answer.choices[0].message
        assert (message.content, message.reasoning) == (text, reasoning)
        assert (told.joined(), told.joined("reasoning")) == (text or "", reasoning or "")
        assert told.notes == {}
    event = decode(RawEvent("message", json.dumps(chunk({"content": content}))))
    assert (event.unwrap_text(), event.unwrap_reasoning_text()) == (text, reasoning)
    assert json.loads(event.raw.data)["choices"][0]["delta"]["content"] == content


@pytest.mark.parametrize(
    ("kind", "text", "reasoning"),
    [
        ("text_delta", "x", None),
        ("Text", "x", None),
        ("thinking_delta", None, "x"),
        ("thought", None, "x"),
        ("reasoning_content", None, "x"),
        ("summary_text", None, "x"),
    ],
)
def test_part_is_read_by_the_words_in_its_type(
    kind: str, text: str | None, reasoning: str | None
) -> None:
    """Servers have a dozen names for a text and for reasoning."""
    told = tell(chunk({"content": [{"type": kind, "text": "x"}]}), chunk({}, "stop"), DONE)
    message = told.answer.choices[0].message
    assert (message.content, message.reasoning) == (text, reasoning)
    assert "content_part" not in " ".join(told.notes)


@pytest.mark.parametrize(
    ("part", "note"),
    [
        ({"type": "image_url", "image_url": {"url": "x"}}, "image_url"),
        ({"type": "reference", "reference_ids": [1]}, "reference"),
        ({"type": "citation", "text": "no part of the answer"}, "citation"),
        ({"type": "text", "text": None}, "text"),
        ({"type": "text", "text": 5}, "text"),
        ({"type": ["text"], "text": "x"}, "object"),
        ({"answer": 5}, "object"),
        (None, "null"),
        (5, "int"),
    ],
    ids=repr,
)
def test_part_without_text_is_noted(part: Any, note: str) -> None:
    """A part without text is left out and noted, and the text around it stays."""
    told = tell(chunk({"content": ["a", part, {"text": "b"}]}), chunk({}, "stop"), DONE)
    assert told.answer.text == told.joined() == "ab"
    assert told.notes == {f"content_part: {note}": 1}


def test_each_part_without_text_is_noted() -> None:
    """Each is counted, even if the events repeat each other."""
    parts = [{"type": "text", "text": "a"}, {"type": "image_url"}]
    chunks = [chunk({"content": [{**parts[0], "text": f"{n}"}, parts[1]]}) for n in range(6)]
    told = tell(*chunks)
    assert told.answer.text == "012345"
    assert told.notes == {"content_part: image_url": 6}


def test_strict_refuses_a_part_without_text() -> None:
    """A strict decoder accepts a part with text, and no other."""
    structure = Structurer(strict=True)
    good, bad = (
        decode(RawEvent("message", json.dumps(chunk({"content": content}))), structure)
        for content in ([{"type": "text", "text": "a"}], [{"type": "image_url"}])
    )
    assert good.unwrap_text() == "a"
    assert isinstance(bad, UnknownEvent)
    assert str(bad.error).endswith("expected str @ $.choices[0].delta.content")


def test_content_that_is_neither_text_nor_parts_is_left_out() -> None:
    """The field is skipped, as any field of the wrong type is."""
    told = tell(chunk({"content": 5, "reasoning": "a"}), chunk({"content": True}))
    assert told.answer.choices[0].message.content is None
    assert told.notes == {"skipped_field: ChatCompletionChunk $.choices[].delta.content": 2}


REASONING: dict[str, Any] = {
    "DeepSeek": {"reasoning_content": "Hm"},
    "OpenRouter": {"reasoning": "Hm"},
    "Copilot": {"reasoning_text": "Hm"},
    "Ollama": {"thinking": "Hm"},
    "an object": {"reasoning_content": {"text": "Hm"}},
    "an object with content": {"reasoning": {"content": "Hm"}},
    "an object with thinking": {"thinking": {"type": "thinking", "thinking": "Hm"}},
    "an object with parts": {"reasoning": {"type": "reasoning", "summary": [{"text": "Hm"}]}},
    "a list of texts": {"reasoning_text": ["H", "m"]},
    "a list of objects": {"reasoning": [{"type": "reasoning_text", "text": "H"}, {"text": "m"}]},
    "details": {"reasoning_details": [{"type": "reasoning.summary", "summary": "Hm"}]},
    "details with a list": {"reasoning_details": [{"summary": [{"text": "Hm"}]}]},
    "LiteLLM": {"thinking_blocks": [{"type": "thinking", "thinking": "Hm", "signature": "x"}]},
    "the same in all": {
        "reasoning_content": "Hm",
        "reasoning": {"text": "Hm"},
        "reasoning_text": ["Hm"],
        "thinking": "Hm",
        "reasoning_details": [{"text": "Hm"}],
        "thinking_blocks": [{"thinking": "Hm"}],
        "content": [{"type": "thinking", "thinking": "Hm"}],
    },
    "beside encrypted details": {
        "reasoning": "Hm",
        "reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}],
    },
    "in a field and in parts": {
        "reasoning": "H",
        "content": [{"type": "thinking", "thinking": [{"text": "m"}]}],
    },
}


@pytest.mark.parametrize("form", REASONING)
def test_reasoning_has_many_names(form: str) -> None:
    """Under each name it is handed out once, in pieces and in whole answers, and not as text."""
    fields = REASONING[form]
    for payloads in ([chunk(fields), chunk({}, "stop"), DONE], [whole(fields)]):
        told = tell(*payloads)
        assert told.answer.choices[0].message.reasoning == told.joined("reasoning") == "Hm"
        assert told.answer.text == told.joined() == ""
        assert told.notes == {}
    stream = StreamerV2(wire(chunk(fields)))
    assert stream.next()
    assert stream.reasoning_text() == "Hm"


def test_reasoning_without_text_is_none() -> None:
    """Settings and encrypted reasoning are not text."""
    told = tell(
        chunk({"reasoning": {"effort": "high"}}),
        chunk({"reasoning_details": [{"type": "reasoning.encrypted", "data": "x", "text": None}]}),
        chunk({"reasoning_content": [{"id": 1}], "reasoning": []}),
    )
    assert told.answer.choices[0].message.reasoning is None
    assert told.texts == []
    assert told.notes == {
        "skipped_field: ChatCompletionChunk $.choices[].delta.reasoning": 1,
        "skipped_field: ChatCompletionChunk $.choices[].delta.reasoning_content": 1,
    }


def test_refusal_in_parts() -> None:
    """A refusal may be a part of the content, or an object."""
    told = tell(
        chunk({"content": [{"type": "refusal", "refusal": "N"}]}),
        chunk({"refusal": {"text": "o"}}),
        chunk({"refusal": "!", "content": [{"refusal": "!"}]}),
    )
    assert told.answer.choices[0].message.refusal == told.joined("refusal") == "No!"
    assert told.answer.text == ""


def test_part_without_a_type_is_what_its_key_says() -> None:
    """A text, a refusal or reasoning."""
    parts = [{"text": "a"}, {"refusal": "No."}, {"thinking": "Hm"}]
    message = tell(chunk({"content": parts})).answer.choices[0].message
    assert (message.content, message.refusal, message.reasoning) == ("a", "No.", "Hm")


def test_entries_of_one_choice_in_one_event_all_count() -> None:
    """Questions about the choice, such as `text()`, cover all of them, and so does the answer."""
    entries = [
        {"index": 0, "delta": {"content": "a", "reasoning": "x", "refusal": "n"}},
        {"index": 1, "delta": {"content": "other"}},
        {
            "index": 0,
            "delta": {
                "content": "b",
                "thinking": "y",
                "refusal": "o",
                "tool_calls": [{"index": 0, "id": "c"}],
                "annotations": [{"n": 1}],
                "audio": {"data": "QQ=="},
            },
            "finish_reason": "stop",
        },
        {
            "index": 0,
            "delta": {
                "tool_calls": [{"index": 0, "function": {"name": "f"}}],
                "annotations": [{"n": 2}],
                "audio": {"data": "Qg==", "transcript": "c"},
            },
        },
    ]
    stream = StreamerV2(wire({"object": "chat.completion.chunk", "choices": entries}, DONE))
    assert stream.next()
    event = stream.event()
    assert event.unwrap_text() == "abc"
    assert event.unwrap_text(1) == "other"
    assert (event.unwrap_reasoning_text(), event.unwrap_refusal()) == ("xy", "no")
    assert (stream.text(), stream.text(1), stream.text(2)) == ("ab", "other", None)
    assert (stream.reasoning_text(), stream.refusal()) == ("xy", "no")
    assert [(one.id, one.index) for one in stream.tool_calls() or ()] == [("c", 0), (None, 0)]
    assert (stream.finish_reason(), stream.finish_reason(1)) == ("stop", None)
    assert [one.payload for one in stream.annotations() or ()] == [{"n": 1}, {"n": 2}]
    assert stream.audio() == b"AB"
    assert event.stream_parts() == ((0, "completed"), (1, None))
    [choice, _] = stream.snapshot().choices  # type: ignore[union-attr] # it is a chat completion
    assert choice.message.content == "ab"


def test_a_choice_beside_one_with_parts_is_left_alone() -> None:
    """The other choice has its plain text, or none if it has no delta."""
    for other, text in (
        ({"index": 1, "delta": {"content": "plain"}}, "plain"),
        ({"index": 1}, None),
    ):
        parts = {"index": 0, "delta": {"content": [{"type": "text", "text": "Hi"}]}}
        payload = {"object": "chat.completion.chunk", "choices": [parts, other]}
        stream = StreamerV2(wire(payload, DONE))
        assert stream.next()
        assert (stream.text(), stream.text(1)) == ("Hi", text)
        stream.close()


def test_entries_that_repeat_each_other_stay_apart() -> None:
    """What one event has cached does not show in the next one, which has the same form."""
    chunks = [
        {
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": {"content": f"{n}{half}"}} for half in "ab"],
        }
        for n in range(6)
    ]
    stream = StreamerV2(wire(*chunks))
    assert [stream.event().unwrap_text() for _ in iter(stream.next, False)] == [
        f"{n}a{n}b" for n in range(6)
    ]


USAGE = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}
COUNTS: dict[str, tuple[dict[str, Any], Counts]] = {
    "OpenAI": (
        {
            **USAGE,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 3},
        },
        Counts(input=9, output=5, total=14, cached=4, reasoning=3),
    ),
    "DeepSeek": (
        {**USAGE, "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 5},
        Counts(input=9, output=5, total=14, cached=4),
    ),
    "Kimi": ({**USAGE, "cached_tokens": 4}, Counts(input=9, output=5, total=14, cached=4)),
    "Perplexity": (
        {**USAGE, "reasoning_tokens": 3, "completion_tokens_details": None},
        Counts(input=9, output=5, total=14, reasoning=3),
    ),
    "names of Responses": (
        {"input_tokens": 9, "output_tokens": 5, "cache_read_input_tokens": 4},
        Counts(input=9, output=5, cached=4),
    ),
    "nothing cached": (
        {**USAGE, "prompt_tokens_details": {"cached_tokens": 0}},
        Counts(input=9, output=5, total=14, cached=0),
    ),
    "0 where another has the count": (
        {"cached_tokens": 4, "prompt_tokens_details": {"cached_tokens": 0}},
        Counts(cached=4),
    ),
}


@pytest.mark.parametrize("form", COUNTS)
@pytest.mark.parametrize("family", ["chat", "completions"])
def test_counts_have_many_names(form: str, family: str) -> None:
    """`Counts` has the same attributes for all of them."""
    usage, counts = COUNTS[form]
    answer = tell(chunk({"content": "a"}), {"choices": [], "usage": usage}).answer
    if family == "completions":
        stream = StreamerV2(wire({"object": "text_completion", "choices": [], "usage": usage}))
        assert stream.next()
        answer = stream.snapshot()  # type: ignore[assignment] # both have counts
    assert answer.counts == counts


@pytest.mark.parametrize("name", ["chat.completion.chunk", "text_completion"])
def test_usage_is_found_where_servers_put_it(name: str) -> None:
    """In a choice (Kimi), or in `x_groq`; its usual place comes first."""
    ended: dict[str, Any] = {"index": 0, "delta": {}, "text": "", "finish_reason": "stop"}
    found: list[dict[str, Any]] = [
        {"choices": [{**ended, "usage": USAGE}]},
        {"choices": [ended, {**ended, "index": 1, "usage": USAGE}], "usage": None},
        {"choices": [ended], "x_groq": {"id": "r", "usage": USAGE}},
        {"choices": [{**ended, "usage": {"prompt_tokens": 1}}], "usage": USAGE},
        {"choices": [{**ended, "usage": USAGE}, None, 5], "x_groq": None, "usage": {}},
    ]
    for rest in found:
        stream = StreamerV2(wire({"object": name, **rest}))
        assert stream.next()
        answer = stream.snapshot()
        assert answer is not None
        assert answer.counts == Counts(input=9, output=5, total=14)
        assert stream.usage() is not None
    nowhere: list[dict[str, Any]] = [
        {"choices": [ended], "x_groq": {"usage": None}},
        {"choices": None},
        {"choices": [{**ended, "usage": "many"}]},
    ]
    for rest in nowhere:
        stream = StreamerV2(wire({"object": name, **rest}))
        assert stream.next()
        assert stream.usage() is None


@pytest.mark.parametrize("payload", ["[]", "5", '{"choices":[5,{"delta":5}]}', '{"choices":5}'])
def test_payload_of_another_shape_is_left_alone(payload: str) -> None:
    """Its data stay as they are."""
    assert decode(RawEvent("chat.completion.chunk", payload)).raw.data == payload


def test_end_and_counts_are_those_of_the_answer() -> None:
    """The finish reason is that of choice 0."""
    answer = tell(
        chunk({"content": "a"}, "length", index=1), chunk({"content": "b"}, index=0)
    ).answer
    assert (answer.finish_reason, answer.counts) == (None, None)
    answer = tell(chunk({"content": "a"}, "length"), chunk({}, "stop", index=1)).answer
    assert answer.finish_reason == "length"
