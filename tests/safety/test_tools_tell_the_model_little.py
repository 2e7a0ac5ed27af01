"""A model is told little of why a function failed, and cannot run any number of functions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest

from openai_scan import Client, DecodeError, StreamerV2, run_tools
from openai_scan.testing import (
    FakeServer,
    Step,
    ToolCall,
    assistant_calls,
    chat_answer,
    chat_calls,
    response_answer,
    response_calls,
    thread_run,
)

pytestmark = pytest.mark.usefixtures("wire")

SECRET = "postgres://admin:hunter2@db.internal/patients"


class QuotingError(Exception):
    """An exception that says more than its message."""

    def __str__(self) -> str:
        return SECRET

    def __repr__(self) -> str:
        return SECRET


def _is_open(place: Any, attribute: Any, value: str) -> None:
    raise ValueError(SECRET)


@attrs.frozen
class Door:
    """A parameter whose class looks at what it gets."""

    name: str = attrs.field(validator=_is_open)


def plain() -> None:
    """Fail."""
    raise ValueError(SECRET)


def chained() -> None:
    """Fail because of something."""
    try:
        plain()
    except ValueError as error:
        raise RuntimeError(SECRET) from error


def grouped() -> None:
    """Fail by its own exception."""
    raise QuotingError(SECRET)


def unsendable() -> object:
    """Return what is not JSON, and shows what it holds."""
    made: Any = QuotingError
    return {"a": made()}


def enter(door: Door) -> str:
    """Go in."""
    return door.name


def enter_all(doors: list[Door]) -> str:
    """Go in everywhere."""
    return str(doors)


FUNCTIONS: list[Callable[..., Any]] = [plain, chained, grouped, unsendable, enter, enter_all]
ARGUMENTS: dict[str, Any] = {
    "enter": {"door": {"name": "a"}},
    "enter_all": {"doors": [{"name": "a"}]},
}


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """Start a server without answers."""
    with FakeServer(strict=False) as started:
        yield started


@pytest.fixture
def client(server: FakeServer) -> Iterator[Client]:
    """Make a client of the server."""
    with Client("k", server.base_url) as made:
        yield made


def ask(client: Client, api: str) -> StreamerV2:
    """Ask by one of the APIs."""
    if api == "chat":
        return client.create_chat_completion_stream(model="m", messages=[])
    if api == "responses":
        return client.create_response_stream(model="m", input="Hi")
    return client.create_run_stream("thread_1", assistant_id="a")


CALLS: dict[str, Callable[..., list[bytes]]] = {
    "chat": chat_calls,
    "responses": response_calls,
    "assistants": assistant_calls,
}


@pytest.mark.unmeasured
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("api", CALLS)
def test_the_text_of_an_exception_is_not_sent(
    function: Any, api: str, server: FakeServer, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not logged either, whichever exception it is, and wherever it is raised."""
    name = function.__name__
    calls = CALLS[api](ToolCall(name, ARGUMENTS.get(name, {})))
    server.add(calls, chat_answer("Sorry."))
    with caplog.at_level(logging.DEBUG), run_tools(client, ask(client, api), FUNCTIONS) as s:
        while s.next():
            pass
        s.err()
    assert len(server.requests) == 2
    sent = server.requests[1].body.decode()
    assert "Error: " in sent
    assert "hunter2" not in sent + caplog.text
    assert "db.internal" not in sent + caplog.text


def test_the_class_of_an_exception_is_sent(server: FakeServer, client: Client) -> None:
    """The model gets one sentence with the name of the function."""
    server.add(chat_calls(ToolCall("plain", {})), chat_answer("Sorry."))
    with run_tools(client, ask(client, "chat"), FUNCTIONS) as s:
        assert s.read() == b"Sorry."
    assert server.requests[1].json["messages"][-1]["content"] == (
        "Error: plain failed with ValueError"
    )


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("enter", {"door": {"name": "a"}}, "invalid value @ $.door"),
        ("enter_all", {"doors": [{"name": "a"}]}, "invalid value @ $.doors[0]"),
        ("enter_all", {"doors": [1]}, "invalid value for type, expected object @ $.doors[0]"),
        ("enter", {"door": {}}, "required field missing @ $.door.name"),
    ],
)
def test_what_does_not_fit_is_recognized_by_its_place(
    name: str, arguments: dict[str, Any], told: str, server: FakeServer, client: Client
) -> None:
    """The model gets the place and the expected type, unless a class refused the value."""
    server.add(chat_calls(ToolCall(name, arguments)), chat_answer("Sorry."))
    with run_tools(client, ask(client, "chat"), FUNCTIONS) as s:
        assert s.read() == b"Sorry."
    sent = server.requests[1].json["messages"][-1]["content"]
    assert sent == f"Error: the arguments do not match: {told}"


def test_the_text_of_a_class_that_refuses_a_value_is_sent_on_request(
    server: FakeServer, client: Client
) -> None:
    """`error_text=True` sends it, as it does the text of any exception."""
    server.add(chat_calls(ToolCall("enter", ARGUMENTS["enter"])), chat_answer("Sorry."))
    with run_tools(client, ask(client, "chat"), FUNCTIONS, error_text=True) as s:
        assert s.read() == b"Sorry."
    assert SECRET in server.requests[1].json["messages"][-1]["content"]


def test_the_text_of_an_exception_is_sent_on_request(server: FakeServer, client: Client) -> None:
    """It may help the model to do better."""
    server.add(chat_calls(ToolCall("plain", {})), chat_answer("Sorry."))
    with run_tools(client, ask(client, "chat"), FUNCTIONS, error_text=True) as s:
        assert s.read() == b"Sorry."
    assert server.requests[1].json["messages"][-1]["content"] == f"Error: ValueError: {SECRET}"


@pytest.mark.unmeasured
@pytest.mark.parametrize("api", CALLS)
@pytest.mark.parametrize(
    ("calls", "settings", "runs"),
    [(65, {}, 0), (64, {}, 64), (3, {"max_calls": 2}, 0), (2, {"max_calls": 2}, 2)],
)
def test_an_answer_has_a_bound_of_calls(
    calls: int, settings: Any, runs: int, api: str, server: FakeServer, client: Client
) -> None:
    """Above the limit nothing is run or sent, and you have to answer the calls."""
    ran = 0

    def count() -> str:
        nonlocal ran
        ran += 1
        return "ok"

    last = response_answer("Done.") if api == "responses" else chat_answer("Done.")
    server.add(CALLS[api](*(ToolCall("count", {}) for _ in range(calls))), last)
    with run_tools(client, ask(client, api), [count], **settings) as s:
        while s.next():
            pass
        assert ran == runs
        if not runs:
            assert s.err() is None
            assert s.outcome == "requires_action"
            answer = s.snapshot()
            assert answer is not None
            assert len(answer.calls) == calls
        s.err()
    assert len(server.requests) == (2 if runs else 1)


@pytest.mark.parametrize("wrong", [0, -1])
def test_a_bound_of_no_calls_is_refused(wrong: int, client: Client) -> None:
    """It would be another way to say that there are no tools."""
    with pytest.raises(ValueError, match="max_calls must be at least 1"):
        run_tools(client, ask(client, "chat"), [], max_calls=wrong)


@pytest.mark.unmeasured
@pytest.mark.parametrize("id", ["..", "", "a/../b", "%2e%2e"])
@pytest.mark.parametrize("field", ["id", "thread_id"])
def test_no_output_is_sent_to_a_run_that_is_named_strangely(
    field: str, id: str, server: FakeServer, client: Client
) -> None:
    """The id comes from the server and would lead to another path, so the stream fails."""
    action = {
        "type": "submit_tool_outputs",
        "submit_tool_outputs": {
            "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "plain", "arguments": "{}"}}
            ]
        },
    }
    named = {"id": "run_1", "thread_id": "thread_1", field: id}
    answer: list[Step] = [thread_run("requires_action", required_action=action, **named)]
    server.add(answer)
    with run_tools(client, ask(client, "assistants"), FUNCTIONS, on_error="raise") as s:
        while s.next():
            pass
        assert isinstance(s.err(), DecodeError)
        assert s.outcome == "failed"
    assert len(server.requests) == 1
