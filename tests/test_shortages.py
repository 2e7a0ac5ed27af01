"""When the system refuses something, the client does without it, or says so in plain words."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import urllib3
from faults.scripts import HI, WHOLE
from faults.table import Route
from faults.world import world
from memory_wire import MemoryWire, Reply
from server import CHUNKED, PATIENCE, WAIT_FOR_HANG_UP, ScriptedServer, ch, json_answer, serving

from openai_scan import (
    Client,
    ConfigurationError,
    ConnectError,
    RateLimitError,
    RecordingError,
    RetryPolicy,
    StreamerV2,
    Timeout,
    TLSError,
    TransportError,
    UnknownEvent,
)
from openai_scan.recording import replay
from openai_scan.transport import Request, Transport, lookups
from openai_scan.transport.clock import Clock
from openai_scan.transport.session import dial as dialling
from openai_scan.transport.session import failures
from openai_scan.transport.session.cancellation import SocketCancellation
from openai_scan.transport.session.wire import SessionWire
from openai_scan.transport.wire import at_once

ONCE = RetryPolicy(attempts=1)
TOO_MANY = OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def ask(base_url: str, **settings: Any) -> StreamerV2:
    """Return a stream that has been read to its end."""
    with Client("k", base_url, **{"retries": ONCE, **settings}) as client:
        s = client.create_chat_completion_stream(model="m", messages=[])
        while s.next():
            pass
        s.close()
        return s


class TestDescriptors:
    """No file can be opened, and no socket made."""

    @pytest.fixture
    def none_left(self) -> Iterator[None]:
        """Allow the process no more descriptors than it has."""
        resource = pytest.importorskip("resource")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        yield
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    @pytest.mark.parametrize("scheme", ["http", "https"])
    @pytest.mark.parametrize("host", ["127.0.0.1:9", "nowhere.test", "b\u00fccher.test"])
    @pytest.mark.usefixtures("none_left")
    def test_no_connection_is_made(self, scheme: str, host: str) -> None:
        """It is safe to retry, so it is a ConnectError."""
        error = ask(f"{scheme}://{host}/v1").err()
        assert type(error) is ConnectError

    @pytest.mark.parametrize("place", ["hold", "watch"])
    def test_a_socket_cannot_be_copied(self, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
        """A cancellation needs a copy, so there is no connection without one."""

        def refuse(*_: object) -> None:
            raise TOO_MANY

        monkeypatch.setattr(SocketCancellation, place, refuse)
        with serving() as server:
            error = ask(server.base_url).err()
        assert type(error) is ConnectError
        assert str(error) == f"no connection to {server.base_url}: Too many open files"

    def test_the_certificates_cannot_be_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Too few descriptors cause a ConnectError; a file without permission, a TLSError."""

        def refuse(*_: object, **__: object) -> None:
            raise TOO_MANY

        with world(Route.TLS) as around:
            monkeypatch.setattr("ssl.SSLContext.load_verify_locations", refuse)
            error = ask(around.server.base_url).err()
        assert type(error) is ConnectError
        monkeypatch.undo()
        clock = Clock(Timeout())
        clock.start()
        unreadable = OSError(errno.EACCES, os.strerror(errno.EACCES))
        assert type(failures.no_answer(unreadable, "U", clock)) is TLSError

    def test_a_module_cannot_be_loaded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The classes of an API are loaded with its first event, which cannot be read then."""

        def refuse(*_: object) -> None:
            raise TOO_MANY

        monkeypatch.setattr("openai_scan.events.chat.decode", refuse)
        s = StreamerV2([HI, b"data: [DONE]\n\n"])
        assert s.next()
        event = s.event()
        assert isinstance(event, UnknownEvent)
        assert "Too many open files" in str(event.error)
        assert s.next()
        assert not s.next()
        assert s.outcome == "failed"

    def test_a_new_process_reads_on(self) -> None:
        """If a module cannot be loaded any more, next() still raises nothing."""
        pytest.importorskip("resource")
        program = f"""
import resource
from openai_scan import StreamerV2
s = StreamerV2([{HI!r}])
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
print([s.next(), s.next()], s.outcome)
"""
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        assert done.stdout == "[True, False] truncated\n"


class TestSockets:
    """Options only help."""

    @pytest.mark.parametrize("number", [errno.ENOPROTOOPT, errno.EINVAL, errno.EPERM])
    def test_an_option_that_is_refused_is_left_out(
        self, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        """WSL 1 and some sandboxes refuse some options."""
        refused = []
        original = socket.socket.setsockopt

        def setsockopt(self: socket.socket, level: int, option: int, value: Any) -> None:
            if threading.current_thread() is threading.main_thread() and isinstance(value, int):
                refused.append(option)
                raise OSError(number, os.strerror(number))
            original(self, level, option, value)

        with serving(WHOLE) as server:
            monkeypatch.setattr(socket.socket, "setsockopt", setsockopt)
            assert ask(server.base_url).outcome == "completed"
        assert socket.TCP_NODELAY in refused
        assert socket.SO_KEEPALIVE in refused

    def test_an_interruption_is_not_taken_for_a_refusal(self) -> None:
        """A signal handler may raise an OSError while an option is set."""

        class Interrupted(socket.socket):
            def setsockopt(self, *_: object) -> None:
                signal.raise_signal(signal.SIGINT)

        error = OSError("mine")

        def handler(*_: object) -> None:
            raise error

        before = signal.signal(signal.SIGINT, handler)
        try:
            with Interrupted() as sock, pytest.raises(BaseException, match="mine") as raised:
                dialling._set_options(sock, [(0, 0, 0)])
        finally:
            signal.signal(signal.SIGINT, before)
        assert raised.value.args == (error,)


class TestThreads:
    """No thread can be started in an isolated subinterpreter, or at the end of the program."""

    @pytest.mark.parametrize("place", ["__init__", "start"])
    def test_names_are_looked_up_here(self, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
        """The lookup blocks, cannot be cancelled, and is checked against its limit afterwards."""
        with serving(WHOLE) as server:
            with monkeypatch.context() as patched:
                patched.setattr(lookups, "threading", SimpleNamespace(Thread=_NoThread(place)))
                assert ask(server.base_url).outcome == "completed"
                looked_up = socket.getaddrinfo

                def slow(*args: Any, **kwargs: Any) -> Any:
                    found = looked_up(*args, **kwargs)
                    if not kwargs["flags"]:
                        clock.end_in(-1)
                    return found

                patched.setattr(socket, "getaddrinfo", slow)
                clock = Clock(Timeout())
                cancellation = SocketCancellation()
                with pytest.raises(TimeoutError):
                    dialling.resolve("localhost", 80, clock=clock, cancellation=cancellation)
                patched.setattr(socket, "getaddrinfo", _unknown)
                error = ask("http://nowhere.test/v1").err()
        assert type(error) is ConnectError
        assert str(error) == "no connection to http://nowhere.test/v1: not known"


def _unknown(*_: object, **__: object) -> None:
    raise socket.gaierror(socket.EAI_NONAME, "not known")


class _NoThread:
    """A class of threads that cannot be made, or not be started."""

    def __init__(self, place: str) -> None:
        self._place = place

    def __call__(self, **_: object) -> _NoThread:
        """Return a thread, or raise if none can be made."""
        if self._place == "__init__":
            self.start()
        return self

    def start(self) -> None:
        """Raise what Python raises when no thread can be started."""
        raise RuntimeError("can't start new thread")


class TestAbsurdWaits:
    """No system can wait for years, so such waits are shortened or refused."""

    @pytest.mark.parametrize(
        "wish", ["99999999999", "1e300", "2000000", "Fri, 31 Dec 9999 23:59:59 GMT"]
    )
    @pytest.mark.parametrize("most", [1e308, 120.0])
    def test_the_server_asks_for_too_long_a_pause(self, wish: str, most: float) -> None:
        """Its error is returned at once, and says why there was no retry."""
        retries = RetryPolicy(max_retry_after=most)
        busy = json_answer(
            {"error": {"message": "slow"}}, status="429 No", headers=f"Retry-After: {wish}\r\n"
        )
        with serving([busy]) as server:
            error = ask(server.base_url, retries=retries).err()
        assert isinstance(error, RateLimitError)
        assert error.message == "slow"
        assert re.fullmatch(
            r"slow \(HTTP status 429, not retried: the server asks to wait [0-9e+.]+ s, which is"
            r" too long\)",
            str(error),
        )

    def test_a_policy_waits_no_longer_than_twenty_days(self) -> None:
        """This holds even if its limits are longer."""
        wire = MemoryWire(Reply(status=500), Reply([HI]), blocking=True)
        retries = RetryPolicy(wait_initial=1e308, wait_max=1e308)
        request = Request(method="GET", path="/x", retries=retries)
        s = StreamerV2(Transport("http://a.test", key="k", wire=wire).stream(request))
        assert s.next()
        s.close()
        assert wire.pauses[0] <= 20 * 24 * 3600

    @pytest.mark.parametrize("speed", [1e-10, 5e-324])
    def test_a_replay_is_too_slow(self, speed: float) -> None:
        """The error says what the speed is."""
        recording = Path(__file__).parents[1] / "openai_scan/demo/assistants.jsonl"
        with StreamerV2(replay(recording, speed=speed)) as s:
            assert not s.next()
            error = s.err()
        assert type(error) is RecordingError
        assert re.search(
            rf": at speed {speed:g} the next bytes come in .* days, which is", str(error)
        )


class TestClosing:
    """Errors of the network and of libraries do not leave close()."""

    @pytest.mark.parametrize("error", [OSError("stuck"), RuntimeError("odd")])
    def test_of_an_exchange(self, server: ScriptedServer, error: Exception) -> None:
        """An error in closing the connection or the session is not raised."""

        def refuse(*_: object) -> None:
            raise error

        server.scripts = [[CHUNKED + ch(HI)]]
        with Client("k", server.base_url) as client, pytest.MonkeyPatch.context() as patched:
            s = client.create_chat_completion_stream(model="m", messages=[])
            assert s.next()
            patched.setattr("openai_scan.transport.session.wire.SessionAnswer.close", refuse)
            s.close()
            patched.setattr("requests.Session.close", refuse)
            client.close()
        assert s.outcome == "cancelled"

    def test_of_a_stream_that_another_thread_reads(self, server: ScriptedServer) -> None:
        """Its generator cannot be closed, so closing the connection ends the reader."""
        waits = threading.Event()
        server.scripts = [[CHUNKED + ch(HI), waits.set, WAIT_FOR_HANG_UP]]
        with Client("k", server.base_url) as client:
            s = client.create_chat_completion_stream(model="m", messages=[])
            assert s.next()
            reader = threading.Thread(target=s.next)
            reader.start()
            assert waits.wait(PATIENCE)
            s.close()
            reader.join(PATIENCE)
            assert not reader.is_alive()
        assert (s.outcome, s.err()) == ("cancelled", None)
        assert server.hung_up.wait(PATIENCE)

    def test_what_a_signal_handler_raises_meanwhile_is_the_callers(self) -> None:
        """It leaves `aclose()` of a wire and `close()` of a stream."""

        def handler(*_: object) -> None:
            raise LookupError("mine")

        def interrupted(*_: object) -> None:
            signal.raise_signal(signal.SIGINT)

        before = signal.signal(signal.SIGINT, handler)
        try:
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr("requests.Session.close", interrupted)
                wire = SessionWire()
                wire._open_session()
                with pytest.raises(LookupError, match="mine"):
                    at_once(wire.aclose())
                patched.setattr("memory_wire.MemoryAnswer.close", interrupted)
                memory = MemoryWire(Reply([HI, HI]), blocking=True)
                s = StreamerV2(
                    Transport("http://a.test", key="k", wire=memory).stream(
                        Request(method="GET", path="/x")
                    )
                )
                assert s.next()
                with pytest.raises(LookupError, match="mine"):
                    s.close()
        finally:
            signal.signal(signal.SIGINT, before)


class TestLibraries:
    """Other libraries are installed under the names of requests and urllib3."""

    def test_a_fork_of_urllib3_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its connections are not those of http.client, so nothing here would hold."""
        monkeypatch.setattr(urllib3.connection, "HTTPConnection", object)
        with pytest.raises(ConfigurationError, match="another library is installed"):
            Client("k", "http://a.test/v1")

    def test_a_library_that_lacks_something_is_refused(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The error says what it lacks."""
        monkeypatch.setitem(sys.modules, "openai_scan.transport.session.wire", None)
        with pytest.raises(
            ConfigurationError,
            match=r"^requests and urllib3 cannot be imported: ",
        ):
            Client("k", "http://a.test/v1")


def test_what_was_being_handled_is_not_a_cause(server: ScriptedServer) -> None:
    """A request that is made in an `except` block fails for its own reasons."""
    with Client("k", "http://127.0.0.1:9/v1", retries=ONCE) as client:
        try:
            raise TimeoutError("another")  # noqa: TRY301 - it has to be handled
        except TimeoutError:
            s = client.create_chat_completion_stream(model="m", messages=[])
            assert not s.next()
    error = s.err()
    assert type(error) is ConnectError
    assert str(error) == "no connection to http://127.0.0.1:9/v1: Connection refused"
    assert error.lost is None


@pytest.mark.parametrize("connecting", [True, False])
def test_the_system_s_own_limit_is_not_a_limit_of_ours(*, connecting: bool) -> None:
    """If the peer acknowledges nothing, the system ends the connection: not a timeout of ours."""
    clock = Clock(Timeout())
    clock.start()
    if not connecting:
        clock.connected()
    gone = TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
    wrapped = urllib3.exceptions.ReadTimeoutError(None, "/x", "late")  # type: ignore[arg-type]
    wrapped.__cause__ = gone
    for error in (gone, wrapped):
        broken = failures.broken_answer(error, "U", clock)
        assert type(broken) is TransportError
        assert str(broken) == "the connection broke during the answer: Connection timed out"
