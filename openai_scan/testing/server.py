"""A real HTTP server on this machine that gives scripted answers."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from typing_extensions import Never, Self

from openai_scan.testing.background import BackgroundResponses
from openai_scan.testing.guard import refused
from openai_scan.testing.handler import Listener
from openai_scan.testing.paths import is_known
from openai_scan.testing.request import SeenRequest
from openai_scan.testing.sessions import AgentSessions
from openai_scan.testing.steps import Reply, Step, error
from openai_scan.testing.strict import fitted, misfit

Answer: TypeAlias = "Reply | Iterable[Step] | Callable[[SeenRequest], Reply | Iterable[Step]]"
"""An answer to a request: a reply, the steps of a stream, or a function that returns either."""

# The number of characters of an answer that an error shows.
_MAX_SHOWN = 100


class FakeServer:
    """An HTTP server on a loopback port; a `with` block starts and stops it.

    ::

        with FakeServer() as server, Client("key", server.base_url) as client:
            server.add(chat_answer("Hi there"))
            ...
            assert server.requests[0].json["model"] == "gpt-5"

    Each request gets the next answer, as the API would send it: whole if the request does not ask
    for a stream, with token counts if it asks for `include_usage`. The server rejects a request
    with an error that says why if no answer is left; if the next answer comes from another API (it
    stays the next one); or if no API has the path, unless the answer is a function or was recorded.
    An answer that no client has requested fails the test: see `check()`.

    Args:
        always: The answer when no other is left.
        port: The port; 0 for any free port.
        key: The key that requests must have; None to serve everyone. With a key, the server rejects
            requests from web pages, under host names other than this machine's, and with paths
            that no API has. It does so before reading their bodies, and leaves them out of
            `requests`.
        strict: Whether the server is as strict as that. If not, each request of a known path gets
            the next answer as it was added, and answers may be left over.
        pages: The origin of web pages that may send requests (CORS), such as
            `"https://app.example"`, or `"*"` for any. The only headers they may send are
            `Authorization` and `Content-Type`, as with most servers.

    Raises:
        TypeError: *always* is not an answer, or is several; use `add()` for these.

    Attributes:
        key: A key for clients of this server.
        requests: The requests, in order.
        hung_up: Set when a client has disconnected before the end of an answer.
        strict: See above. You may change it at any time.
        pages: See above.
    """

    def __init__(
        self,
        always: Answer | None = None,
        *more: Never,
        port: int = 0,
        key: str | None = None,
        strict: bool = True,
        pages: str | None = None,
    ) -> None:
        if more:
            raise TypeError(
                "FakeServer() takes one answer, which every request gets; to give each its own,"
                " use FakeServer() and add()"
            )
        self.strict = strict
        self.pages = pages
        self.key = "test-key" if key is None else key
        self._is_guarded = key is not None
        self.requests: list[SeenRequest] = []
        self.hung_up = threading.Event()
        self.always = always
        self._answers: deque[Answer] = deque()
        self._lock = threading.Lock()
        self._listener = Listener(self, port)

    @property
    def always(self) -> Answer | None:
        """The answer when no other is left; you may set it at any time."""
        return self._always

    @always.setter
    def always(self, answer: Answer | None) -> None:
        if answer is not None:
            check_answer(answer)
        self._always = answer

    @property
    def url(self) -> str:
        """The URL of the server; for the URL of the APIs, see `base_url`."""
        return f"http://127.0.0.1:{self._listener.server_port}"

    @property
    def connections(self) -> int:
        """How many connections were made."""
        return self._listener.connections

    @property
    def base_url(self) -> str:
        """The base URL for clients."""
        return f"{self.url}/v1"

    def add(self, *answers: Answer) -> None:
        """Answer the next requests with *answers*, one each, after those added before.

        Raises:
            TypeError: One of them is not an answer, such as a single step or a list of answers.
        """
        for answer in answers:
            check_answer(answer)
        with self._lock:
            self._answers.extend(answers)

    def check(self) -> None:
        """Raise an error if answers were added that no client has requested, and drop them.

        Leaving the `with` block does the same, unless it is left by an exception; so does the end
        of a test that uses the fixture. With `strict` off, the answers are dropped without an
        error.

        Raises:
            AssertionError: There are such answers.
        """
        with self._lock:
            left: list[object] = [*self._answers]
            self._answers.clear()
        if isinstance(self._always, BackgroundResponses | AgentSessions):
            left += self._always.take_left()
        if left and self.strict:
            verb = "was" if len(left) == 1 else "were"
            raise AssertionError(
                f"{len(left)} of the scripted answers {verb} never requested: the"
                f" first is {_shown(left[0])}. The server got {_counted(self.requests)}"
            )

    def __enter__(self) -> Self:
        self._listener.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._listener.stop()
        if not exc or exc[0] is None:
            self.check()

    def __repr__(self) -> str:
        # A debugger also shows objects whose constructor has raised.
        where = repr(self.base_url) if hasattr(self, "_listener") else "unfinished"
        return f"{type(self).__name__}({where})"

    # For the connections.

    def refuse(self, request: SeenRequest) -> Reply | None:
        """Return the error for a request whose body has not been read, or None to serve it."""
        if not self._is_guarded:
            return None
        return refused(request, key=self.key, port=self._listener.server_port)

    def take(self, request: SeenRequest) -> Reply:
        """Store *request* and return its answer."""
        with self._lock:
            self.requests.append(request)
            problem = misfit(self._answers[0], request) if self.strict and self._answers else None
            if problem is not None:
                return error(400, problem)
            answer = self._answers.popleft() if self._answers else self._always
        asked = request.method, request.path
        was_recorded = isinstance(answer, Reply) and answer.asked == asked
        if not (was_recorded or callable(answer) or is_known(request.path)):
            return error(404, f"the fake server does not know the path {request.path}")
        if answer is None:
            return error(400, f"no answer is left for {_line(asked)}: add() one to the server")
        if callable(answer):
            try:
                answer = answer(request)
                check_answer(answer)
            except Exception as failure:  # noqa: BLE001 - the test sees it in the client's error
                return error(400, f"the answer raised {type(failure).__name__}: {failure}")
        reply = answer if isinstance(answer, Reply) else Reply(steps=answer)
        if reply.asked is not None and reply.asked != asked:
            return error(
                400, f"{_line(reply.asked)} was recorded, but {_line(asked)} was requested"
            )
        if not self.strict:
            return reply
        problem = misfit(reply, request)
        return fitted(reply, request) if problem is None else error(400, problem)


def check_answer(answer: object) -> None:
    """Check that *answer* is an answer; the steps of a generator are checked when they are due.

    Raises:
        TypeError: It is not.
    """
    if isinstance(answer, Reply) or callable(answer):
        return
    if isinstance(answer, Step):
        raise TypeError("an answer must be a list of steps: put a single step into a list")
    if isinstance(answer, str | Mapping) or not isinstance(answer, Iterable):
        hint = ": chat_answer() and the like make one of a text" if isinstance(answer, str) else ""
        raise TypeError(
            f"an answer must be a Reply, steps or a function, not {type(answer).__name__}{hint}"
        )
    for step in answer if isinstance(answer, list | tuple) else ():
        if isinstance(step, Reply):
            raise TypeError("add each answer by itself: add(*answers)")
        if not isinstance(step, Step):
            raise TypeError(f"a step must be bytes, or such as cut(), not {type(step).__name__}")


def _line(asked: tuple[str, str]) -> str:
    return " ".join(asked)


def _counted(requests: list[SeenRequest]) -> str:
    """Return a summary of the requests."""
    if not requests:
        return "no request"
    last = requests[-1]
    many = "1 request" if len(requests) == 1 else f"{len(requests)} requests, and the last"
    return f"{many}: {_line((last.method, last.path))}"


def _shown(answer: object) -> str:
    """Return a short description of *answer* for an error."""
    text = repr(next(iter(answer), b"") if isinstance(answer, list | tuple) else answer)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
