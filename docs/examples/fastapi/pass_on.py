"""A server that passes answers on while they arrive."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse

from openai_scan import AsyncClient, AsyncStreamerV2


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Have one client for all requests, in the event loop of the server."""
    async with AsyncClient() as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


def ask(request: Request, question: str) -> AsyncStreamerV2[Any, Any]:
    """Return the answer to *question*, which is not requested yet."""
    client: AsyncClient = request.app.state.client
    messages = [{"role": "user", "content": question}]
    return client.create_chat_completion_stream(model="gpt-5", messages=messages)


@app.get("/text")
async def text(request: Request, question: str) -> StreamingResponse:
    """Answer with text."""
    return StreamingResponse(deltas(ask(request, question)), media_type="text/plain")


async def deltas(stream: AsyncStreamerV2[Any, Any]) -> AsyncIterator[str]:
    """Yield the text, and close the stream when the browser leaves."""
    async with stream as s:
        async for delta in s.text_deltas():
            yield delta


@app.get("/events")
async def events(request: Request, question: str) -> StreamingResponse:
    """Answer with events of your own, and with an HTTP status if there is no answer at all."""
    s = ask(request, question)
    if not await s.next():
        raise HTTPException(502, f"no answer: {type(s.err()).__name__}")
    return StreamingResponse(pieces(s), media_type="text/event-stream")


async def pieces(s: AsyncStreamerV2[Any, Any]) -> AsyncIterator[str]:
    """Yield what each event adds, and at the end how the answer ended."""
    async with s:
        while True:
            for piece in s.pieces():
                yield f"data: {json.dumps({'kind': piece.kind, 'text': piece.text})}\n\n"
            if not await s.next():
                break
        s.err()  # told below, so that leaving the block does not raise it
        yield f"data: {json.dumps({'outcome': s.outcome})}\n\n"
