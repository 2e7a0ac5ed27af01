"""Whole answers of Chat Completions, which are right even if servers are wrong."""

from __future__ import annotations

from typing import Any

import pytest
from folding import answer, calls, read, texts

from openai_scan import ChatCompletion
from openai_scan.events.chat import (
    ChoiceLogProbs,
    CitedPage,
    CompletionUsage,
    TokenLogProb,
    URLCitation,
)
from openai_scan.events.chat.snapshot import (
    ChatAudio,
    ChatChoice,
    ChatFunction,
    ChatMessage,
    ChatToolCall,
)


def chunk(delta: Any = None, finish_reason: str | None = None, index: int = 0, **rest: Any) -> Any:
    """Return a chunk with one choice."""
    choice = {"index": index, "delta": delta or {}, "finish_reason": finish_reason}
    return {"object": "chat.completion.chunk", "choices": [choice], **rest}


def calling(*pieces: Any) -> Any:
    """Return a chunk with pieces of tool calls."""
    return chunk({"tool_calls": list(pieces)})


def piece(index: int | None, id: Any, name: Any, arguments: Any) -> Any:
    """Return a piece of a tool call; what is None is left out."""
    function = {"name": name, "arguments": arguments}
    function = {key: value for key, value in function.items() if value is not None}
    whole = {"index": index, "id": id, "function": function}
    return {key: value for key, value in whole.items() if value is not None}


END = chunk({}, "tool_calls")


def test_whole_answer() -> None:
    """Everything that chunks bring is in the answer, each thing once."""
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    token = {"token": "Hi", "logprob": -0.5}
    facts: Any = {"id": "c1", "model": "m", "created": 7}
    found = answer(
        chunk({"role": "assistant", "content": ""}, **facts, service_tier="default"),
        chunk({"content": "Hi", "role": "assistant"}, **facts, system_fingerprint="fp"),
        {
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": {}, "logprobs": {"content": [token]}}],
        },
        {
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": {}, "logprobs": {"refusal": [token]}}],
        },
        chunk({"refusal": "no", "reasoning_content": "hm"}),
        chunk({"refusal": "!", "reasoning_content": "m"}),
        chunk({"annotations": [{"type": "url_citation", "url_citation": {"url": "u"}}]}),
        chunk({}, "stop"),
        {"object": "chat.completion.chunk", "choices": [], "usage": usage},
        "[DONE]",
    )
    log_prob = TokenLogProb(token="Hi", logprob=-0.5)
    assert found == ChatCompletion(
        id="c1",
        created=7,
        model="m",
        service_tier="default",
        system_fingerprint="fp",
        done=True,
        usage=CompletionUsage(prompt_tokens=1, completion_tokens=2, total_tokens=3),
        choices=(
            ChatChoice(
                index=0,
                finish_reason="stop",
                logprobs=ChoiceLogProbs(content=(log_prob,), refusal=(log_prob,)),
                message=ChatMessage(
                    role="assistant",
                    content="Hi",
                    refusal="no!",
                    reasoning="hmm",
                    annotations=(URLCitation(url_citation=CitedPage(url="u")),),
                ),
            ),
        ),
    )
    assert found.text == "Hi"
    assert found.calls == ()


def test_current_at_every_step() -> None:
    """A snapshot has what has arrived, and a later event does not change it."""
    assert texts(
        chunk({"role": "assistant"}), chunk({"content": "a"}), chunk({"content": "b"})
    ) == [
        "",
        "a",
        "ab",
    ]


def test_halves_of_a_character() -> None:
    """Half a character waits for its other half."""
    pieces = [chunk({"content": half}) for half in ("\ud83d", "\ude00", "!")]
    assert texts(*pieces) == ["", "\U0001f600", "\U0001f600!"]


def test_choices_interleave() -> None:
    """Choices that arrive as 1, 0, 1 are kept apart and ordered by index."""
    found = answer(
        chunk({"content": "b"}, index=1),
        chunk({"content": "a"}),
        chunk({"content": "B"}, "stop", index=1),
    )
    assert [(one.index, one.message.content, one.finish_reason) for one in found.choices] == [
        (0, "a", None),
        (1, "bB", "stop"),
    ]
    assert found.text == "a"


def test_without_choice_0() -> None:
    """The text is that of choice 0, and empty if it has not come."""
    assert answer(chunk({"content": "b"}, index=1)).text == ""


@pytest.mark.parametrize("late", [None, {}], ids=["null", "empty"])
def test_usage_stays(late: Any) -> None:
    """The last count of tokens stays, whatever later chunks leave out."""
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    found = answer(chunk({"content": "a"}, usage=usage), chunk({}, "stop", usage=late))
    assert found.usage == CompletionUsage(prompt_tokens=1, completion_tokens=2, total_tokens=3)


def test_finish_is_idempotent() -> None:
    """A second end changes nothing, and an empty finish reason is not an end."""
    found = answer(chunk({"content": "a"}, "stop"), chunk({}, "stop"), chunk({}, ""))
    assert found.choices[0].finish_reason == "stop"


def test_first_id_stays() -> None:
    """A new id in each chunk, or none in the first one, does not change the answer's id."""
    found = answer(chunk({}, id=""), chunk({}, id="c1", model="m"), chunk({}, id="c2", model="n"))
    assert (found.id, found.model) == ("c1", "m")


def test_first_role_stays() -> None:
    """The message keeps the first role that the server sent; without one, it is the assistant's."""
    found = answer(chunk({"role": "tutor"}), chunk({"content": "a", "role": "model"}))
    assert found.choices[0].message.role == "tutor"
    assert answer(chunk({"content": "a"})).choices[0].message.role == "assistant"


def test_speech_without_an_id() -> None:
    """Its id is empty."""
    found = answer(chunk({"audio": {"transcript": "Hi"}}))
    assert found.choices[0].message.audio == ChatAudio(transcript="Hi")


def test_speech() -> None:
    """The transcript is the text, and the sound is decoded piece by piece."""
    found = answer(
        chunk({"audio": {"id": "a1", "transcript": "Hel"}}),
        chunk({"audio": {"transcript": "lo", "data": "QQ=="}}),
        chunk({"audio": {"id": "a2", "data": "Qg==", "expires_at": 9}}),
        chunk({"audio": {"data": "no base64"}}),
    )
    audio = ChatAudio(id="a1", data=b"AB", transcript="Hello", expires_at=9)
    assert found.choices[0].message.audio == audio
    assert found.text == "Hello"


TOOL_CALLS: dict[str, tuple[list[Any], list[tuple[str, str, str, bool]], dict[str, int]]] = {
    "as OpenAI sends it": (
        [
            calling(piece(0, "a", "f", "")),
            calling(piece(0, None, None, '{"x":')),
            calling(piece(0, None, None, "1}")),
        ],
        [("a", "f", '{"x":1}', True)],
        {},
    ),
    "one index twice in a chunk": (
        [
            calling(piece(0, "t1", "w", ""), piece(0, None, None, '{"ci')),
            calling(piece(0, None, None, 'ty":1}')),
        ],
        [("t1", "w", '{"city":1}', True)],
        {},
    ),
    "first index 1": (
        [calling(piece(1, "a", "f", "{}"))],
        [("a", "f", "{}", True)],
        {},
    ),
    "indexes 1, 0, 1": (
        [
            calling(piece(1, "b", "g", "[")),
            calling(piece(0, "a", "f", "{}")),
            calling(piece(1, None, None, "]")),
        ],
        [("a", "f", "{}", True), ("b", "g", "[]", True)],
        {},
    ),
    "all index 0, other ids": (
        [calling(piece(0, "a", "f", "{}"), piece(0, "b", "f", "{}"))],
        [("a", "f", "{}", True), ("b", "f", "{}", True)],
        {"tool_call_index_reused": 1},
    ),
    "all index 0, and pieces that say their id": (
        [
            calling(piece(0, "a", "f", "["), piece(0, "b", "g", "[")),
            calling(piece(0, "a", None, "1]"), piece(0, "b", None, "2]")),
        ],
        [("a", "f", "[1]", True), ("b", "g", "[2]", True)],
        {"tool_call_index_reused": 1},
    ),
    "all index 0, other names, no ids": (
        [calling(piece(0, None, "f", "{}")), calling(piece(0, None, "g", "{}"))],
        [("call_0_0", "f", "{}", True), ("call_0_1", "g", "{}", True)],
        {"tool_call_index_reused": 1, "tool_call_without_id": 2},
    ),
    "all index 0, one name, no ids": (
        [calling(piece(0, None, "f", '{"x":1}')), calling(piece(0, None, "f", '{"x":2}'))],
        [("call_0_0", "f", '{"x":1}', True), ("call_0_1", "f", '{"x":2}', True)],
        {"tool_call_index_reused": 1, "tool_call_without_id": 2},
    ),
    "no index, with ids": (
        [
            calling(piece(None, "a", "f", '{"x"')),
            calling(piece(None, "a", None, ":1}")),
            calling(piece(None, "b", "g", "{}")),
        ],
        [("a", "f", '{"x":1}', True), ("b", "g", "{}", True)],
        {"tool_call_without_index": 3},
    ),
    "no index and no id": (
        [calling(piece(None, None, "f", '{"x"')), calling(piece(None, None, None, ":1}"))],
        [("call_0_0", "f", '{"x":1}', True)],
        {"tool_call_without_index": 2, "tool_call_without_id": 1},
    ),
    "null and empty, as continuation": (
        [
            calling(piece(0, "a", "f", "{")),
            chunk(
                {
                    "tool_calls": [
                        {
                            "index": 0,
                            "id": None,
                            "type": None,
                            "function": {"name": None, "arguments": "}"},
                        }
                    ]
                }
            ),
            calling(piece(0, "", "", " ")),
        ],
        [("a", "f", "{} ", True)],
        {},
    ),
    "id and name in every piece": (
        [calling(piece(0, "a", "f", "{")), calling(piece(0, "a", "f", "}"))],
        [("a", "f", "{}", True)],
        {},
    ),
    "id late": (
        [calling(piece(0, None, "f", "{")), calling(piece(0, "a", None, "}"))],
        [("a", "f", "{}", True)],
        {"tool_call_without_id": 1},
    ),
    "a new id for every piece": (
        [
            calling(piece(0, "a", "f", '{"x"')),
            calling(piece(0, "b", "f", ":1")),
            calling(piece(0, "c", None, "}")),
        ],
        [("a", "f", '{"x":1}', True)],
        {"tool_call_id_changed": 2},
    ),
    "arguments as an object": (
        [calling(piece(0, "a", "f", {"x": 1}))],
        [("a", "f", '{"x": 1}', True)],
        {},
    ),
    "arguments as an object, no ids": (
        [calling(piece(0, None, "f", {})), calling(piece(0, None, "f", {}))],
        [("call_0_0", "f", "{}", True), ("call_0_1", "f", "{}", True)],
        {"tool_call_index_reused": 1, "tool_call_without_id": 2},
    ),
    "no function": (
        [chunk({"tool_calls": [{"index": 0, "id": "a"}]})],
        [("a", "", "", False)],
        {},
    ),
    "cut inside the arguments": (
        [calling(piece(0, "a", "f", '{"x":'))],
        [("a", "f", '{"x":', False)],
        {},
    ),
    "what came before tool calls": (
        [
            chunk({"function_call": {"name": "f", "arguments": "{"}}),
            chunk({"function_call": {"arguments": "}"}}),
        ],
        [("", "f", "{}", True)],
        {},
    ),
    "both at once": (
        [
            chunk(
                {
                    "function_call": {"name": "f", "arguments": "{}"},
                    "tool_calls": [piece(0, "a", "f", "{}")],
                }
            )
        ],
        [("a", "f", "{}", True)],
        {},
    ),
}


@pytest.mark.parametrize("dialect", TOOL_CALLS)
def test_tool_calls(dialect: str) -> None:
    """Pieces of tool calls are joined correctly in every dialect, and oddities are noted."""
    payloads, expected, notes = TOOL_CALLS[dialect]
    streamer = read(*payloads, END, "[DONE]")
    found = streamer.final()
    assert calls(found) == expected
    assert dict(streamer.notes) == notes


def test_calls_are_complete_only_after_the_end() -> None:
    """Arguments that parse are not complete while more of them may come."""
    pieces = [calling(piece(0, "a", "f", "{}"))]
    assert calls(answer(*pieces)) == [("a", "f", "{}", False)]
    assert calls(answer(*pieces, chunk({}, "stop"))) == [("a", "f", "{}", True)]
    assert calls(answer(*pieces, "[DONE]")) == [("a", "f", "{}", True)]


def test_calls_of_another_choice() -> None:
    """A call has the index of its choice, and only the end of that choice completes it."""
    found = answer(
        chunk({"tool_calls": [piece(0, "a", "f", "{}")]}),
        chunk({"tool_calls": [piece(0, "b", "f", "{}")]}, index=1),
        chunk({}, "tool_calls", index=1),
    )
    assert [(call.id, call.choice, call.complete) for call in found.calls] == [
        ("a", 0, False),
        ("b", 1, True),
    ]


def test_tool_call_in_its_message() -> None:
    """A call is in its message as the API writes it."""
    found = answer(calling(piece(0, "a", "f", "{}")), END)
    assert found.choices[0].message.tool_calls == (
        ChatToolCall(id="a", function=ChatFunction(name="f", arguments="{}"), type="function"),
    )
    assert found.choices[0].message.content is None


REASONING = {
    "reasoning_content": {"reasoning_content": "hm"},
    "reasoning": {"reasoning": "hm"},
    "details": {"reasoning_details": [{"text": "h"}, {"summary": "m"}, {"data": "x"}]},
    "two at once": {"reasoning": "hm", "reasoning_details": [{"text": "hm"}]},
}


@pytest.mark.parametrize("dialect", REASONING)
def test_reasoning(dialect: str) -> None:
    """Reasoning is taken once, whatever its name, and is not text."""
    found = answer(chunk(REASONING[dialect]))
    assert found.choices[0].message.reasoning == "hm"
    assert found.text == ""


def test_plain_answer() -> None:
    """A server that ignores `stream` gives the same answer."""
    from openai_scan.events import from_answer

    whole = {
        "object": "chat.completion",
        "id": "c",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
        ],
    }
    found = answer(*(event.data for event in from_answer(whole)))
    assert found.choices[0].message == ChatMessage(role="assistant", content="Hi")
