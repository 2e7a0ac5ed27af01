"""The APIs that answer with text: Chat Completions, Completions and Responses."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import frozen

from openai_scan import bounded_json
from openai_scan.cli.checkup.findings import (
    Finding,
    Verdict,
    of_end,
    of_endpoint,
    of_error,
    of_notes,
    of_refusal,
    of_streaming,
    of_usage,
    shortened,
)
from openai_scan.cli.checkup.looks import Look
from openai_scan.cli.checkup.server import Server
from openai_scan.errors import APIError, ScanError
from openai_scan.functions import tool_of
from openai_scan.schema import json_schema_format

# Enough for a model that reasons before it says hello.
MOST_TOKENS = 512

GREETING = "Say hello."
_USE_TOOL = "What time is it in Oslo? Call the function."
_AS_JSON = 'Greet the world, as JSON with the key "greeting".'
_NO_MODEL = "openai-scan-no-such-model"

_NOT_RESUMABLE = (
    "its events have no sequence_number, or the response does not run in the background"
)


def current_time(city: str) -> str:
    """Return the current time in a city."""
    raise NotImplementedError(city)  # it is only offered to the model


@frozen
class _Greeting:
    greeting: str


@frozen(kw_only=True)
class TextAPI:
    """How an API of text is asked.

    Attributes:
        name: What it is called here.
        path: Its path.
        body: Returns the body that asks a model something.
        options: What else to send, as long as the server accepts it.
        tools: What offers a function to the model; None if the API has no functions.
        schema: What asks for JSON of a schema; None likewise.
    """

    name: str
    path: str
    body: Callable[[str, str], dict[str, Any]]
    options: Mapping[str, Any]
    tools: Mapping[str, Any] | None = None
    schema: Mapping[str, Any] | None = None


_COUNTED = {"stream_options": {"include_usage": True}}

CHAT = TextAPI(
    name="chat",
    path="/chat/completions",
    body=lambda model, prompt: {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "stream": True,
    },
    options={**_COUNTED, "max_completion_tokens": MOST_TOKENS},
    tools={"tools": [tool_of(current_time)]},
    schema={"response_format": json_schema_format(_Greeting)},
)
COMPLETIONS = TextAPI(
    name="completions",
    path="/completions",
    body=lambda model, prompt: {"model": model, "prompt": prompt, "stream": True},
    options={**_COUNTED, "max_tokens": MOST_TOKENS},
)
RESPONSES = TextAPI(
    name="responses",
    path="/responses",
    body=lambda model, prompt: {"model": model, "input": prompt, "stream": True},
    options={"max_output_tokens": MOST_TOKENS, "store": False},
    tools={"tools": [tool_of(current_time, api="responses")]},
    schema={"text": {"format": json_schema_format(_Greeting, api="responses")}},
)


def check_text(api: TextAPI, server: Server) -> Iterator[Finding]:
    """Yield what is found out about *api*."""
    look, options, refused = _open(api, server)
    found = of_endpoint(look)
    yield Finding(api.name, "endpoint", *found)
    if found[0] not in {"ok", "odd"}:
        return
    yield Finding(api.name, "stream", *of_streaming(look))
    yield Finding(api.name, "end of stream", *of_end(look))
    yield Finding(api.name, "usage", *of_usage(look))
    if refused:
        yield Finding(api.name, "options", "odd", f"refused: {', '.join(refused)}")

    def ask(prompt: str, more: Mapping[str, Any], model: str = server.models.text) -> Look:
        return server.look(api.path, {**api.body(model, prompt), **options, **more})

    last = look
    if api.tools is not None:
        last = ask(_USE_TOOL, {**api.tools, "tool_choice": "required"})
        if isinstance(last.error, APIError) and last.error.status in {400, 422}:
            last = ask(_USE_TOOL, api.tools)
        yield Finding(api.name, "tool call", *_of_call(last))
    if api.schema is not None:
        last = ask(_AS_JSON, api.schema)
        yield Finding(api.name, "JSON schema", *_of_json(last))
    if (reused := last.stats.connection_reused) is not None and last is not look:
        yield Finding(api.name, "reuse", *_of_reuse(reused=reused))
    if api is RESPONSES:
        yield Finding(api.name, "resume", *_of_resuming(api, server))
        yield Finding(api.name, "cancel", *_of_cancelling(server))
    yield Finding(api.name, "bad model", *of_error(ask(GREETING, {}, _NO_MODEL)))
    yield Finding(api.name, "bad parameter", *of_error(ask(GREETING, {"temperature": "hot"})))
    yield Finding(api.name, "notes", *of_notes(server.notes))


def _open(api: TextAPI, server: Server) -> tuple[Look, dict[str, Any], list[str]]:
    """Ask for a greeting.

    Returns:
        The answer, the options that the server has accepted, and the names of the others.
    """
    options, refused = dict(api.options), list[str]()
    while True:
        body = {**api.body(server.models.text, GREETING), **options}
        look = server.look(api.path, body)
        name = _refused_option(look.error, options)
        if name is None:
            return look, options, refused
        refused.append(name)
        del options[name]
        if name == "max_completion_tokens":
            options["max_tokens"] = MOST_TOKENS  # as older servers call it


def _refused_option(error: ScanError | None, options: Mapping[str, Any]) -> str | None:
    """Return which of *options* the server has refused by name, or None."""
    if not isinstance(error, APIError) or error.status not in {400, 422}:
        return None
    words = f"{error.param} {error.message}"
    return next((name for name in options if name in words), None)


def _of_feature(look: Look) -> Verdict | None:
    """Return why a feature could not be used, or None if its answer is whole."""
    error = look.error
    if isinstance(error, APIError) and error.status is not None:
        result, words = of_refusal(error)
        if error.status in {400, 404, 422}:
            result = "no"
        return ("odd" if result == "broken" else result), words
    return None if error is None else ("broken", shortened(str(error)))


def _of_call(look: Look) -> Verdict:
    """Return whether the model could call a function."""
    if (problem := _of_feature(look)) is not None:
        return problem
    calls = () if look.answer is None else look.answer.calls
    if not calls:
        return "no", f"no call came: the answer is {look.stream.outcome}"
    try:
        shown = [json.dumps(call.parsed()) for call in calls]
    except ValueError as error:
        return "broken", shortened(str(error))
    return "ok", f"the function was called with {shortened(shown[0])}"


def _of_json(look: Look) -> Verdict:
    """Return whether the answer keeps to a schema."""
    if (problem := _of_feature(look)) is not None:
        return problem
    text = "" if look.answer is None else look.answer.text
    with contextlib.suppress(ValueError):
        value = bounded_json.loads(text)
        if isinstance(value, dict) and isinstance(value.get("greeting"), str):
            return "ok", "the answer matches the schema"
        return "odd", "the answer is JSON, but does not match the schema"
    return "odd", f"the answer, which is {look.stream.outcome}, is not JSON"


def _of_reuse(*, reused: bool) -> Verdict:
    """Return whether a connection is used again after a stream."""
    if reused:
        return "ok", "the next request used the same connection"
    return "no", "the next request needed a new connection"


def _of_resuming(api: TextAPI, server: Server) -> Verdict:
    """Leave a response that runs in the background, and resume its stream."""
    body = {**api.body(server.models.text, GREETING), "background": True, "store": True}
    stream = server.ask(api.path, body)
    bookmark = None
    while bookmark is None and stream.next():
        bookmark = stream.bookmark()
    if bookmark is None:
        look = server.read(stream)
        return _of_feature(look) or ("no", _NOT_RESUMABLE)
    server.requests += 1
    stream.close()
    look = server.read(server.client.resume_stream(bookmark))
    if look.error is None:
        return "ok", f"from event {bookmark['position']} on, {look.stats.events} more came"
    return "broken", shortened(str(look.error))


def _of_cancelling(server: Server) -> Verdict:
    """Cancel a response that runs in the background."""
    model = server.models.text
    begun = server.call(
        lambda client: client.create_response(model=model, input=GREETING, background=True)
    )
    if isinstance(begun, ScanError):
        return "no", shortened(str(begun))
    ended = server.call(lambda client: client.cancel_response(begun.id))
    if isinstance(ended, ScanError):
        return "no", shortened(str(ended))
    return "ok", f"its status is {ended.status}"
