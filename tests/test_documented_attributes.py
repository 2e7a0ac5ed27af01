"""Every attribute of every public class has a line where the reference shows the class.

A line is an entry under "Attributes" or "Args" in the docstring of the class, or of a base that the
reference shows too; a string after the attribute; or the docstring of a property that is shown.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import itertools
import pkgutil
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import frozen
from typing_extensions import is_typeddict

import openai_scan
from openai_scan.client.signatures import described

PAGES = sorted((Path(__file__).parents[1] / "docs/reference").glob("*.md"))

_DIRECTIVE = re.compile(r"^\.\. auto(?:class|exception):: ([\w.]+)\n((?:   :.*\n)*)", re.MULTILINE)
_SECTION = re.compile(r"^(?:Attributes|Args):\n((?:    .*\n?|\n(?=    ))+)", re.MULTILINE)
_ENTRY = re.compile(r"^    (\w+): \S", re.MULTILINE)


def find(name: str) -> Any:
    """Return what has the full *name*."""
    place, _, last = name.rpartition(".")
    return getattr(importlib.import_module(place), last)


@functools.cache
def shown() -> Mapping[type, str]:
    """Return the classes that the reference shows, each with the options of its directives."""
    found: dict[type, str] = {}
    for page in PAGES:
        for name, options in _DIRECTIVE.findall(page.read_text("utf-8")):
            found[find(name)] = found.get(find(name), "") + options
    return found


def is_ours(value: object) -> bool:
    """Return whether *value* is a class of the package."""
    return inspect.isclass(value) and value.__module__.startswith("openai_scan.")


def public_classes() -> set[type]:
    """Return every class that the reference shows or a list of public names has."""
    found = set(shown())
    for module in pkgutil.walk_packages(openai_scan.__path__, "openai_scan."):
        if "__main__" not in module.name:
            imported = importlib.import_module(module.name)
            values = (getattr(imported, name) for name in getattr(imported, "__all__", ()))
            found |= {value for value in values if is_ours(value)}
    return found


def attributes_of(cls: type) -> Iterator[str]:
    """Yield the public attributes that *cls* itself brings: its fields, properties and others."""
    yield from inspect.get_annotations(cls)
    for name, value in vars(cls).items():
        if isinstance(value, property | functools.cached_property) or not (
            callable(value) or isinstance(value, classmethod | staticmethod) or name[0] == "_"
        ):
            yield name
    for node in code_of(cls).body:
        match node:
            case ast.FunctionDef(name="__init__"):
                yield from (
                    inner.attr
                    for inner in ast.walk(node)
                    if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store)
                    if isinstance(inner.value, ast.Name) and inner.value.id == "self"
                )


@functools.cache
def code_in(module: str) -> Mapping[str, ast.ClassDef]:
    """Return the code of each class at the top of a module."""
    tree = ast.parse(inspect.getsource(importlib.import_module(module)))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def code_of(cls: type) -> ast.ClassDef:
    """Return the code of a class."""
    return code_in(cls.__module__)[cls.__name__]


def lines_of(cls: type) -> Iterator[str]:
    """Yield the names that *cls* itself has a line for, other than properties."""
    for section in _SECTION.findall(inspect.cleandoc(vars(cls).get("__doc__") or "")):
        yield from _ENTRY.findall(section)
    body = code_of(cls).body
    for before, after in itertools.pairwise(body):
        match before, after:
            case (
                ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str())),
            ):
                yield name


def members_shown(cls: type, options: str) -> Iterator[str]:
    """Yield the properties that the directive of *cls* shows with their docstrings."""
    listed = re.search(r":members:(.*)", options)
    if listed is None:
        return
    left_out = re.findall(r"\w+", "".join(re.findall(r":exclude-members:(.*)", options)))
    names = re.findall(r"\w+", listed[1])
    for owner in cls.__mro__ if ":inherited-members:" in options or names else [cls]:
        for name, value in vars(owner).items():
            is_told = isinstance(value, property | functools.cached_property) and value.__doc__
            if is_told and name not in left_out and (not names or name in names):
                yield name


def undocumented(cls: type) -> list[str]:
    """Return the public attributes of *cls* without a line."""
    if is_typeddict(cls):
        return sorted(set(cls.__annotations__) - set(described(cls)))
    bases = [base for base in cls.__mro__ if is_ours(base) or base.__module__ == __name__]
    told: set[str] = set()
    for base in bases:
        if base is cls or base in shown():
            told |= {*lines_of(base), *members_shown(base, shown().get(base, ""))}
    names = {name for base in bases for name in attributes_of(base) if name[0] != "_"}
    return sorted(names - told)


@pytest.mark.unmeasured
def test_every_attribute_of_every_public_class_has_a_line() -> None:
    """The line says what the attribute is, in which unit, and what None means."""
    classes = public_classes()
    assert len(classes) > 600
    assert {cls: names for cls in classes if (names := undocumented(cls))} == {}


class Base:
    """A base.

    Attributes:
        told: With a line.
    """

    told: ClassVar[int] = 1
    kind: ClassVar[str] = "base"

    def __init__(self) -> None:
        self.made = 1
        self._hidden = 2

    @property
    def half(self) -> int:
        """The half."""
        return 1


@frozen
class Derived(Base):
    """A class that is not in the reference.

    Attributes:
        field: With a line,
            of two lines.

        other: With one.
    """

    field: int
    other: int
    bare: int
    _private: int
    last: int = 1
    """With a string."""

    def method(self) -> None:
        """Do nothing."""


def test_an_attribute_without_a_line_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attributes of bases, classes and instances are found, and properties that are not shown."""
    assert undocumented(Derived) == ["bare", "half", "kind", "made", "told"]
    monkeypatch.setitem(shown(), Base, "   :members:\n")
    assert undocumented(Derived) == ["bare", "kind", "made"]
    monkeypatch.setitem(shown(), Base, "   :members: other\n")
    assert undocumented(Derived) == ["bare", "half", "kind", "made"]
