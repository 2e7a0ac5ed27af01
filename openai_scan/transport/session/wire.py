"""Send requests with a `requests.Session`, and read their answers as they arrive."""

from __future__ import annotations

import http.client
import logging
import os
import ssl
import threading
import zlib
from collections.abc import Mapping

import requests
import urllib3
from requests.auth import AuthBase

from openai_scan.errors import ConfigurationError
from openai_scan.interruptions import pass_interruption
from openai_scan.sse.beginnings import begins_plain
from openai_scan.transport.clock import Clock
from openai_scan.transport.per_process import PerProcess
from openai_scan.transport.request import Parcel
from openai_scan.transport.session import failures
from openai_scan.transport.session.body import READ_BYTES
from openai_scan.transport.session.cancellation import SocketCancellation
from openai_scan.transport.session.clocked import ClockedResponse, current
from openai_scan.transport.session.codings import MAGIC, check_ratio, is_encoded, is_known
from openai_scan.transport.session.connections import new_session
from openai_scan.transport.wire import Carried, content_codings

_log = logging.getLogger("openai_scan")

# Guards the session of each wire; creating one takes less than a millisecond.
_sessions = PerProcess(threading.Lock)

# The sessions of parent processes. A thread of the parent may have held one of their locks during
# the fork. Then the child would wait forever, even if it only dropped the session, because pools
# close their connections when they are dropped.
_inherited: list[requests.Session] = []


class _OurHeadersOnly(AuthBase):
    """Keeps requests from replacing the header with the key by one made from a netrc file."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Return *request* unchanged."""
        return request


class SessionAnswer:
    """An answer around a `requests.Response`; see `Answer` for its methods.

    Its body is read from the socket (see `body`); only a compressed one goes through urllib3. At
    its end the connection is closed unless it can carry another request (see `clocked`), and
    urllib3 puts it back into its pool. `close()` closes it in any case.
    """

    def __init__(
        self,
        response: requests.Response,
        answered: ClockedResponse,
        clock: Clock,
        cancellation: SocketCancellation,
    ) -> None:
        self.status: int = response.status_code
        self.reason: str = response.reason
        self.headers: Mapping[str, str] = response.headers
        self._raw: urllib3.BaseHTTPResponse = response.raw
        self._clock = clock
        self._cancellation = cancellation
        self._answered = answered
        codings = content_codings(self._raw.headers.get("Content-Encoding", ""))
        encoded = is_encoded(codings, self._raw.CONTENT_DECODERS)
        self._take = None if encoded else answered.body.read
        self._magic = MAGIC.get(codings[0]) if encoded else None
        self._decoded = 0

    def decodes(self, encoding: str) -> bool:
        """Return whether urllib3 decodes it in bounded pieces."""
        return is_known(encoding, self._raw.CONTENT_DECODERS)

    def limit_by(self, clock: Clock) -> None:
        """Let *clock* limit each later wait, instead of the exchange's clock."""
        self._clock = clock
        self._answered.limit_by(clock)

    async def read(self) -> bytes:
        """Return what has arrived; see `Body.read` for what it raises.

        Raises:
            NotAnEventStreamError: It expands too much when it is decompressed.
        """
        if self._magic is not None:
            self._look_at_beginning(self._magic)
        if self._take is not None:
            content = self._take()
            if not content:
                self._answered.close()
                self._give_back()
            return content
        # A few bytes may expand to many, without another read from the socket.
        self._cancellation.check()
        self._clock.left()
        data = self._raw.read1(READ_BYTES, decode_content=True)
        self._decoded += len(data)
        check_ratio(self._decoded, self._raw.tell())
        return data

    def _look_at_beginning(self, magic: bytes) -> None:
        """Skip decompression if the body is plain or empty, whatever the headers say."""
        self._magic = None
        start = self._answered.peek1()
        # zstd, unlike gzip, reports a body without any bytes as cut off.
        if not start.startswith(magic[:1]) and begins_plain(start):
            self._take = self._answered.read1

    def close(self) -> None:
        """Close the connection, unless it was given back."""
        self._raw.close()
        self._give_back()

    def _give_back(self) -> None:
        """Make urllib3 put the connection back, open or closed, unless the pool is a parent's."""
        if not self._cancellation.inherited:
            self._raw.release_conn()


class SessionWire:
    """One session for all threads; a forked child gets a session of its own.

    Raises:
        ConfigurationError: Another library is installed under the name urllib3.
    """

    blocking = True

    # ValueError: a proxy in the environment has a malformed URL.
    errors = (
        OSError,
        ValueError,
        urllib3.exceptions.HTTPError,
        http.client.HTTPException,
        ssl.SSLError,
        zlib.error,
    )

    no_answer = staticmethod(failures.no_answer)
    broken_answer = staticmethod(failures.broken_answer)
    is_stale = staticmethod(failures.is_stale)
    strip = staticmethod(failures.strip)

    def __init__(self) -> None:
        # `clocked` reads the answers, and belongs to connections of http.client.
        if not issubclass(urllib3.connection.HTTPConnection, http.client.HTTPConnection):
            version = vars(urllib3).get("__version__")
            raise ConfigurationError(
                f"another library is installed under the name urllib3 (version {version}),"
                " and its connections cannot be used. urllib3-future, which niquests requires,"
                " replaces urllib3: uninstall it and reinstall urllib3, or use an environment"
                " without it"
            )
        self._session: requests.Session | None = None
        self._session_pid = 0

    def cancellation(self) -> SocketCancellation:
        """Return what shuts down the socket of a new exchange."""
        return SocketCancellation()

    async def send(self, parcel: Parcel, carried: Carried[SocketCancellation]) -> SessionAnswer:
        """Send *parcel*; the connection that carries it finds the exchange in `current`."""
        current.carried = carried
        try:
            response = self._open_session().request(
                parcel.method,
                parcel.url,
                params=parcel.query,
                headers=parcel.headers,
                data=parcel.data,
                files=[(one.field, (one.name, one.data, one.media_type)) for one in parcel.uploads],
                auth=_OurHeadersOnly(),
                stream=True,
                allow_redirects=False,
            )
            answered = current.answered
        finally:
            vars(current).clear()  # a proxy's refusal is an answer too
        return SessionAnswer(response, answered, carried.clock, carried.cancellation)

    async def aclose(self) -> None:
        """Close the connections that no exchange uses."""
        with _sessions.value:
            self._leave_to_parent()
            session, self._session = self._session, None
        if session is not None:
            try:
                session.close()
            except Exception as error:  # noqa: BLE001 - these connections are no longer needed
                pass_interruption(error)
                _log.debug("closing the connections failed: %r", error)

    def _open_session(self) -> requests.Session:
        with _sessions.value:
            # After a fork, parent and child must not write to the same connections.
            self._leave_to_parent()
            if self._session is None:
                self._session, self._session_pid = new_session(), os.getpid()
            return self._session

    def _leave_to_parent(self) -> None:
        if self._session is not None and self._session_pid != os.getpid():
            _inherited.append(self._session)
            self._session = None
