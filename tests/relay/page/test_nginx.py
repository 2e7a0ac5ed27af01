"""A proxy in front of the relay: nginx with its default settings."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from openai_scan.relay import Relay
from openai_scan.testing import FakeServer, chat_chunk, done, hold
from relay.page.reader import Reader
from relay.page.serving import KINDS, Serving
from relay.page.tabs import Tabs

COMMAND = shutil.which("nginx") or ""

# Everything else has nginx's defaults. A single process is one that the test can end.
SETTINGS = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/errors;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    fastcgi_temp_path {folder}/fastcgi;
    proxy_temp_path {folder}/proxy;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
    gzip on;
    gzip_types text/event-stream;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{relay};
        }}
    }}
}}
"""


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Return the kind of server behind the proxy."""
    return str(request.param)


@pytest.fixture
def proxy(serving: Serving, tmp_path: Path) -> Iterator[str]:
    """Start nginx, and return its address.

    Without nginx, the tests are skipped, but not in `.ci/run`.
    """
    if not COMMAND and "OPENAI_SCAN_NGINX" not in os.environ:
        pytest.skip("there is no nginx here; `.ci/run` installs it")
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    settings = tmp_path / "nginx.conf"
    settings.write_text(SETTINGS.format(folder=tmp_path, port=port, relay=serving.port))
    process = subprocess.Popen([COMMAND, "-p", str(tmp_path), "-c", str(settings), "-e", "stderr"])
    try:
        wait_for(port, process)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until something listens at a port."""
    while process.poll() is None:
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise AssertionError("nginx has ended")


def test_each_token_passes_at_once(
    proxy: str, serving: Serving, relay: Relay, api: FakeServer
) -> None:
    """Each token passes the proxy, compressed, before the next one is sent."""
    words = [f"word{number} " for number in range(20)]
    holds = [hold() for _ in words]
    steps = [
        step for word, held in zip(words, holds, strict=True) for step in (chat_chunk(word), held)
    ]
    api.add([*steps, chat_chunk(finish_reason="stop"), done()])
    started = relay.start("Hi", user=str(serving.user))
    connection = http.client.HTTPConnection(proxy, timeout=30)
    connection.request(
        "GET", f"/streams/{started.stream}/events", headers={"Accept-Encoding": "gzip"}
    )
    answer = connection.getresponse()
    assert answer.headers["Content-Encoding"] == "gzip"
    inflating = zlib.decompressobj(zlib.MAX_WBITS | 16)
    seen = ""
    for word, held in zip(words, holds, strict=True):
        while word not in seen:
            seen += inflating.decompress(answer.read1()).decode()
        held.release()
    while not answer.isclosed():
        seen += inflating.decompress(answer.read1()).decode()
    assert '"status":"completed"' in seen
    connection.close()


def test_the_page_works_through_it(tabs: Tabs, page: Reader, proxy: str, api: FakeServer) -> None:
    """Through the proxy, the page asks, shows the answer, continues after a reload, and stops."""
    held = hold()
    api.add([chat_chunk("Hello"), held, chat_chunk(" there"), hold()])
    page.open(f"http://{proxy}/")
    page.ask("Hi")
    page.until_said("Hi", "Hello")
    tabs.reload()
    page.until_said("Hi", "Hello")
    held.release()
    page.until_said("Hi", "Hello there")
    page.tabs.press("Escape")
    page.until_about("Stopped.")
    page.until_idle()
    assert api.hung_up.wait(10)
