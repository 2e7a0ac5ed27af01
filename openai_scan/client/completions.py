"""The Completions API, which came before chat; base models still speak it.

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
        """Go on with a text and stream what comes next.

        Tokens are counted, at the end, only if you ask for it:
        `stream_options={"include_usage": True}`. Some compatible servers refuse to.
        """
        return self._stream("/completions", CreateCompletion, params, stream=True)

    def create_completion(self, **params: Unpack[CreateCompletion]) -> CompletionAnswer:
        """Go on with a text and return all of what comes next.

        The answer is streamed all the same, so nothing times out while a long one is on its way.
        So its `usage` is None unless you ask for it: `stream_options={"include_usage": True}`. The
        method does not ask by itself, because some compatible servers refuse a request that does.

        Raises:
            ScanError: The answer is not whole; what came is the exception's `snapshot`.
        """
        expect_whole(params, "create_completion_stream")
        with self.create_completion_stream(**params) as s:
            return s.final()
