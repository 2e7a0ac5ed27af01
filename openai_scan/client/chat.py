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

        For token counts, which come at the end, pass `stream_options={"include_usage": True}`. Some
        compatible servers reject that.
        """
        return self._stream("/chat/completions", CreateChatCompletion, params, stream=True)

    def create_chat_completion(self, **params: Unpack[CreateChatCompletion]) -> ChatCompletion:
        """Answer a conversation and return the whole answer.

        The answer is streamed internally, so a long one does not time out. Its `usage` is therefore
        None unless you pass `stream_options={"include_usage": True}`. That is not the default
        because some compatible servers reject it.

        Raises:
            ScanError: The answer is not whole. The exception's `snapshot` is the answer so far.
        """
        expect_whole(params, "create_chat_completion_stream")
        with self.create_chat_completion_stream(**params) as s:
            return s.final()
