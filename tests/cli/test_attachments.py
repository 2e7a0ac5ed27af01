"""`--attach`: images, sound, documents and text that are sent with a question."""

from __future__ import annotations

import base64
import io
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from openai_scan.cli import attachments, main
from openai_scan.cli.log import Log, log_path
from openai_scan.testing import FakeServer, chat_answer, response_answer

PNG = b"\x89PNG\r\n\x1a\n and more"
FILES = {
    "a.png": PNG,
    "a.jpg": b"\xff\xd8\xff and more",
    "a.gif": b"GIF89a and more",
    "a.webp": b"RIFF\0\0\0\0WEBP and more",
    "a.wav": b"RIFF\0\0\0\0WAVE and more",
    "a.mp3": b"ID3 and more",
    "bare.mp3": b"\xff\xfb and more",
    "a.pdf": b"%PDF-1.7 and more",
    "a.docx": b"PK\x03\x04 and more",
    "a.txt": "\ufeffh\u00e4llo".encode(),
    "wrong.txt": PNG,
    "latin.txt": "h\u00e4llo".encode("latin-1"),
    "utf16.txt": "hello".encode("utf-16"),
    "a.bin": b"\0\1\2",
    "": PNG,
    "a.zip": b"PK\0\0",
    "a.avi": b"RIFF\0\0\0\0AVI and more",
    "empty": b"",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with files the current one."""
    for name, content in (one for one in FILES.items() if one[0]):
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Site(ThreadingHTTPServer):
    """A web site with the files.

    Attributes:
        asked: The paths that were asked for, and the headers that were sent.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        """Send a file, with the type that the query names."""
        self.server.asked.append((self.path, dict(self.headers)))
        path, _, kind = self.path.partition("?")
        content = FILES.get(path.strip("/"))
        self.send_response(404 if content is None else 200)
        if kind:
            self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def site() -> Iterator[Site]:
    """Start a web site."""
    with Site() as started:
        thread = threading.Thread(target=started.serve_forever)
        thread.start()
        yield started
        started.shutdown()
        thread.join()


def base64_of(name: str) -> str:
    """Return a file as base64."""
    return base64.b64encode(FILES[name]).decode()


def data_url(kind: str, name: str) -> str:
    """Return a file as a URL."""
    return f"data:{kind};base64,{base64_of(name)}"


def sent(server: FakeServer, *arguments: str) -> list[Any]:
    """Return the parts of the question that is sent after its text."""
    server.add(chat_answer("Hi") if arguments[0] == "chat" else response_answer("Hi"))
    assert main([*arguments, "-q", "What is it?"]) == 0
    body = server.requests[-1].json
    content = (body.get("messages") or body["input"])[-1]["content"]
    kind = "text" if arguments[0] == "chat" else "input_text"
    assert content[0] == {"type": kind, "text": "What is it?"}
    parts: list[Any] = content[1:]
    return parts


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.png", "image/png"),
        ("a.jpg", "image/jpeg"),
        ("a.gif", "image/gif"),
        ("a.webp", "image/webp"),
        ("wrong.txt", "image/png"),
    ],
)
def test_images(name: str, kind: str, server: FakeServer) -> None:
    """Both APIs take images as data URLs; the type is detected from the content, not the name."""
    url = data_url(kind, name)
    [part] = sent(server, "chat", "-a", name)
    assert part == {"type": "image_url", "image_url": {"url": url}}
    [part] = sent(server, "respond", "-a", name)
    assert part == {"type": "input_image", "image_url": url}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "form"), [("a.wav", "wav"), ("a.mp3", "mp3"), ("bare.mp3", "mp3")]
)
def test_sound(name: str, form: str, server: FakeServer) -> None:
    """Chat Completions take sound, as base64 with its format."""
    [part] = sent(server, "chat", "-a", name)
    sound = {"data": base64_of(name), "format": form}
    assert part == {"type": "input_audio", "input_audio": sound}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.pdf", "application/pdf"),
        (
            "a.docx",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
    ],
)
def test_documents(name: str, kind: str, server: FakeServer) -> None:
    """Documents are sent as data URLs with the name of the file."""
    file = {"filename": name, "file_data": data_url(kind, name)}
    assert sent(server, "chat", "-a", name) == [{"type": "file", "file": file}]
    assert sent(server, "respond", "-a", name) == [{"type": "input_file", **file}]


@pytest.mark.usefixtures("folder")
def test_text(server: FakeServer) -> None:
    """It is sent as text, with the name of its file before it, and without a byte order mark."""
    text = "a.txt:\n\nh\u00e4llo"
    assert sent(server, "chat", "-a", "a.txt") == [{"type": "text", "text": text}]
    assert sent(server, "respond", "-a", "a.txt") == [{"type": "input_text", "text": text}]


@pytest.mark.usefixtures("folder")
def test_several_attachments_are_logged_and_sent_again(server: FakeServer) -> None:
    """The log describes the attachments, and a continued conversation sends them again."""
    parts = sent(server, "chat", "-a", "a.png", "--attach", "a.txt")
    assert len(parts) == 2
    with Log(log_path()) as log:
        [row] = log.newest(0)
    assert row.attachments == [
        {"name": "a.png", "type": "image/png", "bytes": len(PNG), "url": None},
        {"name": "a.txt", "type": "text/plain", "bytes": 9, "url": None},
    ]
    assert row.prompt == "What is it?"
    server.add(chat_answer("Yes"))
    assert main(["chat", "-q", "-c", "Sure?"]) == 0
    assert server.requests[-1].json["messages"][0]["content"][1:] == parts


def test_standard_input_can_be_attached(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """This works if the question is an argument; standard input can be used only once."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PNG)))
    [part] = sent(server, "chat", "-a", "-")
    assert part["type"] == "image_url"
    capsys.readouterr()
    for arguments in (["-a", "-"], ["-a", "-", "Hi", "-"], ["-a", "-", "-a", "-", "Hi"]):
        assert main(["chat", *arguments]) == 2
        assert capsys.readouterr().err == (
            "openai-scan: Standard input is the attachment: give the question as an argument, and"
            " one - only; see openai-scan chat --help\n"
        )


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["chat", "-a", "missing.png"], "--attach missing.png: No such file or directory"),
        (["chat", "-a", "."], "--attach .: Is a directory"),
        (["chat", "-a", "a\0b"], "--attach a\u2400b: embedded null byte"),
        (["chat", "-a", "empty"], "--attach empty: it is empty"),
        (["chat", "-a", "a.bin"], "--attach a.bin is {unknown}, {takes}"),
        (["chat", "-a", "a.zip"], "--attach a.zip is application/zip, {takes}"),
        (["chat", "-a", "a.avi"], "--attach a.avi is video/x-msvideo, {takes}"),
        (["chat", "-a", "latin.txt"], "--attach latin.txt is text, but not in UTF-8, {takes}"),
        (["chat", "-a", "utf16.txt"], "--attach utf16.txt is text, but not in UTF-8, {takes}"),
        (
            ["respond", "-a", "a.wav"],
            (
                "--attach a.wav is sound, which the Responses API does not take: use openai-scan"
                " chat"
            ),
        ),
    ],
)
def test_what_cannot_be_attached_is_wrong_usage(
    arguments: list[str],
    sentence: str,
    server: FakeServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No question is sent."""
    assert main([*arguments, "Hi"]) == 2
    takes = (
        "which the API does not take. It takes images (PNG, JPEG, GIF, WebP), sound (WAV, MP3),"
        " documents such as PDF, and text"
    )
    sentence = sentence.format(takes=takes, unknown="application/octet-stream")
    assert capsys.readouterr().err == (
        f"openai-scan: {sentence}; see openai-scan {arguments[0]} --help\n"
    )
    assert server.requests == []


@pytest.mark.usefixtures("folder")
def test_attachments_have_a_limit_together(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The limit applies to the total size of all attachments."""
    monkeypatch.setattr(attachments, "MAX_BYTES", 2 * len(PNG) - 1)
    assert main(["chat", "-q", "-a", "a.png", "-a", "a.png", "Hi"]) == 2
    assert "all attachments together may have " in capsys.readouterr().err
    assert server.requests == []


def test_urls_that_the_api_opens_are_passed_on(server: FakeServer, site: Site) -> None:
    """The command knows their type from their names, and fetches nothing."""
    image, document = f"{site.url}/a.png?x=1", f"{site.url}/a.pdf"
    [part] = sent(server, "chat", "-a", image)
    assert part == {"type": "image_url", "image_url": {"url": image}}
    parts = sent(server, "respond", "-a", image, "-a", document)
    assert parts == [
        {"type": "input_image", "image_url": image},
        {"type": "input_file", "file_url": document},
    ]
    assert site.asked == []


def test_a_url_without_a_known_name_is_asked_what_it_is(server: FakeServer, site: Site) -> None:
    """If its Content-Type is that of an image, the URL is passed on."""
    image = f"{site.url}/?image/jpg"
    [part] = sent(server, "chat", "-a", image)
    assert part == {"type": "image_url", "image_url": {"url": image}}
    with Log(log_path()) as log:
        [row] = log.newest(0)
    host = site.url.removeprefix("http://")
    assert row.attachments == [{"name": host, "type": "image/jpeg", "bytes": None, "url": image}]


def test_urls_that_the_api_does_not_open_are_fetched(server: FakeServer, site: Site) -> None:
    """The API key is not sent to their server."""
    urls = [f"{site.url}/{name}" for name in ("a.pdf", "a.wav", "a.txt?text/plain")]
    parts = sent(server, "chat", "-a", urls[0], "-a", urls[1], "-a", urls[2])
    assert [part["type"] for part in parts] == ["file", "input_audio", "text"]
    assert parts[0]["file"]["filename"] == "a.pdf"
    assert parts[0]["file"]["file_data"] == data_url("application/pdf", "a.pdf")
    assert len(site.asked) == 3
    assert "Authorization" not in json.dumps(site.asked)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("nothing.pdf", "cannot be fetched: HTTP status 404"),
        ("a.bin", "is application/octet-stream, which the API does not take"),
    ],
)
def test_a_url_that_cannot_be_attached_is_one_sentence(
    path: str,
    sentence: str,
    server: FakeServer,
    site: Site,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No question is sent."""
    assert main(["chat", "-a", f"{site.url}/{path}", "Hi"]) != 0
    assert capsys.readouterr().err.startswith(f"openai-scan: --attach {site.url}/{path} {sentence}")
    assert server.requests == []


def test_a_host_that_is_not_there_is_one_sentence(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit status is 1, as for an API server that cannot be reached."""
    assert main(["chat", "-a", "http://127.0.0.1:1/a.pdf", "Hi"]) == 1
    assert capsys.readouterr().err == (
        "openai-scan: --attach http://127.0.0.1:1/a.pdf cannot be fetched: ConnectionError\n"
    )
    assert server.requests == []


def test_what_is_fetched_has_a_limit(
    server: FakeServer,
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A fetched file that exceeds the limit is refused, and no question is sent."""
    monkeypatch.setattr(attachments, "MAX_BYTES", 3)
    assert main(["chat", "-a", f"{site.url}/a.pdf", "Hi"]) == 2
    assert "all attachments together may have " in capsys.readouterr().err
    assert server.requests == []
