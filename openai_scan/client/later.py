"""The families whose objects calls return, each imported when a call first needs it.

Creating the classes of a family takes tens of milliseconds, and a program that only chats needs
none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any


class Later:
    """Replaces a module, which is imported when one of its attributes is first used.

    Args:
        name: The name of the module.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"Later({self._name!r})"

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._name), name)


if TYPE_CHECKING:
    from openai_scan.events import agents as agents  # noqa: PLC0414 - so that it is exported
    from openai_scan.events import assistants as assistants  # noqa: PLC0414 - so that it is exported
    from openai_scan.events import responses as responses  # noqa: PLC0414 - so that it is exported
else:
    agents = Later("openai_scan.events.agents")
    assistants = Later("openai_scan.events.assistants")
    responses = Later("openai_scan.events.responses")
