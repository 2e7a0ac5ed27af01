"""Set all fields of a frozen object at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def setter_of_fields(cls: type) -> Callable[[Any, dict[str, Any]], None]:
    """Return what sets all fields of an object of *cls* in one step.

    The constructor of a frozen class sets one after another; for ten fields that takes 1 us more.
    """
    holder = next(base for base in cls.__mro__ if "__dict__" in vars(base))
    setter: Callable[[Any, dict[str, Any]], None] = vars(holder)["__dict__"].__set__
    return setter
