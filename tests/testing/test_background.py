"""A whole Responses service: responses continue, are resumed, retrieved, cancelled, deleted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from openai_scan import BadRequestError, Client, NotFoundError, RetryPolicy, StreamerV2
from openai_scan.testing import (
    FakeServer,
    Step,
    background_responses,
    comment,
    cut,
    data,
    hold,
    reset,
    response_answer,
    response_failure,
)
from openai_scan.transport import Request

pytestmark = pytest.mark.usefixtures("wire")

SAID = response_answer("one two three")
AT_ONCE = RetryPolicy(wait_initial=0, wait_max=0)


@pytest.fixture
def serve() -> Iterator[Callable[..., tuple[FakeServer, Client]]]:
    """Return a function that starts a service with these answers and makes a client of it."""
    opened: list[Any] = []

    def started(*answers: Any, **settings: Any) -> tuple[FakeServer, Client]:
        server = FakeServer(background_responses(*answers, **settings))
        client = Client("k", server.base_url, retries=AT_ONCE)
        opened.extend((server.__enter__(), client))
        return server, client

    yield started
    for one in reversed(opened):
        one.__exit__(None, None, None)


def create(client: Client, **more: Any) -> StreamerV2:
    """Ask for a stream in the background."""
    return client.create_response_stream(**{"model": "m", "input": "i", "background": True, **more})


def call(client: Client, **more: Any) -> Any:
    """Ask for a response in the background."""
    return client.create_response(**{"model": "m", "input": "i", "background": True, **more})


def numbers(s: StreamerV2) -> list[Any]:
    """Return the numbers of the events of a stream."""
    with s:
        return [event.stream_position() for event in s]


@pytest.mark.unmeasured
@pytest.mark.parametrize("place", range(1, len(SAID)))
def test_a_stream_that_breaks_off_is_resumed(serve: Any, place: int) -> None:
    """Wherever it breaks, and as often as it does; each event comes once."""
    steps: list[Step] = [*SAID[:place], b"", cut(), *SAID[place:], comment()]
    steps.insert(4, reset())
    server, client = serve(steps)
    with create(client) as s:
        events = [event.stream_position() for event in s]
        assert s.final().text == "one two three"
    assert {request.method for request in server.requests[1:]} == {"GET"}
    assert events == [*range(len(SAID))]


def test_any_part_can_be_streamed_again(serve: Any) -> None:
    """From its start, after an event, or after the last."""
    _, client = serve(SAID)
    with create(client) as s:
        s.read()
    count = len(SAID)
    for after in (0, 5, count - 2):
        stream = client.retrieve_response_stream("resp_1", starting_after=after)
        assert numbers(stream) == [*range(after + 1, count)]
    assert numbers(client.retrieve_response_stream("resp_1")) == [*range(count)]


def test_a_response_says_how_far_it_has_come(serve: Any) -> None:
    """It is queued, in progress as often as it was told, and then complete or failed."""
    _, client = serve(
        "Hi there", response_failure(), [data({"x": 1}), data("[DONE]")], in_progress=2
    )
    first = call(client)
    assert (first.id, first.status, first.output) == ("resp_1", "queued", ())
    statuses = [client.retrieve_response("resp_1").status for _ in range(4)]
    assert statuses == ["in_progress", "in_progress", "completed", "completed"]
    (item,) = client.retrieve_response("resp_1").output
    assert item.content[0].text == "Hi there"
    call(client)
    assert [client.retrieve_response("resp_2").status for _ in range(3)][-1] == "failed"
    call(client)
    assert [client.retrieve_response("resp_3").status for _ in range(3)][-1] == "completed"


def test_a_response_repeats_what_was_asked(serve: Any) -> None:
    """It has the model and the metadata of the request, and an id of its own."""
    _, client = serve(SAID)
    with create(client, model="gpt", metadata={"a": "b"}) as s:
        s.read()
        response = s.final().response  # type: ignore[attr-defined] # it is a response's
    assert (response.id, response.model, response.metadata) == ("resp_1", "gpt", {"a": "b"})
    assert response.background is True


def test_a_stream_that_was_read_is_complete(serve: Any) -> None:
    """Retrieving the response shows that at once."""
    gate = hold()
    _, client = serve([SAID[0], gate, *SAID[1:]])
    with create(client) as s:
        assert s.next()
        assert client.retrieve_response("resp_1").status == "in_progress"
        gate.release()
        s.read()
    assert client.retrieve_response("resp_1").status == "completed"


def test_cancelling_ends_the_stream(serve: Any) -> None:
    """A waiting client gets the end; the response stays cancelled, even if it is resumed."""
    gate = hold()
    _, client = serve([*SAID[:5], gate, *SAID[5:]])
    with create(client) as s:
        for _ in range(5):
            assert s.next()
        assert gate.reached.wait(60)
        assert client.cancel_response("resp_1").status == "cancelled"
        assert s.next()
        assert s.event().stream_position() == 5
        assert not s.next()
        assert s.outcome == "cancelled"
        s.err()
    assert client.cancel_response("resp_1").status == "cancelled"
    assert client.retrieve_response("resp_1").status == "cancelled"
    for after, expected in ((3, [5]), (5, [])):
        stream = client.stream(
            Request(
                method="GET",
                path="/responses/resp_1",
                query={"stream": "true", "starting_after": str(after)},
            )
        )
        got = [event.stream_position() for event in iter_quietly(stream)]
        assert got[-1:] == expected


def iter_quietly(s: StreamerV2) -> Iterator[Any]:
    """Yield the events of a stream, whatever it ends with."""
    with s:
        while s.next():
            yield s.event()
        s.err()


def test_what_is_complete_is_not_cancelled(serve: Any) -> None:
    """It is returned unchanged."""
    _, client = serve("Hi", in_progress=0)
    call(client)
    assert client.retrieve_response("resp_1").status == "completed"
    assert client.cancel_response("resp_1").status == "completed"


def test_without_background_nothing_can_be_resumed(serve: Any) -> None:
    """The error says so; the response itself is there."""
    _, client = serve("Hi", "Hi", "Hi there")
    whole = client.create_response(model="m", input="i")
    assert (whole.id, whole.status) == ("resp_1", "completed")
    with client.create_response_stream(model="m", input="i") as s:
        s.read()
    call(client)
    for id in ("resp_1", "resp_2", "resp_3"):
        with pytest.raises(BadRequestError, match=f"{id} was not created with background and stre"):
            client.retrieve_response_stream(id).read()
    for id in ("resp_1", "resp_2"):
        assert client.retrieve_response(id).status == "completed"
        with pytest.raises(BadRequestError, match="so it cannot be cancelled"):
            client.cancel_response(id)


def test_what_is_not_stored_is_not_there(serve: Any) -> None:
    """Neither is what was deleted or never made; a response in the background must be stored."""
    _, client = serve("Hi", "Hi")
    client.create_response(model="m", input="i", store=False)
    call(client)
    assert client.delete_response("resp_2").deleted
    for id in ("resp_1", "resp_2", "resp_3"):
        with pytest.raises(NotFoundError, match=f"Response with id '{id}' not found"):
            client.retrieve_response(id)
    with pytest.raises(BadRequestError, match="background=true needs store=true"):
        call(client, store=False)


def test_what_it_does_not_know_is_refused_in_words(serve: Any) -> None:
    """Other methods, other APIs, invalid numbers, and more requests than answers."""
    server, client = serve(SAID)
    with create(client) as s:
        s.read()
    with pytest.raises(NotFoundError, match="does not serve GET /models"):
        client.list_models()
    for method, path in (("POST", "/responses/resp_1"), ("DELETE", "/responses/resp_1/cancel")):
        with pytest.raises(NotFoundError, match=f"does not serve {method} {path}"):
            client.stream(Request(method=method, path=path)).read()
    with pytest.raises(BadRequestError, match="starting_after must be the number of an event"):
        client.stream(
            Request(
                method="GET",
                path="/responses/resp_1",
                query={"stream": "true", "starting_after": "x"},
            )
        ).read()
    with pytest.raises(BadRequestError, match="no answer is left"):
        call(client)
    assert "background_responses(...)" in repr(server._always)


def test_answers_that_are_never_requested_fail_the_test() -> None:
    """They fail the test like answers that are added."""
    server = FakeServer(background_responses("Hi", "Ho"))
    with (
        pytest.raises(
            AssertionError,
            match=r"2 of the scripted answers were never requested: the first is 'Hi'",
        ),
        server,
    ):
        pass


def test_answers_can_be_added_while_it_runs() -> None:
    """They come after those that it was made with, one for each response."""
    service = background_responses("one")
    with FakeServer(service) as server, Client("k", server.base_url) as client:
        service.add("two", SAID)
        said = [create(client, background=False).final().text for _ in range(3)]
    assert said == ["one", "two", "one two three"]


def test_many_at_a_time_are_kept_apart(serve: Any) -> None:
    """Each gets one answer, under an id of its own."""
    _, client = serve(*map(str, range(8)))
    ids: list[str] = []
    threads = [threading.Thread(target=lambda: ids.append(call(client).id)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ids) == [f"resp_{number}" for number in range(1, 9)]
