"""Follow an exception of a library to its causes."""

from __future__ import annotations

from collections.abc import Iterator

# The deepest chain seen has six errors; a chain may also be circular.
_MAX_CAUSES = 20


def causes(error: BaseException, *, handled: bool = True) -> Iterator[BaseException]:
    """Yield *error*, its cause, and so on. urllib3 and requests also keep causes in attributes.

    Args:
        error: Where to begin.
        handled: Whether an exception that was only being handled when the next one was raised
            counts as its cause. The end of a slice of a wait is one; see `openai_scan.waiting`.
    """
    cause: BaseException | None = error
    for _ in range(_MAX_CAUSES):
        if cause is None:
            return
        yield cause
        cause = next(
            (
                inner
                for inner in (getattr(cause, "reason", None), *reversed(cause.args))
                if isinstance(inner, BaseException)
            ),
            cause.__cause__ or (cause.__context__ if handled else None),
        )
