"""The client: what each method sends, and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from server import CHUNKED, END, ScriptedServer, ch, json_answer

from openai_scan import (
    AzureClient,
    Client,
    ConfigurationError,
    DecodeError,
    EventTooLargeError,
    Page,
    Timeout,
)
from openai_scan.events.assistants import (
    Assistant,
    Deleted,
    FunctionDefinition,
    FunctionTool,
    Message,
    Run,
    RunStep,
    Thread,
)
from openai_scan.testing import Cassette

Call = Callable[[Client], Any]

STREAM = [CHUNKED + ch(b"event: done\ndata: [DONE]\n\n") + END]


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the environment says about servers and keys."""
    for name in (
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_ORG_ID",
        "OPENAI_PROJECT_ID",
        "OPENAI_API_VERSION",
        "AZURE_OPENAI_API_KEY",
        "AZURE_OPENAI_ENDPOINT",
    ):
        monkeypatch.delenv(name, raising=False)


pytestmark = pytest.mark.usefixtures("clean_environment", "wire")


THREAD_RUN = "/v1/threads/t1/runs/r1"

CALLS: list[tuple[str, Call, dict[str, Any], type]] = [
    ("POST /v1/assistants", lambda c: c.create_assistant(model="m"), {"id": "a"}, Assistant),
    ("GET /v1/assistants/a1", lambda c: c.retrieve_assistant("a1"), {"id": "a"}, Assistant),
    ("POST /v1/assistants/a1", lambda c: c.modify_assistant("a1"), {"id": "a"}, Assistant),
    (
        "DELETE /v1/assistants/a1",
        lambda c: c.delete_assistant("a1"),
        {"id": "a", "deleted": True},
        Deleted,
    ),
    ("GET /v1/assistants", lambda c: c.list_assistants(), {"data": [{"id": "a"}]}, Page),
    ("POST /v1/threads", lambda c: c.create_thread(), {"id": "t"}, Thread),
    ("GET /v1/threads/t1", lambda c: c.retrieve_thread("t1"), {"id": "t"}, Thread),
    ("POST /v1/threads/t1", lambda c: c.modify_thread("t1"), {"id": "t"}, Thread),
    (
        "DELETE /v1/threads/t1",
        lambda c: c.delete_thread("t1"),
        {"id": "t", "deleted": True},
        Deleted,
    ),
    (
        "POST /v1/threads/t1/messages",
        lambda c: c.create_message("t1", role="user", content="Hi"),
        {"id": "m"},
        Message,
    ),
    (
        "GET /v1/threads/t1/messages/m1",
        lambda c: c.retrieve_message("t1", "m1"),
        {"id": "m"},
        Message,
    ),
    (
        "POST /v1/threads/t1/messages/m1",
        lambda c: c.modify_message("t1", "m1"),
        {"id": "m"},
        Message,
    ),
    (
        "DELETE /v1/threads/t1/messages/m1",
        lambda c: c.delete_message("t1", "m1"),
        {"id": "m", "deleted": True},
        Deleted,
    ),
    ("GET /v1/threads/t1/messages", lambda c: c.list_messages("t1"), {"data": []}, Page),
    ("POST /v1/threads/t1/runs", lambda c: c.create_run("t1", assistant_id="a"), {"id": "r"}, Run),
    (
        "POST /v1/threads/runs",
        lambda c: c.create_thread_and_run(assistant_id="a"),
        {"id": "r"},
        Run,
    ),
    (f"GET {THREAD_RUN}", lambda c: c.retrieve_run("t1", "r1"), {"id": "r"}, Run),
    (f"POST {THREAD_RUN}", lambda c: c.modify_run("t1", "r1"), {"id": "r"}, Run),
    (f"POST {THREAD_RUN}/cancel", lambda c: c.cancel_run("t1", "r1"), {"id": "r"}, Run),
    (
        f"POST {THREAD_RUN}/submit_tool_outputs",
        lambda c: c.submit_tool_outputs("t1", "r1", []),
        {"id": "r"},
        Run,
    ),
    ("GET /v1/threads/t1/runs", lambda c: c.list_runs("t1"), {"data": []}, Page),
    (
        f"GET {THREAD_RUN}/steps/s1",
        lambda c: c.retrieve_run_step("t1", "r1", "s1"),
        {"id": "s"},
        RunStep,
    ),
    (f"GET {THREAD_RUN}/steps", lambda c: c.list_run_steps("t1", "r1"), {"data": []}, Page),
]


@pytest.mark.unmeasured
@pytest.mark.parametrize(("line", "call", "reply", "cls"), CALLS, ids=[line for line, *_ in CALLS])
def test_a_call_has_its_path_and_its_type(
    server: ScriptedServer, line: str, call: Call, reply: dict[str, Any], cls: type
) -> None:
    """Each method sends one request, in the API's version 2, and returns a typed object."""
    server.scripts.append([json_answer(reply)])
    with Client("k", server.base_url) as client:
        assert isinstance(call(client), cls)
    assert server.requests[0].line == f"{line} HTTP/1.1"
    assert server.requests[0].headers["openai-beta"] == "assistants=v2"
    assert server.requests[0].headers["authorization"] == "Bearer k"


@pytest.mark.parametrize(
    ("path", "call", "body"),
    [
        (
            "/v1/threads/runs",
            lambda c: c.create_thread_and_run_stream(
                assistant_id="a", thread={"messages": [{"role": "user", "content": "Hi"}]}
            ),
            {
                "assistant_id": "a",
                "thread": {"messages": [{"role": "user", "content": "Hi"}]},
                "stream": True,
            },
        ),
        (
            "/v1/threads/t1/runs",
            lambda c: c.create_run_stream("t1", assistant_id="a", temperature=0, model=None),
            {"assistant_id": "a", "temperature": 0, "stream": True},
        ),
        (
            "/v1/threads/t1/runs/r1/submit_tool_outputs",
            lambda c: c.submit_tool_outputs_stream(
                "t1", "r1", [{"tool_call_id": "c", "output": "o"}]
            ),
            {"tool_outputs": [{"tool_call_id": "c", "output": "o"}], "stream": True},
        ),
    ],
)
def test_a_stream_has_its_path_and_its_body(
    server: ScriptedServer, path: str, call: Call, body: dict[str, Any]
) -> None:
    """Arguments that are None are left out, and zeros are sent."""
    server.scripts.append(STREAM)
    with Client("k", server.base_url) as client, call(client) as s:
        assert not server.requests  # it is sent by the first next()
        assert [event.type for event in s] == ["done"]
    assert server.requests[0].line == f"POST {path} HTTP/1.1"
    assert server.requests[0].json() == body
    assert server.requests[0].headers["accept"] == "text/event-stream, application/json"


def test_extras_are_added(server: ScriptedServer) -> None:
    """Body, headers and query take what the method has no argument for, and have the last word."""
    server.scripts.append([json_answer({"id": "a"})])
    with Client("k", server.base_url, query={"q": "1"}, headers={"X-A": "1"}) as client:
        client.create_assistant(
            model="m",
            name="n",
            extra_body={"name": None, "new": [1]},
            extra_headers={"OpenAI-Beta": "assistants=v3"},
            extra_query={"r": "2"},
        )
    request = server.requests[0]
    assert request.line == "POST /v1/assistants?q=1&r=2 HTTP/1.1"
    assert request.json() == {"model": "m", "name": None, "new": [1]}
    assert request.headers["openai-beta"] == "assistants=v3"
    assert request.headers["x-a"] == "1"


def test_a_list_sends_its_arguments_in_the_query(server: ScriptedServer) -> None:
    """A page says where the next one begins, and iterates over its items."""
    reply = {"data": [{"id": "m1"}, {"id": "m2"}], "last_id": "m2", "has_more": True}
    server.scripts.append([json_answer(reply)])
    with Client("k", server.base_url) as client:
        page = client.list_messages("t", limit=2, run_id="r")
    assert server.requests[0].line == "GET /v1/threads/t/messages?limit=2&run_id=r HTTP/1.1"
    assert [message.id for message in page] == ["m1", "m2"]
    assert (len(page), page.last_id, page.has_more) == (2, "m2", True)


def test_an_object_of_the_server_can_be_sent_back(server: ScriptedServer) -> None:
    """A tool object is sent as its JSON, without the fields that are None."""
    server.scripts.append([json_answer({"id": "a"})])
    tool = FunctionTool(function=FunctionDefinition(name="f", parameters={"type": "object"}))
    with Client("k", server.base_url) as client:
        client.create_assistant(model="m", tools=[tool])
    assert server.requests[0].json()["tools"] == [
        {"function": {"name": "f", "parameters": {"type": "object"}}, "type": "function"}
    ]


def test_an_id_is_quoted(server: ScriptedServer) -> None:
    """An id may have any characters, unless it leads to another path: see tests/safety."""
    server.scripts.append([json_answer({"id": "a"})])
    with Client("k", server.base_url) as client:
        client.retrieve_assistant("a:b@ü")
        with pytest.raises(ValueError, match="assistant_id must not be empty"):
            client.retrieve_assistant("")
    assert server.requests[0].line == "GET /v1/assistants/a%3Ab%40%C3%BC HTTP/1.1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"asistant_id": "a"}, "there is no argument 'asistant_id': did you mean 'assistant_id'?"),
        ({"zzz": 1}, "there is no argument 'zzz': pass others in extra_body"),
        (
            {"require_terminal": False},
            (
                "there is no argument 'require_terminal' here: pass it to the client, as in"
                " Client(require_terminal=...)"
            ),
        ),
        ({}, "missing arguments: assistant_id"),
        ({"assistant_id": None}, "missing arguments: assistant_id"),
    ],
)
def test_a_wrong_argument_is_a_type_error(arguments: dict[str, Any], message: str) -> None:
    """The method raises it at once, even if you run no type checker."""
    with pytest.raises(TypeError) as caught:
        Client("k", "http://localhost/v1").create_thread_and_run_stream(**arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        ({"messages": []}, "input"),
        ({"response_format": {}}, "text"),
        ({"text_format": int}, "text"),
        ({"max_tokens": 1}, "max_output_tokens"),
    ],
)
def test_an_argument_of_another_api_is_recognized(
    arguments: dict[str, Any], suggestion: str
) -> None:
    """The error suggests the right name for arguments of Chat Completions and openai-python.

    Their spelling is too different to guess it.
    """
    with Client("k", "http://localhost/v1") as client, pytest.raises(TypeError) as caught:
        client.create_response_stream(model="m", **arguments)
    assert str(caught.value).endswith(f": did you mean {suggestion!r}?")


@pytest.mark.parametrize("timeout", ["5", (5, 5)])
def test_a_timeout_that_is_no_number_is_a_type_error(timeout: Any) -> None:
    """One from the environment is a string."""
    with pytest.raises(TypeError, match=r"^timeout must be an openai_scan\.Timeout, .* not .*5"):
        Client("k", "http://localhost/v1", timeout=timeout)
    with pytest.raises(TypeError, match=r"^idle must be a positive number of seconds or None, not"):
        Timeout(idle=timeout)


def test_an_authorization_of_your_own_replaces_the_key(server: ScriptedServer) -> None:
    """Otherwise a key from the environment would go to a gateway that expects something else."""
    models = json_answer({"data": []})
    server.scripts.extend([[models]] * 3)
    headers = {"authorization": "Basic YTpi"}
    with Client("k", server.base_url, headers=headers) as client:
        client.list_models()
        client.list_models(extra_headers={"Authorization": "Bearer other"})
    with Client("k", server.base_url) as client:
        client.list_models(extra_headers=headers)
    assert [request.headers["authorization"] for request in server.requests] == [
        "Basic YTpi",
        "Bearer other",
        "Basic YTpi",
    ]


def test_an_answer_that_does_not_fit_is_a_decode_error(server: ScriptedServer) -> None:
    """The message names the request and the place."""
    server.scripts.append([json_answer({"name": 1})])
    with Client("k", server.base_url) as client, pytest.raises(DecodeError) as caught:
        client.retrieve_assistant("a1")
    assert str(caught.value) == "the answer to GET /assistants/a1: required field missing @ $.id"


def test_the_environment_is_the_default(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Key, URL, organization and project come from it; a slash at the end does no harm."""
    monkeypatch.setenv("OPENAI_API_KEY", "k2")
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url + "/")
    monkeypatch.setenv("OPENAI_ORG_ID", "org")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj")
    server.scripts.append([json_answer({"id": "t"})])
    with Client() as client:
        client.create_thread()
    request = server.requests[0]
    assert request.line == "POST /v1/threads HTTP/1.1"
    assert request.headers["authorization"] == "Bearer k2"
    assert request.headers["openai-organization"] == "org"
    assert request.headers["openai-project"] == "proj"


@pytest.mark.parametrize(
    ("key", "url", "message"),
    [
        (
            None,
            None,
            (
                "no API key: set OPENAI_API_KEY or pass api_key"
                " (api_key='' if the server needs none)"
            ),
        ),
        (
            "sk-1\n",
            None,
            (
                "the API key begins or ends with a space or line break: strip it;"
                " check OPENAI_API_KEY"
            ),
        ),
        (
            "Bearer sk-1",
            None,
            "the API key contains characters that no API key has: check OPENAI_API_KEY",
        ),
        (
            "k",
            "localhost",
            "the base URL must look like https://api.openai.com/v1, not like 'localhost'",
        ),
        (
            "k",
            "ftp://a/v1",
            "the base URL must look like https://api.openai.com/v1, not like 'ftp://a/v1'",
        ),
        (
            "k",
            "http://a/v1?key=s",
            (
                "the base URL must not contain '?' or '#': remove it and what follows, and pass"
                " parameters as query"
            ),
        ),
        *(
            (
                "k",
                f"http://a/v1{path}{slash}",
                (
                    f"the base URL must not end with {path}: remove that, because the client"
                    " appends the path of each request"
                ),
            )
            for path in (
                "/chat/completions",
                "/completions",
                "/responses",
                "/audio/speech",
                "/images/edits",
                "/threads/runs",
            )
            for slash in ("", "/")
        ),
        (
            "k",
            "http://[a/v1",
            "the base URL must look like https://api.openai.com/v1, not like 'http://[a/v1'",
        ),
        (
            "k",
            "http://a:0/v1",
            "the base URL must look like https://api.openai.com/v1, not like 'http://a:0/v1'",
        ),
        (
            "k",
            "http://me:s3/cret@a/v1",
            "the base URL must look like https://api.openai.com/v1, not like the one with an @",
        ),
        (
            "k",
            "http://me:s3cret@a/v1",
            (
                "the base URL must not contain a user name or password: pass the key as api_key,"
                " or another Authorization in headers"
            ),
        ),
    ],
)
def test_wrong_settings_are_reported_at_once(
    key: str | None, url: str | None, message: str
) -> None:
    """One sentence says what to set; it is a ValueError too, and never shows the key."""
    with pytest.raises(ConfigurationError) as caught:
        Client(key, url)
    assert str(caught.value) == message
    assert isinstance(caught.value, ValueError)


BEHIND = {
    "a query": "?",
    "a query with a key": "?api-key=s3cret",
    "a fragment": "#",
    "a fragment with words": "#s3cret",
    "a slash, and a query": "/?a=b",
    "a line end": "\n",
    "a line end of Windows": "\r\n",
    "a blank": " ",
    "a tab": "\t",
    "a blank that does not break": "\xa0",
    "a separator of lines": "\u2028",
    "no width": "\u200b",
    "a byte order mark": "\ufeff",
    "a control character": "\x7f",
    "a comment": " # the test server",
    "a line end within": "\n/x",
    "a blank within": "/a b",
    "a backslash": "\\",
    "a template": "/{name}",
    "a quotation mark": '"',
    "a folder up": "/..",
    "a folder up, encoded": "/%2e%2E/x",
    "this folder": "/./",
}


@pytest.mark.unmeasured
@pytest.mark.parametrize("behind", BEHIND.values(), ids=list(BEHIND))
@pytest.mark.parametrize(
    "make",
    [
        lambda url, _: Client("k", url),
        lambda url, env: (env.setenv("OPENAI_BASE_URL", url), Client("k")),
        lambda url, _: AzureClient(url, api_version="v", api_key="k"),
        lambda url, env: (
            env.setenv("AZURE_OPENAI_ENDPOINT", url),
            AzureClient(api_version="v", api_key="k"),
        ),
        lambda url, _: Cassette("chat.json", api_key="k", base_url=url),
    ],
    ids=["argument", "environment", "Azure", "Azure's environment", "cassette"],
)
def test_nothing_may_follow_a_base_url(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make: Callable[..., object], behind: str
) -> None:
    """A query or the like is refused: key and prompt would go to another path or another server."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        make("http://localhost/v1" + behind, monkeypatch)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("before", [" ", "\n", "\ufeff", "<"])
def test_nothing_may_stand_before_it(before: str) -> None:
    """A blank or another character before the URL is refused: people copy blanks with the value."""
    with pytest.raises(ConfigurationError):
        Client("k", before + "http://localhost/v1")


@pytest.mark.parametrize(
    "url", ["HTTP://localhost/v1", "http://[::1]:8080/v1", "http://a/~b/v1.0;x=1,2/%20/$'()*+=:@!&"]
)
def test_any_other_url_is_taken_as_it_is(url: str) -> None:
    """An @ in its path is not a password."""
    assert repr(Client("k", url)) == f"Client(base_url={url!r})"


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"X-Token": "s3cret\r\n"}, "the header X-Token ends with a line break: strip it"),
        ({"X-Token": " s3cret"}, "the header X-Token begins with a space: strip it"),
        (
            {"X-Token": "s3\ncret"},
            "the header X-Token contains a line break or another control character",
        ),
        (
            {"X-Token": "s3\u20accret"},
            "the header X-Token contains a character that is not Latin-1",
        ),
        ({"Bearer s3cret": "X-Token"}, "the name of a header is malformed"),
    ],
    ids=["line end", "blank", "line end within", "not Latin-1", "name"],
)
@pytest.mark.parametrize(
    "make",
    [
        lambda headers: Client("k", headers=headers),
        lambda headers: AzureClient("http://a", api_version="v", api_key="k", headers=headers),
    ],
    ids=["client", "Azure"],
)
def test_a_header_that_cannot_be_sent_is_reported_at_once(
    make: Callable[[dict[str, str]], object], headers: dict[str, str], message: str
) -> None:
    """The message has the header's name and what is wrong, and never its value."""
    with pytest.raises(ConfigurationError) as caught:
        make(headers)
    assert str(caught.value) == message


def test_a_header_is_text() -> None:
    """A header of bytes is a TypeError, which does not show the value."""
    with pytest.raises(TypeError, match="names and values of headers must be strings"):
        Client("k", headers={"X-Token": b"s3cret"})  # type: ignore[dict-item] # that is the point


@pytest.mark.parametrize(
    ("variable", "name"),
    [("OPENAI_ORG_ID", "OpenAI-Organization"), ("OPENAI_PROJECT_ID", "OpenAI-Project")],
)
def test_who_pays_may_come_from_a_file_with_a_line_end(
    monkeypatch: pytest.MonkeyPatch, variable: str, name: str
) -> None:
    """The header is named, and its value is not shown."""
    monkeypatch.setenv(variable, "s3cret\n")
    with pytest.raises(ConfigurationError) as caught:
        Client("k")
    assert str(caught.value) == f"the header {name} ends with a line break: strip it"


def test_the_stream_options_of_the_client_hold_for_its_streams(server: ScriptedServer) -> None:
    """You set the limit for a server once, at the client."""
    server.scripts.append([CHUNKED + ch(b"data: 12345\n\n") + END])
    with Client("k", server.base_url, max_event_bytes=4) as client:
        s = client.create_run_stream("t", assistant_id="a")
        assert not s.next()
        assert isinstance(s.err(), EventTooLargeError)
        s.close()


def test_client_notes_unknown_keys_in_its_streams(server: ScriptedServer) -> None:
    """`note_unknown` is an option of the client, like the other options of streams."""
    thread = b'event: thread.created\ndata: {"id": "t", "mood": "good"}\n\n'
    server.scripts.append([CHUNKED + ch(thread + b"data: [DONE]\n\n") + END])
    with Client("k", server.base_url, note_unknown=True) as client:
        s = client.create_run_stream("t", assistant_id="a")
        assert [event.type for event in s] == ["thread.created", "done"]
        assert dict(s.notes) == {"unknown_field: Thread $.mood": 1}


def test_a_repr_shows_where_but_not_who() -> None:
    """It shows the base URL, and not the key."""
    assert repr(Client("sk-1", "http://a/v1")) == "Client(base_url='http://a/v1')"


def test_a_client_can_be_closed_unused() -> None:
    """There is nothing to close then."""
    Client("k").close()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, Timeout()),
        (5, Timeout(first_byte=5, idle=5, event_idle=5)),
        (Timeout(total=9), Timeout(total=9)),
    ],
)
def test_a_timeout_is_an_object_or_seconds(
    server: ScriptedServer, given: Timeout | float | None, expected: Timeout
) -> None:
    """Seconds alone are for each next byte and event; a call's own come before the client's."""
    assert Client("k", server.base_url, timeout=given)._timeout == expected  # or wait for it


def test_a_call_can_have_its_own_timeout(server: ScriptedServer) -> None:
    """It replaces the client's."""
    server.scripts.append([json_answer({"id": "t"})])
    with Client("k", server.base_url, timeout=1e-9) as client:
        assert client.create_thread(timeout=10).id == "t"


class TestAzure:
    """Azure has its own endpoint, version and header."""

    def test_the_key_travels_in_its_own_header(self, server: ScriptedServer) -> None:
        """The version is in the query of every URL."""
        server.scripts.append(STREAM)
        endpoint = server.base_url.removesuffix("/v1")
        with AzureClient(endpoint, api_version="2024-05-01-preview", api_key="k") as client:
            with client.create_run_stream("t", assistant_id="a") as s:
                assert s.next()
        request = server.requests[0]
        assert request.line == "POST /openai/threads/t/runs?api-version=2024-05-01-preview HTTP/1.1"
        assert request.headers["api-key"] == "k"
        assert "authorization" not in request.headers

    def test_without_a_key_there_is_no_header_for_it(self, server: ScriptedServer) -> None:
        """Some gateways take a token of their own, and refuse an empty key beside it."""
        server.scripts.append([json_answer({"id": "t"})])
        endpoint = server.base_url.removesuffix("/v1")
        own = {"Authorization": "Bearer t"}
        with AzureClient(endpoint, api_version="v", api_key="", headers=own) as client:
            client.create_thread()
        headers = server.requests[0].headers
        assert headers["authorization"] == "Bearer t"
        assert "api-key" not in headers

    def test_a_token_travels_as_a_bearer(
        self, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Endpoint and version come from the environment."""
        monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", server.base_url.replace("/v1", "/openai/"))
        monkeypatch.setenv("OPENAI_API_VERSION", "v")
        server.scripts.append([json_answer({"id": "t"})])
        with AzureClient(ad_token="token", headers={"X-A": "1"}) as client:
            client.create_thread()
        request = server.requests[0]
        assert request.line == "POST /openai/threads?api-version=v HTTP/1.1"
        assert request.headers["authorization"] == "Bearer token"
        assert request.headers["x-a"] == "1"

    @pytest.mark.parametrize(
        ("path", "message"),
        [
            (
                "/openai/v1",
                "an endpoint that ends in /openai/v1 has OpenAI's paths: pass it to Client",
            ),
            (
                "/OpenAI/V1/",
                "an endpoint that ends in /openai/v1 has OpenAI's paths: pass it to Client",
            ),
            (
                "/openai/v1/responses",
                "an endpoint that ends in /openai/v1 has OpenAI's paths: pass it to Client",
            ),
            ("/openai/deployments/gpt/chat/completions", "the endpoint contains a deployment: "),
            ("/openai/deployments", "the endpoint contains a deployment: "),
        ],
    )
    def test_an_address_of_another_kind_is_reported_at_once(self, path: str, message: str) -> None:
        """An endpoint with OpenAI's paths, or with those of one deployment, would not work."""
        with pytest.raises(ConfigurationError) as caught:
            AzureClient("https://a.example" + path, api_version="v", api_key="k")
        assert str(caught.value).startswith(message)

    @pytest.mark.parametrize("path", ["", "/", "/openai", "/openai/"])
    def test_an_endpoint_may_have_its_folder(self, path: str) -> None:
        """The endpoint may end in `/openai`, since some programs require it."""
        client = AzureClient("https://a.example/team" + path, api_version="v", api_key="k")
        assert repr(client) == "AzureClient(base_url='https://a.example/team/openai')"

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({}, "no endpoint: set AZURE_OPENAI_ENDPOINT or pass endpoint"),
            (
                {"endpoint": "https://a.example"},
                "no API version: set OPENAI_API_VERSION or pass api_version",
            ),
            (
                {"endpoint": "https://a.example", "api_version": "v"},
                (
                    "no API key: set AZURE_OPENAI_API_KEY or pass api_key"
                    " (api_key='' if the server needs none)"
                ),
            ),
        ],
    )
    def test_missing_settings_are_reported_at_once(
        self, arguments: dict[str, str], message: str
    ) -> None:
        """One sentence says what to set."""
        with pytest.raises(ConfigurationError) as caught:
            AzureClient(**arguments)  # type: ignore[arg-type] # of several kinds
        assert str(caught.value) == message
