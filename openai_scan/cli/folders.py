"""Where the command line keeps its files, and how it writes those that only their owner may read.

Settings, templates and the list of keys are in the folder for settings, and the log of answers is
in the folder for data; `platformdirs` knows where these are on each system. `OPENAI_SCAN_HOME` is
one folder in place of both.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from openai_scan.errors import ConfigurationError

_NAME = "openai-scan"

HOME = "OPENAI_SCAN_HOME"
"""The variable that names one folder for everything."""

PRIVATE_FOLDER = 0o700
"""The mode of folders that are made here."""


def config_folder() -> Path:
    """Return the folder for settings, templates and keys; it may not exist yet."""
    home = os.environ.get(HOME)
    if home:
        return Path(home)
    import platformdirs  # not needed for `--help`

    return platformdirs.user_config_path(_NAME, appauthor=False)


def data_folder() -> Path:
    """Return the folder for the log; it may not exist yet."""
    home = os.environ.get(HOME)
    if home:
        return Path(home)
    import platformdirs  # likewise

    return platformdirs.user_data_path(_NAME, appauthor=False)


def make_folder(folder: Path) -> None:
    """Make *folder*, and those above it, unless it exists.

    Raises:
        OSError: The system refuses.
    """
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)


def read_if_there(path: Path) -> bytes | None:
    """Return what is in the file at *path*, or None if there is no such file.

    Raises:
        ConfigurationError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error


def write_private(path: Path, text: str) -> None:
    """Replace the file at *path*; only its owner can read it.

    The old file stays until the new one is whole, so a full disk loses nothing.

    Raises:
        OSError: The system refuses.
    """
    make_folder(path.parent)
    # Its mode is 600 from the start.
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
