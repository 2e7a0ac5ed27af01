"""`openai-scan redact`: a recording without what was said."""

from __future__ import annotations

import sys

import click

from openai_scan.cli import options
from openai_scan.cli.status import Status
from openai_scan.cli.writer import tell
from openai_scan.recording import redact_recording


@options.command(
    "redact",
    about="Copy the recording FILE to COPY with every letter replaced by an x, every digit by a 1"
    " and every ID by another. Events, sizes, times and the end stay, so a bug can be reproduced"
    " from the copy. Read it before you send it. A plain event stream is taken too, from standard"
    " input if FILE is -.",
    example="""\
redact sky.jsonl sky-redacted.jsonl
redact - sky-redacted.jsonl < sky.sse""",
)
@options.recording
@click.argument("copy", type=click.Path(dir_okay=False, writable=True), metavar="COPY")
@options.force
def command(*, file: str, copy: str, force: bool) -> int:
    """Write the copy."""
    redact_recording(sys.stdin.buffer if file == "-" else file, copy, overwrite=force)
    tell(f"redacted in {copy}: read it before you send it")
    return Status.WHOLE
