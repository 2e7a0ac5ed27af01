"""OpenTelemetry gets nothing of what was asked and answered, even if something goes wrong."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from openai_scan import Client, RetryPolicy
from openai_scan.telemetry import Telemetry
from openai_scan.testing import (
    FakeServer,
    Reply,
    Step,
    chat_chunk,
    data,
    done,
    error,
    response_failure,
    stream_error,
)

SECRET = "the patient's name"
QUOTED = f"cannot answer {SECRET!r}: {SECRET}"


def told(*answers: Reply | list[Step]) -> tuple[str, str | None]:
    """Return all that is reported of a stream, as one text, and the description of its status."""
    spans, reader, tracers = InMemorySpanExporter(), InMemoryMetricReader(), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    meters = MeterProvider([reader])
    telemetry = Telemetry(tracer_provider=tracers, meter_provider=meters)
    retries = RetryPolicy(wait_initial=0, wait_max=0)
    messages: Any = [{"role": "user", "content": SECRET}]
    with FakeServer(strict=False) as server:
        server.add(*answers)
        with Client("k", server.base_url, retries=retries, observers=[telemetry]) as client:
            with client.create_chat_completion_stream(
                model="m", messages=messages, user=SECRET, metadata={"a": SECRET}, stop=[SECRET]
            ) as s:
                while s.next():
                    pass
                s.err()
    [span] = spans.get_finished_spans()
    metrics: Any = reader.get_metrics_data()
    return span.to_json() + metrics.to_json(), span.status.description


@pytest.mark.parametrize(
    ("answer", "description"),
    [
        pytest.param(
            error(400, QUOTED, type=QUOTED, code="bad_name", param=QUOTED),
            "BadRequestError 400 bad_name",
            id="refused",
        ),
        pytest.param(error(400, QUOTED, code=QUOTED), "BadRequestError 400", id="words in a code"),
        pytest.param(
            Reply(headers={"Content-Type": "text/html"}, body=QUOTED.encode()),
            "NotAnEventStreamError",
            id="a page",
        ),
        pytest.param(
            Reply(status=302, headers={"Location": f"http://a/{SECRET}"}, body=b""),
            "RedirectError 302",
            id="redirected",
        ),
        pytest.param(
            [chat_chunk(SECRET), stream_error("server_error", QUOTED)],
            "InternalServerError server_error",
            id="in the stream",
        ),
        pytest.param([chat_chunk(SECRET)], "TruncatedStreamError", id="cut"),
        pytest.param(response_failure(QUOTED, QUOTED), "APIError", id="a failed response"),
        pytest.param(
            [chat_chunk(SECRET, finish_reason=QUOTED), done()], None, id="words in a reason"
        ),
        pytest.param(
            [
                data(
                    {
                        "id": QUOTED,
                        "model": QUOTED,
                        "object": "chat.completion.chunk",
                        "choices": [{"index": 0, "delta": {"content": SECRET}}],
                        "service_tier": QUOTED,
                        "system_fingerprint": QUOTED,
                    }
                ),
                chat_chunk(finish_reason="stop"),
                done(),
            ],
            None,
            id="words in an id",
        ),
    ],
)
def test_no_word_is_reported(answer: Reply | list[Step], description: str | None) -> None:
    """An error has its class, status and code; an answer has what is not text."""
    text, status = told(answer)
    assert SECRET not in text
    assert "patient" not in text
    assert status == description


def test_the_number_of_reasons_has_a_bound() -> None:
    """A stream that never ends does not make a span grow without limit."""
    text, _ = told([chat_chunk(finish_reason="stop")] * 1_000)
    assert 1 <= text.count('"stop"') <= 128
