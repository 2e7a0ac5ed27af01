"""The calls of a chat answer are those that the model made: each once, whole, and distinguished."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from chatting import CALLED, DONE, call, calling, chunk, custom, tell, whole
from costs import work
from folding import wire
from hypothesis import given
from hypothesis import strategies as st

from openai_scan import ChatCompletion, StreamerV2
from openai_scan.events.chat.arguments import Arguments
from openai_scan.events.chat.snapshot import ChatChoice, ChatCustom, ChatMessage, ChatToolCall
from openai_scan.values import Call, Piece

F, G = '{"x":1}', '{"y":2}'
Named = list[tuple[str, str, str, bool]]


def ignore(_: str) -> None:
    """Ignore a note."""


# Which call a piece belongs to.

TWO: Named = [("a", "f", F, True), ("call_0_2", "f", G, True)]

APART: dict[str, tuple[list[Any], Named, dict[str, int]]] = {
    "one id, two indexes": (
        [calling(call(F, 0, "a", "f"), call(G, 1, "a", "f"))],
        TWO,
        {"tool_call_id_reused": 1},
    ),
    "one id, two indexes, in pieces": (
        [
            calling(call("", 0, "a", "f")),
            calling(call("", 1, "a", "f")),
            calling(call('{"x"', 0), call('{"y"', 1)),
            calling(call(":2}", 1, "a"), call(":1}", 0, "a")),
        ],
        TWO,
        {"tool_call_id_reused": 1},
    ),
    "one id, two indexes, of two functions": (
        [calling(call(F, 0, "a", "f")), calling(call(G, 1, "a", "g"))],
        [("a", "f", F, True), ("call_0_2", "g", G, True)],
        {"tool_call_id_reused": 1},
    ),
    "one id, no index, one chunk": (
        [calling(call(F, None, "a", "f"), call(G, None, "a", "f"))],
        TWO,
        {"tool_call_without_index": 2, "tool_call_id_reused": 1},
    ),
    "one id, no index, as objects": (
        [calling(call({"x": 1}, None, "a", "f"), call({"y": 2}, None, "a", "f"))],
        [("a", "f", '{"x": 1}', True), ("call_0_2", "f", '{"y": 2}', True)],
        {"tool_call_without_index": 2, "tool_call_id_reused": 1},
    ),
    "one id, no index, of two functions": (
        [calling(call("", None, "a", "f")), calling(call(G, None, "a", "g"))],
        [("a", "f", "{}", True), ("call_0_2", "g", G, True)],
        {"tool_call_without_index": 2, "tool_call_id_reused": 1},
    ),
    "one id, no index, then its pieces": (
        [
            calling(call(F, None, "a", "f"), call("", None, "a", "g")),
            calling(call('{"y"', None, "a")),
            calling(call(":2}", None, "a")),
        ],
        [("a", "f", F, True), ("call_0_2", "g", G, True)],
        {"tool_call_without_index": 4, "tool_call_id_reused": 1},
    ),
    "the same call twice, no index": (
        [calling(call(F, None, "a", "f")), calling(call(F, None, "a", "f"))],
        [("a", "f", F, True)],
        {"tool_call_without_index": 2, "arguments_restarted": 1},
    ),
    "one id and one index, two functions": (
        [calling(call(F, 0, "a", "f")), calling(call(G, 0, "a", "g"))],
        [("a", "f", F, True), ("call_0_2", "g", G, True)],
        {"tool_call_index_reused": 1, "tool_call_id_reused": 1},
    ),
    "an index that moves on": (
        [calling(call('{"x"', 0, "a", "f")), calling(call(":", 1, "a")), calling(call("1}", 1))],
        [("a", "f", F, True)],
        {},
    ),
    "an id that was made up before": (
        [calling(call(F, 0, None, "f"), call(G, 1, "call_0_0", "g"), call("{}", 2, None, "h"))],
        [("call_0_0", "f", F, True), ("call_0_2", "g", G, True), ("call_0_3", "h", "{}", True)],
        {"tool_call_without_id": 2, "tool_call_id_reused": 1},
    ),
    "ids like those that are made up": (
        [calling(call(F, 0, "call_0_1", "f"), call(G, 1, None, "g"))],
        [("call_0_1", "f", F, True), ("call_0_2", "g", G, True)],
        {"tool_call_without_id": 1},
    ),
    "an id that comes late and is taken": (
        [calling(call(F, 0, "a", "f"), call("", 1, None, "g")), calling(call(G, 1, "a"))],
        [("a", "f", F, True), ("call_0_2", "g", G, True)],
        {"tool_call_without_id": 1, "tool_call_id_reused": 1},
    ),
}


@pytest.mark.parametrize("form", APART)
def test_calls_are_distinguished(form: str) -> None:
    """By index, or else by id; every piece of a call has the call's own id."""
    payloads, expected, notes = APART[form]
    told = tell(*payloads, CALLED, DONE)
    assert told.calls == expected
    assert told.notes == notes
    assert {piece.call_id for step in told.steps for piece in step} <= {
        one[0] for one in expected
    } | {"call_0_1"}
    for id, name, arguments, _ in expected:
        assert told.joined("call", call_id=id) == arguments
        assert {p.name for step in told.steps for p in step if p.call_id == id} == {name}


def test_one_id_in_two_choices_stays() -> None:
    """Choices are alternatives: the conversation continues with only one of them."""
    told = tell(
        calling(call(F, 0, "a", "f"), index=0), calling(call(G, 0, "a", "f"), index=1), DONE
    )
    assert [(one.id, one.choice, one.arguments) for one in told.answer.calls] == [
        ("a", 0, F),
        ("a", 1, G),
    ]
    assert (told.joined("call", 0, "a"), told.joined("call", 1, "a")) == (F, G)


def test_calls_are_announced_once() -> None:
    """A piece without text says that there is a call; later ones have its id and name."""
    told = tell(
        calling(call("", 0, "a", "f")),
        calling(call("", 0)),
        calling(call('{"x"', 0)),
        calling(call(None, 0, "a", "f")),
        calling(call(":1}", 0)),
        CALLED,
        DONE,
    )
    assert told.steps == [
        (Piece("call", call_id="a", name="f"),),
        (),
        (Piece("call", text='{"x"', call_id="a", name="f"),),
        (),
        (Piece("call", text=":1}", call_id="a", name="f"),),
        (),
        (),
    ]


def test_name_and_id_that_come_late_are_reported() -> None:
    """A call is announced once both are known, since its id might change until then."""
    told = tell(
        chunk({"tool_calls": [{"index": 0}]}),
        calling(call("", 0, None, "f")),
        calling(call("", 0, "a")),
        calling(call("{}", 0)),
    )
    assert told.steps[:3] == [(), (), (Piece("call", call_id="a", name="f"),)]


def test_a_call_that_gets_no_id_is_told_at_its_end() -> None:
    """It is announced under an id that is made up, even if it has nothing but a name."""
    for first in (call("", 0, None, "f"), {"index": 0, "custom": {"name": "f", "input": ""}}):
        told = tell(calling(first), chunk({}, "tool_calls"))
        [made] = told.answer.calls
        assert told.steps == [(), (Piece("call", 0, made.arguments, "call_0_0", "f"),)]


# Arguments that come more than once.

RESTARTED: dict[str, tuple[list[str], str, str]] = {
    "empty first": (["{}", '{"q":', '"v"}'], '{"q":"v"}', '{"q":"v"}'),
    "empty first, in pieces": (["{", "}", "{", '"q":1}'], '{"q":1}', '{"q":1}'),
    "empty first, with blanks": (["{ ", " } ", "\n", ' {"q":1}'], '{"q":1}', '{ "q":1}'),
    "empty first, in one piece": (['{}{"q":1}'], '{"q":1}', '{"q":1}'),
    "empty twice": (["{}", "{}", '{"q":1}'], '{"q":1}', '{"q":1}'),
    "only empty": (["{}", "{}"], "{}", "{}"),
    "null first": (["null", F], F, F),
    "null first, in pieces": (["nu", "ll ", " ", F], F, F),
    "null first, in one piece": ([f" null {F}"], F, F),
    "null and empty first": (["null", "{}", F], F, F),
    "all twice": ([F, F], F, F),
    "all twice, split": (['{"x"', ':1}{"x":', "1}"], F, F),
    "all three times": ([F, f" {F}", F], F, F),
    "all twice, in one piece": ([F + F], F, F),
    "braces in a text": (['{"q":"}{"}', '{"q":"}{"}'], '{"q":"}{"}', '{"q":"}{"}'),
    "a quote in a text": (['{"q":"\\', '"}{"}', '{"q":"\\"}{"}'], '{"q":"\\"}{"}', '{"q":"\\"}{"}'),
    "objects in a list": (['{"q":[{},{}', ',{"a":{}}]}'], *2 * ('{"q":[{},{},{"a":{}}]}',)),
    "others": ([F, '{"x":', "2}"], '{"x":2}', F + '{"x":2}'),
    "others, longer": ([F, '{"x":12}'], '{"x":12}', F + '{"x":12}'),
    "others twice": ([F, G, G, "{}"], G, F + G),
    "others, back again": ([F, G, F], F, F + G + F),
    "empty last": ([F, "{", "}"], F, F),
    "empty last, twice": ([F, "{}", " {}", " "], F, F),
    "blanks behind": ([F, " ", "\n"], F + " \n", F + " \n"),
}


@pytest.mark.parametrize("form", RESTARTED)
@pytest.mark.parametrize("named", [False, True])
def test_arguments_that_begin_again(form: str, named: bool) -> None:
    """Only blanks can follow a whole object, so another object replaces it."""
    pieces, expected, told_text = RESTARTED[form]
    rest = ("a", "f") if named else (None, "")
    told = tell(
        calling(call("", 0, "a", "f")), *[calling(call(one, 0, *rest)) for one in pieces], CALLED
    )
    assert told.calls == [("a", "f", expected, True)]
    assert told.joined("call", call_id="a") == told_text
    assert set(told.notes) <= {"arguments_restarted"}


@pytest.mark.parametrize(
    "pieces",
    [
        ['{"x":1', "{}"],  # not whole: it cannot begin again
        ['{"x":1', F],
        [F, "}"],
        [F, ",", F],
        [F, '"', F],
        ["{}", "x", F],
        ["[1]", "[1]"],
        ["[1]", F, F],
        ["{]", F, F],
        ["{]", "{}"],
        ["x", "{}", "{}"],
        [F, "{"],
        [F, "{}", "x"],
        ["{}", "{}", "x"],
        ["nul", F],
        ["null", "x", F],
        ["null", ",", F],
    ],
    ids=repr,
)
def test_broken_arguments_stay_broken(pieces: list[str]) -> None:
    """Nothing is guessed: such a call is never complete."""
    told = tell(calling(call("", 0, "a", "f")), *[calling(call(one, 0)) for one in pieces], CALLED)
    [(_, _, _, complete)] = told.calls
    assert not complete


def test_arguments_without_an_object() -> None:
    """Other JSON values are taken as they come."""
    for text in ("[1]", "5", '"a"'):
        told = tell(calling(call(text, 0, "a", "f")), CALLED)
        assert told.calls == [("a", "f", text, True)]
        assert told.joined("call", call_id="a") == text


def test_held_back_until_the_end() -> None:
    """An empty object may be the first of two, so it is completed only at the end."""
    for end in (CALLED, DONE):
        told = tell(calling(call("{", 0, "a", "f")), calling(call("}", 0)), end)
        assert [[piece.text for piece in step] for step in told.steps] == [["{"], [], ["}"]]
    told = tell(calling(call("{}", 0, "a", "f")), calling(call("x", 0)))
    assert told.joined("call", call_id="a") == "{}x"


def test_pieces_after_the_end() -> None:
    """They count, and nothing is handed out twice."""
    told = tell(
        calling(call("", 0, "a", "f")), CALLED, calling(call("", 0)), calling(call(" ", 0)), CALLED
    )
    assert told.calls == [("a", "f", "{}", True)]
    assert told.joined("call", call_id="a").strip() == "{}"
    told = tell(
        calling(call("{}", 0, "a", "f")), CALLED, calling(call(" ", 0)), calling(call(F, 0))
    )
    assert told.calls == [("a", "f", F, True)]


def test_object_after_pieces_is_whole() -> None:
    """The object has all arguments, so only what the pieces lack is handed out."""
    for begun in ("", "{", '{"x"', '{"x":1', F, '{"x": 1}', '{ "x" :1 }', "{}"):
        told = tell(calling(call(begun, 0, "a", "f")), calling(call({"x": 1}, 0)), CALLED)
        [found] = told.answer.calls
        assert found.parsed() == {"x": 1}
        if begun != '{ "x" :1 }':
            assert told.joined("call", call_id="a") == found.arguments
    told = tell(calling(call({"x": "é"}, 0, "a", "f")), calling(call({"x": "é"}, 0)), CALLED)
    assert told.texts == ['{"x": "é"}']


def test_object_that_differs_from_its_pieces_counts() -> None:
    """The pieces cannot be taken back, so all of the new arguments follow them."""
    told = tell(calling(call(F, 0, "a", "f")), calling(call({"x": 2}, 0)), CALLED)
    assert told.calls == [("a", "f", '{"x": 2}', True)]
    assert told.texts == [F, '{"x": 2}']
    told = tell(calling(call('{"y', 0, "a", "f")), calling(call({"x": 2}, 0)), CALLED)
    assert told.calls == [("a", "f", '{"x": 2}', True)]
    assert told.notes == {"text_differs": 1}


LONG = {"name": "x" * 100, "place": "Malmö", "nested": [{"a": 1}, {}]}


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("indent", [None, 1])
def test_whole_arguments_written_differently_are_the_same(
    separators: tuple[str, str], ascii_only: bool, indent: int | None
) -> None:
    """Only what is missing is handed out, in the form in which the arguments have begun."""
    sent = json.dumps(LONG, separators=separators, ensure_ascii=ascii_only)
    whole = json.dumps(LONG, indent=indent, ensure_ascii=not ascii_only)
    for cut in (sent.index("nested"), len(sent) - 1, len(sent)):
        notes: list[str] = []
        found = Arguments()
        told = found.add(sent[:cut], notes.append) + found.complete(whole, notes.append)
        assert told == str(found) == sent
        assert notes == []


@pytest.mark.parametrize("changed", [{"b": 2}, {"a": 1}, {"b": 2, "a": 1}])
def test_whole_arguments_in_another_order_are_the_same(changed: dict[str, int]) -> None:
    """The order that came first stays; arguments that differ replace the first and are noted."""
    for long in ("", "x" * 100):
        found, notes = Arguments(), list[str]()
        sent, whole = json.dumps({"a": 1, "b": 2, "c": long}), json.dumps({"c": long, **changed})
        found.add(sent, notes.append)
        assert found.complete(whole, notes.append) == ""
        same = len(changed) == 2
        assert (str(found), notes) == ((sent, []) if same else (whole, ["text_differs"]))


def test_whole_arguments_without_escapes_are_the_same() -> None:
    """Even if nearly every character before had one."""
    value = {"c": "\U0001f600" * 100}
    sent = json.dumps(value, indent=1)
    for begun in (sent, sent + "{"):
        found = Arguments()
        found.add(begun, ignore)
        assert found.complete(json.dumps(value, ensure_ascii=False), ignore) == ""
        assert (str(found), found.whole) == (sent, True)


@pytest.mark.parametrize("begun", ["{a}", '{"a', "nu"])
@pytest.mark.parametrize("whole", ["[1]", '"b"'])
def test_whole_arguments_replace_what_is_not_their_beginning(begun: str, whole: str) -> None:
    """Even if the arguments so far are not JSON."""
    found, notes = Arguments(), list[str]()
    found.add(begun, notes.append)
    assert found.complete(whole, notes.append) == ""
    assert (str(found), notes) == (whole, ["text_differs"])


def test_whole_arguments_that_are_null_or_not_json() -> None:
    """Later arguments that are null or not JSON replace the earlier ones, and are noted."""
    for begun, late in (("{a}", "null"), ("nu", "[")):
        found, notes = Arguments(), list[str]()
        found.add(begun, notes.append)
        assert found.complete(late, notes.append) == ""
        assert (str(found), notes) == (late, ["text_differs"])


@pytest.mark.parametrize("again", ["{", '{"x"', "{ "])
@pytest.mark.parametrize("whole", [F, '{"x": 1}', '{ "\\u0078": 1 }'])
def test_whole_arguments_that_have_begun_again_count_once(again: str, whole: str) -> None:
    """The event that ends them cuts their repetition short."""
    found, notes = Arguments(), list[str]()
    assert found.add(F + again, notes.append) == F
    assert found.complete(whole, notes.append) == ""
    assert (str(found), found.whole) == (F, True)
    assert found.complete(G, notes.append) == ""
    assert (str(found), notes) == (G, ["arguments_restarted", "text_differs"])


def test_no_arguments_that_have_begun_again_are_none() -> None:
    """The end of a call without arguments is whole, whatever part of it came again."""
    found = Arguments()
    assert found.add("{}{", ignore) == found.complete("{}", ignore) == ""
    assert (found.whole, found.is_empty, found.close()) == (True, True, "{}")


def test_whole_arguments_that_are_there_twice_count_once() -> None:
    """They count once, and the note is that of arguments that start again."""
    found, notes = Arguments(), list[str]()
    assert found.complete(F + F, notes.append) == str(found) == F
    assert notes == ["arguments_restarted"]


@given(
    arguments=st.dictionaries(
        st.text(max_size=4),
        st.text(max_size=4) | st.lists(st.dictionaries(st.just("a"), st.none())),
    ),
    spaced=st.booleans(),
    cuts=st.lists(st.integers(0, 60)),
    times=st.integers(1, 3),
    empty=st.booleans(),
)
def test_arguments_any_number_of_times(
    arguments: dict[str, Any], spaced: bool, cuts: list[int], times: int, empty: bool
) -> None:
    """However often they come and wherever they are split, they are there and handed out once."""
    text = json.dumps(arguments, separators=None if spaced else (",", ":"))
    sent = ("{}" if empty else "") + text * times
    places = [0, *sorted(min(cut, len(sent)) for cut in cuts), len(sent)]
    found = Arguments()
    told = [found.add(sent[a:b], ignore) for a, b in pairwise(places)]
    told.append(found.close())
    assert str(found) == "".join(told) == text


@pytest.mark.unmeasured
def test_arguments_take_linear_time() -> None:
    """Reading them takes linear time, whatever a server sends as arguments."""
    for unit in ("{}", F, "{} ", '{"a":', "{", '"', "\\", "[{}]", F + G, '{"a":"\\""}'):
        for begun in ("", '{"a":"' + "a" * 1000 + '"}', '{"', "{}"):
            for size in (1, 7, 10_000):

                def action(
                    count: int, unit: str = unit, begun: str = begun, size: int = size
                ) -> Any:
                    sent = begun + unit * count

                    def run() -> None:
                        found = Arguments()
                        for start in range(0, len(sent), size):
                            found.add(sent[start : start + size], ignore)
                        str(found)

                    return run

                base = work(action(0))
                assert work(action(100)) - base < 2.3 * (work(action(50)) - base) + 50


# Calls without arguments, without names, and in answers that are not whole.


@pytest.mark.parametrize("arguments", ["", None, " ", "\n", "{}", "null", " null\n"])
def test_call_without_arguments_has_empty_ones(arguments: str | None) -> None:
    """Once its choice has ended; before that they may still come."""
    begun = calling(call(arguments, 0, "a", "f"))
    [open_call] = tell(begun).answer.calls
    assert (open_call.arguments, open_call.complete) == (arguments or "", False)
    for end in (CALLED, DONE):
        told = tell(begun, end)
        [found] = told.answer.calls
        assert (found.arguments, found.complete, found.parsed()) == ("{}", True, {})
        assert told.joined("call", call_id="a").strip() == "{}"
    told = tell(whole({"tool_calls": [call(arguments, None, "a", "f")]}))
    assert told.calls == [("a", "f", "{}", True)]


def test_call_without_a_name_is_never_complete() -> None:
    """It calls nothing."""
    told = tell(
        calling(call(F, 0, "a")),
        calling(custom("ls", 1, "b")),
        calling(call("{}", 2, "c")),
        CALLED,
        DONE,
    )
    assert [(one.id, one.name, one.complete) for one in told.answer.calls] == [
        ("a", "", False),
        ("b", "", False),
        ("c", "", False),
    ]
    told = tell(chunk({"function_call": {"arguments": "{}"}}), DONE)
    assert told.calls == [("", "", "{}", False)]


def test_no_call_of_an_answer_with_a_hole_is_complete() -> None:
    """A part that could not be read may have been a part of the arguments."""
    [call_] = ChatCompletion(
        done=True,
        hole=True,
        choices=(
            ChatChoice(
                finish_reason="stop",
                message=ChatMessage(
                    tool_calls=(ChatToolCall(id="a", type="custom", custom=ChatCustom(name="f")),)
                ),
            ),
        ),
    ).calls
    assert not call_.complete
    stream = StreamerV2(wire(calling(call("{}", 0, "a", "f")), CALLED, DONE))
    while stream.next():
        stream._machine.answer.leave_hole()
    assert [one.complete for one in stream.snapshot().calls] == [False]  # type: ignore[union-attr] # it is there


# Other kinds of calls.


def test_call_of_a_custom_tool() -> None:
    """Its input is text, taken as it comes, whatever it looks like."""
    told = tell(
        calling(custom("", 0, "a", "sh")),
        calling(custom("{}", 0)),
        calling({"index": 0, "custom": {"input": '{"x"'}}),
        CALLED,
        DONE,
    )
    assert told.answer.calls == (
        Call(id="a", name="sh", arguments='{}{"x"', complete=True, kind="custom"),
    )
    assert told.steps[:3] == [
        (Piece("call", call_id="a", name="sh"),),
        (Piece("call", text="{}", call_id="a", name="sh"),),
        (Piece("call", text='{"x"', call_id="a", name="sh"),),
    ]
    assert told.answer.choices[0].message.tool_calls == (
        ChatToolCall(id="a", type="custom", custom=ChatCustom(name="sh", input='{}{"x"')),
    )
    assert told.notes == {}


def test_call_of_a_custom_tool_in_a_whole_answer() -> None:
    """It has its own kind, beside a function; after its pieces only the rest is handed out."""
    message = {"tool_calls": [custom("ls -l", 0, "a", "sh"), call(F, None, "b", "f")]}
    for begun in ([], [calling(custom("ls", 0, "a", "sh"))]):
        told = tell(*begun, whole(message))
        assert [(one.id, one.kind, one.arguments) for one in told.answer.calls] == [
            ("a", "custom", "ls -l"),
            ("b", "function", F),
        ]
        assert told.joined("call", call_id="a") == "ls -l"


def test_call_of_a_custom_tool_without_input_is_complete() -> None:
    """An empty input is whole, since only the arguments of functions must be JSON."""
    told = tell(calling(custom(None, 0, "a", "sh")), CALLED)
    assert told.calls == [("a", "sh", "", True)]
    assert told.texts == []


def test_call_of_a_kind_of_its_own_says_so() -> None:
    """So that you do not mistake it for one of your functions."""
    piece = {**call("{}", 0, "a", "$web_search"), "type": "builtin_function"}
    told = tell(calling(piece), CALLED)
    assert [(one.kind, one.complete) for one in told.answer.calls] == [("builtin_function", True)]
    assert told.notes == {}
    late = [call("", 0, "a", "f"), {**call("{}", 0), "type": "mcp"}]
    assert [one.kind for one in tell(calling(*late), CALLED).answer.calls] == ["mcp"]


@pytest.mark.parametrize(
    "pieces",
    [
        [{"index": 0, "id": "c", "name": "f", "arguments": '{"a": 1}'}],
        [{"index": 0, "id": "c", "function": "f", "arguments": {"a": 1}}],
        [{"index": 0, "id": "c", "function": {}, "name": "f", "arguments": '{"a": 1}'}],
        [{"index": 0, "call_id": "c", "type": "function_call", "name": "f", "arguments": {"a": 1}}],
        [
            {"index": 0, "id": "c", "type": "function", "name": "f", "arguments": ""},
            {"index": 0, "arguments": '{"a"'},
            {"index": 0, "arguments": ": 1}"},
        ],
    ],
    ids=repr,
)
def test_members_of_the_function_beside_the_id(pieces: Any) -> None:
    """A call may have them beside its id, as in Responses, in pieces and whole."""
    expected = [("c", "f", '{"a": 1}', True)]
    told = [tell(*({"object": KIND, **_choice({"tool_calls": [one]})} for one in pieces), CALLED)]
    if len(pieces) == 1:
        told.append(tell(whole({"tool_calls": pieces}, finish_reason="tool_calls")))
    for one in told:
        assert one.calls == expected
        assert one.joined("call", call_id="c") == '{"a": 1}'


@pytest.mark.parametrize("kind", ["function", "custom"])
def test_call_that_has_its_tool_ignores_what_is_beside_it(kind: str) -> None:
    """The object of the function or custom tool has the name and the arguments."""
    tool = {"name": "f", "input" if kind == "custom" else "arguments": '{"a": 1}'}
    beside = {"name": "g", "arguments": "[]", "input": "x"}
    sent = {"index": 0, "id": "c", "type": kind, kind: tool, **beside}
    for told in (tell(calling(sent), CALLED), tell(whole({"tool_calls": [sent]}))):
        assert told.calls == [("c", "f", '{"a": 1}', True)]
        assert told.answer.calls[0].kind == kind


def test_id_of_a_call_counts_before_its_call_id() -> None:
    """The call is a function call, as every call without an input is."""
    sent = {"type": "function_call", "id": "c", "call_id": "d", "name": "f", "arguments": "{}"}
    told = tell(calling(sent), CALLED)
    assert told.calls == [("c", "f", "{}", True)]
    assert told.answer.calls[0].kind == "function"


def test_calls_of_one_id_in_a_whole_message_are_matched_in_order() -> None:
    """However many there are."""
    texts = [F, G, '{"z":3}']
    told = tell(
        *(calling(call(text, None, "a", "f")) for text in texts),
        whole({"tool_calls": [call(text, None, "a", "f") for text in texts]}),
    )
    assert [one.arguments for one in told.answer.calls] == texts
    assert told.texts == texts
    assert "text_differs" not in told.notes


def test_call_in_a_whole_message_is_matched_once() -> None:
    """The first call is found by its id, so the second one, at the same place, is new."""
    told = tell(
        calling(call(F, 1, "a", "f")),
        whole({"tool_calls": [call(F, None, "a", "f"), call(G, None, None, "f")]}),
    )
    assert [one.arguments for one in told.answer.calls] == [F, G]
    assert "text_differs" not in told.notes


@pytest.mark.parametrize(("id_before", "id_after"), [(None, "a"), ("a", None), (None, None)])
def test_call_at_the_same_place_is_the_same_unless_two_ids_say_otherwise(
    id_before: str | None, id_after: str | None
) -> None:
    """Its arguments are those of the whole message, and the difference is noted."""
    told = tell(
        calling(call(F, 0, id_before, "f")), whole({"tool_calls": [call(G, 0, id_after, "f")]})
    )
    assert [one.arguments for one in told.answer.calls] == [G]
    assert told.notes["text_differs"] == 1


def test_custom_tool_without_an_object_of_its_own() -> None:
    """Its input shows that it is one; an item that is not a call is left out."""
    first = {"index": 0, "id": "c", "type": "custom", "name": "sh", "input": "l"}
    told = tell(
        *({"object": KIND, **_choice({"tool_calls": [one, None]})} for one in (first, _MORE)),
        CALLED,
    )
    [found] = told.answer.calls
    assert (found.kind, found.name, found.arguments) == ("custom", "sh", "ls")


KIND = "chat.completion.chunk"
_MORE = {"index": 0, "input": "s"}


def _choice(delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta}]}
