"""How the documentation is built: `make docs`."""

from __future__ import annotations

import inspect
import re
from types import UnionType
from typing import Any

import attrs
from sphinx.application import Sphinx

from openai_scan import __version__

project = "openai_scan"
author = "The openai_scan authors"
project_copyright = "2026, the openai_scan authors"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build"]

# In a docstring, single backticks are code.
default_role = "code"

napoleon_numpy_docstring = False
# An attribute of a class is described where its class is, and not once more on its own.
napoleon_use_ivar = True

autodoc_member_order = "bysource"
# One parameter a line, as in the code.
maximum_signature_line_length = 72

# Every link to a name of ours has to lead somewhere.
nitpicky = True
nitpick_ignore_regex = [
    # Other people's names: their pages would need the network.
    ("py:.*", r"(?!openai_scan\b).*"),
    # The arguments are shown as code, and have no place of their own to link to.
    ("py:.*", r"openai_scan\.client\.params\..*"),
    # Below a transport nothing is documented but in the code.
    ("py:.*", r"openai_scan\.transport\.(key|retries|sender|wire)\..*"),
    # Type variables have no place at all.
    ("py:.*", r".*\.(Answer|Event|Source|Stream)?T"),
]

myst_heading_anchors = 3

html_theme = "furo"
html_title = f"openai_scan {__version__}"
html_copy_source = False
html_show_sourcelink = False


def _describe(*event: Any) -> None:
    """Add to a class what the comments behind its fields say, which is units and ranges."""
    *_, described, _options, lines = event
    if isinstance(described, UnionType) and lines[:1] == str(UnionType.__doc__).splitlines()[:1]:
        lines.clear()  # an alias has no docstring of its own
    if inspect.isclass(described) and attrs.has(described):
        source = inspect.getsource(described)
        for field, comment in re.findall(r"(?m)^    (\w+): (?!ClassVar).*?  # (.+)$", source):
            lines.append(f":ivar {field}: {comment[0].upper()}{comment[1:]}.")


def setup(app: Sphinx) -> None:
    """Let Sphinx call `_describe` for each docstring."""
    app.connect("autodoc-process-docstring", _describe)
