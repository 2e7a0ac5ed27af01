"""Stream an answer from a server that asks for a client certificate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import requests

from openai_scan import StreamerV2


@contextmanager
def ask(base_url: str, question: str) -> Iterator[StreamerV2]:
    """Give the stream of a chat completion, and close its connection at the end."""
    body = {
        "model": "gpt-5",
        "messages": [{"role": "user", "content": question}],
        "stream": True,
    }
    with requests.post(
        f"{base_url}/chat/completions",
        json=body,
        headers={"Authorization": "Bearer sk-..."},
        cert=("client.pem", "client.key"),
        stream=True,
        timeout=60,
    ) as response:
        response.raise_for_status()
        with StreamerV2(response.raw) as s:
            yield s
