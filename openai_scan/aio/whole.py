"""The methods of an asynchronous stream that first read it to its end."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, TypeVar

from openai_scan.aio.reading import AsyncSource
from openai_scan.stream.kinds import AnswerT, EventT
from openai_scan.stream.view import StreamView

T = TypeVar("T")


class AsyncWhole(StreamView[AsyncSource, EventT, AnswerT]):
    """The whole answer; `stream.whole` has the same for blocking streams."""

    @abstractmethod
    async def next(self) -> bool:
        """Step to the next event."""

    @abstractmethod
    async def close(self) -> None:
        """Close the source."""

    async def final(self) -> AnswerT:
        """Read the rest and return the whole answer; see `StreamerV2.final`."""
        await self._read_to_end()
        return self._final()

    async def final_as(self, cls: type[T]) -> T:
        """Return the whole answer as an instance of *cls*; see `StreamerV2.final_as`."""
        await self._read_to_end()
        return self._final_as(cls)

    async def messages(self, choice: int = 0) -> list[dict[str, Any]]:
        """Return the conversation for the next chat completion; see `StreamerV2.messages`."""
        await self._read_to_end()
        return self._messages(choice)

    async def input_items(self) -> list[dict[str, Any]]:
        """Return the conversation for the next response; see `StreamerV2.input_items`."""
        await self._read_to_end()
        return self._input_items()

    async def _read_to_end(self) -> None:
        # While a successor decides, `outcome` is that of the stream that has just ended.
        if self.outcome is None:
            while await self.next():
                pass
            await self.close()
