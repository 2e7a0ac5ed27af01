"""A server on this machine that answers without a model and explains how to try the relay."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from openai_scan.testing import (
    FakeServer,
    Reply,
    SeenRequest,
    Step,
    background_responses,
    chat_chunk,
    chat_usage,
    delay,
    done,
    error,
    response_answer,
)
from openai_scan.testing.steps import pieces_of

PARROTS = ("parrot", "thinking-parrot")
"""The names of its models. The second one shows its reasoning."""

# The pause between two words, in seconds; about as fast as people read.
_PACE = 0.05

_SAYS = """\
You said: {question}

I am a parrot, not a model. There is no key, so this answer comes from your own machine, word by \
word. Reload this page while I speak, or open its address in a second tab: the answer continues in \
both of them, and is stored once. Stop, or the Escape key, ends it for both. What looks like \
<b>markup</b> stays text.

To ask a model, set OPENAI_API_KEY and name the model by --model."""

_THINKS = "Someone is talking to me. A parrot repeats what it hears, so I repeat it first."


class ParrotServer(FakeServer):
    """A fake server that repeats the prompt, with Chat Completions and the Responses API.

    A response in background mode can be resumed and cancelled, as with the real service.

    Args:
        pace: The pause after each word, in seconds.
    """

    def __init__(self, *, pace: float = _PACE) -> None:
        super().__init__(self._answer, strict=False)
        self._pace = pace
        self._responses = background_responses()
        self._adding = threading.Lock()

    def _answer(self, request: SeenRequest) -> Reply | Iterable[Step]:
        body: Any = request.json
        match request.method, request.path:
            case "POST", "/chat/completions":
                return self._chat(body["model"], body["messages"])
            case "POST", "/responses":
                events = response_answer(_answer_to(body["input"]))
                with self._adding:
                    self._responses.add(self._paced(events))
                    return self._responses(request)
            case _, path if path.startswith("/responses/"):
                return self._responses(request)
        return error(404, f"the parrot does not know {request.method} {request.path}")

    def _chat(self, model: str, messages: Sequence[Any]) -> Iterator[Step]:
        words = pieces_of(_answer_to(messages))
        thoughts = pieces_of(_THINKS) if model == PARROTS[1] else []
        yield from self._paced([chat_chunk(reasoning_content=word) for word in thoughts])
        yield from self._paced([chat_chunk(word) for word in words])
        yield chat_chunk(finish_reason="stop")
        yield chat_usage(len(_question(messages).split()), len(words) + len(thoughts))
        yield done()

    def _paced(self, events: Sequence[bytes]) -> Iterator[Step]:
        for event in events:
            yield event
            yield delay(self._pace)


def _question(messages: Sequence[Any]) -> str:
    return str(messages[-1]["content"])


def _answer_to(messages: Sequence[Any]) -> str:
    return _SAYS.format(question=_question(messages))
