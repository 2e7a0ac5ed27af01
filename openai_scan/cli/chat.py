"""`openai-scan chat`: Chat Completions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openai_scan.cli.conversation import Messages, conversing, opening
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
    return client.create_chat_completion_stream(
        model=model, messages=[*opening(system), *said], extra_body=parameters
    )


command = conversing(
    ask,
    "chat",
    api="chat",
    prompt_in="messages",
    about="Ask a model with Chat Completions, and print its answer as it arrives: rendered as"
    " Markdown on a terminal, unchanged elsewhere. In PROMPT, - is replaced by standard input."
    " Without a PROMPT, a conversation begins on a terminal.",
    example="""\
chat --model gpt-5 "Why is the sky blue?"
chat -m gpt-5 -p temperature=0 "Sum this up:" - < report.txt
chat -m llama --base-url http://localhost:8080/v1""",
)
