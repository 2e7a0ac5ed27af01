"""The client in Pyodide, in Node.js, against servers on this machine."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from server import (
    CHUNKED,
    END,
    FIN,
    WAIT_FOR_HANG_UP,
    Repeat,
    Script,
    ch,
    json_answer,
    serving,
)

from openai_scan.testing import (
    FakeServer,
    ToolCall,
    background_responses,
    chat_answer,
    chat_calls,
    cut,
    response_answer,
    transcript_answer,
)
from web.node import Engine

KEY = "sk-secret-1234"
DONE = ch(b"data: [DONE]\n\n") + END


def said(text: str) -> bytes:
    """Return a chunk with an event that says *text*."""
    chunk = {
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": {"content": text}}],
    }
    return ch(b"data: " + json.dumps(chunk).encode() + b"\n\n")


ENDED = ["completed", None, "None"]
CANCELLED = ["cancelled", "StreamCancelledError", "the stream was cancelled"]
# The error class for each status, as everywhere.
REFUSALS = {
    "400 Bad Request": "BadRequestError",
    "401 Unauthorized": "AuthenticationError",
    "403 Forbidden": "PermissionDeniedError",
    "404 Not Found": "NotFoundError",
    "408 Request Timeout": "APIError",
    "409 Conflict": "ConflictError",
    "422 Unprocessable Content": "UnprocessableEntityError",
    "429 Too Many Requests": "RateLimitError",
    "500 Internal Server Error": "InternalServerError",
    "503 Service Unavailable": "InternalServerError",
}
NO_PROMISE = "Python cannot wait for the network here, because JavaScript did not call it in a way"
NO_JSPI = "this JavaScript engine cannot suspend Python while it waits for the network (JSPI)"


def gated(*texts: str) -> tuple[Script, dict[str, threading.Event]]:
    """Return a script that sends each text after the previous one was noted, and its events."""
    gates = {text: threading.Event() for text in texts}
    steps = [step for text in texts for step in (said(text), gates[text])]
    return [CHUNKED, *steps, DONE], gates


def setters(gates: dict[str, threading.Event]) -> dict[str, Any]:
    """Return what to do at each note of an engine."""
    return {text: gate.set for text, gate in gates.items()}


class TestStreaming:
    """Each token is there as soon as it arrives."""

    @pytest.mark.parametrize("scenario", ["text", "text_later"])
    def test_each_token_comes_before_the_next_is_sent(self, engine: Engine, scenario: str) -> None:
        """The server waits until the page has shown the previous one."""
        script, gates = gated("a", "b", "c")
        with serving(script) as server:
            assert engine.run(scenario, url=server.base_url, on=setters(gates)) == ENDED
        assert all(gate.is_set() for gate in gates.values())

    def test_that_notices_a_wire_that_reads_a_body_whole(self, engine: Engine) -> None:
        """The test above fails for such a wire: no token is shown, and the stream times out."""
        script, gates = gated("a", "b")
        noted: list[str] = []
        on = {text: lambda: noted.append("a text") for text in gates}
        with serving(script) as server:
            end = engine.run("text_read_whole", url=server.base_url, on=on)
            for gate in gates.values():
                gate.set()
        assert (end, noted) == (["timed_out", "StreamTimeoutError", "idle"], [])

    def test_two_blocking_streams_take_turns(self, engine: Engine) -> None:
        """Each server sends its next token only after the other one's was shown."""
        one, other = threading.Event(), threading.Event()
        scripts: list[Script] = [
            [CHUNKED, said("a1"), other, said("a2"), DONE],
            [CHUNKED, one, said("b1"), DONE],
        ]
        with serving(scripts[0]) as first, serving(scripts[1]) as second:
            on = {"a1": one.set, "b1": other.set}
            urls = [first.base_url, second.base_url]
            assert engine.run("two_streams", on=on, urls=urls) == [ENDED, ENDED]

    def test_a_callback_can_start_a_task_that_waits(self, engine: Engine) -> None:
        """This is the solution that the error in a callback suggests."""
        with serving([CHUNKED, said("a"), DONE]) as server:
            assert engine.run("in_callback", url=server.base_url) == ENDED

    def test_an_engine_that_cannot_suspend_streams_asynchronously(self, old_engine: Engine) -> None:
        """This is the solution that the error in such an engine suggests."""
        script, gates = gated("a", "b")
        with serving(script) as server:
            assert old_engine.run("text_later", url=server.base_url, on=setters(gates)) == ENDED

    def test_a_connection_carries_one_answer_after_the_other(self, engine: Engine) -> None:
        """The engine can reuse a connection whose answer was read to the end."""
        with serving(*[[CHUNKED, said("a"), DONE]] * 3) as server:
            outcomes = engine.run("several", url=server.base_url, count=3)
            assert (outcomes, server.connections) == (["completed"] * 3, 1)

    def test_no_network_library_is_loaded(self, engine: Engine) -> None:
        """`fetch` sends all requests."""
        with serving([CHUNKED, said("a"), DONE]) as server:
            assert engine.run("text", url=server.base_url) == ENDED
        assert engine.run("loaded") == []


class TestCancelling:
    """The page stays responsive while Python waits, and its stop button ends any wait."""

    @pytest.mark.parametrize("scenario", ["cancelled", "cancelled_later"])
    def test_before_the_response_headers(self, engine: Engine, scenario: str) -> None:
        """The server sees the disconnect."""
        with serving([engine.poke, WAIT_FOR_HANG_UP]) as server:
            assert engine.run(scenario, url=server.base_url) == CANCELLED
            assert server.hung_up.wait(10)

    @pytest.mark.parametrize("scenario", ["cancelled", "cancelled_later"])
    def test_in_the_body(self, engine: Engine, scenario: str) -> None:
        """The server sees the disconnect here too."""
        with serving([CHUNKED, said("a"), WAIT_FOR_HANG_UP]) as server:
            on = {"event": engine.poke}
            assert engine.run(scenario, url=server.base_url, on=on) == CANCELLED
            assert server.hung_up.wait(10)

    def test_in_the_pause_before_a_retry(self, engine: Engine) -> None:
        """The retry is not sent, although the server asked for a pause of a minute."""
        busy = json_answer({}, status="429 Busy", headers="Retry-After: 59\r\n")
        with serving([busy]) as server:
            on = {"renewed": engine.poke}
            assert engine.run("cancelled", url=server.base_url, on=on) == CANCELLED
            assert len(server.requests) == 1

    @pytest.mark.parametrize("steps", [[], [CHUNKED, said("a")]])
    def test_of_the_task_that_reads(self, engine: Engine, steps: list[bytes]) -> None:
        """The server sees the disconnect, before the response headers and after them."""
        script = [*steps, WAIT_FOR_HANG_UP] if steps else [engine.poke, WAIT_FOR_HANG_UP]
        with serving(script) as server:
            on = {"event": engine.poke}
            assert engine.run("task_cancelled", url=server.base_url, on=on) == "cancelled"
            assert server.hung_up.wait(10)

    def test_leaving_the_block_hangs_up(self, engine: Engine) -> None:
        """The client does not wait for the rest of the answer."""
        with serving([CHUNKED, said("a"), WAIT_FOR_HANG_UP]) as server:
            assert engine.run("left_early", url=server.base_url) is True
            assert server.hung_up.wait(10)


class TestTime:
    """Timeouts and pauses are kept, and the page stays responsive meanwhile."""

    @pytest.mark.parametrize(
        ("limits", "script"),
        [
            ({"first_byte": 0.1}, [WAIT_FOR_HANG_UP]),
            ({"idle": 0.1}, [CHUNKED, said("a"), WAIT_FOR_HANG_UP]),
            ({"event_idle": 0.1}, [CHUNKED, said("a"), Repeat(ch(b": ping\n\n"))]),
            ({"total": 0.2}, [CHUNKED, Repeat(said("a"))]),
        ],
    )
    def test_each_limit_ends_the_stream(
        self, engine: Engine, limits: dict[str, float], script: Script
    ) -> None:
        """The error names the timeout, and the server sees the disconnect."""
        with serving(script) as server:
            end = engine.run("limited", url=server.base_url, limits=limits)
            assert end == ["timed_out", "StreamTimeoutError", *limits]
            assert server.hung_up.wait(10)

    def test_an_asynchronous_stream_has_limits_too(self, engine: Engine) -> None:
        """Its timeouts work as those of a blocking stream."""
        with serving([CHUNKED, said("a"), WAIT_FOR_HANG_UP]) as server:
            end = engine.run("limited_later", url=server.base_url)
            assert end == ["timed_out", "StreamTimeoutError", "idle"]
            assert server.hung_up.wait(10)

    @pytest.mark.parametrize("header", ["Retry-After: 0.3", "Retry-After-Ms: 300"])
    def test_the_page_lives_on_in_the_pause_before_a_retry(
        self, engine: Engine, header: str
    ) -> None:
        """A timer of the page runs while the client waits as long as the server asks."""
        busy = json_answer({}, status="429 Busy", headers=f"{header}\r\n")
        with serving([busy], [CHUNKED, said("a"), DONE]) as server:
            order = engine.run("order_around_pause", url=server.base_url)
        expected = ["request", "renewed", "timer of the page", "request"]
        assert order == [expected, "completed"]

    def test_that_notices_a_pause_that_stops_the_page(self, engine: Engine) -> None:
        """The test above fails if the pause blocks the page: its timer runs too late."""
        busy = json_answer({}, status="429 Busy", headers="Retry-After: 0.3\r\n")
        with serving([busy], [CHUNKED, said("a"), DONE]) as server:
            order, outcome = engine.run("order_around_pause", url=server.base_url, freezes=True)
        assert (order[:3], outcome) == (["request", "renewed", "request"], "completed")

    def test_the_page_lives_on_in_a_replay(self, engine: Engine) -> None:
        """A timer of the page runs while a recording is replayed at its own pace."""
        order = engine.run("order_around_replay")
        assert order.index("timer of the page") < order.index("done")


class TestLoading:
    """Importing a module can take so long that the page would freeze."""

    def test_the_page_lives_on(self, engine: Engine) -> None:
        """A timer of the page runs between the imports."""
        assert engine.run("order_around_loading") == ["timer of the page", "slow_0"]

    def test_an_engine_that_cannot_suspend_loads_it_too(self, old_engine: Engine) -> None:
        """It loads the module in one piece."""
        assert old_engine.run("order_around_loading") == ["slow_0"]


class TestErrors:
    """Errors have the same classes as everywhere, and show no secret."""

    @pytest.mark.parametrize("status", REFUSALS)
    def test_a_refusal_has_the_class_of_its_status(self, engine: Engine, status: str) -> None:
        """It has the server's message, in which the key is redacted."""
        body = {"error": {"message": f"no: {KEY}", "code": "c"}}
        headers = "X-Request-ID: req_1\r\nRetry-After: 7\r\n"
        with serving([json_answer(body, status=status, headers=headers)]) as server:
            kind, text, *facts = engine.run("refused", url=server.base_url)
        assert kind == REFUSALS[status]
        assert text.startswith("no: [key] (HTTP status ")
        assert facts == ["req_1", 7.0, {"error": {"message": "no: [key]", "code": "c"}}]

    def test_a_refused_connection_is_one(self, engine: Engine) -> None:
        """Node.js reports it, so nothing was sent, and the request can be retried."""
        with serving() as server:
            url = server.base_url
        kind, text, cause = engine.run("refused", url=url, attempts=2)
        assert kind == "ConnectError"
        assert text.startswith(f"no connection to {url}: ")
        assert "ECONNREFUSED" in cause

    def test_a_page_is_not_told_why(self, engine: Engine) -> None:
        """The error names possible reasons."""
        with serving([FIN], [FIN]) as server:
            for location, is_mixed in (("https://app.test/", True), ("http://app.test/", False)):
                kind, text = engine.run("refused_in_page", url=server.base_url, location=location)
                assert kind == "TransportError"
                assert "may not allow requests from this origin (CORS)" in text
                assert ("over https may not send requests over http" in text) == is_mixed

    def test_an_answer_that_breaks_off_is_an_error(self, engine: Engine) -> None:
        """The client does not mistake it for a complete answer."""
        with serving([CHUNKED, said("a"), FIN]) as server:
            outcome, kind, text = engine.run("text", url=server.base_url)
        assert (outcome, kind) == ("failed", "TransportError")
        assert text.startswith("the connection broke during the answer: ")

    def test_a_redirect_is_not_followed(self, engine: Engine) -> None:
        """Node.js shows the target; a browser does not."""
        moved = json_answer({}, status="307 Moved", headers="Location: http://b.test/v1\r\n")
        with serving([moved]) as server:
            kind, text, *_ = engine.run("refused", url=server.base_url)
            assert len(server.requests) == 1
        assert (kind, "http://b.test/v1" in text) == ("RedirectError", True)

    @pytest.mark.parametrize("how", ["plain", "callback"])
    def test_where_python_cannot_wait_it_says_so(self, engine: Engine, how: Any) -> None:
        """Nothing is sent, and the error suggests a solution."""
        with serving() as server:
            outcome, kind, text = engine.run("text", url=server.base_url, how=how)
            assert (outcome, kind) == ("failed", "ConfigurationError")
            assert text.startswith(NO_PROMISE)
            assert "runPythonAsync()" in text
            assert server.connections == 0

    def test_an_engine_that_cannot_suspend_says_so(self, old_engine: Engine) -> None:
        """The error suggests `AsyncClient`."""
        with serving() as server:
            outcome, kind, text = old_engine.run("text", url=server.base_url)
            assert (outcome, kind) == ("failed", "ConfigurationError")
            assert text.startswith(NO_JSPI)
            assert "AsyncClient" in text
            assert server.connections == 0


class TestKeyInPage:
    """The caller decides whether a key may be in a page."""

    @pytest.mark.parametrize(
        ("location", "arguments", "complains"),
        [
            ("http://app.test/", {"api_key": KEY}, True),
            ("http://app.test/", {"api_key": KEY, "allow_browser": True}, False),
            ("http://app.test/", {"api_key": ""}, False),
            (None, {"api_key": KEY}, False),
        ],
    )
    def test_a_key_has_to_be_allowed(
        self, engine: Engine, location: str | None, arguments: dict[str, Any], complains: bool
    ) -> None:
        """In a page it must be allowed, but not in Node.js, and an empty key is always fine."""
        text = engine.run("constructed", location=location, **arguments)
        assert (text is not None) == complains
        assert text is None or ("allow_browser=True" in text and KEY not in text)


class TestRequests:
    """What the client sends."""

    def test_no_header_needs_leave_that_servers_do_not_give(self, engine: Engine) -> None:
        """Besides the engine's own headers: the key, the body's type and the accepted types."""
        with serving([json_answer({})], [CHUNKED, said("a"), DONE]) as server:
            engine.run("bare_request", url=server.base_url)
            engine.run("text", url=server.base_url)
        assert added(server.requests) == {"accept", "authorization", "content-type"}

    def test_a_header_that_the_user_sets_is_sent(self, engine: Engine) -> None:
        """This includes headers that the client leaves out by default."""
        models = json_answer({"object": "list", "data": []})
        with serving([json_answer({})], [models]) as server:
            engine.run("bare_request", url=server.base_url)
            assert engine.run("with_header", url=server.base_url) == 0
        mine = {"idempotency-key", "x-mine"}
        assert added(server.requests) == {"accept", "authorization", *mine}

    @pytest.mark.parametrize("size", [256, 1024 * 1024])
    def test_a_file_is_sent_from_memory(self, engine: Engine, size: int) -> None:
        """The form has the file with its name and type, and the other fields."""
        with FakeServer() as server:
            server.add(transcript_answer("Hi"))
            assert engine.run("uploaded", url=server.base_url, size=size) == "Hi"
            (request,) = server.requests
        assert bytes(range(256)) * (size // 256) in request.body
        form = request.body[: request.body.index(b"\x00\x01\x02")].decode()
        assert 'name="file"; filename="a \u00fc.mp3"\r\nContent-Type: audio/mpeg' in form
        assert 'name="model"\r\n\r\nwhisper\r\n' in form

    def test_a_form_may_have_files_only(self, engine: Engine) -> None:
        """The form has no other fields then."""
        with serving([json_answer({"id": "f"})]) as server:
            assert engine.run("uploaded_alone", url=server.base_url) == {"id": "f"}
            assert server.requests[0].body.count(b" name=") == 1

    def test_a_call_can_be_awaited(self, engine: Engine) -> None:
        """`AsyncClient` works for calls without a stream too."""
        with serving([json_answer({"data": []})]) as server:
            assert engine.run("models_later", url=server.base_url) == {"data": []}


class TestEverythingElse:
    """What builds on streams works as everywhere."""

    def test_record_and_replay_in_memory(self, engine: Engine) -> None:
        """The recording does not have the key."""
        with serving([CHUNKED, said("a"), said("b"), DONE]) as server:
            first, again, has_key = engine.run("recorded", url=server.base_url)
        assert (first, len(first), has_key) == (again, 3, False)

    def test_resume(self, engine: Engine) -> None:
        """An interrupted background response is resumed."""
        answer = [*background_steps("Hello there")]
        with FakeServer(background_responses(answer)) as server:
            assert engine.run("resumed", url=server.base_url) == ["Hello there", "completed"]
            assert [request.method for request in server.requests] == ["POST", "GET"]

    def test_tools(self, engine: Engine) -> None:
        """Functions are called, and the model continues."""
        with FakeServer() as server:
            server.add(chat_calls(ToolCall("weather", {"city": "Oslo"})), chat_answer("It is 4."))
            assert engine.run("with_tools", url=server.base_url) == ["It is 4.", "completed"]
            assert server.requests[1].json["messages"][-1]["content"] == "4 degrees in Oslo"

    def test_structured_output(self, engine: Engine) -> None:
        """The answer is an instance of a class."""
        with FakeServer() as server:
            server.add(chat_answer('{"name": "Oslo", "population": 717710}'))
            city = engine.run("structured", url=server.base_url)
        assert city == "City(name='Oslo', population=717710)"


def added(requests: list[Any]) -> set[str]:
    """Return the headers that the second request adds to the first, or changes."""
    bare, ours = (request.headers for request in requests)
    return {name for name in ours if ours[name] != bare.get(name)} - {"content-length", "host"}


def background_steps(text: str) -> list[Any]:
    """Return the steps of a response that is cut off in the middle of its text."""
    steps: list[Any] = list(response_answer(text))
    return [*steps[:-4], cut(), *steps[-4:]]
