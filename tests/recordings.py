"""Streams of real servers, byte for byte.

Those that this project recorded itself are in `recorded/servers.tar.gz`. Those of other people are
not ours to copy; where the variable `OPENAI_SCAN_RECORDINGS` names a folder of them, as
`<source>/<name>.sse`, the tests read them too.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

_ARCHIVE = Path(__file__).parent / "recorded" / "servers.tar.gz"
_VARIABLE = "OPENAI_SCAN_RECORDINGS"


def _own() -> Iterator[tuple[str, bytes]]:
    with tarfile.open(_ARCHIVE) as archive:
        for member in archive:
            file = archive.extractfile(member)
            assert file is not None
            yield member.name, file.read()


def _of_others() -> Iterator[tuple[str, bytes]]:
    if folder := os.environ.get(_VARIABLE):
        paths = sorted(Path(folder).glob("*/*.sse"))
        assert paths, f"{_VARIABLE} names a folder without recordings: {folder}"
        for path in paths:
            yield f"{path.parent.name}/{path.name}", path.read_bytes()


OWN = dict(_own())
"""The bodies of our own recordings, by name: `servers/<server>_<what>.sse`."""

ALL = {**dict(_of_others()), **OWN}
"""The bodies of all recordings that are here; of two with the same name, ours."""
