"""The pieces of a response contain all of it, once, in whatever form it is sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from folding import pieces, wire
from response_forms import (
    added,
    call,
    custom,
    done,
    event,
    message,
    reasoning,
    response,
    tell,
)

from openai_scan import StreamerV2
from openai_scan.values import Piece

TEXT = {"item_id": "m", "output_index": 0, "content_index": 0}


def delta(text: str, **place: Any) -> Any:
    """Return an event with a piece of text."""
    return event("output_text.delta", delta=text, **(place or TEXT))


def part(text: str, kind: str = "output_text") -> Any:
    """Return a part of a message."""
    return {"type": kind, "refusal" if kind == "refusal" else "text": text}


EMPTY = message(status="in_progress")
WHOLE = response("completed", output=[message("Hi")])
NOTHING = response("completed", output=[])

FORMS: dict[str, tuple[list[Any], list[str]]] = {
    "only the response": ([WHOLE], ["Hi"]),
    "only the whole item": ([done(message("Hi")), NOTHING], ["Hi", ""]),
    "only the announced item": ([added(message("Hi")), NOTHING], ["Hi", ""]),
    "only the end of the text": (
        [added(EMPTY), event("output_text.done", text="Hi", **TEXT), NOTHING],
        ["", "Hi", ""],
    ),
    "only the whole part": (
        [added(EMPTY), event("content_part.done", part=part("Hi"), **TEXT), NOTHING],
        ["", "Hi", ""],
    ),
    "only the announced part": (
        [added(EMPTY), event("content_part.added", part=part("Hi"), **TEXT), NOTHING],
        ["", "Hi", ""],
    ),
    "everything": (
        [
            added(EMPTY),
            event("content_part.added", part=part(""), **TEXT),
            delta("H"),
            delta("i"),
            event("output_text.done", text="Hi", **TEXT),
            event("content_part.done", part=part("Hi"), **TEXT),
            done(message("Hi")),
            WHOLE,
        ],
        ["", "", "H", "i", "", "", "", ""],
    ),
    "the tail is missing": (
        [delta("H"), event("output_text.done", text="Hi", **TEXT), WHOLE],
        ["H", "i", ""],
    ),
    "the tail is missing until the end": ([delta("H"), WHOLE], ["H", "i"]),
    "in halves of characters": (
        [delta("\ud83d"), event("output_text.done", text="\U0001f600!", **TEXT)],
        ["", "\U0001f600!"],
    ),
    "read from the middle": (
        [response("in_progress", output=[message("H")]), delta("i"), WHOLE],
        ["H", "i", ""],
    ),
    "read from the middle, queued": (
        [response("queued", output=[message("Hi")]), NOTHING],
        ["Hi", ""],
    ),
    "announced, then repeated as deltas": (
        [added(message("Hi")), delta("H"), delta("i"), delta("!"), done(message("Hi!"))],
        ["Hi", "", "", "!", ""],
    ),
    "announced, then what follows, which looks like it": (
        [added(message("Hip")), delta("Hi"), delta("!"), NOTHING],
        ["Hip", "", "Hi!", ""],
    ),
    "announced, then what follows, which is the same": (
        [added(message("ha")), delta("ha"), event("output_text.done", text="haha", **TEXT)],
        ["ha", "", "ha"],
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_text_in_any_form(form: str) -> None:
    """The text is handed out by the events that bring it first, and by no other."""
    events, expected = FORMS[form]
    told = tell(*events)
    assert told.events == expected
    assert told.text == told.answer.text == "".join(expected)
    assert not told.stream.notes["text_differs"]


def test_a_text_that_is_another_one() -> None:
    """Nothing is handed out twice; the answer has the server's last word, and a note says so."""
    told = tell(delta("Hello"), event("output_text.done", text="Goodbye", **TEXT), NOTHING)
    assert (told.text, told.answer.text) == ("Hello", "Goodbye")
    assert told.stream.notes["text_differs"] == 1


def test_a_delta_is_missing_between_others() -> None:
    """What is missing in the middle cannot be handed out in order: the text differs."""
    told = tell(delta("ab"), delta("ef"), event("output_text.done", text="abcdef", **TEXT))
    assert (told.text, told.answer.text) == ("abef", "abcdef")
    assert told.stream.notes["text_differs"] == 1


def test_parts_and_items_without_deltas_between_others() -> None:
    """A part or an item that has no deltas is handed out where it comes."""
    at = {"item_id": "m", "output_index": 0}
    told = tell(
        added(EMPTY),
        delta("a", **at, content_index=0),
        event("content_part.done", part=part("b"), **at, content_index=1),
        delta("c", **at, content_index=2),
        done(message("a", "b", "c")),
        done(message("d", id="n"), 1),
        delta("e", item_id="o", output_index=2),
        response(
            "completed",
            output=[message("a", "b", "c"), message("d", id="n"), message("e", id="o")],
        ),
    )
    assert told.events == ["", "a", "b", "c", "", "d", "e", ""]
    assert told.answer.text == "abcde"


def test_reasoning_and_refusal_without_deltas() -> None:
    """Reasoning, its summary and a refusal are handed out like text."""
    output = [reasoning("r1", "r2", summary=["s"]), message(part("no", "refusal"))]
    for events in ([response("completed", output=output)], [done(output[0]), done(output[1], 1)]):
        told = tell(*events)
        assert (told.reasoning, told.refusal, told.text) == ("sr1r2", "no", "")
    place = {"item_id": "rs", "output_index": 0}
    told = tell(
        event("reasoning_summary_part.added", part=part("s", "summary_text"), **place),
        event("reasoning_summary_text.done", text="sum", **place),
        event("reasoning_summary_part.done", part=part("summ", "summary_text"), **place),
        event("content_part.added", part=part("r", "reasoning_text"), **place),
        event("reasoning_text.done", text="re", **place),
        event("content_part.done", part=part("rea", "reasoning_text"), **place),
        event("refusal.done", refusal="n", item_id="m", output_index=1),
        response("completed", output=[reasoning("real", summary=["summ"]), output[1]]),
    )
    assert told.events == ["s", "um", "m", "r", "e", "a", "n", "lo"]
    assert (told.reasoning, told.refusal) == ("summreal", "no")


# Parts without indexes.


def test_deltas_of_several_parts_without_indexes() -> None:
    """Text that went into one part and belongs to two is not handed out again."""
    citation = {"type": "file_path", "file_id": "f", "index": 0}
    parts = [{**part("ab"), "annotations": [citation]}, part("cd")]
    told = tell(delta("ab", item_id="m"), delta("c", item_id="m"), done(message(*parts), None))
    assert told.events == ["ab", "c", "d"]
    [item] = told.answer.response.output
    assert [one.text for one in item.content] == ["ab", "cd"]
    assert [len(one.annotations) for one in item.content] == [1, 0]
    told = tell(
        delta("ab", item_id="m"),
        event("output_text.annotation.added", item_id="m", annotation=citation),
        event("refusal.delta", item_id="m", delta="n"),
        done(message("a", "bc", part("no", "refusal")), None),
    )
    assert told.events == ["ab", "", "n", "co"]
    [item] = told.answer.response.output
    assert [len(one.annotations) for one in item.content[:2]] == [1, 0]
    assert told.answer.text == "abc"


def test_deltas_that_all_have_the_same_index() -> None:
    """A server that does not count its parts sends 0 for each."""
    told = tell(delta("ab"), delta("cd"), done(message("ab", "cd", "e")))
    assert told.events == ["ab", "cd", "e"]
    assert told.answer.text == "abcde"
    told = tell(
        event("content_part.done", part=part("ab"), **TEXT),
        event("content_part.added", part=part(""), **TEXT),
        delta("cd"),
        done(message("ab", "cd")),
    )
    assert told.events == ["ab", "", "cd", ""]


def test_parts_without_indexes_that_differ() -> None:
    """The answer has the server's parts, and nothing is handed out twice."""
    told = tell(delta("ab cd", item_id="m"), done(message("ab", "cd"), None))
    assert (told.text, told.answer.text) == ("ab cd", "abcd")
    assert told.stream.notes["text_differs"] == 1
    told = tell(delta("ab"), delta("x", **{**TEXT, "content_index": 1}), done(message("ab", "y")))
    assert (told.text, told.answer.text) == ("abx", "aby")


def test_parts_that_are_announced_empty() -> None:
    """No text has gone into them, so the end of the item may still bring it."""
    told = tell(
        event("content_part.added", part=part(""), **TEXT),
        delta("b", **{**TEXT, "content_index": 1}),
        delta("", **{**TEXT, "content_index": 2}),
        done(message("a", "b")),
    )
    assert (told.events, told.answer.text) == (["", "b", "", "a"], "ab")


def test_less_text_in_other_parts() -> None:
    """If the end has less text than came, the parts keep theirs."""
    told = tell(
        delta("ab", item_id="m"),
        delta("cd", item_id="m"),
        done(message("ab", "c", part("no", "refusal")), None),
    )
    assert (told.text, told.answer.text, told.refusal) == ("abcd", "abcd", "no")


def test_texts_that_end_without_indexes() -> None:
    """After the end of a text, another end is of the next part unless it can be of the same one."""
    ends = [event("output_text.done", item_id="m", text=text) for text in ("a", "b", "bc")]
    assert tell(*ends).events == ["a", "b", "c"]
    told = tell(*ends[:1], delta("b", item_id="m"), done(message("a", "b"), None))
    assert (told.events, told.answer.text) == (["a", "b", ""], "ab")
    parts = [event("content_part.added", item_id="m", part=part("")) for _ in "ab"]
    told = tell(parts[0], delta("a", item_id="m"), parts[1], delta("b", item_id="m"))
    assert [one.text for one in told.answer.response.output[0].content] == ["a", "b"]


def test_parts_that_came_with_their_item() -> None:
    """Events without an index are about the parts of the item in order, if they can be."""
    whole = message("ab", part("no", "refusal"), "cd")
    told = tell(
        added(whole, None),
        event("content_part.added", item_id="m", part=part("")),
        delta("ab", item_id="m"),
        event("output_text.done", item_id="m", text="ab"),
        event("content_part.added", item_id="m", part=part("", "refusal")),
        event("refusal.done", item_id="m", refusal="no"),
        event("output_text.done", item_id="m", text="cd"),
        done(whole, None),
    )
    assert told.events == ["abnocd", "", "", "", "", "", "", ""]
    told = tell(added(message("ab"), None), event("output_text.done", item_id="m", text="x"))
    assert told.answer.text == "x"
    told = tell(
        added(message("ab"), None), event("content_part.added", item_id="m", part=part("x"))
    )
    assert told.answer.text == "abx"


def test_a_response_under_way_again() -> None:
    """A later state of the response changes only what has not ended."""
    told = tell(
        event("content_part.done", part=part("Hi"), **TEXT),
        response("in_progress", output=[message("Hi there", "!")]),
        response("in_progress", output=[message("Hi", "other")]),
        done(message("Hi", "!"), 0),
        response("in_progress", output=[message("Hi", "!?")]),
    )
    assert (told.events, told.answer.text) == (["Hi", "!", "", "", ""], "Hi!")


# Which item it is.


def test_ids_that_change_with_each_event() -> None:
    """With an index, or where only one item can be meant, the id does not matter."""
    for index in (0, None):
        told = tell(
            added(message(id="a", status="in_progress"), index),
            delta("H", item_id="b", output_index=index),
            delta("i", item_id="c", output_index=index),
            done(message("Hi", id="d"), index),
            response("completed", output=[message("Hi", id="e")]),
        )
        assert (told.text, told.answer.text) == ("Hi", "Hi")
        assert len(told.answer.response.output) == 1


def test_one_index_for_all_items() -> None:
    """If a server gives all items one index, the kind and the id tell them apart."""
    told = tell(
        added(reasoning(id="rs")),
        event("reasoning_text.delta", delta="r", item_id="rs", output_index=0),
        done(reasoning("r", id="rs")),
        added(message(id="m", status="in_progress")),
        delta("a"),
        done(message("a", id="m")),
        delta("b", item_id="n", output_index=0),
        done(message("b", id="n")),
        added(call("", "c", id="f1", status="in_progress")),
        added(call("", "d", id="f2", status="in_progress")),
        done(call('{"x":1}', "c", id="f1")),
        done(call('{"x":2}', "d", id="f2")),
    )
    assert (told.reasoning, told.text) == ("r", "ab")
    assert told.calls == {("c", "f"): '{"x":1}', ("d", "f"): '{"x":2}'}
    assert told.stream.notes["item_index_reused"] == 3
    told = tell(done(message("a", id="")), added(message("b", id="")), done(message("b", id="")))
    assert told.text == told.answer.text == "ab"


def test_one_id_for_all_items() -> None:
    """If a server gives all items one id, the index tells them apart."""
    told = tell(
        done(message("a")),
        delta("b", item_id="m", output_index=1),
        done(message("b"), 1),
        done(message("c"), 2),
        done(message("c"), 3),
    )
    assert told.text == told.answer.text == "abc"


def test_one_id_for_all_calls_of_a_server() -> None:
    """The index also tells apart the calls that run on the server."""
    mcp = {"type": "mcp_call", "id": "i", "server_label": "s", "name": "n"}
    told = tell(done({**mcp, "arguments": '{"x":1}'}), done({**mcp, "arguments": '{"x":2}'}, 1))
    assert [item.arguments for item in told.answer.response.output] == ['{"x":1}', '{"x":2}']


def test_an_end_with_another_id() -> None:
    """Without an index it ends the only open item if its text can be that item's."""
    told = tell(added(message("ab", id="a"), None), done(message("x", id="b"), None))
    assert (told.text, told.answer.text) == ("abx", "abx")
    told = tell(added(message("ab", id="a"), None), done(message(id="b"), None))
    assert (told.answer.text, len(told.answer.response.output)) == ("ab", 1)
    told = tell(added(reasoning("ab", id="a"), None), done(reasoning("abc", id="b"), None))
    assert (told.reasoning, len(told.answer.response.output)) == ("abc", 1)
    told = tell(
        added(call("", "c", id="a", status="in_progress"), None),
        added(call("", "", id="b", status="in_progress"), None),
        done(call("{}", "c", id="b"), None),
    )
    assert len(told.answer.response.output) == 1


def test_two_messages_that_say_the_same() -> None:
    """Their ids tell them apart, although one is only announced and the other only ends."""
    one, other = (message("Hi", id=id, status="completed") for id in "ab")
    for output in ([], [one, other]):
        told = tell(added(one, None), done(other, None), response("completed", output=output))
        assert told.events == ["Hi", "Hi", ""]
        assert told.text == told.answer.text == "HiHi"


def test_a_message_that_does_not_say_whose_it_is() -> None:
    """It is a message of the model."""
    told = tell(done({"type": "message", "content": [part("Hi")]}))
    assert (told.text, told.answer.response.output[0].role) == ("Hi", "assistant")


def test_the_short_way() -> None:
    """Deltas that are read in the short way are in the answer, and nothing is handed out twice."""
    letters = "abcdefghijklm"
    deltas = [delta(letter) for letter in letters]
    told = tell(*deltas, event("output_text.done", text=letters + "n", **TEXT))
    assert told.text == told.answer.text == letters + "n"
    for known in range(1, len(letters)):
        told = tell(added(message(letters[:known])), *deltas, done(message(letters)))
        assert told.text == told.answer.text == letters
    told = tell(*deltas[:5], done(message(letters[:5])), *deltas[5:])
    assert told.text == told.answer.text == letters[:5]


def test_an_index_that_changes() -> None:
    """An item that ends at another index than it was announced at is the same by its id."""
    told = tell(added(EMPTY, 1), delta("Hi", item_id="m", output_index=0), done(message("Hi"), 0))
    assert (told.text, len(told.answer.response.output)) == ("Hi", 1)
    told = tell(added(call("", status="in_progress"), 1), done(call('{"x":1}', id="other"), 0))
    assert told.calls == {("c", "f"): '{"x":1}'}
    assert len(told.answer.response.output) == 1


def test_the_order_of_the_last_word() -> None:
    """The response at the end decides the order; what it leaves out stays where it was."""
    told = tell(
        done(message("0", id="m0"), 0),
        done(message("1", id="m1"), 1),
        done(message("2", id="m2"), 2),
        added(message(id="m3", status="in_progress"), 3),
        response("completed", output=[message("2", id="m2"), message("0", id="m0")]),
    )
    assert [item.id for item in told.answer.response.output] == ["m2", "m0", "m1"]
    told = tell(
        done(message("0", id="m0"), 0),
        done(message("1", id="m1"), 1),
        response("completed", output=[message("1", id="m1")]),
        response("completed", output=[]),
    )
    assert [item.id for item in told.answer.response.output] == ["m0", "m1"]


def test_a_last_word_without_ids() -> None:
    """Items without ids are matched by their place, then by their order in their kind."""
    told = tell(
        done(reasoning("r", id="")),
        done(message("a", id=""), 1),
        done(message("b", id=""), 2),
        response("completed", output=[message("a", id=""), message("b", id="")]),
    )
    assert (told.text, told.answer.text, told.reasoning) == ("ab", "ab", "r")
    told = tell(
        done(message("a", id="m")),
        response("completed", output=[message("b", id="n")]),
    )
    assert (told.text, told.answer.text) == ("ab", "ab")
    told = tell(
        done(call("{}", "c", id="")), response("completed", output=[call("[]", "d", id="")])
    )
    assert [one.id for one in told.answer.calls] == ["c", "d"]


# Calls.


def test_a_call_in_any_form() -> None:
    """A call is announced, and its arguments are handed out once."""
    begun = call("", status="in_progress")
    place = {"item_id": "fc", "output_index": 0}
    whole = call('{"x":1}')
    name = "function_call_arguments"
    forms: list[list[Any]] = [
        [response("completed", output=[whole])],
        [done(whole)],
        [added(whole), NOTHING],
        [added(begun), event(f"{name}.done", arguments='{"x":1}', **place), done(whole)],
        [added(begun), event(f"{name}.delta", delta='{"x"', **place), done(whole)],
        [added(begun), event(f"{name}.delta", delta={"x": 1}, **place), done(call({"x": 1}))],
        [added(begun), event(f"{name}.done", arguments={"x": 1}, **place)],
        [added(whole), event(f"{name}.delta", delta='{"x":1}', **place), done(whole)],
        [added(call("{}")), event(f"{name}.delta", delta='{"x":1}', **place), done(whole)],
        [
            added(begun),
            event(f"{name}.delta", delta="{}", **place),
            event(f"{name}.delta", delta='{"x"', **place),
            event(f"{name}.delta", delta=":1}", **place),
        ],
        [
            added(begun),
            event(f"{name}.delta", delta='{"x"', **place),
            event(f"{name}.delta", delta=":1}\n", **place),
            event(f"{name}.delta", delta=' {"x":', **place),
            event(f"{name}.delta", delta="1}", **place),
        ],
    ]
    for events in forms:
        told = tell(*events, response("completed", output=[whole]))
        [one] = told.answer.calls
        assert (one.id, one.name, one.kind, one.complete) == ("c", "f", "function", True)
        assert one.parsed() == {"x": 1}
        assert {key: text.strip().replace(" ", "") for key, text in told.calls.items()} == {
            ("c", "f"): '{"x":1}'
        }


def test_the_pieces_of_a_call() -> None:
    """The first piece announces the call, and each piece has the call's id and name."""
    begun = added(call("", status="in_progress"))
    some = event("function_call_arguments.delta", item_id="fc", output_index=0, delta='{"x"')
    assert pieces(begun, some) == [
        Piece("call", call_id="c", name="f"),
        Piece("call", text='{"x"', call_id="c", name="f"),
    ]


def test_arguments_that_are_replaced() -> None:
    """Other arguments after whole ones replace them, and are not handed out: the text differs."""
    place = {"item_id": "fc", "output_index": 0}
    pieces = [
        event("function_call_arguments.delta", delta=text, **place)
        for text in ('{"x":', "1}", '{"y"', ":2}")
    ]
    told = tell(added(call("", status="in_progress")), *pieces, done(call('{"y":2}')))
    assert told.calls == {("c", "f"): '{"x":1}'}
    assert told.answer.calls[0].arguments == '{"y":2}'
    assert told.stream.notes["text_differs"] == 1


def test_arguments_that_only_look_whole() -> None:
    """Braces in strings, after escapes and around lists do not end an object."""
    for text in (
        ['{"x":"}', '{"', "}"],
        ['{"x":"\\', '"}', '{"', "}"],
        ['{"x":"\\\\', '"}'],
        ['{"x":[{"y":1}', ",", '{"y":2}]}'],
        ['{"x":"\\', "{", '"}'],
        ["[1", "{"],
        ["{}", "\n"],
    ):
        deltas = [
            event("function_call_arguments.delta", delta=delta, item_id="fc", output_index=0)
            for delta in text
        ]
        told = tell(added(call("", status="in_progress")), *deltas)
        assert told.calls == {("c", "f"): "".join(text)}
        assert not told.stream.notes


def test_an_announcement_with_a_part_of_the_arguments() -> None:
    """Deltas continue from it, though they begin with a brace."""
    place = {"item_id": "fc", "output_index": 0}
    told = tell(
        added(call('{"x":', status="in_progress")),
        event("function_call_arguments.delta", delta='{"y":1}}', **place),
        done(call('{"x":{"y":1}}')),
    )
    assert told.calls == {("c", "f"): '{"x":{"y":1}}'}


def test_a_call_id_tells_which_call_it_is() -> None:
    """An item id that changes between the events of a call does not make it two."""
    begun, whole = call("", id="a", status="in_progress"), call('{"x":1}', id="b")
    for item_id in ("a", "b", "z"):
        told = tell(
            added(begun, None),
            event("function_call_arguments.delta", item_id=item_id, delta='{"x"'),
            event("function_call_arguments.done", item_id="b", arguments='{"x":1}'),
            done(whole, None),
            response("completed", output=[call('{"x":1}', id="e")]),
        )
        assert told.calls == {("c", "f"): '{"x":1}'}
        assert [one.arguments for one in told.answer.calls] == ['{"x":1}']
        assert len(told.answer.response.output) == 1


def test_parallel_calls_whose_item_ids_change() -> None:
    """Arguments whose call is not known yet wait until it is."""
    told = tell(
        added(call("", "c", id="a1", status="in_progress"), None),
        added(call("", "d", id="a2", status="in_progress"), None),
        event("function_call_arguments.delta", item_id="a1", delta='{"x"'),
        event("function_call_arguments.done", item_id="b1", arguments='{"x":1}'),
        done(call("", "c", id="b1"), None),
        event("function_call_arguments.done", item_id="b2", arguments='{"x":2}'),
        done(call('{"x":2}', "d", id="b2"), None),
        response("completed", output=[]),
    )
    assert told.calls == {("c", "f"): '{"x":1}', ("d", "f"): '{"x":2}'}
    assert [one.arguments for one in told.answer.calls] == ['{"x":1}', '{"x":2}']
    assert len(told.answer.response.output) == 2
    status = event("mcp_call.in_progress", item_id="x")
    assert tell(status).answer.calls == ()


def test_one_call_twice_in_the_output() -> None:
    """Both items stay, and the call counts once: it can be answered only once."""
    twice = [call('{"x":1}', id="a"), call('{"x":1}', id="b")]
    for events in (
        [response("completed", output=twice)],
        [done(twice[0]), added(twice[1], 1), done(twice[1], 1)],
    ):
        told = tell(*events)
        assert told.calls == {("c", "f"): '{"x":1}'}
        assert [one.id for one in told.answer.calls] == ["c"]
        assert len(told.answer.response.output) == 2
    told = tell(
        added(call("", id="a", status="in_progress")),
        added(call("", id="b", status="in_progress"), 1),
        done(call('{"x":1}', id="b"), 1),
    )
    assert [(one.arguments, one.complete) for one in told.answer.calls] == [('{"x":1}', True)]


def test_two_calls_with_one_id() -> None:
    """Only one can be answered: it counts, and the other is noted."""
    same = [call('{"x":1}', id="a"), call('{"x":1}', id="b")]
    assert not tell(*[done(one, index) for index, one in enumerate(same)]).stream.notes
    for other in (call('{"x":2}', id="b"), call('{"x":1}', id="b", name="g"), call("", id="b")):
        told = tell(done(same[0]), done(other, 1))
        assert [one.arguments for one in told.answer.calls] == ['{"x":1}']
        assert told.stream.notes["call_id_reused"] == 1
    told = tell(added(call("", id="a", status="in_progress")), done(call("", id="b"), 1))
    assert not told.stream.notes


def test_arguments_twice_in_one_text() -> None:
    """Of several objects in one text the last counts."""
    place = {"item_id": "fc", "output_index": 0}
    for text in ('{"x":1}{"x":1}', '{} {"x":1}', '{"y":"}{"}\n{"x":1}\n'):
        for events in (
            [done(call(text))],
            [added(call(text))],
            [event("function_call_arguments.delta", delta=text, **place), done(call(""))],
        ):
            told = tell(*events)
            assert told.answer.calls[0].parsed() == {"x": 1}
            assert told.calls["c", "f"].strip() == '{"x":1}'
            assert told.stream.notes["text_repeated"] == 1
    for text in ('{"x":"}{"}', '{"x":1}{"x"', '{"x":1} 1 {}{}', '{"x":' * 9_999 + "}{"):
        told = tell(done(call(text)))
        assert told.answer.calls[0].arguments == text
        assert not told.stream.notes


def test_a_call_without_a_name() -> None:
    """It is complete once a later event brings its name and the id to answer it with."""
    orphan = event("function_call_arguments.done", item_id="fc", arguments='{"x":1}')
    told = tell(orphan)
    assert [(one.id, one.name, one.complete) for one in told.answer.calls] == [("", "", False)]
    assert told.calls == {}
    told = tell(orphan, response("completed", output=[]))
    assert told.calls == {("", ""): '{"x":1}'}
    assert not told.answer.calls[0].complete
    named = {**orphan, "name": "f"}
    told = tell(named, response("completed", output=[]))
    assert [(one.id, one.name, one.complete) for one in told.answer.calls] == [("", "f", False)]
    for later in (done(call(""), None), response("completed", output=[call(None)])):
        told = tell(orphan, later)
        assert told.calls == {("c", "f"): '{"x":1}'}
        assert told.answer.calls[0].complete
    told = tell(added(call("", name="", status="in_progress")), {**named, "output_index": 0})
    assert told.calls == {("c", ""): "", ("c", "f"): '{"x":1}'}


@pytest.mark.parametrize("nothing", ["", " ", None, {}])
def test_a_call_without_arguments(nothing: Any) -> None:
    """Empty arguments are an empty object once the call has ended, and not before."""
    place = {"item_id": "fc", "output_index": 0}
    begun = added(call("", status="in_progress"))
    ended = event("function_call_arguments.done", arguments=nothing, **place)
    for events in ([begun, ended], [done(call(nothing))], [begun, ended, done(call(nothing))]):
        [one] = tell(*events).answer.calls
        assert (one.complete, one.parsed()) == (True, {})
    [one] = tell(begun, response("completed", output=[])).answer.calls
    assert not one.complete


@pytest.mark.parametrize("nothing", ["", " ", None, {}])
def test_the_pieces_of_a_call_without_arguments(nothing: Any) -> None:
    """The pieces are an empty object too."""
    begun, ended = added(call("", status="in_progress")), done(call(nothing))
    for events in ([response("completed", output=[call(nothing)])], [begun, ended, NOTHING]):
        [text] = tell(*events).calls.values()
        assert json.loads(text) == {}
    stream = StreamerV2(wire(begun, ended, "[DONE]"))
    assert json.loads("".join(piece.text for _ in stream for piece in stream.pieces())) == {}


def test_a_call_has_no_arguments_only_once_it_is_over() -> None:
    """A later event may bring some, and a call that was cut short has none."""
    whole = response("completed", output=[call('{"x":1}')])
    told = tell(added(call("", status="in_progress")), done(call("")), whole)
    assert told.calls == {("c", "f"): '{"x":1}'}
    for unfinished in (
        response("incomplete", output=[call("", status="incomplete")]),
        response("completed", output=[call("", name="")]),
    ):
        assert "".join(tell(unfinished).calls.values()) == ""


def test_a_call_that_says_nothing_about_its_status() -> None:
    """Arguments that parse are not complete while more may come."""
    place = {"item_id": "fc", "output_index": 0}
    begun = added(call("", status=None))
    some = event("function_call_arguments.delta", delta='{"x":1}', **place)
    assert not tell(begun, some).answer.calls[0].complete
    assert tell(begun, some, NOTHING).answer.calls[0].complete
    incomplete = response("incomplete", output=[call('{"x":1}', status=None)])
    assert not tell(incomplete).answer.calls[0].complete
    assert tell(done(call('{"x":1}', status=None)), incomplete).answer.calls[0].complete
    cut = response("completed", output=[call('{"x":1}', status="incomplete")])
    assert not tell(cut).answer.calls[0].complete


def test_custom_tools() -> None:
    """Their input is any text, and they are calls of their own kind."""
    told = tell(
        added(custom("", status="in_progress")),
        event("custom_tool_call_input.delta", item_id="ct", output_index=0, delta="{ls"),
        event("custom_tool_call_input.done", item_id="ct", output_index=0, input="{ls -"),
        done(custom("{ls -l")),
    )
    [one] = told.answer.calls
    assert (one.kind, one.arguments, one.complete) == ("custom", "{ls -l", True)
    assert told.events == ["", "{ls", " -", "l"]
    assert told.calls == {("c", "g"): "{ls -l"}
    assert not tell(added(custom("", status="in_progress"))).answer.calls[0].complete
    [one] = tell(done(custom(""))).answer.calls
    assert (one.arguments, one.complete) == ("", True)


def test_calls_that_run_on_the_server_are_no_pieces() -> None:
    """MCP calls, code, shells and patches are in the answer, and not yours to answer."""
    mcp = {"type": "mcp_call", "id": "i", "server_label": "s", "name": "n", "arguments": ""}
    code = {"type": "code_interpreter_call", "id": "j", "container_id": "k", "code": "1"}
    told = tell(
        added(mcp),
        event("mcp_call_arguments.delta", item_id="i", output_index=0, delta="{}"),
        event("mcp_call_arguments.done", item_id="i", output_index=0, arguments='{"x":1}'),
        done(mcp),
        done(code, 1),
        event("code_interpreter_call_code.done", item_id="j", output_index=1, code="late"),
    )
    assert (told.calls, told.events) == ({}, [""] * 6)
    assert [item.arguments for item in told.answer.response.output[:1]] == ['{"x":1}']
    assert told.answer.response.output[1].code == "1"
    assert told.answer.calls == ()


# Images, and what comes after the end.


def test_images() -> None:
    """An image is handed out once it is whole; unfinished ones are not."""
    image = {"type": "image_generation_call", "id": "i", "status": "completed", "result": "QUI="}
    draft = event(
        "image_generation_call.partial_image",
        item_id="i",
        output_index=0,
        partial_image_b64="QQ==",
    )
    told = tell(draft, done(image), draft, response("completed", output=[image]))
    assert told.images == ["QUI="]
    assert told.answer.response.output[0].result == "QUI="
    told = tell(draft, done({**image, "result": None}))
    assert told.images == ["QQ=="]
    assert told.answer.response.output[0].result == "QQ=="
    assert tell(added({**image, "result": None}), done({**image, "result": None})).images == []


def test_deltas_after_the_end() -> None:
    """They are neither in the answer nor handed out, and noted."""
    told = tell(
        done(message("Hi")),
        delta("late"),
        event("output_text.annotation.added", annotation={"type": "file_path"}, **TEXT),
        event("output_text.done", text="late", **TEXT),
        event("content_part.added", part=part("late"), **TEXT),
        event("content_part.done", part=part("late"), **TEXT),
        done(call("{}"), 1),
        event("function_call_arguments.delta", item_id="fc", output_index=1, delta="late"),
        event("function_call_arguments.done", item_id="fc", output_index=1, arguments="late"),
    )
    assert (told.text, told.answer.text) == ("Hi", "Hi")
    assert told.calls == {("c", "f"): "{}"}
    assert told.stream.notes["delta_after_end"] == 2
    told = tell(event("content_part.done", part=part("Hi"), **TEXT), delta("late"))
    assert (told.text, told.stream.notes["delta_after_end"]) == ("Hi", 1)


COMPUTED: dict[str, Any] = {"output_index": 0, "item_id": "i"}


def arguments(*texts: str) -> list[Any]:
    """Return the announcement of a call, and its arguments in pieces."""
    place = {"item_id": "fc", "output_index": 0}
    return [
        added(call("", status="in_progress")),
        *(event("function_call_arguments.delta", delta=text, **place) for text in texts),
    ]


def test_an_empty_object_waits_for_the_end_of_the_response() -> None:
    """The real arguments may follow it; if none do, it is handed out."""
    under_way, ended = response("in_progress", output=[]), response("completed", output=[])
    told = tell(*arguments("{}"), under_way, *arguments('{"x":1}')[1:], ended)
    assert told.calls == {("c", "f"): '{"x":1}'}
    told = tell(*arguments("{}"), under_way, ended)
    assert told.events == ["", "", "", "{}"]
    assert told.calls == {("c", "f"): "{}"}


@pytest.mark.parametrize("whole", [call("{}"), call(""), {**call(""), "arguments": None}])
def test_an_empty_object_is_reported_with_the_end_of_its_item(whole: Any) -> None:
    """Nothing can follow it then, whether or not the item repeats the arguments."""
    told = tell(*arguments("{}"), done(whole), response("completed", output=[whole]))
    assert told.events == ["", "", "{}", ""]
    assert told.calls == {("c", "f"): "{}"}


def test_an_empty_object_before_the_end_of_the_arguments_is_forgotten() -> None:
    """The end has the real arguments."""
    end = event("function_call_arguments.done", item_id="fc", output_index=0, arguments='{"x":1}')
    told = tell(*arguments("{}"), end)
    assert told.calls == {("c", "f"): '{"x":1}'}
    assert told.answer.calls[0].arguments == '{"x":1}'
    assert dict(told.stream.notes) == {}


def test_an_empty_object_inside_the_arguments_does_not_wait() -> None:
    """Only an empty object that may be all of the arguments waits."""
    assert tell(*arguments('{"x":', "{}", "}")).events == ["", '{"x":', "{}", "}"]


def test_a_part_is_not_taken_for_one_of_another_kind() -> None:
    """A refusal after the text that came with its item is a part of its own."""
    refusal = part("No.", "refusal")
    told = tell(
        added(message("Hi", status="in_progress")),
        event("content_part.done", item_id="m", output_index=0, part=refusal),
        done(message("Hi", refusal)),
    )
    assert (told.text, told.refusal) == ("Hi", "No.")
    [item] = told.answer.response.output
    assert [one.type for one in item.content] == ["output_text", "refusal"]


def test_calls_that_run_on_the_server_begin_again_too() -> None:
    """Their arguments count once, however often they come."""
    place = {"item_id": "i", "output_index": 0}
    for texts in (["{}", '{"x":1}'], ['{"x":1}', '{"x":1}']):
        told = tell(*(event("mcp_call_arguments.delta", delta=text, **place) for text in texts))
        assert told.answer.response.output[0].arguments == '{"x":1}'


def test_a_whole_item_that_comes_again_under_its_first_id_is_the_same() -> None:
    """The second report gives the item its id; it need not be a message."""
    item = {"type": "code_interpreter_call", "container_id": "c", "code": "1"}
    told = tell(done(item), done({**item, "id": "i"}))
    assert [one.id for one in told.answer.response.output] == ["i"]


def test_arguments_that_begin_again_after_blanks() -> None:
    """They count once."""
    told = tell(*arguments('{"x":1}', ' {"x":1}'))
    assert told.calls == {("c", "f"): '{"x":1}'}
    assert told.answer.calls[0].arguments == '{"x":1}'


def test_an_empty_delta_is_not_a_piece() -> None:
    """It only announces its call, and that once."""
    stream = StreamerV2(wire(*arguments("", "{", "")), require_terminal=False)
    pieces = [[piece.text for piece in stream.pieces()] for _ in iter(stream.next, False)]
    assert pieces == [[""], [], ["{"], []]


def test_deltas_that_repeat_a_beginning_and_continue() -> None:
    """Only what continues is new, wherever the deltas are split."""
    for texts in (["Hello you"], ["Hel", "lo you"], ["H", "ello", " you"]):
        told = tell(added(message("Hello", status="in_progress")), *map(delta, texts))
        assert told.text == told.answer.text == "Hello you"
        assert dict(told.stream.notes) == {"text_repeated": 1}


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("reasoning_text", "text"),
        ("reasoning_summary_text", "text"),
        ("refusal", "refusal"),
        ("output_text", "text"),
        ("code_interpreter_call_code", "code"),
        ("apply_patch_call_operation_diff", "diff"),
        ("custom_tool_call_input", "input"),
    ],
)
def test_any_end_that_differs_is_noted(name: str, field: str) -> None:
    """The difference is noted, and nothing is handed out."""
    place = {"content_index": 0, "summary_index": 0, **COMPUTED}
    told = tell(
        event(f"{name}.delta", delta="ab", **place), event(f"{name}.done", **{field: "cd"}, **place)
    )
    assert dict(told.stream.notes) == {"text_differs": 1}
    assert told.events[1] == ""


def test_a_whole_item_that_differs_is_noted() -> None:
    """The answer has the text of the item, which is not handed out."""
    told = tell(delta("ab"), done(message("cd")))
    assert (told.text, told.answer.text) == ("ab", "cd")
    assert dict(told.stream.notes) == {"text_differs": 1}


@pytest.mark.parametrize("last", [done(call("{}")), response("completed", output=[])])
def test_what_waited_is_a_piece_of_its_call(last: Any) -> None:
    """The piece has the id and the name of the call."""
    assert pieces(*arguments("{}"), last) == [
        Piece("call", call_id="c", name="f"),
        Piece("call", text="{}", call_id="c", name="f"),
    ]


def test_a_part_that_ends_late_is_found_by_its_index() -> None:
    """Another part may have begun before it ends."""
    for index, kind in (("summary_index", "reasoning_summary"), ("content_index", "reasoning")):
        told = tell(
            *(
                event(f"{kind}_text.delta", delta=text, **COMPUTED, **{index: place})
                for place, text in ((0, "a"), (1, "b"))
            ),
            event(f"{kind}_text.done", text="ac", **COMPUTED, **{index: 0}),
        )
        [item] = told.answer.response.output
        parts = item.summary if index == "summary_index" else item.content
        assert [one.text for one in parts] == ["ac", "b"]
        assert told.reasoning == "abc"
    part = {"type": "summary_text", "text": "ac"}
    told = tell(
        *(
            event("reasoning_summary_text.delta", delta=text, **COMPUTED, summary_index=place)
            for place, text in ((0, "a"), (1, "b"))
        ),
        event("reasoning_summary_part.done", part=part, **COMPUTED, summary_index=0),
    )
    assert [one.text for one in told.answer.response.output[0].summary] == ["ac", "b"]


@pytest.mark.parametrize(
    ("name", "item"),
    [
        ("output_text", message("ab", id="i")),
        ("refusal", message({"type": "refusal", "refusal": "ab"}, id="i")),
        ("reasoning_text", reasoning("ab", id="i")),
        ("reasoning_summary_text", reasoning(summary=["ab"], id="i")),
        ("function_call_arguments", call(id="i")),
        ("custom_tool_call_input", custom(id="i")),
        ("mcp_call_arguments", {**call(id="i"), "type": "mcp_call", "server_label": "s"}),
        (
            "code_interpreter_call_code",
            {"type": "code_interpreter_call", "id": "i", "container_id": "c", "code": "1"},
        ),
    ],
)
def test_any_delta_after_the_end_is_noted(name: str, item: Any) -> None:
    """Whatever it is a piece of; the answer stays as it was."""
    late = event(f"{name}.delta", delta="late", content_index=0, summary_index=0, **COMPUTED)
    told = tell(done(item), late)
    assert dict(told.stream.notes) == {"delta_after_end": 1}
    assert told.events[1] == ""
    assert told.answer == tell(done(item)).answer


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("output_text", "content_index"),
        ("refusal", "content_index"),
        ("reasoning_text", "content_index"),
        ("reasoning_summary_text", "summary_index"),
    ],
)
def test_parts_that_take_turns_are_kept_apart(name: str, index: str) -> None:
    """The index says which part a delta is of."""
    told = tell(
        *(
            event(f"{name}.delta", delta=text, **COMPUTED, **{index: place})
            for place, text in ((0, "a"), (1, "c"), (0, "b"), (1, "d"))
        )
    )
    [item] = told.answer.response.output
    parts = item.summary if index == "summary_index" else item.content
    assert [getattr(part, "text", None) or part.refusal for part in parts] == ["ab", "cd"]


def test_log_probabilities_are_of_their_part() -> None:
    """Those of a later part do not come to the earlier one."""
    probability = {"token": "x", "logprob": -0.5}
    told = tell(
        delta("a", content_index=1, **COMPUTED),
        delta("b", content_index=0, logprobs=[probability], **COMPUTED),
    )
    [item] = told.answer.response.output
    assert [(one.text, len(one.logprobs)) for one in item.content] == [("b", 1), ("a", 0)]


# What an event says by itself.


@pytest.mark.parametrize(
    ("payload", "brought"),
    [
        (delta("a"), (Piece("text", text="a"),)),
        (delta(""), ()),
        (event("reasoning_text.delta", delta="r"), (Piece("reasoning", text="r"),)),
        (event("reasoning_summary_text.delta", delta=""), ()),
        (event("refusal.delta", delta="n"), (Piece("refusal", text="n"),)),
        (event("refusal.delta", delta=""), ()),
        (event("function_call_arguments.delta", delta="{"), (Piece("call", text="{"),)),
        (event("custom_tool_call_input.delta", delta=""), ()),
        (added(call("")), (Piece("call", call_id="c", name="f"),)),
        (added(message()), ()),
        (done(call("{}")), ()),
        (event("audio.delta", delta="QQ=="), (Piece("audio", text="QQ=="),)),
        (event("audio.delta", delta=""), ()),
        (event("output_text.done", text="a"), ()),
    ],
)
def test_the_pieces_of_an_event(payload: Any, brought: tuple[Piece, ...]) -> None:
    """An event by itself adds its delta, or announces a call."""
    stream = StreamerV2(wire(payload), require_terminal=False)
    assert stream.next()
    assert stream.event().pieces() == brought
