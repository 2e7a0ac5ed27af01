"""An error of any shape is an error, with the server's words; nothing else is one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from readings import DONE, chunk, event, read

from openai_scan import APIError, ErrorEvent
from openai_scan.events import decode, from_answer
from openai_scan.events.error import is_error, read_error
from openai_scan.sse import RawEvent
from openai_scan.transport import refusals
from openai_scan.transport.whole_answers import as_stream

W = "the quota of this project is used up"

# What servers, gateways and proxies send, without a name, as an event, a body or a page.
SHAPES: dict[str, Any] = {
    "message": {"message": W},
    "message and id": {"message": W, "request_id": "r"},
    "detail": {"detail": W},
    "detail as list": {"detail": [{"loc": ["body"], "msg": W, "input": "secret"}]},
    "detail as object": {"detail": {"message": W}},
    "code as word": {"code": "Throttling", "message": W},
    "code as number": {"code": 500, "msg": W, "data": None},
    "code as text": {"code": "40001", "message": W},
    "status code": {"statusCode": 429, "message": W},
    "status": {"status": "error", "message": W},
    "status failed": {"status": "failed", "message": W, "id": "x"},
    "status as number": {"type": "about:blank", "title": "No", "status": 400, "detail": W},
    "problem": {"type": "https://errors/1", "title": "No", "detail": W},
    "success": {"success": False, "message": W},
    "errors": {"errors": [{"message": W}]},
    "errors as texts": {"errors": [W]},
    "errors as object": {"errors": {"message": W}},
    "Baidu": {"error_code": 336, "error_msg": W},
    "WeChat": {"errcode": 40001, "errmsg": W},
    "only errmsg": {"errorMessage": W, "id": 1},
    "OAuth": {"error": "invalid_token", "error_description": W},
    "NestJS": {"statusCode": 400, "message": [W], "error": "Bad Request"},
    "list": [{"error": {"message": W}}],
    "nested": {"error": {"message": W}},
    "text": {"error": W},
    "text as list": {"error": [W]},
    "nested twice": {"error": {"error": {"message": W}}},
    "nested five times": {"error": {"error": {"error": {"error": {"error": {"message": W}}}}}},
    "list in error": {"error": [{"message": W}, {"code": 1}]},
    "JSON in error": {"error": json.dumps({"error": {"message": W}})},
    "JSON in message": {"error": {"message": json.dumps({"message": W}), "code": 500}},
    "detail in error": {"error": {"detail": {"message": W}}},
    "details in error": {"error": {"message": "", "details": W}},
    "flag": {"error": True, "message": W},
    "flag and detail": {"error": 1, "detail": W},
    "in a choice": {"choices": [{"index": 0, "error": {"message": W, "code": 502}}]},
    "MiniMax": {"base_resp": {"status_code": 1008, "status_msg": W}, "choices": None},
    "err": {"err": W},
    "err as object": {"err": {"reason": W}},
    "envelope": {"data": {"error": {"message": W}}},
    "result": {"result": {"error": {"message": W}}},
    "response without a name": {"response": {"error": {"message": W}}},
    "message as object": {"message": {"error": W}},
    "AWS": {"throttlingException": {"message": W}},
    "AWS, in a stream": {"modelStreamErrorException": {"message": W, "originalStatusCode": 5}},
    "Azure's inner error": {"error": {"code": "x", "innererror": {"message": W}}},
    "cause": {"error": {"cause": {"message": W}}},
    "OpenRouter's raw words": {"error": {"code": 5, "message": None, "metadata": {"raw": W}}},
    "text in error": {"error": {"text": W}},
    "content in error": {"error": {"content": W}},
    "Apigee": {"fault": {"faultstring": W, "detail": {"errorcode": "x"}}},
    "iFlytek": {"header": {"code": 10013, "message": W}},
    "Volcengine": {"ResponseMetadata": {"Error": {"Code": "X", "Message": W}}},
    "AWS, alone": {"__type": "ThrottlingException", "message": W},
    "Anthropic": {"type": "error", "error": {"type": "overloaded_error", "message": W}},
    "type": {"type": "server_error", "message": W, "id": "x"},
    "Responses": {"type": "response.error", "message": W},
    "vLLM": {"object": "error", "message": W, "code": 400},
    "of an object": {"object": "x", "code": 500, "message": W},
}


@pytest.mark.unmeasured
@pytest.mark.parametrize("shape", SHAPES)
def test_an_error_of_any_shape_ends_the_stream_with_its_words(shape: str) -> None:
    """The text that came before the error stays."""
    told = read(event(chunk("Hi")), event(SHAPES[shape]), DONE)
    assert (told.text, told.outcome) == ("Hi", "failed")
    assert isinstance(told.err, APIError)
    assert told.err.message == W


@pytest.mark.unmeasured
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["error", "stream_error"])
def test_an_error_may_have_a_name(shape: str, name: str) -> None:
    """The event may have the name of an error event."""
    told = read(event(SHAPES[shape], name))
    assert getattr(told.err, "message", None) == W


@pytest.mark.parametrize("shape", SHAPES)
def test_the_body_of_an_answer_is_read_like_an_event(shape: str) -> None:
    """The words are found in a refusal, and in an answer that should have been a stream."""
    body = json.dumps(SHAPES[shape])
    assert refusals.refusal(400, "", {}, body).message == W
    mismatch = refusals.mismatch("text/event-stream", {}, body)
    assert isinstance(mismatch, APIError)
    assert mismatch.message == W
    assert as_stream(body.encode()) == []
    assert [decode(one).type for one in from_answer(SHAPES[shape])][:1] in (["error"], [])


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "payload",
    [
        {"code": 0, "message": "Success"},
        {"code": "0", "msg": "ok", "data": {}},
        {"code": 200, "message": "x"},
        {"error_code": 0, "error_msg": "x"},
        {"base_resp": {"status_code": 0, "status_msg": "success"}},
        {"status": "success", "message": "x"},
        {"status": 200, "message": "x"},
        {"errors": []},
        {"errors": [], "message": {"x": 1}},
        {"header": {"code": 0, "message": "Success"}},
        {"type": "status", "message": "Working"},
        {"type": "log", "message": "x", "code": 7},
        {"object": "x", "message": "y"},
        {"message": "connected"},
        {"message": "OK."},
        {"message": {"role": "assistant"}},
        {"message": "half way", "progress": 0.5},
        {"title": "A talk about tea"},
        {"status": "error"},
        {"code": 500},
        {"ResponseMetadata": {"RequestId": "x"}},
        {"detail": 5},
        {},
        [],
        [1],
        [{"x": 1}],
        5,
    ],
    ids=repr,
)
def test_what_is_not_an_error_is_not_reported(payload: Any) -> None:
    """It is an unknown event, and the answer around it is completed."""
    assert not is_error(payload)
    told = read(event(chunk("Hi")), event(payload), event(chunk("", "stop")), DONE)
    assert (told.text, told.outcome) == ("Hi", "completed")


@pytest.mark.parametrize("name", ["status", "ping", "thread.news", "done"])
def test_a_message_alone_is_not_an_error_under_a_name(name: str) -> None:
    """The event has another name, so its message is not about an error."""
    told = read(event(chunk("Hi", "stop")), event({"message": "half way"}, name), DONE)
    assert told.outcome == "completed"


@pytest.mark.parametrize(
    "more",
    [
        {"error": None},
        {"error": ""},
        {"error": {}},
        {"error": []},
        {"error": False},
        {"error": 0},
        {"error": "None"},
        {"error": {"message": None, "code": None}},
        {"error": {"message": "", "details": {}}},
        {"error": {"code": 0, "message": "Success"}},
        {"error": {"message": "no error"}},
        {"error": [None]},
        {"errors": []},
        {"errors": None},
        {"code": 0, "message": "Success"},
        {"code": 200, "msg": "x"},
        {"status": "ok"},
        {"base_resp": {"status_code": 0}},
        {"base_resp": None},
        {"message": "half way"},
    ],
    ids=repr,
)
def test_a_good_chunk_says_that_it_is_good(more: Any) -> None:
    """A member that others use for errors may say that there is none, also within a choice."""
    inner = {"error": more.get("error")}
    good = chunk("Hi", **more)
    good["choices"][0].update(inner)
    told = read(event(good), event(chunk("", "stop", **more)), DONE)
    assert (told.text, told.outcome, told.notes) == ("Hi", "completed", {})


# What an error came with.


@pytest.mark.parametrize("name", ["", "error", "chunk"])
@pytest.mark.parametrize(
    "beside",
    [
        {"usage": {"total_tokens": 3}},
        {"choices": [], "usage": {"total_tokens": 3}},
        chunk("", "error", usage={"total_tokens": 3}),
        {"object": "chat.completion.chunk", "choices": None, "usage": {"total_tokens": 3}},
    ],
)
def test_an_error_keeps_its_usage(name: str, beside: Any) -> None:
    """The usage beside the error is in the answer so far."""
    told = read(event(chunk("Hi")), event({**beside, "error": {"message": W}}, name))
    assert (told.text, told.outcome) == ("Hi", "failed")
    assert getattr(told.err, "message", None) == W
    assert told.answer.usage.total_tokens == 3


@pytest.mark.parametrize("name", ["", "error", "chunk", "chat.completion.chunk"])
@pytest.mark.parametrize("place", ["chunk", "choice"])
def test_an_error_keeps_its_text(name: str, place: str) -> None:
    """The text beside the error is an event of its own."""
    both = chunk(" you", "error")
    (both if place == "chunk" else both["choices"][0])["error"] = {"message": W}
    told = read(event(chunk("Hi")), event(both, name), DONE)
    assert (told.text, told.outcome) == ("Hi you", "failed")
    assert getattr(told.err, "message", None) == W
    assert told.answer.choices[0].finish_reason == "error"


@pytest.mark.parametrize("name", ["", "response.completed"])
def test_a_response_keeps_the_error_beside_it(name: str) -> None:
    """The response is an event beside the error, and the stream fails."""
    response = {"id": "r", "status": "completed"}
    payload = {"type": "response.completed", "response": response, "error": {"message": W}}
    told = read(event(payload, name))
    assert sorted(told.events) == ["ErrorEvent", "ResponseCompleted"]
    assert getattr(told.err, "message", None) == W


@pytest.mark.parametrize("payload", [[1, {"error": "no"}], {"x": 1}, "text", {"error": W}])
def test_an_error_without_content_is_one_event(payload: Any) -> None:
    """No other event is made up."""
    assert read(event(payload, "error")).events == ["ErrorEvent"]


# The facts beside the words.


@pytest.mark.parametrize(
    ("payload", "facts"),
    [
        ({"error": {"error": {"message": W}, "code": 5, "type": "t"}}, ("t", "5", None)),
        ({"error": {"message": W}, "code": 7, "param": "p"}, (None, "7", "p")),
        ({"error": "invalid_grant", "message": W}, ("invalid_grant", None, None)),
        ({"error": {"code": "c", "type": "t"}, "message": W}, (None, None, None)),
        ({"type": "response.failed", "error": {"message": W}}, (None, None, None)),
        ({"statusCode": 429, "message": W}, (None, "429", None)),
    ],
)
def test_the_nearest_facts_count(payload: Any, facts: Any) -> None:
    """Type, code and parameter are those nearest to the words."""
    error = read_error(payload)
    assert (error.message, (error.type, error.code, error.param)) == (W, facts)


def test_words_are_looked_for_within_bounds() -> None:
    """However deep and wide an error is, reading it takes a moment."""
    deep: Any = {"message": W}
    for _ in range(100):
        deep = {"error": deep}
    assert read_error(deep).message is None


def test_a_text_that_begins_as_json_may_be_words_itself() -> None:
    """It is quoted as it is if it is not JSON, or JSON without words."""
    assert read_error('{"error": ').message == '{"error": '
    assert read_error({"error": '{"x": 1}'}).message == '{"x": 1}'


@pytest.mark.unmeasured
def test_text_and_lists_are_looked_into_within_bounds() -> None:
    """Words in nested texts and long lists are found, but only the first hundred of a list."""
    text = json.dumps({"message": W})
    for _ in range(6):
        text = json.dumps({"error": text})
    assert read_error(text).message == W
    wide = {"errors": [{"message": "a"}] * 1000}
    assert read_error(wide).message == "; ".join("a" * 100)
    assert read_error({**{str(number): 1 for number in range(1000)}, "error": W}).message == W
    assert read_error({"errors": {"name": ["is bad"]}}).message == "{'name': ['is bad']}"


def test_an_error_event_without_words_is_one() -> None:
    """Its code may be all that it says."""
    event_ = decode(RawEvent("message", '{"error": {"code": "x"}}'))
    assert isinstance(event_, ErrorEvent)
    assert (event_.error.message, event_.error.code) == (None, "x")


@pytest.mark.parametrize("error", [{"code": 0, "message": ""}, {"code": None}, {"code": "ok"}])
def test_an_error_that_says_nothing_is_none_in_an_answer(error: Any) -> None:
    """A whole answer that came as a body is completed in spite of an empty error."""
    message = {"content": [{"type": "output_text", "text": "Hi"}], "type": "message"}
    chat = {"object": "chat.completion", "choices": [{"message": {"content": "Hi"}}]}
    for answer in ({"object": "response", "status": "completed", "output": [message]}, chat):
        told = read(json.dumps({**answer, "error": error}))
        assert (told.outcome, told.text) == ("completed", "Hi")
    assert is_error({"error": {"code": 0}})


@pytest.mark.parametrize("error", [None, {"code": "rate_limit_exceeded", "message": ""}])
@pytest.mark.parametrize("status", ["failed", "expired"])
def test_a_run_that_did_not_say_why_is_explained(error: Any, status: str) -> None:
    """The error that comes after the run explains it, unless the run has words of its own."""
    run = {"id": "r", "object": "thread.run", "status": status, "last_error": error}
    said = event({"error": {"message": W}})
    name = f"thread.run.{status}"
    assert str(read(event(run, name), said).err) == W
    run["last_error"] = {"code": "server_error", "message": "first"}
    assert "first" in str(read(event(run, name), said).err)


def test_a_choice_that_did_not_say_why_is_explained() -> None:
    """The error that comes after the choice explains it; without one, the message says so."""
    told = read(event(chunk("a", "error")), event({"error": {"message": W}}), DONE)
    assert str(told.err) == W
    told = read(event(chunk("a", "error")), DONE)
    assert str(told.err) == "the server ended the answer with an error, and did not say which"


@pytest.mark.parametrize(
    "payload",
    [
        {"err": None},
        {"err": 0},
        {"data": {"error": None}},
        {"result": {"errors": []}},
        {"message": {"content": "x"}},
        {"noException": {}},
        {"noException": "x"},
    ],
    ids=repr,
)
def test_members_that_report_nothing(payload: Any) -> None:
    """Errors have members of these names, but here they report nothing."""
    assert not is_error(payload)


def test_the_answer_is_not_the_message_of_an_error() -> None:
    """It may be secret, and errors are logged."""
    choice = {"index": 0, "text": "secret", "error": {"code": 502}}
    assert read_error({"choices": [choice], "content": "secret"}).message is None
