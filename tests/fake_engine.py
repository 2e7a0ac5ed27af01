"""A JavaScript engine in memory: what `js` and `pyodide.ffi` are to the wire that uses `fetch`.

What only a browser does, and Node.js does not, is played here; `tests/web` has real engines. As
in those, a promise settles while something waits for it, and an abort rejects it at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, TypeAlias

from attrs import define, field

HANG = object()
"""A step that nothing but an abort ends."""

Step: TypeAlias = "bytes | BaseException | object"


class JsException(Exception):  # noqa: N818 - it is called so
    """An exception of JavaScript."""

    def __init__(self, message: str, cause: Any = None) -> None:
        super().__init__(message)
        self.message = message
        if cause is not None:
            self.cause = cause


class Function:
    """A JavaScript function."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function

    def __call__(self) -> None:
        """Call it."""
        self._function()

    def bind(self, this: object) -> Function:
        """Return the same function, which knows its object already."""
        return self


class Signal:
    """Tells promises that they are aborted."""

    def __init__(self) -> None:
        self.aborted = False
        self._pending: list[asyncio.Future[Any]] = []

    def reject(self) -> None:
        """Reject all that is pending, and all that comes."""
        self.aborted = True
        for promise in self._pending:
            if not promise.done():
                promise.set_exception(JsException("AbortError"))

    def promise(self, value: Any) -> asyncio.Future[Any]:
        """Return a promise of *value*, or of what it is to be rejected with."""
        promise = asyncio.get_event_loop().create_future()
        if self.aborted:
            promise.set_exception(JsException("AbortError"))
        elif isinstance(value, BaseException):
            promise.set_exception(value)
        elif value is HANG:
            self._pending.append(promise)
        else:
            promise.set_result(value)
        return promise


@define
class Reply:
    """What a server does with one request.

    Attributes:
        blocks: The body, as it comes; None for no body.
        status: The HTTP status.
        headers: The headers.
        type: What the browser shows of the answer.
        before: What comes in place of the answer.
    """

    blocks: Iterable[Step] | None = ()
    status: int = 200
    headers: dict[str, str] = field(factory=lambda: {"Content-Type": "text/event-stream"})
    type: str = "cors"
    before: Step = None


class FakeEngine:
    """The engine.

    Args:
        replies: What to answer, one for each request.
        location: Where the page is; None if there is no page.

    Attributes:
        sent: The URL and the options of each request.
        waits: Whether Python can be suspended.
        timers: How many milliseconds each timer was set to.
        modules: What to put into `sys.modules`.
    """

    def __init__(self, *replies: Reply, location: str | None = None) -> None:
        self.sent: list[tuple[str, Any]] = []
        self.waits = True
        self.timers: list[int] = []
        self._replies = iter(replies)
        self.js = SimpleNamespace(
            AbortController=SimpleNamespace(new=self._controller),
            Blob=SimpleNamespace(new=lambda parts, options: ("blob", parts, options)),
            FormData=SimpleNamespace(new=_Form),
            Object=SimpleNamespace(fromEntries="objects"),
            WebAssembly=SimpleNamespace(Suspending=None),
            clearTimeout=lambda timer: timer.cancel(),
            fetch=self._fetch,
            setTimeout=self._set_timeout,
        )
        if location is not None:
            self.js.location = SimpleNamespace(protocol=location.partition("//")[0])
        ffi = SimpleNamespace(
            JsException=JsException,
            can_run_sync=lambda: self.waits,
            run_sync=lambda promise: asyncio.get_event_loop().run_until_complete(promise),
            to_js=_to_js,
        )
        self.modules = {"js": self.js, "pyodide.ffi": ffi}

    @staticmethod
    def _controller() -> Any:
        signal = Signal()
        return SimpleNamespace(signal=signal, abort=Function(signal.reject))

    def _set_timeout(self, function: Callable[[], None], milliseconds: int) -> Any:
        self.timers.append(milliseconds)
        return asyncio.get_event_loop().call_later(milliseconds / 1000, function)

    def _fetch(self, url: str, options: Any) -> Any:
        self.sent.append((url, options))
        signal = options["signal"]
        reply = next(self._replies)
        if reply.before is not None:
            return signal.promise(reply.before)
        body = None if reply.blocks is None else _Body(reply.blocks, signal)
        headers = SimpleNamespace(entries=lambda: list(map(list, reply.headers.items())))
        return signal.promise(
            SimpleNamespace(
                status=reply.status,
                statusText="Said",
                type=reply.type,
                headers=headers,
                body=body,
            )
        )


class _Body:
    def __init__(self, steps: Iterable[Step], signal: Signal) -> None:
        self._steps = iter(steps)
        self._signal = signal

    def getReader(self) -> Any:  # noqa: N802 - JavaScript's own name
        return SimpleNamespace(read=self._read)

    def _read(self) -> Any:
        step = next(self._steps, None)
        if step is None:
            return self._signal.promise(SimpleNamespace(done=True))
        if isinstance(step, bytes):
            value = SimpleNamespace(to_bytes=lambda: step)
            return self._signal.promise(SimpleNamespace(done=False, value=value))
        return self._signal.promise(step)


class _Form(list[tuple[Any, ...]]):
    """A form; what is appended is a tuple."""

    def append(self, *entry: Any) -> None:
        super().append(entry)


def _to_js(value: Any, *, dict_converter: Any) -> Any:
    assert dict_converter == "objects"  # or dicts become maps, which fetch ignores
    return value
