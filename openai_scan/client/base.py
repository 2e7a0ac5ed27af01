"""What all methods of the client share: settings, requests and typed answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

import attrs
from attrs import frozen
from typing_extensions import Self

from openai_scan.client.files import take_uploads
from openai_scan.client.params.base import Extras
from openai_scan.errors import ConfigurationError, DecodeError
from openai_scan.events.decoding.structure import Structurer
from openai_scan.observer import Observer
from openai_scan.recording import RecordTo
from openai_scan.recording import record as recorded
from openai_scan.sse import Source
from openai_scan.stream.view import StreamView
from openai_scan.streamer import StreamerV2
from openai_scan.transport import Request, RetryPolicy, Timeout, Transport
from openai_scan.transport.fetch import engine
from openai_scan.transport.ids import quoted
from openai_scan.transport.key import AsyncKeySource
from openai_scan.transport.request import check_header
from openai_scan.transport.sender import Sender

T = TypeVar("T")
KeyT = TypeVar("KeyT", bound=AsyncKeySource)


class TypedDictClass(Protocol):
    """A class made by `TypedDict`; it lists the keys and which of them are required."""

    __required_keys__: frozenset[str]
    __optional_keys__: frozenset[str]


# The APIs that need a header of their own, by the first word of their paths.
_ASSISTANTS = {"OpenAI-Beta": "assistants=v2"}
_API_HEADERS = {
    "agents": {"OpenAI-Beta": "agents=v1"},
    "assistants": _ASSISTANTS,
    "threads": _ASSISTANTS,
}

# What an argument is called in another API, or in openai-python.
_OTHER_NAMES = {
    "input": "messages",
    "messages": "input",
    "response_format": "text",
    "text": "response_format",
    "text_format": "text",
}


@frozen(kw_only=True)
class Page(Generic[T]):
    """One page of a list; iterating over it yields its items.

    For the next page pass `after=page.last_id`.

    Attributes:
        data: The items.
        first_id: The id of the first item; None if there is none.
        last_id: The id of the last item; None if there is none.
        has_more: Whether more items follow.
    """

    data: tuple[T, ...] = ()
    first_id: str | None = None
    last_id: str | None = None
    has_more: bool = False

    def __attrs_post_init__(self) -> None:
        # The Agents API does not send it.
        if self.data and self.last_id is None:
            object.__setattr__(self, "last_id", getattr(self.data[-1], "id", None) or None)

    def __iter__(self) -> Iterator[T]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)


class ClientCore:
    """What a client is apart from waiting: settings, requests and typed answers.

    Args:
        sender: What prepares the requests to the server; a transport.
        timeout: How long to wait, unless a call overrides it.
        retries: When to retry, unless a call overrides it.
        stream_options: The keyword arguments of every streamer.
        observers: Callables that make an observer; each is called once per stream.
    """

    def __init__(
        self,
        sender: Sender,
        *,
        timeout: Timeout | float | None,
        retries: RetryPolicy | None,
        stream_options: Mapping[str, Any],
        observers: Iterable[Callable[[], Observer]],
    ) -> None:
        self._sender = sender
        self._timeout = as_timeout(timeout)
        self._retries = RetryPolicy() if retries is None else retries
        self._stream_options = stream_options
        self._observers = tuple(observers)
        self._structure = Structurer()

    def __repr__(self) -> str:
        # A debugger also shows objects whose constructor has raised.
        sender = getattr(self, "_sender", None)
        about = "unfinished" if sender is None else f"base_url={sender.base_url!r}"
        return f"{type(self).__name__}({about})"

    def _observe(self, stream: StreamView[Any, Any, Any]) -> None:
        """Have an observer of each kind watch *stream*."""
        for make_observer in self._observers:
            stream.observe(make_observer())

    def _stream_request(
        self,
        path: str,
        kind: TypedDictClass,
        params: Mapping[str, Any],
        *,
        method: str = "POST",
        files: Iterable[str] = (),
        in_query: Iterable[str] = (),
        onward: Request | None = None,
        once_open: Request | None = None,
        **more: Any,
    ) -> Request:
        """Return the request for a stream.

        Args:
            path: See `_request()`, as for the others.
            kind: The TypedDict that describes the arguments.
            params: The arguments.
            method: The HTTP method.
            files: The names of the arguments that are files.
            in_query: The names of the arguments that belong in the query.
            onward: The request for the rest of the answer if the stream breaks off.
            once_open: The request to send once the stream has begun.
            more: What the method adds to the arguments.
        """
        request = self._request(
            method, path, kind, params, files=files, in_query=in_query, streams=True, **more
        )
        return attrs.evolve(request, onward=onward, once_open=once_open)

    def _call_request(
        self,
        method: str,
        path: str,
        kind: TypedDictClass,
        params: Mapping[str, Any],
        *,
        known: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Request:
        """Return the request for a whole answer.

        Args:
            method: See `_request()`, as for the others.
            path: Where the request goes.
            kind: The TypedDict that describes the arguments.
            params: The arguments.
            known: What is true of the answer once the server has accepted the request. It fills in
                what the server leaves out, which may be everything. None if that is not enough.
            more: What the method adds to the arguments.
        """
        if params.get("record") is not None:
            raise TypeError("record works with streams only, and this method does not stream")
        request = self._request(method, path, kind, params, **more)
        return attrs.evolve(request, may_answer_nothing=known is not None)

    def _answer(
        self, cls: type[T], payload: Any, what: str, known: Mapping[str, Any] | None = None
    ) -> T:
        """Return the JSON value *payload* as an instance of *cls*.

        Args:
            cls: The class of the answer.
            payload: What the server answered.
            what: The request, as the message of an error names it.
            known: See `_call_request()`.
        """
        if known is not None:
            payload = _completed(payload, known)
        try:
            return self._structure(payload, cls)
        except RecursionError:
            raise DecodeError(f"the answer to {what} is nested too deeply") from None
        except DecodeError as error:
            raise DecodeError(f"the answer to {what}: {error}") from error

    def _request(
        self,
        method: str,
        path: str,
        kind: TypedDictClass,
        params: Mapping[str, Any],
        *,
        files: Iterable[str] = (),
        in_query: Iterable[str] = (),
        streams: bool = False,
        **more: Any,
    ) -> Request:
        """Return the request for *params*, which the TypedDict *kind* describes.

        Args:
            method: The HTTP method. A POST has its arguments in the body, if it can have any; other
                methods have them in the query.
            path: The path after the base URL.
            kind: The TypedDict that describes the arguments.
            params: The arguments.
            files: The names of the arguments that are files.
            in_query: The names of the arguments that a POST has in its query.
            streams: Whether the answer is a stream.
            more: What the method adds to the arguments.
        """
        _check_names(kind, params, streams=streams)
        given = {**more, **{name: value for name, value in params.items() if value is not None}}
        extra_headers = given.pop("extra_headers", {})
        extra_query = given.pop("extra_query", {})
        extra_body = given.pop("extra_body", {})
        timeout = given.pop("timeout", None)
        retries = given.pop("retries", None)
        given.pop("record", None)  # not part of the request
        uploads = take_uploads(given, files)
        query = {name: given.pop(name) for name in in_query if name in given}
        body: Mapping[str, Any] | None = None
        if method != "POST":
            query = given
        elif (
            given or extra_body or kind is not Extras
        ):  # some servers reject a body they do not expect
            body = {**given, **extra_body}
        return Request(
            method=method,
            path=self._path(path, given.get("model")),
            query={**query, **extra_query},
            headers={**headers_for(path), **extra_headers},
            body=body,
            uploads=uploads,
            timeout=self._timeout if timeout is None else as_timeout(timeout),
            retries=self._retries if retries is None else retries,
        )

    def _path(self, path: str, model: str | None) -> str:  # noqa: ARG002 - Azure's depends on it
        """Return where this server has a path of the API, for requests to *model*."""
        return path


class BaseClient(ClientCore):
    """The base of the methods of each API; see `ClientCore` for its arguments."""

    def __init__(self, transport: Transport, **settings: Any) -> None:
        super().__init__(transport, **settings)
        self._transport = transport

    def close(self) -> None:
        """Close the connections kept for reuse."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def stream(self, request: Request, *, record: RecordTo | None = None) -> StreamerV2:
        """Return the stream that answers *request*, which is sent by the first `next()`.

        Use it to send a request again, perhaps changed with `attrs.evolve`: `s.source.request` is
        the request of a stream that a method has returned.

        Args:
            request: What to send.
            record: Where to record the stream, or None; see `record()`.
        """
        source: Source = self._transport.stream(request)
        if record is not None:
            source = recorded(source, record)
        stream = StreamerV2(source, **self._stream_options)
        self._observe(stream)
        return stream

    def _stream(
        self, path: str, kind: TypedDictClass, params: Mapping[str, Any], **options: Any
    ) -> StreamerV2[Any, Any]:
        """Return the stream that answers a request; see `_stream_request()`."""
        request = self._stream_request(path, kind, params, **options)
        return self.stream(request, record=params.get("record"))

    def _call(
        self,
        cls: type[T],
        method: str,
        path: str,
        kind: TypedDictClass,
        params: Mapping[str, Any],
        *,
        known: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> T:
        """Return the answer to a request as an instance of *cls*; see `_call_request()`."""
        request = self._call_request(method, path, kind, params, known=known, **more)
        return self._answer(cls, self._transport.call(request), f"{method} {path}", known)


def headers_for(path: str) -> Mapping[str, str]:
    """Return the headers that the API at *path* needs."""
    return _API_HEADERS.get(path.split("/")[1], {})


def path_to(template: str, **ids: str) -> str:
    """Return a path with *ids* filled in.

    Raises:
        ValueError: An id is empty, or would lead to another path.
    """
    return template.format(**{name: quoted(name, value) for name, value in ids.items()})


def _completed(payload: Any, known: Mapping[str, Any]) -> Any:
    """Return an answer in which *known* fills in what the server has left out."""
    if payload is None:
        return known
    return {**known, **payload} if isinstance(payload, dict) else payload


def expect_whole(params: Mapping[str, Any], streaming: str) -> None:
    """Reject the argument `stream` of a method whose streaming counterpart is *streaming*."""
    if "stream" in params:
        raise TypeError(
            f"this method returns the whole answer: leave stream out; {streaming} returns a stream"
        )


# Settings of all streams of a client, which a single call cannot change.
_OF_THE_CLIENT = {"max_event_bytes", "note_unknown", "observers", "require_terminal", "strict"}


def _check_names(kind: TypedDictClass, params: Mapping[str, Any], *, streams: bool) -> None:
    """Reject arguments that the API does not have, and report required ones that are missing.

    A type checker does so as well, but not everyone runs one.
    """
    known = kind.__required_keys__ | kind.__optional_keys__
    for name in params:
        if name in ("stream", "stream_format") and streams:
            whole = ", and call final() for the whole answer" if params[name] is False else ""
            raise TypeError(f"this method always streams: leave {name} out{whole}")
        if name == "stream":
            raise TypeError(
                "this method does not stream: leave stream out; methods that stream end in _stream"
            )
        if name in _OF_THE_CLIENT and name not in known:
            raise TypeError(
                f"there is no argument {name!r} here: pass it to the client, as in"
                f" Client({name}=...)"
            )
        if name not in known:
            import difflib  # only for this error's suggestion

            elsewhere = _OTHER_NAMES.get(name)
            close = [elsewhere] if elsewhere in known else difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]!r}?" if close else "pass others in extra_body"
            raise TypeError(f"there is no argument {name!r}: {hint}")
    missing = sorted(name for name in kind.__required_keys__ if params.get(name) is None)
    if missing:
        raise TypeError(f"missing arguments: {', '.join(missing)}")


def checked_key(key: KeyT | None, variable: str, *, allow_browser: bool) -> KeyT | str:
    """Return the key, or the callable for it. Error messages must not show it."""
    if key is not None and not isinstance(key, str):
        if not callable(key):
            raise TypeError(f"a key is a string or a callable, not {type(key).__name__}")
        if not allow_browser:
            _check_exposure()
        return key
    given = os.environ.get(variable) if key is None else key
    if given is None:
        raise ConfigurationError(
            f"no API key: set {variable} or pass api_key (api_key='' if the server needs none)"
        )
    if given.strip() != given:
        raise ConfigurationError(
            f"the API key begins or ends with a space or line break: strip it; check {variable}"
        )
    if not (given.isascii() and given.isprintable()) or " " in given:
        raise ConfigurationError(
            f"the API key contains characters that no API key has: check {variable}"
        )
    if given and not allow_browser:
        _check_exposure()
    return given


def _check_exposure() -> None:
    """Reject a key in a web page."""
    if engine.is_around() and engine.is_page():
        raise ConfigurationError(
            "any user of a web page, and any script in it, can read its API key: let users enter"
            " their own key and pass allow_browser=True, or have your server add the key"
        )


def checked_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return the headers sent with every request. Error messages must not show their values."""
    try:
        for name, value in headers.items():
            check_header(name, value)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    return headers


def as_timeout(timeout: Timeout | float | None) -> Timeout:
    """Return *timeout* as a `Timeout`; a number limits the wait for each byte and each event."""
    if timeout is None:
        return Timeout()
    if isinstance(timeout, Timeout):
        return timeout
    try:
        return Timeout(first_byte=timeout, idle=timeout, event_idle=timeout)
    except TypeError:
        raise TypeError(
            f"timeout must be an openai_scan.Timeout, a number of seconds or None, not {timeout!r}"
        ) from None
