"""Blocking facades of asynchronous clients, so that the tests of a client run over all wires.

A module whose tests use the fixture `wire` is run once for each of `WIRES`: `Client`, `Transport`
and what belongs to them are then facades in that module. An event loop runs in a thread of its own,
so that a test may use several threads as it does with a blocking client.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any, ClassVar

from drivers import BlockingFacade, following
from typing_extensions import Self

from openai_scan import AsyncAzureClient, AsyncClient, AsyncStreamerV2, run_tools
from openai_scan.transport.exchange import AsyncExchange
from openai_scan.transport.transport import AsyncTransport

BLOCKING = "blocking"

WIRES = os.environ.get("OPENAI_SCAN_WIRES", f"{BLOCKING} threads aiohttp").split()
"""By which wires the tests of clients run; `blocking` has no facade.

The makefile sets the variable, to run some tests over some wires only.
"""

# Seconds after which a step of a test has failed.
PATIENCE = 30.0


_starting = threading.Lock()  # two threads may ask for the loop at once


def _loop() -> asyncio.AbstractEventLoop:
    """Return an event loop that runs in a thread of its own until all tests have ended."""
    with _starting:
        return _started()


@functools.cache
def _started() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="tests' event loop", daemon=True).start()
    return loop


class Running:
    """A coroutine that runs in the event loop, as a task."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine
        self._done: Future[Any] = Future()
        self._task: asyncio.Task[Any] | None = None
        self._cancelled = False
        _loop().call_soon_threadsafe(self._start)

    def _start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._coroutine)
        self._task.add_done_callback(self._tell)

    def _tell(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            self._done.set_exception(asyncio.CancelledError())
        elif (error := task.exception()) is not None:
            self._done.set_exception(error)
        else:
            self._done.set_result(task.result())

    def cancel(self) -> None:
        """Cancel the task, at most once; a task that has ended is left alone."""
        if not self._cancelled:
            self._cancelled = True
            _loop().call_soon_threadsafe(lambda: self._task is not None and self._task.cancel())

    def result(self) -> Any:
        """Wait for the coroutine, and return its result."""
        return self._done.result(PATIENCE)


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run *coroutine* in the event loop, and return its result."""
    return Running(coroutine).result()


class FacadeStream(BlockingFacade):
    """A `StreamerV2` over an asynchronous stream."""

    _running: Running | None = None

    def __init__(self, source: Any, **settings: Any) -> None:
        stream = source if isinstance(source, AsyncStreamerV2) else _stream(source, **settings)
        super().__init__(stream, self._run_here)
        self._interrupted = threading.Event()

    def __repr__(self) -> str:
        return repr(self._stream).replace("Async", "")

    def interrupt(self) -> None:
        """Cancel the task that reads, or, if there is none yet, the first one that does."""
        while not self._interrupted.wait(0.01):
            if self._running is not None:
                self._running.cancel()

    def _run_here(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        self._running = Running(coroutine)
        try:
            return self._running.result()
        except asyncio.CancelledError:
            self._interrupted.set()
            raise


def _stream(source: Any, **settings: Any) -> AsyncStreamerV2:
    inner = source._exchange if isinstance(source, FacadeExchange) else following(source)
    return AsyncStreamerV2(inner, **settings)


class FacadeExchange:
    """An `Exchange` over an asynchronous one."""

    def __init__(self, exchange: AsyncExchange) -> None:
        self._exchange = exchange

    def __getattr__(self, name: str) -> Any:
        return _blocking(getattr(self._exchange, name))

    def __iter__(self) -> Iterator[bytes]:
        while chunk := run(self._next()):
            yield chunk

    def close(self) -> None:
        """Release the connection."""
        run(self._exchange.aclose())

    async def _next(self) -> bytes:
        return await anext(self._exchange, b"")


class Facade:
    """A client or a transport whose methods block.

    Attributes:
        kind: The asynchronous class that it is a facade of.
        wire: The name of its wire.
        made: All facades that `close_all()` has not closed yet.
    """

    kind: Callable[..., Any]
    wire: str
    made: ClassVar[list[Facade]] = []

    def __init__(self, *args: Any, **settings: Any) -> None:
        self._inner = type(self).kind(*args, wire=self.wire, **settings)
        self.made.append(self)

    def __repr__(self) -> str:
        return repr(self._inner).replace("Async", "")

    def __getattr__(self, name: str) -> Any:
        return _blocking(getattr(self._inner, name))

    def close(self) -> None:
        """Close the connections that are not in use."""
        run(self._inner.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @classmethod
    def close_all(cls) -> None:
        """Close what a test has left open."""
        while cls.made:
            cls.made.pop().close()


def _blocking(value: Any) -> Any:
    """Return *value*, or a blocking facade of it if it is asynchronous."""
    if isinstance(value, AsyncStreamerV2):
        return FacadeStream(value)
    if isinstance(value, AsyncExchange):
        return FacadeExchange(value)
    if inspect.iscoroutine(value):
        return run(value)
    if inspect.ismethod(value):
        return lambda *args, **more: _blocking(value(*args, **more))
    return value


def facades(wire: str) -> dict[str, Any]:
    """Return what replaces the public names in a module, by name."""
    if wire == BLOCKING:
        return {name: getattr(importlib.import_module(at), name) for name, at in _PLACES.items()}
    kinds = {"Client": AsyncClient, "AzureClient": AsyncAzureClient, "Transport": AsyncTransport}
    made: dict[str, Any] = {
        name: type(name, (Facade,), {"kind": kind, "wire": wire}) for name, kind in kinds.items()
    }
    return {**made, "StreamerV2": FacadeStream, "run_tools": _run_tools}


def _run_tools(client: Facade, stream: FacadeStream, *args: Any, **settings: Any) -> FacadeStream:
    run_tools(client._inner, stream._stream, *args, **settings)
    return stream


_PLACES = {
    "AzureClient": "openai_scan",
    "Client": "openai_scan",
    "StreamerV2": "openai_scan",
    "Transport": "openai_scan.transport",
    "run_tools": "openai_scan",
}
