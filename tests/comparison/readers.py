"""Read one stream with one library, and print what came of it as JSON.

`python -m comparison.readers LIBRARY PROBE BASE_URL` is a process of its own, so that a reader that
hangs can be ended. Each library is used as its own documentation shows, with its default settings.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

# One that all of them know: LiteLLM streams no Responses of a model that it does not know.
MODEL = "gpt-5"
QUESTION: list[Any] = [{"role": "user", "content": "Hello"}]

# How long a reader may take to return that has all of its answer, or is cancelled, in seconds.
PATIENCE = 10

# How many streams are read one after the other, to see how many connections they take.
STREAMS = 3


class Reader:
    """One of the libraries.

    Attributes:
        finish: What it says at the end about how the answer ended, if it does.
        types: The types of the events that it has handed out.
        answer_id: The id of the last response.
        last: The number of its last event.
    """

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.finish: str | None = None
        self.types: set[str] = set()
        self.answer_id = ""
        self.last = -1

    def chat(self) -> Iterator[Any]:
        """Yield the text of a chat completion, piece by piece."""
        raise NotImplementedError

    def response(self, **arguments: Any) -> Iterator[Any]:
        """Yield the text of a response, piece by piece."""
        raise NotImplementedError

    def resume(self) -> Iterator[Any]:
        """Yield the rest of the response, by a request that the user has to write."""
        raise NotImplementedError

    def cancel(self) -> None:
        """End the stream from another thread."""
        raise NotImplementedError


class OpenAIScan(Reader):
    """This library."""

    def __init__(self, base_url: str) -> None:
        from openai_scan import Client

        super().__init__(base_url)
        self._client = Client("key", base_url)
        self._stream: Any = None

    def chat(self) -> Iterator[Any]:
        return self._read(
            self._client.create_chat_completion_stream(model=MODEL, messages=QUESTION)
        )

    def response(self, **arguments: Any) -> Iterator[Any]:
        return self._read(
            self._client.create_response_stream(model=MODEL, input="Hello", **arguments)
        )

    def _read(self, stream: Any) -> Iterator[Any]:
        self._stream = stream
        while stream.next():
            self.types.add(type(stream.event()).__name__)
            if text := stream.text():
                yield text
        self.finish = stream.outcome
        if err := stream.err():
            raise err

    def cancel(self) -> None:
        self._stream.cancel()


class _OpenAIObjects(Reader):
    """A library that hands out the objects of the official client, or others with their fields."""

    _stream: Any = None

    def _read_chunks(self, stream: Any) -> Iterator[Any]:
        self._stream = stream
        for chunk in stream:
            self.types.add(type(chunk).__name__)
            for choice in chunk.choices:
                self.finish = choice.finish_reason
                if choice.delta.content:
                    yield choice.delta.content

    def _read_events(self, stream: Any) -> Iterator[Any]:
        for event in stream:
            self.types.add(type(event).__name__)
            self.last = getattr(event, "sequence_number", self.last)
            match event.type:
                case "response.created":
                    self.answer_id = event.response.id
                case "response.output_text.delta":
                    yield event.delta
                case "response.completed":
                    self.finish = event.response.status

    def cancel(self) -> None:
        self._stream.close()


class OpenAIPython(_OpenAIObjects):
    """The official client."""

    def __init__(self, base_url: str) -> None:
        import openai

        super().__init__(base_url)
        self._client = openai.OpenAI(api_key="key", base_url=base_url)

    def chat(self) -> Iterator[Any]:
        yield from self._read_chunks(
            self._client.chat.completions.create(model=MODEL, messages=QUESTION, stream=True)
        )

    def response(self, **arguments: Any) -> Iterator[Any]:
        return self._read_events(
            self._client.responses.create(model=MODEL, input="Hello", stream=True, **arguments)
        )

    def resume(self) -> Iterator[Any]:
        return self._read_events(
            self._client.responses.retrieve(self.answer_id, stream=True, starting_after=self.last)
        )


class HttpxSse(Reader):
    """httpx with httpx-sse, which leaves JSON and what it means to its user."""

    def __init__(self, base_url: str) -> None:
        import httpx

        super().__init__(base_url)
        # Without a time limit, as the others have it for minutes.
        self._client = httpx.Client(timeout=None)
        self._response: Any = None

    def chat(self) -> Iterator[Any]:
        for chunk in self._events("POST", "chat/completions", json=_asked(messages=QUESTION)):
            for choice in chunk.get("choices", ()):
                self.finish = choice["finish_reason"]
                if choice["delta"].get("content"):
                    yield choice["delta"]["content"]

    def response(self, **arguments: Any) -> Iterator[Any]:
        return self._read("POST", "responses", json=_asked(input="Hello", **arguments))

    def resume(self) -> Iterator[Any]:
        after = {"stream": "true", "starting_after": self.last}
        return self._read("GET", f"responses/{self.answer_id}", params=after)

    def _read(self, method: str, path: str, **request: Any) -> Iterator[Any]:
        for event in self._events(method, path, **request):
            self.last = event["sequence_number"]
            match event["type"]:
                case "response.created":
                    self.answer_id = event["response"]["id"]
                case "response.output_text.delta":
                    yield event["delta"]
                case "response.completed":
                    self.finish = event["response"]["status"]

    def _events(self, method: str, path: str, **request: Any) -> Iterator[Any]:
        from httpx_sse import connect_sse

        with connect_sse(self._client, method, f"{self.base_url}/{path}", **request) as source:
            self._response = source.response
            for sse in source.iter_sse():
                self.types.add(type(sse).__name__)
                if sse.data == "[DONE]":
                    break
                yield json.loads(sse.data)

    def cancel(self) -> None:
        self._response.close()


def _asked(**arguments: Any) -> dict[str, Any]:
    return {"model": MODEL, "stream": True, **arguments}


class LiteLLM(_OpenAIObjects):
    """LiteLLM as a library."""

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url)
        # It may not ask for prices in the network.
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
        import litellm

        litellm.suppress_debug_info = True
        self._litellm: Any = litellm
        self._asked = {"api_base": base_url, "api_key": "key"}

    def chat(self) -> Iterator[Any]:
        yield from self._read_chunks(
            self._litellm.completion(
                model=f"openai/{MODEL}", messages=QUESTION, stream=True, **self._asked
            )
        )

    def response(self, **arguments: Any) -> Iterator[Any]:
        return self._read_events(
            self._litellm.responses(
                model=f"openai/{MODEL}", input="Hello", stream=True, **self._asked, **arguments
            )
        )

    def resume(self) -> Iterator[Any]:
        return self._read_events(
            self._litellm.get_responses(
                self.answer_id, stream=True, starting_after=self.last, **self._asked
            )
        )


READERS: Mapping[str, Callable[[str], Reader]] = {
    "openai_scan": OpenAIScan,
    "openai-python": OpenAIPython,
    "httpx-sse": HttpxSse,
    "LiteLLM": LiteLLM,
}


def _read(pieces: Iterator[Any]) -> dict[str, Any]:
    texts: list[Any] = []
    error = None
    try:
        texts.extend(pieces)
    except Exception as problem:  # noqa: BLE001 - which one it is is the question
        error = _named(problem)
    return {"texts": texts, "error": error}


def _named(problem: BaseException) -> str:
    return f"{type(problem).__module__.partition('.')[0]}.{type(problem).__name__}"


def _said(reader: Reader) -> dict[str, Any]:
    return {"finish": reader.finish, "types": sorted(reader.types)}


def chat(reader: Reader) -> dict[str, Any]:
    """Read a chat completion."""
    return {**_read(reader.chat()), **_said(reader)}


def held(reader: Reader) -> dict[str, Any] | None:
    """Read one whose server says nothing more; None if the reader does not return."""
    found: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: found.append(chat(reader)), daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return found[0] if found else None


def chats(reader: Reader) -> dict[str, Any]:
    """Read some, one after the other."""
    return {"read": [_read(reader.chat()) for _ in range(STREAMS)]}


def response(reader: Reader) -> dict[str, Any]:
    """Read a response."""
    return {**_read(reader.response()), **_said(reader)}


def background(reader: Reader) -> dict[str, Any]:
    """Read a response that continues on the server when the connection breaks."""
    first = _read(reader.response(background=True))
    answer = {"first": first, **_said(reader)}
    if first["error"] is not None or reader.finish is None:
        try:
            answer["by_hand"] = _read(reader.resume())
        except NotImplementedError:
            answer["by_hand"] = None
    return answer


def cancel(reader: Reader) -> dict[str, Any]:
    """Cancel from another thread, while the reader waits for an event."""
    first = threading.Event()
    found: dict[str, Any] = {}

    def read() -> None:
        try:
            for _ in reader.chat():
                first.set()
        except Exception as problem:  # noqa: BLE001 - which one it is is the question
            found["error"] = _named(problem)
        found["returned"] = time.monotonic()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    first.wait()
    time.sleep(0.5)  # it has asked for the next event by then
    before = time.monotonic()
    reader.cancel()
    thread.join(PATIENCE)
    seconds = found["returned"] - before if "returned" in found else None
    return {"seconds": seconds, "error": found.get("error")}


def cost(reader: Reader) -> dict[str, Any]:
    """Return the CPU time of a piece of text, in µs, once everything is loaded."""
    # The first stream loads what the library loads when it is first used.
    for _ in reader.chat():
        pass
    before = None
    pieces = 0
    for _ in reader.chat():
        if before is None:
            before = _cpu()
        else:
            pieces += 1
    assert before is not None
    return {"us": (_cpu() - before) / pieces * 1e6, "pieces": pieces}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


PROBES: Mapping[str, Callable[[Reader], dict[str, Any] | None]] = {
    "chat": chat,
    "held": held,
    "chats": chats,
    "response": response,
    "background": background,
    "cancel": cancel,
    "cost": cost,
}


def main(library: str, probe: str, base_url: str) -> None:
    """Do what the command line says, and end without waiting for a reader that hangs."""
    found = PROBES[probe](READERS[library](base_url))
    print(json.dumps(found), flush=True)  # noqa: T201 - the process that started this one reads it
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
