"""`openai-scan demo`: a recorded answer, over real HTTP."""

from __future__ import annotations

from openai_scan.cli import options
from openai_scan.cli.printing import Output
from openai_scan.client import Client
from openai_scan.demo import ReplayServer


@options.command(
    "demo",
    about="Start a server on this machine that replays a recorded stream, and print the text as it"
    " arrives. Needs no key and no network.",
    example="demo --speed 10",
)
@options.speed
@options.no_color
def command(*, speed: float) -> int:
    """Play the recording."""
    with ReplayServer(speed=speed) as server, Client("demo", server.base_url) as client:
        # The statistics are part of the demonstration.
        output = Output(facts_on_stdout=True, colorless=options.wants_no_color())
        return output.show(client.create_run_stream("demo", assistant_id="demo"))
