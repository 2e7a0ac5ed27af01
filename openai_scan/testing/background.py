"""A whole Responses service, whose responses keep running after the client disconnects."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from attrs import frozen

from openai_scan.testing import apis
from openai_scan.testing.hold import Hold
from openai_scan.testing.request import SeenRequest
from openai_scan.testing.responses import response_answer
from openai_scan.testing.steps import Reply, Step, error, event, json_answer
from openai_scan.testing.whole import whole

# Fields of a request that its response repeats.
_REPEATED = ("instructions", "metadata", "model", "previous_response_id")


def background_responses(
    *answers: str | Iterable[Step], in_progress: int = 1
) -> BackgroundResponses:
    """Return a Responses service for a `FakeServer`, which remembers the responses it creates.

    ::

        with FakeServer(background_responses("Hi there")) as server:
            ...

    Each `POST /responses` gets the next answer, streamed or not. A response created with
    `background` continues without its client: its stream can be resumed with `starting_after`, and
    it can be polled and cancelled. All responses can be retrieved and deleted.

    A `cut()`, `reset()`, `hold()` or `delay()` in an answer happens once: a client that resumes the
    stream gets past it. The service numbers the events and gives each response its id. The stream
    of a cancelled response ends with `response.incomplete`, whose response is `cancelled`.

    Args:
        answers: The answers, one for each response: text, or the steps of a stream.
        in_progress: How many times a polling client finds a response in progress before it is
            complete.
    """
    return BackgroundResponses(answers, in_progress=in_progress)


class BackgroundResponses:
    """A Responses service; made by `background_responses()`.

    Args:
        answers: The answers.
        in_progress: How many times polling finds a response in progress.
    """

    def __init__(self, answers: Iterable[str | Iterable[Step]], *, in_progress: int) -> None:
        self._answers = deque(answers)
        self._in_progress = in_progress
        self._responses: dict[str, _Response] = {}
        self._count = 0
        self._lock = threading.Lock()

    def add(self, *answers: str | Iterable[Step]) -> None:
        """Add *answers*, one for each response, after those it was created with."""
        with self._lock:
            self._answers.extend(answers)

    def take_left(self) -> list[object]:
        """Return the answers that were never requested, and forget them."""
        with self._lock:
            left: list[object] = [*self._answers]
            self._answers.clear()
        return left

    def __repr__(self) -> str:
        return "background_responses(...)"

    def __call__(self, request: SeenRequest) -> Reply:
        """Return the answer to *request*."""
        match request.method, request.path.split("/")[1:]:
            case "POST", ["responses"]:
                return self._create(request.json or {})
            case method, ["responses", id, *action]:
                response = self._responses.get(id)
                if response is None:
                    return error(404, f"Response with id '{id}' not found.")
                match method, action:
                    case "GET", []:
                        return _retrieved(response, request.query)
                    case "POST", ["cancel"]:
                        return _cancelled(response)
                    case "DELETE", []:
                        del self._responses[id]
                        return json_answer({"id": id, "object": "response", "deleted": True})
        return error(404, f"background_responses() does not serve {request.method} {request.path}")

    def _create(self, body: Mapping[str, Any]) -> Reply:
        is_background, is_streamed = (body.get(name) is True for name in ("background", "stream"))
        if is_background and body.get("store") is False:
            return error(400, "background=true needs store=true", param="background")
        with self._lock:
            if not self._answers:
                return error(
                    400, "no answer is left: pass background_responses() one for each response"
                )
            answer = self._answers.popleft()
            self._count += 1
            id = f"resp_{self._count}"
        repeated = {name: body[name] for name in _REPEATED if name in body}
        response = _Response(
            response_answer(answer) if isinstance(answer, str) else answer,
            {**repeated, "id": id, "background": is_background},
            is_streamed=is_streamed,
            in_progress=self._in_progress,
        )
        if body.get("store") is not False:
            self._responses[id] = response
        if is_streamed:
            return Reply(steps=response.play(-1))
        if is_background:
            return json_answer(response.begun("queued"))
        return response.whole()


@frozen
class _Numbered:
    """An event of a response, with its place in the stream."""

    number: int
    data: bytes


class _Response:
    """A response and its progress.

    Args:
        steps: What to send and do, in order.
        facts: The fields of the response in every event.
        is_streamed: Whether it was created with `stream`.
        in_progress: How many times polling finds it in progress.
    """

    def __init__(
        self,
        steps: Iterable[Step],
        facts: Mapping[str, Any],
        *,
        is_streamed: bool,
        in_progress: int,
    ) -> None:
        self.id: str = facts["id"]
        self.is_background: bool = facts["background"]
        self.is_streamed = is_streamed
        self._facts = facts
        self._states: list[dict[str, Any]] = []
        self._steps = list(self._numbered(steps))
        self._done: set[int] = set()
        self._asks_left = in_progress
        self._next_number = 0
        self._is_complete = not self.is_background
        self._is_cancelled = False

    def play(self, after: int) -> Iterator[Step]:
        """Yield the steps: events only after the number *after*, and each other step once."""
        for place, step in enumerate(self._steps):
            if self._is_cancelled:
                yield from self._last_words(after)
                return
            if not isinstance(step, _Numbered):
                if place not in self._done:
                    self._done.add(place)
                    yield step
            elif step.number > after:
                self._next_number = max(self._next_number, step.number + 1)
                yield step.data
        self._is_complete = True

    def whole(self) -> Reply:
        """Return the answer to a request that does not stream."""
        steps = [step.data if isinstance(step, _Numbered) else step for step in self._steps]
        return whole(steps, apis.RESPONSES)

    def begun(self, status: str) -> dict[str, Any]:
        """Return the response as it is while it runs."""
        return {**(self._states[0] if self._states else self._facts), "status": status}

    def now(self) -> dict[str, Any]:
        """Return the response as it is now; each call advances it."""
        if self._is_cancelled:
            return self.begun("cancelled")
        if not self._is_complete and self._asks_left > 0:
            self._asks_left -= 1
            return self.begun("in_progress")
        self._is_complete = True
        return self._states[-1] if self._states else self.begun("completed")

    def cancel(self) -> None:
        """End it unless it is complete, and wake the streams that wait for more."""
        if self._is_complete:
            return
        self._is_cancelled = True
        for step in self._steps:
            if isinstance(step, Hold):
                step.release()

    def _last_words(self, after: int) -> Iterator[Step]:
        """Yield the event that ends the stream of a cancelled response."""
        if self._next_number > after:
            name, number = "response.incomplete", self._next_number
            response = self.begun("cancelled")
            yield event(name, {"type": name, "sequence_number": number, "response": response})

    def _numbered(self, steps: Iterable[Step]) -> Iterator[_Numbered | Step]:
        number = 0
        for step in steps:
            raws = list(apis.raw_events([step]))
            payloads = [apis.payload_of(raw) for raw in raws]
            if not any(payloads):
                yield step
            for raw, payload in zip(raws, payloads, strict=True):
                if payload:
                    if isinstance(payload.get("response"), dict):
                        payload["response"] |= self._facts
                        self._states.append(payload["response"])
                    payload["sequence_number"] = number
                    name = payload.get("type", raw.type)
                    yield _Numbered(number, event(name, payload))
                    number += 1


def _retrieved(response: _Response, query: Mapping[str, list[str]]) -> Reply:
    if query.get("stream") != ["true"]:
        return json_answer(response.now())
    if not (response.is_background and response.is_streamed):
        return error(
            400,
            f"{response.id} was not created with background and stream, so its stream cannot be"
            " resumed",
            param="stream",
        )
    after = query.get("starting_after", ["-1"])[0]
    if not after.removeprefix("-").isdecimal():
        return error(400, "starting_after must be the number of an event", param="starting_after")
    return Reply(steps=response.play(int(after)))


def _cancelled(response: _Response) -> Reply:
    if not response.is_background:
        return error(
            400, f"{response.id} was not created with background, so it cannot be cancelled"
        )
    response.cancel()
    return json_answer(response.now())
