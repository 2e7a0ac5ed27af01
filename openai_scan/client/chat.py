"""The Chat Completions API.

Source: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import Unpack

from openai_scan.client.base import BaseClient, expect_whole
from openai_scan.client.params import CreateChatCompletion
from openai_scan.streamer import StreamerV2

if TYPE_CHECKING:
    from openai_scan.events.chat import ChatEvent
    from openai_scan.events.chat.snapshot import ChatCompletion


class ChatMethods(BaseClient):
    """The methods of `Client` for the Chat Completions API."""

    def create_chat_completion_stream(
        self, **params: Unpack[CreateChatCompletion]
    ) -> StreamerV2[ChatEvent, ChatCompletion]:
        """Answer a conversation and stream the answer.

        Tokens are counted, at the end, only if you ask for it:
        `stream_options={"include_usage": True}`. Some compatible servers refuse to.
        """
        return self._stream("/chat/completions", CreateChatCompletion, params, stream=True)

    def create_chat_completion(self, **params: Unpack[CreateChatCompletion]) -> ChatCompletion:
        """Answer a conversation and return the whole answer.

        The answer is streamed all the same, so nothing times out while a long one is on its way.
        So its `usage` is None unless you ask for it: `stream_options={"include_usage": True}`. The
        method does not ask by itself, because some compatible servers refuse a request that does.

        Raises:
            ScanError: The answer is not whole; what came is the exception's `snapshot`.
        """
        expect_whole(params, "create_chat_completion_stream")
        with self.create_chat_completion_stream(**params) as s:
            return s.final()
