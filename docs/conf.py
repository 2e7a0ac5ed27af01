"""How the documentation is built: `make docs`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any

import attrs
from docutils import nodes
from pygments.lexers.python import PythonLexer
from sphinx.application import Sphinx
from sphinx.domains.python import PythonDomain
from sphinx.transforms import SphinxTransform
from typing_extensions import is_typeddict

from openai_scan import __version__
from openai_scan.client.signatures import described

project = "openai_scan"
author = "The openai_scan authors"
project_copyright = "2026, the openai_scan authors"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    # llms.txt, and each page as Markdown.
    "sphinx_llm.txt",
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
# The name of a class links to where its module is.
python_use_unqualified_type_names = True

# Every link to a name of ours has to lead somewhere.
nitpicky = True
nitpick_ignore_regex = [
    # Other people's names: their pages would need the network.
    ("py:.*", r"(?!openai_scan\b).*"),
    # The arguments are shown as code, and have no place of their own to link to.
    ("py:.*", r"openai_scan\.client\.params\..*"),
    # Below a transport nothing is documented but in the code.
    ("py:.*", r"openai_scan\.transport\.(key|retries|sender|wire)\..*"),
    # Nor is the file of a recording, which is passed on from one source to the next.
    ("py:.*", r"openai_scan\.recording\.file\.RecordingFile"),
    # Type variables have no place at all.
    ("py:.*", r".*\.(Answer|AsyncStream|Event|Source|Stream)?T"),
]

myst_heading_anchors = 3
myst_enable_extensions = ["attrs_block", "colon_fence"]

# Of a session in a terminal, the commands are copied, without their prompts. Output is not.
copybutton_selector = "div:not(.output) > div.highlight > pre"
copybutton_prompt_text = "$ "

llms_txt_description = (
    "A streaming client for OpenAI and compatible servers in Python: you read typed events in a"
    " plain loop, and then see how the answer ended."
)
llms_txt_full_build = True
llms_txt_suffix_mode = "replace"
llms_txt_nested_enabled = False
# The stars and slashes in signatures, and the titles of cards, which are left out of the Markdown.
llms_txt_suppress_unknown_node_warnings = ["abbreviation", "PassthroughTextElement"]

html_theme = "furo"
pygments_style = "default"
pygments_dark_style = "github-dark"
html_title = f"openai_scan {__version__}"
html_static_path = ["_static"]
html_css_files = ["openai_scan.css"]
html_favicon = "_static/favicon.svg"
html_copy_source = False
html_show_sourcelink = False


def _show_types(*event: Any) -> None:
    """Show the type of each attribute that a class describes; an alias has no docstring."""
    *_, described, _options, lines = event
    if isinstance(described, UnionType) and lines[:1] == str(UnionType.__doc__).splitlines()[:1]:
        lines.clear()
    if not inspect.isclass(described) or is_typeddict(described):
        return
    hints: dict[str, Any] = {}
    for base in reversed(described.__mro__):
        hints |= inspect.get_annotations(base)
    for place in range(len(lines) - 1, -1, -1):
        found = re.match(r":ivar (\w+):", lines[place])
        if found and found[1] in hints:
            hint = hints[found[1]]
            shown = hint if isinstance(hint, str) else inspect.formatannotation(hint)
            shown = re.sub(r"\b(?:typing\.)?ClassVar\[(.*)\]$", r"\1", shown)
            shown = re.sub(r"\bIndex\b", "int", re.sub(r"\bJSONText\b", "str", shown))
            lines.insert(place, f":vartype {found[1]}: {shown.replace('typing.', '')}")


def _shorten_signature(*event: Any) -> tuple[str, None] | None:
    """Show of an event what a pattern can name by its place; of objects and protocols nothing.

    Their types stand beside their attributes, and no user has to construct them.
    """
    _, what, name, described, _options, _signature, _annotation = event
    if what == "class" and getattr(described, "_is_protocol", False):
        return ("", None)
    places = ("openai_scan.events.", "openai_scan.values.")
    if what != "class" or not name.startswith(places) or not attrs.has(described):
        return None
    positional = ", ".join(getattr(described, "__match_args__", ()))
    return (f"({positional})" if positional else "", None)


def _link_arguments(*event: Any) -> None:
    """Describe keyword arguments where their class is, and not once more in each method."""
    _, what, _, method, _options, lines = event
    annotations = getattr(method, "__annotations__", {})
    found = re.search(r"Unpack\[(\w+)\]", str(annotations)) if what == "method" else None
    if found is None:
        return
    own = method.__code__.co_varnames
    kept = []
    is_own = True
    for line in lines:
        if not line.startswith("     "):  # else it continues an entry
            entry = re.match(r"    (\w+): ", line)
            is_own = entry is None or entry[1] in own
        if is_own:
            kept.append(line)
    if "Args:" in kept and not any(line.startswith("    ") for line in kept):
        kept.remove("Args:")
    link = f":py:class:`~openai_scan.client.params.{found[1]}`"
    lines[:] = [*kept, "", f"Its keyword arguments are those of {link}."]


def _list_arguments(*event: Any) -> None:
    """List the keyword arguments of a class, those of its bases that have no place of their own."""
    *_, kind, _options, lines = event
    if not is_typeddict(kind):
        return
    elsewhere = set()
    bases = []
    for base in _bases(kind):
        elsewhere |= set(base.__annotations__)
        bases.append(f":py:class:`~openai_scan.client.params.{base.__name__}`")
    entries = described(kind)
    lines[:] = [lines[0], ""]
    if bases:
        lines += [f"It also takes the arguments of {' and '.join(dict.fromkeys(bases))}.", ""]
    for name, hint in kind.__annotations__.items():
        if name not in elsewhere:
            text = " ".join(entries[name].partition(":")[2].split())
            shown = re.sub(r"\b(?:\w+\.)+(?=[A-Z])", "", inspect.formatannotation(hint))
            shown = re.sub(r"^Required\[(.*)\]$", r"\1, required", shown)
            lines += [f":ivar {name}: {text}", f":vartype {name}: {shown}"]


def _bases(kind: Any) -> Iterator[Any]:
    """Yield the nearest public classes that a TypedDict extends."""
    for base in getattr(kind, "__orig_bases__", ()):
        if is_typeddict(base):
            yield from _bases(base) if base.__name__.startswith("_") else (base,)


class _Output(SphinxTransform):
    """Mark the `text` block after a `python` block as its output."""

    default_priority = 500

    def apply(self, **_options: Any) -> None:
        for block in self.document.findall(nodes.literal_block):
            following = block.next_node(descend=False, siblings=True)
            if (
                block.get("language") in {"python", "ipython"}
                and isinstance(following, nodes.literal_block)
                and following.get("language") == "text"
            ):
                following["classes"].append("output")


class _DarkPictures(SphinxTransform):
    """Show `picture-dark.svg` instead of `picture.svg` to readers who prefer a dark page."""

    default_priority = 500

    def apply(self, **_options: Any) -> None:
        folder = Path(self.env.doc2path(self.env.docname)).parent
        for image in list(self.document.findall(nodes.image)):
            path = Path(image["uri"])
            dark = path.with_name(f"{path.stem}-dark{path.suffix}")
            if "://" not in image["uri"] and (folder / dark).exists():
                other = image.deepcopy()
                other["uri"] = dark.as_posix()
                other["classes"].append("only-dark")
                image["classes"].append("only-light")
                image.parent.insert(image.parent.index(image) + 1, other)


def setup(app: Sphinx) -> None:
    """Let Sphinx call these for each page, or for each docstring, before or after its sections."""
    app.add_transform(_Output)
    app.add_transform(_DarkPictures)
    # A cell of a notebook is Python that may await anywhere, which the lexer of Python reads.
    app.add_lexer("ipython", PythonLexer)
    described_class: Any = PythonDomain.directives["class"]
    for field in described_class.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    app.connect("autodoc-process-docstring", _link_arguments, priority=100)
    app.connect("autodoc-process-docstring", _list_arguments, priority=100)
    app.connect("autodoc-process-docstring", _show_types, priority=900)
    app.connect("autodoc-process-signature", _shorten_signature)
