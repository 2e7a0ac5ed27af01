"""The errors of a relay.

::

    RelayError              catch this to catch all of them
    ├── UnknownStreamError  there is no such stream or conversation, or it is another user's
    ├── LimitError          the prompt is too long, or the user asks for too much at once
    ├── UnavailableError    the log or the database cannot be reached: retry
    ├── FencedError         another process has taken over the job
    └── LogLostError        the log has lost the stream

The last two matter only if you write your own log. A relay handles them itself.
"""

from __future__ import annotations

from openai_scan.errors import ScanError


class RelayError(ScanError):
    """The base of the errors of a relay."""


class UnknownStreamError(RelayError):
    """There is no stream or conversation with that id, or it belongs to another user.

    The two cases look the same, so that ids cannot be guessed. Respond with status 404.
    """


class LimitError(RelayError):
    """A user asks for more than the `Limits` of the relay allow.

    Respond with status 413 if the prompt is too long, else 429; nothing has been started.

    Attributes:
        is_too_long: Whether the prompt is too long. Otherwise the user has too many answers at a
            time, or has asked too often.
        retry_after: After how many seconds a retry makes sense; None if unknown.
    """

    def __init__(
        self, message: str, *, is_too_long: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.is_too_long = is_too_long
        self.retry_after = retry_after


class UnavailableError(RelayError):
    """The log or the store cannot be reached, or is locked. Retry; respond with status 503.

    Its `__cause__` is the exception of the underlying library.
    """


class FencedError(RelayError):
    """Another process has taken over the job, so nothing more may be written for it.

    A log raises it from `append()` and `drain()`. Stop working on the job.
    """


class LogLostError(RelayError):
    """The log has lost the stream, for instance because Redis was emptied.

    A log raises it from `append()` and `drain()`. The answer can still be saved.
    """
