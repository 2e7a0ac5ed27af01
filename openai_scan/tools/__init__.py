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

`rounds` decides what is answered and how; `follow_ups` makes the requests. This module and
`awaited` run the functions: one after another in the caller's thread, or awaited.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from openai_scan.client import AzureClient, Client
from openai_scan.client.base import BaseClient, ClientCore
from openai_scan.events import Outcome
from openai_scan.functions import (
    Function,
    arguments_of,
    function_schema,
    is_coroutine_function,
    name_of,
    tool_of,
)
from openai_scan.sse import Source
from openai_scan.streamer import StreamerV2
from openai_scan.tools.follow_ups import follow_up_of, request_of
from openai_scan.tools.rounds import End, Rounds, Tool, output_of
from openai_scan.values import Call

if TYPE_CHECKING:
    from openai_scan.aio import AsyncStreamerV2
    from openai_scan.client.aio import AsyncAzureClient, AsyncClient

StreamT = TypeVar("StreamT", bound=StreamerV2)
AsyncStreamT = TypeVar("AsyncStreamT", bound="AsyncStreamerV2")

__all__ = ["function_schema", "run_tools", "tool_of"]

DEFAULT_MAX_CALLS = 64
"""The most calls in one answer that `run_tools` runs. Models make a few at a time."""


@overload
def run_tools(
    client: Client | AzureClient,
    stream: StreamT,
    functions: Iterable[Function],
    *,
    max_rounds: int = ...,
    max_calls: int = ...,
    on_error: Literal["model", "raise"] = ...,
    error_text: bool = ...,
) -> StreamT: ...
@overload
def run_tools(
    client: AsyncClient | AsyncAzureClient,
    stream: AsyncStreamT,
    functions: Iterable[Function],
    *,
    max_rounds: int = ...,
    max_calls: int = ...,
    on_error: Literal["model", "raise"] = ...,
    error_text: bool = ...,
    concurrent: bool = ...,
) -> AsyncStreamT: ...
def run_tools(
    client: Any,
    stream: Any,
    functions: Iterable[Function],
    *,
    max_rounds: int = 10,
    max_calls: int = DEFAULT_MAX_CALLS,
    on_error: Literal["model", "raise"] = "model",
    error_text: bool = False,
    concurrent: bool = False,
) -> Any:
    """Answer the model's calls by running *functions*, until it makes no more calls.

    Read the stream in one loop as before. Whenever it would end with calls, `next()` runs the
    functions, one after another, sends their outputs, and continues with the next stream.
    `snapshot().calls` has the calls of the answer that has just ended.

    If the model calls an unknown function, or its arguments are not JSON or do not match the
    types of the parameters, the model gets the error and often corrects itself. A function is
    never called with incomplete arguments: an answer that was cut short ends as `incomplete`. A
    `tool_choice` that forces a call is sent with the first request only; otherwise the calls would
    never end.

    After *max_rounds*, and after an answer with more than *max_calls* calls, the stream ends with
    the outcome `requires_action` and without an error, as it would without this function. No
    function runs; the unanswered calls are in `snapshot().calls`. The same happens if an answer
    has a call of something other than a function, such as a custom tool, a computer or a shell.
    An API takes the outputs of all calls of an answer or of none, so you have to answer all of
    them. The same applies to an agent's session that also waits for an approval or a connection.

    The model's messages are sent back as they came, including keys that the classes do not have.

    With an `AsyncClient`, `await s.next()` awaits coroutine functions and runs each other function
    in a thread, so that the event loop continues. If the task or the stream is cancelled, the
    awaited coroutine is cancelled too. A thread cannot be stopped; the result of its function is
    discarded.

    Args:
        client: The client that sends the outputs.
        stream: A stream of this client: from Chat Completions, from `create_response_stream`, from
            an Assistants run, or of an agent's session. Each round repeats its request, tools
            included. In a session, which stays open, the outputs are sent and reading continues.
        functions: The functions that may be called, each under its Python name. Coroutine
            functions need an asynchronous client.
        max_rounds: How many times calls are answered, at most.
        max_calls: How many calls one answer may have. If it has more, none of them runs.
        on_error: What happens to an exception that a function raises. `"model"` tells the model
            the class of the exception; `"raise"` ends the stream, and `next()` raises the exception
            unchanged.
        error_text: Whether the model also gets the text of such an exception. The text may help the
            model to do better. But it may contain what neither the model nor the readers of its
            answer should see: the address of a database, a password, a path.
        concurrent: With an asynchronous client, whether the calls of one answer run at the same
            time. The outputs keep the order of the calls. If one raises an exception, and
            *on_error* is `"raise"`, the others are cancelled.

    Returns:
        *stream* itself.

    Raises:
        TypeError: The stream is not one of these, the model cannot call one of the functions, or
            blocking and asynchronous *client*, *stream* and *functions* are mixed.
        ValueError: The request asks for several choices, two functions have the same name,
            *on_error* is neither of the two, or *max_calls* is less than 1.
        RuntimeError: The stream has already ended.
    """
    if on_error not in ("model", "raise"):
        raise ValueError(f"on_error must be 'model' or 'raise', not {on_error!r}")
    if max_calls < 1:
        raise ValueError(f"max_calls must be at least 1, not {max_calls}")
    blocks = isinstance(stream, StreamerV2)
    table: dict[str, Tool] = {}
    if callable(functions):
        raise TypeError("the functions must be a list: put a single one into a list")
    for function in functions:
        if isinstance(function, str):
            raise TypeError(
                f"pass run_tools a list of the functions themselves, not the name {function!r}"
            )
        tool = Tool(function, arguments_of(function))
        if blocks and is_coroutine_function(function):
            raise TypeError(
                f"{name_of(function)} is a coroutine function, which needs an AsyncClient: pass"
                " run_tools one and its stream, or wrap the function in a blocking one"
            )
        if table.setdefault(name_of(function), tool) is not tool:
            raise ValueError(f"two functions have the name {name_of(function)!r}: rename one")
    if isinstance(client, ClientCore) and isinstance(client, BaseClient) is not blocks:
        one, other = ("blocking", "asynchronous") if blocks else ("asynchronous", "blocking")
        raise TypeError(
            f"the stream is {one} and the client {other}: pass run_tools the client that made it"
        )
    api, request = request_of(stream)
    choices = (request.body or {}).get("n")
    if choices not in (None, 1):
        raise ValueError(f"run_tools needs a request for one choice, not n={choices}")
    rounds = Rounds(
        follow_up=follow_up_of(api, client, request),
        api=api,
        tools=table,
        left=max_rounds,
        max_calls=max_calls,
        raises=on_error == "raise",
        error_text=error_text,
    )
    if blocks:
        if concurrent:
            raise TypeError(
                "concurrent=True needs an AsyncClient: a blocking one runs one call at a time"
            )
        stream.chain_from(_InTurn(rounds))
    else:
        from openai_scan.tools.awaited import Awaited

        stream.chain_from(Awaited(rounds, concurrent=concurrent))
    return stream


class _InTurn:
    """Runs the functions one after another, in the thread that reads: a `Successor`."""

    def __init__(self, rounds: Rounds) -> None:
        self._rounds = rounds

    def __call__(self, streamer: StreamerV2, outcome: Outcome) -> StreamerV2 | Source | Outcome:
        """Return the stream that follows, or the outcome if there is nothing to answer."""
        calls = self._rounds.begin(streamer, outcome)
        following: StreamerV2 | Source | Outcome
        if isinstance(calls, End):
            following = calls.following
        else:
            outputs = [(call, self._answer(call)) for call in calls]
            following = self._rounds.joined(streamer, self._rounds.follow(streamer, outputs))
        return following

    def _answer(self, call: Call) -> str:
        """Run the function of *call* and return its output for the model."""
        ready = self._rounds.prepare(call)
        if isinstance(ready, str):
            return ready
        try:
            result = ready()
            if inspect.iscoroutine(result):
                result.close()
                raise TypeError("nothing here waits for a coroutine")  # noqa: TRY301 - handled like the function's own exception
            return output_of(result)
        except Exception as error:  # noqa: BLE001 - raised again if on_error says so
            return self._rounds.failure(call, error)
