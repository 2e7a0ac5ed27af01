"""Streams can be read in an isolated subinterpreter, which refuses some modules and threads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "recorded"

# Python has a public module for this only since 3.14; this is the one that it uses.
IN_A_SUBINTERPRETER = """
import sys
code = sys.stdin.read()
try:
    import _interpreters
except ImportError:  # before 3.13
    import _xxsubinterpreters
    _xxsubinterpreters.run_string(_xxsubinterpreters.create(), code)
else:
    failure = _interpreters.exec(_interpreters.create("isolated"), code)
    if failure is not None:
        sys.exit(failure.formatted)
"""

FROM_MEMORY = """
from openai_scan import StreamerV2
chunk = '{"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":%s}}]}'
events = [chunk % '"Hi"', chunk % '" there"', chunk % '["odd"]', chunk % '5', "{", "[DONE]"]
with StreamerV2([f"data: {event}\\n\\n".encode() for event in events]) as s:
    while s.next():
        print(s.event().type, s.text())
    print(s.outcome, s.err(), s.snapshot().text, dict(s.notes))
"""

FROM_A_FILE = f"""
from openai_scan import StreamerV2, replay
for name in ("litellm_run", "llama.cpp_chat", "llama.cpp_response"):
    with StreamerV2(replay({str(FOLDER)!r} + "/" + name + ".jsonl")) as s:
        print([text for text in s.text_deltas()], s.outcome, s.snapshot().usage)
"""

ASYNCHRONOUS = """
from openai_scan import AsyncStreamerV2
async def source():
    yield b'event: response.output_text.delta\\ndata: {"delta": "Hi"}\\n\\n'
async def read():
    async with AsyncStreamerV2(source()) as s:
        while await s.next():
            print(s.event().type, s.text())
        print(s.err())
try:
    read().send(None)  # nothing is waited for, so no event loop is needed
except StopIteration:
    print("read")
"""

JSON = """
from openai_scan import PartialJSON
answer = PartialJSON()
answer.feed('{"city": "Ber')
print(answer.value)
"""


def run(*arguments: str, code: str) -> str:
    """Return what a Python prints that gets *code* on standard input."""
    environment = {name: os.environ[name] for name in os.environ if "COV" not in name}
    ran = subprocess.run(
        [sys.executable, *arguments],
        input=code,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


# asyncio loads OpenSSL, and some builds of 3.12 then end the whole process.
NO_OPENSSL = pytest.mark.skipif(
    sys.version_info[:2] == (3, 12), reason="OpenSSL in a subinterpreter ends the process"
)


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(FROM_MEMORY, id="memory"),
        pytest.param(FROM_A_FILE, id="file"),
        pytest.param(ASYNCHRONOUS, id="asynchronous", marks=NO_OPENSSL),
        pytest.param(JSON, id="JSON"),
    ],
)
def test_a_subinterpreter_reads_what_every_interpreter_reads(code: str) -> None:
    """The code prints the same in a subinterpreter as in the main one."""
    printed = run("-c", IN_A_SUBINTERPRETER, code=code)
    assert printed
    assert printed == run("-", code=code)
