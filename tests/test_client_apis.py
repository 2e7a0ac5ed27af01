"""The client's methods for all APIs but Assistants: what each sends, and what it returns."""

from __future__ import annotations

import io
import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from server import CHUNKED, END, FIN, PATIENCE, ScriptedServer, answer, ch, json_answer

from openai_scan import (
    APIError,
    AzureClient,
    BadRequestError,
    ChatCompletionChunk,
    Client,
    DoneEvent,
    ImageGenerationCompleted,
    NotAnEventStreamError,
    Page,
    ResponseCompleted,
    ScanError,
    StreamerV2,
    TransportError,
)
from openai_scan.client.models import Model
from openai_scan.client.responses import DeletedResponse
from openai_scan.events.assistants import Deleted, Run
from openai_scan.events.responses import Response
from openai_scan.transport import Upload

Call = Callable[[Any], Any]

pytestmark = pytest.mark.usefixtures("wire")

DONE = [CHUNKED + ch(b"data: [DONE]\n\n") + END]


def sent_by(server: ScriptedServer, stream: StreamerV2) -> tuple[str, Any]:
    """Return the line and the JSON body of the request that *stream* sends."""
    server.scripts.append(DONE)
    with stream as s:
        assert [event.type for event in s] == ["done"]
    request = server.requests[-1]
    assert request.headers["accept"] == "text/event-stream, application/json"
    assert "openai-beta" not in request.headers
    return request.line.removesuffix(" HTTP/1.1"), request.json() if request.body else None


def form_of(request: Any) -> list[tuple[str, str | None, str | None, bytes]]:
    """Return the fields of a form: the name, the file's name and type, the value."""
    boundary = request.headers["content-type"].removeprefix("multipart/form-data; boundary=")
    parts = request.body.split(b"--" + boundary.encode())
    assert parts[0] == b""
    assert parts[-1] == b"--\r\n"
    fields = []
    for part in parts[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        found = re.search(r'name="([^"]*)"(?:; filename="([^"]*)")?', head.decode())
        kind = re.search(r"Content-Type: (\S+)", head.decode())
        assert found is not None
        fields.append((found[1], found[2], kind and kind[1], value.removesuffix(b"\r\n")))
    return fields


@pytest.mark.parametrize(
    ("call", "line", "body"),
    [
        (
            lambda c: c.create_chat_completion_stream(
                model="m",
                messages=[{"role": "user", "content": "Hi"}],
                stream_options={"include_usage": True},
                temperature=None,
            ),
            "POST /v1/chat/completions",
            {
                "model": "m",
                "messages": [{"role": "user", "content": "Hi"}],
                "stream_options": {"include_usage": True},
                "stream": True,
            },
        ),
        (
            lambda c: c.create_completion_stream(model="m", prompt="Once", max_tokens=5),
            "POST /v1/completions",
            {"model": "m", "prompt": "Once", "max_tokens": 5, "stream": True},
        ),
        (
            lambda c: c.create_response_stream(model="m", input="Hi", store=False),
            "POST /v1/responses",
            {"model": "m", "input": "Hi", "store": False, "stream": True},
        ),
        (
            lambda c: c.retrieve_response_stream("resp_1", starting_after=7, include=["a"]),
            "GET /v1/responses/resp_1?stream=true&starting_after=7&include%5B%5D=a",
            None,
        ),
        (
            lambda c: c.create_speech_stream(model="m", input="Hi", voice="alloy"),
            "POST /v1/audio/speech",
            {"model": "m", "input": "Hi", "voice": "alloy", "stream_format": "sse"},
        ),
        (
            lambda c: c.create_image_stream(prompt="a cat", model="m", partial_images=2),
            "POST /v1/images/generations",
            {"prompt": "a cat", "model": "m", "partial_images": 2, "stream": True},
        ),
    ],
    ids=["chat", "completion", "response", "response again", "speech", "image"],
)
def test_a_stream_has_its_path_and_its_body(
    server: ScriptedServer, client: Client, call: Call, line: str, body: Any
) -> None:
    """Each method asks for a stream in the way of its API."""
    assert sent_by(server, call(client)) == (line, body)


@pytest.mark.parametrize(
    ("call", "line", "reply", "expected"),
    [
        (
            lambda c: c.create_response(model="m", input="Hi"),
            "POST /v1/responses",
            {"id": "resp_1"},
            Response(id="resp_1"),
        ),
        (
            lambda c: c.retrieve_response("resp_1", include=["reasoning.encrypted_content"]),
            "GET /v1/responses/resp_1?include%5B%5D=reasoning.encrypted_content",
            {"id": "resp_1", "status": "queued"},
            Response(id="resp_1", status="queued"),
        ),
        (
            lambda c: c.cancel_response("resp_1"),
            "POST /v1/responses/resp_1/cancel",
            {"id": "resp_1", "status": "cancelled"},
            Response(id="resp_1", status="cancelled"),
        ),
        (
            lambda c: c.delete_response("resp_1"),
            "DELETE /v1/responses/resp_1",
            {"id": "resp_1", "object": "response", "deleted": True},
            DeletedResponse(id="resp_1"),
        ),
        (
            lambda c: c.list_models(),
            "GET /v1/models",
            {"object": "list", "data": [{"id": "m", "owned_by": "me", "created": 1}]},
            Page(data=(Model(id="m", owned_by="me", created=1),)),
        ),
    ],
    ids=["create", "retrieve", "cancel", "delete", "models"],
)
def test_a_call_has_its_path_and_its_type(
    server: ScriptedServer, client: Client, call: Call, line: str, reply: Any, expected: Any
) -> None:
    """What does not stream returns a typed object."""
    server.scripts.append([json_answer(reply)])
    assert call(client) == expected
    assert server.requests[0].line == line + " HTTP/1.1"


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.create_run_stream("t1", assistant_id="a", include=["x", "y"]),
        lambda c: c.create_run("t1", assistant_id="a", include=["x", "y"]),
    ],
    ids=["stream", "call"],
)
def test_what_to_include_in_a_run_is_in_the_query(
    server: ScriptedServer, client: Client, call: Call
) -> None:
    """The API has it there, although the request has a body."""
    server.scripts.append([json_answer({"id": "r"})])
    made = call(client)
    if isinstance(made, StreamerV2):
        made.next()
        made.close()
    (request,) = server.requests
    assert request.line.split()[1] == "/v1/threads/t1/runs?include%5B%5D=x&include%5B%5D=y"
    assert "include" not in request.json()


class TestNoBody:
    """A request without parameters has no body: some servers refuse an empty object."""

    @pytest.mark.parametrize(
        "call",
        [
            lambda c, **more: c.cancel_run("t", "r", **more),
            lambda c, **more: c.cancel_response("r", **more),
        ],
        ids=["run", "response"],
    )
    def test_a_call_without_arguments_has_no_body(
        self, server: ScriptedServer, client: Client, call: Callable[..., Any]
    ) -> None:
        """The request has a length of 0 and no type, unless you pass extra_body."""
        server.scripts += [[json_answer({"id": "r"})], [json_answer({"id": "r"})]]
        call(client, timeout=PATIENCE)
        call(client, extra_body={"reason": "late"})
        bare, other = server.requests
        assert (bare.body, bare.headers["content-length"]) == (b"", "0")
        assert "content-type" not in bare.headers
        assert other.json() == {"reason": "late"}

    def test_a_call_that_could_have_arguments_has_one(
        self, server: ScriptedServer, client: Client
    ) -> None:
        """A call whose arguments are all optional sends an empty object, as its server expects."""
        server.scripts.append([json_answer({"id": "t"})])
        client.create_thread()
        assert server.requests[0].json() == {}


class TestNothingToSay:
    """A server may confirm a call with an empty answer."""

    NOTHING = {
        "200": answer(b""),
        "200 of JSON": answer(b"", headers="Content-Type: application/json\r\n"),
        "200 with a line end": answer(b"\r\n"),
        "202": answer(b"", status="202 Accepted"),
        "204": b"HTTP/1.1 204 No Content\r\n\r\n",
        "chunks": CHUNKED + END,
        "null": answer(b"null"),
        "an empty object": json_answer({}),
        "words": json_answer({"message": "Done."}),
    }
    DONE = {
        "assistant": (lambda c: c.delete_assistant("x"), Deleted(id="x", deleted=True)),
        "thread": (lambda c: c.delete_thread("x"), Deleted(id="x", deleted=True)),
        "message": (lambda c: c.delete_message("t", "x"), Deleted(id="x", deleted=True)),
        "response": (lambda c: c.delete_response("x"), DeletedResponse(id="x")),
        "cancelled response": (lambda c: c.cancel_response("x"), Response(id="x")),
        "cancelled run": (lambda c: c.cancel_run("t", "x"), Run(id="x")),
    }

    @pytest.mark.unmeasured
    @pytest.mark.parametrize(("call", "expected"), DONE.values(), ids=list(DONE))
    def test_it_is_done(
        self, server: ScriptedServer, client: Client, call: Call, expected: object
    ) -> None:
        """An empty answer becomes an object with what is known from the request."""
        for nothing in self.NOTHING.values():
            server.scripts.append([nothing])
            assert call(client) == expected

    @pytest.mark.parametrize("call", [call for call, _ in DONE.values()], ids=list(DONE))
    def test_an_error_is_not_taken_for_that(
        self, server: ScriptedServer, client: Client, call: Call
    ) -> None:
        """A login page, or JSON that is not an object, does not confirm a call."""
        for words in (b"<html>log in</html>", b"[]", b"true"):
            server.scripts.append([answer(words)])
            with pytest.raises(ScanError):
                call(client)

    def test_an_error_is_none_under_a_good_status_either(
        self, server: ScriptedServer, client: Client
    ) -> None:
        """A JSON error under status 200 is raised: nothing was deleted, cancelled or listed."""
        calls: list[Call] = [*(call for call, _ in self.DONE.values()), lambda c: c.list_models()]
        for call in calls:
            server.scripts.append([json_answer({"error": {"message": "no", "code": "x"}})])
            with pytest.raises(APIError, match=r"^no \(code x\)$") as caught:
                call(client)
            assert caught.value.code == "x"
        server.scripts.append([json_answer({"object": "error", "message": "no"})])
        with pytest.raises(APIError, match=r"^no$"):
            client.delete_thread("x")

    def test_what_the_server_says_counts(self, server: ScriptedServer, client: Client) -> None:
        """It may say that nothing was deleted."""
        server.scripts.append([json_answer({"id": "y", "deleted": False})])
        assert client.delete_thread("x") == Deleted(id="y", deleted=False)

    def test_a_request_gets_an_answer_or_an_error(
        self, server: ScriptedServer, client: Client
    ) -> None:
        """An empty answer to a request for an object is an error."""
        server.scripts.append([answer(b"")])
        with pytest.raises(NotAnEventStreamError):
            client.retrieve_thread("x")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda c: c.create_chat_completion_stream(model="m", messages=[], stream=True),
            "this method always streams: leave stream out",
        ),
        (
            lambda c: c.create_run_stream("t", assistant_id="a", stream=None),
            "this method always streams: leave stream out",
        ),
        (
            lambda c: c.create_response_stream(model="m", stream=False),
            "this method always streams: leave stream out, and call final() for the whole answer",
        ),
        (
            lambda c: c.retrieve_response_stream("r", stream=True),
            "this method always streams: leave stream out",
        ),
        (
            lambda c: c.create_speech_stream(model="m", input="", voice="v", stream=True),
            "this method always streams: leave stream out",
        ),
        (
            lambda c: c.create_speech_stream(model="m", input="", voice="v", stream_format="sse"),
            "this method always streams: leave stream_format out",
        ),
        (
            lambda c: c.create_chat_completion(model="m", messages=[], stream=True),
            (
                "this method returns the whole answer: leave stream out;"
                " create_chat_completion_stream returns a stream"
            ),
        ),
        (
            lambda c: c.create_completion(model="m", prompt="", stream=False),
            (
                "this method returns the whole answer: leave stream out;"
                " create_completion_stream returns a stream"
            ),
        ),
        (
            lambda c: c.create_run("t", assistant_id="a", stream=True),
            "this method does not stream: leave stream out; methods that stream end in _stream",
        ),
        (
            lambda c: c.list_models(stream=False),
            "this method does not stream: leave stream out; methods that stream end in _stream",
        ),
    ],
)
def test_whether_to_stream_is_not_an_argument(client: Client, call: Call, message: str) -> None:
    """Other clients have this parameter, so the error says what to do instead."""
    with pytest.raises(TypeError) as caught:
        call(client)
    assert str(caught.value) == message


def test_a_transcription_uploads_its_file(server: ScriptedServer, client: Client) -> None:
    """Its arguments become the fields of a form: lists and objects in brackets, words for bools."""
    server.scripts.append(DONE)
    with client.create_transcription_stream(
        file=("talk.mp3", b"ID3\r\n"),
        model="m",
        include=["logprobs"],
        chunking_strategy={"type": "server_vad", "threshold": 0.5},
        extra_query={"model": Model(id="m1")},
        temperature=0,
        extra_body={"nothing": None},
    ) as s:
        assert [event.type for event in s] == ["done"]
    request = server.requests[0]
    query = "model%5Bid%5D=m1&model%5Bobject%5D=model"
    assert request.line == f"POST /v1/audio/transcriptions?{query} HTTP/1.1"
    assert sorted(form_of(request)) == [
        ("chunking_strategy[threshold]", None, None, b"0.5"),
        ("chunking_strategy[type]", None, None, b"server_vad"),
        ("file", "talk.mp3", "audio/mpeg", b"ID3\r\n"),
        ("include[]", None, None, b"logprobs"),
        ("model", None, None, b"m"),
        ("stream", None, None, b"true"),
        ("temperature", None, None, b"0"),
    ]


def test_an_image_edit_uploads_one_or_several_images(
    server: ScriptedServer, client: Client
) -> None:
    """A list of images is a list in the form too."""
    server.scripts += [DONE, DONE]
    with client.edit_image_stream(image=("a.png", b"A"), mask=b"M", prompt="p") as s:
        assert [event.type for event in s] == ["done"]
    with client.edit_image_stream(image=[("a.png", b"A"), b"B"], prompt="p") as s:
        assert [event.type for event in s] == ["done"]
    one, several = server.requests
    assert one.line == several.line == "POST /v1/images/edits HTTP/1.1"
    assert sorted(form_of(one)) == [
        ("image", "a.png", "image/png", b"A"),
        ("mask", "mask", "application/octet-stream", b"M"),
        ("prompt", None, None, b"p"),
        ("stream", None, None, b"true"),
    ]
    assert sorted(form_of(several)) == [
        ("image[]", "a.png", "image/png", b"A"),
        ("image[]", "image", "application/octet-stream", b"B"),
        ("prompt", None, None, b"p"),
        ("stream", None, None, b"true"),
    ]


class TestFiles:
    """You can pass a file in several forms."""

    def uploaded(self, client: Client, file: Any) -> Upload:
        """Return what a transcription of *file* would upload."""
        with client.create_transcription_stream(file=file, model="m") as s:
            request: Any = s.source
        [upload] = request.request.uploads
        assert isinstance(upload, Upload)
        return upload

    def test_a_path_or_an_open_file_has_a_name(self, client: Client, tmp_path: Path) -> None:
        """The folder that it is in is not sent."""
        path = tmp_path / "talk.mp3"
        path.write_bytes(b"ID3")
        expected = Upload("file", "talk.mp3", b"ID3")
        assert self.uploaded(client, path) == expected
        assert self.uploaded(client, str(path)) == expected
        with path.open("rb") as opened:
            assert self.uploaded(client, opened) == expected

    def test_bytes_and_a_file_without_a_path_have_none(self, client: Client) -> None:
        """The upload gets the name of its field."""
        with tempfile.TemporaryFile() as opened:  # its name is a number
            opened.write(b"ID3")
            opened.seek(0)
            for file in (b"ID3", io.BytesIO(b"ID3"), opened):
                assert self.uploaded(client, file) == Upload("file", "file", b"ID3")

    def test_a_missing_file_is_reported_at_once(self, client: Client, tmp_path: Path) -> None:
        """The call raises it, not the stream."""
        with pytest.raises(FileNotFoundError):
            client.create_transcription_stream(file=tmp_path / "none.mp3", model="m")

    @pytest.mark.parametrize("file", [io.StringIO("text"), 3, ("name", "text")])
    def test_what_is_not_a_file_is_a_type_error(self, client: Client, file: Any) -> None:
        """Text is not a file, as it has no bytes."""
        with pytest.raises(TypeError) as caught:
            client.create_transcription_stream(file=file, model="m")
        assert str(caught.value) == ("file must be a path, a file opened in mode 'rb', or bytes")

    def test_a_repr_shows_no_content(self) -> None:
        """It may be a person's voice."""
        assert repr(Upload("file", "a.mp3", b"secret")) == "Upload(field='file', name='a.mp3')"


class TestAzure:
    """Azure has a path for each deployment, in some of the APIs."""

    @pytest.mark.parametrize(
        ("call", "path"),
        [
            (
                lambda c: c.create_chat_completion_stream(model="my gpt", messages=[]),
                "/openai/deployments/my%20gpt/chat/completions",
            ),
            (
                lambda c: c.create_completion_stream(model="m", prompt=""),
                "/openai/deployments/m/completions",
            ),
            (
                lambda c: c.create_transcription_stream(model="m", file=b""),
                "/openai/deployments/m/audio/transcriptions",
            ),
            (
                lambda c: c.create_image_stream(model="m", prompt=""),
                "/openai/deployments/m/images/generations",
            ),
            (lambda c: c.create_response_stream(model="m", input="Hi"), "/openai/responses"),
            (lambda c: c.create_run_stream("t", assistant_id="a"), "/openai/threads/t/runs"),
        ],
        ids=["chat", "completion", "transcription", "image", "response", "run"],
    )
    def test_the_model_is_in_the_path(self, server: ScriptedServer, call: Call, path: str) -> None:
        """Responses and Assistants have it in the body only."""
        server.scripts.append(DONE)
        endpoint = server.base_url.removesuffix("/v1")
        with AzureClient(endpoint, api_version="v", api_key="k") as client, call(client) as s:
            assert [event.type for event in s] == ["done"]
        assert server.requests[0].line == f"POST {path}?api-version=v HTTP/1.1"

    def test_a_missing_model_is_reported_at_once(self) -> None:
        """There is no such path without it."""
        client = AzureClient("https://a.example", api_version="v", api_key="k")
        with pytest.raises(TypeError) as caught:
            client.create_image_stream(prompt="p")
        assert str(caught.value) == (
            "missing arguments: model (on Azure, the name of the deployment)"
        )


class TestWholeAnswers:
    """Some servers ignore `stream`, and answer with one JSON object."""

    def chat(self, client: Client) -> StreamerV2:
        """Ask for a stream."""
        return client.create_chat_completion_stream(model="m", messages=[])

    def test_a_chat_completion_runs_through_the_same_loop(
        self, server: ScriptedServer, client: Client
    ) -> None:
        """A whole completion is read like a stream, and a note says that nothing was streamed."""
        message = {"role": "assistant", "content": "Hi"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        body = json.dumps({"object": "chat.completion", "choices": [choice]}).encode()
        head = CHUNKED.replace(b"text/event-stream", b"application/json")
        server.scripts.append([head + ch(body[:20]), ch(body[20:]) + END])
        with self.chat(client) as s:
            assert s.next()
            assert isinstance(s.event(), ChatCompletionChunk)
            assert s.text() == "Hi"
            assert s.next()
            assert isinstance(s.event(), DoneEvent)
            assert not s.next()
            assert s.outcome == "completed"
            assert s.notes == {"whole_answer": 1}

    def test_a_transcription_does_too(self, server: ScriptedServer, client: Client) -> None:
        """Whisper answers with the whole text, even if a stream was requested."""
        server.scripts.append([json_answer({"text": "Hello"})])
        with client.create_transcription_stream(file=("a.wav", b"RIFF"), model="whisper-1") as s:
            assert [event.type for event in s] == ["transcript.text.done", "done"]
            assert s.final().text == "Hello"
        assert s.notes == {"whole_answer": 1}

    def test_images_do_too(self, server: ScriptedServer, client: Client) -> None:
        """Each image is an event, which repeats what the answer says about all of them."""
        images = [{"b64_json": "AAAA"}, {"b64_json": "////"}]
        server.scripts.append([json_answer({"created": 1, "size": "1x1", "data": images})])
        with client.create_image_stream(model="m", prompt="a dot") as s:
            found = [
                (event.b64_json, event.size)
                for event in s
                if isinstance(event, ImageGenerationCompleted)
            ]
        assert found == [("AAAA", "1x1"), ("////", "1x1")]
        assert s.outcome == "completed"

    def test_a_response_does_as_well(self, server: ScriptedServer, client: Client) -> None:
        """The response becomes its own last event."""
        server.scripts.append(
            [json_answer({"object": "response", "id": "resp_1", "status": "completed"})]
        )
        with client.create_response_stream(model="m", input="Hi") as s:
            [event] = s
        assert isinstance(event, ResponseCompleted)
        assert event.response.id == "resp_1"

    @pytest.mark.parametrize(
        ("reply", "error", "message"),
        [
            ({"error": {"message": "no", "code": "400"}}, BadRequestError, "no (code 400)"),
            (
                {"models": []},
                NotAnEventStreamError,
                'the server sent application/json instead of text/event-stream: {"models": []}',
            ),
        ],
    )
    def test_what_is_not_an_answer_is_an_error(
        self,
        server: ScriptedServer,
        client: Client,
        reply: Any,
        error: type[ScanError],
        message: str,
    ) -> None:
        """A JSON error is the server's own error; other JSON is not an event stream."""
        server.scripts.append([json_answer(reply)])
        s = self.chat(client)
        assert not s.next()
        assert type(s.err()) is error
        assert str(s.err()) == message

    def test_a_broken_one_is_a_transport_error(
        self, server: ScriptedServer, client: Client
    ) -> None:
        """An answer that breaks off within its JSON is a TransportError."""
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n"
        server.scripts.append([head + b'{"object": "chat.comp', FIN])
        s = self.chat(client)
        assert not s.next()
        assert type(s.err()) is TransportError

    def test_text_that_is_not_json_is_not_an_event_stream(
        self, server: ScriptedServer, client: Client
    ) -> None:
        """Invalid JSON is refused even if its type says that it is JSON."""
        server.scripts.append([answer(b"oops", headers="Content-Type: application/json\r\n")])
        s = self.chat(client)
        assert not s.next()
        assert str(s.err()) == (
            "the server sent application/json instead of text/event-stream: oops"
        )


def test_a_stream_tells_where_it_comes_from(server: ScriptedServer, client: Client) -> None:
    """The stream has the server's id of the request, and a chained stream has its own."""
    headers = b"Transfer-Encoding: chunked\r\nx-request-id: %b"
    for number in (b"req_1", b"req_2"):
        head = CHUNKED.replace(b"Transfer-Encoding: chunked", headers % number)
        server.scripts.append([head + ch(b"data: [DONE]\n\n") + END])
    seen = []
    with client.create_response_stream(model="m") as s:
        s.chain(client.create_response_stream(model="m"))
        while s.next():
            source: Any = s.source
            seen.append(source.request_id)
    assert seen == ["req_1", "req_2"]
