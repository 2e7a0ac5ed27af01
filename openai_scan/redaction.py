"""Take the secrets of a request out of what an error says, whoever said it first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

Redact: TypeAlias = "Callable[[str], str]"
"""Returns a text without the secrets in it."""


def redact_error(error: Exception, redact: Redact) -> None:
    """Take the secrets out of the message of *error*, and out of all else that it knows."""
    error.args = redacted(error.args, redact)
    for name, value in vars(error).items():
        setattr(error, name, redacted(value, redact))


def redacted(value: Any, redact: Redact) -> Any:
    """Return *value*, a text or what is made of texts such as JSON, without the secrets."""
    try:
        return _redacted(value, redact)
    except RecursionError:  # it nests so deeply that nobody would read it
        return None


def _redacted(value: Any, redact: Redact) -> Any:
    match value:
        case str():
            return redact(value)
        case list():
            return [_redacted(item, redact) for item in value]
        case tuple():
            return tuple(_redacted(item, redact) for item in value)
        case dict():
            return {redact(str(name)): _redacted(item, redact) for name, item in value.items()}
        case _:
            return value
