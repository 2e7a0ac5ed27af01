"""Make the request that sends the outputs of a round to the model, for each API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from openai_scan.schema import API
from openai_scan.transport import Request
from openai_scan.values import Call

if TYPE_CHECKING:
    from openai_scan.events.agents.snapshot import AgentsAnswer
    from openai_scan.events.assistants.snapshot import AssistantsAnswer
    from openai_scan.events.chat.snapshot import ChatCompletion
    from openai_scan.events.responses.snapshot import ResponseAnswer

Answered: TypeAlias = "Sequence[tuple[Call, str]]"
"""The calls of one round, each with the output to send to the model."""

FollowUp: TypeAlias = Callable[[Any, Any, Answered], Any]
"""Makes the stream that follows, given a stream of its API, its answer and the outputs.

The stream is one of the client it was made for; with an asynchronous client, the result may have to
be awaited.
"""


class ErrorOutput(str):
    """What the model gets instead of an output."""

    __slots__ = ()


# How the paths of the APIs end; on Azure they begin differently.
_APIS: Mapping[tuple[str, str], API] = {
    ("POST", "/chat/completions"): "chat",
    ("POST", "/responses"): "responses",
    ("POST", "/runs"): "assistants",
    ("POST", "/submit_tool_outputs"): "assistants",
    ("POST", "/agents/sessions"): "agents",
    ("GET", "/events"): "agents",
}


def request_of(stream: Any) -> tuple[API, Request]:
    """Return the API and the request of *stream*.

    Raises:
        TypeError: It is not a stream that `run_tools` takes.
    """
    # A recorded source also has it. The client, passed by mistake, has no source.
    request = getattr(getattr(stream, "source", None), "request", None)
    if isinstance(request, Request):
        for (method, end), api in _APIS.items():
            if request.method == method and request.path.endswith(end):
                return api, request
    raise TypeError(
        "run_tools needs a stream that the client has made: of a chat completion, by"
        " create_response_stream, of a run, or of an agent's session"
    )


def follow_up_of(api: API, client: Any, request: Request) -> FollowUp:
    """Return what makes the streams that follow those of *client* that began with *request*."""
    return _FOLLOW_UPS[api](client, request)


def _without_force(request: Request) -> Request:
    """Return *request* with a `tool_choice` that lets the model answer.

    The tools it may call stay the same.
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
    """Return allowed tools that the model need not call."""
    return {**allowed, "mode": "auto"} if allowed.get("mode") == "required" else dict(allowed)


def _after_chat(client: Any, request: Request) -> FollowUp:
    """Repeat the request with the model's message and a message for each output."""
    request = _without_force(request)

    def follow_up(streamer: Any, _: ChatCompletion, answered: Answered) -> Any:
        # The older form of a call has no id, and an answer has at most one.
        outputs = [
            {"role": "tool", "tool_call_id": call.id, "content": output}
            if call.id
            else {"role": "function", "name": call.name, "content": output}
            for call, output in answered
        ]
        choice = answered[0][0].choice
        messages = [*streamer._messages(choice), *outputs]  # noqa: SLF001 - part of the streamer
        body = {**(request.body or {}), "messages": messages}
        return client.stream(attrs.evolve(request, body=body))

    return follow_up


def _after_response(client: Any, request: Request) -> FollowUp:
    """Continue the stored response, or repeat all of it if the server did not store it."""
    asked = dict(_without_force(request).body or {})

    def follow_up(streamer: Any, answer: ResponseAnswer, answered: Answered) -> Any:
        body, response = dict(asked), answer.response
        outputs = [
            {"type": "function_call_output", "call_id": call.id, "output": output}
            for call, output in answered
        ]
        # A server that stores nothing says so in its answer, whatever the request asks for, and
        # only a response stored under an id can be continued.
        is_stored = response.store is not False and bool(response.id)
        if body.get("store") is False or not (is_stored or "conversation" in body):
            body["input"] = [*streamer._input_items(), *outputs]  # noqa: SLF001 - likewise
        else:
            body["input"] = outputs
            if "conversation" not in body:  # a conversation has its last response
                body["previous_response_id"] = response.id
        return client.stream(attrs.evolve(request, body=body))

    return follow_up


def _after_run(client: Any, request: Request) -> FollowUp:
    """Submit the outputs to the run that waits for them."""

    def follow_up(_: Any, answer: AssistantsAnswer, answered: Answered) -> Any:
        run = answer.run
        assert run is not None  # noqa: S101 - see `Rounds`
        return client.submit_tool_outputs_stream(
            run.thread_id,
            run.id,
            [{"tool_call_id": call.id, "output": output} for call, output in answered],
            extra_headers=request.headers,
            extra_query=request.query,
            timeout=request.timeout,
        )

    return follow_up


def _in_session(client: Any, request: Request) -> FollowUp:
    """Send the outputs to the session that waits for them, and continue reading."""
    query = {name: value for name, value in request.query.items() if name != "include_obfuscation"}
    extras: Any = {
        "extra_headers": request.headers,
        "extra_query": query,
        "timeout": request.timeout,
    }

    def follow_up(streamer: Any, answer: AgentsAnswer, answered: Answered) -> Any:
        session = answer.session
        assert session is not None  # noqa: S101 - see `Rounds`
        events = [_tool_result(call, output, answer) for call, output in answered]
        if streamer._can_read_on:  # noqa: SLF001 - our own class
            sending = client.send_agent_session_events(session.id, events, **extras)
            return _then(sending, streamer) if isawaitable(sending) else streamer
        return client.send_agent_session_events_stream(session.id, events, **extras)

    return follow_up


def _tool_result(call: Call, output: str, answer: AgentsAnswer) -> dict[str, Any]:
    """Return the event that sends a call's output, or its error, to a session."""
    failed = isinstance(output, ErrorOutput)
    return {
        "type": "agent.session.input.tool_result",
        "turn_id": answer.turn_of_call(call.id),
        "call_id": call.id,
        "success": not failed,
        "error" if failed else "output": str(output),
    }


async def _then(sending: Awaitable[object], streamer: Any) -> Any:
    """Return *streamer* after *sending* is done."""
    await sending
    return streamer


_FOLLOW_UPS: Mapping[API, Callable[[Any, Request], FollowUp]] = {
    "agents": _in_session,
    "assistants": _after_run,
    "chat": _after_chat,
    "responses": _after_response,
}
