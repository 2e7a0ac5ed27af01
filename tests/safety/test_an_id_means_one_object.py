"""No id changes which object is meant, wherever it comes from."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from openai_scan import AzureClient, Client, RetryPolicy
from openai_scan.client import Methods
from openai_scan.client.base import path_to
from openai_scan.testing import FakeServer, cut, event, json_answer
from openai_scan.transport.ids import is_id

REFUSED = [
    "",
    ".",
    "..",
    "/",
    "../a",
    "a/..",
    "a/../b",
    "a/b",
    "..\\a",
    "%2e%2e",
    "..%2f",
    "a%00",
    "a?b=c",
    "a#b",
    "..;",
    "..;a=b",
    " ",
    ".. ",
    " ..",
    "a\tb",
    "a\r\nb",
    "..\x00",
    "\x7f",
    "\ud83d",
]

ALLOWED = [
    "a",
    "thread_1",
    "...",
    ".a",
    "a..b",
    "resp-1.2",
    "a:b",
    "a@b",
    "ft:gpt:x",
    "ü",
    "~",
    "my gpt",
]

Method = Callable[..., Any]


def methods_with_ids() -> list[tuple[str, list[str]]]:
    """Return the name of each method of the client that takes ids, and their names."""
    found = []
    for name, method in inspect.getmembers(Methods, inspect.isfunction):
        ids = [
            parameter.name
            for parameter in inspect.signature(method).parameters.values()
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.name.endswith("_id")
        ]
        if ids and not name.startswith("_"):
            found.append((name, ids))
    return found


METHODS = methods_with_ids()


def arguments_of(name: str, ids: list[str]) -> dict[str, Any]:
    """Return arguments that a method takes, so that nothing but an id can be wrong."""
    method: Any = getattr(Methods, name)
    given: dict[str, Any] = dict.fromkeys(ids, "a")
    others = {"tool_outputs", "events"} & inspect.signature(method).parameters.keys()
    given |= {other: [] for other in others}
    # What a method returns is imported only for type checkers.
    taken = {one: kind for one, kind in method.__annotations__.items() if one != "return"}
    hints = typing.get_type_hints(
        SimpleNamespace(__annotations__=taken), method.__globals__, include_extras=True
    )
    for hint in hints.values():
        for kind in typing.get_args(hint):
            given |= dict.fromkeys(getattr(kind, "__required_keys__", ()), "a")
    return given


def test_all_methods_with_ids_are_found() -> None:
    """They are found by their parameters, so that a new method is tested too."""
    assert len(METHODS) >= 25
    assert ("delete_message", ["thread_id", "message_id"]) in METHODS


@pytest.mark.parametrize(("name", "ids"), METHODS, ids=[name for name, _ in METHODS])
def test_a_method_refuses_an_id_that_leads_elsewhere(name: str, ids: list[str]) -> None:
    """In each parameter that takes an id, and before anything is sent."""
    with FakeServer() as server, Client("k", server.base_url) as client:
        for place in ids:
            for id in REFUSED:
                given = {**arguments_of(name, ids), place: id}
                with pytest.raises(ValueError, match=rf"^{place} must "):
                    getattr(client, name)(**given)
    assert server.requests == []


@pytest.mark.parametrize("id", ALLOWED)
def test_any_other_id_is_one_segment(id: str) -> None:
    """The path has as many segments as ever, whatever the server's ids look like."""
    assert is_id(id)
    path = path_to("/threads/{thread_id}/messages/{message_id}", thread_id=id, message_id=id)
    assert re.fullmatch(r"/threads/[^/?#;]+/messages/[^/?#;]+", path)


def test_what_is_not_text_is_not_an_id() -> None:
    """A server may send anything."""
    assert not is_id(None)
    assert not is_id(3)


@pytest.mark.parametrize("model", REFUSED)
def test_a_deployment_on_azure_is_one_segment(model: str) -> None:
    """There, the name of the model is a part of the path."""
    with FakeServer() as server:
        azure = AzureClient(server.url, api_version="1", api_key="k")
        with azure as client, pytest.raises(ValueError, match=r"^model must "):
            client.create_chat_completion_stream(model=model, messages=[])
    assert server.requests == []


@pytest.mark.unmeasured
@pytest.mark.parametrize("id", [id for id in REFUSED if id and id.isascii()])
def test_an_answer_is_not_resumed_at_another_path(id: str) -> None:
    """The id comes from the server, which could have the key sent to any path."""
    response = {"id": id, "status": "in_progress", "background": True, "output": []}
    created = event("response.created", {"type": "response.created", "sequence_number": 0,
                                         "response": response})  # fmt: skip
    retries = RetryPolicy(wait_initial=0, wait_max=0)
    server = FakeServer(strict=False)  # most of the answers are never requested
    with server, Client("k", server.base_url, retries=retries) as client:
        server.add([created, cut()], [cut()], [cut()])
        with client.create_response_stream(model="m", input="Hi", background=True) as s:
            while s.next():
                pass
            assert s.err() is not None
    assert {request.method for request in server.requests} == {"POST"}


def test_an_answer_is_resumed_by_its_id() -> None:
    """A valid id becomes a part of the path."""
    response = {"id": "resp_1", "status": "in_progress", "background": True, "output": []}
    created = event("response.created", {"type": "response.created", "sequence_number": 0,
                                         "response": response})  # fmt: skip
    retries = RetryPolicy(wait_initial=0, wait_max=0, attempts=2)
    with FakeServer() as server, Client("k", server.base_url, retries=retries) as client:
        server.add([created, cut()], json_answer({"error": {"message": "no"}}, status=400))
        with client.create_response_stream(model="m", input="Hi", background=True) as s:
            while s.next():
                pass
            assert s.err() is not None
    assert server.requests[1].target == "/v1/responses/resp_1?stream=true&starting_after=0"
