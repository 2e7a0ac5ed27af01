"""Asynchronous streams for asyncio and Trio, decided by the same machine as the blocking ones."""

from openai_scan.aio.reading import AsyncSource
from openai_scan.aio.streamer import AsyncStreamerV2, AsyncSuccessor

__all__ = ["AsyncSource", "AsyncStreamerV2", "AsyncSuccessor"]
