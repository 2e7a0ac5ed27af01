"""A server on this machine that replays a recorded stream at its own pace, for the demo.

`assistants.jsonl` is a recording of open-assistant-api, a real Assistants server, in front of a
scripted model.
"""

from __future__ import annotations

import io
from importlib.resources import files

from openai_scan.testing import FakeServer, recorded


class ReplayServer(FakeServer):
    """A fake server that answers every request with the recording.

    Args:
        speed: How much faster than recorded; infinity for no pauses.

    Raises:
        ValueError: The speed is not above 0.
    """

    def __init__(self, *, speed: float = 1.0) -> None:
        recording = files(__name__).joinpath("assistants.jsonl").read_bytes()
        [answer] = recorded(io.BytesIO(recording), speed=speed)
        super().__init__(answer, strict=False)
