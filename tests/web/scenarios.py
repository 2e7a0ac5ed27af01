"""What the tests run in Pyodide. Each function returns what JSON can hold."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import io
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import js
from attrs import frozen
from pyodide.ffi import create_proxy, to_js

from openai_scan import (
    APIError,
    AsyncClient,
    AsyncStreamerV2,
    Client,
    Observer,
    RetryPolicy,
    ScanError,
    StreamerV2,
    Timeout,
    json_schema_format,
    record,
    replay,
    run_tools,
    tool_of,
)
from openai_scan.transport import Request, Upload
from openai_scan.transport.fetch.cancellation import FetchCancellation
from openai_scan.transport.fetch.wire import FetchAnswer, FetchWire
from openai_scan.transport.transport import AsyncTransport
from openai_scan.web.loading import load

KEY = "sk-secret-1234"
QUESTION: Any = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


async def result_of(value: Any) -> Any:
    """Return the result of a function or of a coroutine function."""
    return await value if inspect.isawaitable(value) else value


def ask(url: str, **settings: Any) -> StreamerV2[Any, Any]:
    """Return the stream of a question."""
    return Client(KEY, url, **settings).create_chat_completion_stream(**QUESTION)


def ask_later(url: str) -> AsyncStreamerV2[Any, Any]:
    """Return the same as an asynchronous stream."""
    return AsyncClient(KEY, url, allow_browser=True).create_chat_completion_stream(**QUESTION)


def end_of(s: StreamerV2[Any, Any] | AsyncStreamerV2[Any, Any]) -> Any:
    """Return how a stream ended: its outcome, its error, and the limit that ran out."""
    error = s.err()
    limit = getattr(error, "limit", None)
    return [s.outcome, None if error is None else type(error).__name__, limit or str(error)]


@contextlib.contextmanager
def poked(function: Callable[[], object]) -> Iterator[None]:
    """Have *function* called when the page is poked: plainly, as a handler of events is."""
    js.onPoke = proxy = create_proxy(function)
    try:
        yield
    finally:
        js.onPoke = None
        proxy.destroy()


@contextlib.contextmanager
def replaced(cls: type, name: str, value: Any) -> Iterator[None]:
    """Replace a method of *cls*."""
    kept = getattr(cls, name)
    setattr(cls, name, value)
    try:
        yield
    finally:
        setattr(cls, name, kept)


def text(url: str, **settings: Any) -> Any:
    """Note each text when it has come."""
    with ask(url, **settings) as s:
        while s.next():
            if s.text():
                js.note(s.text())
        return end_of(s)


def text_in_page(url: str) -> Any:
    """Do the same in a page."""
    return text(url, allow_browser=True)


def text_read_whole(url: str) -> Any:
    """Do the same with a wire that reads a body whole."""
    read = FetchAnswer.read

    async def read_whole(self: FetchAnswer) -> bytes:
        whole = b""
        while data := await read(self):
            whole += data
        return whole

    with replaced(FetchAnswer, "read", read_whole):
        return text(url, timeout=Timeout(idle=0.3), retries=RetryPolicy(attempts=1))


async def text_later(url: str) -> Any:
    """Note each text of an asynchronous stream."""
    async with ask_later(url) as s:
        while await s.next():
            if s.text():
                js.note(s.text())
        return end_of(s)


async def two_streams(urls: list[str]) -> Any:
    """Read two blocking streams at once."""

    async def read(url: str) -> Any:
        return text(url)

    return await asyncio.gather(*map(read, urls))


def cancelled(url: str, retries: int = 2) -> Any:
    """Have the page cancel the stream, and note when it says something or is retried."""

    class Noting(Observer):
        def renewed(self, stream: Any, error: ScanError) -> None:
            js.note("renewed")

    with ask(url, retries=RetryPolicy(attempts=retries)) as s, poked(s.cancel):
        s.observe(Noting())
        while s.next():
            js.note("event")
        return end_of(s)


async def task_cancelled(url: str) -> Any:
    """Have the page cancel the task that reads."""

    async def read() -> None:
        async with ask_later(url) as s:
            while await s.next():
                js.note("event")

    task = asyncio.ensure_future(read())
    with poked(task.cancel):
        try:
            await task
        except asyncio.CancelledError:
            return "cancelled"
    return "not cancelled"


async def cancelled_later(url: str) -> Any:
    """Have the page cancel an asynchronous stream."""
    async with ask_later(url) as s:
        with poked(s.cancel):
            while await s.next():
                js.note("event")
            return end_of(s)


def left_early(url: str) -> Any:
    """Leave the stream at its first event."""
    with ask(url) as s:
        return s.next()


def limited(url: str, limits: dict[str, float]) -> Any:
    """Read with time limits."""
    with ask(url, timeout=Timeout(**limits), retries=RetryPolicy(attempts=1)) as s:
        while s.next():
            pass
        return end_of(s)


async def limited_later(url: str) -> Any:
    """Read with a time limit, asynchronously."""
    wire = FetchWire(blocking=False)
    request = Request(method="POST", path="/x", timeout=Timeout(idle=0.1))
    async with AsyncStreamerV2(AsyncTransport(url, key=KEY, wire=wire).stream(request)) as s:
        while await s.next():
            pass
        return end_of(s)


def refused(url: str, attempts: int = 1, **settings: Any) -> Any:
    """Call, and return everything about the error."""
    try:
        Client(KEY, url, retries=RetryPolicy(attempts=attempts), **settings).list_models()
    except APIError as error:
        return [type(error).__name__, str(error), error.request_id, error.retry_after, error.body]
    except ScanError as error:
        return [type(error).__name__, str(error), repr(error.__cause__)]
    return "not refused"


async def models_later(url: str) -> Any:
    """Call, asynchronously."""
    transport = AsyncTransport(url, key=KEY, wire=FetchWire(blocking=False))
    value = await transport.call(Request(method="GET", path="/models"))
    await transport.aclose()
    return value


def order_around_pause(url: str, *, freezes: bool = False) -> Any:
    """Return what happens around the pause before a second attempt, in order.

    Args:
        url: A server that refuses the first attempt.
        freezes: Whether the pause is one that stops the page.
    """
    order = []
    send = FetchWire.send

    class Noting(Observer):
        def renewed(self, stream: Any, error: ScanError) -> None:
            order.append("renewed")
            js.setTimeout(create_proxy(lambda: order.append("timer of the page")), 1)

    async def noted(self: FetchWire, parcel: Any, carried: Any) -> Any:
        order.append("request")
        return await send(self, parcel, carried)

    async def frozen(self: FetchCancellation, seconds: float) -> None:
        threading.Event().wait(seconds)

    pause = frozen if freezes else FetchCancellation.pause
    with replaced(FetchWire, "send", noted), replaced(FetchCancellation, "pause", pause):
        with ask(url, allow_browser=True) as s:
            s.observe(Noting())
            while s.next():
                pass
            return [order, s.outcome]


def order_around_replay() -> Any:
    """Return whether the page lives on while a recording is replayed at its pace."""
    file = io.BytesIO()
    source = iter([b'data: {"object":"chat.completion.chunk"}\n\n', b"data: [DONE]\n\n"])

    def slowly() -> Iterator[bytes]:
        yield next(source)
        time.sleep(0.3)
        yield next(source)

    with StreamerV2(record(slowly(), file)) as s:
        while s.next():
            pass
    order = []
    js.setTimeout(create_proxy(lambda: order.append("timer of the page")), 1)
    with StreamerV2(replay(io.BytesIO(file.getvalue()), speed=1)) as s:
        while s.next():
            order.append(s.event().type)
    return order


def order_around_loading() -> Any:
    """Return whether the page lives on while a module is loaded that imports others, all slow."""
    slow = "import time\nend = time.monotonic() + 0.03\nwhile time.monotonic() < end: pass\n"
    for number in range(4):
        Path(f"/slow_{number}.py").write_text(f"{slow}import slow_{number + 1}\n", "utf-8")
    Path("/slow_4.py").write_text("", "utf-8")
    order = []
    js.setTimeout(create_proxy(lambda: order.append("timer of the page")), 1)
    order.append(load("slow_0").__name__)
    return order


def recorded(url: str) -> Any:
    """Record a stream in memory and replay it."""
    file = io.BytesIO()
    with Client(KEY, url).create_chat_completion_stream(**QUESTION, record=file) as s:
        first = [s.event().raw.data for _ in iter(s.next, False)]
    with StreamerV2(replay(io.BytesIO(file.getvalue()))) as s:
        again = [s.event().raw.data for _ in iter(s.next, False)]
    return [first, again, KEY in file.getvalue().decode()]


def resumed(url: str) -> Any:
    """Read a response that breaks off."""
    with Client(KEY, url).create_response_stream(model="m", input="Hi", background=True) as s:
        return [s.read().decode(), s.outcome]


def uploaded(url: str, size: int, **settings: Any) -> Any:
    """Send a file from memory."""
    sound = ("a \u00fc.mp3", bytes(range(256)) * (size // 256))
    client = Client(KEY, url, **settings)
    with client.create_transcription_stream(model="whisper", file=sound) as s:
        return s.read().decode()


async def uploaded_alone(url: str) -> Any:
    """Send a form that has files only."""
    files = (Upload("file", "a.txt", b"a"),)
    transport = AsyncTransport(url, key=KEY, wire=FetchWire(blocking=False))
    return await transport.call(Request(method="POST", path="/files", uploads=files))


def with_tools(url: str) -> Any:
    """Have the model call a function."""

    def weather(city: str) -> str:
        """Tell the weather in a city."""
        return f"4 degrees in {city}"

    client = Client(KEY, url)
    stream = client.create_chat_completion_stream(**QUESTION, tools=[tool_of(weather)])
    with run_tools(client, stream, [weather]) as s:
        return [s.read().decode(), s.outcome]


@frozen
class City:
    """A city."""

    name: str
    population: int


def structured(url: str) -> Any:
    """Get the answer as an instance of a class."""
    client = Client(KEY, url)
    with client.create_chat_completion_stream(
        **QUESTION, response_format=json_schema_format(City)
    ) as s:
        return repr(s.final_as(City))


def several(url: str, count: int) -> Any:
    """Ask one after the other with one client."""
    outcomes = []
    for _ in range(count):
        with ask(url) as s:
            s.read()
            outcomes.append(s.outcome)
    return outcomes


async def bare_request(url: str) -> Any:
    """Send what this engine sends if it is told no header."""
    options = {"method": "POST", "body": b"{}"}
    response = await js.fetch(url, to_js(options, dict_converter=js.Object.fromEntries))
    return response.status


def with_header(url: str) -> Any:
    """Send a header that the user sets, and one of those that are left out otherwise."""
    headers = {"X-Mine": "1", "Idempotency-Key": "call-1"}
    return len(Client(KEY, url, headers=headers).list_models())


def with_header_in_page(url: str) -> Any:
    """Send a header that the server does not allow."""
    try:
        Client(KEY, url, headers={"X-Mine": "1"}, allow_browser=True).list_models()
    except ScanError as error:
        return [type(error).__name__, str(error)]
    return "not refused"


def loaded() -> Any:
    """Return which modules are loaded that a page has no use for."""
    unused = ("certifi", "http.client", "idna", "requests", "tenacity", "urllib3")
    return [name for name in unused if name in sys.modules]


async def in_callback(url: str) -> Any:
    """Start a task in a callback; the task may wait, as the callback itself may not."""
    found: asyncio.Future[Any] = asyncio.get_event_loop().create_future()
    tasks = []

    async def read() -> None:
        found.set_result(text(url))

    def clicked() -> None:
        tasks.append(asyncio.ensure_future(read()))

    js.setTimeout(create_proxy(clicked), 0)
    return await found


def constructed(*, location: str | None, **arguments: Any) -> Any:
    """Make a client as if the engine were a page at *location*; return what it complains of."""
    if location is not None:
        js.location = js.URL.new(location)
    try:
        Client(base_url="http://a.test/v1", **arguments)
    except ScanError as error:
        return str(error)
    finally:
        if location is not None:
            js.Reflect.deleteProperty(js.globalThis, "location")
    return None


def refused_in_page(url: str, location: str) -> Any:
    """Call as if the engine were a page at *location*."""
    js.location = js.URL.new(location)
    try:
        client = Client(KEY, url, retries=RetryPolicy(attempts=1), allow_browser=True)
        client.list_models()
    except ScanError as error:
        return [type(error).__name__, str(error)]
    finally:
        js.Reflect.deleteProperty(js.globalThis, "location")
    return "not refused"
