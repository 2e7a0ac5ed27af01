"""List the events of the families where the package lists its public names.

Every event is public: it is in the table of `openai_scan/__init__.py`, in `__init__.pyi`, and on
the page of the reference. What else the table and the page list is written by hand, and left as it
is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

# Before which section of the page that of a new family comes.
_NEXT_SECTION = "\n## The wire\n"


@dataclass(frozen=True)
class Names:
    """The names of one family.

    Attributes:
        folder: The package under `openai_scan/events/`.
        title: What the family is.
        events: What each event is in one line, by the name of its class.
        all: The names of everything in the package.
    """

    folder: str
    title: str
    events: Mapping[str, str]
    all: Collection[str]


def in_table(text: str, names: Names) -> str:
    """Return the text of `__init__.py` with the events of one family in its table."""
    module = f"events.{names.folder}"
    # What is listed beside the events stays, as long as it exists.
    rows = {name: at for name, at in _table(text).items() if at != module or name in names.all}
    rows |= dict.fromkeys(names.events, module)
    table = "".join(f'    "{name}": "{rows[name]}",\n' for name in sorted(rows))
    pattern = r"(?<=^_MODULES = \{\n).*?(?=^\}\n)"
    return re.sub(pattern, lambda _: table, text, flags=re.MULTILINE | re.DOTALL)


def _table(text: str) -> dict[str, str]:
    """Return the module of each name in the table of `__init__.py`."""
    return dict(re.findall(r'^    "(\w+)": "([\w.]+)",\n', text, re.MULTILINE))


def stub(text: str, table: str) -> str:
    """Return the text of `__init__.pyi` with the names in *table*, the text of `__init__.py`."""
    modules: dict[str, list[str]] = {}
    for name, module in _table(table).items():
        modules.setdefault(module, []).append(name)
    head, _, _ = text.partition("from openai_scan")
    return head + "".join(
        f"from openai_scan.{module} import (\n"
        + "".join(
            f"    {name} as {name},\n" for name in sorted(modules[module], key=_kind_and_name)
        )
        + ")\n"
        for module in sorted(modules)
    )


def _kind_and_name(name: str) -> tuple[bool, str]:
    """Sort classes before functions."""
    return name[0].islower(), name.casefold()


def on_page(text: str, names: Names) -> str:
    """Return the text of the page of the public names with the events of one family."""
    start = f"| {{py:class}}`~openai_scan.events.{names.folder}."
    made = "".join(f"{start}{name}` | {what} |\n" for name, what in sorted(names.events.items()))
    row = rf"^{re.escape(start)}\w+` [^\n]*\n"
    if re.search(row, text, re.MULTILINE):
        return re.sub(f"(?:{row})+", lambda _: made, text, count=1, flags=re.MULTILINE)
    head = f"\n## Events of {names.title} streams\n\n| name | what it is |\n|---|---|\n"
    return text.replace(_NEXT_SECTION, f"{head}{made}{_NEXT_SECTION}")
