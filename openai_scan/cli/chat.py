"""`openai-scan chat`: Chat Completions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from openai_scan.cli import options
from openai_scan.cli.answers import Output
from openai_scan.cli.conversation import Messages, converse, opening
from openai_scan.client import Client
from openai_scan.streamer import StreamerV2


@options.command(
    "chat",
    about="Ask a model by Chat Completions, and print its answer as it arrives: rendered on a"
    " terminal, as it is elsewhere. PROMPT is what to ask, where - stands for standard input;"
    " without one, a conversation begins on a terminal.",
    example="""\
chat --model gpt-5 "Why is the sky blue?"
chat -m gpt-5 -p temperature=0 "Sum this up:" - < report.txt
chat -m llama --base-url http://localhost:8080/v1""",
)
@options.question
@options.model
@options.system
@options.parameters
@options.with_client
@options.with_output
def command(
    *,
    client: Client,
    output: Output,
    prompt: Sequence[str],
    model: str,
    system: str | None,
    parameters: Mapping[str, Any],
) -> int:
    """Ask, and print the answer."""

    def ask(said: Messages) -> StreamerV2:
        return client.create_chat_completion_stream(
            model=model, messages=[*opening(system), *said], extra_body=parameters
        )

    return converse(ask, output, options.asked(prompt))
