"""A response that failed says so, in the server's words, in whatever shape they come."""

from __future__ import annotations

from typing import Any

import pytest
from folding import wire
from response_forms import call, done, event, message, response, tell

from openai_scan import APIError, RateLimitError, ResponseAnswer, StreamerV2
from openai_scan.events.responses import Response, ResponseCompleted, ResponseError
from openai_scan.sse import RawEvent
from openai_scan.values import Counts

ERROR = {"code": "server_error", "message": "upstream died"}


def end(*payloads: Any) -> StreamerV2:
    """Return a stream that has read *payloads*."""
    stream = StreamerV2(wire(*payloads))
    while stream.next():
        pass
    return stream


def error_of(*payloads: Any) -> APIError:
    """Return the error that the stream of *payloads* has failed with."""
    stream = end(*payloads)
    error = stream.err()
    assert stream.outcome == "failed"
    assert isinstance(error, APIError)
    return error


@pytest.mark.parametrize(
    "error",
    [
        ERROR,
        {**ERROR, "code": 500},
        {"message": "upstream died"},
        "upstream died",
        {"detail": "upstream died"},
    ],
)
@pytest.mark.parametrize("status", ["completed", "incomplete", "failed"])
def test_an_error_in_the_response(error: Any, status: str) -> None:
    """It is an error whatever the status says."""
    found = error_of(response(status, output=[message("Hi")], error=error))
    assert found.message == "upstream died"
    assert found.is_explained


def test_all_that_the_server_says() -> None:
    """The error has the type and the parameter too."""
    full = {"code": "rate_limit_exceeded", "message": "slow", "type": "tokens", "param": "model"}
    found = error_of(response("failed", error=full))
    assert isinstance(found, RateLimitError)
    assert (found.code, found.type, found.param) == ("rate_limit_exceeded", "tokens", "model")
    assert found.message == "slow"


@pytest.mark.parametrize(
    "error",
    [
        None,
        {},
        "",
        [],
        {"code": "", "message": ""},
        {"code": None, "message": None},
        {"code": 0, "message": "Success"},
        {"code": "200", "message": "ok"},
    ],
)
def test_what_is_not_an_error(error: Any) -> None:
    """A completed response with an empty error, or one that says that all is well, is completed."""
    stream = end(response("completed", output=[message("Hi")], error=error))
    assert (stream.outcome, stream.err()) == ("completed", None)
    stream = end(response("in_progress", error=ERROR), response("completed", output=[]))
    assert stream.outcome == "completed"


def test_errors_elsewhere_in_the_response() -> None:
    """Neither an error of a tool nor one in the text is an error of the response."""
    mcp = {
        "type": "mcp_call",
        "id": "i",
        "server_label": "s",
        "name": "n",
        "error": {"type": "http_error", "code": 500, "message": "no"},
    }
    assert end(response("completed", output=[mcp])).outcome == "completed"
    assert end(response("completed", output=[message('"error": {"message": "x"}')])).err() is None


@pytest.mark.parametrize("data", ["", "{}", "{", "[" * 100_000])
def test_an_event_without_its_data(data: str) -> None:
    """An event that you make yourself has the error of its response, whatever its raw data."""
    raw = RawEvent("message", data)
    error = ResponseError(code="server_error", message="upstream died")
    found = ResponseCompleted(Response(error=error), raw=raw).stream_error()
    assert found is not None
    assert (found.code, found.message) == ("server_error", "upstream died")
    nothing = ResponseCompleted(Response(error=ResponseError()), raw=raw)
    assert nothing.stream_error() is None


def test_an_incomplete_response_with_a_reason() -> None:
    """The reason is the finish reason, and the error beside it does not count."""
    stream = end(
        response(
            "incomplete",
            output=[message("Hi")],
            error=ERROR,
            incomplete_details={"reason": "max_output_tokens"},
        )
    )
    assert (stream.outcome, stream.err()) == ("incomplete", None)
    assert stream.final().finish_reason == "max_output_tokens"
    assert end(response("completed", status="cancelled", error=ERROR)).outcome == "cancelled"


FAILED = response("failed", error=None)
SAID = {"type": "error", "code": "content_filter", "message": "not allowed", "param": "input"}


@pytest.mark.parametrize("events", [[FAILED, SAID], [SAID, FAILED]])
def test_an_error_with_words_replaces_one_without(events: list[Any]) -> None:
    """The one with words is the error, in either order."""
    found = error_of(*events)
    assert (found.message, found.code, found.param) == ("not allowed", "content_filter", "input")


def test_the_first_words_stay() -> None:
    """A second error with words changes nothing, and neither does one without."""
    assert error_of(SAID, {**SAID, "message": "else"}).message == "not allowed"
    found = error_of(FAILED, FAILED)
    assert found.message == "the response failed, and the server did not say why"
    assert found.code == "response_failed"
    assert not found.is_explained


def test_no_call_of_a_failed_response_is_complete_because_of_its_status() -> None:
    """A call that the server has not ended is not complete, whatever the response's status."""
    begun = event("function_call_arguments.delta", item_id="fc", output_index=0, delta="{}")
    told = tell(
        done(call("", status="in_progress")), begun, response("completed", output=[], error=ERROR)
    )
    assert not told.answer.calls[0].complete


def test_a_hole() -> None:
    """No call of an answer with a hole is complete."""
    whole = tell(done(call("{}"))).answer
    assert whole.calls[0].complete
    holed = ResponseAnswer(response=whole.response, hole=True)
    assert not holed.calls[0].complete


def test_counts_and_reason() -> None:
    """The counts are there as far as the server sent them, and the reason once it has ended."""
    assert tell(response("in_progress")).answer.counts is None
    assert tell(response("in_progress")).answer.finish_reason is None
    found = tell(response("completed", usage={"input_tokens": 1, "total_tokens": 3})).answer
    assert found.counts == Counts(input=1, total=3)
    assert found.finish_reason == "completed"


def test_the_final_text() -> None:
    """The model's commentary is part of the text, but not of the final answer."""
    found = tell(
        done(message("Let me see. ", id="a", phase="commentary")),
        done(message("42", id="b", phase="final_answer"), 1),
        done(message("!", id="c"), 2),
    ).answer
    assert (found.text, found.final_text) == ("Let me see. 42!", "42")
    assert ResponseAnswer(response=Response(), transcript="Hi").final_text == "Hi"
