"""Remove the secrets of a request from exceptions, ours and those of other libraries."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, TypeVar

Redact: TypeAlias = "Callable[[str], str]"
"""Returns a text without its secrets."""

ErrorT = TypeVar("ErrorT", bound=BaseException)


def redact_error(error: BaseException, redact: Redact) -> None:
    """Remove the secrets from the arguments and all attributes of *error*."""
    error.args = redacted(error.args, redact)
    # Not setattr(), which an exception class may forbid.
    vars(error).update({name: redacted(value, redact) for name, value in vars(error).items()})


def redact_foreign(
    error: ErrorT,
    redact: Redact,
    *,
    strip: Callable[[BaseException], None],
    handled: BaseException | None,
) -> ErrorT:
    """Remove the secrets from an exception of another library, and from everything it refers to.

    Crash reporters print the whole chain of causes, and the local variables of every frame in a
    traceback. So the tracebacks are dropped: they only lead into the other library.

    Args:
        error: What the library raised.
        redact: Removes the secrets from a text.
        strip: Removes from one exception references to the request, and quotes of it.
        handled: The exception that the caller was already handling, if any. It is left untouched.
            Python chains it to *error* as if it were a cause; that link is cut.

    Returns:
        *error* itself.
    """
    for one in chained(error, handled):
        one.__traceback__ = None
        if one.__context__ is handled:
            one.__context__ = None
        strip(one)
        redact_error(one, redact)
    return error


def redacted(value: Any, redact: Redact) -> Any:
    """Return *value*, a string or lists, tuples and dicts of strings, without its secrets."""
    try:
        return _redacted(value, redact)
    except RecursionError:  # too deep for anyone to read
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


def chained(error: BaseException, handled: BaseException | None) -> Iterable[BaseException]:
    """Return *error* and all exceptions it leads to, without passing through *handled*."""
    found: dict[int, BaseException] = {}
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is not handled and id(one) not in found:
            found[id(one)] = one
            # urllib3 keeps a cause in `reason`, requests among the arguments.
            inner = (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args)
            waiting += [each for each in inner if isinstance(each, BaseException)]
    return found.values()
