"""The public names: listed, found, and loaded no sooner than they are used."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import openai_scan
from openai_scan import events

# Not in the stub, since a type checker would take a list without names for an empty one.
public_names: list[str] = vars(openai_scan)["__all__"]

STUB = Path(openai_scan.__file__).with_suffix(".pyi")


def names_shown_to_type_checkers() -> dict[str, str]:
    """Return the names that `__init__.pyi` exports, each with the module that it comes from."""
    names = {}
    for statement in ast.parse(STUB.read_text(encoding="utf-8")).body:
        assert isinstance(statement, ast.ImportFrom)
        for alias in statement.names:
            assert alias.name == alias.asname
            names[alias.name] = str(statement.module)
    return names


def run(script: str) -> list[str]:
    """Return the words that *script* prints in a fresh interpreter."""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return ran.stdout.split()


def test_all_is_sorted() -> None:
    """The public names are sorted, so that a new one has one place, and none is there twice."""
    assert public_names == sorted(set(public_names))


def test_all_is_what_type_checkers_see() -> None:
    """Type checkers see the names in the table, from the same modules, and no others."""
    modules = vars(openai_scan)["_MODULES"]
    table = {name: f"openai_scan.{module}" for name, module in modules.items()}
    assert names_shown_to_type_checkers() == table
    assert public_names == list(table)


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", public_names)
def test_every_name_can_be_used(name: str) -> None:
    """Each public name is found, is the same at every access, and belongs to the package."""
    value = getattr(openai_scan, name)
    assert getattr(openai_scan, name) is value
    if inspect.isclass(value):
        assert value.__name__ == name
        assert value.__module__.startswith("openai_scan.")
        assert value.__doc__


@pytest.mark.parametrize("name", ["Nonsense", "NonsenseError", "ThreadNonsense", "converter", ""])
def test_other_names_are_not_found(name: str) -> None:
    """What is not public is an AttributeError that names it, also where a rule might guess it."""
    with pytest.raises(AttributeError, match=f"module 'openai_scan' has no attribute '{name}'"):
        getattr(openai_scan, name)


def test_dir_shows_the_names() -> None:
    """dir() shows every public name, used before or not."""
    assert set(public_names) <= set(dir(openai_scan))
    assert dir(openai_scan) == sorted(dir(openai_scan))


def test_star_import_brings_exactly_the_names() -> None:
    """`from openai_scan import *` brings the public names."""
    brought = run("from openai_scan import *; print(*[n for n in dir() if n[:2] != '__'])")
    assert brought == [name for name in public_names if name != "__version__"]


def test_import_loads_next_to_nothing() -> None:
    """Importing the package loads none of its parts, no requests, no cattrs, no attrs."""
    script = """
import sys
import openai_scan
heavy = {"requests", "urllib3", "cattrs", "cattr", "attrs", "attr", "http", "ssl", "json"}
print(*[name for name in sys.modules if name.partition(".")[0] in heavy])
print(*[name for name in sys.modules if name.startswith("openai_scan")])
"""
    plain = run("import sys; print(*sys.modules)")
    loaded = [name for name in run(script) if name not in plain]
    assert loaded == ["openai_scan"]


def test_reading_a_stream_loads_no_network() -> None:
    """Reading a stream from a file loads no requests and, if everything fits, no cattrs."""
    script = """
import sys
from openai_scan import StreamerV2
print(*StreamerV2([b'event: thread.created\\ndata: {"id": "t"}\\n\\ndata: [DONE]\\n\\n']).notes)
list(StreamerV2([b'event: thread.created\\ndata: {"id": "t"}\\n\\ndata: [DONE]\\n\\n']))
print(*[name for name in ("requests", "urllib3", "cattrs") if name in sys.modules])
"""
    assert run(script) == []


@pytest.mark.parametrize("name", ["errors", "events", "sse"])
def test_modules_are_found_without_an_import_of_their_own(name: str) -> None:
    """After `import openai_scan` its three modules can be used by their full name."""
    assert run(f"import openai_scan; print(openai_scan.{name}.__name__)") == [f"openai_scan.{name}"]


@pytest.mark.usefixtures("measured_processes")
def test_tokenizer_by_its_full_name() -> None:
    """`openai_scan.sse.EventTokenizer` works, as the design promises it."""
    assert run("import openai_scan; print(openai_scan.sse.EventTokenizer.__name__)") == [
        "EventTokenizer"
    ]


def test_all_of_every_module_is_sorted_and_found() -> None:
    """The lists of public names in four modules are sorted, and each name exists."""
    for module in (openai_scan.errors, openai_scan.events, openai_scan.sse, events.assistants):
        for name in module.__all__:
            assert getattr(module, name) is not None
        # Constants, classes, functions: each kind is sorted for itself.
        assert list(module.__all__) == sorted(
            module.__all__, key=lambda name: (not name.isupper(), name.islower(), name)
        )
