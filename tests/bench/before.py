"""Load an earlier version of the package beside this one, so that both run in one process."""

from __future__ import annotations

import importlib
import io
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType

_ROOT = Path(__file__).parents[2]
_NAME = "openai_scan"
_OTHER_NAME = "openai_scan_before"


def load(revision: str, folder: Path) -> ModuleType:
    """Return the package as of *revision*.

    Its modules import each other when they are first needed, by name. So they get another name,
    in their file names as in their text.

    Args:
        revision: A commit of this repository.
        folder: Where to write the package; it has to stay as long as the package is used.

    Raises:
        subprocess.CalledProcessError: There is no such commit, or no repository.
    """
    archive = subprocess.run(
        ["git", "archive", "--format=tar", revision, _NAME],
        cwd=_ROOT,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        for member in packed:
            target = folder / member.name.replace(_NAME, _OTHER_NAME, 1)
            content = packed.extractfile(member)
            if content is None:
                target.mkdir(parents=True, exist_ok=True)
            else:
                text = content.read().replace(_NAME.encode(), _OTHER_NAME.encode())
                target.write_bytes(text)
    sys.path.insert(0, str(folder))
    return importlib.import_module(_OTHER_NAME)
