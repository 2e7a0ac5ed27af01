"""Byte-compile a bundle by the Python that is to import it.

It uses nothing but the standard library, since Pyodide runs it without the package: code of one
version of Python is of no use to another.
"""

from __future__ import annotations

import os
import py_compile
import tempfile
import zipfile
from pathlib import Path


def compile_bundle(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Write the archive *target* with the modules of the archive *source*, compiled.

    Docstrings and assertions are left out; a page has no use for them.
    """
    with zipfile.ZipFile(source) as modules, tempfile.TemporaryDirectory() as folder:
        module = Path(folder) / "module.py"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for entry in modules.infolist():
                module.write_bytes(modules.read(entry))
                compiled = py_compile.compile(
                    str(module),
                    f"{module}c",
                    dfile=entry.filename,
                    doraise=True,
                    optimize=2,
                    # An archive has no times to compare.
                    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
                )
                again = zipfile.ZipInfo(f"{entry.filename}c", entry.date_time)
                archive.writestr(again, Path(str(compiled)).read_bytes(), zipfile.ZIP_DEFLATED, 9)
