"""An application: it answers a question, and says so where the answer is not whole."""

from __future__ import annotations

from openai_scan import Client


def answer(question: str) -> str:
    """Return the answer to *question*, as far as it came."""
    messages = [{"role": "user", "content": question}]
    with (
        Client() as client,
        client.create_chat_completion_stream(model="gpt-5", messages=messages) as s,
    ):
        text = ""
        while s.next():
            text += s.text() or ""
        return text if s.err() is None else f"{text} [broken off]"
