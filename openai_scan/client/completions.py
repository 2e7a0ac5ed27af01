"""The Completions API, which came before chat; base models still speak it.

Source: https://platform.openai.com/docs/api-reference/completions
"""

from __future__ import annotations

from typing_extensions import Unpack

from openai_scan.client.base import BaseClient
from openai_scan.client.params import CreateCompletion
from openai_scan.streamer import StreamerV2


class CompletionsMethods(BaseClient):
    """The methods of `Client` for the Completions API."""

    def create_completion_stream(self, **params: Unpack[CreateCompletion]) -> StreamerV2:
        """Go on with a text and stream what comes next."""
        return self._stream("/completions", CreateCompletion, params, stream=True)
