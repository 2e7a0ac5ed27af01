"""The commands of `python -m openai_scan.web`: build the site, and try it on this machine."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence

from openai_scan.client.base_url import DEFAULT_BASE_URL
from openai_scan.errors import ConfigurationError
from openai_scan.web.site import build_site


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return the exit status.

    Args:
        arguments: The arguments after the command; those of the process by default.
    """
    asked = _parser().parse_args(arguments)
    try:
        asked.run(asked)
    except (ConfigurationError, OSError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m openai_scan.web",
        description="A web page that streams from a model without a backend.",
    )
    commands = parser.add_subparsers(required=True)
    build = commands.add_parser("build", help="write the page and everything it loads")
    build.add_argument("folder", help="the folder to write to")
    build.add_argument(
        "--pyodide",
        default="node_modules/pyodide",
        metavar="FOLDER_OR_URL",
        help="the npm package, or the URL of a folder with its files (default: %(default)s)",
    )
    build.add_argument(
        "--base-url",
        default=DEFAULT_BASE_URL,
        help="the base URL that the form suggests (default: %(default)s)",
    )
    build.add_argument(
        "--connect",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="allow requests only to this server; may be repeated",
    )
    build.add_argument(
        "--node",
        default=shutil.which("node"),
        help="the Node.js command, for compiling the modules (default: %(default)s)",
    )
    build.set_defaults(run=_build)
    serve = commands.add_parser(
        "serve", help="serve it on this machine, with a model that needs no key"
    )
    serve.add_argument("folder", help="the folder that `build` has written")
    serve.add_argument(
        "--port", type=int, default=8000, help="port of the page (default: %(default)s)"
    )
    serve.add_argument(
        "--api-port", type=int, default=8001, help="port of the model (default: %(default)s)"
    )
    serve.set_defaults(run=_serve)
    return parser


def _build(asked: argparse.Namespace) -> None:
    is_compiled = build_site(
        asked.folder,
        pyodide=asked.pyodide,
        base_url=asked.base_url,
        connect=asked.connect,
        node=asked.node or None,
    )
    print(f"{asked.folder}: serve it with any static host")
    if not is_compiled:
        print(
            "The modules are not compiled, so the page takes at least twice as long to start."
            " To compile them, this command needs Node.js and a folder with Pyodide."
        )


def _serve(asked: argparse.Namespace) -> None:
    from openai_scan.web.serving import serving  # slow to load

    with serving(asked.folder, port=asked.port, api_port=asked.api_port) as (page, api):
        print(f"the page: {page.url}\nits base URL: {api.base_url}\nCtrl-C ends it", flush=True)
        page.join()
