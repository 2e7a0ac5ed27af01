"""What a model said is sent back as it came, with keys that no class here has."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from server import CHUNKED, END, ScriptedServer, ch, json_answer

from openai_scan import APIError, Client, StreamerV2, TruncatedStreamError, UnknownItem, run_tools
from openai_scan.events.chat import ChatCompletionChunk
from openai_scan.events.chat.dialects import REASONING
from openai_scan.events.chat.fold import ChatFold
from openai_scan.events.chat.kept import ChatKept
from openai_scan.events.responses import Response, ResponseOutputItemDone
from openai_scan.events.responses.kept import ResponseKept
from openai_scan.events.responses.snapshot import ResponseAnswer
from openai_scan.recording import record
from openai_scan.sse import RawEvent

pytestmark = pytest.mark.usefixtures("wire")

SIGNATURE = {"google": {"thought_signature": "abc"}}
ASKED = [{"role": "user", "content": "Weather?"}]


def weather(city: str = "Oslo") -> str:
    """Tell the weather."""
    return f"{city}: 4"


def events(*payloads: dict[str, Any], done: bool = True) -> bytes:
    """Return the body of a stream of *payloads*."""
    sent = b"".join(b"data: %b\n\n" % json.dumps(payload).encode() for payload in payloads)
    return sent + b"data: [DONE]\n\n" * done


def script(*payloads: dict[str, Any], done: bool = True) -> list[bytes]:
    """Return the script of a server that answers with *payloads*."""
    return [CHUNKED + ch(events(*payloads, done=done)) + END]


def chunk(delta: dict[str, Any], finish: str | None = None, index: Any = 0) -> dict[str, Any]:
    """Return a chunk with one delta."""
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return {"object": "chat.completion.chunk", "choices": [choice]}


def piece(index: int | None, arguments: Any = "", **more: Any) -> dict[str, Any]:
    """Return a delta with a piece of a call; *name* goes into its function."""
    function = {"arguments": arguments}
    if name := more.pop("name", None):
        function["name"] = name
    place = {} if index is None else {"index": index}
    return {"tool_calls": [{**place, **more, "function": function}]}


def read(*payloads: dict[str, Any], done: bool = True) -> StreamerV2:
    """Return a stream that has been read to its end."""
    streamer = StreamerV2([events(*payloads, done=done)])
    while streamer.next():
        pass
    return streamer


def message(*deltas: dict[str, Any], finish: str = "stop") -> dict[str, Any]:
    """Return what is sent back of a message in these pieces."""
    [sent] = read(*map(chunk, deltas), chunk({}, finish)).messages()
    return sent


def call(id: str, name: str = "f", arguments: str = "{}", **more: Any) -> dict[str, Any]:
    """Return a call as it is sent back."""
    return {
        "id": id,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
        **more,
    }


class TestMessages:
    """Chat Completions: the message of the model."""

    @pytest.mark.parametrize(
        "deltas",
        [
            [piece(0, "{}", id="c1", name="f", extra_content=SIGNATURE)],
            [piece(0, "", id="c1", name="f", extra_content=SIGNATURE), piece(0, "{}")],
            [piece(0, "{", id="c1", name="f"), piece(0, "}", extra_content=SIGNATURE)],
            [piece(0, "{", id="c1", name="f"), piece(0, "}"), piece(0, extra_content=SIGNATURE)],
            [piece(None, "{}", id="c1", name="f", extra_content=SIGNATURE)],
            [piece(None, "{}", id="c1", name="f"), piece(None, "", extra_content=SIGNATURE)],
            [piece(0, "{}", id="c1", name="f"), {"tool_calls": [{"extra_content": SIGNATURE}]}],
            [
                piece(0, "{", id="c1", name="f", extra_content={"google": {}}),
                piece(0, "}", id="c1", name="f", extra_content=SIGNATURE),
            ],
            [
                piece(0, "{", id="c1", name="f", extra_content=SIGNATURE),
                piece(0, "}", id="c1", extra_content=SIGNATURE),
            ],
        ],
        ids=range(9),
    )
    def test_what_is_beside_a_call_comes_back(self, deltas: list[dict[str, Any]]) -> None:
        """It may come with any piece of the call, once or each time."""
        sent = message(*deltas, finish="tool_calls")
        assert sent == {
            "role": "assistant",
            "content": None,
            "tool_calls": [call("c1", extra_content=SIGNATURE)],
        }

    @pytest.mark.parametrize(
        "places",
        [
            [{"index": 0, "id": "c1"}, {"index": 1, "id": "c2"}],
            [{"index": 0, "id": "c1"}, {"index": 0, "id": "c2"}],
            [{"id": "c1"}, {"id": "c2"}],
            [{"index": "0", "id": "c1"}, {"index": "1", "id": "c2"}],
            [{"index": 0, "id": "c1"}, {"index": 1, "id": "c1"}],
            [{"index": 1, "id": "c1"}, {"index": 0, "id": "c2"}],
        ],
    )
    def test_each_call_has_its_own(self, places: list[dict[str, Any]]) -> None:
        """Parallel calls are distinguished by index, or else by id."""
        calls = [
            {**place, "function": {"name": "f", "arguments": "{}"}, "extra_content": {"n": number}}
            for number, place in enumerate(places)
        ]
        for deltas in ([{"tool_calls": calls}], [{"tool_calls": [one]} for one in calls]):
            sent = message(*deltas, finish="tool_calls")
            found = [one["extra_content"]["n"] for one in sent["tool_calls"]]
            assert found == ([1, 0] if places[0].get("index") == 1 else [0, 1])
            assert len({one["id"] for one in sent["tool_calls"]}) == 2

    def test_one_choice_may_come_twice_in_a_chunk(self) -> None:
        """A choice may be in a chunk twice, with an odd piece between good ones."""
        calls = [
            {"index": n, "id": f"c{n}", "function": {"name": "f", "arguments": "{}"}, "x": n}
            for n in range(3)
        ]
        choices = [
            {"index": 0, "delta": {"tool_calls": calls[:1]}},
            {"index": 0, "delta": {"tool_calls": [None, *calls[1:]]}, "finish_reason": "stop"},
        ]
        [sent] = read({"object": "chat.completion.chunk", "choices": choices}).messages()
        assert [one["x"] for one in sent["tool_calls"]] == [0, 1, 2]

    def test_calls_of_one_id_without_an_index_have_their_own(self) -> None:
        """A piece with another name begins another call, even under the same id."""
        deltas = [piece(None, "{}", id="c1", name=name, x=name) for name in ("f", "g")]
        sent = message(*deltas, finish="tool_calls")
        assert [one["x"] for one in sent["tool_calls"]] == ["f", "g"]

    def test_calls_without_ids_have_their_own(self) -> None:
        """Whole arguments that follow whole arguments begin another call."""
        deltas = [piece(0, "{}", name="f", extra_content={"n": n}) for n in (0, 1)]
        sent = message(*deltas, finish="tool_calls")
        assert [one["extra_content"] for one in sent["tool_calls"]] == [{"n": 0}, {"n": 1}]

    def test_a_name_that_comes_with_every_piece_begins_no_call(self) -> None:
        """A name begins no call while the arguments of the last one are not whole."""
        deltas = [piece(0, text, name="f", extra_content=SIGNATURE) for text in ('{"a":', "1}")]
        [sent] = message(*deltas, finish="tool_calls")["tool_calls"]
        assert (sent["function"]["arguments"], sent["extra_content"]) == ('{"a":1}', SIGNATURE)

    def test_an_id_that_changes_is_kept_to(self) -> None:
        """The open call keeps its first id, and what came beside it."""
        first = piece(0, "{", id="c1", name="f", extra_content=SIGNATURE)
        [sent] = message(first, piece(0, "}", id="c2"), finish="tool_calls")["tool_calls"]
        assert (sent["id"], sent["extra_content"]) == ("c1", SIGNATURE)

    def test_calls_that_are_counted_differently_are_found_by_id(self) -> None:
        """Two pieces that look like two calls are one if their arguments are."""
        deltas = [
            piece(0, '{"a":', id="c1", name="f", extra_content=SIGNATURE),
            piece(0, "1}", id="c9", name="f"),
        ]
        [sent] = message(*deltas, finish="tool_calls")["tool_calls"]
        assert (sent["id"], sent["extra_content"]) == ("c1", SIGNATURE)

    def test_what_is_inside_a_function_comes_back(self) -> None:
        """A key beside the name and the arguments of a function comes back too."""
        delta = {"id": "c1", "function": {"name": "f", "arguments": "{}", "signature": "s"}}
        sent = message({"tool_calls": [{"index": 0, **delta}]}, finish="tool_calls")
        assert sent["tool_calls"][0]["function"] == {
            "name": "f",
            "arguments": "{}",
            "signature": "s",
        }

    @pytest.mark.parametrize("name", REASONING)
    def test_reasoning_comes_back_by_its_name(self, name: str) -> None:
        """DeepSeek refuses the next round without it."""
        deltas: list[dict[str, Any]] = [
            {"role": "assistant", "content": None, name: ""},
            {name: "Let me"},
            {name: " see"},
        ]
        sent = message(*deltas, {"content": "Hi", name: None}, finish="stop")
        assert sent == {"role": "assistant", "content": "Hi", name: "Let me see"}

    def test_both_names_come_back(self) -> None:
        """A server that sends the same text under two names may look at either."""
        names = ("reasoning", "reasoning_content")
        deltas = [dict.fromkeys(names, text) for text in ("Hm", "m", ".")]
        sent = message(*deltas, {"content": "Hi"})
        assert [sent[name] for name in names] == ["Hmm.", "Hmm."]

    def test_reasoning_details_are_put_together(self) -> None:
        """OpenRouter wants the sequence of blocks, with their signatures."""
        block = {"type": "reasoning.text", "index": 0, "format": "v1", "id": None}
        deltas = [{"reasoning_details": [{**block, "text": text}]} for text in ("ha", "ha", "!")]
        signed = {"reasoning_details": [{**block, "text": "", "signature": "s"}]}
        hidden = {"type": "reasoning.encrypted", "index": 1, "data": "x"}
        sent = message(*deltas, signed, {"reasoning_details": [hidden]}, {"content": "Hi"})
        assert sent["reasoning_details"] == [
            {**block, "text": "haha!", "signature": "s"},
            hidden,
        ]

    def test_details_without_an_index_continue(self) -> None:
        """Blocks of one type are joined, and others are not."""
        texts = [{"type": "t", "text": text} for text in ("a", "b")]
        deltas = [{"reasoning_details": [one]} for one in (*texts, {"type": "u", "summary": "c"})]
        sent = message(*deltas, {"content": "Hi"})
        assert sent["reasoning_details"] == [
            {"type": "t", "text": "ab"},
            {"type": "u", "summary": "c"},
        ]

    def test_details_that_take_turns_are_distinguished(self) -> None:
        """By their index together with their type."""
        details = [
            {"type": kind, "index": index, "text": text}
            for kind, index, text in (
                ("t", 0, "a"),
                ("t", 1, "c"),
                ("u", 0, "e"),
                ("t", 0, "b"),
                ("t", 1, "d"),
                ("u", 0, "f"),
            )
        ]
        sent = message(*({"reasoning_details": [one]} for one in details), {"content": "Hi"})
        assert [(one["type"], one["index"], one["text"]) for one in sent["reasoning_details"]] == [
            ("t", 0, "ab"),
            ("t", 1, "cd"),
            ("u", 0, "ef"),
        ]

    def test_a_list_that_comes_again_counts_once(self) -> None:
        """Its items, such as images, are whole, so the second list adds nothing."""
        images = [{"type": "image", "url": "a"}, {"type": "image", "url": "b"}, "plain"]
        sent = message({"images": images}, {"images": images}, {"content": "Hi"})
        assert sent["images"] == images

    def test_parts_of_the_content_that_are_not_text_come_back(self) -> None:
        """Mistral sends its thinking that way, and the text as plain text after it."""
        thinking = [
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]}
            for text in ("Hm", "m")
        ]
        sent = message(*thinking, {"content": "Hi"}, {"content": " all"}, {"content": "!"})
        assert sent["content"] == [
            {"type": "thinking", "thinking": [{"type": "text", "text": "Hmm"}]},
            {"type": "text", "text": "Hi all!"},
        ]
        assert message(*thinking)["content"] == sent["content"][:1]

    def test_text_in_parts_comes_back_as_text(self) -> None:
        """Alone, and after parts that are not text."""
        thinking = {"type": "thinking", "thinking": "Hm"}
        said = [{"type": "text", "text": "Hi"}, {"type": "output_text", "text": "!"}]
        assert message({"content": said})["content"] == "Hi!"
        assert message({"content": [thinking, *said]})["content"] == [
            thinking,
            {"type": "text", "text": "Hi!"},
        ]

    def test_a_message_after_its_deltas_is_not_kept_twice(self) -> None:
        """Neither the parts of its content nor what is in its calls comes twice."""
        deltas = [
            {
                "content": [{"type": "thinking", "thinking": text}],
                "thought_text": text,
                "nested": {"thought_text": text},
                "tool_calls": [
                    {
                        "index": 0,
                        "id": "c1",
                        "proof_data": text,
                        "function": {"name": "f", "thought_text": text},
                    }
                ],
            }
            for text in ("a", "b")
        ]
        said: dict[str, Any] = {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "ab"}],
            "thought_text": "ab",
            "nested": {"thought_text": "ab"},
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "proof_data": "ab",
                    "function": {"name": "f", "thought_text": "ab", "arguments": "{}"},
                }
            ],
        }
        assert message(*deltas, finish="tool_calls") == said
        late = {"choices": [{"index": 0, "message": said, "finish_reason": "tool_calls"}]}
        assert read(*map(chunk, deltas), late).messages() == [said]

    def test_further_keys_of_a_call_are_put_together(self) -> None:
        """Each may come with another piece."""
        deltas = [piece(0, "{", id="c1", name="f", x=1), piece(0, "}", y=2)]
        assert message(*deltas, finish="tool_calls")["tool_calls"] == [call("c1", x=1, y=2)]

    def test_unknown_keys_of_the_message_come_back(self) -> None:
        """In one piece or in several; a key that comes with every delta does no harm."""
        deltas: list[dict[str, Any]] = [
            {"content": "a", "provider": "P", "opaque_text": "x", "score": 1, "flags": {"a": True}},
            {"content": "b", "provider": "P", "opaque_text": "x", "score": 2, "flags": {"b": None}},
            {"content": "c", "provider": "P", "opaque_text": "x", "score": 3, "flags": {"c": "d"}},
            {"content": "d", "provider": "P", "opaque_text": "x", "note": "one"},
            {"content": "e", "extra_content": SIGNATURE, "note": "two", "empty": {}},
        ]
        assert message(*deltas) == {
            "role": "assistant",
            "content": "abcde",
            "provider": "P",
            "opaque_text": "xxxx",
            "score": 3,
            "flags": {"a": True, "b": None, "c": "d"},
            "note": "onetwo",
            "extra_content": SIGNATURE,
        }

    def test_a_signature_at_the_end_of_a_long_text_comes_back(self) -> None:
        """The deltas before it take the short way."""
        texts = [f"word {number} " for number in range(50)]
        sent = message(
            *[{"content": text} for text in texts],
            {"content": "end", "extra_content": SIGNATURE},
            *[{"content": "."} for _ in range(20)],
        )
        assert sent == {
            "role": "assistant",
            "content": "".join(texts) + "end" + "." * 20,
            "extra_content": SIGNATURE,
        }

    def test_text_is_not_kept_twice(self) -> None:
        """The fold has the text and the reasoning, so nothing else keeps them."""
        texts = [chunk({"content": f"word {number}"}) for number in range(50)]
        thoughts = [chunk({"reasoning": f"thought {number}"}) for number in range(50)]
        streamer = read(*thoughts, *texts, chunk({}, "stop"))
        kept: Any = streamer._machine.answer._kept
        assert (kept._messages, list(kept._reasoning)) == ({}, ["reasoning"])
        assert len(kept._forms) < 10

    def test_what_is_empty_is_not_sent(self) -> None:
        """Nulls and empty lists say nothing, and some servers refuse them."""
        empty: dict[str, Any] = {
            "refusal": None,
            "annotations": [],
            "tool_calls": [],
            "images": [],
            "x": None,
        }
        assert message({"content": "Hi", **empty}) == {"role": "assistant", "content": "Hi"}
        assert message({"content": ""}) == {"role": "assistant", "content": ""}

    def test_refusals_citations_and_speech_come_back(self) -> None:
        """Speech by its id: the server has the sound."""
        cited = [{"type": "url_citation", "url": "u"}]
        spoken = {"id": "a1", "data": "AAAA", "transcript": "Hi"}
        assert message({"refusal": "No", "annotations": cited, "audio": spoken}) == {
            "role": "assistant",
            "content": None,
            "refusal": "No",
            "annotations": cited,
            "audio": {"id": "a1"},
        }

    def test_annotations_come_back_with_all_their_keys(self) -> None:
        """They come back in the shapes in which they came, each once."""
        page = {"url": "u", "start_index": 1, "end_index": 2, "title": "t", "favicon": "f"}
        nested = {"type": "url_citation", "url_citation": page, "index": 0}
        flat = {"type": "url_citation", "url": "v", "snippet": "s"}
        file = {"type": "file", "file": {"hash": "h"}}
        deltas = [chunk({"annotations": [nested, flat]}), chunk({"annotations": [file, "odd"]})]
        other = {"type": "url_citation", "url": "w"}
        # The whole message leaves out an index, and has one citation in another shape.
        again = [
            {"type": "url_citation", "url_citation": page},
            {"type": "url_citation", "url_citation": {"url": "v", "title": None}},
            *(file, other),
        ]
        whole: dict[str, Any] = {"role": "assistant", "content": "Hi", "annotations": again}
        last = {"index": 0, "message": whole, "finish_reason": "stop"}
        streamer = read(*deltas, {"object": "chat.completion.chunk", "choices": [last]})
        [sent] = streamer.messages()
        assert sent["annotations"] == [nested, flat, file, other]
        typed = streamer.final().choices[0].message.annotations  # type: ignore[attr-defined]
        assert [one.type for one in typed] == ["url_citation"] * 2 + ["file", "url_citation"]

    def test_a_whole_answer_comes_back(self) -> None:
        """Its own keys, and those of its calls, come back."""
        calls = [call("c1", extra_content={"n": 0}), call("c2", extra_content={"n": 1})]
        said = {
            "role": "assistant",
            "content": "Hi",
            "reasoning_content": "Hm",
            "thinking_blocks": [{"thinking": "Hm", "signature": "s"}],
            "tool_calls": calls,
        }
        choice = {"index": 0, "message": said, "finish_reason": "tool_calls"}
        whole = {"object": "chat.completion", "choices": [choice]}
        assert read(whole, done=False).messages() == [said]

    def test_a_custom_call_comes_back_as_one(self) -> None:
        """It has an input instead of a function."""
        first: dict[str, Any] = {
            "id": "c1",
            "type": "custom",
            "custom": {"name": "shell", "input": "ls", "x": 1},
            "y": 2,
        }
        deltas: list[dict[str, Any]] = [
            {"tool_calls": [{"index": 0, **first}]},
            {"tool_calls": [{"index": 0, "custom": {"input": " -l"}}]},
        ]
        sent = message(*deltas, finish="tool_calls")
        custom = {"name": "shell", "input": "ls -l", "x": 1}
        assert sent["tool_calls"] == [{"id": "c1", "type": "custom", "custom": custom, "y": 2}]

    def test_a_call_of_an_unknown_kind_comes_back_as_it_came(self) -> None:
        """No function is made up for it."""
        first = {"id": "c1", "type": "mcp", "mcp": {"name": "f", "input": "x"}}
        sent = message({"tool_calls": [{"index": 0, **first}]}, finish="tool_calls")
        assert sent["tool_calls"] == [first]

    def test_an_old_function_call_comes_back_as_one(self) -> None:
        """It comes back as a `function_call`, with an empty object for empty arguments."""
        called: dict[str, Any] = {"name": "f", "arguments": ""}
        deltas: list[dict[str, Any]] = [{"function_call": called}, {"function_call": {}}]
        assert message(*deltas, finish="function_call") == {
            "role": "assistant",
            "content": None,
            "function_call": {"name": "f", "arguments": "{}"},
        }

    def test_broken_arguments_are_not_sent(self) -> None:
        """Many servers refuse the broken arguments that they have sent themselves."""
        sent = message(piece(0, '{"a', id="c1", name="f"), finish="tool_calls")
        assert sent["tool_calls"] == [call("c1")]

    def test_one_choice_continues(self) -> None:
        """`messages()` returns the first choice, or the one that you ask for."""
        streamer = read(
            chunk({"content": "a", "x": 1}),
            chunk({"content": "b", "x": 2}, index="1"),
            chunk({"content": "c", "x": 3}, index=2),
            chunk({}, "stop"),
            chunk({}, "stop", index=1),
            chunk({}, "stop", index=2),
        )
        assert streamer.messages() == [{"role": "assistant", "content": "a", "x": 1}]
        assert streamer.messages(1) == [{"role": "assistant", "content": "b", "x": 2}]
        assert streamer.messages(2) == [{"role": "assistant", "content": "c", "x": 3}]
        with pytest.raises(ValueError, match="the answer has no choice 3"):
            streamer.messages(3)

    @pytest.mark.parametrize(
        "odd",
        [
            {"tool_calls": [None, 1, {"index": True, "function": None, "x": 1}]},
            {"tool_calls": [{"index": {}, "id": 7, "type": 8, "function": {"x": 9}}]},
            {"calls": {"a": 1}, "x": {"a": [[1], {"index": "q"}, {"index": "q", "type": {}}]}},
            {"content": [None, 1, {"type": ["text"]}, {"text": "t"}], "x": 1},
            {"x": {"a": {"b": "c"}}},
            {"x": "text"},
            {"x": ["list"]},
            {"x": 1.5},
            {"reasoning": {"text": "Hm"}, "reasoning_content": ["Hm"]},
        ],
        ids=range(9),
    )
    def test_odd_values_break_nothing(self, odd: dict[str, Any]) -> None:
        """They come in any order, between good ones."""
        good: list[dict[str, Any]] = [
            {"content": "Hi", "x": {"a": "b"}},
            {"x": [{"type": "t", "text": "u"}]},
        ]
        for deltas in ([odd, *good, odd], [*good, odd], [good[0], odd, odd, good[1]]):
            streamer = read(*map(chunk, deltas), chunk({}, "stop"))
            if streamer.err() is None:
                assert json.loads(json.dumps(streamer.messages())) == streamer.messages()
            sent = streamer._machine.answer.as_sent(0)  # a part of an answer is JSON as well
            assert json.loads(json.dumps(sent)) == sent

    def test_a_long_chunk_is_looked_into(self) -> None:
        """Unknown keys beside a long text come back too."""
        sent = message({"content": "a" * 10_000, "x": 1}, {"content": "b" * 10_000})
        assert (sent["x"], len(sent["content"])) == (1, 20_000)

    def test_data_that_are_no_chunk_bring_nothing(self) -> None:
        """An event that you make by hand may have such data."""
        for data in ("{", "[]", "{}", '{"choices": 1}', '{"choices": [{"delta": 1}]}'):
            made = ChatCompletionChunk(raw=RawEvent("message", data))
            assert not ChatKept(ChatFold()).take(made, None)

    def test_there_are_more_forms_than_are_remembered(self) -> None:
        """However many different keys a server makes up, all come back."""
        keys = [{f"k{number}": number} for number in range(100)]
        sent = message(*keys, {"content": "Hi"}, *keys)
        assert {key: sent[key] for one in keys for key in one} == {
            key: value for one in keys for key, value in one.items()
        }


class TestInputItems:
    """Responses: the items of the output."""

    ITEMS: tuple[dict[str, Any], ...] = (
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "E", "x": 1},
        {
            "type": "message",
            "id": "m1",
            "role": "assistant",
            "status": "completed",
            "content": [
                {"type": "output_text", "text": "Hi", "annotations": [], "x": {"k": 1}},
                {"type": "refusal", "refusal": "No"},
            ],
        },
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}", "thought": "t"},
        {"type": "odd_thing", "id": "o", "foo": [1]},
        {"type": "odd_thing", "foo": [2]},
    )

    @staticmethod
    def ended(*output: dict[str, Any]) -> dict[str, Any]:
        """Return the event that ends a response with *output*."""
        response = {"id": "r", "object": "response", "status": "completed", "output": [*output]}
        return {"type": "response.completed", "response": response}

    def events(self, name: str, **changes: Any) -> list[dict[str, Any]]:
        """Return an event named *name* for each item."""
        return [
            {
                "type": f"response.output_item.{name}",
                "output_index": index,
                "item": {**item, **changes},
            }
            for index, item in enumerate(self.ITEMS)
        ]

    def test_items_come_back_however_they_came(self) -> None:
        """Unknown keys come back, and an item without an id gets none."""
        added = self.events("added", status="in_progress")
        for payloads in (
            [*added, *self.events("done"), self.ended(*self.ITEMS)],
            [*added, *self.events("done"), self.ended()],
            [*self.events("done"), self.ended()],
            [self.ended(*self.ITEMS)],
        ):
            assert read(*payloads, done=False).input_items() == [*self.ITEMS]

    def test_a_whole_response_comes_back(self) -> None:
        """A response that was not streamed gives the same items."""
        assert read(self.ended(*self.ITEMS)["response"]).input_items() == [*self.ITEMS]

    def test_a_poorer_end_takes_nothing_away(self) -> None:
        """Text and keys that the last event lacks come from the events before it."""
        text = {"type": "output_text", "text": "Hi", "annotations": []}
        item = {"type": "message", "id": "m1", "role": "assistant", "x": 1, "content": []}
        place = {"output_index": 0, "item_id": "m1", "content_index": 0}
        payloads = [
            {"type": "response.output_item.added", "output_index": 0, "item": {**item, "y": 2}},
            {"type": "response.content_part.done", **place, "part": text},
            {"type": "response.output_item.done", "output_index": 0, "item": {**item, "z": 3}},
            self.ended({**item, "content": [text]}),
        ]
        assert read(*payloads, done=False).input_items() == [
            {**item, "content": [text], "y": 2, "z": 3}
        ]

    def test_items_that_came_as_deltas_only_are_made_of_them(self) -> None:
        """An item without an id gets none."""
        payloads = [
            {"type": "response.output_text.delta", "output_index": 0, "delta": "Hi"},
            self.ended(),
        ]
        [sent] = read(*payloads, done=False).input_items()
        assert sent == {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Hi", "annotations": [], "logprobs": []}],
        }

    @pytest.mark.parametrize("blank", ["", " ", None, "null"])
    def test_no_arguments_are_an_empty_object(self, blank: str | None) -> None:
        """That is what the API takes."""
        item = {"type": "function_call", "call_id": "c1", "name": "f"}
        [sent] = read(self.ended({**item, "arguments": blank or ""}), done=False).input_items()
        assert sent == {**item, "arguments": "{}"}
        done = {"type": "response.output_item.done", "output_index": 0}
        streamer = read({**done, "item": {**item, "arguments": blank}}, self.ended(), done=False)
        for sent in streamer.input_items():
            assert sent == {**item, "arguments": "{}"}

    def test_a_call_that_came_twice_goes_back_once(self) -> None:
        """A call has one output."""
        item = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
        ended = self.ended({**item, "id": "a"}, {**item, "id": "b"})
        assert read(ended, done=False).input_items() == [{**item, "id": "a"}]
        ended = self.ended({**item, "status": "incomplete"}, {**item, "status": "completed"})
        assert read(ended, done=False).input_items() == [{**item, "status": "completed"}]

    def test_data_that_are_no_item_bring_nothing(self) -> None:
        """An event that you make by hand may have such data."""
        made = ResponseOutputItemDone(
            item=UnknownItem.of({}), output_index=0, raw=RawEvent("message", "{")
        )
        kept = ResponseKept()
        kept.take(made, None)
        kept.take(attrs.evolve(made, raw=RawEvent("message", '{"item": 1}')), None)
        item = {"type": "odd_thing", "x": 1}
        answer = ResponseAnswer(response=Response(output=(UnknownItem.of(item),)))
        assert kept.as_sent(answer, 0) == [item]

    def test_there_is_one_choice(self) -> None:
        """A choice other than 0 is an error."""
        streamer = read(self.ended(*self.ITEMS), done=False)
        with pytest.raises(ValueError, match="a response has no choice 1"):
            streamer._machine.answer.as_sent(1)

    @pytest.mark.parametrize(
        "item",
        [
            {"type": "odd_thing", "id": {}, "call_id": [1]},
            {"type": ["odd"], "id": 1},
            {"type": "function_call", "id": 7, "call_id": {}, "arguments": {"a": 1}, "name": "f"},
            {},
        ],
    )
    def test_odd_items_break_nothing(self, item: dict[str, Any]) -> None:
        """Whatever is in them, what is sent back can be written as JSON."""
        done = {"type": "response.output_item.done", "output_index": 0, "item": item}
        for payloads in ([done, self.ended()], [self.ended(item)], [done, self.ended(item, item)]):
            sent = read(*payloads, done=False).input_items()
            assert json.loads(json.dumps(sent)) == sent


class TestConversation:
    """The conversation continues after the answer."""

    def test_the_request_is_in_it(self, server: ScriptedServer, client: Client) -> None:
        """What it returns can be sent, and changed without changing anything else."""
        answer = script(chunk({"content": "Hi", "x": 1}), chunk({}, "stop"))
        server.scripts += [answer, answer]
        messages: list[Any] = [{"role": "user", "content": [{"type": "text", "text": "?"}]}]
        with client.create_chat_completion_stream(model="m", messages=messages) as s:
            s.read()
            following = [*s.messages(), {"role": "user", "content": "And?"}]
            s.messages()[0]["content"][0]["text"] = "!"
        with client.create_chat_completion_stream(model="m", messages=following) as s:
            s.read()
        said = {"role": "assistant", "content": "Hi", "x": 1}
        assert server.requests[1].json()["messages"] == [
            *messages,
            said,
            {"role": "user", "content": "And?"},
        ]
        assert s.messages()[:-1] == following

    def test_tool_rounds_are_in_it(self, server: ScriptedServer, client: Client) -> None:
        """The second round is asked with what the first one said, and so on."""
        first = piece(0, "", id="c1", name="weather", extra_content=SIGNATURE)
        second = {"reasoning_content": "Hm", **piece(0, "{}", id="c2", name="weather")}
        server.scripts += [
            script(chunk(first), chunk({}, "tool_calls")),
            script(chunk(second), chunk({}, "tool_calls")),
            script(chunk({"content": "Cold."}), chunk({}, "stop")),
        ]
        stream = client.create_chat_completion_stream(model="m", messages=ASKED)
        with run_tools(client, stream, [weather]) as s:
            assert s.read() == b"Cold."
        rounds = [
            *ASKED,
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [call("c1", "weather", extra_content=SIGNATURE)],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "Oslo: 4"},
            {
                "role": "assistant",
                "content": None,
                "reasoning_content": "Hm",
                "tool_calls": [call("c2", "weather")],
            },
            {"role": "tool", "tool_call_id": "c2", "content": "Oslo: 4"},
        ]
        assert server.requests[1].json()["messages"] == rounds[:3]
        assert server.requests[2].json()["messages"] == rounds
        assert s.messages() == [*rounds, {"role": "assistant", "content": "Cold."}]

    CALL: Any = {
        "type": "function_call",
        "call_id": "c1",
        "name": "weather",
        "arguments": "",
        "x": 1,
    }
    SENT = {**CALL, "arguments": "{}"}
    OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "Oslo: 4"}
    TEXT: Any = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Cold.", "annotations": []}],
    }

    def responses(self, server: ScriptedServer) -> None:
        """Script a response that calls, and one that answers."""
        for number, item in enumerate((self.CALL, self.TEXT)):
            ended = TestInputItems.ended(item)
            ended["response"]["id"] = f"r{number}"
            server.scripts.append(script(ended, done=False))

    @pytest.mark.parametrize("store", [False, None])
    def test_items_of_all_rounds_are_in_it(
        self, server: ScriptedServer, client: Client, store: bool | None
    ) -> None:
        """Whether the server has stored the first round or gets it again."""
        self.responses(server)
        params: dict[str, Any] = {} if store is None else {"store": store}
        stream = client.create_response_stream(model="m", input="Weather?", **params)
        with run_tools(client, stream, [weather]) as s:
            s.read()
        asked = {"role": "user", "content": "Weather?"}
        again = [] if store is None else [asked, self.SENT]
        assert server.requests[1].json()["input"] == [*again, self.OUTPUT]
        assert s.input_items() == [asked, self.SENT, self.OUTPUT, self.TEXT]

    def test_a_conversation_of_the_server_is_in_it(
        self, server: ScriptedServer, client: Client
    ) -> None:
        """It has what this stream has seen of the conversation."""
        self.responses(server)
        stream = client.create_response_stream(model="m", input="Weather?", conversation="conv_1")
        with run_tools(client, stream, [weather]) as s:
            s.read()
        assert s.input_items()[1:] == [self.SENT, self.OUTPUT, self.TEXT]

    def test_what_is_chained_by_hand_is_in_it(self, server: ScriptedServer, client: Client) -> None:
        """A request that continues an answer continues the conversation; another one does not."""
        for _ in range(2):
            self.responses(server)
        create = client.create_response_stream
        with create(model="m", input="Weather?") as s:
            s.chain(create(model="m", input=[self.OUTPUT], previous_response_id="r0"))
            s.chain(create(model="m", input=""))
            s.chain(create(model="m", input=[self.OUTPUT]))
            ends = []
            while s.next():
                s.event()
                ends.append(s.events_read)
            assert s.input_items() == [self.OUTPUT, self.TEXT]

    def test_a_recorded_loop_keeps_it(
        self, server: ScriptedServer, client: Client, tmp_path: Any
    ) -> None:
        """A source that is recorded still has its request."""
        self.responses(server)
        stream = client.create_response_stream(model="m", input="Weather?")
        recorded: StreamerV2 = StreamerV2(record(stream.source, tmp_path / "r.jsonl"))
        with run_tools(client, recorded, [weather]) as s:
            s.read()
            assert s.input_items()[1:] == [self.SENT, self.OUTPUT, self.TEXT]
        stream.close()


class TestMisuse:
    """What there is nothing to continue from."""

    def test_an_answer_that_is_not_whole_is_refused(self) -> None:
        """`messages()` raises what final() raises."""
        streamer = StreamerV2([events(chunk({"content": "Hi"}), done=False)])
        with pytest.raises(TruncatedStreamError):
            streamer.messages()

    def test_each_api_has_its_own(self) -> None:
        """Chat Completions has messages(), Responses has input_items(), Assistants has neither."""
        chat = read(chunk({"content": "Hi"}), chunk({}, "stop"))
        advice = (
            r" is not for this API: use messages\(\) with Chat Completions,"
            r" and input_items\(\) with Responses$"
        )
        with pytest.raises(TypeError, match=rf"^input_items\(\){advice}"):
            chat.input_items()
        with pytest.raises(TypeError, match=rf"^messages\(\){advice}"):
            read(TestInputItems.ended()).messages()
        run = {"id": "run_1", "object": "thread.run", "status": "completed"}
        assistants = read(run)
        with pytest.raises(TypeError, match="is not for this API"):
            assistants.messages()
        assert assistants._machine.answer.as_sent(0) == []
        assert assistants._machine.answer.final_text() == ""
        assert StreamerV2([])._machine.answer.final_text() == ""
        assert StreamerV2([])._machine.answer.family == ""

    @pytest.mark.parametrize(
        "refusal",
        [
            json_answer({}, status="404 Not Found"),
            json_answer(
                {"error": {"message": "Not found.", "code": "previous_response_not_found"}},
                status="400 Bad Request",
            ),
        ],
    )
    def test_a_server_that_stores_nothing_is_distinguished(
        self, server: ScriptedServer, client: Client, refusal: bytes
    ) -> None:
        """Its refusal says what to do."""
        ended = TestInputItems.ended(TestConversation.CALL)
        server.scripts += [script(ended, done=False), [refusal]]
        stream = client.create_response_stream(model="m", input="Weather?")
        with run_tools(client, stream, [weather]) as s:
            while s.next():
                pass
            error = s.err()
        assert isinstance(error, APIError)
        assert "probably did not store the response" in str(error)
        assert "store=False" in str(error)
