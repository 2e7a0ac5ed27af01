"""Errors inside a stream: whatever shape they come in, and which exception they become."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openai_scan import (
    APIError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    ErrorEvent,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RedirectError,
    UnprocessableEntityError,
)
from openai_scan.errors import error_class
from openai_scan.events import Error, decode
from openai_scan.events.base import api_error
from openai_scan.events.error import read_error
from openai_scan.sse import RawEvent

FULL = {"message": "slow down", "type": "requests", "param": "model", "code": "rate_limit"}
TYPED = Error(message="slow down", type="requests", param="model", code="rate_limit")

# What was sent, and what is found in it.
SHAPES: dict[str, tuple[Any, Error]] = {
    "nested (Responses)": (
        {"type": "error", "sequence_number": 2, "error": FULL},
        Error(
            message="slow down",
            type="requests",
            param="model",
            code="rate_limit",
            sequence_number=2,
        ),
    ),
    "flat (Responses)": (
        {
            "type": "error",
            "code": "rate_limit_exceeded",
            "message": "slow down",
            "param": None,
            "sequence_number": 3,
        },
        Error(message="slow down", code="rate_limit_exceeded", sequence_number=3),
    ),
    "flat (Assistants)": (FULL, TYPED),
    "nested, nothing else": ({"error": FULL}, TYPED),
    "flat (vLLM)": (
        {"object": "error", "message": "too long", "type": "BadRequestError", "code": 400},
        Error(message="too long", type="BadRequestError", code="400"),
    ),
    "number as code (llama.cpp)": (
        {"error": {"code": 400, "message": "too long", "type": "invalid_request_error"}},
        Error(message="too long", type="invalid_request_error", code="400"),
    ),
    "the word None (LiteLLM)": (
        {"error": {"message": "no", "type": "None", "param": "None", "code": "500"}},
        Error(message="no", code="500"),
    ),
    "nulls": ({"error": {"message": None, "type": None, "code": None}}, Error()),
    "empty texts": ({"message": "", "type": "", "code": ""}, Error()),
    "bare text in error": ({"error": "overloaded"}, Error(message="overloaded")),
    "list in error": ({"error": ["a", 1]}, Error(message="['a', 1]")),
    "error is null": ({"error": None, "message": "no"}, Error(message="no")),
    "detail (FastAPI)": ({"detail": "Not Found"}, Error(message="Not Found")),
    "list of faults (FastAPI)": (
        {
            "detail": [
                {"loc": ["body", "model"], "msg": "field required", "input": "the prompt"},
                {"msg": "too short"},
                "odd one out",
            ]
        },
        Error(message="field required; too short"),
    ),
    "list of faults without words": ({"detail": [{"msg": None}]}, Error(message="[{'msg': None}]")),
    "problem (RFC 9457)": (
        {"type": "about:blank", "title": "Bad Request", "detail": "no model", "status": 400},
        Error(message="no model", type="about:blank"),
    ),
    "problem without detail": ({"title": "Bad Request"}, Error(message="Bad Request")),
    "plain text": ("Internal Server Error", Error(message="Internal Server Error")),
    "empty object": ({}, Error()),
    "null": (None, Error()),
    "empty text": ("", Error()),
    "number": (503, Error(message="503")),
    "list": ([], Error(message="[]")),
    "empty list in detail": ({"detail": [], "title": "no"}, Error(message="no")),
    "sequence number as text": ({"message": "no", "sequence_number": "3"}, Error(message="no")),
    "sequence number as flag": ({"message": "no", "sequence_number": True}, Error(message="no")),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_error_is_read_out_of_any_shape(shape: str) -> None:
    """Every shape in which servers report errors is read into the same fields."""
    sent, found = SHAPES[shape]
    assert read_error(sent) == found


def test_endless_message_is_cut() -> None:
    """A message is cut after 2,000 characters, so that it does not flood the log."""
    assert read_error({"message": "x" * 5000}) == Error(message="x" * 2000)
    assert read_error("x" * 5000) == Error(message="x" * 2000)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["", "too hot", "None", "too long"], "too hot; too long"),
        (["", " "], "['', ' ']"),
        (["None"], "['None']"),
    ],
)
def test_blank_words_of_a_list_are_left_out(words: list[str], shown: str) -> None:
    """A list with nothing else is shown as it is."""
    assert read_error(words) == Error(message=shown)


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["error", "message", "detail", "title", "msg", "type", "code"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=10,
    )
)
def test_reading_an_error_never_fails(payload: Any) -> None:
    """Whatever a server puts into an error, reading it gives text or None, never an exception."""
    error = read_error(payload)
    for value in (error.message, error.type, error.code, error.param):
        assert value is None or value


# The event.


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("error", json.dumps(FULL)),
        ("error", json.dumps({"error": FULL})),
        ("message", json.dumps({"error": FULL})),
        ("message", json.dumps({"type": "error", "error": FULL})),
        ("message", json.dumps({**FULL, "object": "error"})),
        ("message", json.dumps({"event": "error", "data": FULL})),
        ("message", json.dumps({"id": "c", "object": "chat.completion.chunk", "error": FULL})),
        ("message", json.dumps({"id": "r", "object": "thread.run", "error": FULL})),
    ],
    ids=["flat", "nested", "unnamed", "typed", "object", "envelope", "in a chunk", "in a run"],
)
def test_error_event_of_any_shape(name: str, data: str) -> None:
    """All ways to report an error become an ErrorEvent."""
    event = decode(RawEvent(name, data))
    assert event == ErrorEvent(TYPED, raw=event.raw)
    assert event.type == "error"
    assert event.raw == RawEvent(name, data)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ("upstream gone", Error(message="upstream gone")),
        ("", Error()),
        ("{", Error(message="{")),
        ('"no"', Error(message="no")),
        ("null", Error()),
    ],
)
def test_named_error_needs_no_json(data: str, error: Error) -> None:
    """An event named `error` is one, whether its data are JSON, text or nothing at all."""
    event = decode(RawEvent("error", data))
    assert event == ErrorEvent(error, raw=event.raw)


@pytest.mark.parametrize("error", [None, False, "", {}, []], ids=repr)
def test_empty_error_is_none(error: Any) -> None:
    """A payload whose `error` is null or empty reports no error."""
    data = {"id": "r", "object": "thread.run", "status": "queued", "error": error}
    assert decode(RawEvent("message", json.dumps(data))).type == "thread.run.queued"


def test_error_event_becomes_an_api_error() -> None:
    """The exception has all that the event says, and the data as its body."""
    event = decode(RawEvent("error", json.dumps(FULL)))
    error = event.stream_error()
    assert type(error) is APIError
    assert str(error) == "slow down (code rate_limit, param model)"
    assert (error.message, error.type, error.code, error.param, error.body) == (
        "slow down",
        "requests",
        "rate_limit",
        "model",
        json.dumps(FULL),
    )
    assert error.status is None
    assert error.request_id is None


def test_error_event_without_a_word_says_so() -> None:
    """If the event has no message, the exception still has one."""
    error = decode(RawEvent("error", "{}")).stream_error()
    assert str(error) == "the server reported an error and did not say which"


# Which exception, and whether to retry.


@pytest.mark.parametrize(
    ("status", "code", "kind", "cls", "retryable"),
    [
        (400, None, None, BadRequestError, False),
        (401, None, None, AuthenticationError, False),
        (402, None, None, APIError, False),
        (403, None, None, PermissionDeniedError, False),
        (404, None, None, NotFoundError, False),
        (408, None, None, APIError, True),
        (409, None, None, ConflictError, True),
        (422, None, None, UnprocessableEntityError, False),
        (429, None, None, RateLimitError, True),
        (429, "insufficient_quota", None, RateLimitError, False),
        (429, None, "insufficient_quota", RateLimitError, False),
        (429, "invalid_request_error", "server_error", RateLimitError, True),
        (302, None, None, RedirectError, False),
        (500, None, None, InternalServerError, True),
        (503, "whatever", None, InternalServerError, True),
        (529, None, None, InternalServerError, True),
        (200, None, None, APIError, False),
        (None, "400", None, BadRequestError, False),
        (None, "404", "server_error", NotFoundError, False),
        (None, "429", None, RateLimitError, True),
        (None, "500", None, InternalServerError, True),
        (None, "503", "server_error", InternalServerError, True),
        (None, "5034", None, APIError, False),
        (None, "²³¹", None, APIError, False),
        (None, "rate_limit_exceeded", None, RateLimitError, True),
        (None, "rate_limit_exceeded", "invalid_request_error", RateLimitError, True),
        (None, "server_error", None, InternalServerError, True),
        (None, "insufficient_quota", "server_error", InternalServerError, False),
        (None, "context_length_exceeded", "invalid_request_error", BadRequestError, False),
        (None, None, "invalid_request_error", BadRequestError, False),
        (None, None, "authentication_error", AuthenticationError, False),
        (None, None, "permission_error", PermissionDeniedError, False),
        (None, None, "not_found_error", NotFoundError, False),
        (None, None, "rate_limit_error", RateLimitError, True),
        (None, None, "internal_server_error", InternalServerError, True),
        (None, None, "overloaded_error", APIError, True),
        (None, "run_expired", None, APIError, False),
        (None, "", "", APIError, False),
        (None, None, None, APIError, False),
    ],
)
def test_which_error_and_whether_to_retry(
    status: int | None, code: str | None, kind: str | None, cls: type[APIError], *, retryable: bool
) -> None:
    """The status, else the code, else the type decides the class and whether to retry."""
    assert error_class(status, code, kind) is cls
    error = cls("no", status=status, code=code, type=kind)
    assert error.retryable is retryable


def test_in_stream_error_is_of_the_class_for_its_code() -> None:
    """An event's error becomes the subclass that a request with that status would raise."""
    error = api_error("no", code="503", param="model", body="{}")
    assert type(error) is InternalServerError
    assert (error.code, error.param, error.body, error.status) == ("503", "model", "{}", None)
