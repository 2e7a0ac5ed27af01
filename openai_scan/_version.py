"""The version, which the build takes from the git tag and writes into `_built.py`."""

from __future__ import annotations

try:
    from openai_scan._built import __version__ as __version__  # noqa: PLC0414 - it is exported
except ModuleNotFoundError:  # a checkout that has never been built or installed
    __version__ = "0.0"
