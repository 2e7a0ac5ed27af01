"""The obvious server: a FastAPI generator that reads the model, sends, and saves behind the loop.

EventSource can only GET, and a page that uses `fetch` would POST; both reach the same generator.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from openai_scan import AsyncClient

app = FastAPI()
client = AsyncClient("none", os.environ["FIELD_UPSTREAM"])


@app.post("/chat")
@app.get("/chat")
async def chat() -> StreamingResponse:
    """Stream an answer."""
    return StreamingResponse(_answer(), media_type="text/event-stream")


async def _answer() -> AsyncIterator[str]:
    text = ""
    messages = [{"role": "user", "content": "Go on."}]
    async with client.create_chat_completion_stream(model="words", messages=messages) as stream:
        async for delta in stream.text_deltas():
            text += delta
            yield f"data: {json.dumps(delta)}\n\n"
    with sqlite3.connect(os.environ["FIELD_DB"]) as database:
        database.execute("INSERT INTO messages (content) VALUES (?)", [text])
    yield "event: done\ndata: {}\n\n"
