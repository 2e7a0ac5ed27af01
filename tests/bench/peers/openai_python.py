"""openai-python: its typed events, through its own methods; and its decoder of raw events alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any


def raw(chunks: Iterable[bytes], family: str) -> tuple[int, int]:
    """Read the raw events of a stream; the family makes no difference."""
    events = characters = 0
    for event in _client([])._make_sse_decoder().iter_bytes(iter(chunks)):
        events += 1
        characters += len(event.data)
    return events, characters


def typed(chunks: Iterable[bytes], family: str) -> tuple[int, int]:
    """Step through the typed events of a stream, and take each one's text; `[DONE]` is not one."""
    ask, text_of = _FAMILIES[family]
    events = characters = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # all of Assistants
        stream = ask(_client(chunks))
    for event in stream:
        events += 1
        characters += len(text_of(event) or "")
    return events, characters


def _client(chunks: Iterable[bytes]) -> Any:
    """Return a client whose every request is answered with *chunks*."""
    import httpx2
    from openai import OpenAI

    def answer(request: httpx2.Request) -> httpx2.Response:
        headers = {"Content-Type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, content=_once(chunks))

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    return OpenAI(api_key="-", base_url="http://localhost", http_client=http, max_retries=0)


def _once(chunks: Iterable[bytes]) -> Iterator[bytes]:
    # httpx would take a list for something else.
    yield from chunks


def _ask_assistants(client: Any) -> Iterable[Any]:
    stream: Iterable[Any] = client.beta.threads.runs.create("t", assistant_id="a", stream=True)
    return stream


def _ask_chat(client: Any) -> Iterable[Any]:
    stream: Iterable[Any] = client.chat.completions.create(model="m", messages=[], stream=True)
    return stream


def _ask_completions(client: Any) -> Iterable[Any]:
    stream: Iterable[Any] = client.completions.create(model="m", prompt="", stream=True)
    return stream


def _ask_responses(client: Any) -> Iterable[Any]:
    stream: Iterable[Any] = client.responses.create(model="m", input="", stream=True)
    return stream


def _ask_audio(client: Any) -> Iterable[Any]:
    stream: Iterable[Any] = client.audio.transcriptions.create(
        model="m", file=("a.wav", b""), stream=True
    )
    return stream


def _ask_images(client: Any) -> Iterable[Any]:
    stream: Iterable[Any] = client.images.generate(model="m", prompt="", stream=True)
    return stream


def _text_of_assistants(event: Any) -> str | None:
    if event.event != "thread.message.delta":
        return None
    text: str | None = event.data.delta.content[0].text.value
    return text


def _text_of_chat(chunk: Any) -> str | None:
    text: str | None = chunk.choices[0].delta.content if chunk.choices else None
    return text


def _text_of_completions(chunk: Any) -> str | None:
    text: str | None = chunk.choices[0].text if chunk.choices else None
    return text


def _text_of_responses(event: Any) -> str | None:
    return event.delta if event.type == "response.output_text.delta" else None


def _text_of_audio(event: Any) -> str | None:
    return event.delta if event.type == "transcript.text.delta" else None


def _text_of_images(event: Any) -> None:
    assert event.type.startswith("image_generation.")


# How each is asked for, and where its events have their text.
_FAMILIES: dict[str, tuple[Callable[[Any], Iterable[Any]], Callable[[Any], str | None]]] = {
    "assistants": (_ask_assistants, _text_of_assistants),
    "recorded": (_ask_assistants, _text_of_assistants),
    "chat": (_ask_chat, _text_of_chat),
    "completions": (_ask_completions, _text_of_completions),
    "responses": (_ask_responses, _text_of_responses),
    "audio": (_ask_audio, _text_of_audio),
    "images": (_ask_images, _text_of_images),
}
