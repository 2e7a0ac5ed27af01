"""In WASI there are neither threads nor TLS, and streams are read from bytes that are passed in.

`make hosts` does it in such a Python, and sees that `MISSING` is what it lacks.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from recordings import OWN

from openai_scan import StreamerV2

pytestmark = pytest.mark.unmeasured

MISSING = (
    "ctypes",
    "curses",
    "fcntl",
    "grp",
    "lzma",
    "mmap",
    "multiprocessing",
    "pwd",
    "readline",
    "resource",
    "ssl",
    "syslog",
    "termios",
)
"""What the standard library has on Linux and not in WASI."""

# Modules that can be imported in WASI but are useless, since nothing can be reached.
_USELESS = ("asyncio", "requests", "select", "selectors", "socket", "subprocess", "urllib3")

_READ = """
import sys

for name in sys.argv[1].split():
    sys.modules[name] = None  # an import of it fails

import signal

del signal.valid_signals

import _thread

from openai_scan import StreamerV2

def refuse(*args):
    raise RuntimeError("can't start new thread")

_thread.start_new_thread = refuse
with StreamerV2(sys.stdin.buffer) as s:
    print(sum(1 for event in iter(s.next, False)), s.outcome, s.err())
"""

# One recording for each family, and one that breaks off.
_STREAMS = (
    "servers/llamacpp_chat_text.sse",
    "servers/llamacpp_completions_text.sse",
    "servers/llamacpp_responses_text.sse",
    "servers/oaa_run_text.sse",
    "servers/aimock_chat_truncate.sse",
)


@pytest.mark.parametrize("name", _STREAMS)
def test_a_stream_is_read_as_elsewhere(name: str) -> None:
    """The stream is the same without the modules that WASI lacks or that are useless there."""
    body = OWN[name]
    with StreamerV2([body]) as s:
        count = sum(1 for _ in iter(s.next, False))
        expected = f"{count} {s.outcome} {s.err()}\n"
    ran = subprocess.run(
        [sys.executable, "-c", _READ, " ".join(MISSING + _USELESS)],
        input=body,
        capture_output=True,
        check=True,
    )
    assert (count > 3, ran.stdout.decode()) == (True, expected)
