"""Convert a stream that other tools have captured to a recording.

`python scripts/convert_recording.py PATH NAME.head NAME.jsonl > NAME.jsonl`

PATH is the path of the request. The second file has the status line and the headers. The third is
either the body itself, or one JSON line for each read: `{"t": seconds, "raw": text}`, with the
chunked framing included. The last line says how the stream `ended`.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from openai_scan.recording import End, Failure, Head, Read
from openai_scan.recording.lines import dump


def head_of(path: str, text: str, seconds: float | None) -> Head:
    """Return the response headers in *text* as the response to a request of *path*."""
    first, *lines = text.strip().splitlines()
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    status = int(first.split()[1])
    return Head(method="POST", url=path, status=status, headers=headers, t=seconds,
                library="none: converted")  # fmt: skip


def reads_of(lines: list[dict[str, object]]) -> Iterator[Read]:
    """Yield the reads of chunked framing, without it."""
    buffer = b""
    for line in lines:
        if "raw" in line:
            buffer += str(line["raw"]).encode()
        elif "b64" in line:
            buffer += base64.b64decode(str(line["b64"]))
        data = b""
        while b"\r\n" in buffer:
            size, _, rest = buffer.partition(b"\r\n")
            length = int(size, 16)
            if len(rest) < length + 2:
                break
            data += rest[:length]
            buffer = rest[length + 2 :]
        if data:
            yield Read(float(str(line["t"])), data)


def main(path: str, head: str, body: str) -> None:
    """Write the recording to the standard output."""
    if body.endswith(".jsonl"):
        lines = [json.loads(line) for line in Path(body).read_text("utf-8").splitlines()]
        seconds = next((line["t"] for line in lines if "head" in line), None)
        reads = list(reads_of([line for line in lines if "raw" in line or "b64" in line]))
        last = float(lines[-1]["t"])
        is_cut = lines[-1]["ended"] != "last chunk"
    else:
        seconds, last, is_cut = None, 0.0, False
        reads = [Read(0.0, Path(body).read_bytes())]
    write = sys.stdout.buffer.write
    write(dump(head_of(path, Path(head).read_text("utf-8"), seconds)))
    for read in reads:
        write(dump(read))
    failure = Failure(
        error="TransportError", message="the server closed the connection before the end"
    )
    end = End(t=last, end="cut", failure=failure) if is_cut else End(t=last, end="clean")
    write(dump(end))


if __name__ == "__main__":
    main(*sys.argv[1:])
