"""`keys`, and which key is sent to which server."""

from __future__ import annotations

import io
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from terminal_session import Session

from openai_scan.cli import main
from openai_scan.testing import chat_answer

SECRET = "sk-secret-123456789"


class MemoryKeyring(KeyringBackend):
    """A keyring in memory.

    Attributes:
        passwords: The stored passwords, by service and user name.
        broken: Whether it refuses everything, as a locked keyring does.
    """

    priority = 5

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # it has no annotations
        self.passwords: dict[tuple[str, str], str] = {}
        self.broken = False

    def _check(self) -> None:
        if self.broken:
            raise RuntimeError("locked: " + SECRET)

    def get_password(self, service: str, username: str) -> str | None:
        """Return a password, or None."""
        self._check()
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Store a password."""
        self._check()
        self.passwords[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        """Delete a password."""
        self._check()
        del self.passwords[service, username]


class Site(ThreadingHTTPServer):
    """A server that answers every request and remembers the keys.

    Attributes:
        keys: The Authorization header of each request.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.keys: list[str | None] = []
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.base_url = f"{self.url}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_POST(self) -> None:
        """Answer."""
        self.server.keys.append(self.headers["Authorization"])
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b"".join(chat_answer("Hi")))

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Start a server that the environment points to, with neither a key nor a keyring set up."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("OPENAI_MODEL", "test-model")
    monkeypatch.setattr(keyring, "get_keyring", NoKeyring)
    with Site() as started:
        monkeypatch.setenv("OPENAI_BASE_URL", started.base_url)
        thread = threading.Thread(target=started.serve_forever)
        thread.start()
        yield started
        started.shutdown()
        thread.join()


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> MemoryKeyring:
    """Provide a keyring."""
    made = MemoryKeyring()
    monkeypatch.setattr(keyring, "get_keyring", lambda: made)
    for name in ("get_password", "set_password", "delete_password"):
        monkeypatch.setattr(keyring, name, getattr(made, name))
    return made


def store(monkeypatch: pytest.MonkeyPatch, name: str, key: str, *arguments: str) -> int:
    """Store a key that comes through a pipe, and return the status."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(key.encode())))
    return main(["keys", "set", name, *arguments])


def sent(server: Site) -> list[str | None]:
    """Return the Authorization headers that the server has received."""
    return server.keys


def test_a_key_is_sent_to_the_server_that_it_was_stored_for(
    server: Site,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It takes precedence over the key of the environment, and is never printed."""
    assert store(monkeypatch, "local", f"{SECRET}\n") == 0
    monkeypatch.setenv("OPENAI_API_KEY", "other")
    assert main(["chat", "-q", "Hello"]) == 0
    assert main(["chat", "-q", "--key", "local", "Hello"]) == 0
    assert sent(server) == [f"Bearer {SECRET}"] * 2
    assert main(["keys"]) == 0
    assert main(["keys", "path"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[2:] == [
        f"local  {server.base_url}  in the file",
        str(home / "keys.json"),
    ]
    assert printed.err == f"stored in the file, for {server.base_url}\n"
    assert (home / "keys.json").stat().st_mode & 0o777 == 0o600


def test_a_key_is_sent_to_no_other_server(
    server: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key is not sent to another server, even with `--key`; a URL with another scheme is one."""
    assert store(monkeypatch, "other", SECRET, "--base-url", "https://example.com/v1") == 0
    capsys.readouterr()
    assert main(["chat", "-q", "Hello"]) == 2
    assert capsys.readouterr().err == (
        "openai-scan: no API key: set OPENAI_API_KEY (to nothing if the server needs none), or"
        " store one with openai-scan keys set NAME\n"
    )
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert main(["chat", "-q", "Hello"]) == 0
    assert sent(server) == ["Bearer k"]
    for url in (server.base_url, "http://example.com/v1", "https://example.com:444/v1"):
        capsys.readouterr()
        assert main(["chat", "--key", "other", "--base-url", url, "Hello"]) == 2
        assert capsys.readouterr().err == (
            "openai-scan: the key other was stored for https://example.com/v1, and is not sent to"
            f" {url}\n"
        )


def test_several_keys_for_a_server(
    server: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """You have to name one, unless only one was stored for the same path."""
    assert store(monkeypatch, "a", "key-a") == 0
    assert store(monkeypatch, "b", "key-b", "--base-url", f"{server.url}/v2") == 0
    assert main(["chat", "-q", "Hello"]) == 0
    assert store(monkeypatch, "c", "key-c") == 0
    capsys.readouterr()
    assert main(["chat", "-q", "Hello"]) == 2
    assert capsys.readouterr().err == (
        "openai-scan: several keys are stored for this server (a, c): choose one with --key NAME\n"
    )
    assert main(["chat", "-q", "--key", "c", "Hello"]) == 0
    assert sent(server) == ["Bearer key-a", "Bearer key-c"]


def test_a_key_in_place_of_a_name_is_not_printed(
    server: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is sent either."""
    assert main(["chat", "--key", SECRET, "Hello"]) == 2
    assert capsys.readouterr().err == (
        "openai-scan: --key takes the name of a stored key, and no key has this name: see"
        " openai-scan keys list\n"
    )
    assert server.keys == []


def test_a_key_is_typed_without_being_shown(home: Path, server: Site) -> None:
    """The terminal does not show the key while you type it."""
    with Session(
        "keys", "set", "local", PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring"
    ) as session:
        session.wait_for("Key: ")
        session.type(f"{SECRET}\n")
        assert session.end() == 0
    assert SECRET not in session.seen
    stored = json.loads((home / "keys.json").read_text())
    assert stored == {"local": {"base_url": server.base_url, "key": SECRET}}


@pytest.mark.usefixtures("measured_processes")
@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("\x04", "No key was given, so nothing is stored; see openai-scan keys set --help"),
        ("\n", "No key was given, so nothing is stored; see openai-scan keys set --help"),
    ],
)
def test_nothing_typed_is_nothing_stored(typed: str, sentence: str, home: Path) -> None:
    """The command says so and exits with status 2."""
    with Session("keys", "set", "local") as session:
        session.wait_for("Key: ")
        session.type(typed)
        assert session.end() == 2
    assert sentence in session.lines[-1]
    assert not home.exists()


@pytest.mark.parametrize(
    ("arguments", "key", "sentence"),
    [
        (["local"], b"", "No key was given, so nothing is stored; see openai-scan keys set --help"),
        (
            ["local"],
            b"\xff",
            "What is on standard input is not text; see openai-scan keys set --help",
        ),
        (["local"], b"a b", "the API key contains characters that no API key has: check the key"),
        ([SECRET + SECRET], b"k", "{name}; see openai-scan keys set --help"),
        (["a b"], b"k", "{name}; see openai-scan keys set --help"),
        (
            ["local", "--base-url", "localhost:80"],
            b"k",
            ("the base URL must look like https://api.openai.com/v1, not like 'localhost:80'"),
        ),
        (
            ["local", "--base-url", ""],
            b"k",
            "Invalid value for '--base-url': it is empty; see openai-scan keys set --help",
        ),
    ],
)
def test_what_cannot_be_stored_is_wrong_usage(
    arguments: list[str],
    key: bytes,
    sentence: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing is stored, and no key is printed."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(key), encoding="utf-8"))
    assert main(["keys", "set", *arguments]) == 2
    name = (
        "A name has letters, digits, '-', '_' and '.', and no more than 30 of them. The key itself"
        " is asked for"
    )
    assert capsys.readouterr().err == f"openai-scan: {sentence.format(name=name)}\n"
    assert not home.exists()


def test_a_key_is_removed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A removed key is no longer sent, and cannot be removed twice."""
    assert store(monkeypatch, "local", SECRET) == 0
    assert main(["keys", "remove", "local"]) == 0
    assert main(["chat", "Hello"]) == 2
    capsys.readouterr()
    assert main(["keys", "remove", "local"]) == 2
    assert capsys.readouterr().err == (
        "openai-scan: no key has this name: see openai-scan keys list\n"
    )


def test_a_keyring_has_the_key(
    ring: MemoryKeyring,
    server: Site,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The file has only its name and server; removing it deletes it from the keyring."""
    assert store(monkeypatch, "local", SECRET) == 0
    assert capsys.readouterr().err == f"stored in the keyring, for {server.base_url}\n"
    assert json.loads((home / "keys.json").read_text()) == {"local": {"base_url": server.base_url}}
    assert main(["chat", "-q", "Hello"]) == 0
    assert sent(server) == [f"Bearer {SECRET}"]
    assert main(["keys"]) == 0
    assert f"local  {server.base_url}  in the keyring\n" in capsys.readouterr().out
    assert main(["keys", "remove", "local"]) == 0
    assert ring.passwords == {}


def test_a_key_of_the_keyring_is_replaced(
    ring: MemoryKeyring, server: Site, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old key is deleted, and without a keyring the new key is stored in the file."""
    assert store(monkeypatch, "local", "key-1", "--base-url", "https://example.com/v1") == 0
    assert store(monkeypatch, "local", "key-2") == 0
    assert list(ring.passwords.values()) == ["key-2"]
    assert store(monkeypatch, "local", "key-3") == 0
    assert list(ring.passwords.values()) == ["key-3"]
    monkeypatch.setattr(keyring, "get_keyring", NoKeyring)
    assert store(monkeypatch, "local", "key-4") == 0
    assert json.loads((home / "keys.json").read_text())["local"]["key"] == "key-4"
    assert main(["chat", "-q", "Hello"]) == 0
    assert sent(server) == ["Bearer key-4"]


def test_a_url_that_was_changed_in_the_file_finds_no_key(
    ring: MemoryKeyring,
    server: Site,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The keyring stores the server with the key, so editing the file sends it nowhere else."""
    assert store(monkeypatch, "local", SECRET, "--base-url", "https://example.com/v1") == 0
    (home / "keys.json").write_text(json.dumps({"local": {"base_url": server.base_url}}))
    capsys.readouterr()
    assert main(["chat", "Hello"]) == 2
    assert capsys.readouterr().err == (
        "openai-scan: the key local is not in the keyring of this system: store it again with"
        " openai-scan keys set local\n"
    )
    assert server.keys == []
    assert len(ring.passwords) == 1


def test_a_locked_keyring_is_one_sentence(
    ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the class of its error is shown. A new key is stored in the file."""
    assert store(monkeypatch, "local", SECRET) == 0
    ring.broken = True
    capsys.readouterr()
    assert main(["chat", "Hello"]) == 2
    assert capsys.readouterr().err == (
        "openai-scan: the keyring does not give the key local: RuntimeError\n"
    )
    assert store(monkeypatch, "other", SECRET, "--base-url", "https://example.com/v1") == 0
    assert capsys.readouterr().err == "stored in the file, for https://example.com/v1\n"
    assert main(["keys", "remove", "local"]) == 2
    assert capsys.readouterr().err == (
        "openai-scan: the key local is off the list, but still in the keyring: RuntimeError\n"
    )


def test_the_keyring_may_be_gone(
    ring: MemoryKeyring,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The command still works if the extra with `keyring` was uninstalled."""
    assert store(monkeypatch, "local", SECRET) == 0
    monkeypatch.setitem(sys.modules, "keyring", None)
    capsys.readouterr()
    assert main(["chat", "Hello"]) == 2
    assert "the key local is not in the keyring of this system" in capsys.readouterr().err
    assert main(["keys", "remove", "local"]) == 0
    assert store(monkeypatch, "local", SECRET) == 0
    assert main(["chat", "-q", "Hello"]) == 0


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"a": 1}', '{"a": {}}', '{"a": {"base_url": "http://a/v1", "key": 1}}']
)
def test_an_invalid_list_is_one_sentence(
    content: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the file and quotes none of its content."""
    home.mkdir()
    (home / "keys.json").write_text(content)
    assert main(["chat", "Hello"]) == 2
    assert capsys.readouterr().err == (
        f"openai-scan: {home / 'keys.json'} has no valid list of keys: correct or delete it\n"
    )


def test_a_list_that_cannot_be_read_is_one_sentence(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has the operating system's reason."""
    (home / "keys.json").mkdir(parents=True)
    assert main(["keys"]) == 2
    assert capsys.readouterr().err == f"openai-scan: {home / 'keys.json'}: Is a directory\n"


def test_no_key_is_in_a_repr() -> None:
    """The repr of a stored key hides the key, as tracebacks may show it."""
    from openai_scan.cli.keystore import StoredKey

    stored: Any = StoredKey("http://a/v1", SECRET)
    assert SECRET not in repr(stored)
