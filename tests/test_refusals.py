"""Unexpected answers become errors, by their status, headers and text."""

from __future__ import annotations

import pytest

from openai_scan import (
    APIError,
    AuthenticationError,
    NotAnEventStreamError,
    NotFoundError,
    RedirectError,
)
from openai_scan.transport.refusals import is_refusal, mismatch, refusal, request_id

EVENTS = "text/event-stream"


def test_all_that_the_server_says_is_in_the_error() -> None:
    """The error has the message, the facts from the headers and the body, and the body."""
    error = refusal(
        404,
        "Not Found",
        {"request-id": "r1", "retry-after": "7", "x-should-retry": "true"},
        '{"error": {"message": "no", "type": "t", "code": "c", "param": "p"}}',
    )
    assert type(error) is NotFoundError
    assert (error.message, error.status, error.request_id) == ("no", 404, "r1")
    assert (error.type, error.code, error.param) == ("t", "c", "p")
    assert (error.retry_after, error.retryable) == (7, True)
    assert error.body == {"error": {"message": "no", "type": "t", "code": "c", "param": "p"}}


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({}, None),
        ({"request-id": "a"}, "a"),
        ({"apim-request-id": "a", "request-id": "b"}, "a"),
        ({"x-request-id": "a", "apim-request-id": "b", "request-id": "c"}, "a"),
    ],
)
def test_the_request_has_the_name_that_support_asks_for(
    headers: dict[str, str], name: str | None
) -> None:
    """If there are several ids, the one that most servers send counts."""
    assert request_id(headers) == name


@pytest.mark.parametrize(
    ("status", "reason", "headers", "text", "message"),
    [
        (500, "No Idea", {}, "", "the server answered with HTTP status 500 No Idea"),
        (529, "", {}, "", "the server answered with HTTP status 529"),
        (500, "No", {}, "{}", "the server answered with HTTP status 500 No"),
        (500, "No", {}, '{"error": {}}', "the server answered with HTTP status 500 No"),
        (500, "No", {}, '""', "the server answered with HTTP status 500 No"),
        (500, "No", {}, '{"detail": "a"}', "a"),
        (500, "No", {}, '"<p>a</p> b"', "a b"),
        (500, "No", {}, "<p>a</p>\n b", "a b"),
        (500, "No", {}, ": comment\n\ndata: {}\n\n", "the server answered with HTTP status 500 No"),
        (500, "No", {}, 'data: {"message": "a"}', "a"),
        (500, "No", {}, 'data: {"message": "a"}\n\ndata: {"message": "b"}\n\n', "a"),
        (500, "No", {}, 'data: a\n\ndata: {"message": "b"}\n\n', 'data: a data: {"message": "b"}'),
        (500, "No", {}, "data: <p>a", "data: a"),
        (
            307,
            "Moved",
            {"Location": "https://b/v1?key=s3cret"},
            '{"message": "a"}',
            "the server redirects to https://b/v1: set base_url to that",
        ),
        (
            301,
            "Moved",
            {},
            "",
            "the server redirects to an unknown address: set base_url to that",
        ),
        (
            308,
            "Moved",
            {"Location": "/a?b?c"},
            "",
            "the server redirects to /a: set base_url to that",
        ),
    ],
)
def test_the_message_is_the_server_s(
    status: int, reason: str, headers: dict[str, str], text: str, message: str
) -> None:
    """The message is the server's own, if there is one in any known form."""
    error = refusal(status, reason, headers, text)
    assert error.message == message
    assert isinstance(error, RedirectError) == (status < 400)
    assert refusal(status, reason, headers, text, hint="h").message == f"{message}: h"


@pytest.mark.parametrize(
    ("headers", "text", "message"),
    [
        ({}, "", "the server sent a response without Content-Type instead of E: (nothing)"),
        (
            {"Content-Type": "text/html"},
            "<p>log  in",
            "the server sent text/html instead of E: log in",
        ),
        ({"Content-Type": "a/b"}, '{"error": 0}', 'the server sent a/b instead of E: {"error": 0}'),
        ({"Content-Type": "a/b"}, '["error"]', 'the server sent a/b instead of E: ["error"]'),
    ],
)
def test_another_answer_is_quoted(headers: dict[str, str], text: str, message: str) -> None:
    """The message has the beginning of the answer, and `body` has all of it."""
    error = mismatch("E", headers, text)
    assert type(error) is NotAnEventStreamError
    assert (str(error), error.body) == (message, text)


def test_an_error_with_a_good_status_is_an_error() -> None:
    """Some servers send status 200 before an error occurs."""
    headers = {"x-request-id": "r1", "retry-after": "3", "x-should-retry": "true"}
    text = '{"error": {"message": "no", "code": "c"}}'
    error = mismatch(EVENTS, headers, text)
    assert type(error) is APIError
    assert (error.message, error.status, error.code) == ("no", None, "c")
    assert (error.request_id, error.retry_after, error.retryable) == ("r1", 3, True)
    assert error.body == {"error": {"message": "no", "code": "c"}}
    typed = mismatch(EVENTS, {}, '{"error": {"type": "authentication_error"}}')
    assert type(typed) is AuthenticationError
    silent = mismatch(EVENTS, {}, '{"error": {"code": "c"}}')
    assert isinstance(silent, APIError)
    assert silent.message == "the server reported an error and did not say which"


@pytest.mark.parametrize(
    "payload",
    [
        {"error": {"message": "no"}},
        {"error": "no"},
        {"error": {"message": "no"}, "request_id": "r"},
        {"object": "error", "message": "no", "type": "BadRequest"},
        {"object": "error", "message": "no", "id": "e"},
        {"object": None, "errors": [{"message": "no"}]},
        {"code": 404, "message": "no"},
        [{"error": {"message": "no"}}],
    ],
)
def test_an_error_under_a_good_status_is_a_refusal(payload: object) -> None:
    """JSON that only reports an error is a refusal."""
    assert is_refusal(payload)


@pytest.mark.parametrize(
    "payload",
    [
        {"object": "response", "status": "failed", "error": {"message": "no"}},
        {"id": "resp_1", "status": "failed", "error": {"message": "no"}},
        {"object": "list", "data": [], "error": None},
        {"id": "x", "deleted": True},
        {"message": "Done."},
        {"error": None},
        {},
        [],
        [{"id": "x"}],
        None,
        True,
        "error",
    ],
)
def test_anything_else_is_an_answer(payload: object) -> None:
    """An object that reports its own failure, such as a failed response, is an answer."""
    assert not is_refusal(payload)
