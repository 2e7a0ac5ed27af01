"""All exceptions of this library, in one tree.

::

    ScanError                        catch this to catch all of them
    ├── TransportError               the network: usually worth a retry
    │   ├── ConnectError             no connection was made, so nothing was sent or billed
    │   │   ├── ConnectTimeoutError  it took too long (a StreamTimeoutError as well)
    │   │   └── TLSError             the certificate or the handshake was refused
    │   └── StreamTimeoutError       one of your time limits ran out
    ├── APIError                     the server refused: read its message
    │   ├── BadRequestError          400   the request is wrong: change it
    │   ├── AuthenticationError      401   the key is missing or wrong
    │   ├── PermissionDeniedError    403   the key may not do this
    │   ├── NotFoundError            404   wrong path, model or id
    │   ├── ConflictError            409   something else is using the object: retry
    │   ├── UnprocessableEntityError 422   the request is wrong: change it
    │   ├── RateLimitError           429   slow down, or out of quota
    │   ├── InternalServerError      5xx   the server failed: retry
    │   └── RedirectError            3xx   not followed: correct base_url
    ├── EventStreamError             the bytes are not a whole event stream: report it
    │   ├── TruncatedStreamError     the input ended before the answer did
    │   ├── EventTooLargeError       one event is larger than max_event_bytes
    │   └── NotAnEventStreamError    the server sent something else, such as a web page
    ├── DecodeError                  a part of the answer, or its JSON, could not be read
    ├── RecordingError               a file is not a recording, or one cannot be written
    ├── StreamCancelledError         you called cancel()
    └── ConfigurationError           no key, or a malformed setting (a ValueError as well)

Misuse by the caller is not in the tree: it raises `TypeError`, `ValueError` or `RuntimeError`
immediately. An exception never shows the API key, a request header or the prompt.

What `str()` returns for an exception of the tree is one line of printable text, whatever a server
or a file put into its message, code or id; see `openai_scan.printable`. The attributes keep what
was received.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from openai_scan.printable import one_line

if TYPE_CHECKING:
    from openai_scan.values import Answer

__all__ = [
    "APIError",
    "AuthenticationError",
    "BadRequestError",
    "ConfigurationError",
    "ConflictError",
    "ConnectError",
    "ConnectTimeoutError",
    "DecodeError",
    "EventStreamError",
    "EventTooLargeError",
    "InternalServerError",
    "NotAnEventStreamError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "RecordingError",
    "RedirectError",
    "ScanError",
    "StreamCancelledError",
    "StreamTimeoutError",
    "TLSError",
    "TransportError",
    "TruncatedStreamError",
    "UnprocessableEntityError",
    "error_class",
]


class ScanError(Exception):
    """The base of every error that a stream or a request can end with.

    What to do depends on the branch: retry a `TransportError`, read an `APIError`, report an
    `EventStreamError` or a `DecodeError`. Everything that arrived before it has been delivered.

    Attributes:
        events_read: How many events the stream had delivered before this error.
        bytes_read: How many bytes of the body had been read.
        snapshot: The answer as far as it had arrived, or None.
    """

    events_read: int = 0
    bytes_read: int = 0
    snapshot: Answer | None = None

    def __str__(self) -> str:
        return one_line(super().__str__())


class TransportError(ScanError):
    """The connection broke or could not be used. Retry.

    Its `__cause__` is the exception of the network library or the system, which has more details.

    Attributes:
        lost: How the connection was lost: `"cut"` if the other side closed it before the end of
            the answer, `"reset"` if the operating system of either side reset it; None otherwise.
    """

    lost: Literal["cut", "reset"] | None = None


class ConnectError(TransportError):
    """No connection was made: wrong host, refused, no network. Nothing was sent.

    Check `base_url` and the proxy settings; retrying is safe.

    Attributes:
        certificate_refused: Whether the certificate of the server, or of a proxy, was rejected.
            The client does not retry then, because it would be rejected again.
        proxy_status: The HTTP status with which a proxy refused the connection, such as 407 if it
            requires a password; None if no proxy refused. Only 408, 429 and 5xx are retried.
    """

    certificate_refused: bool = False
    proxy_status: int | None = None


class TLSError(ConnectError):
    """The server's certificate was rejected, or the handshake failed.

    Set `REQUESTS_CA_BUNDLE` to the certificates of your network's authority instead of turning off
    verification.

    Attributes:
        variable: The environment variable that you have to correct first, such as
            `"SSL_CERT_FILE"`, or None. If it is set, the client does not retry.
    """

    variable: str | None = None


class StreamTimeoutError(TransportError):
    """A timeout expired. Raise the limit, or retry.

    Attributes:
        limit: The name of the limit in `Timeout`, such as `"event_idle"`. None if the limit was
            not yours: the server kept the connection open after the answer.
    """

    def __init__(self, message: str, *, limit: str | None = None) -> None:
        super().__init__(message)
        self.limit = limit


class ConnectTimeoutError(ConnectError, StreamTimeoutError):
    """No connection was made in time, so nothing was sent. Retry, or check the network."""


class APIError(ScanError):
    """The server reported an error, by HTTP status or inside the stream.

    Attributes:
        message: The server's own words.
        status: The HTTP status; None for an error inside a stream.
        type: The server's class of error, such as `"server_error"`, or None.
        code: The server's code, such as `"rate_limit_exceeded"`, or None.
        param: The request parameter at fault, or None.
        request_id: The id to give to the provider's support, or None.
        retryable: Whether the same request may succeed later.
        retry_after: How many seconds the server asks you to wait before a retry, or None.
        body: The error as received: parsed JSON, or text of at most 64 KiB. Not part of `str()`.
        is_explained: Whether the server sent a message. If False, `message` is the client's.
        not_retried: Why the client did not wait as long as the server asks and retry, or None.
    """

    is_explained: bool = True
    not_retried: str | None = None

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        type: str | None = None,
        code: str | None = None,
        param: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        should_retry: bool | None = None,
        body: Any = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.type = type
        self.code = code
        self.param = param
        self.request_id = request_id
        self.retry_after = retry_after
        self._should_retry = should_retry
        self.body = body

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later."""
        if self._should_retry is not None:  # the server's own statement
            return self._should_retry
        # An exhausted quota is also a 429, but waiting does not refill it.
        if "insufficient_quota" in (self.code, self.type):
            return False
        status = self.status or _status_in(self.code)
        if status is not None:
            return status in _RETRYABLE_STATUSES or status >= 500
        return self.code in _RETRYABLE_CODES or self.type in _RETRYABLE_CODES

    def __str__(self) -> str:
        facts = [
            f"{name} {value}"
            for name, value in (
                ("HTTP status", self.status),
                ("code", self.code),
                ("param", self.param),
                ("request id", self.request_id),
                ("not retried:", self.not_retried),
            )
            if value is not None
        ]
        return one_line(f"{self.message} ({', '.join(facts)})" if facts else self.message)


class BadRequestError(APIError):
    """400: the request is wrong. Change it; the same request fails again."""


class AuthenticationError(APIError):
    """401: the key is missing, wrong or revoked. Check `OPENAI_API_KEY`."""


class PermissionDeniedError(APIError):
    """403: the key is valid but may not do this. Check the project and the region."""


class NotFoundError(APIError):
    """404: no such path, model or id. Check `base_url` first, then the id."""


class ConflictError(APIError):
    """409: another request is using the object, such as a run that is still active."""


class UnprocessableEntityError(APIError):
    """422: the request is well-formed but not accepted. Change it."""


class RateLimitError(APIError):
    """429: too many requests, or the quota is exhausted; `retryable` is False for the latter."""


class InternalServerError(APIError):
    """5xx: the server failed. Retry."""


class RedirectError(APIError):
    """3xx: the server redirects elsewhere. Set `base_url` to the address that it names.

    Redirects are not followed: a redirected POST would become a GET and send the key along.
    """


class EventStreamError(ScanError):
    """The bytes are not a whole, well-formed event stream. Report it to the server's vendor."""


class TruncatedStreamError(EventStreamError):
    """The input ended before the answer did. What arrived has been delivered but is incomplete.

    It is in `snapshot`. Send the request again if you need the whole answer. If a server never
    marks the end of its streams, pass `require_terminal=False` to the client or the streamer.
    """


class EventTooLargeError(EventStreamError):
    """One event is larger than `max_event_bytes`. Raise that limit if the event is legitimate.

    Attributes:
        limit: The limit in bytes.
    """

    def __init__(self, message: str, *, limit: int = 0) -> None:
        super().__init__(message)
        self.limit = limit


class NotAnEventStreamError(EventStreamError):
    """The server sent something else, such as a login page. Check `base_url`.

    Attributes:
        body: The beginning of what the server sent, as text of at most 64 KiB.
    """

    def __init__(self, message: str, *, body: str = "") -> None:
        super().__init__(message)
        self.body = body


class DecodeError(ScanError):
    """The payload of an event does not match its class. Report it; the raw event has the text.

    By default the stream continues, and the error is at `UnknownEvent.error`. If the event was part
    of the answer, the answer has a hole: `err()` returns the error at the end of the stream. With
    `strict=True` the stream ends at the event. `final_as()` raises this error as well, if the text
    does not match the type.
    """


class RecordingError(ScanError):
    """A file is not a recording, or cannot be written. The message names the file and line.

    If it ends a stream that is being recorded, everything that arrived has been delivered, and the
    recording contains what was written before the error.
    """


class StreamCancelledError(ScanError):
    """`cancel()` was called. What arrived before has been delivered."""


class ConfigurationError(ScanError, ValueError):
    """A client cannot be created: no key, or a malformed setting. The message says what to set."""


# openai-python and LiteLLM agree on these; everything else is permanent.
_RETRYABLE_STATUSES = frozenset({408, 409, 429})
_RETRYABLE_CODES = frozenset(
    {
        "engine_overloaded",
        "internal_error",
        "internal_server_error",
        "overloaded",
        "overloaded_error",
        "rate_limit_error",
        "rate_limit_exceeded",
        "server_error",
        "service_unavailable",
        "timeout",
    }
)

_BY_STATUS: dict[int, type[APIError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}

# Errors inside a stream have no HTTP status. These codes and types correspond to one.
_BY_WORD: dict[str, type[APIError]] = {
    "authentication_error": AuthenticationError,
    "internal_server_error": InternalServerError,
    "invalid_request_error": BadRequestError,
    "not_found_error": NotFoundError,
    "permission_error": PermissionDeniedError,
    "rate_limit_error": RateLimitError,
    "rate_limit_exceeded": RateLimitError,
    "server_error": InternalServerError,
}


def error_class(status: int | None, code: str | None, type: str | None) -> type[APIError]:
    """Return the subclass of `APIError` for an HTTP status, or else for a code or type."""
    status = status or _status_in(code)
    if status is not None:
        if status >= 500:
            return InternalServerError
        if 300 <= status < 400:
            return RedirectError
        return _BY_STATUS.get(status, APIError)
    return _BY_WORD.get(code or "") or _BY_WORD.get(type or "") or APIError


def _status_in(code: str | None) -> int | None:
    """Return the HTTP status that many servers put into `code`, as in `"503"`."""
    # Some servers, such as Baidu's, have three-digit codes of their own: 336 is not a redirect.
    if code is not None and len(code) == 3 and code.isascii() and code.isdigit():
        return int(code) if code[0] in "45" else None
    return None
