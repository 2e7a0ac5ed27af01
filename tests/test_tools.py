"""Tools: functions that the model calls, in one loop over all rounds."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import functools
import inspect
import json
from collections.abc import Callable
from typing import Annotated, Any, Literal

import attrs
import pydantic
import pytest
from server import CHUNKED, END, ScriptedServer, ch

from openai_scan import Client, StreamerV2, function_schema, run_tools, tool_of

pytestmark = pytest.mark.usefixtures("wire")


@attrs.frozen
class Forecast:
    """A forecast."""

    sky: str
    degrees: int | None = None


def get_weather(city: str, unit: Literal["C", "F"] = "C", _day: int | None = None) -> Any:
    """Tell the weather
    in a city.

    It costs nothing.

    Args:
        city: The city's name.
        unit: Celsius or Fahrenheit.
    """  # noqa: D205 - a paragraph may have more than one line
    return f"{city}: 21 {unit}" if _day is None else Forecast(sky="clear")


def fail() -> None:
    """Fail."""
    raise ValueError("no luck")


def script(*payloads: dict[str, Any], done: bool = True) -> list[bytes]:
    """Return the script for a stream of *payloads*."""
    events = [b"data: %b\n\n" % json.dumps(payload).encode() for payload in payloads]
    return [CHUNKED + ch(b"".join(events) + b"data: [DONE]\n\n" * done) + END]


def chat(delta: dict[str, Any], finish: str | None) -> list[bytes]:
    """Return the script for a chat stream of one chunk."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return script({"object": "chat.completion.chunk", "choices": [choice]})


def chat_calls(*calls: tuple[str, str, str], finish: str = "tool_calls") -> list[bytes]:
    """Return the script for a chat stream that makes *calls*: id, name and arguments."""
    tool_calls = [
        {"index": index, "id": id, "function": {"name": name, "arguments": arguments}}
        for index, (id, name, arguments) in enumerate(calls)
    ]
    return chat({"tool_calls": tool_calls}, finish)


CHAT_TEXT = chat({"content": "Sunny."}, "stop")
MESSAGES = [{"role": "user", "content": "Weather?"}]


def ask(client: Client, **params: Any) -> StreamerV2:
    """Ask a question in a chat."""
    return client.create_chat_completion_stream(model="m", messages=MESSAGES, **params)


class TestSchemas:
    """The signature of a function becomes the schema of its arguments."""

    def test_a_function_is_a_tool(self) -> None:
        """Its name, its docstring and its types become the tool."""
        parameters = {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "The city's name."},
                "unit": {
                    "anyOf": [{"type": "string", "enum": ["C", "F"]}, {"type": "null"}],
                    "description": "Celsius or Fahrenheit.",
                },
                "_day": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            },
            "required": ["city", "unit", "_day"],
            "additionalProperties": False,
        }
        assert function_schema(get_weather) == parameters
        function = {
            "name": "get_weather",
            "description": "Tell the weather in a city.",
            "parameters": parameters,
            "strict": True,
        }
        assert tool_of(get_weather) == {"type": "function", "function": function}
        assert tool_of(get_weather, api="assistants") == tool_of(get_weather)
        assert tool_of(get_weather, api="responses") == {"type": "function", **function}

    def test_a_loose_tool_may_leave_arguments_out(self) -> None:
        """A function without a docstring has no description."""

        def store(pairs: dict[str, int], *, force: bool = False) -> None: ...

        assert tool_of(store, strict=False) == {
            "type": "function",
            "function": {
                "name": "store",
                "parameters": {
                    "type": "object",
                    "properties": {
                        "pairs": {"type": "object", "additionalProperties": {"type": "integer"}},
                        "force": {"type": "boolean"},
                    },
                    "required": ["pairs"],
                    "additionalProperties": False,
                },
                "strict": False,
            },
        }

    def test_an_argument_may_be_required_after_one_that_is_not(self) -> None:
        """Python allows this for keyword-only parameters."""

        def store(force: bool = False, *, name: str) -> None: ...  # noqa: FBT002 - the point

        parameters = tool_of(store, strict=False)["function"]["parameters"]
        assert (list(parameters["properties"]), parameters["required"]) == (
            ["force", "name"],
            ["name"],
        )

    def test_a_default_of_none_makes_a_type_optional(self) -> None:
        """Many functions omit `| None` from the annotation."""

        def find(name: str = None) -> None:  # type: ignore[assignment] # noqa: RUF013 - on purpose
            ...

        assert function_schema(find)["properties"] == {
            "name": {"anyOf": [{"type": "string"}, {"type": "null"}]}
        }

    @pytest.mark.parametrize(
        ("function", "message"),
        [
            (lambda x: x, "the parameter x of <lambda> has no type: annotate it"),
            (
                lambda *items: items,
                "<lambda> takes *items, but a model passes arguments by name only",
            ),
        ],
    )
    def test_what_the_model_cannot_call_is_a_type_error(
        self, function: Callable[..., Any], message: str
    ) -> None:
        """`tool_of()` raises it, before anything is sent."""
        with pytest.raises(TypeError) as caught:
            tool_of(function)
        assert str(caught.value) == message

    def test_a_coroutine_function_is_a_tool_as_well(self) -> None:
        """A coroutine function becomes a tool, which an asynchronous client runs."""

        async def later(city: str) -> str:
            """Tell it later."""
            return city

        function = tool_of(later)["function"]
        assert (function["name"], function["description"]) == ("later", "Tell it later.")
        assert list(function["parameters"]["properties"]) == ["city"]

    def test_what_is_not_a_plain_function_is_a_type_error(self) -> None:
        """A partial function has no name, and some functions have no signature."""
        with pytest.raises(TypeError, match="has no name: wrap it in a named function"):
            tool_of(functools.partial(get_weather, "Rome"))

        class Builtin:
            """Has no signature, like `max` in some versions of Python."""

            __name__ = "builtin"

            def __call__(self) -> None: ...

            @property
            def __signature__(self) -> inspect.Signature:
                raise ValueError("no signature found")

        with pytest.raises(TypeError, match="the parameters of builtin are unknown"):
            tool_of(Builtin())


class TestChat:
    """Chat Completions: the conversation so far is sent again."""

    def test_the_answers_are_sent_and_the_loop_continues(
        self, server: ScriptedServer, client: Client
    ) -> None:
        """Each call gets its answer, in order, and the request keeps its other arguments."""
        server.scripts += [
            chat_calls(("c1", "get_weather", '{"city": "Rome"}'), ("c2", "fail", "")),
            chat_calls(("c3", "get_weather", '{"city": "Bari", "unit": "F", "_day": 1}')),
            CHAT_TEXT,
        ]
        stream = ask(client, tool_choice="auto", extra_headers={"X-A": "1"}, extra_body={"k": 1})
        with run_tools(client, stream, [get_weather, fail]) as s:
            assert s is stream
            assert "".join(s.text_deltas()) == "Sunny."
            assert s.outcome == "completed"
        rest = {"model": "m", "k": 1, "tool_choice": "auto", "stream": True}
        said = {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": '{"city": "Rome"}'},
                },
                {"id": "c2", "type": "function", "function": {"name": "fail", "arguments": "{}"}},
            ],
        }
        first = [
            *MESSAGES,
            said,
            {"role": "tool", "tool_call_id": "c1", "content": "Rome: 21 C"},
            {"role": "tool", "tool_call_id": "c2", "content": "Error: fail failed with ValueError"},
        ]
        assert server.requests[1].json() == {**rest, "messages": first}
        arguments = '{"city": "Bari", "unit": "F", "_day": 1}'
        call = {"name": "get_weather", "arguments": arguments}
        assert server.requests[2].json()["messages"] == [
            *first,
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c3", "type": "function", "function": call}],
            },
            {"role": "tool", "tool_call_id": "c3", "content": '{"sky": "clear"}'},
        ]
        assert [request.headers["x-a"] for request in server.requests] == ["1", "1", "1"]

    @pytest.mark.parametrize(
        ("name", "arguments", "output"),
        [
            ("get_time", "{}", "Error: there is no function 'get_time'"),
            ("get_weather", '{"city": ', "Error: the arguments are not JSON"),
            (
                "get_weather",
                '{"city": 1}',
                "Error: the arguments do not match: invalid value for type, expected str @ $.city",
            ),
            (
                "get_weather",
                "{}",
                "Error: the arguments do not match: required field missing @ $.city",
            ),
            ("get_weather", "[]", "Error: the arguments do not match: "),
        ],
    )
    def test_the_model_is_notified_of_its_mistakes(
        self, server: ScriptedServer, client: Client, name: str, arguments: str, output: str
    ) -> None:
        """This holds even if exceptions of the functions are raised to the caller."""
        server.scripts += [chat_calls(("c", name, arguments)), CHAT_TEXT]
        with run_tools(client, ask(client), [get_weather], on_error="raise") as s:
            assert s.read() == b"Sunny."
        *_, said, told = server.requests[1].json()["messages"]
        assert told["content"].startswith(output)
        sent = said["tool_calls"][0]["function"]["arguments"]
        assert json.loads(sent) == (json.loads(arguments) if arguments.endswith(("}", "]")) else {})

    def test_an_exception_can_be_raised_to_the_caller(
        self, server: ScriptedServer, client: Client
    ) -> None:
        """next() raises it once, unchanged."""
        server.scripts.append(chat_calls(("c", "fail", "{}")))
        with run_tools(client, ask(client), [fail], on_error="raise") as s:
            with pytest.raises(ValueError, match="no luck"):
                s.read()
            assert not s.next()
            assert (s.outcome, s.err()) == ("completed", None)
        assert len(server.requests) == 1

    def test_it_stops_after_some_rounds(self, server: ScriptedServer, client: Client) -> None:
        """After `max_rounds`, the outcome is "requires_action" and the snapshot has the calls."""
        calls = chat_calls(("c", "fail", "{}"))
        server.scripts += [calls, calls, calls]
        with run_tools(client, ask(client), [fail], max_rounds=2) as s:
            assert s.read() == b""
            assert (s.outcome, s.err()) == ("requires_action", None)
            [call] = s.final().calls
        assert (call.id, call.name, call.complete) == ("c", "fail", True)
        assert len(server.requests) == 3

    def test_what_was_cut_short_is_not_called(self, server: ScriptedServer, client: Client) -> None:
        """A call that a limit cut short is not run, although its arguments may be valid JSON."""
        server.scripts.append(chat_calls(("c", "fail", "{}"), finish="length"))
        with run_tools(client, ask(client), [fail]) as s:
            assert s.read() == b""
            assert s.outcome == "incomplete"
        assert len(server.requests) == 1

    def test_a_forced_call_is_forced_once(self, server: ScriptedServer, client: Client) -> None:
        """Otherwise the model could call forever."""
        server.scripts += [chat_calls(("c", "get_weather", '{"city": "Rome"}')), CHAT_TEXT]
        with run_tools(client, ask(client, tool_choice="required"), [get_weather]) as s:
            assert s.read() == b"Sunny."
        assert server.requests[0].json()["tool_choice"] == "required"
        assert "tool_choice" not in server.requests[1].json()

    def test_an_empty_stream_calls_nothing(self, server: ScriptedServer, client: Client) -> None:
        """A stream without an answer has no calls."""
        server.scripts.append(script())
        with run_tools(client, ask(client), [fail]) as s:
            assert s.read() == b""
            assert s.outcome == "completed"


class TestResponses:
    """Responses: the server keeps the conversation."""

    CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "get_weather"}

    def scripts(self) -> list[list[bytes]]:
        """Return a response that calls, and one that answers."""
        item = {**self.CALL, "arguments": '{"city": "Rome"}', "status": "completed"}
        response = {"id": "resp_1", "object": "response", "status": "completed", "output": [item]}
        final = {"id": "resp_2", "object": "response", "status": "completed"}
        text = {"type": "response.output_text.delta", "output_index": 0, "delta": "Sunny."}
        return [
            script({"type": "response.completed", "response": response}, done=False),
            script(text, {"type": "response.completed", "response": final}, done=False),
        ]

    OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "Rome: 21 C"}

    def answered(self, server: ScriptedServer, client: Client, **params: Any) -> Any:
        """Return the body of the request that continues."""
        server.scripts += self.scripts()
        stream = client.create_response_stream(model="m", instructions="Be kind.", **params)
        with run_tools(client, stream, [get_weather]) as s:
            assert s.read() == b"Sunny."
        body = server.requests[1].json()
        assert [body.pop(name) for name in ("model", "instructions", "stream")] == [
            "m",
            "Be kind.",
            True,
        ]
        return body

    def test_it_continues_from_the_response(self, server: ScriptedServer, client: Client) -> None:
        """The next request has only the outputs, and does not force another call."""
        body = self.answered(server, client, input="Weather?", tool_choice="required")
        assert body == {"input": [self.OUTPUT], "previous_response_id": "resp_1"}

    def test_a_conversation_knows_where_it_is(self, server: ScriptedServer, client: Client) -> None:
        """With `conversation`, no `previous_response_id` is sent: the API accepts only one."""
        body = self.answered(server, client, input="Weather?", conversation="conv_1")
        assert body == {"input": [self.OUTPUT], "conversation": "conv_1"}

    @pytest.mark.parametrize(
        ("given", "before"),
        [
            ("Weather?", [{"role": "user", "content": "Weather?"}]),
            (MESSAGES, MESSAGES),
            (None, []),
        ],
    )
    def test_what_is_not_stored_is_sent_again(
        self, server: ScriptedServer, client: Client, given: Any, before: Any
    ) -> None:
        """With `store=False`, the next request repeats the input and the model's calls."""
        body = self.answered(server, client, input=given, store=False)
        call = {**self.CALL, "arguments": '{"city": "Rome"}', "status": "completed"}
        assert body == {"input": [*before, call, self.OUTPUT], "store": False}


class TestAssistants:
    """Assistants: the run waits, and continues."""

    def test_the_outputs_are_submitted(self, server: ScriptedServer, client: Client) -> None:
        """The run that waits gets the outputs, with the headers of the first request."""
        function = {"name": "get_weather", "arguments": '{"city": "Rome"}'}
        call = {"id": "c1", "type": "function", "function": function}
        waiting = {
            "id": "run_1",
            "object": "thread.run",
            "thread_id": "t1",
            "status": "requires_action",
            "required_action": {"submit_tool_outputs": {"tool_calls": [call]}},
        }
        content = [{"index": 0, "type": "text", "text": {"value": "Sunny."}}]
        delta = {"id": "m1", "object": "thread.message.delta", "delta": {"content": content}}
        run = {"id": "run_1", "object": "thread.run", "thread_id": "t1", "status": "completed"}
        server.scripts += [script(waiting), script(delta, run)]
        stream = client.create_run_stream("t1", assistant_id="a1", extra_headers={"X-A": "1"})
        with run_tools(client, stream, [get_weather]) as s:
            assert s.read() == b"Sunny."
            assert s.outcome == "completed"
        request = server.requests[1]
        assert request.line == "POST /v1/threads/t1/runs/run_1/submit_tool_outputs HTTP/1.1"
        assert request.json() == {
            "tool_outputs": [{"tool_call_id": "c1", "output": "Rome: 21 C"}],
            "stream": True,
        }
        assert request.headers["x-a"] == "1"
        assert request.headers["openai-beta"] == "assistants=v2"

    def test_a_run_that_does_not_wait_calls_nothing(
        self, server: ScriptedServer, client: Client
    ) -> None:
        """If the run ends while a call is being written, the call is not answered."""
        call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "fail"}}
        details = {"type": "tool_calls", "tool_calls": [call]}
        step = {
            "id": "s1",
            "object": "thread.run.step.delta",
            "delta": {"step_details": details},
        }
        run = {"id": "run_1", "object": "thread.run", "thread_id": "t1", "status": "completed"}
        server.scripts.append(script(step, run))
        stream = client.create_run_stream("t1", assistant_id="a1")
        with run_tools(client, stream, [fail]) as s:
            assert s.read() == b""
            assert len(s.final().calls) == 1
        assert len(server.requests) == 1


class TestMisuse:
    """What cannot work is an error at once."""

    def test_only_streams_of_a_create_method_remember_what_was_asked(self, client: Client) -> None:
        """A recording, a retrieved response and an image have no request to continue from."""
        for stream in (
            StreamerV2([]),
            client.retrieve_response_stream("resp_1"),
            client.create_image_stream(prompt="p"),
        ):
            with pytest.raises(TypeError) as caught:
                run_tools(client, stream, [])
            assert str(caught.value) == (
                "run_tools needs a stream that the client has made: of a chat completion, by"
                " create_response_stream, of a run, or of an agent's session"
            )

    @pytest.mark.wires("blocking")
    def test_the_client_comes_first(self, client: Client) -> None:
        """If you pass the stream before the client, the error says what it needs."""
        with pytest.raises(TypeError, match="run_tools needs a stream that the client has made"):
            run_tools(ask(client), client, [])  # type: ignore[call-overload]

    def test_several_choices_have_no_common_next_question(self, client: Client) -> None:
        """A request for several choices is refused, and n=1 is not."""
        run_tools(client, ask(client, n=1), [])
        with pytest.raises(ValueError, match="needs a request for one choice, not n=2"):
            run_tools(client, ask(client, n=2), [])

    def test_two_functions_have_two_names(self, client: Client) -> None:
        """With one name for both, it would be unclear which one the model calls."""
        with pytest.raises(ValueError, match="two functions have the name 'fail'"):
            run_tools(client, ask(client), [fail, fail])

    def test_functions_are_given_in_a_list(self, client: Client) -> None:
        """A single function, or a dict of them, is a TypeError that says so."""
        with pytest.raises(TypeError, match="put a single one into a list"):
            run_tools(client, ask(client), fail)  # type: ignore[call-overload]
        with pytest.raises(TypeError, match="the functions themselves, not the name 'fail'"):
            run_tools(client, ask(client), {"fail": fail})  # type: ignore[dict-item]

    @pytest.mark.wires("blocking")
    def test_a_blocking_client_runs_one_call_at_a_time(self, client: Client) -> None:
        """`concurrent=True` needs an AsyncClient, since a blocking one has only one thread."""
        with pytest.raises(TypeError, match="concurrent=True needs an AsyncClient"):
            run_tools(client, ask(client), [], concurrent=True)  # type: ignore[call-overload]

    def test_there_are_two_ways_to_report(self, client: Client) -> None:
        """A misspelled `on_error` is a ValueError."""
        wrong: Any = "modell"
        with pytest.raises(ValueError, match="must be 'model' or 'raise', not 'modell'"):
            run_tools(client, ask(client), [], on_error=wrong)


class TestTypes:
    """Parameters and results of every kind that has a schema."""

    def test_annotated_describes_a_parameter(self) -> None:
        """An annotation counts more than the docstring.

        A default of None makes the type optional here, too.
        """

        def find(
            name: Annotated[str, "Whom to find."],
            year: Annotated[int, "When."] = None,  # type: ignore[assignment] # noqa: RUF013 - on purpose
        ) -> None:
            """Find someone.

            Args:
                name: Not this.
                year: Nor this.
            """

        properties = function_schema(find)["properties"]
        assert properties == {
            "name": {"type": "string", "description": "Whom to find."},
            "year": {
                "anyOf": [{"type": "integer"}, {"type": "null"}],
                "description": "When.",
            },
        }

    def test_only_the_types_of_parameters_have_to_be_known(self) -> None:
        """The annotation of the result does not matter: a result is sent as text."""

        def known(x: "int") -> "Nowhere":  # type: ignore[name-defined] # noqa: F821, UP037 - on purpose
            ...

        def unknown(x: "list[Nowhere]") -> None:  # type: ignore[name-defined] # noqa: F821, UP037 - on purpose
            ...

        assert function_schema(known)["properties"] == {"x": {"type": "integer"}}
        with pytest.raises(TypeError) as caught:
            function_schema(unknown)
        assert str(caught.value) == (
            "the type of the parameter x of unknown: name 'Nowhere' is not defined"
        )

    def test_a_wrapped_function_has_the_types_of_what_it_wraps(self) -> None:
        """A wrapper has the schema of what it wraps, and an object that of its `__call__`."""

        @functools.wraps(get_weather)
        def wrapped(*args: Any, **kwargs: Any) -> Any: ...

        assert function_schema(wrapped) == function_schema(get_weather)

        class Callable_:  # noqa: N801 - a name is not the point
            __name__ = "called"

            def __call__(self, x: int) -> None: ...

        assert function_schema(Callable_())["required"] == ["x"]

    def test_a_generator_is_not_called_by_a_model(self) -> None:
        """An asynchronous generator function is a TypeError."""

        async def later() -> Any:
            yield 1

        with pytest.raises(TypeError, match="later is an asynchronous generator function"):
            tool_of(later)

    def test_arguments_and_results_may_be_objects(
        self, server: ScriptedServer, client: Client
    ) -> None:
        """Arguments and results may be objects of attrs, dataclasses or pydantic, also nested."""
        seen: list[Any] = []

        def take(point: Point, model: Model) -> Any:
            seen.extend((point, model))
            return [point, model, Side.LEFT, Forecast(sky="clear")]

        arguments = {"point": {"x": 1, "side": None}, "model": {"day": "2026-01-31"}}
        server.scripts += [chat_calls(("c", "take", json.dumps(arguments))), CHAT_TEXT]
        with run_tools(client, ask(client), [take]) as s:
            s.read()
        assert seen == [Point(1), Model(day=dt.date(2026, 1, 31))]
        told = json.loads(server.requests[1].json()["messages"][-1]["content"])
        assert told == [{"x": 1, "side": "l"}, {"day": "2026-01-31"}, "l", {"sky": "clear"}]

    def test_what_a_model_says_about_its_fields_is_its_own(
        self, server: ScriptedServer, client: Client
    ) -> None:
        """A validator's message may be private: it is sent only with `error_text=True`."""

        def take(secret: Secretive) -> None: ...

        for error_text, told in ((False, "invalid value"), (True, "Value error, hunter2")):
            arguments = '{"secret": {"x": 1}}'
            server.scripts += [chat_calls(("c", "take", arguments)), CHAT_TEXT]
            with run_tools(client, ask(client), [take], error_text=error_text) as s:
                s.read()
            content = server.requests[-1].json()["messages"][-1]["content"]
            assert content == f"Error: the arguments do not match: {told} @ $.secret"

    @pytest.mark.wires("blocking")
    def test_nothing_waits_for_a_coroutine(self, server: ScriptedServer, client: Client) -> None:
        """A blocking client refuses coroutine functions, and a coroutine is not a result."""

        async def later() -> str:
            return "too late"

        def take() -> Any:
            return later()

        class Called:
            __name__ = "called"

            async def __call__(self) -> None: ...

        server.scripts += [chat_calls(("c", "take", "{}")), CHAT_TEXT]
        with run_tools(client, ask(client), [take]) as s:
            s.read()
        content = server.requests[-1].json()["messages"][-1]["content"]
        assert content == "Error: take failed with TypeError"
        for function, name in ((later, "later"), (Called(), "called")):
            with pytest.raises(TypeError) as caught:
                run_tools(client, ask(client), [function])
            assert str(caught.value) == (
                f"{name} is a coroutine function, which needs an AsyncClient: pass run_tools one"
                " and its stream, or wrap the function in a blocking one"
            )

    def test_a_class_is_not_a_result(self, server: ScriptedServer, client: Client) -> None:
        """A function that returns a class, rather than an object, has failed."""

        def take() -> Any:
            return Point

        server.scripts += [chat_calls(("c", "take", "{}")), CHAT_TEXT]
        with run_tools(client, ask(client), [take]) as s:
            s.read()
        content = server.requests[-1].json()["messages"][-1]["content"]
        assert content == "Error: take failed with TypeError"


class Side(enum.Enum):
    """A side."""

    LEFT = "l"


@dataclasses.dataclass
class Point:
    """A point."""

    x: int
    side: Side = Side.LEFT


class Model(pydantic.BaseModel):
    """A model."""

    day: dt.date


class Secretive(pydantic.BaseModel):
    """A model whose validator reveals too much."""

    x: int

    @pydantic.field_validator("x")
    @classmethod
    def _check(cls, x: int) -> int:  # noqa: ARG003 - nothing is right
        raise ValueError("hunter2")
