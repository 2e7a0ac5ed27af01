"""A recording is its owner's alone, and takes the place of another only when it is whole."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openai_scan import Client, Recording, record, replay
from openai_scan.recording import file as recording_file
from openai_scan.recording.new_file import NewFile, write_whole
from openai_scan.testing import Cassette, FakeServer, chat_answer, chat_chunk, done, hold
from safety.conftest import Terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it has no such permissions")

STEPS = [chat_chunk("Hi", finish_reason="stop"), done()]
OLD = b"an old recording"


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    """Let everyone read new files, unless the code prevents it."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def permissions(path: Path) -> int:
    """Return who may read and write a file."""
    return stat.S_IMODE(path.stat().st_mode)


def make(path: Path, *, overwrite: bool = False) -> None:
    """Record a stream."""
    source = record(STEPS, Recording(path, overwrite=overwrite))
    try:
        assert b"".join(source)
    finally:
        source.close()


def assert_whole(path: Path) -> None:
    """Fail unless the recording has all the steps, and nothing is left beside it."""
    assert b"".join(replay(path)) == b"".join(STEPS)
    assert not list(path.parent.glob("*.unfinished"))


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_recording_is_private(overwrite: bool, tmp_path: Path) -> None:
    """Even if it replaces a file that was not private."""
    path = tmp_path / "a.jsonl"
    if overwrite:
        path.write_bytes(OLD)
        assert permissions(path) == 0o644
    make(path, overwrite=overwrite)
    assert permissions(path) == 0o600
    assert_whole(path)


def test_a_recording_is_private_while_it_is_made(tmp_path: Path) -> None:
    """There is no moment at which another user could open it."""
    for overwrite in (False, True):
        source = record(STEPS, Recording(tmp_path / f"{overwrite}.jsonl", overwrite=overwrite))
        assert next(iter(source))
        assert [permissions(path) for path in tmp_path.iterdir()] == [0o600] * (1 + overwrite)
        source.close()


def test_a_cassette_is_private(tmp_path: Path) -> None:
    """While it is recorded, and afterwards."""
    path = tmp_path / "cassettes" / "a.jsonl"
    with FakeServer() as real:
        real.add(chat_answer("Hi"))
        with Cassette(path, api_key="sk-real", base_url=real.base_url) as cassette:
            [unfinished] = path.parent.iterdir()
            assert permissions(unfinished) == 0o600
            with Client(cassette.key, cassette.base_url) as client:
                client.create_chat_completion_stream(model="m", messages=[]).read()
    assert list(path.parent.iterdir()) == [path]
    assert permissions(path) == 0o600


def test_the_old_recording_is_there_until_the_new_one_is_whole(tmp_path: Path) -> None:
    """At no time is there half a file, or none."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(OLD)
    source = record(STEPS, Recording(path, overwrite=True))
    for _ in source:
        assert path.read_bytes() == OLD
    assert path.read_bytes() == OLD
    source.close()
    assert_whole(path)


def test_a_stream_that_is_never_read_replaces_nothing(tmp_path: Path) -> None:
    """The old recording stays."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(OLD)
    record(STEPS, Recording(path, overwrite=True)).close()
    assert path.read_bytes() == OLD
    assert list(tmp_path.iterdir()) == [path]


def test_a_recording_that_cannot_be_written_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old recording stays, for example on a full disk."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(OLD)
    lines = 0

    def fail(file: Any, data: bytes) -> None:
        nonlocal lines
        lines += 1
        if lines > 2:
            raise OSError("the disk is full")
        file.write(data)

    monkeypatch.setattr(recording_file, "write_all", fail)
    source = record(STEPS, Recording(path, overwrite=True))
    with pytest.raises(Exception, match="the disk is full"):
        list(source)
    source.close()
    assert path.read_bytes() == OLD
    assert list(tmp_path.iterdir()) == [path]


def test_the_command_keeps_the_old_recording_of_a_stream_that_is_cancelled(
    tmp_path: Path, server: FakeServer
) -> None:
    """It stays until the stream is closed, and is then replaced by what came."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(OLD)
    server.add([chat_chunk("Hi"), hold()])
    with Client() as client:
        stream = client.create_chat_completion_stream(
            model="m", messages=[], record=Recording(path, overwrite=True)
        )
        assert stream.next()
        assert path.read_bytes() == OLD
        stream.close()
    assert b"Hi" in path.read_bytes()


@pytest.mark.parametrize("target", ["file", "nothing"])
def test_a_link_is_not_followed(target: str, tmp_path: Path) -> None:
    """A link counts as an existing file; overwriting replaces it, and not its target."""
    victim, link = tmp_path / "victim", tmp_path / "a.jsonl"
    if target == "file":
        victim.write_bytes(OLD)
    link.symlink_to(victim)
    with pytest.raises(FileExistsError) as caught:
        make(link)
    assert caught.value.filename == str(link)
    make(link, overwrite=True)
    assert not link.is_symlink()
    assert_whole(link)
    assert (victim.read_bytes() if victim.exists() else b"") == (OLD if target == "file" else b"")


def test_a_link_to_a_device_is_refused(tmp_path: Path) -> None:
    """The link is neither followed nor replaced, as `/dev/stdout` must not be."""
    link = tmp_path / "a.jsonl"
    link.symlink_to("/dev/null")
    with pytest.raises(OSError, match="a symbolic link to something that is not a file"):
        make(link, overwrite=True)
    assert link.is_symlink()


def test_a_device_is_written_to(tmp_path: Path) -> None:
    """`--force /dev/null` writes to the device, and does not replace it."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        make(path, overwrite=True)
        assert b"Hi" in os.read(reader, 65536)
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(path.stat().st_mode)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_is_not_a_file(overwrite: bool, tmp_path: Path) -> None:
    """The error names the path that was given, and not a temporary one."""
    for path in (tmp_path, tmp_path / "missing" / "a.jsonl"):
        with pytest.raises(OSError) as caught:  # noqa: PT011 - which one depends on the system
            NewFile(path, overwrite=overwrite)
        assert caught.value.filename == str(path)
    assert list(tmp_path.iterdir()) == []


def test_a_long_name_can_be_overwritten(tmp_path: Path) -> None:
    """The temporary name of the file is not too long."""
    path = tmp_path / (250 * "a")
    make(path)
    make(path, overwrite=True)
    assert_whole(path)


def test_a_file_that_is_written_at_once_is_whole_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the disk is full, the old file stays."""
    path = tmp_path / "a.png"
    write_whole(str(path), OLD, overwrite=False, mode=0o666)
    assert permissions(path) == 0o644
    with pytest.raises(FileExistsError):
        write_whole(str(path), b"new", overwrite=False)

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("openai_scan.recording.new_file.write_all", fail)
    with pytest.raises(OSError, match="the disk is full"):
        write_whole(str(path), b"new", overwrite=True)
    assert path.read_bytes() == OLD
    assert list(tmp_path.iterdir()) == [path]


def test_a_picture_follows_no_link(tmp_path: Path, terminal: Terminal) -> None:
    """With `--force` it replaces the link, and not its target."""
    recording, victim, link = (tmp_path / name for name in ("a.jsonl", "victim", "a.svg"))
    make(recording)
    victim.write_bytes(OLD)
    link.symlink_to(victim)
    assert terminal.run("stats", str(recording), "--plot", str(link), "--force") == 0
    assert victim.read_bytes() == OLD
    assert b"<svg" in link.read_bytes()


def test_the_command_makes_a_private_recording(
    tmp_path: Path, server: FakeServer, terminal: Terminal
) -> None:
    """The recording is private, with `--force` too."""
    path = tmp_path / "a.jsonl"
    for force in ([], ["--force"]):
        server.add(chat_answer("Hi"))
        assert terminal.run("record", str(path), "Hello", *force) == 0
        assert permissions(path) == 0o600
    server.add(chat_answer("Hi"))
    assert terminal.run("record", str(path), "Hello") == 2
