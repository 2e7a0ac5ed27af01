"""The Completions API, the predecessor of chat; base models still use it.

Source: https://platform.openai.com/docs/api-reference/completions
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import Unpack

from openai_scan.client.base import BaseClient, expect_whole
from openai_scan.client.params import CreateCompletion
from openai_scan.streamer import StreamerV2

if TYPE_CHECKING:
    from openai_scan.events.completions import CompletionEvent
    from openai_scan.events.completions.snapshot import CompletionAnswer


class CompletionsMethods(BaseClient):
    """The methods of `Client` for the Completions API."""

    def create_completion_stream(
        self, **params: Unpack[CreateCompletion]
    ) -> StreamerV2[CompletionEvent, CompletionAnswer]:
        """Continue a text and stream the continuation.

        For token counts, which come at the end, pass `stream_options={"include_usage": True}`. Some
        compatible servers reject that.
        """
        return self._stream("/completions", CreateCompletion, params, stream=True)

    def create_completion(self, **params: Unpack[CreateCompletion]) -> CompletionAnswer:
        """Continue a text and return the whole continuation.

        The answer is streamed internally, so a long one does not time out. Its `usage` is therefore
        None unless you pass `stream_options={"include_usage": True}`. That is not the default
        because some compatible servers reject it.

        Raises:
            ScanError: The answer is not whole. The exception's `snapshot` is the answer so far.
        """
        expect_whole(params, "create_completion_stream")
        with self.create_completion_stream(**params) as s:
            return s.final()
