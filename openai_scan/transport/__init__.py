"""An HTTP answer as a source of bytes.

`Transport` sends a request; the answer is an `Exchange`, which a `StreamerV2` reads.
docs/explanation/transport.md explains the design.
"""

from openai_scan.transport.exchange import Exchange
from openai_scan.transport.request import Request, Upload
from openai_scan.transport.settings import RetryPolicy, Timeout
from openai_scan.transport.transport import Transport

__all__ = ["Exchange", "Request", "RetryPolicy", "Timeout", "Transport", "Upload"]
