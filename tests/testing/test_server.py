"""The fake server: it answers as it is told, goes wrong as it is told, and says what it saw."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from openai_scan import (
    AzureClient,
    BadRequestError,
    Client,
    NotFoundError,
    RateLimitError,
    RetryPolicy,
    StreamerV2,
    StreamTimeoutError,
    Timeout,
    TransportError,
    record,
    run_tools,
)
from openai_scan.recording import read_recording
from openai_scan.testing import (
    FakeServer,
    Reply,
    SeenRequest,
    ToolCall,
    agent_sessions,
    assistant_answer,
    assistant_calls,
    chat_answer,
    chat_calls,
    chat_chunk,
    completion_answer,
    cut,
    delay,
    error,
    hold,
    image_answer,
    json_answer,
    recorded,
    reset,
    response_answer,
    response_calls,
    speech_answer,
    stream_error,
    transcript_answer,
)
from openai_scan.transport import Request

ONCE = RetryPolicy(attempts=1)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """Start a server that has nothing to say yet."""
    with FakeServer() as started:
        yield started


@pytest.fixture
def client(server: FakeServer) -> Iterator[Client]:
    """Return a client for it that does not retry."""
    with Client("sk-key", server.base_url, retries=ONCE) as made:
        yield made


def ask(client: Client, **params: Any) -> StreamerV2:
    """Ask for a chat completion."""
    return client.create_chat_completion_stream(model="m", messages=[], **params)


def error_of(s: StreamerV2) -> Exception | None:
    """Read a stream to its end and return its error."""
    with s:
        while s.next():
            pass
        return s.err()


CALLS: list[tuple[str, Callable[[Client], StreamerV2], list[bytes]]] = [
    ("/chat/completions", ask, chat_answer("Hi")),
    (
        "/completions",
        lambda c: c.create_completion_stream(model="m", prompt="p"),
        completion_answer("Hi"),
    ),
    ("/responses", lambda c: c.create_response_stream(model="m", input="i"), response_answer("Hi")),
    (
        "/responses/r1",
        lambda c: c.retrieve_response_stream("r1", starting_after=3),
        response_answer("Hi")[4:],
    ),
    (
        "/threads/t1/runs",
        lambda c: c.create_run_stream("t1", assistant_id="a"),
        assistant_answer("Hi"),
    ),
    (
        "/threads/runs",
        lambda c: c.create_thread_and_run_stream(assistant_id="a"),
        assistant_answer("Hi"),
    ),
    (
        "/threads/t1/runs/r1/submit_tool_outputs",
        lambda c: c.submit_tool_outputs_stream("t1", "r1", []),
        assistant_answer("Hi"),
    ),
    (
        "/audio/transcriptions",
        lambda c: c.create_transcription_stream(model="m", file=b"sound"),
        transcript_answer("Hi"),
    ),
]


@pytest.mark.parametrize(("path", "call", "answer"), CALLS, ids=[path for path, *_ in CALLS])
def test_every_family_is_served_on_its_path(
    server: FakeServer,
    client: Client,
    path: str,
    call: Callable[[Client], StreamerV2],
    answer: list[bytes],
) -> None:
    """The client's methods find their paths, and read the answers."""
    server.add(answer)
    with call(client) as s:
        assert s.read() == b"Hi"
    assert server.requests[0].path == path


def test_sound_and_pictures_are_served(server: FakeServer, client: Client) -> None:
    """Answers that are not text have their paths as well."""
    picture = image_answer(b"png")
    server.add(speech_answer(b"mp3"), picture, image_answer(b"png", edit=True))
    streams: list[StreamerV2] = [
        client.create_speech_stream(model="m", input="i", voice="v"),
        client.create_image_stream(model="m", prompt="p"),
        client.edit_image_stream(model="m", prompt="p", image=b"old"),
    ]
    assert [error_of(s) for s in streams] == [None] * 3
    assert [request.path for request in server.requests] == [
        "/audio/speech",
        "/images/generations",
        "/images/edits",
    ]
    assert server.requests[2].form["image"] == b"old"


def test_the_server_tells_what_it_saw(server: FakeServer, client: Client) -> None:
    """Method, path, parameters, headers and body; the headers hide the key, which is in `key`."""
    deleted = {"id": "r1", "object": "response", "deleted": True}
    server.add(chat_answer("Hi"), json_answer({"data": []}), json_answer(deleted))
    with ask(client, extra_query={"a": ["1", "2"]}) as s:
        s.read()
    client.list_models()
    client.delete_response("r1")
    first, second, third = server.requests
    assert (first.method, first.path) == ("POST", "/chat/completions")
    assert first.target == "/v1/chat/completions?a%5B%5D=1&a%5B%5D=2"
    assert first.query == {"a[]": ["1", "2"]}
    assert first.json == {"model": "m", "messages": [], "stream": True}
    assert first.form == {}
    assert first.headers["authorization"] == "Bearer [key]"
    assert first.key == "sk-key"
    assert "sk-key" not in repr(first)
    assert (second.method, second.path, second.json) == ("GET", "/models", None)
    assert (third.method, third.path) == ("DELETE", "/responses/r1")
    assert server.connections == 1
    assert repr(server) == f"FakeServer('{server.url}/v1')"


def test_azure_has_paths_of_its_own(server: FakeServer) -> None:
    """An Azure client gets the same answers."""
    server.add(chat_answer("Hi"))
    with AzureClient(server.url, api_version="v", api_key="azure-key") as client:
        with client.create_chat_completion_stream(model="m", messages=[]) as s:
            assert s.read() == b"Hi"
    (seen,) = server.requests
    assert seen.path == "/chat/completions"
    assert seen.target == "/openai/deployments/m/chat/completions?api-version=v"
    assert (seen.headers["api-key"], seen.key) == ("[key]", "azure-key")


def test_without_a_key_none_is_sent(server: FakeServer) -> None:
    """A client without a key is served too."""
    server.add(chat_answer("Hi"))
    with Client("", server.base_url) as client, ask(client) as s:
        s.read()
    assert server.requests[0].key is None


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (cut(), "the connection broke during the answer: it was closed before its end"),
        (reset(), "the connection broke during the answer: Connection reset by peer"),
    ],
)
def test_a_connection_is_cut_or_reset(
    server: FakeServer, client: Client, step: Any, message: str
) -> None:
    """A cut is an early end, a reset an error; before the response headers both are errors."""
    seen = threading.Event()

    def steps() -> Iterator[Any]:
        yield chat_chunk("Hi")
        assert seen.wait(10)  # a reset discards what has not been read
        yield step

    server.add(steps(), [step])
    with ask(client) as s:
        assert s.next()
        seen.set()
        assert not s.next()
        assert str(s.err()) == message
    assert type(error_of(ask(client))) is TransportError


def test_an_answer_is_held_until_the_test_lets_it_go(server: FakeServer, client: Client) -> None:
    """What comes before hold() arrives; the rest arrives after release(), also the next time."""
    gate = hold()
    for _ in range(2):
        server.add([chat_chunk("Hi"), gate, *chat_answer(" there")])
    with ask(client) as s:
        assert s.next()
        assert gate.reached.wait(10)
        gate.release()
        assert s.read() == b" there"
    with ask(client) as s:
        assert s.read() == b"Hi there"
    assert repr(gate) == "hold()"


def test_a_held_answer_ends_with_its_client(server: FakeServer, client: Client) -> None:
    """The server notices when the client hangs up."""
    server.add([chat_chunk("Hi"), hold()])
    with ask(client) as s:
        assert s.next()
        s.close()
    assert server.hung_up.wait(10)


@pytest.mark.parametrize("step", [hold(), delay(3600)])
def test_a_server_that_stops_does_not_wait(step: Any) -> None:
    """The end of the block ends what is held, delayed, or kept open."""
    with FakeServer() as server, Client("k", server.base_url) as client:
        server.add([chat_chunk("Hi"), step])
        with ask(client) as s:
            assert s.next()
            server.__exit__()
            assert isinstance(error_of(s), TransportError)


def test_a_client_that_does_not_read_is_left(server: FakeServer, client: Client) -> None:
    """An answer without an end is over when its client has gone."""

    def steps() -> Iterator[bytes]:
        while True:
            yield chat_chunk("Hi" * 1000)

    server.add(steps())
    with ask(client) as s:
        assert s.next()
    assert server.hung_up.wait(10)


def test_the_response_headers_alone_can_be_sent(server: FakeServer, client: Client) -> None:
    """Empty bytes send them; before that, nothing is sent."""
    server.add([b"", hold()], [hold()], [delay(0.001)])
    limits = Timeout(idle=0.2), Timeout(first_byte=0.2)
    errors = [error_of(ask(client, timeout=limit)) for limit in limits]
    assert [getattr(one, "limit", None) for one in errors] == ["idle", "first_byte"]
    with ask(client) as s:
        assert not s.next()
        assert s.bytes_read == 0
        s.err()


def test_a_refusal_is_the_error_it_says(server: FakeServer, client: Client) -> None:
    """It has all that the API sends with an error, such as the status, code and headers."""
    refusal = error(
        429, "slow", type="t", code="c", param="p", retry_after=1.5, headers={"x-request-id": "r"}
    )
    server.add(refusal)
    caught = error_of(ask(client))
    assert isinstance(caught, RateLimitError)
    assert (caught.message, caught.type, caught.code, caught.param) == ("slow", "t", "c", "p")
    assert (caught.retry_after, caught.request_id) == (1.5, "r")


def test_an_error_in_the_stream_comes_after_what_came(server: FakeServer, client: Client) -> None:
    """The text before the error arrives."""
    server.add([*chat_answer("Hi")[:-2], stream_error("server_error")])
    with ask(client) as s:
        assert [s.text() for _ in iter(s.next, False)] == ["", "Hi", None]
        assert str(s.err()) == "this is a test (code server_error)"


def test_what_is_not_scripted_is_refused_in_words(server: FakeServer, client: Client) -> None:
    """No answer left, an unknown path, an answer that raises: each says so to the client."""

    def broken(request: SeenRequest) -> Reply:
        raise ValueError(request.method)

    server.add(broken)
    raised = error_of(ask(client))
    assert isinstance(raised, BadRequestError)
    assert raised.message == "the answer raised ValueError: POST"
    server.add(lambda _: "Hi")  # type: ignore[arg-type, return-value] # it is what is wrong
    no_answer = error_of(ask(client))
    assert isinstance(no_answer, BadRequestError)
    assert no_answer.message == (
        "the answer raised TypeError: an answer must be a Reply, steps or a function, not str:"
        " chat_answer() and the like make one of a text"
    )
    left = error_of(ask(client))
    assert isinstance(left, BadRequestError)
    assert left.message == "no answer is left for POST /chat/completions: add() one to the server"
    unknown = error_of(client.stream(Request(method="POST", path="/chats", body={})))
    assert isinstance(unknown, NotFoundError)
    assert unknown.message == "the fake server does not know the path /v1/chats"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (chat_chunk("Hi"), "an answer must be a list of steps: put a single step into a list"),
        (hold(), "an answer must be a list of steps: put a single step into a list"),
        (
            "Hi",
            (
                "an answer must be a Reply, steps or a function, not str: chat_answer() and the"
                " like make one of a text"
            ),
        ),
        ({"a": b"b"}, "an answer must be a Reply, steps or a function, not dict"),
        (None, "an answer must be a Reply, steps or a function, not NoneType"),
        ([chat_chunk("Hi"), "there"], "a step must be bytes, or such as cut(), not str"),
        ([chat_answer("Hi")], "a step must be bytes, or such as cut(), not list"),
        ([error(429, "slow")], "add each answer by itself: add(*answers)"),
    ],
    ids=["chunk", "hold", "text", "dict", "None", "text as a step", "answers", "replies"],
)
def test_what_is_not_an_answer_is_refused_at_once(answer: Any, message: str) -> None:
    """It is refused when it is added, not when a client asks."""
    with FakeServer() as server, pytest.raises(TypeError) as caught:
        server.add(answer)
    assert str(caught.value) == message
    if answer is not None:
        with pytest.raises(TypeError):
            FakeServer(answer)


@pytest.mark.parametrize("base", ["/v1", "/openai/v1", "/openai/deployments/gpt", "/api/v3"])
def test_the_apis_are_behind_any_base_url(base: str, server: FakeServer) -> None:
    """Each server may have another base URL, which `path` leaves out."""
    server.add(chat_answer("Hi"))
    with Client("k", f"{server.url}{base}", retries=ONCE) as client:
        assert ask(client).read() == b"Hi"
    assert server.requests[0].path == "/chat/completions"
    assert server.requests[0].target == f"{base}/chat/completions"


def test_a_path_of_no_api_is_answered_as_it_was_recorded(
    server: FakeServer, client: Client, tmp_path: Path
) -> None:
    """A function may answer it, too."""
    file = tmp_path / "a.jsonl"
    server.add(lambda _: chat_answer("Hi"))
    own = Request(method="POST", path="/custom/chat", body={})
    assert client.stream(own, record=file).read() == b"Hi"
    server.add(*recorded(file, strict=True))
    assert client.stream(own).read() == b"Hi"
    assert server.requests[1].path == "/v1/custom/chat"


def test_a_body_of_unknown_length_is_refused_in_words(server: FakeServer) -> None:
    """It is not mistaken for an empty one."""
    pieces = iter([b"{}"])
    url = f"{server.base_url}/chat/completions"
    with requests.post(url, data=pieces, timeout=60) as response:
        assert response.status_code == 411
        assert "needs a Content-Length" in response.json()["error"]["message"]
    assert server.requests == []


def test_an_answer_may_depend_on_the_request() -> None:
    """A function gets the request; `always` answers whatever is left."""

    def echo(request: SeenRequest) -> list[bytes]:
        return chat_answer(request.json["messages"][0]["content"])

    with FakeServer(echo) as server, Client("k", server.base_url) as client:
        server.add(chat_answer("first"))
        for expected in (b"first", b"Hi", b"Hi"):
            messages = [{"role": "user", "content": "Hi"}]
            with client.create_chat_completion_stream(model="m", messages=messages) as s:
                assert s.read() == expected


def test_several_answers_at_once_are_refused() -> None:
    """The message names the method that takes several."""
    several: Any = [chat_answer("Hi"), chat_answer("Ho")]
    with pytest.raises(TypeError, match=r"FakeServer\(\) takes one answer, .* use .* add\(\)$"):
        FakeServer(*several)


def test_what_is_always_answered_can_be_changed(server: FakeServer) -> None:
    """So a fixture can serve a whole service."""
    odd: Any = [[b"a list of answers"]]
    with pytest.raises(TypeError):
        server.always = odd
    assert server.always is None
    service = agent_sessions("Hi")
    server.always = service
    assert server.always is service
    with Client("k", server.base_url) as client:
        made = client.create_agent_session(environment={"type": "none"}, input="Hi")
        assert client.retrieve_agent_session(made.id).status == "idle"


def now() -> str:
    """Return the time."""
    return "noon"


@pytest.mark.parametrize(
    ("call", "first", "second"),
    [
        (ask, chat_calls(ToolCall("now")), chat_answer("It is noon")),
        (
            lambda c: c.create_response_stream(model="m", input="i"),
            response_calls(ToolCall("now")),
            response_answer("It is noon"),
        ),
        (
            lambda c: c.create_run_stream("t", assistant_id="a"),
            assistant_calls(ToolCall("now")),
            assistant_answer("It is noon"),
        ),
    ],
)
def test_tools_are_answered(
    server: FakeServer,
    client: Client,
    call: Callable[[Client], StreamerV2],
    first: list[bytes],
    second: list[bytes],
) -> None:
    """One loop gets the calls, and then the answer."""
    server.add(first, second)
    with run_tools(client, call(client), [now]) as s:
        assert s.read() == b"It is noon"
    assert b"noon" in server.requests[1].body


class TestRecordings:
    """What was recorded is served again."""

    def record_all(self, path: Path, *answers: Any, **params: Any) -> Exception | None:
        """Record what a server says, and return how that ended."""
        retries = RetryPolicy(wait_initial=0.001)
        with FakeServer() as server, Client("key-of-mine", server.base_url) as client:
            server.add(*answers)
            stream = ask(client, record=path, retries=retries, **params)
            with stream as s:
                while s.next():
                    pass
                return s.err()

    @pytest.mark.parametrize(
        ("name", "answer"),
        [
            ("clean", chat_answer("Hi there")),
            ("cut", [chat_chunk("Hi"), cut()]),
            ("reset", [chat_chunk("Hi"), delay(0.05), reset()]),
            ("timeout", [chat_chunk("Hi"), hold()]),
            ("refused", error(400, "no", headers={"x-request-id": "r"})),
            ("page", Reply(body=b"<p>Hi", headers={"Content-Type": "text/html"})),
            ("failed", [reset()]),
        ],
    )
    @pytest.mark.parametrize("speed", [None, 1000.0])
    def test_a_recording_is_served_as_it_was(
        self, tmp_path: Path, name: str, answer: Any, speed: float | None
    ) -> None:
        """The second recording is like the first, in its bytes and in its end."""
        first, second = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
        limit = Timeout(idle=0.2) if name == "timeout" else None
        error = self.record_all(first, answer, timeout=limit)
        again = self.record_all(second, *recorded(first, speed=speed), timeout=limit)
        assert type(again) is type(error)
        (one,), (other,) = read_recording(first), read_recording(second)
        assert one.head.status == other.head.status
        assert b"".join(read.data for read in one.reads) == b"".join(
            read.data for read in other.reads
        )
        assert one.end is not None
        assert other.end is not None
        assert one.end.end == other.end.end

    def test_a_recording_with_retries_is_an_answer_to_each_request(self, tmp_path: Path) -> None:
        """The refusal is served too, and the client retries."""
        path = tmp_path / "a.jsonl"
        assert self.record_all(path, error(503, retry_after=0), chat_answer("Hi")) is None
        assert len(recorded(path)) == 2
        assert self.record_all(tmp_path / "b.jsonl", *recorded(path)) is None

    def test_a_recording_that_was_left_or_cut_off_is_cut(self) -> None:
        """It is unknown how it would have continued."""
        file = io.BytesIO()
        source = record(chat_answer("Hi"), file)
        next(iter(source))
        source.close()
        closed = file.getvalue()
        crashed = b"".join(closed.splitlines(keepends=True)[:-1])
        for content in (closed, crashed):
            (reply,) = recorded(io.BytesIO(content))
            assert list(reply.steps) == [chat_answer("Hi")[0], cut()]

    def test_no_speed_is_not_a_speed(self) -> None:
        """A speed must be above 0."""
        with pytest.raises(ValueError, match="speed must be above 0, not 0"):
            recorded("a.jsonl", speed=0)

    def test_a_strict_recording_is_an_answer_to_its_request_only(self, tmp_path: Path) -> None:
        """Another method or path is refused, in words."""
        path = tmp_path / "a.jsonl"
        self.record_all(path, chat_answer("Hi"))
        with FakeServer() as server, Client("k", server.base_url, retries=ONCE) as client:
            server.add(*recorded(path, strict=True))
            server.add(*recorded(path, strict=True))
            with ask(client) as s:
                assert s.read() == b"Hi"
            refused = error_of(client.create_response_stream(model="m", input="i"))
        assert isinstance(refused, BadRequestError)
        assert refused.message == (
            "POST /chat/completions was recorded, but POST /responses was requested"
        )


def test_a_timeout_is_a_timeout(server: FakeServer, client: Client) -> None:
    """The client leaves a server that says nothing for too long."""
    server.add([chat_chunk("Hi"), hold()])
    assert isinstance(error_of(ask(client, timeout=Timeout(idle=0.2))), StreamTimeoutError)


@pytest.mark.parametrize("pages", ["*", "https://app.test"])
def test_web_pages_may_be_served(pages: str) -> None:
    """A browser asks before it sends a page's request, and wants permission in each answer."""
    with FakeServer(pages=pages) as server:
        server.add(error(429, retry_after=7))
        url = f"{server.base_url}/models"
        asked = requests.options(url, timeout=9)
        refused = requests.get(url, timeout=9)
        assert len(server.requests) == 1
    assert (asked.status_code, asked.content) == (204, b"")
    assert asked.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type"
    assert asked.headers["Access-Control-Allow-Methods"] == "DELETE, GET, POST"
    assert "Retry-After" in refused.headers["Access-Control-Expose-Headers"]
    for answer in (asked, refused):
        assert answer.headers["Access-Control-Allow-Origin"] == pages


def test_web_pages_are_not_served_unasked(server: FakeServer) -> None:
    """A browser that gets no permission sends nothing."""
    asked = requests.options(server.base_url, timeout=9)
    assert asked.status_code == 501
    assert not any(name.startswith("Access-Control") for name in asked.headers)
    assert server.requests == []
