"""The program: finds the command, runs it, and turns every error into one sentence."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence

import click
from click.shell_completion import shell_complete

from openai_scan._version import __version__
from openai_scan.cli.options import no_color
from openai_scan.cli.status import MEANINGS, PROGRAM, Status
from openai_scan.cli.writer import (
    complain,
    drop_output,
    flush,
    is_closed_pipe,
    replace_what_cannot_be_encoded,
)
from openai_scan.errors import ConfigurationError, RecordingError, ScanError

# The commands, in the order in which the help lists them. Their descriptions are here too, so that
# `openai-scan --help` does not have to import any of them.
COMMANDS = {
    "demo": "stream a recorded answer from a server on this machine",
    "chat": "ask a model by Chat Completions, once or in a conversation",
    "respond": "ask a model by the Responses API, once or in a conversation",
    "logs": "show, search and export questions and answers",
    "models": "list the models of a server, or set the default model",
    "keys": "store API keys, each for one server",
    "templates": "save prompts and settings to reuse them",
    "run": "run an assistant, with tools if it needs some",
    "record": "write a stream to a file, with its times",
    "replay": "print a recording, or serve it as the API would",
    "redact": "copy a recording without what was said, for a bug report",
    "inspect": "list the events of a recording",
    "stats": "show how fast recorded streams were",
    "bench": "measure a server with many streams at once",
    "doctor": "check what a server supports, and what is broken",
    "relay": "serve a chat page whose answers survive reloads and restarts",
}

_COMPLETION = "_OPENAI_SCAN_COMPLETE"


class Commands(click.Group):
    """The commands; each is imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - they are always the same
        """Return their names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - likewise
        """Import a command; return None if there is no command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"openai_scan.cli.{cmd_name}")
        command: click.Command = module.command
        command.short_help = COMMANDS[cmd_name]  # some shells show it
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - likewise
        """Write the part of the help that lists them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - likewise
        """Write the part of the help that explains the exit statuses."""
        with formatter.section("Exit status"):
            formatter.write_dl([(str(int(status)), says) for status, says in MEANINGS.items()])


@click.group(PROGRAM, cls=Commands, no_args_is_help=False)
@click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
@no_color
def program() -> None:
    """Ask models, record and replay their streams, and check servers.

    The key comes from OPENAI_API_KEY (set it to an empty string if the server needs none), and the
    URL of the server from OPENAI_BASE_URL.

    Example: openai-scan chat --model gpt-5 "Why is the sky blue?"
    """


def run(arguments: Sequence[str]) -> int:
    """Run the command that *arguments* name, and return its exit status."""
    replace_what_cannot_be_encoded()
    return status_of(lambda: _invoke(list(arguments)))


def status_of(do: Callable[[], int]) -> int:
    """Return the status that *do* returns, or report its error and return the status for that."""
    try:
        status = do()
        flush()
    except KeyboardInterrupt:
        return complain("interrupted", Status.INTERRUPTED)
    except click.exceptions.Exit as end:  # --help and --version have been printed
        return end.exit_code
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        path = PROGRAM if context is None else context.command_path
        sentence = error.format_message().rstrip(".")
        return complain(f"{sentence}; see {path} --help", Status.BAD_INPUT)
    except (ConfigurationError, RecordingError) as error:
        return complain(str(error), Status.BAD_INPUT)
    except ScanError as error:
        return complain(str(error))
    except OSError as error:
        return _failed(error)
    return status


def _failed(error: OSError) -> Status:
    """Report an error of the operating system, and return the exit status."""
    if is_closed_pipe(error):
        drop_output()
        return Status.BROKEN_PIPE
    if isinstance(error, FileExistsError):
        sentence = (
            f"{error.filename} already exists: name another file, or overwrite it with --force"
        )
        return complain(sentence, Status.BAD_INPUT)
    name = "" if error.filename is None else f"{error.filename}: "
    return complain(f"{name}{error.strerror or error}", Status.BAD_INPUT)


def _invoke(arguments: list[str]) -> int:
    """Run the command in *arguments*, or complete it if a shell asks for that."""
    if instruction := os.environ.get(_COMPLETION):
        # click returns the exit status: 0 if it knows the shell.
        return shell_complete(program, {}, PROGRAM, _COMPLETION, instruction)
    with program.make_context(PROGRAM, arguments) as context:
        status: int = program.invoke(context)
        return status
