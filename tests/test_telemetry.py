"""The spans and measurements that OpenTelemetry gets, by its own in-memory exporter."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, get_current_span
from server import CHUNKED, END, ScriptedServer, answer, ch, serving

from openai_scan import AsyncClient, Client, RetryPolicy, StreamerV2
from openai_scan.telemetry import Telemetry

AT_ONCE = RetryPolicy(wait_initial=0, wait_max=0)

CHAT: list[dict[str, Any]] = [
    {"id": "c1", "model": "m-7", "choices": [{"index": 0, "delta": {"content": "secret answer"}}]},
    {"id": "c1", "model": "m-7", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {"id": "c1", "model": "m-7", "choices": [],
     "usage": {"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3}},
]  # fmt: skip


def chat(*chunks: dict[str, Any]) -> bytes:
    """Return the body of a chat completion."""
    events = [{"object": "chat.completion.chunk", **chunk} for chunk in chunks]
    return b"".join(b"data: %s\n\n" % json.dumps(e).encode() for e in events)


DONE = b"data: [DONE]\n\n"


class World:
    """Where spans and measurements arrive."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracers = tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        meters = MeterProvider([self._reader])
        self.telemetry = Telemetry(tracer_provider=tracers, meter_provider=meters)

    def client(self, server: ScriptedServer) -> Client:
        """Return a client that reports to OpenTelemetry."""
        return Client("k", server.base_url, retries=AT_ONCE, observers=[self.telemetry])

    def spans(self) -> list[ReadableSpan]:
        """Return the spans that have ended."""
        return list(self._spans.get_finished_spans())

    def measured(self) -> dict[str, list[tuple[int, float, dict[str, Any]]]]:
        """Return the count, the sum and the attributes of each histogram's points."""
        data: Any = self._reader.get_metrics_data()
        metrics = data.resource_metrics[0].scope_metrics[0].metrics
        return {
            metric.name: [(p.count, p.sum, dict(p.attributes)) for p in metric.data.data_points]
            for metric in metrics
        }


@pytest.fixture
def world() -> World:
    """Give the test its own place for spans and measurements."""
    return World()


def test_an_answer_is_a_span(world: World) -> None:
    """The span has the request and the answer in the terms of the conventions, without content."""
    with serving([CHUNKED + ch(chat(*CHAT) + DONE) + END]) as server:
        with world.client(server) as client:
            with client.create_chat_completion_stream(
                model="m",
                messages=[{"role": "user", "content": "secret question"}],
                temperature=0.5,
                max_completion_tokens=9,
            ) as s:
                s.read()
    (span,) = world.spans()
    assert span.name == "chat m"
    assert span.kind is SpanKind.CLIENT
    assert span.status.status_code is StatusCode.UNSET
    attributes = dict(span.attributes or {})
    seconds = attributes.pop("gen_ai.response.time_to_first_chunk")
    assert isinstance(seconds, float)
    facts = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "m-7",
        "server.address": "localhost",
        "server.port": int(server.base_url.split(":")[2].split("/")[0]),
    }
    assert attributes == {
        **facts,
        "gen_ai.request.stream": True,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.response.id": "c1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 0,
        "openai_scan.outcome": "completed",
    }
    assert "secret" not in span.to_json()


def test_an_answer_is_measured(world: World) -> None:
    """Its duration, its tokens, the time of its first event and of the others."""
    with serving([CHUNKED + ch(chat(*CHAT) + DONE) + END]) as server:
        with world.client(server) as client:
            with client.create_chat_completion_stream(model="m", messages=[]) as s:
                s.read()
    measured = world.measured()
    counts = {name: [count for count, *_ in points] for name, points in measured.items()}
    assert counts == {
        "gen_ai.client.operation.duration": [1],
        "gen_ai.client.token.usage": [1, 1],
        "gen_ai.client.operation.time_to_first_chunk": [1],
        "gen_ai.client.operation.time_per_output_chunk": [3],
    }
    tokens = {
        facts["gen_ai.token.type"]: sum_ for _, sum_, facts in measured["gen_ai.client.token.usage"]
    }
    assert tokens == {"input": 3, "output": 0}
    ((_, duration, facts),) = measured["gen_ai.client.operation.duration"]
    ((_, first, _),) = measured["gen_ai.client.operation.time_to_first_chunk"]
    assert 0 < first < duration
    assert facts["gen_ai.response.model"] == "m-7"
    assert "gen_ai.response.id" not in facts


def test_a_failure_is_reported(world: World) -> None:
    """The span has the error, the failed attempts are its events, and no tokens are made up."""
    busy = answer(b"", status="503 Busy")
    with serving([busy], [CHUNKED + ch(chat(CHAT[0])) + END]) as server:
        with world.client(server) as client:
            with client.create_chat_completion_stream(model="m", messages=[]) as s:
                while s.next():
                    pass
                assert s.err() is not None
    (span,) = world.spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "TruncatedStreamError"
    attributes = dict(span.attributes or {})
    assert attributes["error.type"] == "TruncatedStreamError"
    assert attributes["openai_scan.outcome"] == "truncated"
    assert not [name for name in attributes if "usage" in name]
    (event,) = span.events
    assert event.name == "openai_scan.renewed"
    assert dict(event.attributes or {}) == {"error.type": "InternalServerError"}
    measured = world.measured()
    assert "gen_ai.client.token.usage" not in measured
    ((_, _, facts),) = measured["gen_ai.client.operation.duration"]
    assert facts["error.type"] == "TruncatedStreamError"


def test_each_answer_of_a_chain_is_a_span(world: World) -> None:
    """Tools that run between two answers are in neither span."""
    response = {"id": "resp_1", "model": "m-7", "status": "completed", "output": [],
                "usage": {"input_tokens": 1, "output_tokens": None}}  # fmt: skip
    completed = {"type": "response.completed", "response": response, "sequence_number": 0}
    body = b"data: %s\n\n" % json.dumps(completed).encode()
    with serving([CHUNKED + ch(chat(*CHAT) + DONE) + END], [CHUNKED + ch(body) + END]) as server:
        with world.client(server) as client:
            with client.create_chat_completion_stream(model="m", messages=[]) as s:
                s.chain(client.create_response_stream(model="n", input="q"))
                s.read()
    first, second = world.spans()
    assert (first.name, second.name) == ("chat m", "chat n")
    attributes = dict(second.attributes or {})
    assert attributes["gen_ai.response.id"] == "resp_1"
    assert attributes["gen_ai.usage.input_tokens"] == 1
    assert "gen_ai.usage.output_tokens" not in attributes
    assert "gen_ai.response.finish_reasons" in dict(first.attributes or {})


@pytest.mark.parametrize(
    ("path", "name", "port"),
    [
        ("https://h/v1/threads/t/runs", "invoke_agent", 443),
        ("http://h:81/v1/completions", "text_completion", 81),
        ("http://h/v1/images/generations", "generate_content", 80),
    ],
)
def test_the_operation_is_what_the_api_does(world: World, path: str, name: str, port: int) -> None:
    """An API without a word in the conventions generates content."""

    class Answered:
        method, url, status, headers = "POST", path, 200, {"x": "y"}
        sent_at = answered_at = reused = None

        def __iter__(self) -> Iterator[bytes]:
            return iter([DONE])

    s = StreamerV2(Answered())
    s.observe(world.telemetry())
    while s.next():
        pass
    (span,) = world.spans()
    assert span.name == name
    assert dict(span.attributes or {})["server.port"] == port


def test_a_stream_without_a_request_is_a_span_too(world: World) -> None:
    """It has no model, no server, and no answer that has a name."""
    s = StreamerV2([DONE])
    s.observe(world.telemetry())
    while s.next():
        pass
    (span,) = world.spans()
    assert span.name == "generate_content"
    assert not [name for name in dict(span.attributes or {}) if name.startswith("server")]


def test_each_choice_has_one_reason(world: World) -> None:
    """The reasons are in the order of the choices: the last of each, if it is a code."""

    def ends(*reasons: tuple[int, str | None]) -> dict[str, Any]:
        choices = [
            {"index": index, "delta": {"content": "a"}, "finish_reason": reason}
            for index, reason in reasons
        ]
        return {"id": "c1", "model": "m", "choices": choices}

    chunks = [
        ends((1, "length"), (0, None)),
        ends((0, "tool_calls"), (0, "tool_calls"), (2, "not a code")),
        ends((1, "length"), (0, "stop")),
    ]
    with serving([CHUNKED + ch(chat(*chunks) + DONE) + END]) as server:
        with world.client(server) as client:
            with client.create_chat_completion_stream(model="m", messages=[], n=2) as s:
                s.read()
    (span,) = world.spans()
    reasons = dict(span.attributes or {})["gen_ai.response.finish_reasons"]
    assert reasons == ("stop", "length")


def test_each_task_has_its_own_current_span(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The span of an answer is a child of its task's span, also in the thread that sends."""
    tracer = world.tracers.get_tracer("test")
    sending: dict[str, int] = {}
    sent = requests.Session.request

    def noting(session: Any, method: str, url: str, **more: Any) -> Any:
        assert threading.current_thread().name == "openai_scan stream"
        sending[more["headers"]["X-Task"]] = get_current_span().get_span_context().span_id
        return sent(session, method, url, **more)

    monkeypatch.setattr(requests.Session, "request", noting)
    parents: dict[str, int] = {}
    script = [CHUNKED + ch(chat(*CHAT)), ch(DONE) + END]

    async def read(client: AsyncClient, name: str, both: _Barrier) -> None:
        with tracer.start_as_current_span(name) as parent:
            parents[name] = parent.get_span_context().span_id
            await both.wait()
            stream = client.create_chat_completion_stream(
                model=name, messages=[], extra_headers={"X-Task": name}
            )
            async with stream as s:
                while await s.next():
                    await both.wait()
                    assert get_current_span() is parent

    async def main(url: str) -> None:
        async with AsyncClient("k", url, observers=[world.telemetry], wire="threads") as client:
            both = _Barrier()
            await asyncio.gather(read(client, "a", both), read(client, "b", both))

    with serving(script, script) as server:
        asyncio.run(main(server.base_url))
    answers = {span.name: span for span in world.spans() if span.name.startswith("chat ")}
    for name in ("a", "b"):
        span = answers[f"chat {name}"]
        assert span.parent is not None
        assert span.parent.span_id == parents[name] == sending[name]


class _Barrier:
    """Makes two tasks wait for each other; asyncio has one since Python 3.11."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    async def wait(self) -> None:
        """Wait for the other task."""
        if self._waiting:
            self._waiting.pop().set_result(None)
        else:
            self._waiting.append(asyncio.get_running_loop().create_future())
            await self._waiting[0]
