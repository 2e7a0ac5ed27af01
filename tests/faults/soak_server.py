"""The servers of the soak: a process of their own, so that what it measures is the client's."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
from collections.abc import Iterator

from attrs import define, field
from server import Script, ScriptedServer, SeenRequest

from faults.cases import case, script
from faults.proxies import Proxy
from faults.world import bundle, certified


@define
class CaseServer(ScriptedServer):
    """A server that is told by the request itself which case it is."""

    seed: int = 0
    _asked: set[int] = field(factory=set)

    def _script_for(self, request: SeenRequest) -> Script:
        number = int(request.json()["model"])
        again = number in self._asked
        self._asked.add(number)
        return script(case(self.seed, number), again=again)

    def _serve(self, plain: socket.socket) -> None:
        super()._serve(plain)
        _forget_the_dead(self)


@define
class ForgetfulProxy(Proxy):
    """A proxy that may have many connections, one after the other."""

    def _serve(self, plain: socket.socket) -> None:
        super()._serve(plain)
        self.heads.clear()
        _forget_the_dead(self)


def _forget_the_dead(server: ScriptedServer) -> None:
    """Drop what is over."""
    with server._lock:
        server._sockets[:] = [one for one in server._sockets if one.fileno() >= 0]
        server._threads[:] = [one for one in server._threads if one.is_alive()]


@contextlib.contextmanager
def sites(seed: int) -> Iterator[dict[str, str]]:
    """Serve the cases of *seed*; give where, and what the environment has to be for it.

    What is called localhost is reached directly, and by its number through the proxy.
    """
    with (
        CaseServer(seed=seed) as plain,
        CaseServer(seed=seed, tls=certified()) as secure,
        ForgetfulProxy() as proxy,
        socket.create_server(("127.0.0.1", 0)) as closed,
    ):
        unreachable = closed.getsockname()[1]
        closed.close()
        yield {
            "PLAIN": plain.base_url,
            "TLS": secure.base_url,
            "PROXY": plain.base_url.replace("localhost", "127.0.0.1"),
            "TUNNEL": secure.base_url.replace("localhost", "127.0.0.1"),
            "UNREACHABLE": f"http://localhost:{unreachable}/v1",
            "http_proxy": proxy.url,
            "https_proxy": proxy.url,
            "no_proxy": "localhost",
            "REQUESTS_CA_BUNDLE": str(bundle()),
        }


def main() -> None:
    """Serve until the standard input ends."""
    with sites(int(sys.argv[1])) as found:
        print(json.dumps(found), flush=True)  # noqa: T201 - it is how the parent learns of it
        sys.stdin.read()


if __name__ == "__main__":
    main()
