"""`openai-scan respond`: the Responses API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openai_scan.cli.conversation import Messages, conversing
from openai_scan.client import Client
from openai_scan.streamer import StreamerV2


def ask(
    client: Client,
    said: Messages,
    *,
    model: str,
    system: str | None,
    parameters: Mapping[str, Any],
) -> StreamerV2:
    """Return the stream that answers the last message."""
    return client.create_response_stream(
        model=model, input=said, instructions=system, extra_body=parameters
    )


command = conversing(
    ask,
    "respond",
    api="responses",
    prompt_in="input",
    about="Ask a model with the Responses API, and print its answer as it arrives: rendered as"
    " Markdown on a terminal, unchanged elsewhere. In PROMPT, - is replaced by standard input."
    " Without a PROMPT, a conversation begins on a terminal; all of it is sent each time, so the"
    " server does not have to store it.",
    example="""\
respond --model gpt-5 "Why is the sky blue?"
respond -m gpt-5 -p 'reasoning={"effort": "low"}' "How many primes are below 100?"
respond -m gpt-5 --json "Count to ten." | jq -r .type""",
)
