"""AsyncClient: what it adds to its streams and its wire, on asyncio and on Trio."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import inspect
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from attrs import evolve
from loops import Loop, on_asyncio, on_every_loop
from memory_wire import JSON, MemoryWire, Reply
from server import CHUNKED, END, ScriptedServer, ch, json_answer, serving

from openai_scan import (
    AsyncAzureClient,
    AsyncClient,
    AsyncStreamerV2,
    AzureClient,
    Client,
    ConfigurationError,
    Observer,
    StreamerV2,
    replay,
)
from openai_scan.client.aio import AsyncMethods
from openai_scan.transport import wires
from openai_scan.transport.threads import ThreadsWire
from openai_scan.transport.transport import AsyncTransport

URL = "http://memory.test/v1"
HI = (
    b'data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
)
STOP = (
    b'data: {"object":"chat.completion.chunk","choices":'
    b'[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
)
DONE = b"data: [DONE]\n\n"
WHOLE = [CHUNKED + ch(HI) + ch(STOP + DONE) + END]

PAIRS = [(Client, AsyncClient), (AzureClient, AsyncAzureClient)]


def ask(client: AsyncClient, **params: Any) -> AsyncStreamerV2[Any, Any]:
    """Return the stream of a chat completion."""
    return client.create_chat_completion_stream(model="m", messages=[], **params)


def in_memory(*replies: Reply) -> tuple[AsyncClient, MemoryWire]:
    """Return a client that gets *replies*, and its wire."""
    wire = MemoryWire(*replies)
    return AsyncClient("k", URL, wire=wire), wire


class TestMethods:
    """An asynchronous client has the methods of the blocking one."""

    @pytest.mark.parametrize(("blocking", "awaiting"), PAIRS)
    def test_each_method_has_a_counterpart(self, blocking: type, awaiting: type) -> None:
        """The names are the same; only aclose() is added."""
        names, others = ({one for one in dir(cls) if one[0] != "_"} for cls in (blocking, awaiting))
        assert others - names == {"aclose"}
        assert names <= others

    @pytest.mark.parametrize("name", [one for one in dir(AsyncMethods) if one[0] != "_"])
    def test_a_method_takes_the_same(self, name: str) -> None:
        """The parameters, types and defaults are the same; what is not a stream is a coroutine."""
        if name == "aclose":
            name = "close"
        blocking = inspect.signature(getattr(Client, name))
        awaiting = inspect.signature(getattr(AsyncClient, name))
        assert list(awaiting.parameters.values()) == list(blocking.parameters.values())
        returned = str(blocking.return_annotation).replace("StreamerV2", "AsyncStreamerV2")
        assert awaiting.return_annotation == returned
        waits = not returned.startswith("AsyncStreamerV2")
        assert inspect.iscoroutinefunction(getattr(AsyncClient, name)) == waits

    @pytest.mark.parametrize(("blocking", "awaiting"), PAIRS)
    def test_a_client_takes_a_wire_too(self, blocking: type, awaiting: type) -> None:
        """*wire* is added; all other parameters are those of the blocking client."""
        *parameters, wire = inspect.signature(awaiting).parameters.values()
        own = [
            one.replace(annotation=one.annotation.replace("AsyncKeySource", "KeySource"))
            for one in parameters
        ]
        assert own == list(inspect.signature(blocking).parameters.values())
        assert (wire.name, wire.default, wire.kind) == ("wire", None, wire.KEYWORD_ONLY)

    def test_help_names_what_is_to_be_used(self) -> None:
        """Docstrings name the asynchronous classes, not the blocking ones."""
        for cls in (AsyncClient, AsyncAzureClient):
            assert "`Client`" not in str(cls.__doc__)
            assert "`StreamerV2`" not in str(cls.__doc__)

    def test_importing_it_loads_no_event_loop(self) -> None:
        """Asyncio is slow to import, and programs that run on Trio do not need it."""
        script = (
            "import sys; from openai_scan import AsyncClient;"
            "print(*{'asyncio', 'trio', 'aiohttp', 'requests'} & {*sys.modules})"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
        assert done.stdout.split() == []


class TestOneLoop:
    """One client serves many tasks of one event loop."""

    @on_every_loop
    async def test_many_tasks_use_it_at_once(self, loop: Loop) -> None:
        """Each task gets its own answer."""
        texts: list[str] = []
        count = 20

        async def one() -> None:
            async with ask(client) as s:
                texts.append((await s.final()).text)

        client, wire = in_memory(*(Reply([HI, STOP, DONE]) for _ in range(count)))
        async with client:
            if loop.cancelled is trio.Cancelled:
                client._transport.wire = _OnTrio(wire)
            await loop.together(*[one] * count)
        assert texts == ["Hi"] * count
        assert wire.is_closed

    def test_another_loop_may_not_use_it(self) -> None:
        """Making or reading a stream in another event loop raises, and nothing is sent."""
        client, wire = in_memory(Reply([HI, STOP, DONE]), Reply())

        async def make() -> AsyncStreamerV2[Any, Any]:
            s = ask(client)
            assert (await s.final()).text == "Hi"
            return ask(client)

        left_over = asyncio.run(make())
        with pytest.raises(RuntimeError, match="belongs to another event loop: create one"):
            asyncio.run(make())
        with pytest.raises(RuntimeError, match="belongs to another event loop"):
            asyncio.run(client.list_models())

        async def read() -> None:
            with pytest.raises(RuntimeError, match="belongs to another event loop"):
                await left_over.next()
            assert (left_over.outcome, left_over.err()) == ("cancelled", None)

        asyncio.run(read())
        assert len(wire.sent) == 1

    def test_a_stream_may_be_made_before_the_loop(self) -> None:
        """The stream is read in the event loop that starts later."""
        client, _ = in_memory(Reply([HI, STOP, DONE]))
        s = ask(client)
        assert asyncio.run(s.final()).text == "Hi"

    @on_asyncio
    async def test_a_closed_client_sends_nothing(self) -> None:
        """The error says what to do; a stream that is already being read continues."""
        client, wire = in_memory(Reply([HI, STOP, DONE]))
        async with client:
            s, unsent = ask(client), ask(client)
            assert await s.next()
        assert wire.is_closed
        assert (await s.final()).text == "Hi"
        with pytest.raises(RuntimeError, match="closed: read its streams inside its `async"):
            ask(client)
        with pytest.raises(RuntimeError, match="or create another client"):
            await client.list_models()
        with pytest.raises(RuntimeError, match="the client is closed"):
            await unsent.next()
        await client.aclose()  # again
        assert len(wire.sent) == 1

    @on_asyncio
    async def test_aclosing_closes_it(self) -> None:
        """`contextlib.aclosing` works, since aclose() is another name for close()."""
        client, wire = in_memory()
        async with contextlib.aclosing(client):
            pass
        assert wire.is_closed


class _OnTrio:
    """A memory wire whose steps pause on Trio."""

    def __init__(self, wire: MemoryWire) -> None:
        self._wire = wire
        wire.blocking = True  # it pauses by asyncio

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wire, name)

    async def send(self, *args: Any) -> Any:
        await trio.lowlevel.checkpoint()
        return await self._wire.send(*args)


class TestCalls:
    """What is not a stream is awaited."""

    @on_asyncio
    async def test_a_call_returns_its_type(self) -> None:
        """The answer is typed, as that of the blocking client."""
        models = json.dumps({"data": [{"id": "m"}]}).encode()
        client, _ = in_memory(Reply([models], headers=JSON))
        page = await client.list_models()
        assert [one.id for one in page] == ["m"]

    @on_asyncio
    async def test_record_is_for_streams(self) -> None:
        """A method that does not stream refuses `record` before anything is sent."""
        client, wire = in_memory()
        with pytest.raises(TypeError, match="record works with streams only"):
            await client.create_response(model="m", record="x.jsonl")
        assert wire.sent == []

    @on_asyncio
    async def test_a_whole_answer_is_streamed_and_closed(self) -> None:
        """create_chat_completion() reads a stream to its end."""
        client, wire = in_memory(Reply([HI, STOP, DONE]))
        answer = await client.create_chat_completion(model="m", messages=[])
        assert answer.text == "Hi"
        assert wire.kept == 1
        legacy = {"object": "text_completion", "choices": [{"text": "Ho", "finish_reason": "stop"}]}
        client, wire = in_memory(Reply([b"data: %b\n\n" % json.dumps(legacy).encode(), DONE]))
        assert (await client.create_completion(model="m", prompt="p")).text == "Ho"
        assert wire.kept == 1


class TestStreams:
    """What a client adds to a stream."""

    @on_asyncio
    async def test_observers_watch_each_stream(self) -> None:
        """Observers learn how each stream ended."""
        seen: list[str] = []

        class Noting(Observer):
            def ended(self, stream: Any, outcome: Any, error: Any) -> None:
                seen.append(outcome)

        client = AsyncClient(
            "k", URL, observers=[Noting], wire=MemoryWire(Reply([HI, STOP, DONE]), Reply([HI]))
        )
        await ask(client).final()
        s = ask(client)
        assert await s.next()
        await s.close()
        assert seen == ["completed", "cancelled"]

    @on_every_loop
    async def test_a_stream_is_recorded(self, loop: Loop, tmp_path: Path) -> None:
        """The recording is replayed, blocking or not, with the same events."""
        path = tmp_path / f"{type(loop).__name__}.jsonl"
        with serving(WHOLE) as server:
            async with AsyncClient("k", server.base_url, wire="threads") as client:
                async with ask(client, record=path) as s:
                    assert (await s.final()).text == "Hi"
        assert StreamerV2(replay(path)).final().text == "Hi"
        again = AsyncStreamerV2(replay(path))
        assert (await again.final()).text == "Hi"
        assert again.source.status == 200

    @pytest.mark.parametrize("named", ["threads", "aiohttp"])
    @on_asyncio
    async def test_final_keeps_the_connection_without_a_block(self, named: Any) -> None:
        """The end of the body comes a little after that of the answer, and is waited for."""
        later = [CHUNKED + ch(HI) + ch(STOP + DONE), END]
        with serving(*[later] * 3) as server:
            async with AsyncClient("k", server.base_url, wire=named) as client:
                for _ in range(3):
                    assert (await ask(client).final()).text == "Hi"
            assert server.connections == 1

    @on_asyncio
    async def test_a_request_may_be_sent_again(self) -> None:
        """stream() takes the request of another stream."""
        client, wire = in_memory(Reply([HI, STOP, DONE]), Reply([HI, STOP, DONE]))
        first = ask(client)
        await first.final()
        request = evolve(first.source.request, path="/other")
        assert (await client.stream(request).final()).text == "Hi"
        assert [one.url for one in wire.sent] == [URL + "/chat/completions", URL + "/other"]


class TestWires:
    """Which wire sends the requests."""

    def test_threads_need_nothing(self) -> None:
        """They are there by name, and by default where aiohttp is not installed."""
        assert isinstance(AsyncClient("k", URL, wire="threads")._transport.wire, ThreadsWire)

    def test_the_default_is_what_is_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is aiohttp if that is installed; otherwise, and on Trio, it is threads."""
        made = object()
        monkeypatch.setattr(wires, "_aiohttp", lambda: made)
        monkeypatch.setattr(wires, "find_spec", lambda _: object())
        assert wires.async_wire(None) is made

        async def on_trio() -> object:
            return wires.async_wire(None)

        assert isinstance(trio.run(on_trio), ThreadsWire)
        monkeypatch.setattr(wires, "find_spec", lambda _: None)
        assert isinstance(wires.async_wire(None), ThreadsWire)

    def test_aiohttp_is_imported_when_it_is_chosen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its wire has no settings."""
        made = MemoryWire()
        module = SimpleNamespace(AiohttpWire=lambda: made)
        monkeypatch.setitem(sys.modules, "openai_scan.transport.aio_http.wire", module)
        client: Any = AsyncClient("k", URL, wire="aiohttp")
        assert client._transport.wire is made

    def test_an_unknown_name_is_refused(self) -> None:
        """The message has the names that are known."""
        with pytest.raises(ValueError, match="wire must be 'aiohttp' or 'threads', not 'curl'"):
            AsyncClient("k", URL, wire="curl")  # type: ignore[arg-type]

    def test_a_blocking_wire_is_refused(self) -> None:
        """It would stop the event loop."""
        with pytest.raises(TypeError, match="this wire blocks"):
            AsyncTransport(URL, key="k", wire=MemoryWire(blocking=True))

    @pytest.mark.parametrize(
        ("name", "module", "libraries"),
        [
            ("threads", "openai_scan.transport.threads", "requests and urllib3"),
            ("aiohttp", "openai_scan.transport.aio_http.wire", "aiohttp"),
        ],
    )
    def test_what_is_missing_is_named(
        self, monkeypatch: pytest.MonkeyPatch, name: Any, module: str, libraries: str
    ) -> None:
        """The error names the libraries of a wire that cannot be imported."""
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ConfigurationError, match=f"{libraries} cannot be imported"):
            AsyncClient("k", URL, wire=name)


@pytest.mark.unmeasured
def test_the_methods_are_what_the_generator_makes() -> None:
    """They have not been edited by hand, and are up to date with the blocking client."""
    if importlib.util.find_spec("ruff") is None:
        pytest.skip("ruff, which formats the output, is missing")
    script = Path(__file__).parents[2] / "scripts" / "generate_async_client.py"
    done = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


@on_asyncio
async def test_an_answer_in_json_comes_over_a_real_server() -> None:
    """The default wire reads it."""
    with serving([json_answer({"data": []})]) as server:
        assert isinstance(server, ScriptedServer)
        async with AsyncClient("k", server.base_url) as client:
            assert len(await client.list_models()) == 0
