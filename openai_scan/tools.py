"""Let the model call your Python functions, in one loop.

::

    def get_weather(city: str, unit: Literal["C", "F"] = "C") -> str:
        return weather_service(city, unit)

    stream = client.create_chat_completion_stream(
        model=model, messages=messages, tools=[tool_of(get_weather)]
    )
    with run_tools(client, stream, [get_weather]) as s:
        while s.next():
            print(s.text() or "", end="", flush=True)
        if err := s.err():
            raise err
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from enum import Enum
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    TypeAlias,
    TypeVar,
)

import attrs

from openai_scan import bounded_json
from openai_scan.client import AzureClient, Client
from openai_scan.errors import DecodeError
from openai_scan.events import Outcome
from openai_scan.events.decoding.hooks import UnfitError
from openai_scan.events.decoding.records import is_model
from openai_scan.events.decoding.structure import Structurer
from openai_scan.events.responses.waiting import answered_ids, waits_for_others
from openai_scan.events.snapshot import parses
from openai_scan.functions import Function, arguments_of, function_schema, name_of, tool_of
from openai_scan.interruptions import is_interruption
from openai_scan.recording import RecordedSource
from openai_scan.schema import API
from openai_scan.sse import Source
from openai_scan.streamer import StreamerV2
from openai_scan.transport import Request
from openai_scan.transport.ids import is_id
from openai_scan.transport.request import plain
from openai_scan.values import Call

if TYPE_CHECKING:
    from openai_scan.events.assistants.snapshot import AssistantsAnswer
    from openai_scan.events.chat.snapshot import ChatCompletion
    from openai_scan.events.responses.snapshot import ResponseAnswer

StreamT = TypeVar("StreamT", bound=StreamerV2)

__all__ = ["function_schema", "run_tools", "tool_of"]

_log = logging.getLogger("openai_scan")

DEFAULT_MAX_CALLS = 64
"""How many calls an answer may have for `run_tools` to run them. Models make a few at a time."""

Answered: TypeAlias = "Sequence[tuple[Call, str]]"
"""The calls of one round, each with the output to send to the model."""

FollowUp: TypeAlias = Callable[[StreamerV2, Any, Answered], StreamerV2]
"""Makes the stream that follows a stream of its API, its answer and the outputs for that."""

# The ends of the APIs' paths; their beginnings are different on Azure.
_APIS: Mapping[str, API] = {
    "/chat/completions": "chat",
    "/responses": "responses",
    "/runs": "assistants",
    "/submit_tool_outputs": "assistants",
}

# The outcomes after which calls are answered. In an answer that was cut short the calls are not
# whole, and a run shows its calls before it waits for their outputs.
_ANSWERABLE: Mapping[API, tuple[Outcome, ...]] = {
    "assistants": ("requires_action",),
    "chat": ("completed", "requires_action"),
    "responses": ("completed", "requires_action"),
}

# What an answer of each API has, and no other.
_PARTS: Mapping[API, str] = {"assistants": "run", "chat": "choices", "responses": "response"}


def run_tools(
    client: Client | AzureClient,
    stream: StreamT,
    functions: Iterable[Function],
    *,
    max_rounds: int = 10,
    max_calls: int = DEFAULT_MAX_CALLS,
    on_error: Literal["model", "raise"] = "model",
    error_text: bool = False,
) -> StreamT:
    """Answer the model's calls by running *functions*, until it makes no more calls.

    Read the stream in one loop as before. Whenever it would end with calls, `next()` runs the
    functions, one after another, sends their outputs, and goes on with the stream that follows.
    `snapshot().calls` has the calls of the answer that has just ended.

    If the model calls an unknown function, or its arguments are not JSON or do not match the
    types of the parameters, the model gets the error and often corrects itself. No function is
    called with a part of its arguments: an answer that was cut short ends as `incomplete`. A
    `tool_choice` that forces a call is sent with the first request only; otherwise the calls would
    never end.

    After *max_rounds*, and after an answer with more than *max_calls* calls, the stream ends with
    the outcome `requires_action` and without an error, as it would without this function. No
    function runs; the unanswered calls are in `snapshot().calls`. The same happens if an answer
    has a call that is not of a function, such as of a custom tool, of a computer or of a shell: an
    API takes the outputs of all calls of an answer or none, so all of them are yours to answer.

    What the model said is sent back as it came, with keys that no class here has.

    Args:
        client: The client that sends the outputs.
        stream: A stream of this client: from Chat Completions, from `create_response_stream`, or
            from an Assistants run. Each round repeats its request, tools included.
        functions: The functions that may be called, each under its Python name.
        max_rounds: How often calls are answered, at most.
        max_calls: How many calls one answer may have; if it has more, none of them runs.
        on_error: Who gets an exception that a function raises: `"model"` tells the model which
            class of exception it was, `"raise"` ends the stream and raises it from `next()`
            unchanged.
        error_text: Whether the model also gets the text of such an exception. It may help the model
            to do better, but may also hold what is not meant for it, or for whoever reads its
            answer: the address of a database, a password, a path.

    Returns:
        *stream* itself.

    Raises:
        TypeError: The stream is not one of these, or a function cannot be called by a model.
        ValueError: The request asked for several choices, two functions have the same name,
            *on_error* is neither of the two, or *max_calls* is less than 1.
        RuntimeError: The stream has already ended.
    """
    if on_error not in ("model", "raise"):
        raise ValueError(f"on_error must be 'model' or 'raise', not {on_error!r}")
    if max_calls < 1:
        raise ValueError(f"max_calls must be at least 1, not {max_calls}")
    table: dict[str, _Tool] = {}
    for function in functions:
        tool = _Tool(function, arguments_of(function))
        if table.setdefault(name_of(function), tool) is not tool:
            raise ValueError(f"there are two functions {name_of(function)!r}")
    api, request = _request_of(stream)
    choices = (request.body or {}).get("n")
    if choices not in (None, 1):
        raise ValueError(f"run_tools goes on with one choice, and n={choices} were asked for")
    stream.chain_from(
        _Rounds(
            follow_up=_FOLLOW_UPS[api](client, request),
            api=api,
            tools=table,
            left=max_rounds,
            max_calls=max_calls,
            raises=on_error == "raise",
            error_text=error_text,
        )
    )
    return stream


@attrs.frozen
class _Tool:
    """A function and the class of its arguments."""

    function: Function
    arguments: type


@attrs.define
class _Rounds:
    """Answers the calls at the end of each stream: a `Successor`."""

    follow_up: FollowUp
    api: API
    tools: Mapping[str, _Tool]
    left: int
    max_calls: int
    raises: bool
    error_text: bool

    def __call__(self, streamer: StreamerV2, outcome: Outcome) -> StreamerV2 | Source | Outcome:
        """Return the stream that follows, or the outcome if there is nothing to answer."""
        answer = streamer.snapshot()
        # A server may answer in another API than it was asked in.
        if not hasattr(answer, _PARTS[self.api]) or outcome not in _ANSWERABLE[self.api]:
            return outcome
        assert answer is not None  # noqa: S101 - it has one of these parts
        others = self.api == "responses" and waits_for_others(answer)
        answered = answered_ids(answer) if self.api == "responses" else ()
        calls = _distinct([call for call in answer.calls if call.id not in answered])
        if not calls and not others:
            return outcome
        if others or not all(map(_is_answerable, calls)):
            return "requires_action"
        if self.left <= 0 or len(calls) > self.max_calls:
            return "requires_action"
        if self.api == "assistants" and not _is_named(answer):
            return _broken("the run that waits for outputs has an id that cannot be one")
        self.left -= 1
        outputs = [(call, self._answer(call)) for call in calls]
        onward = self.follow_up(streamer, answer, outputs)
        source = streamer.source
        return source.then(onward.source) if isinstance(source, RecordedSource) else onward

    def _answer(self, call: Call) -> str:
        """Run the function of *call* and return its output for the model."""
        tool = self.tools.get(call.name)
        if tool is None:
            return f"Error: there is no function {call.name!r}"
        try:
            payload = bounded_json.loads_strictly(call.arguments)
            arguments: Any = Structurer(strict=True)(payload, tool.arguments)
        except ValueError:
            return "Error: the arguments are not JSON"
        except DecodeError as error:
            shown = str(error)
            if not self.error_text and _quotes_code(error.__cause__):
                shown = f"invalid value @ {shown.rpartition(' @ ')[2]}"
            return f"Error: the arguments do not fit: {shown}"
        names = attrs.fields_dict(tool.arguments)
        try:
            result = tool.function(**{name: getattr(arguments, name) for name in names})
            if inspect.iscoroutine(result):
                result.close()
                raise TypeError("nothing here waits for a coroutine")  # noqa: TRY301 - as its own
            if isinstance(result, str):
                return result
            return bounded_json.dumps(result, default=_plain)
        except Exception as error:
            if self.raises or is_interruption(error):
                raise
            _log.debug("%s failed with %s", call.name, type(error).__name__)
            if self.error_text:
                return f"Error: {type(error).__name__}: {error}"
            return f"Error: {call.name} failed with {type(error).__name__}"


def _plain(result: Any) -> Any:
    """Return what a function returned, or a part of it, as JSON values."""
    if isinstance(result, Enum):
        return result.value
    if is_model(type(result)):
        return result.model_dump(mode="json")
    if is_dataclass(result) and not isinstance(result, type):
        return {one.name: getattr(result, one.name) for one in dataclass_fields(result)}
    return plain(result)


def _distinct(calls: Sequence[Call]) -> list[Call]:
    """Return the calls of one choice, each once, since a call has only one output."""
    by_id = {call.id: call for call in reversed(calls) if call.id}
    choice = calls[0].choice if calls else 0
    return [call for call in calls if call.choice == choice and by_id.get(call.id, call) is call]


def _is_answerable(call: Call) -> bool:
    """Return whether *call* is of a function and whole.

    One whose arguments are not JSON is: the model learns of its mistake.
    """
    if call.kind != "function" or not call.name:
        return False
    return call.complete or not parses(call.arguments or "{}")


def _quotes_code(error: BaseException | None) -> bool:
    """Return whether *error*, of the arguments, quotes an exception that a class of theirs raised.

    That may hold what is not meant for the model. Misfits that are found here name types only.
    """
    from cattrs.errors import ClassValidationError, IterableValidationError

    if isinstance(error, ClassValidationError):
        inner, own = error.group_exceptions()
        return bool(own) or any(_quotes_code(each) for each, _ in inner)
    if isinstance(error, IterableValidationError):
        return any(_quotes_code(each) for each, _ in error.group_exceptions()[0])
    return not isinstance(error, UnfitError | KeyError)


def _is_named(answer: Any) -> bool:
    """Return whether outputs can be sent to the run of *answer*, and to nothing else."""
    run = answer.run
    return run is not None and is_id(run.thread_id) and is_id(run.id)


def _broken(message: str) -> Iterator[bytes]:
    """Return a source that has nothing but an error, with which the stream ends."""

    def fail() -> bytes:
        raise DecodeError(message)

    return iter(fail, b"")


def _request_of(stream: StreamerV2) -> tuple[API, Request]:
    """Return the API and the request of *stream*."""
    request = getattr(stream.source, "request", None)  # a recorded source has it too
    if isinstance(request, Request) and request.method == "POST":
        for end, api in _APIS.items():
            if request.path.endswith(end):
                return api, request
    raise TypeError(
        "run_tools takes a stream that the client has made: of a chat completion, by"
        " create_response_stream, or of a run"
    )


def _without_force(request: Request) -> Request:
    """Return *request* with a `tool_choice` that lets the model answer.

    Which tools it may call stays as it was.
    """
    body = dict(request.body or {})
    match body.get("tool_choice"):
        case None | "auto" | "none" | {"type": "auto" | "none"}:
            pass
        case {"type": "allowed_tools", "allowed_tools": Mapping() as allowed} as choice:  # Chat
            body["tool_choice"] = {**choice, "allowed_tools": _at_will(allowed)}
        case {"type": "allowed_tools"} as choice:
            body["tool_choice"] = _at_will(choice)
        case _:
            del body["tool_choice"]
    if isinstance(body.get("function_call"), Mapping):  # the older form
        del body["function_call"]
    return attrs.evolve(request, body=body)


def _at_will(allowed: Mapping[str, Any]) -> dict[str, Any]:
    """Return allowed tools of which none has to be called."""
    return {**allowed, "mode": "auto"} if allowed.get("mode") == "required" else dict(allowed)


def _after_chat(client: Client | AzureClient, request: Request) -> FollowUp:
    """Repeat the request with the model's message and one message for each output added."""
    request = _without_force(request)

    def follow_up(streamer: StreamerV2, _: ChatCompletion, answered: Answered) -> StreamerV2:
        # The older form of a call has no id, and one call at most.
        outputs = [
            {"role": "tool", "tool_call_id": call.id, "content": output}
            if call.id
            else {"role": "function", "name": call.name, "content": output}
            for call, output in answered
        ]
        choice = answered[0][0].choice
        messages = [*streamer.messages(choice), *outputs]
        body = {**(request.body or {}), "messages": messages}
        return client.stream(attrs.evolve(request, body=body))

    return follow_up


def _after_response(client: Client | AzureClient, request: Request) -> FollowUp:
    """Continue the stored response, or repeat all of it if the server has not stored it."""
    asked = dict(_without_force(request).body or {})

    def follow_up(streamer: StreamerV2, answer: ResponseAnswer, answered: Answered) -> StreamerV2:
        body, response = dict(asked), answer.response
        outputs = [
            {"type": "function_call_output", "call_id": call.id, "output": output}
            for call, output in answered
        ]
        # Where nothing may be stored the server says so in its answer, whatever it was asked, and
        # only what is stored under an id can be continued.
        is_stored = response.store is not False and bool(response.id)
        if body.get("store") is False or not (is_stored or "conversation" in body):
            body["input"] = [*streamer.input_items(), *outputs]
        else:
            body["input"] = outputs
            if "conversation" not in body:  # a conversation knows its last response
                body["previous_response_id"] = response.id
        return client.stream(attrs.evolve(request, body=body))

    return follow_up


def _after_run(client: Client | AzureClient, request: Request) -> FollowUp:
    """Submit the outputs to the run that waits for them."""

    def follow_up(_: StreamerV2, answer: AssistantsAnswer, answered: Answered) -> StreamerV2:
        run = answer.run
        assert run is not None  # noqa: S101 - see `_is_named()`
        return client.submit_tool_outputs_stream(
            run.thread_id,
            run.id,
            [{"tool_call_id": call.id, "output": output} for call, output in answered],
            extra_headers=request.headers,
            extra_query=request.query,
            timeout=request.timeout,
        )

    return follow_up


_FOLLOW_UPS: Mapping[API, Callable[[Client | AzureClient, Request], FollowUp]] = {
    "assistants": _after_run,
    "chat": _after_chat,
    "responses": _after_response,
}
