"""`doctor`: perfect servers, real servers, and programs that are not model servers at all."""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import pytest
import trustme
from recordings import OWN
from terminal_session import Session

from openai_scan.cli import main
from openai_scan.cli.checkup.apis import CHECKS, most_requests
from openai_scan.cli.checkup.text import current_time
from openai_scan.testing import (
    FakeServer,
    Reply,
    SeenRequest,
    Step,
    ToolCall,
    assistant_answer,
    background_responses,
    chat_answer,
    chat_calls,
    chat_chunk,
    comment,
    completion_answer,
    cut,
    error,
    event,
    hold,
    image_answer,
    json_answer,
    response_answer,
    response_calls,
    response_event,
    speech_answer,
    stream_error,
    transcript_answer,
)

Given: TypeAlias = "Reply | Iterable[Step]"
Answers: TypeAlias = "Mapping[str, Callable[[SeenRequest], Given]]"

NOT_FOUND = json_answer({"detail": "Not Found"}, status=404)
MODELS = json_answer({"object": "list", "data": [{"id": "m", "object": "model"}]})
TIME = ToolCall("current_time", {"city": "Oslo"})
EVERYTHING = [
    "--image-model",
    "pixels",
    "--speech-model",
    "voice",
    "--transcription-model",
    "ears",
]


def serving(answers: Answers, *, base: Given = NOT_FOUND) -> Callable[[SeenRequest], Given]:
    """Return a function that answers by the request's path, with *base* for all other paths."""

    def answer(request: SeenRequest) -> Given:
        given = answers.get(request.path)
        return base if given is None else given(request)

    return answer


def refused(body: Mapping[str, Any]) -> Reply | None:
    """Return how OpenAI refuses an invalid request, or None if it is valid."""
    if body.get("model") is None:
        return error(400, "you must provide a model parameter", param="model")
    if body["model"] == "openai-scan-no-such-model":
        return error(404, "The model does not exist", code="model_not_found", param="model")
    if body.get("temperature") == "hot":
        return error(400, "Invalid type for 'temperature'", param="temperature")
    return None


def chat(request: SeenRequest) -> Given:
    """Answer a chat request as OpenAI does."""
    body = request.json
    if (reply := refused(body)) is not None:
        return reply
    if "tools" in body:
        return chat_calls(TIME)
    return chat_answer('{"greeting": "Hello"}' if "response_format" in body else "Hello")


def completions(request: SeenRequest) -> Given:
    """Answer a completion request as OpenAI does."""
    reply = refused(request.json)
    return completion_answer("Hello") if reply is None else reply


class Responses:
    """Answers as OpenAI does, and remembers responses in the background."""

    def __init__(self) -> None:
        self._background = background_responses(*["Hello there"] * 9)

    def __call__(self, request: SeenRequest) -> Given:
        """Return the answer to *request*."""
        body = request.json or {}
        if request.path == "/responses" and (reply := refused(body)) is not None:
            return reply
        if request.path != "/responses" or body.get("background"):
            return self._background(request)
        if "tools" in body:
            return response_calls(TIME)
        return response_answer('{"greeting": "Hello"}' if "text" in body else "Hello")


class Assistants:
    """Has one assistant at a time, and remembers what was deleted."""

    def __init__(self, *, run: Given | None = None) -> None:
        self.deleted: list[str] = []
        self._run = run

    def __call__(self, request: SeenRequest) -> Given:
        """Return the answer to *request*."""
        if request.method == "DELETE":
            self.deleted.append(request.path)
            return json_answer({"id": request.path.rpartition("/")[2], "deleted": True})
        if request.path == "/threads/runs":
            return assistant_answer("Hello") if self._run is None else self._run
        if request.method == "GET":
            return json_answer({"object": "list", "data": [], "has_more": False})
        return json_answer({"id": "asst_1", "object": "assistant", "model": "m"})


def media(answer: Given) -> Callable[[SeenRequest], Given]:
    """Return a function that answers with *answer* if the request names a model."""
    return lambda request: (
        answer
        if b"ears" in request.body or (request.json or {}).get("model") in {"pixels", "voice"}
        else error(400, "you must provide a model parameter")
    )


@pytest.fixture
def openai() -> Iterator[FakeServer]:
    """Start a server with every API that OpenAI had before it dropped Assistants."""
    responses, assistants = Responses(), Assistants()

    def answer(request: SeenRequest) -> Given:
        match request.path.split("/")[1]:
            case "responses":
                return responses(request)
            case "assistants" | "threads":
                return assistants(request)
        return serving(
            {
                "/models": lambda _: MODELS,
                "/chat/completions": chat,
                "/completions": completions,
                "/images/generations": media(image_answer(b"png", partial=[b"p"])),
                "/audio/speech": media(speech_answer(b"sound")),
                "/audio/transcriptions": media(transcript_answer("Hello")),
            }
        )(request)

    with FakeServer(answer) as server:
        yield server


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a key, and use no proxy."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def found(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[tuple[str, str], str]]:
    """Return a function that examines a server; it returns "result: details" by API and check."""

    def examine(url: str, *arguments: str, status: int) -> dict[tuple[str, str], str]:
        assert main(["doctor", url, "-m", "m", "--json", *arguments]) == status
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert lines[0]["type"] == "server"
        assert lines[-1]["type"] == "summary"
        return {
            (line["api"], line["check"]): f"{line['result']}: {line['seen']}"
            for line in lines[1:-1]
        }

    return examine


Found: TypeAlias = "Callable[..., dict[tuple[str, str], str]]"


def test_a_server_that_has_everything_is_well(
    openai: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The status is 0, the output has no key, and no more requests are sent than announced."""
    assert main(["doctor", openai.base_url, "-m", "m", *EVERYTHING]) == 0
    out, err = capsys.readouterr()
    assert err == (
        f"sending at most {most_requests([*CHECKS])} short requests to 127.0.0.1, of at most 512"
        " tokens each\n"
    )
    assert len(openai.requests) <= most_requests([*CHECKS])
    assert f"\nmodel m, {len(openai.requests)} requests, " in out
    assert "sk-0123456789" not in out
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in out.splitlines()
        if line.startswith("|")
    ]
    assert rows[0] == ("API", "check", "result", "seen")
    assert {row[2] for row in rows[2:]} == {"ok"}
    assert {row[0] for row in rows[2:]} == {"", *CHECKS}
    shown = {row[1]: row[3] for row in rows if row[0] in ("", "models")}
    assert shown["tool call"] == 'the function was called with {"city": "Oslo"}'
    assert shown["resume"].startswith("from event ")
    assert shown["cancel"] == "its status is cancelled"
    assert shown["bad model"] == (
        "HTTP 404, code model_not_found, {error: {message, type, param, code}}"
    )


def test_no_request_is_above_the_number_that_was_said(found: Found) -> None:
    """A server that refuses one option after the other gets as many requests as announced."""

    def strict(request: SeenRequest) -> Given:
        body = request.json or {}
        for name in ("stream_options", "max_completion_tokens", "max_tokens", "tool_choice"):
            if name in body:
                return error(422, f"Extra inputs are not permitted: {name}", param=name)
        return chat(request) if "messages" in body else completions(request)

    with FakeServer(strict) as server:
        server.strict = False
        seen = found(server.base_url, "--only", "chat,completions", status=0)
        assert len(server.requests) == most_requests(["chat", "completions"])
    assert seen["chat", "options"] == (
        "odd: refused: stream_options, max_completion_tokens, max_tokens"
    )
    assert seen["completions", "options"] == "odd: refused: stream_options, max_tokens"
    assert seen["chat", "tool call"].startswith("ok: ")
    assert seen["chat", "usage"] == "no: no count of tokens came"


@pytest.mark.parametrize("only", [["--only", "speech, models"], ["--only=models", "--only=speech"]])
def test_only_some_apis_are_checked(only: list[str], openai: FakeServer, found: Found) -> None:
    """They are checked in the usual order. Without `--speech-model`, speech is only looked for."""
    assert found(openai.base_url, *only, status=0) == {
        ("models", "endpoint"): "ok: 1 model; m is among them",
        ("speech", "endpoint"): (
            "ok: it is there, and was not tried without a model: HTTP 400,"
            " {error: {message, type, param, code}}"
        ),
    }
    assert len(openai.requests) == 2


def test_an_unknown_api_is_wrong_usage(
    openai: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is sent."""
    assert main(["doctor", openai.base_url, "-m", "m", "--only", "chat,talk"]) == 2
    assert capsys.readouterr().err == (
        "openai-scan: Invalid value for '--only': 'talk' is not one of models, chat, completions,"
        " responses, images, speech, transcription, assistants; see openai-scan doctor --help\n"
    )
    assert openai.requests == []


def recorded(name: str) -> Reply:
    """Return the recorded answer of a real server."""
    body = OWN[f"servers/{name}.sse"]
    if body.startswith(b"{"):
        return Reply(
            status=400, headers={"Content-Type": "application/json; charset=utf-8"}, body=body
        )
    return Reply(steps=[body])


def test_llama_cpp(found: Found) -> None:
    """llama.cpp accepts any model name, and its errors have no `param`."""

    def talk(request: SeenRequest) -> Given:
        body = request.json
        if body.get("temperature") == "hot":
            return recorded("llamacpp_chat_err_badtemp")
        if request.path == "/responses":
            if body.get("background"):
                return recorded(
                    "llamacpp_responses_text"
                    if "stream" in body
                    else "llamacpp_responses_nonstream"
                )
            return recorded(
                "llamacpp_responses_tool" if "tools" in body else "llamacpp_responses_text"
            )
        if "tools" in body:
            return recorded("llamacpp_chat_tool_required")
        if "response_format" in body:
            return recorded("llamacpp_chat_json_schema")
        return recorded("llamacpp_chat_usage")

    answers = serving(
        {"/chat/completions": talk, "/responses": talk, "/models": lambda _: MODELS},
        base=json_answer(
            {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}},
            status=404,
        ),
    )
    with FakeServer(answers) as server:
        server.strict = False
        seen = found(server.base_url, status=1)
    assert (
        seen["chat", "end of stream"]
        == "ok: [DONE], finish_reason length, the answer is incomplete"
    )
    assert re.fullmatch(r"ok: \d+ in, \d+ out", seen["chat", "usage"])
    assert seen["chat", "bad model"] == "no: it was accepted"
    assert seen["chat", "bad parameter"] == ("ok: HTTP 400, {error: {code, message, type}}")
    assert seen["responses", "end of stream"].startswith("ok: response.completed")
    assert seen["responses", "resume"].startswith("no: its events have no sequence_number")
    assert seen["responses", "cancel"].startswith("no: ")
    # The tiny model that was recorded was cut off within the arguments.
    assert seen["responses", "tool call"] == "broken: the call of 'get_weather' is not complete"
    assert seen["completions", "endpoint"].startswith("no: File Not Found (HTTP status 404")
    assert seen["assistants", "endpoint"].startswith("no: File Not Found (HTTP status 404")


def test_litellm(found: Found) -> None:
    """LiteLLM's proxy adds fields of its own to errors."""

    def talk(request: SeenRequest) -> Given:
        body = request.json
        if body["model"] != "m":
            return recorded("litellm_chat_err_badmodel")
        if request.path == "/completions":
            return recorded("litellm_completions_usage")
        return recorded("litellm_upaimock_chat_tool2" if "tools" in body else "litellm_chat_usage")

    with FakeServer(serving({"/chat/completions": talk, "/completions": talk})) as server:
        server.strict = False
        seen = found(server.base_url, status=0)
    assert seen["models", "endpoint"].startswith("no: ")
    assert seen["chat", "tool call"].startswith("ok: the function was called with {")
    assert seen["chat", "JSON schema"] == "odd: the answer, which is completed, is not JSON"
    assert seen["chat", "bad model"] == (
        "ok: HTTP 400, {error: {message, type, param, code, provider_specific_fields}}"
    )


def test_ollama(found: Found) -> None:
    """Ollama answers 404 both for a model that is not pulled and for an API that it lacks."""
    missing = error(404, "model 'm' not found", type="api_error")
    page = Reply(status=404, headers={"Content-Type": "text/plain"}, body=b"404 page not found")
    with FakeServer(serving({"/chat/completions": lambda _: missing}, base=page)) as server:
        seen = found(server.base_url, status=1)
    assert seen["chat", "endpoint"] == "refused: model 'm' not found (HTTP status 404)"
    assert seen["responses", "endpoint"] == "no: 404 page not found (HTTP status 404)"


def test_vllm(found: Found) -> None:
    """Older vLLM versions have flat errors, and tools are off by default."""

    def talk(request: SeenRequest) -> Given:
        body = request.json
        flat = {"object": "error", "message": "no", "type": "NotFoundError", "param": None}
        if body["model"] != "m" or "tools" in body:
            return json_answer({**flat, "code": 404}, status=404)
        if body.get("temperature") == "hot":
            return json_answer({"detail": [{"loc": ["body"], "msg": "no"}]}, status=422)
        return [comment(), *chat_answer("Hello", usage=True)[:-1], b": ping\n\n"]

    with FakeServer(serving({"/chat/completions": talk})) as server:
        server.strict = False
        seen = found(server.base_url, "--only", "chat", status=0)
    assert seen["chat", "tool call"].startswith("no: no (HTTP status 404")
    assert seen["chat", "stream"].endswith(", 2 keep-alives")
    assert (
        seen["chat", "end of stream"] == "odd: chat.completion.chunk, finish_reason stop, no [DONE]"
    )
    assert seen["chat", "bad model"] == ("odd: HTTP 404, {object, message, type, param, code}")
    assert seen["chat", "bad parameter"] == "odd: HTTP 422, {detail}"
    assert seen["chat", "notes"] == "odd: missing_done (2)"


@pytest.mark.parametrize(
    ("answer", "check", "seen", "status"),
    [
        pytest.param(
            [chat_chunk("Hi"), cut()],
            "end of stream",
            "broken: the connection broke during the answer: it was closed before its end",
            1,
            id="cut",
        ),
        pytest.param(
            [chat_chunk("Hi"), stream_error("server_error", "Out of order.")],
            "end of stream",
            "broken: Out of order. (code server_error)",
            1,
            id="error",
        ),
        pytest.param([], "stream", "broken: no event came", 1, id="nothing"),
        pytest.param(
            json_answer(
                {
                    "object": "chat.completion",
                    "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}],
                }
            ),
            "stream",
            "odd: a whole answer came in place of a stream",
            0,
            id="whole",
        ),
        pytest.param(
            Reply(steps=chat_answer("Hi"), headers={"Content-Type": "text/plain"}),
            "endpoint",
            "odd: HTTP 200, text/plain",
            0,
            id="type",
        ),
        pytest.param(
            Reply(steps=chat_answer("Hi"), headers={}),
            "endpoint",
            "odd: HTTP 200, no Content-Type",
            0,
            id="no type",
        ),
        pytest.param(
            error(401, "Wrong key."),
            "endpoint",
            "refused: Wrong key. (HTTP status 401, code invalid_api_key)",
            1,
            id="key",
        ),
        pytest.param(
            error(500, "Oops."), "endpoint", "broken: Oops. (HTTP status 500)", 1, id="500"
        ),
        pytest.param(error(501, "No."), "endpoint", "no: No. (HTTP status 501)", 1, id="501"),
        pytest.param(
            Reply(status=308, headers={"Location": "https://elsewhere.example/v1?key=1"}, body=b""),
            "endpoint",
            "no: the server redirects to https://elsewhere.example/v1: set base_url to that"
            " (HTTP status 308)",
            1,
            id="redirect",
        ),
        pytest.param(
            Reply(headers={"Content-Type": "text/html"}, body=b"<title>Log in</title>"),
            "endpoint",
            "no: the server sent text/html instead of text/event-stream: Log in",
            1,
            id="page",
        ),
        pytest.param(
            [*chat_answer(200 * "long | ")[:-1], b"event: a|b\ndata: {}\n\n", b"data: [DONE]\n\n"],
            "end of stream",
            "ok: [DONE], finish_reason stop",
            0,
            id="odd event",
        ),
    ],
)
def test_what_may_be_wrong(answer: Given, check: str, seen: str, status: int, found: Found) -> None:
    """What a server offers and does not work is "broken"; all other results say what they are."""
    with FakeServer(serving({}, base=answer)) as server:
        server.strict = False
        assert found(server.base_url, "--only", "chat", status=status)["chat", check] == seen


@pytest.mark.parametrize(
    ("answer", "check", "seen"),
    [
        (
            chat_calls(ToolCall("f", "{oops")),
            "tool call",
            "broken: the call of 'f' is not complete",
        ),
        ([chat_chunk("H"), cut()], "tool call", "broken: the connection broke during the answer"),
        ([chat_chunk("H"), cut()], "JSON schema", "broken: the connection broke during the answer"),
        ([cut()], "JSON schema", "broken: no answer from"),
        (error(500, "use --jinja"), "tool call", "odd: use --jinja (HTTP status 500)"),
        (error(429, "Later."), "JSON schema", "refused: Later. (HTTP status 429"),
        (chat_answer("{}"), "JSON schema", "odd: the answer is JSON, but does not match"),
        (
            [stream_error("nope")],
            "bad model",
            "odd: HTTP 200, and the error in the stream: {error: {message, type, code, param}}",
        ),
        ([b"data: oops\n\n"], "bad parameter", "odd: "),
        (
            Reply(status=400, headers={"Content-Type": "text/plain"}, body=b"nope"),
            "bad parameter",
            "odd: HTTP 400, text",
        ),
        (
            json_answer([{"error": {"message": "No", "status": "X"}}], status=400),
            "bad parameter",
            "odd: HTTP 400, [{error: {message, status}}]",
        ),
    ],
)
def test_a_feature_may_be_wrong(answer: Given, check: str, seen: str, found: Found) -> None:
    """A failed check does not keep the others from running."""
    keys = {"tool call": "tools", "JSON schema": "response_format"}

    def talk(request: SeenRequest) -> Given:
        body = request.json
        is_asked = (
            keys[check] in body
            if check in keys
            else refused(body) is not None and ("model" in check) == (body["model"] != "m")
        )
        return answer if is_asked else chat(request)

    with FakeServer(talk) as server:
        server.strict = False
        is_well = seen.startswith("odd")
        checks = found(server.base_url, "--only", "chat", status=0 if is_well else 1)
    assert checks["chat", check].startswith(seen)
    assert checks["chat", "end of stream"] == "ok: [DONE], finish_reason stop"
    has_connection = ("chat", "reuse") in checks
    assert has_connection == (answer != [cut()])
    assert len(checks) == 9 + has_connection


def test_the_function_is_only_offered() -> None:
    """The function that `doctor` offers to the model cannot be run."""
    with pytest.raises(NotImplementedError):
        current_time("Oslo")


def test_a_connection_that_is_not_used_again(found: Found) -> None:
    """The server closes the connection after each answer."""

    def talk(request: SeenRequest) -> Given:
        given = chat(request)
        return given if isinstance(given, Reply) else Reply(steps=given, headers=closing)

    closing = {"Content-Type": "text/event-stream", "Connection": "close"}
    with FakeServer(talk) as server:
        server.strict = False
        seen = found(server.base_url, "--only", "chat", status=0)
    assert seen["chat", "reuse"] == "no: the next request needed a new connection"


@pytest.mark.parametrize(
    ("rest", "resume", "cancel", "status"),
    [
        (error(404, "Not stored."), "broken: Not stored.", "no: Not stored.", 1),
        (
            [response_event("response.output_text.delta", 9, delta="x", item_id="i"), cut()],
            "broken: ",
            "no: ",
            1,
        ),
    ],
)
def test_a_response_that_cannot_be_resumed(
    rest: Given, resume: str, cancel: str, status: int, found: Found
) -> None:
    """The server accepts background responses, but cannot resume them."""
    responses = Responses()

    def talk(request: SeenRequest) -> Given:
        return responses(request) if request.path == "/responses" else rest

    with FakeServer(talk) as server:
        server.strict = False
        seen = found(server.base_url, "--only", "responses", status=status)
    assert seen["responses", "resume"].startswith(resume)
    assert seen["responses", "cancel"].startswith(cancel)


def test_a_server_without_background_says_so(found: Found) -> None:
    """A server need not support background responses, so the status is 0."""
    responses = Responses()

    def talk(request: SeenRequest) -> Given:
        if (request.json or {}).get("background"):
            return error(400, "background is not supported")
        return responses(request)

    with FakeServer(talk) as server:
        server.strict = False
        seen = found(server.base_url, "--only", "responses", status=0)
    words = "no: background is not supported (HTTP status 400)"
    assert (seen["responses", "resume"], seen["responses", "cancel"]) == (words, words)


@pytest.mark.parametrize(
    ("answers", "seen", "deleted", "status"),
    [
        (Assistants(), "ok", ["/threads/thread_1", "/assistants/asst_1"], 0),
        (Assistants(run=error(500, "Oops.")), "broken", ["/assistants/asst_1"], 1),
        (lambda _: error(403, "No."), "refused", [], 1),
        (lambda _: Reply(headers={}, body=b"<p>Hi"), "no", [], 1),
        (
            lambda request: (
                json_answer({"data": []}) if request.method == "GET" else error(404, "no model m")
            ),
            "refused",
            [],
            1,
        ),
    ],
)
def test_an_assistant_is_deleted_again(
    answers: Any, seen: str, deleted: list[str], status: int, found: Found
) -> None:
    """The command deletes the assistant that it has created, even if the run failed."""
    with FakeServer(answers) as server:
        checks = found(server.base_url, "--only", "assistants", status=status)
    assert checks["assistants", "endpoint"].partition(":")[0] == seen
    assert getattr(answers, "deleted", []) == deleted


def test_models_may_be_refused_and_images_made_of_nothing(found: Found) -> None:
    """The model list needs another key, images need no model, and speech fails."""
    answers = serving(
        {
            "/models": lambda _: error(401, "Wrong key."),
            "/images/generations": lambda _: image_answer(b"png"),
            "/audio/speech": lambda _: error(500, "Oops."),
        }
    )
    with FakeServer(answers) as server:
        server.strict = False
        seen = found(server.base_url, "--only", "models,images,speech", status=1)
    assert seen["models", "endpoint"].startswith("refused: Wrong key.")
    assert seen["images", "endpoint"] == "odd: HTTP 200 for a request without a model"
    assert seen["speech", "endpoint"] == "broken: Oops. (HTTP status 500)"


def test_a_server_of_something_else_is_not_a_server_of_models(
    found: Found, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error says where most servers have the API."""
    page = Reply(headers={"Content-Type": "text/html"}, body=b"<title>Shop</title>")
    with FakeServer(serving({}, base=page)) as server:
        seen = found(server.base_url, status=1)
        assert {line.partition(":")[0] for line in seen.values()} == {"no"}
        assert main(["doctor", server.url, "-m", "m", "--only", "chat"]) == 1
        url = server.url
    assert capsys.readouterr().err.endswith(
        f"openai-scan: no API of OpenAI's was found at {url}; most servers have it at {url}/v1\n"
    )


def test_a_server_that_never_answers_is_left(found: Found) -> None:
    """After two requests without an answer, the command gives up on the server."""
    with FakeServer([hold()]) as server:
        server.strict = False
        seen = found(server.base_url, "--timeout", "0.1", status=1)
        assert len(server.requests) <= 2
    assert [*seen] == [("models", "endpoint"), ("chat", "endpoint")]
    assert all(line.startswith("broken: no answer from") for line in seen.values())


def test_nothing_listens(found: Found) -> None:
    """A refused connection is reported once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    [line] = found(f"http://127.0.0.1:{port}/v1", status=1).values()
    assert line.startswith("broken: ")
    assert "refused" in line


def test_a_server_without_tls(openai: FakeServer, found: Found) -> None:
    """A URL with the wrong scheme is a common mistake."""
    [line] = found(openai.base_url.replace("http:", "https:"), status=1).values()
    assert line.startswith("broken: ")
    assert "no secure connection to https://" in line


def test_a_certificate_that_is_not_trusted(found: Found) -> None:
    """The result says that the certificate is the problem."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            connection, _ = listener.accept()
            with connection, pytest.raises(ssl.SSLError):
                context.wrap_socket(connection, server_side=True)

        thread = threading.Thread(target=accept)
        thread.start()
        port = listener.getsockname()[1]
        [line] = found(f"https://localhost:{port}/v1", status=1).values()
        thread.join()
    assert line.startswith("broken: ")
    assert "certificate" in line


def test_a_broken_server_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """The last line names the broken checks; a vertical bar in the table is escaped."""
    with FakeServer(serving({"/chat/completions": lambda _: [event("a|b", {}), cut()]})) as server:
        server.strict = False
        assert main(["doctor", server.base_url, "-m", "m", "--only", "chat"]) == 1
    out, err = capsys.readouterr()
    assert "unknown_event: a\\|b" in out
    assert err.splitlines()[-1] == (
        "openai-scan: not everything that the server offers works: chat end of stream (broken),"
        " chat tool call (broken), chat JSON schema (broken)"
    )


def test_headers_are_sent_and_not_shown(
    openai: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A gateway's header may hold a secret, so its value is not printed."""
    secret = "x-config=pc-0123456789"
    arguments = ["doctor", openai.base_url, "-m", "m", "--only", "models", "--header", secret]
    assert main(arguments) == 0
    assert "pc-0123456789" not in "".join(capsys.readouterr())
    assert openai.requests[0].headers["x-config"] == "pc-0123456789"


# Another machine. A proxy on this one answers for it.


@pytest.fixture
def elsewhere(openai: FakeServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URL of another machine, whose requests come to the fake server."""
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTP_PROXY", openai.url)
    monkeypatch.setenv("http_proxy", openai.url)
    return "http://api.example/v1"


def test_another_machine_is_asked_only_with_consent(
    elsewhere: str, openai: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script consents with `--yes`."""
    arguments = ["doctor", elsewhere, "-m", "m", "--only", "models"]
    assert main(arguments) == 2
    assert capsys.readouterr().err == (
        "openai-scan: This sends at most 1 short request to api.example, of at most 512 tokens"
        " each: confirm it with --yes; see openai-scan doctor --help\n"
    )
    assert openai.requests == []
    assert main([*arguments, "--yes"]) == 0
    assert len(openai.requests) == 1


@pytest.mark.usefixtures("measured_processes")
@pytest.mark.parametrize(
    ("typed", "status"), [("y\n", 0), ("Yes\n", 0), ("n\n", 2), ("\n", 2), ("\x04", 2)]
)
def test_a_person_is_asked(typed: str, status: int, elsewhere: str, openai: FakeServer) -> None:
    """Only "y" or "yes" is consent."""
    with Session("doctor", elsewhere, "-m", "m", "--only", "models") as session:
        session.wait_for("Continue? [y/N]")
        session.type(typed)
        assert session.end() == status
    assert len(openai.requests) == (1 if status == 0 else 0)


def test_ctrl_c_leaves_what_was_found(openai: FakeServer) -> None:
    """The table shows the checks that were done before Ctrl-C."""
    answer = openai.always
    assert callable(answer)
    openai.always = lambda request: (
        [chat_chunk("Hel"), hold()] if "tools" in (request.json or {}) else answer(request)
    )
    openai.strict = False
    with Session("doctor", openai.base_url, "-m", "m") as session:
        session.wait_for("checking chat")
        while not any("tools" in (request.json or {}) for request in openai.requests):
            session.wait_for("checking chat")  # it is drawn again and again
        session.type("\x03")
        assert session.end() == 130
    assert any(re.match(r"\| +\| usage +\| no ", line) for line in session.lines)
    assert not any("tool call" in line for line in session.lines)
    assert session.lines[-1] == "openai-scan: interrupted"
