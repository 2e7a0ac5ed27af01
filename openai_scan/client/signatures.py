"""What `help()` and `inspect.signature()` show of the client's methods.

The methods take the keyword arguments of a TypedDict. Type checkers and most editors understand
that; at run time such a method would only show `**params`. So each gets a signature that has the
parameters with their types and defaults. Nothing but such tools looks at it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from typing_extensions import Required

from openai_scan.client import params
from openai_scan.client.params.base import Extras

# How a method writes which parameters it takes.
_CLASS = re.compile(r"Unpack\[(\w+)\]")


def show_parameters(methods: type) -> None:
    """Give each method of the class a signature with the keyword arguments that it takes."""
    for _, method in inspect.getmembers(methods, inspect.isfunction):
        signature = inspect.signature(method)
        *others, last = signature.parameters.values()
        if match := _CLASS.fullmatch(str(last.annotation)):
            named = _parameters_of(getattr(params, match[1]))
            shown = signature.replace(parameters=[*others, *named])
            method.__signature__ = shown  # type: ignore[attr-defined] # any function may have one


def _parameters_of(kind: Any) -> Iterator[inspect.Parameter]:
    """Yield the parameters that a TypedDict describes.

    Those that a call needs come first, and last what the methods of all APIs take.
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
