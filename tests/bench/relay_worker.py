"""What is measured, in a process of its own: a relay, or the bare reader that it is compared with.

A relay serves its routes, and `/measured` beside them: the CPU time and the memory of the process.
A bare reader reads as many streams in threads, and prints the same when it has read them.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from openai_scan import Client
from openai_scan.relay import ChatUpstream, Limits, Relay, SqlStore, asgi, open_log

_LIMITS = Limits(running=100_000, per_minute=1_000_000)


def measured() -> dict[str, float]:
    """Return the CPU seconds and the resident bytes of this process, which Linux tells."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {"cpu": time.process_time(), "resident": pages * os.sysconf("SC_PAGESIZE")}


def _read_bare(url: str, streams: int) -> None:
    client = Client("-", url)
    events = [0] * streams

    def read(number: int) -> None:
        with client.create_chat_completion_stream(model="m", messages=[]) as s:
            while s.next():
                events[number] += s.text() is not None

    with client.create_chat_completion_stream(model="m", messages=[]) as s:
        s.next()  # what is done once has been done
    before = measured()
    threads = [threading.Thread(target=read, args=(number,)) for number in range(streams)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {"events": sum(events), "cpu": measured()["cpu"] - before["cpu"]}
    sys.stdout.write(json.dumps(found) + "\n")


def _serve(url: str, log: str, database: str) -> None:
    import uvicorn

    store = SqlStore(database)
    upstream = ChatUpstream(Client("-", url), model="m")
    with Relay(open_log(log), store, upstream, slots=5_000, limits=_LIMITS) as relay:
        inner = asgi(relay, lambda _: "bench", page=False)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http" and scope["path"] == "/measured":
                body = json.dumps(measured()).encode()
                headers = [(b"content-length", b"%d" % len(body))]
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                await send({"type": "http.response.body", "body": body})
            else:
                await inner(scope, receive, send)

        config = uvicorn.Config(app, port=0, log_level="warning", backlog=4096)
        server = uvicorn.Server(config)

        def tell_port() -> None:
            while not server.started:
                time.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            sys.stdout.write(f"{port}\n")
            sys.stdout.flush()
            sys.stdin.read()  # the one who has started it closes it
            server.should_exit = server.force_exit = True

        threading.Thread(target=tell_port, daemon=True).start()
        server.run()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["bare", url, streams]:
            _read_bare(url, int(streams))
        case ["relay", url, log, database]:
            _serve(url, log, database)
    sys.stdout.flush()
    os._exit(0)
