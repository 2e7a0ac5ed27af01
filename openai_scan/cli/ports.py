"""Listening at a port that the user has named."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

import click

# Lower ports need a permission.
_FIRST_FREE_PORT = 1024


@contextlib.contextmanager
def listening_at(port: int) -> Iterator[None]:
    """Turn the error for a port in use into a message about `--port`.

    Raises:
        click.UsageError: Another program uses the port.
        OSError: The system refuses the port for another reason.
    """
    try:
        yield
    except OSError as problem:
        # Windows reports EACCES for some ports that another program uses. Elsewhere only low ports
        # need a permission.
        is_taken = problem.errno == errno.EADDRINUSE or (
            problem.errno == errno.EACCES and port >= _FIRST_FREE_PORT
        )
        if not is_taken:
            raise
        raise click.UsageError(f"Port {port} is in use: choose another one with --port.") from None
