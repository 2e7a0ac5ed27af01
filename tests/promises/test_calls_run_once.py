"""A call is run once, or not at all: whole, of a function, and under its own id."""

from __future__ import annotations

import json
from typing import Any

import pytest
from server import CHUNKED, END, ScriptedServer, ch

from openai_scan import Client, DecodeError, EventStreamError, StreamerV2, run_tools
from openai_scan.values import Call, Counts

pytestmark = pytest.mark.usefixtures("wire")

ASKED = [{"role": "user", "content": "Pay!"}]


class Payments(list[tuple[str, float]]):
    """What has been paid."""

    def pay(self, to: str = "nobody", amount: float = 0) -> str:
        """Pay someone."""
        self.append((to, amount))
        return "paid"


@pytest.fixture
def paid() -> Payments:
    """Nothing has been paid yet."""
    return Payments()


def script(*payloads: dict[str, Any] | bytes, done: bool = True) -> list[bytes]:
    """Return the script of a server that answers with *payloads*."""
    sent = [p if isinstance(p, bytes) else json.dumps(p).encode() for p in payloads]
    body = b"".join(b"data: %b\n\n" % one for one in sent)
    return [CHUNKED + ch(body + b"data: [DONE]\n\n" * done) + END]


def chat(delta: dict[str, Any], finish: str | None = "tool_calls") -> list[bytes]:
    """Return the script for a chat stream of one chunk."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return script({"object": "chat.completion.chunk", "choices": [choice]})


def responded(*output: dict[str, Any], status: str = "completed") -> list[bytes]:
    """Return the script for a response of one event."""
    response = {"id": "r1", "object": "response", "status": status, "output": [*output]}
    return script({"type": "response.completed", "response": response}, done=False)


CHAT_TEXT = chat({"content": "Done."}, "stop")
RESPONSE_TEXT = responded(
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Done."}]}
)
ARGUMENTS = '{"to": "bob", "amount": 10}'
FUNCTION = {"type": "function_call", "call_id": "c1", "name": "pay", "arguments": ARGUMENTS}


def chat_call(**changes: Any) -> dict[str, Any]:
    """Return a delta with a whole call."""
    call = {"index": 0, "id": "c1", "function": {"name": "pay", "arguments": ARGUMENTS}, **changes}
    return {"tool_calls": [call]}


def in_chat(client: Client, **params: Any) -> StreamerV2:
    """Return a chat stream that has not been read."""
    return client.create_chat_completion_stream(model="m", messages=ASKED, **params)


def in_response(client: Client, **params: Any) -> StreamerV2:
    """Return the stream of a response that has not been read."""
    return client.create_response_stream(model="m", input="Pay!", **params)


def play(client: Client, stream: StreamerV2, paid: Payments) -> StreamerV2:
    """Read a loop to its end."""
    with run_tools(client, stream, [paid.pay]) as s:
        while s.next():
            pass
        s.err()
    return s


@pytest.mark.parametrize(
    "other",
    [
        {"type": "custom_tool_call", "call_id": "c2", "name": "shell", "input": "rm"},
        {"type": "computer_call", "id": "x", "call_id": "c2", "action": {"type": "screenshot"}},
        {"type": "computer_call", "id": "x"},
        {"type": "apply_patch_call", "id": "x", "call_id": "c2", "operation": {"type": "d"}},
        {"type": "shell_call", "id": "x", "call_id": "c2", "action": {"commands": ["ls"]}},
        {"type": "local_shell_call", "id": "x", "call_id": "c2", "action": {"type": "exec"}},
        {"type": "tool_search_call", "id": "x", "call_id": "c2", "execution": "client"},
        {"type": "mcp_approval_request", "id": "x", "name": "n", "server_label": "s"},
        {"type": "future_call", "id": "x", "call_id": "c2"},
    ],
    ids=lambda item: item["type"],
)
def test_calls_of_other_kinds_are_the_callers(
    server: ScriptedServer, client: Client, paid: Payments, other: dict[str, Any]
) -> None:
    """The API takes all outputs of an answer or none, so nothing is sent and nothing runs."""
    for output in ((FUNCTION, other), (other, FUNCTION), (other,)):
        for params in ({}, {"store": False}):
            server.scripts.append(responded(*output))
            s = play(client, in_response(client, **params), paid)
            assert (s.outcome, s.err(), paid) == ("requires_action", None, [])
            assert (FUNCTION in output) == (
                "pay" in [call.name for call in s.final().calls if call.kind == "function"]
            )
    assert not server.scripts


@pytest.mark.parametrize(
    "others",
    [
        [
            {"type": "shell_call", "id": "x", "call_id": "c2", "action": {"commands": ["ls"]}},
            {"type": "shell_call_output", "id": "y", "call_id": "c2", "output": []},
        ],
        [
            {"type": "tool_search_call", "id": "x", "call_id": "c2", "execution": "client"},
            {"type": "tool_search_output", "id": "y", "call_id": "c2", "execution": "client"},
        ],
        [{"type": "tool_search_call", "id": "x", "call_id": "c2", "execution": "server"}],
        [{"type": "web_search_call", "id": "x", "status": "completed"}],
        [{"type": "mcp_call", "id": "x", "name": "n", "server_label": "s", "arguments": "{}"}],
        [{"type": "code_interpreter_call", "id": "x", "container_id": "c", "code": "1"}],
        [{"type": "future_call", "id": "x"}],
        [{"type": "reasoning", "id": "x", "summary": []}],
    ],
    ids=lambda items: items[0]["type"],
)
def test_calls_that_the_server_runs_itself_are_ignored(
    server: ScriptedServer, client: Client, paid: Payments, others: list[dict[str, Any]]
) -> None:
    """The function beside them is called."""
    server.scripts += [responded(*others, FUNCTION), RESPONSE_TEXT]
    s = play(client, in_response(client), paid)
    assert (s.outcome, paid) == ("completed", [("bob", 10)])


@pytest.mark.parametrize(
    "delta",
    [
        chat_call(type="custom", function=None, custom={"name": "pay", "input": ARGUMENTS}),
        {"tool_calls": [{"index": 0, "type": "custom", "custom": {"name": "pay", "input": ""}}]},
        chat_call(function={"arguments": ARGUMENTS}),
        chat_call(function={"name": "", "arguments": ARGUMENTS}),
    ],
    ids=["custom", "custom without an id", "no name", "an empty name"],
)
def test_a_call_without_a_function_is_the_callers(
    server: ScriptedServer, client: Client, paid: Payments, delta: dict[str, Any]
) -> None:
    """The stream ends with `requires_action`, and nothing runs."""
    server.scripts.append(chat(delta))
    s = play(client, in_chat(client), paid)
    assert (s.outcome, s.err(), paid) == ("requires_action", None, [])


def test_a_custom_call_beside_a_function_keeps_both_back(
    server: ScriptedServer, client: Client, paid: Payments
) -> None:
    """Neither runs, in whichever order they come."""
    custom = {"index": 1, "id": "c2", "type": "custom", "custom": {"name": "x", "input": ""}}
    calls = [*chat_call()["tool_calls"], custom]
    for delta in ({"tool_calls": calls}, {"tool_calls": calls[::-1]}):
        server.scripts.append(chat(delta))
        assert play(client, in_chat(client), paid).outcome == "requires_action"
    assert paid == []


def test_a_custom_call_of_a_response_has_its_kind(
    server: ScriptedServer, client: Client, paid: Payments
) -> None:
    """Its input is text, not JSON arguments."""
    custom = {"type": "custom_tool_call", "call_id": "c2", "name": "shell", "input": "{}"}
    server.scripts.append(responded(custom))
    [call] = play(client, in_response(client), paid).final().calls
    assert call == Call(id="c2", name="shell", arguments="{}", complete=True, kind="custom")
    with pytest.raises(ValueError, match="the input of the custom tool 'shell' is not JSON"):
        call.parsed()


def test_an_old_function_call_is_answered_in_its_own_form(
    server: ScriptedServer, client: Client, paid: Payments
) -> None:
    """It has no id; its output is a message of the function."""
    called = {"name": "pay", "arguments": ARGUMENTS}
    server.scripts += [chat({"function_call": called}, "function_call"), CHAT_TEXT]
    s = play(client, in_chat(client), paid)
    assert (s.outcome, paid) == ("completed", [("bob", 10)])
    assert server.requests[1].json()["messages"] == [
        *ASKED,
        {"role": "assistant", "content": None, "function_call": called},
        {"role": "function", "name": "pay", "content": "paid"},
    ]


def test_the_same_call_twice_runs_once(
    server: ScriptedServer, client: Client, paid: Payments
) -> None:
    """The function runs once, and one output is sent for the id."""
    again = {**FUNCTION, "id": "fc_2"}
    for params in ({}, {"store": False}):
        server.scripts += [responded(FUNCTION, again), RESPONSE_TEXT]
        paid.clear()
        play(client, in_response(client, **params), paid)
        assert paid == [("bob", 10)]
        sent = [item for item in server.requests[-1].json()["input"] if "output" in item]
        assert [item["call_id"] for item in sent] == ["c1"]


@pytest.mark.parametrize(
    "other",
    [
        {"arguments": '{"to": '},
        {"arguments": '{"to": "eve"}', "status": "incomplete"},
    ],
)
def test_what_has_run_is_what_is_sent_back(
    server: ScriptedServer, client: Client, paid: Payments, other: dict[str, Any]
) -> None:
    """Of two calls with one id, the whole one is run and sent back, whichever comes first."""
    good = {**FUNCTION, "id": "fc_1", "status": "completed"}
    for output in ((good, {**good, **other}), ({**good, **other}, good)):
        server.scripts += [responded(*output), RESPONSE_TEXT]
        paid.clear()
        play(client, in_response(client, store=False), paid)
        assert paid == [("bob", 10)]
        sent = server.requests[-1].json()["input"][1:]
        assert sent == [
            good,
            {"type": "function_call_output", "call_id": "c1", "output": "paid"},
        ]


@pytest.mark.parametrize(
    "payloads",
    [(), ({"object": "some.thing"},), (b"",)],
)
@pytest.mark.parametrize("start", [in_chat, in_response])
def test_a_round_without_an_answer_runs_nothing_again(
    server: ScriptedServer, client: Client, paid: Payments, start: Any, payloads: Any
) -> None:
    """The calls of the round before it have been answered."""
    server.scripts += [
        chat(chat_call()) if start is in_chat else responded(FUNCTION),
        script(*payloads),
    ]
    s = play(client, start(client), paid)
    assert (s.outcome, paid, len(server.requests)) == ("completed", [("bob", 10)], 2)
    assert s.snapshot() is None
    for whole in (s.final, s.messages, s.input_items):
        with pytest.raises(EventStreamError, match="contained no answer"):
            whole()


@pytest.mark.parametrize("facts", [{"id": ""}, {"store": False}])
def test_what_is_not_stored_is_sent_again(
    server: ScriptedServer, client: Client, paid: Payments, facts: dict[str, Any]
) -> None:
    """A server may not store a response although the request did not ask for that."""
    response = {"id": "r2", "object": "response", "status": "completed", **facts}
    second = {**response, "output": [{**FUNCTION, "call_id": "c2"}]}
    server.scripts += [
        responded(FUNCTION),
        script({"type": "response.completed", "response": second}, done=False),
        RESPONSE_TEXT,
    ]
    play(client, in_response(client, previous_response_id="r0"), paid)
    _, stored, again = (request.json() for request in server.requests)
    output = {"type": "function_call_output", "call_id": "c1", "output": "paid"}
    assert (stored["previous_response_id"], stored["input"]) == ("r1", [output])
    assert again["previous_response_id"] == "r0"
    assert again["input"] == [
        {"role": "user", "content": "Pay!"},
        FUNCTION,
        output,
        {**FUNCTION, "call_id": "c2"},
        {**output, "call_id": "c2"},
    ]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_python_takes_for_a_number_is_not_json(
    server: ScriptedServer, client: Client, paid: Payments, number: str
) -> None:
    """The function refuses; the model gets the error, without values that servers would reject."""
    broken = {"name": "pay", "arguments": f'{{"to": "bob", "amount": {number}}}'}
    server.scripts += [chat(chat_call(function=broken)), CHAT_TEXT]
    assert play(client, in_chat(client), paid).outcome == "completed"
    assert paid == []
    [said, told] = server.requests[1].json()["messages"][1:]
    assert said["tool_calls"][0]["function"]["arguments"] == "{}"
    assert told["content"] == "Error: the arguments are not JSON"


def test_a_call_that_the_server_has_answered_is_answered(
    server: ScriptedServer, client: Client, paid: Payments
) -> None:
    """The answer has the output of that call, so only the other call runs."""
    output = {"type": "function_call_output", "id": "o1", "call_id": "c1", "output": "paid"}
    server.scripts += [
        responded(FUNCTION, output, {**FUNCTION, "call_id": "c2"}),
        responded(FUNCTION, output),
    ]
    assert play(client, in_response(client), paid).outcome == "completed"
    [sent] = server.requests[1].json()["input"]
    assert (sent["call_id"], paid) == ("c2", [("bob", 10)])


def test_a_custom_call_that_the_server_has_answered_keeps_nothing_back(
    server: ScriptedServer, client: Client, paid: Payments
) -> None:
    """The model does not wait for its output, and the function beside it is called."""
    custom = {"type": "custom_tool_call", "call_id": "c2", "name": "shell", "input": "ls"}
    output = {"type": "custom_tool_call_output", "id": "o2", "call_id": "c2", "output": "x"}
    server.scripts += [responded(custom, output, FUNCTION), RESPONSE_TEXT]
    assert play(client, in_response(client), paid).outcome == "completed"
    assert paid == [("bob", 10)]


def test_one_choice_continues(server: ScriptedServer, client: Client, paid: Payments) -> None:
    """If the server sends several choices, only the calls of one run and are sent back."""
    choices = [{"index": n, "delta": chat_call(id=f"c{n}"), "finish_reason": "x"} for n in (0, 1)]
    server.scripts += [script({"object": "chat.completion.chunk", "choices": choices}), CHAT_TEXT]
    play(client, in_chat(client), paid)
    _, said, *outputs = server.requests[1].json()["messages"]
    assert [call["id"] for call in said["tool_calls"]] == ["c0"]
    assert [output["tool_call_id"] for output in outputs] == ["c0"]
    assert paid == [("bob", 10)]


def test_the_choice_that_calls_continues(
    server: ScriptedServer, client: Client, paid: Payments
) -> None:
    """The choice with calls continues, even if it is not the first one."""
    said = {"index": 0, "delta": {"content": "Hm."}, "finish_reason": "stop"}
    called = {"index": 1, "delta": chat_call(), "finish_reason": "tool_calls"}
    chunk = {"object": "chat.completion.chunk", "choices": [said, called]}
    server.scripts += [script(chunk), CHAT_TEXT]
    play(client, in_chat(client), paid)
    [_, again, output] = server.requests[1].json()["messages"]
    assert [call["id"] for call in again["tool_calls"]] == ["c1"]
    assert output == {"role": "tool", "tool_call_id": "c1", "content": "paid"}
    assert paid == [("bob", 10)]


def test_a_conversation_continues_whatever_is_stored(
    server: ScriptedServer, client: Client, paid: Payments
) -> None:
    """The server knows what was said: only the output is sent, even without a response id."""
    response = {"object": "response", "status": "completed", "output": [FUNCTION]}
    called = script({"type": "response.completed", "response": response}, done=False)
    server.scripts += [called, RESPONSE_TEXT]
    play(client, in_response(client, conversation="conv_1"), paid)
    [output] = server.requests[1].json()["input"]
    assert (output["type"], output["call_id"]) == ("function_call_output", "c1")
    assert paid == [("bob", 10)]


def test_each_call_is_answered_under_the_id_that_is_sent_back(
    server: ScriptedServer, client: Client, paid: Payments
) -> None:
    """If the server gives no ids, the ids that are made up are the same in calls and outputs."""
    calls = [
        {"index": index, "function": {"name": "pay", "arguments": ARGUMENTS}} for index in range(2)
    ]
    server.scripts += [chat({"tool_calls": calls}), CHAT_TEXT]
    play(client, in_chat(client), paid)
    _, said, *outputs = server.requests[1].json()["messages"]
    ids = [call["id"] for call in said["tool_calls"]]
    assert ids == [output["tool_call_id"] for output in outputs]
    assert len(set(ids)) == len(paid) == 2


@pytest.mark.unmeasured
@pytest.mark.parametrize("blank", ["", None, " ", "null", "{}"])
def test_no_arguments_are_an_empty_object(
    server: ScriptedServer, client: Client, paid: Payments, blank: str | None
) -> None:
    """For the caller, for the function, and in what is sent back."""
    server.scripts += [chat(chat_call(function={"name": "pay", "arguments": blank})), CHAT_TEXT]
    with run_tools(client, in_chat(client), [paid.pay]) as s:
        while s.next():
            if s.finish_reason() == "tool_calls":
                answer = s.snapshot()
                assert answer is not None
                [call] = answer.calls
    assert (call.complete, call.parsed()) == (True, {})
    assert call.arguments == "{}"
    said = server.requests[1].json()["messages"][1]
    assert said["tool_calls"][0]["function"] == {"name": "pay", "arguments": "{}"}
    server.scripts += [responded({**FUNCTION, "arguments": blank or ""}), RESPONSE_TEXT]
    play(client, in_response(client, store=False), paid)
    assert server.requests[3].json()["input"][1]["arguments"] == "{}"
    assert paid == [("nobody", 0), ("nobody", 0)]


def test_a_run_that_waits_for_a_call_without_arguments_gets_its_output(
    server: ScriptedServer, client: Client, paid: Payments
) -> None:
    """In Assistants too; a call that is listed twice is answered once."""
    call = {"id": "c1", "type": "function", "function": {"name": "pay", "arguments": ""}}
    action = {"submit_tool_outputs": {"tool_calls": [call, call]}}
    run = {"id": "run_1", "object": "thread.run", "thread_id": "t1", "status": "requires_action"}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    ended = {**run, "status": "completed", "usage": usage}
    server.scripts += [script({**run, "required_action": action, "usage": usage}), script(ended)]
    s = play(client, client.create_run_stream("t1", assistant_id="a1"), paid)
    outputs = server.requests[1].json()["tool_outputs"]
    assert outputs == [{"tool_call_id": "c1", "output": "paid"}]
    assert paid == [("nobody", 0)]
    counts = s.total_counts()
    assert counts is not None
    assert (counts.input, counts.output, counts.total) == (3, 2, 5)


@pytest.mark.parametrize("status", ["incomplete", "in_progress"])
def test_a_call_that_the_server_has_not_finished_does_not_run(
    server: ScriptedServer, client: Client, paid: Payments, status: str
) -> None:
    """Its arguments may be JSON by chance. If all of the response is complete, so is the call."""
    item = {**FUNCTION, "status": status}
    server.scripts += [responded(item), RESPONSE_TEXT]
    s = play(client, in_response(client), paid)
    finished = status == "in_progress"
    assert s.outcome == ("completed" if finished else "requires_action")
    assert len(paid) == int(finished)


@pytest.mark.parametrize(
    ("item", "is_id"), [({**FUNCTION, "name": ""}, True), ({**FUNCTION, "call_id": ""}, False)]
)
def test_a_call_that_cannot_be_answered_does_not_run(
    server: ScriptedServer, client: Client, paid: Payments, item: dict[str, Any], is_id: bool
) -> None:
    """It has no name, or no id to send the output with."""
    server.scripts.append(responded(item))
    s = play(client, in_response(client), paid)
    assert (s.outcome, paid) == ("requires_action", [])
    [call] = s.final().calls
    assert (call.complete, bool(call.id)) == (False, is_id)


@pytest.mark.parametrize(
    ("choice", "then"),
    [
        (None, None),
        ("auto", "auto"),
        ("none", "none"),
        ("required", None),
        ("any", None),
        ({"type": "auto"}, {"type": "auto"}),
        ({"type": "function", "function": {"name": "pay"}}, None),
        ({"type": "file_search"}, None),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"name": "pay"}]},
            {"type": "allowed_tools", "mode": "auto", "tools": [{"name": "pay"}]},
        ),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"name": "pay"}]},
            {"type": "allowed_tools", "mode": "auto", "tools": [{"name": "pay"}]},
        ),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}},
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}},
        ),
    ],
)
def test_only_what_forces_a_call_is_lifted(
    server: ScriptedServer, client: Client, paid: Payments, choice: Any, then: Any
) -> None:
    """The choice of the allowed tools stays as it was, in both APIs."""
    params = {} if choice is None else {"tool_choice": choice}
    server.scripts += [chat(chat_call()), CHAT_TEXT, responded(FUNCTION), RESPONSE_TEXT]
    play(client, in_chat(client, **params), paid)
    play(client, in_response(client, **params), paid)
    sent = [request.json().get("tool_choice") for request in server.requests]
    assert sent == [choice, then, choice, then]


@pytest.mark.parametrize(
    ("choice", "then"), [({"name": "pay"}, None), ("auto", "auto"), ("none", "none")]
)
def test_the_older_form_forces_a_call_likewise(
    server: ScriptedServer, client: Client, paid: Payments, choice: Any, then: Any
) -> None:
    """`function_call` is lifted in the next request, as `tool_choice` is."""
    server.scripts += [chat(chat_call()), CHAT_TEXT]
    play(client, in_chat(client, extra_body={"function_call": choice}), paid)
    assert [request.json().get("function_call") for request in server.requests] == [choice, then]


@pytest.mark.parametrize(
    "body",
    [
        script({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": chat_call()}]},
               done=False),
        chat(chat_call(), "length"),
        chat(chat_call(), "content_filter"),
        script(
            {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": chat_call()}]},
            {"error": {"message": "overloaded"}},
        ),
    ],
    ids=["truncated", "length", "filtered", "failed"],
)  # fmt: skip
def test_no_call_of_an_answer_that_is_not_whole_runs(
    server: ScriptedServer, client: Client, paid: Payments, body: list[bytes]
) -> None:
    """However whole the call itself looks."""
    server.scripts.append(body)
    s = play(client, in_chat(client), paid)
    assert s.outcome != "completed"
    assert paid == []


CUT = b'{"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"tool_calls":[{"ind'


def test_no_call_of_an_answer_with_a_hole_runs(
    server: ScriptedServer, client: Client, paid: Payments
) -> None:
    """Its arguments are JSON, but a part of them is missing."""
    begin, end = '{"to": "bob", "amount": 1', "0}"
    begun, ended = (
        {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]}
        for delta in (
            chat_call(function={"name": "pay", "arguments": begin}),
            {"tool_calls": [{"index": 0, "function": {"arguments": end}}]},
        )
    )
    stop: dict[str, Any] = {**begun, "choices": [{"index": 0, "finish_reason": "tool_calls"}]}
    server.scripts.append(script(begun, CUT, ended, stop))
    s = play(client, in_chat(client), paid)
    assert (s.outcome, type(s.err())) == ("failed", DecodeError)

    item = {**FUNCTION, "id": "f1", "arguments": "", "status": "in_progress"}
    place = {"item_id": "f1", "output_index": 0}
    added = {"type": "response.output_item.added", "output_index": 0, "item": item}
    first, last = (
        {"type": "response.function_call_arguments.delta", **place, "delta": piece}
        for piece in (begin, end)
    )
    done = {
        "type": "response.function_call_arguments.done",
        **place,
        "arguments": begin + end,
    }
    completed = {"type": "response.completed", "response": {"id": "r1", "status": "completed"}}
    cut = json.dumps(last).encode()[:-5]
    server.scripts.append(script(added, first, cut, last, done, completed, done=False))
    s = play(client, in_response(client), paid)
    assert (s.outcome, type(s.err())) == ("failed", DecodeError)
    assert paid == []
    assert not server.scripts
    assert len(server.requests) == 2


def test_an_answer_of_another_api_is_not_answered(
    server: ScriptedServer, client: Client, paid: Payments
) -> None:
    """It is unknown what to send back, so nothing runs."""
    server.scripts.append(chat(chat_call()))
    s = play(client, in_response(client), paid)
    assert (s.outcome, paid) == ("completed", [])


def test_the_rounds_cost_what_they_cost_together(
    server: ScriptedServer, client: Client, paid: Payments
) -> None:
    """`total_counts()` adds up the rounds; the usage of the answer is that of the last round."""

    def costing(delta: dict[str, Any], finish: str, tokens: int | None) -> list[bytes]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        chunk: dict[str, Any] = {"object": "chat.completion.chunk", "choices": [choice]}
        if tokens is not None:
            chunk["usage"] = {"prompt_tokens": tokens, "completion_tokens": 1, "total_tokens": 9}
        return script(chunk)

    server.scripts += [
        costing(chat_call(), "tool_calls", 10),
        costing(chat_call(), "tool_calls", None),
        costing({"content": "Done."}, "stop", 20),
    ]
    totals = []
    with run_tools(client, in_chat(client), [paid.pay]) as s:
        assert s.total_counts() is None
        while s.next():
            counts = s.total_counts()
            totals.append(None if counts is None else counts.input)
    assert totals[-1] == 30
    assert None not in totals
    counts = s.total_counts()
    assert counts is not None
    assert (counts.input, counts.output, counts.total, counts.cached) == (30, 2, 18, None)
    usage: Any = s.final().usage
    assert usage.prompt_tokens == 20
    assert Counts() == Counts(input=None)


def test_nothing_is_counted_twice_between_two_rounds(
    server: ScriptedServer, client: Client
) -> None:
    """The usage of the first answer counts once, although its successor has brought nothing yet."""
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    choice = {"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}
    payload = {"object": "chat.completion.chunk", "choices": [choice], "usage": usage}
    empty = script(b": nothing", done=False)
    server.scripts += [script(payload), empty]
    with in_chat(client) as s:
        s.chain(in_chat(client))
        while s.next():
            pass
        s.err()
        counts = s.total_counts()
    assert counts is not None
    assert counts.input == 1
