"""Each method of the client sends what OpenAI's document says of its endpoint.

The facts are in `tests/spec/requests.json`; `tests/spec/extract_requests.py` makes them.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import inspect
import json
import re
import subprocess
import sys
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import typing_extensions
from memory_wire import JSON, MemoryWire, Reply

from openai_scan import AsyncStreamerV2, EventStreamError, StreamerV2
from openai_scan.client import Methods, params
from openai_scan.client.aio import AsyncMethods
from openai_scan.client.params.base import Extras
from openai_scan.transport import Transport
from openai_scan.transport.request import Parcel
from openai_scan.transport.transport import AsyncTransport

SPEC = Path(__file__).parent / "spec"
FACTS: dict[str, Any] = json.loads((SPEC / "requests.json").read_text(encoding="utf-8"))
ENDPOINTS: dict[str, Any] = FACTS["endpoints"]
URL = "http://memory.test/v1"

# A part of the query that the endpoint requires.
BETA = ("beta", "true")

# Public methods that send no request of their own.
OTHERS = {"close", "stream"}
METHODS = sorted({name for name in dir(Methods) if not name.startswith("_")} - OTHERS)

# What methods take before their parameters, besides ids. An id appears unchanged in a path.
ARGUMENTS = {
    "bookmark": {"format": 1, "answer_id": "response_id", "position": 7},
    "events": [{"type": "agent.session.input.cancel"}],
    "tool_outputs": [{"tool_call_id": "call_1", "output": "sun"}],
}

# Arguments of single methods that differ from these.
OWN_ARGUMENTS: dict[str, dict[str, Any]] = {
    "resume_agent_session_stream": {
        "bookmark": {"format": 1, "answer_id": "session_id", "position": "event_7"},
    },
}

# Parameters of the facts that the client has no argument for, by method, and the reason.
# You can send them in extra_body and extra_query.
_OF_STREAMS = "says what to send of a stream, which this method does not ask for"
_OF_WHOLE_IMAGES = {
    "frame_count": "'GIF output does not support streaming', says its description",
    "frame_duration_ms": "'Only supported with output_format=gif', which is not streamed",
    "response_format": "'Legacy', 'Unsupported for GPT image models', and no others stream",
    "svg": "'SVG generation requires n=1 and does not support streaming'",
}
LEFT_OUT: dict[str, dict[str, str]] = {
    "create_image_stream": _OF_WHOLE_IMAGES,
    "edit_image_stream": _OF_WHOLE_IMAGES,
    "retrieve_response": {"starting_after": _OF_STREAMS, "include_obfuscation": _OF_STREAMS},
}

UPLOAD = ("a.png", b"data")
SAMPLES = {str: "text", int: 1, float: 0.5, bool: True, Any: {"key": "value"}}
NUMBERS = {"integer": {"integer", "number"}}


ANSWER = Reply([b'{"id": "x", "deleted": true, "data": []}'], headers=JSON)


def client_over(wire: MemoryWire) -> Methods:
    """Return a client of a wire in memory."""
    transport = Transport(URL, key="k", wire=wire)
    return Methods(transport, timeout=None, retries=None, stream_options={}, observers=())


def parameters_of(method: str) -> Any:
    """Return the class of the parameters of a method."""
    hints = getattr(Methods, method).__annotations__
    [name] = filter(None, (re.fullmatch(r"Unpack\[(\w+)\]", hint) for hint in hints.values()))
    return getattr(params, name[1])


def hints_of(method: str) -> dict[str, Any]:
    """Return the parameters of a method, and what each of them may be."""
    hints = typing_extensions.get_type_hints(parameters_of(method))
    return {name: hint for name, hint in hints.items() if name not in Extras.__optional_keys__}


def samples(hint: Any) -> Iterator[Any]:
    """Yield a value of each kind that an annotation allows, but for None, which sends nothing."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint in SAMPLES:
        yield SAMPLES[hint]
    elif typing_extensions.is_typeddict(hint):
        hints = typing_extensions.get_type_hints(hint)
        yield {name: next(samples(hints[name])) for name in sorted(hint.__required_keys__)}
    elif origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        yield {"key": next(samples(inner[1]))}
    elif origin is not None and isinstance(origin, type) and issubclass(origin, Sequence):
        yield from ([value] for value in samples(inner[0]))
    elif bytes in inner:  # a file in any of its forms, or several of them
        yield UPLOAD
        yield from ([UPLOAD] for one in inner if typing.get_origin(one) is Sequence)
    else:
        for one in inner:
            if one is not type(None):
                yield from samples(one)


def kind_of(value: Any) -> str:
    """Return the type that a value has in the facts."""
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case tuple():
            return "file"
        case list():
            return f"array of {kind_of(value[0])}"
        case _:
            assert isinstance(value, dict)
            return "object"


def variants(method: str) -> Iterator[dict[str, Any]]:
    """Yield parameters of a method: those that it needs, then all, with each value that fits."""
    cls = parameters_of(method)
    values = {name: list(samples(hint)) for name, hint in hints_of(method).items()}
    yield {name: values[name][0] for name in cls.__required_keys__}
    for number in range(max(map(len, values.values()), default=0)):
        yield {name: some[number % len(some)] for name, some in values.items()}


def sent_by(method: str, given: Mapping[str, Any]) -> Parcel:
    """Return what a method sends."""
    wire = MemoryWire(ANSWER, blocking=True)
    with contextlib.suppress(EventStreamError):  # no API sends such an answer
        made = getattr(client_over(wire), method)(*arguments_of(method), **given)
        if isinstance(made, StreamerV2):
            made.next()
            made.err()
            made.close()
    [parcel] = wire.sent
    return parcel


async def sent_asynchronously_by(method: str, given: Mapping[str, Any]) -> Parcel:
    """Return what a method of an asynchronous client sends."""
    wire = MemoryWire(ANSWER)
    transport = AsyncTransport(URL, key="k", wire=wire)
    client = AsyncMethods(transport, timeout=None, retries=None, stream_options={}, observers=())
    with contextlib.suppress(EventStreamError):
        made = getattr(client, method)(*arguments_of(method), **given)
        if isinstance(made, AsyncStreamerV2):
            await made.next()
            made.err()
            await made.close()
        else:
            await made
    [parcel] = wire.sent
    return parcel


def arguments_of(method: str) -> list[Any]:
    """Return what a method takes before its parameters."""
    signature = inspect.signature(getattr(Methods, method))
    known = ARGUMENTS | OWN_ARGUMENTS.get(method, {})
    return [
        known.get(name, name)
        for name, one in signature.parameters.items()
        if one.kind is one.POSITIONAL_OR_KEYWORD and name != "self"
    ]


def endpoint_of(method: str, parcel: Parcel) -> str:
    """Return the method and the path of a request, with the names of the ids in their places."""
    path = parcel.url.removeprefix(URL)
    for name in re.findall(r"\w+_id", path):
        path = path.replace(name, f"{{{name}}}")
    beta = "?beta=true" if BETA in parcel.query else ""
    return f"{parcel.method} {path}{beta}"


def query_of(parcel: Parcel) -> set[str]:
    """Return the names in the query of a request, other than the part of its endpoint."""
    return {re.sub(r"\[.*", "", one[0]) for one in parcel.query if one != BETA}


def body_of(parcel: Parcel) -> dict[str, Any]:
    """Return the names in the body of a request; of JSON with their values."""
    if isinstance(parcel.data, bytes):
        body = json.loads(parcel.data)
        assert isinstance(body, dict)
        return body
    names = [*(parcel.data or ()), *((upload.field, None) for upload in parcel.uploads)]
    return {re.sub(r"\[.*", "", name): None for name, _ in names}


@pytest.mark.unmeasured
@pytest.mark.parametrize("method", METHODS)
def test_a_request_is_as_its_endpoint_has_it(method: str) -> None:
    """Method, path, headers, the form of the body, and the place and type of each parameter."""
    for given in variants(method):
        parcel = sent_by(method, given)
        endpoint = endpoint_of(method, parcel)
        assert endpoint in ENDPOINTS
        facts = ENDPOINTS[endpoint]
        query = query_of(parcel)
        body = body_of(parcel)
        assert query <= facts["query"].keys()
        assert body.keys() <= facts["body"].keys()
        assert set(facts["required"]) <= query | body.keys()
        assert given.keys() <= query | body.keys()
        for name, value in given.items():
            kinds = NUMBERS.get(kind_of(value), {kind_of(value)})
            assert kinds & set((facts["query"] | facts["body"])[name]), (name, value)
        for name, _ in [one for one in parcel.query if one != BETA]:
            [*types] = facts["query"][re.sub(r"\[.*", "", name)]
            assert name.endswith("[]") == any(one.startswith("array") for one in types)
        if isinstance(parcel.data, bytes):
            assert body.items() >= {name: given[name] for name in given if name in body}.items()
        assert sends(parcel) == facts["sends"]
        assert parcel.headers.get("OpenAI-Beta") == facts["headers"].get("OpenAI-Beta")


@pytest.mark.parametrize("method", METHODS)
def test_an_asynchronous_client_sends_the_same(method: str) -> None:
    """Its methods are written by a script, and each is called here."""
    for given in variants(method):
        blocking = sent_by(method, given)
        awaited = asyncio.run(sent_asynchronously_by(method, given))
        for parcel in (blocking, awaited):
            assert isinstance(parcel.headers, dict)
            parcel.headers.pop("Idempotency-Key", None)  # of each call its own
        assert awaited == blocking


def sends(parcel: Parcel) -> str | None:
    """Return in which form a request has a body, or None."""
    if parcel.uploads:
        return "form"
    assert ("Content-Type" in parcel.headers) == (parcel.data is not None)
    return None if parcel.data is None else "JSON"


def test_several_agents_are_a_beta_that_has_to_be_asked_for() -> None:
    """The rest of a stream that breaks off is asked for in the same way."""
    created = {"id": "resp_1", "object": "response", "background": True, "status": "in_progress"}
    done = {**created, "status": "completed", "output": []}
    events = [
        {"type": f"response.{name}", "sequence_number": number, "response": response}
        for number, (name, response) in enumerate((("created", created), ("completed", done)))
    ]
    first, second = (b"data: %b\n\n" % json.dumps(event).encode() for event in events)
    wire = MemoryWire(Reply([first]), Reply([second]), blocking=True)
    stream = client_over(wire).create_response_stream(
        input="Hi",
        background=True,
        multi_agent={"enabled": True},
        extra_query={"trace": "1"},
        extra_headers={"X-Trace": "1"},
    )
    assert [event.type for event in stream] == ["response.created", "response.completed"]
    asked, resumed = wire.sent
    assert (asked.method, resumed.method) == ("POST", "GET")
    for parcel in (asked, resumed):
        assert {("beta", "true"), ("trace", "1")} <= set(parcel.query)
        assert parcel.headers["OpenAI-Beta"] == "responses_multi_agent=v1"
        assert parcel.headers["X-Trace"] == "1"


@pytest.mark.unmeasured
@pytest.mark.parametrize("method", METHODS)
def test_no_parameter_is_forgotten(method: str) -> None:
    """Parameters that are left out on purpose are listed, with the reason."""
    (*_, parcel) = (sent_by(method, given) for given in variants(method))
    facts = ENDPOINTS[endpoint_of(method, parcel)]
    sent = query_of(parcel) | body_of(parcel).keys()
    left_out = LEFT_OUT.get(method, {}).keys()
    assert (facts["query"] | facts["body"]).keys() - sent - {"stream"} == left_out


@pytest.mark.unmeasured
def test_the_facts_are_those_of_the_official_client() -> None:
    """They have not been edited by hand. If a newer client knows more, extract them again."""
    version = importlib.metadata.version("openai")
    if FACTS["source"] != f"openai {version}":
        pytest.skip(f"they are those of {FACTS['source']}, and {version} is installed")
    command = [sys.executable, str(SPEC / "extract_requests.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
