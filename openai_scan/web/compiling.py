"""Byte-compile an archive of modules with the Python that will import it.

It uses only the standard library, because Pyodide runs it without the package: bytecode of one
version of Python is useless to another.
"""

from __future__ import annotations

import os
import py_compile
import tempfile
import zipfile
from pathlib import Path


def compile_archive(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Write the archive *target* with the modules of the archive *source*, compiled.

    Docstrings and assertions are left out; a page does not need them. Files that are not source
    code, such as modules that are already compiled, are copied.
    """
    with (
        zipfile.ZipFile(source) as files,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
        tempfile.TemporaryDirectory() as folder,
    ):
        for entry in files.infolist():
            name, data = entry.filename, files.read(entry)
            if name.endswith(".py"):
                name, data = f"{name}c", _compiled(data, name, Path(folder))
            again = zipfile.ZipInfo(name, entry.date_time)
            archive.writestr(again, data, zipfile.ZIP_DEFLATED, 9)


def _compiled(code: bytes, name: str, folder: Path) -> bytes:
    """Return the module *name*, compiled in *folder*."""
    module = folder / "module.py"
    module.write_bytes(code)
    compiled = py_compile.compile(
        str(module),
        f"{module}c",
        dfile=name,
        doraise=True,
        optimize=2,
        # An archive has no times to compare.
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    return Path(str(compiled)).read_bytes()
