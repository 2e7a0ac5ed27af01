"""Report streams to OpenTelemetry, following its conventions for generative AI.

The extra `otel` installs the dependency. Prompts and answers are not reported: of an error only its
class, status and code; of an answer only its id, its model, its counts and its times. A value that
comes from the server is reported only if it looks like a code, an id or the name of a model.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opentelemetry import metrics, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from openai_scan._version import __version__
from openai_scan.errors import APIError
from openai_scan.observer import Observer, Watched
from openai_scan.sources import AnsweredSource
from openai_scan.stats import usage_of

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram, MeterProvider
    from opentelemetry.trace import TracerProvider

    from openai_scan.errors import ScanError
    from openai_scan.events import Event, Outcome

_OPERATIONS = {
    "chat": "chat",
    "completions": "text_completion",
    "responses": "chat",
    "threads": "invoke_agent",
}
_OTHER_OPERATION = "generate_content"

# Parameters of a request, and their names in the conventions.
_REQUESTED = {
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "max_output_tokens": "gen_ai.request.max_tokens",
    "max_tokens": "gen_ai.request.max_tokens",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "assistant_id": "gen_ai.agent.id",
}

# The conventions define the bucket boundaries of the histograms, in seconds and in tokens.
_SECONDS = tuple(0.01 * 2**step for step in range(14))
_TOKENS = tuple(4**step for step in range(14))
_CHUNK_SECONDS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)


# What a code or name looks like. Anything else may be part of the answer, or echo the prompt.
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_NAME = re.compile(r"[A-Za-z0-9_.:/@+-]{1,128}")

# An answer has one finish reason per choice, and no server makes more choices than this.
_MAX_REASONS = 128


class Telemetry:
    """Makes an observer for each stream that reports it to OpenTelemetry.

    ::

        client = Client(observers=[Telemetry()])

    Each answer is a span of the kind client, from the request to the end, failed attempts
    included. It is also counted in the histograms of duration, tokens and times of chunks.

    Args:
        tracer_provider: Where to send spans; the global provider by default.
        meter_provider: Where to send measurements; the global provider by default.

    Attributes:
        tracer: What makes the spans.
        duration: The histogram of how long answers take, in seconds.
        tokens: The histogram of how many tokens they take.
        first_chunk: The histogram of the time to the first event, in seconds.
        next_chunk: The histogram of the time between two events, in seconds.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self.tracer = trace.get_tracer("openai_scan", __version__, tracer_provider)
        meter = metrics.get_meter("openai_scan", __version__, meter_provider)

        def histogram(name: str, unit: str, steps: tuple[float, ...], what: str) -> Histogram:
            return meter.create_histogram(
                f"gen_ai.client.{name}", unit, what, explicit_bucket_boundaries_advisory=steps
            )

        self.duration = histogram("operation.duration", "s", _SECONDS, "Duration of the operation.")
        self.tokens = histogram("token.usage", "{token}", _TOKENS, "Number of tokens used.")
        self.first_chunk = histogram(
            "operation.time_to_first_chunk", "s", _SECONDS, "Time to the first event."
        )
        self.next_chunk = histogram(
            "operation.time_per_output_chunk", "s", _CHUNK_SECONDS, "Time between events."
        )

    def __call__(self) -> Observer:
        """Return an observer for one stream."""
        return _Teller(self)


class _Teller(Observer):
    """Reports one stream."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._to = telemetry
        self._span: Span = trace.INVALID_SPAN
        self._facts: dict[
            str, Any
        ] = {}  # attributes of measurements; few, to limit their combinations
        self._began = 0.0
        self._last: float | None = None
        self._reasons: dict[int, str] = {}  # the last finish reason of each choice

    def began(self, stream: Watched) -> None:
        body = _body_of(stream)
        self._facts = dict(_facts_of(stream, body))
        asked = {
            name: body[field] for field, name in _REQUESTED.items() if body.get(field) is not None
        }
        name = f"{self._facts['gen_ai.operation.name']} {body.get('model') or ''}".strip()
        self._span = self._to.tracer.start_span(
            name,
            kind=SpanKind.CLIENT,
            attributes={**self._facts, **asked, "gen_ai.request.stream": True},
        )
        self._began = time.monotonic()
        self._last = None
        self._reasons = {}

    def event(self, stream: Watched, event: Event) -> None:  # noqa: ARG002 - the event has everything
        now = time.monotonic()
        if self._last is None:
            self._to.first_chunk.record(now - self._began, self._facts)
            self._span.set_attribute("gen_ai.response.time_to_first_chunk", now - self._began)
        else:
            self._to.next_chunk.record(now - self._last, self._facts)
        self._last = now
        for choice, reason in _reasons_of(event):
            known = choice in self._reasons or len(self._reasons) < _MAX_REASONS
            if known and _CODE.fullmatch(reason):
                self._reasons[choice] = reason

    def renewed(self, stream: Watched, error: ScanError) -> None:  # noqa: ARG002 - likewise
        self._span.add_event("openai_scan.renewed", {"error.type": type(error).__name__})

    def ended(self, stream: Watched, outcome: Outcome, error: ScanError | None) -> None:
        answered = dict(_answered_by(stream))
        if "gen_ai.response.model" in answered:
            self._facts["gen_ai.response.model"] = answered["gen_ai.response.model"]
        if error is not None:
            self._facts["error.type"] = type(error).__name__
            self._span.set_status(Status(StatusCode.ERROR, _described(error)))
        self._to.duration.record(time.monotonic() - self._began, self._facts)
        usage = usage_of(stream, outcome)
        if usage is not None and not usage.estimated:
            for kind, count in (("input", usage.input), ("output", usage.output)):
                if count is not None:
                    answered[f"gen_ai.usage.{kind}_tokens"] = count
                    self._to.tokens.record(count, {**self._facts, "gen_ai.token.type": kind})
        if self._reasons:
            reasons = [reason for _, reason in sorted(self._reasons.items())]
            answered["gen_ai.response.finish_reasons"] = reasons
        self._span.set_attributes({**self._facts, **answered, "openai_scan.outcome": outcome})
        self._span.end()


def _reasons_of(event: Event) -> Iterator[tuple[int, str]]:
    """Yield the choices that end with *event*, each with its finish reason, as the server says."""
    choices = getattr(event, "choices", None)
    if choices is None:
        reason = event.unwrap_finish_reason()
        choices = () if reason is None else ((0, reason),)
    else:
        choices = ((choice.index, choice.finish_reason) for choice in choices)
    yield from ((number, reason) for number, reason in choices if reason)


def _body_of(stream: Watched) -> Mapping[str, Any]:
    """Return the body of the request, as far as it is known."""
    body = getattr(getattr(stream.source, "request", None), "body", None)
    return body if isinstance(body, Mapping) else {}


def _facts_of(stream: Watched, body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what is known before the answer."""
    source = stream.source
    url = urlsplit((source.url if isinstance(source, AnsweredSource) else None) or "")
    words = [word for word in url.path.split("/") if word in _OPERATIONS]
    yield "gen_ai.operation.name", _OPERATIONS[words[0]] if words else _OTHER_OPERATION
    yield "gen_ai.provider.name", "openai"
    if body.get("model"):
        yield "gen_ai.request.model", str(body["model"])
    if url.hostname:
        yield "server.address", url.hostname
        yield "server.port", url.port or (443 if url.scheme == "https" else 80)


def _answered_by(stream: Watched) -> Iterator[tuple[str, Any]]:
    """Yield the attributes that the answer reports about itself."""
    answer: Any = stream.snapshot()
    # Responses and runs nest it one level deeper.
    inner = getattr(answer, "response", None) or getattr(answer, "run", None) or answer
    for name in ("id", "model"):
        value = getattr(inner, name, None)
        if isinstance(value, str) and _NAME.fullmatch(value):
            yield f"gen_ai.response.{name}", value


def _described(error: ScanError) -> str:
    """Return the class of an error, its HTTP status and its code, but not its message."""
    facts = [type(error).__name__]
    if isinstance(error, APIError):
        if error.status is not None:
            facts.append(str(error.status))
        if isinstance(error.code, str) and _CODE.fullmatch(error.code):
            facts.append(error.code)
    return " ".join(facts)
