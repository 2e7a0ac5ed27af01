"""What `help()` and `inspect.signature()` show of the client's methods.

The methods take the keyword arguments of a TypedDict. Type checkers and most editors understand
that, but at run time such a method only shows `**params`. So each method gets a signature with the
parameters, their types and defaults, and a docstring that describes them as the TypedDict does.
Only such tools look at these.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin

from typing_extensions import Required

from openai_scan.client import params
from openai_scan.client.params.base import Extras

# How a method's annotation names its TypedDict.
_CLASS = re.compile(r"Unpack\[(\w+)\]")

# An entry in a section of a docstring, with all its lines.
_ENTRY = re.compile(r"^    (\w+): .*(?:\n {5,}.*)*\n?", re.MULTILINE)


def show_parameters(methods: type) -> None:
    """Give each method of the class a signature and a docstring with the arguments it takes."""
    for _, method in inspect.getmembers(methods, inspect.isfunction):
        signature = inspect.signature(method)
        *others, last = signature.parameters.values()
        if match := _CLASS.fullmatch(str(last.annotation)):
            kind = getattr(params, match[1])
            named, entries = _parameters_of(kind)
            shown = signature.replace(parameters=[*others, *named])
            method.__signature__ = shown  # type: ignore[attr-defined] # any function may have one
            if entries:  # docstrings are missing with `python -OO`
                method.__doc__ = _with_arguments(method.__doc__ or "", entries)


@functools.cache
def _parameters_of(kind: Any) -> tuple[Sequence[inspect.Parameter], str]:
    """Return the parameters that a TypedDict describes, and their entries in a docstring."""
    named = [*_in_order(kind)]
    known = described(kind)
    return named, "".join(f"\n{known[one.name]}" for one in named if one.name in known)


def _in_order(kind: Any) -> Iterator[inspect.Parameter]:
    """Yield the parameters that a TypedDict describes.

    Required ones come first, those that all methods share last.
    """

    def rank(name: str) -> int:
        return 2 * (name in Extras.__annotations__) + (name not in kind.__required_keys__)

    for name in sorted(kind.__annotations__, key=rank):
        hint = kind.__annotations__[name]
        is_required = get_origin(hint) is Required
        yield inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=get_args(hint)[0] if is_required else hint,
            default=inspect.Parameter.empty if is_required else None,
        )


def _with_arguments(doc: str, entries: str) -> str:
    """Return the docstring of a method with *entries* at the end of its section "Args".

    They replace the entry for all keyword arguments.
    """
    blocks = inspect.cleandoc(doc).split("\n\n")
    place = next((i for i, block in enumerate(blocks) if block.startswith("Args:")), None)
    if place is None:
        ends = [i for i, block in enumerate(blocks) if block.startswith("Raises:")]
        place = ends[0] if ends else len(blocks)
        blocks.insert(place, "Args:")
    blocks[place] = _STANDS_FOR.sub("", blocks[place]) + entries
    return "\n\n".join(blocks)


# The entry in a method's docstring for all its keyword arguments.
_STANDS_FOR = re.compile(r"\n    (?:params|extras): .*(?:\n {5,}.*)*")


@functools.cache
def described(kind: Any) -> Mapping[str, str]:
    """Return the docstring entry of each key of a TypedDict, inherited keys included."""
    entries: dict[str, str] = {}
    for base in getattr(kind, "__orig_bases__", ()):
        entries.update(described(base))
    _, _, section = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")
    entries.update({entry[1]: entry[0].rstrip() for entry in _ENTRY.finditer(section)})
    return entries
