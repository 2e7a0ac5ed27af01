"""The version, which the build takes from the git tag and writes into `_built.py`."""

from __future__ import annotations

try:
    from openai_scan._built import __version__
except ModuleNotFoundError:  # a checkout that has never been built or installed
    __version__ = "0.0"

__all__ = ["__version__"]
