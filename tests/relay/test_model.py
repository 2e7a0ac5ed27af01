"""The model of the relay's protocol holds, and names functions that exist."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

import pytest

import openai_scan.relay

from .model.check import HOLDS, MODEL, MUTANTS, search, unreached

pytestmark = pytest.mark.unmeasured

# `Producer._begin`, in a comment.
_NAME = re.compile(r"\b([A-Z]\w+)\.(\w+)")


def names_of_classes() -> set[tuple[str, str]]:
    """Return the pairs of a class and a method or field in the relay's modules."""
    return {
        (found.name, name)
        for path in Path(openai_scan.relay.__file__).parent.glob("*.py")
        for found in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(found, ast.ClassDef)
        for name in map(name_of, found.body)
    }


def name_of(statement: ast.stmt) -> str:
    """Return the name that a statement in a class defines, or an empty string."""
    match statement:
        case ast.FunctionDef(name=name):
            return name
        case ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case _:
            return ""


def test_every_function_that_the_model_names_exists() -> None:
    """If you rename a function, rename it in the model too."""
    comments = re.findall(r"/\*.*?\*/", MODEL.read_text("utf-8"), re.DOTALL)
    named = {name for comment in comments for name in _NAME.findall(comment)}
    assert {("Producer", "_begin"), ("Log", "append"), ("Store", "finish")} <= named
    assert named - names_of_classes() == set()


def test_every_mutant_is_in_the_model() -> None:
    """The model tests every setting of every configuration with `#ifdef` or `#ifndef`."""
    settings = {
        setting.split("=")[0] for run in (*HOLDS, *MUTANTS) for setting in run.settings.split()
    }
    model = MODEL.read_text("utf-8")
    assert settings - set(re.findall(r"#\s*if(?:n?def)\s+(\w+)", model)) == set()


def test_the_smallest_configurations() -> None:
    """`make model` runs all of them, which takes longer. Without spin, nothing is checked here."""
    if shutil.which("spin") is None or shutil.which("cc") is None:
        return
    (holds,) = (run for run in HOLDS if run.settings == "NO_LOG" and not run.is_live)
    (mutant,) = (run for run in MUTANTS if run.settings == "DONE_FIRST")
    found = [search(holds), search(mutant)]
    assert [each.broken for each in found] == [None, "done_true"]
    assert any("FAILED" in statement for statement in unreached(found[:1]))
