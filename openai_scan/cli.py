"""The command line: `python -m openai_scan demo` and `run`."""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
from collections.abc import Sequence
from typing import TextIO

from openai_scan._version import __version__
from openai_scan.client import Client
from openai_scan.client.params import MessageParam
from openai_scan.demo import ReplayServer
from openai_scan.errors import ScanError
from openai_scan.streamer import StreamerV2

_EPILOG = """\
exit status: 0 the answer is whole; 1 it is not, and stderr says why; 2 wrong usage;
130 interrupted by Ctrl-C; 141 nobody reads the output any more.
"""

_INTERRUPTED = 128 + 2  # as shells report SIGINT
_BROKEN_PIPE = 128 + 13  # as shells report SIGPIPE

# What to say of an answer that is not whole although nothing went wrong.
_OUTCOMES = {
    "incomplete": "the answer is incomplete: the server cut it short at a limit",
    "requires_action": "the run waits for tool outputs, which this command cannot give",
    "cancelled": "the run was cancelled",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.command(options)
        sys.stdout.flush()
    except ScanError as error:
        return _complain(str(error))
    except KeyboardInterrupt:
        _complain("interrupted")
        return _INTERRUPTED
    except BrokenPipeError:
        # Python flushes stdout once more at its exit, and would complain about the pipe again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="openai_scan",
        description="Read OpenAI-style streams.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="stream a recorded answer from a server on this machine",
        description="Start a server on this machine that replays a recorded stream at its own "
        "pace, and print the text as it arrives.",
    )
    demo.add_argument(
        "--speed",
        type=_speed,
        default=1.0,
        metavar="X",
        help="times the recorded pace (default: 1)",
    )
    demo.set_defaults(command=_demo)
    run = commands.add_parser(
        "run",
        help="run an assistant and stream its answer",
        description="Run an assistant on a new thread and print its answer as it arrives.",
        epilog="example: python -m openai_scan run --assistant asst_1 'Why is the sky blue?'\n\n"
        "The key is taken from OPENAI_API_KEY, the server from OPENAI_BASE_URL.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument("--assistant", required=True, metavar="ID", help="the assistant to run")
    run.add_argument("--thread", metavar="ID", help="run it on this thread instead of a new one")
    run.add_argument("prompt", help="what to say to it; - reads it from standard input")
    run.set_defaults(command=_run)
    return parser


def _speed(text: str) -> float:
    """Return the number in *text*, for argparse."""
    speed = float(text)
    if not speed > 0:
        raise argparse.ArgumentTypeError("it has to be more than 0")
    return speed


def _demo(options: argparse.Namespace) -> int:
    with ReplayServer(speed=options.speed) as server, Client("demo", server.base_url) as client:
        # What it says about itself belongs to the show, so it goes to stdout too.
        return _print_stream(client.create_run_stream("demo", assistant_id="demo"), sys.stdout)


def _run(options: argparse.Namespace) -> int:
    prompt = sys.stdin.read() if options.prompt == "-" else options.prompt
    messages: list[MessageParam] = [{"role": "user", "content": prompt}]
    with Client() as client:
        if options.thread is None:
            stream = client.create_thread_and_run_stream(
                assistant_id=options.assistant, thread={"messages": messages}
            )
        else:
            stream = client.create_run_stream(
                options.thread, assistant_id=options.assistant, additional_messages=messages
            )
        return _print_stream(stream, sys.stderr)


def _print_stream(stream: StreamerV2, facts_to: TextIO) -> int:
    """Print the text as it arrives, then a line of facts; return the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # no answer is lost to a narrow terminal
    started = time.monotonic()
    first_text = None
    with stream as s:
        try:
            for text in s.text_deltas():
                first_text = first_text or time.monotonic()
                sys.stdout.write(text)
                sys.stdout.flush()
        finally:
            if first_text is not None:
                print(flush=True)
    facts = [f"{s.events_read} events"]
    if first_text is not None:
        facts.append(f"first text after {first_text - started:.2f} s")
    facts += [f"{time.monotonic() - started:.2f} s in all", str(s.outcome)]
    print(", ".join(facts), file=facts_to, flush=True)
    if s.outcome == "completed":
        return 0
    return _complain(_OUTCOMES[str(s.outcome)])


def _complain(sentence: str) -> int:
    print(f"openai_scan: {sentence}", file=sys.stderr)
    return 1
