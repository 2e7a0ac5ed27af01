"""Values that a forked child process must create again, such as locks."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """One value for the whole process; a forked child creates its own.

    A thread of the parent may hold a lock at the moment of the fork. That thread does not exist
    in the child, so the child's copy of the lock would never be released.

    Create it at the top of a module: it is never freed.

    Args:
        make: Creates the value, here and again in each child.

    Attributes:
        value: The value of this process.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self.value = make()
        with contextlib.suppress(AttributeError):  # Windows and browsers do not fork
            os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self.value = self._make()
