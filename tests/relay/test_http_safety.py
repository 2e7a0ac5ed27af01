"""What attackers, other users and other web pages cannot do, with both kinds of server."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
from attrs import frozen
from server import PATIENCE

from openai_scan import Client, RetryPolicy
from openai_scan.relay import (
    ChatUpstream,
    LimitError,
    Limits,
    MemoryLog,
    Relay,
    StoredMessage,
    asgi,
    wsgi,
)
from openai_scan.relay import http as relay_http
from openai_scan.testing import FakeServer, chat_answer, chat_chunk, done, error, stream_error
from relay.memory_store import MemoryStore
from relay.served import Answer, Browser, Kind, by_header, serving, text_of

SECRET = "sk-secret-key"
ABSENT = "absent-0123456789"

# Every route but the page.
READ = (
    f"/streams/{ABSENT}/events",
    f"/conversations/{ABSENT}",
    "/models",
    f"/api/chat/{ABSENT}/stream",
)
WRITTEN = (
    "/streams",
    f"/streams/{ABSENT}/stop",
    "/api/chat",
    f"/api/chat/{ABSENT}/stop",
)
ROUTES = [*(("GET", path) for path in READ), *(("POST", path) for path in WRITTEN)]


@frozen
class Place:
    """A relay that is served, with its store, its upstream and a browser."""

    relay: Relay
    store: MemoryStore
    upstream: FakeServer
    browser: Browser


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Use a page of two files, with a file beside its folder that is not part of it."""
    folder = tmp_path_factory.mktemp("package") / "page"
    folder.mkdir()
    (folder.parent / "secret.html").write_text("secret")
    (folder / "index.html").write_text("<!doctype html><title>Chat</title>")
    (folder / "page.mjs").write_text("export {};")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(relay_http, "FOLDER", folder)
        yield folder


@pytest.fixture(scope="module", params=["asgi", "wsgi"])
def place(request: pytest.FixtureRequest, page: Path) -> Iterator[Place]:
    """Serve a relay by each kind of server, for all tests of the module."""
    kind: Kind = request.param
    with placed(kind) as made:
        yield made


@contextlib.contextmanager
def placed(kind: Kind, authorize: Any = by_header, **options: Any) -> Iterator[Place]:
    """Serve a relay."""
    store = MemoryStore()
    with (
        FakeServer(always=chat_answer("Hi")) as upstream,
        Client(SECRET, upstream.base_url, retries=RetryPolicy(attempts=1)) as client,
        Relay(
            MemoryLog(),
            store,
            ChatUpstream(client),
            models=["small", "large"],
            limits=Limits(running=1000, per_minute=1000),
        ) as relay,
        serving((asgi if kind == "asgi" else wsgi)(relay, authorize, **options), kind) as port,
    ):
        yield Place(relay, store, upstream, Browser(port))
        relay.close()


@pytest.fixture
def browser(place: Place) -> Browser:
    """Return a user's browser."""
    return place.browser


@pytest.fixture
def finished(place: Place) -> tuple[str, str]:
    """Return the ids of another user's finished answer and of its conversation."""
    bob = place.browser.of("bob")
    started = bob.post("/streams", {"prompt": "Mine"}).json
    bob.get(f"/streams/{started['stream']}/events")
    return started["stream"], started["conversation"]


def shown(answer: Answer) -> tuple[int, Mapping[str, str], bytes]:
    """Return everything in a response that the relay itself has set."""
    chosen = {k: v for k, v in answer.headers.items() if k not in ("date", "server")}
    return answer.status, chosen, answer.body


def raw(port: int, request: bytes) -> bytes:
    """Send bytes, and return everything that is sent back."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(request)
        received = b""
        while piece := connection.recv(65536):
            received += piece
        return received


class TestUsers:
    """Which user may see what."""

    @pytest.mark.parametrize(("method", "path"), ROUTES)
    def test_without_signing_in_you_get_nothing(
        self, browser: Browser, method: str, path: str
    ) -> None:
        """Every route but the page answers 401."""
        answer = browser.of(None).ask(method, path, b"{}", content_type="application/json")
        assert (answer.status, answer.json) == (
            401,
            {"error": {"message": "Sign in first.", "code": "not_signed_in"}},
        )

    def test_the_page_needs_no_user(self, browser: Browser) -> None:
        """It is served to everyone, since it tells users to sign in."""
        assert browser.of(None).get("/").status == 200

    @pytest.mark.parametrize("options", ["", "?format=openai", "?format=ui", "?after=1-1"])
    def test_events_of_another_user(
        self, browser: Browser, finished: tuple[str, str], options: str
    ) -> None:
        """They look like those of a stream that does not exist."""
        foreign = browser.get(f"/streams/{finished[0]}/events{options}")
        assert foreign.status == 404
        assert shown(foreign) == shown(browser.get(f"/streams/{ABSENT}/events{options}"))

    def test_events_of_another_user_whose_log_is_gone(
        self,
        place: Place,
        browser: Browser,
        finished: tuple[str, str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """They are hidden in the store as well."""
        monkeypatch.setattr(place.relay.log, "_streams", {})
        foreign = browser.get(f"/streams/{finished[0]}/events")
        assert foreign.status == 404
        assert shown(foreign) == shown(browser.get(f"/streams/{ABSENT}/events"))
        assert text_of(browser.of("bob").get(f"/streams/{finished[0]}/events").body) == "Hi"

    def test_stopping_another_user(
        self, place: Place, browser: Browser, finished: tuple[str, str]
    ) -> None:
        """Nothing is stopped, and the response is that for a stream that does not exist."""
        foreign = browser.post(f"/streams/{finished[0]}/stop")
        assert foreign.status == 404
        assert shown(foreign) == shown(browser.post(f"/streams/{ABSENT}/stop"))
        assert not place.relay.log.is_stopped(finished[0])

    def test_the_history_of_another_user(self, browser: Browser, finished: tuple[str, str]) -> None:
        """It is empty, like that of a conversation that does not exist."""
        foreign = browser.get(f"/conversations/{finished[1]}")
        assert foreign.json == {"messages": []}
        assert shown(foreign) == shown(browser.get(f"/conversations/{ABSENT}"))
        assert browser.get(f"/conversations/{finished[1]}?format=ui").body == foreign.body

    @pytest.mark.parametrize(("method", "what"), [("GET", "stream"), ("POST", "stop")])
    def test_the_chat_of_another_user(
        self, place: Place, browser: Browser, finished: tuple[str, str], method: str, what: str
    ) -> None:
        """It looks like one that does not exist, even while it is running."""
        begun = NewRunning(place, "bob")
        for conversation in (finished[1], begun.conversation):
            foreign = browser.ask(
                method, f"/api/chat/{conversation}/{what}", b"{}", content_type="application/json"
            )
            absent = browser.ask(
                method, f"/api/chat/{ABSENT}/{what}", b"{}", content_type="application/json"
            )
            assert shown(foreign) == shown(absent)
        assert not place.relay.log.is_stopped(begun.stream)

    def test_a_conversation_of_another_user_is_not_continued(
        self, place: Place, browser: Browser, finished: tuple[str, str]
    ) -> None:
        """Another user's stream id is refused too. No model is asked."""
        asked = len(place.upstream.requests)
        words = "There is no such stream, conversation or page for you."
        for fields in ({"conversation": finished[1]}, {"id": finished[0]}):
            answer = browser.post("/streams", {"prompt": "Hi", **fields})
            assert (answer.status, answer.json) == (
                404,
                {"error": {"message": words, "code": "not_found"}},
            )
        message = {"role": "user", "parts": [{"type": "text", "text": "Hi"}]}
        assert browser.post("/api/chat", {"id": finished[1], "message": message}).status == 404
        assert len(place.upstream.requests) == asked
        assert len(place.relay.history(finished[1], user="bob")) == 2

    def test_the_same_id_again_starts_nothing(self, place: Place, browser: Browser) -> None:
        """A browser that got no response can safely send its request again."""
        asked = len(place.upstream.requests)
        fields = {"prompt": "Hi", "id": "chosen-by-the-browser"}
        first, second = (browser.post("/streams", fields) for _ in range(2))
        assert first.json == second.json
        assert text_of(browser.get("/streams/chosen-by-the-browser/events").body) == "Hi"
        assert len(place.upstream.requests) == asked + 1


class NewRunning:
    """An answer whose row has the status `running`."""

    def __init__(self, place: Place, user: str) -> None:
        count = len(place.store.finished)
        self.stream = f"running-{user}-{count:010}"
        self.conversation = f"talking-{user}-{count:010}"
        row = StoredMessage(self.stream, self.conversation, user, "assistant", "", "running")
        place.store._put(row)


class TestOtherSites:
    """What pages of other sites cannot make a browser do."""

    HOST = "chat.example"
    FOREIGN: Mapping[str, dict[str, str]] = {
        "cross-site": {"sec_fetch_site": "cross-site"},
        "same-site": {"sec_fetch_site": "same-site"},
        "foreign origin": {"origin": "https://attacker.example"},
        "null": {"origin": "null"},
        "ours is its prefix": {"origin": "https://chat.example.attacker.example"},
        "it is a prefix of ours": {"origin": "https://chat.exampl"},
    }

    @pytest.mark.unmeasured
    @pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
    @pytest.mark.parametrize(("method", "path"), ROUTES)
    def test_requests_of_other_sites(
        self, browser: Browser, method: str, path: str, headers: dict[str, str]
    ) -> None:
        """They are refused, even if they only read."""
        answer = browser.ask(
            method, path, b"{}", content_type="application/json", host=self.HOST, **headers
        )
        assert (answer.status, answer.code) == (403, "cross_site")

    @pytest.mark.parametrize(
        "kind",
        [
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "text/plain",
            "text/plain; charset=application/json",
        ],
    )
    @pytest.mark.parametrize("path", WRITTEN)
    def test_forms(self, browser: Browser, path: str, kind: str) -> None:
        """Content types that a form can send without a preflight are refused."""
        answer = browser.post(path, {"prompt": "Hi"}, content_type=kind)
        assert (answer.status, answer.code) == (415, "not_json")

    def test_no_type_at_all(self, browser: Browser) -> None:
        """The relay does not guess a missing Content-Type."""
        assert browser.ask("POST", "/streams", b'{"prompt":"Hi"}').status == 415

    @pytest.mark.parametrize(
        "headers",
        [
            {"sec_fetch_site": "same-origin"},
            {"origin": "https://chat.example"},
            {"origin": "https://CHAT.example"},
            {},
        ],
    )
    def test_our_own_page(self, browser: Browser, headers: dict[str, str]) -> None:
        """The relay answers its own page, and clients that are not browsers."""
        answer = browser.post("/streams", {"prompt": "Hi"}, host=self.HOST, **headers)
        assert answer.status == 202
        events = "/" + answer.json["events"]
        assert browser.get(events, host=self.HOST, **headers).status == 200

    @pytest.mark.parametrize("path", ["/", *READ, *WRITTEN])
    def test_no_other_site_is_allowed_anything(self, browser: Browser, path: str) -> None:
        """No response has a CORS header, not even that to a preflight."""
        origin = {"origin": "https://attacker.example"}
        answers = [
            browser.ask("OPTIONS", path, **origin, access_control_request_method="POST"),
            browser.get(path, **origin),
            browser.post(path, {}, **origin),
            browser.get(path),
        ]
        assert answers[0].status == 405
        for answer in answers:
            assert not [name for name in answer.headers if name.startswith("access-control")]
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"


class TestRequests:
    """What malformed requests cannot do."""

    @pytest.mark.parametrize(
        "id",
        [
            "short",
            "x" * 65,
            "with.a.dot.in.the.id",
            "with%20spaces%20in%20it",
            "..%2f..%2f..%2fetc%2fpasswd",
            "0123456789abcdef%0d%0aX-Evil:%201",
            "0123456789abcdef%00",
            "0123456789abcde%C3%A9",
            "0123456789abcde%ff",
            "%D9%A1" * 16,
        ],
    )
    def test_ids_in_paths(self, browser: Browser, id: str) -> None:
        """An id has 16 to 64 ASCII letters, digits, "-" and "_"; any other is not found."""
        for path in (f"/streams/{id}/events", f"/conversations/{id}", f"/api/chat/{id}/stream"):
            answer = browser.get(path)
            assert (answer.status, answer.code) == (404, "not_found")
            assert "x-evil" not in answer.headers

    @pytest.mark.parametrize(
        "id", ["short", "x" * 65, "a\r\nX-Evil: 1\r\n\r\nbbbbbbb", "é" * 16, ""]
    )
    def test_ids_in_bodies(self, browser: Browser, id: str) -> None:
        """An id in a body follows the same rule; the response names the field."""
        for field in ("id", "conversation"):
            answer = browser.post("/streams", {"prompt": "Hi", field: id})
            assert (answer.status, answer.code) == (400, "bad_request")
            assert answer.json["error"]["message"] == (
                f'The field {field} must be 16 to 64 letters, digits, "-" or "_".'
            )

    @pytest.mark.parametrize(
        "path",
        [
            "/streams/",
            "/streams/" + ABSENT,
            f"/streams/{ABSENT}/events/",
            f"/x/streams/{ABSENT}/events",
            "/page",
            "/index.html",
            "/secret.html",
            "/../secret.html",
            "/%2e%2e/secret.html",
            "/..%2fsecret.html",
            "/page.mjs/",
            "/page.mjs%00.html",
            "/v1/chat/completions",
        ],
    )
    def test_other_paths(self, browser: Browser, path: str) -> None:
        """They are not found, and lead to no file."""
        answer = browser.get(path)
        assert (answer.status, answer.code) == (404, "not_found")

    @pytest.mark.unmeasured
    @pytest.mark.parametrize(
        "cursor",
        [
            "nonsense",
            "1-1-END",
            "-1--1",
            "1" * 5000 + "-1",
            "1-" + "1" * 5000,
            "1-1%00",
            "%D9%A1-%D9%A1",
            "1-1%0d%0aX-Evil:%201",
            "'; drop table messages; --",
            "99999999-1",
        ],
    )
    def test_cursors(self, browser: Browser, cursor: str) -> None:
        """A cursor that no relay has made means the beginning."""
        stream = browser.start()
        whole = browser.get(f"/streams/{stream}/events").body
        given = browser.get(f"/streams/{stream}/events?after=" + cursor.replace(" ", "%20"))
        assert (given.status, given.body) == (200, whole)
        assert "x-evil" not in given.headers
        if "%" not in cursor:
            assert browser.get(f"/streams/{stream}/events", last_event_id=cursor).body == whole

    def test_another_format(self, browser: Browser) -> None:
        """An unknown format is refused, not replaced by the default."""
        stream = browser.start()
        answer = browser.get(f"/streams/{stream}/events?format=xml")
        assert answer.json["error"]["message"] == ("The format must be openai or ui, or left out.")
        assert answer.status == 400
        answer = browser.get(f"/conversations/{ABSENT}?format=openai")
        assert (answer.status, answer.json["error"]["message"]) == (
            400,
            "The format must be ui, or left out.",
        )

    def test_a_header_of_two_lines_reaches_nothing(self, browser: Browser) -> None:
        """A line break in a path adds no header to the response."""
        answer = raw(
            browser.port,
            b"GET /streams/0123456789abcdef\r\nX-Evil: 1 HTTP/1.1\r\nHost: x\r\n\r\n",
        )
        assert b"x-evil" not in answer.lower()

    @pytest.mark.parametrize(
        ("methods", "paths", "allowed"),
        [
            (["HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"], READ, "GET"),
            (["HEAD", "OPTIONS", "GET", "PUT", "DELETE", "PATCH"], WRITTEN, "POST"),
            (["OPTIONS", "POST", "PUT", "DELETE", "PATCH"], ["/", "/page.mjs"], "GET, HEAD"),
        ],
    )
    def test_methods(
        self, browser: Browser, methods: list[str], paths: list[str], allowed: str
    ) -> None:
        """Methods that a route lacks are refused, by name, before the user is identified."""
        for path in paths:
            for method in methods:
                answer = browser.of(None).ask(method, path)
                assert (answer.status, answer.headers["allow"]) == (405, allowed)
                if method != "HEAD":
                    assert answer.json["error"] == {
                        "message": f"The method must be {allowed}.",
                        "code": "wrong_method",
                    }


class TestBodies:
    """What bodies cannot do."""

    def test_more_than_is_taken(self, browser: Browser) -> None:
        """A body that is too long is refused."""
        answer = browser.post("/streams", b" " * (256 * 1024 + 1))
        assert (answer.status, answer.json["error"]) == (
            413,
            {
                "message": "The body of a request may have at most 262144 bytes.",
                "code": "too_large",
            },
        )

    def test_as_much_as_is_taken(self, browser: Browser) -> None:
        """A body of exactly the limit is read; this one is blank, so it is not JSON."""
        assert browser.post("/streams", b" " * (256 * 1024)).status == 400

    def test_a_body_without_an_end(self, place: Place) -> None:
        """The connection is closed; a server that needs a length refuses the request at once."""
        with socket.create_connection(("127.0.0.1", place.browser.port), PATIENCE) as connection:
            connection.sendall(
                b"POST /streams HTTP/1.1\r\nHost: localhost\r\nX-User: alice\r\n"
                b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            sent = 0
            with contextlib.suppress(ConnectionError):
                while sent < 16 * 1024 * 1024:
                    connection.sendall(b"8000\r\n" + b" " * 0x8000 + b"\r\n")
                    sent += 0x8000
        assert sent < 16 * 1024 * 1024

    @pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "\u0661", "9" * 5000, "1 1"])
    def test_a_length_that_is_none(self, place: Place, length: str) -> None:
        """A malformed length is refused by the server or the relay."""
        answer = raw(
            place.browser.port,
            b"POST /streams HTTP/1.0\r\nHost: localhost\r\nX-User: alice\r\n"
            b"Content-Type: application/json\r\nContent-Length: %b\r\n\r\n{}" % length.encode(),
        )
        assert answer.split()[1] in (b"400", b"413")

    def test_a_length_that_is_too_small(self, place: Place) -> None:
        """Only that many bytes are read, so the JSON is cut off."""
        body = b'{"prompt":"Hi"}'
        answer = raw(
            place.browser.port,
            b"POST /streams HTTP/1.0\r\nHost: localhost\r\nX-User: alice\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (len(body) - 1, body),
        )
        assert b"The body must be JSON." in answer
        assert answer.split()[1] == b"400"

    def test_a_length_that_is_too_large(self, place: Place) -> None:
        """A body that the end of the connection cuts off starts nothing."""
        asked = len(place.upstream.requests)
        with socket.create_connection(("127.0.0.1", place.browser.port), PATIENCE) as connection:
            connection.sendall(
                b"POST /streams HTTP/1.0\r\nHost: localhost\r\nX-User: alice\r\n"
                b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
                b'{"prompt":"Hi"}'
            )
            connection.shutdown(socket.SHUT_WR)
            connection.recv(65536)
        assert len(place.upstream.requests) == asked

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            (b"", "The body must be JSON."),
            (b"{", "The body must be JSON."),
            (b"[" * 100_000 + b"]" * 100_000, "The body must be JSON."),
            (b'{"prompt":' * 20_000 + b"1" + b"}" * 20_000, "The body must be JSON."),
            (b"[" + b"[]," * 60_000 + b"[]]", "The body must be JSON."),
            (b'{"prompt":NaN}', "The body must be JSON."),
            (b'{"prompt":%b}' % (b"1" * 100_000), "The body must be JSON."),
            (b'{"prompt":"\xff"}', "The body must be JSON."),
            ('{"prompt":"Hi"}'.encode("utf-16"), "The body must be JSON."),
            (b"[]", "The body must be a JSON object."),
            (b'"Hi"', "The body must be a JSON object."),
            (b"null", "The body must be a JSON object."),
            (b"{}", "The prompt is missing."),
            (b'{"prompt":null}', "The prompt is missing."),
            (b'{"prompt":" \\n"}', "The prompt is missing."),
            (b'{"prompt":1}', "The field prompt must be a string."),
            (b'{"prompt":["Hi"]}', "The field prompt must be a string."),
            (b'{"prompt":"Hi","id":{}}', "The field id must be a string."),
            (b'{"prompt":"Hi","conversation":1}', "The field conversation must be a string."),
            (b'{"prompt":"Hi","model":true}', "The field model must be a string."),
        ],
    )
    def test_bodies_that_are_none(self, place: Place, body: bytes, said: str) -> None:
        """The response says what is wrong with the body, and no model is asked."""
        asked = len(place.upstream.requests)
        answer = place.browser.post("/streams", body)
        assert (answer.status, answer.json) == (
            400,
            {"error": {"message": said, "code": "bad_request"}},
        )
        assert len(place.upstream.requests) == asked

    @pytest.mark.parametrize(
        "field",
        ["base_url", "extra_headers", "api_key", "messages", "user", "tools", "n", "Prompt"],
    )
    def test_where_to_ask_is_not_for_browsers_to_say(self, place: Place, field: str) -> None:
        """A browser cannot set the server, the cost or the user: unknown fields are refused."""
        asked = len(place.upstream.requests)
        answer = place.browser.post("/streams", {"prompt": "Hi", field: "http://attacker.example"})
        assert (answer.status, answer.json["error"]["message"]) == (
            400,
            "The body may only have the fields prompt, conversation, id, model.",
        )
        assert len(place.upstream.requests) == asked

    @pytest.mark.parametrize("model", ["", "huge", "small ", "Small", "../small"])
    def test_other_models(self, place: Place, model: str) -> None:
        """Users can choose only models on the list."""
        asked = len(place.upstream.requests)
        answer = place.browser.post("/streams", {"prompt": "Hi", "model": model})
        assert (answer.status, answer.json["error"]["message"]) == (
            400,
            "The model is not one of those that this relay allows.",
        )
        assert len(place.upstream.requests) == asked

    def test_the_models_of_the_list(self, place: Place) -> None:
        """The first one is the default."""
        assert place.browser.get("/models").json == {"models": ["small", "large"]}
        for model, asked in ((None, "small"), ("large", "large")):
            started = place.browser.post("/streams", {"prompt": "Hi", "model": model})
            place.browser.get("/" + started.json["events"])
            assert place.upstream.requests[-1].json["model"] == asked


class TestChatBodies:
    """What front ends of the AI SDK can send, and what they cannot."""

    TEXT: Mapping[str, str] = {"type": "text", "text": "Hi"}
    USER: Mapping[str, Any] = {"role": "user", "parts": [TEXT]}

    def test_what_they_say(self, place: Place) -> None:
        """Only the text of the last message counts; its text parts are joined."""
        parts = [{"type": "text", "text": "One "}, {"type": "text", "text": "two", "state": "done"}]
        for body in (
            {"messages": [{"role": "system", "parts": "x"}, 7, {"role": "user", "parts": parts}]},
            {"message": {"id": "1", "role": "user", "parts": parts, "metadata": {"a": 1}}},
        ):
            more = {"trigger": "submit-message", "messageId": "1", "model": "large"}
            answer = place.browser.post("/api/chat", {**body, **more})
            assert (answer.status, answer.headers["x-vercel-ai-ui-message-stream"]) == (200, "v1")
            asked = place.upstream.requests[-1].json
            assert asked["messages"] == [{"role": "user", "content": "One two"}]
            assert asked["model"] == "large"

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ({}, "must be a user message"),
            ({"messages": []}, "must be a user message"),
            (
                {"messages": [USER, {"role": "assistant", "parts": [TEXT]}]},
                "must be a user message",
            ),
            ({"messages": [USER, "Hi"]}, "must be a user message"),
            ({"messages": [{"role": "user"}]}, "must be a user message"),
            ({"messages": [{"role": "user", "parts": []}]}, "must be a user message"),
            ({"messages": [{"role": "user", "parts": "Hi"}]}, "must be a user message"),
            (
                {"message": {"role": "user", "parts": [{"type": "file"}, TEXT]}},
                "parts of type text",
            ),
            (
                {"message": {"role": "user", "parts": [{"type": "text", "text": 1}]}},
                "parts of type",
            ),
            (
                {"message": {"role": "user", "parts": [{"type": "text", "text": " "}]}},
                "The prompt is missing.",
            ),
            ({"messages": {"role": "user"}}, "The field messages must be a list."),
            ({"message": [USER]}, "The field message must be an object."),
            ({"message": USER, "id": "short"}, "The field id must be 16 to 64"),
            ({"message": USER, "model": "huge"}, "not one of those"),
            ({"message": USER, "tools": []}, "only have the fields id, messages, message, trigger"),
        ],
    )
    def test_what_they_cannot_say(self, place: Place, body: Any, said: str) -> None:
        """The response says what is wrong, and no model is asked."""
        asked = len(place.upstream.requests)
        answer = place.browser.post("/api/chat", body)
        assert (answer.status, answer.code) == (400, "bad_request")
        assert said in answer.json["error"]["message"]
        assert len(place.upstream.requests) == asked


class TestLimits:
    """What is limited for each user, and what happens during an outage."""

    def test_a_long_prompt(self, place: Place) -> None:
        """It is refused, and no model is asked."""
        asked = len(place.upstream.requests)
        answer = place.browser.post("/streams", {"prompt": "x" * 20_001})
        assert (answer.status, answer.json["error"]) == (
            413,
            {"message": "A prompt may have at most 20000 characters.", "code": "too_long"},
        )
        assert len(place.upstream.requests) == asked

    @pytest.mark.parametrize(("after", "header"), [(None, "10"), (0.2, "1"), (7.0, "7")])
    def test_too_many(
        self, place: Place, monkeypatch: pytest.MonkeyPatch, after: float | None, header: str
    ) -> None:
        """The response says after how many seconds to retry, rounded up."""

        def begin(*_: Any) -> bool:
            raise LimitError(f"words of the store about {SECRET}", retry_after=after)

        monkeypatch.setattr(place.store, "begin", begin)
        answer = place.browser.post("/streams", {"prompt": "Hi"})
        assert (answer.status, answer.headers["retry-after"], answer.json["error"]) == (
            429,
            header,
            {
                "message": (
                    "You have too many answers at a time, or have asked too often: retry later."
                ),
                "code": "too_many",
            },
        )

    def test_a_database_that_is_away(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        """The response says when to retry, and no model is asked."""
        asked = len(place.upstream.requests)
        monkeypatch.setattr(place.store, "is_down", True)
        answers = [
            place.browser.post("/streams", {"prompt": "Hi"}),
            place.browser.get(f"/streams/{ABSENT}/events"),
            place.browser.post(f"/streams/{ABSENT}/stop"),
            place.browser.get(f"/conversations/{ABSENT}"),
            place.browser.get(f"/api/chat/{ABSENT}/stream"),
        ]
        for answer in answers:
            assert (answer.status, answer.headers["retry-after"], answer.json["error"]) == (
                503,
                "2",
                {
                    "message": "The relay cannot reach its log or its database: retry later.",
                    "code": "unavailable",
                },
            )
        assert len(place.upstream.requests) == asked


class TestSecrets:
    """What users and browsers never get to see."""

    @pytest.mark.unmeasured
    @pytest.mark.parametrize(
        "steps",
        [
            pytest.param(error(429, f"slow down, {SECRET}"), id="429"),
            pytest.param(error(500, f"broken, {SECRET}"), id="500"),
            pytest.param(
                [chat_chunk("Hel"), stream_error("server_error", f"boom, {SECRET}")], id="event"
            ),
            pytest.param(
                [chat_chunk("Hel"), b"data: {boom, " + SECRET.encode() + b"\n\n", done()],
                id="no JSON",
            ),
        ],
    )
    @pytest.mark.parametrize("format", ["", "?format=openai", "?format=ui"])
    def test_words_of_the_server_that_answers(
        self, place: Place, caplog: pytest.LogCaptureFixture, steps: Any, format: str
    ) -> None:
        """Neither the model server's error messages nor its key are in frames, rows or logs."""
        caplog.set_level(logging.DEBUG)
        place.upstream.always = steps
        try:
            stream = place.browser.start()
            events = place.browser.get(f"/streams/{stream}/events{format}").body
            later = place.browser.get(f"/streams/{stream}/events{format}").body
        finally:
            place.upstream.always = chat_answer("Hi")
        row = place.store.message(stream)
        assert row is not None
        assert row.status == "failed"
        history = place.browser.get(f"/conversations/{row.conversation}").body
        entries = b"".join(entry.data for entry in place.relay.log.read(stream))
        told = f"{row.text} {row.facts}".encode()
        for where in (events, later, history, entries, told, caplog.text.encode()):
            for word in (SECRET, "slow down", "boom", "broken"):
                assert word.encode() not in where
        if steps and isinstance(steps, list):
            assert b"Hel" in events

    def test_a_fault_of_ours(
        self, place: Place, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Only the server's log shows what happened."""

        def history(*_: Any) -> Any:
            raise ZeroDivisionError("words of a database")

        monkeypatch.setattr(place.store, "history", history)
        answer = place.browser.get(f"/conversations/{ABSENT}")
        assert (answer.status, answer.json) == (
            500,
            {
                "error": {
                    "message": "The relay has failed; its log has the details.",
                    "code": "failed",
                }
            },
        )
        assert "words of a database" in caplog.text

    def test_markup_stays_text(self, place: Place) -> None:
        """A model's markup stays text, and browsers are told not to guess the type of a stream."""
        words = "<img src=x onerror=alert(1)> <b>bold</b> </script>\n\nevent: done\ndata: {}\n\n"
        place.upstream.always = [chat_chunk(words), chat_chunk(finish_reason="stop"), done()]
        try:
            stream = place.browser.start()
            events = place.browser.get(f"/streams/{stream}/events")
        finally:
            place.upstream.always = chat_answer("Hi")
        assert text_of(events.body) == words
        assert events.body.splitlines().count(b"event: done") == 1
        assert events.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert events.headers["x-content-type-options"] == "nosniff"


class TestThePage:
    """The responses for the page's files."""

    def test_headers(self, browser: Browser) -> None:
        """The page loads nothing from other sites, and other sites cannot frame it."""
        for path, kind in (("/", "text/html"), ("/page.mjs", "text/javascript")):
            answer = browser.get(path)
            assert answer.status == 200
            assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
            assert answer.headers["content-security-policy"] == (
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
                " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
            )
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["x-frame-options"] == "DENY"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["cache-control"] == "no-cache"

    def test_it_is_not_sent_twice(self, browser: Browser) -> None:
        """A browser that has the page in its cache gets 304."""
        first = browser.get("/")
        again = browser.get("/", if_none_match=first.headers["etag"])
        assert (again.status, again.body) == (304, b"")
        assert browser.get("/", if_none_match='"other"').body == first.body

    def test_head(self, browser: Browser) -> None:
        """HEAD returns the headers of the page without its body."""
        head, whole = browser.ask("HEAD", "/"), browser.get("/")
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-length"] == str(len(whole.body))
        assert head.headers["etag"] == whole.headers["etag"]


@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
class TestWithoutAuthorize:
    """A relay without `authorize` serves a single user, on this machine."""

    @pytest.mark.usefixtures("page")
    def test_this_machine_alone(self, kind: Kind) -> None:
        """It answers to local names only, and not through a proxy."""
        with placed(kind, None) as place:
            browser = place.browser.of(None)
            stream = browser.start()
            message = place.store.message(stream)
            assert message is not None
            assert message.user == "local"
            for path in ("/", "/models", "/nothing", f"/streams/{stream}/events"):
                for headers in (
                    {"host": "attacker.example"},
                    {"host": f"127.0.0.1.attacker.example:{browser.port}"},
                    {"x_forwarded_for": "127.0.0.1"},
                    {"forwarded": "for=127.0.0.1"},
                ):
                    answer = browser.get(path, **headers)
                    assert (answer.status, answer.json["error"]) == (
                        403,
                        {
                            "message": (
                                "Without `authorize` this relay serves only requests from its own"
                                " machine to localhost, 127.0.0.1 or [::1] that do not come"
                                " through a proxy."
                            ),
                            "code": "not_local",
                        },
                    )
            assert browser.get("/models", host="localhost").status == 200

    def test_without_a_page(self, kind: Kind) -> None:
        """With `page=False` there is no page."""
        with placed(kind, None, page=False) as place:
            assert place.browser.get("/").status == 404
            assert place.browser.get("/models").status == 200


@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
class TestAuthorize:
    """The function that identifies the user."""

    @pytest.mark.parametrize("found", [None, ""])
    def test_no_user(self, kind: Kind, found: str | None) -> None:
        """None and an empty id mean that no user is signed in."""
        with placed(kind, lambda _: found) as place:
            assert place.browser.get("/models").status == 401

    @pytest.mark.parametrize("fault", ["raises", "returns"])
    def test_its_faults(
        self, kind: Kind, fault: Literal["raises", "returns"], caplog: pytest.LogCaptureFixture
    ) -> None:
        """If it fails, the request is refused, and the browser does not learn why."""

        def authorize(_: Mapping[str, str]) -> Any:
            if fault == "raises":
                raise ZeroDivisionError("words of a session")
            return 7

        with placed(kind, authorize) as place:
            answer = place.browser.get("/models")
        assert (answer.status, answer.code) == (500, "failed")
        assert b"words" not in answer.body
        expected = "words of a session" if fault == "raises" else "must return a string or None"
        assert expected in caplog.text

    def test_it_gets_the_headers(self, kind: Kind) -> None:
        """Their names are in lower case, and the content type and length are among them."""
        seen: list[Mapping[str, str]] = []

        def authorize(headers: Mapping[str, str]) -> str:
            seen.append(headers)
            return "alice"

        with placed(kind, authorize) as place:
            place.browser.post("/streams", b"{}", Cookie="session=1", X_Custom="a")
        (headers,) = seen
        assert {
            name: headers.get(name)
            for name in ("cookie", "x-custom", "content-type", "content-length")
        } == {
            "cookie": "session=1",
            "x-custom": "a",
            "content-type": "application/json",
            "content-length": "2",
        }


def test_a_coroutine_function_can_authorize() -> None:
    """ASGI awaits it."""

    async def authorize(headers: Mapping[str, str]) -> str | None:
        return headers.get("x-user")

    with placed("asgi", authorize) as place:
        assert place.browser.get("/models").status == 200
        assert place.browser.of(None).get("/models").status == 401


def test_a_coroutine_function_cannot_authorize_where_nothing_awaits_it(
    place: Place,
) -> None:
    """WSGI refuses it when the application is made."""

    async def authorize(_: Mapping[str, str]) -> str | None:
        return "alice"  # pragma: no cover - it is never called

    with pytest.raises(TypeError, match="use asgi"):
        wsgi(place.relay, authorize)  # type: ignore[arg-type]  # which is what is tested


def test_errors_are_json(place: Place) -> None:
    """They have one sentence and a code, and must not be cached."""
    answer = place.browser.get("/nothing")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert (
        answer.body
        == json.dumps(
            {
                "error": {
                    "message": "There is no such stream, conversation or page for you.",
                    "code": "not_found",
                }
            },
            separators=(",", ":"),
        ).encode()
    )
