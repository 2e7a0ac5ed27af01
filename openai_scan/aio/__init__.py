"""Asynchronous streams, on asyncio and Trio alike, with the judgement of the blocking ones."""

from openai_scan.aio.reading import AsyncSource
from openai_scan.aio.streamer import AsyncStreamerV2, AsyncSuccessor

__all__ = ["AsyncSource", "AsyncStreamerV2", "AsyncSuccessor"]
