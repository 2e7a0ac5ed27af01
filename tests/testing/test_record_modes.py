"""What a cassette records and what it replays: the request decides, and the mode."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from openai_scan import RecordingError, StreamerV2, record, replay
from openai_scan.recording import read_recording
from openai_scan.testing import (
    Cassette,
    FakeServer,
    SeenRequest,
    chat_answer,
    chat_chunk,
    error,
    hold,
    response_answer,
)

KEY = "sk-the-real-key"
MODES = ["none", "once", "new_episodes", "all"]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of the cassette; the environment has no key."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return tmp_path / "a.jsonl"


def echo(request: SeenRequest) -> list[bytes]:
    """Answer with what was asked."""
    if request.path == "/responses":
        return response_answer(request.json["input"])
    return chat_answer(request.json["messages"][-1]["content"])


@pytest.fixture
def real() -> Iterator[FakeServer]:
    """Start the real API, which says what it is asked."""
    with FakeServer(echo) as started:
        yield started


@contextlib.contextmanager
def recording(path: Path, real: FakeServer, **settings: Any) -> Iterator[Cassette]:
    """Open a cassette that can record."""
    with Cassette(path, api_key=KEY, base_url=real.base_url, **settings) as cassette:
        yield cassette


def ask(cassette: Cassette, *words: str, **more: Any) -> str:
    """Ask as an application does; return what is said, or the words of the refusal."""
    messages = [{"role": "user", "content": word} for word in words]
    body = {"model": "m", "messages": messages, "stream": True, **more}
    return said(post(cassette, "/chat/completions", body))


def post(cassette: Cassette, path: str, body: Any) -> requests.Response:
    """Send a request."""
    return requests.post(
        f"{cassette.base_url}{path}",
        json=body,
        headers={"Authorization": f"Bearer {cassette.key}"},
        timeout=60,
    )


def said(answer: requests.Response) -> str:
    """Return the text of an answer, or the words of a refusal."""
    if answer.status_code != 200:
        words: str = answer.json()["error"]["message"]
        return words
    with StreamerV2([answer.content]) as s:
        return s.read().decode()


class TestTheRequestDecides:
    """A cassette answers the request that it recorded, and no other."""

    def test_in_any_order(self, path: Path, real: FakeServer) -> None:
        """Each answer is given once; a request that was made twice gets both in order."""
        real.add(*map(chat_answer, ["first", "second"]))
        with recording(path, real) as cassette:
            for word in ("x", "x", "y"):
                ask(cassette, word)
            said(post(cassette, "/responses", {"input": "z", "stream": True}))
        with Cassette(path) as cassette:
            assert said(post(cassette, "/responses", {"input": "z", "stream": True})) == "z"
            assert [ask(cassette, word) for word in "yxx"] == ["y", "first", "second"]
            assert ask(cassette, "x") == (
                "this POST /chat/completions was recorded 2 times, but was requested more often."
                " The mode 'once' records nothing new; 'new_episodes' does"
            )
            assert ask(cassette, "y").startswith(
                "this POST /chat/completions was recorded once, but was requested more often"
            )

    @pytest.mark.parametrize(
        ("words", "more", "difference"),
        [
            (["a", "c"], {}, "messages[1].content differs"),
            (["a"], {}, "messages[1].role is missing, messages[1].content is missing"),
            (["a", "b"], {"temperature": 0, "n": None}, "temperature is new, n is new"),
            (["a", "b"], {"model": "n", "tools": []}, "model differs, tools is new"),
            (
                [*"abcde"],
                {},
                (
                    "messages[2].role is new, messages[2].content is new, messages[3].role is new,"
                    " messages[3].content is new, messages[4].role is new, and 1 more"
                ),
            ),
        ],
    )
    def test_what_differs_is_named(
        self, path: Path, real: FakeServer, words: list[str], more: Any, difference: str
    ) -> None:
        """The refusal compares the request with the recorded one that is most like it."""
        with recording(path, real) as cassette:
            ask(cassette, "a", "b")
            ask(cassette, *"uvwxyz", top_p=1)
        with Cassette(path, mode="none") as cassette:
            assert ask(cassette, *words, **more) == (
                f"POST /chat/completions was recorded, but with other values: {difference}. The"
                " mode 'none' records nothing new; 'new_episodes' does"
            )

    def test_so_do_the_parameters_of_the_url(self, path: Path, real: FakeServer) -> None:
        """When a stream is resumed, for example."""
        real.add(response_answer("Hi"))
        with recording(path, real) as cassette:
            headers = {"Authorization": f"Bearer {cassette.key}"}
            url = f"{cassette.base_url}/responses/r1?stream=true&starting_after="
            requests.get(f"{url}3", headers=headers, timeout=60)
        with Cassette(path) as cassette:
            url = f"{cassette.base_url}/responses/r1?stream=true&starting_after="
            assert "?starting_after[0] differs" in said(requests.get(f"{url}4", timeout=60))
            assert requests.get(f"{url}3", timeout=60).status_code == 200
            assert said(requests.get(f"{cassette.url}/v1/models", timeout=60)).startswith(
                "GET /responses/r1 was recorded, but GET /models was requested"
            )

    def test_what_is_volatile_does_not(self, path: Path, real: FakeServer) -> None:
        """`user` and the like do not count; the test may name other parameters instead."""
        with recording(path, real) as cassette:
            ask(cassette, "a", user="u1", metadata={"run": "1"})
        with Cassette(path) as cassette:
            assert ask(cassette, "a", safety_identifier="s") == "a"
        with recording(path, real, mode="all", ignore=["seed"]) as cassette:
            ask(cassette, "a", user="u", seed=1)
        with Cassette(path, ignore=["seed"]) as cassette:
            assert "user differs" in ask(cassette, "a", user="v", seed=2)
            assert ask(cassette, "a", user="u", seed=2) == "a"

    def test_a_body_that_is_not_json_is_one_value(self, path: Path, real: FakeServer) -> None:
        """The refusal says that the body as a whole is new."""
        with recording(path, real) as cassette:
            ask(cassette, "a")
        with Cassette(path) as cassette:
            url = f"{cassette.base_url}/chat/completions"
            assert "(body) is new" in said(requests.post(url, data=b"{", timeout=60))

    def test_the_cassette_has_no_prompt(self, path: Path, real: FakeServer) -> None:
        """It has digests only, which `read_recording()` returns."""
        real.add(chat_answer("Hi"))
        with recording(path, real) as cassette:
            ask(cassette, "the secret prompt")
        assert "secret" not in path.read_text()
        (section,) = read_recording(path)
        assert [*section.head.asked] == [
            "model",
            "messages[0].role",
            "messages[0].content",
            "stream",
        ]
        assert {len(digest) for digest in section.head.asked.values()} == {12}

    def test_cassettes_without_digests_still_work(self, path: Path, real: FakeServer) -> None:
        """Method and path decide for these; a recording with digests comes first."""
        with recording(path, real) as cassette:
            ask(cassette, "new")
        head, *lines = path.read_text().splitlines(keepends=True)
        old_head = head.partition(', "asked"')[0] + "}\n"
        old = [old_head, *(line.replace("new", "old") for line in lines)]
        path.write_text("".join([*old, head, *lines]))
        with Cassette(path) as cassette:
            assert [ask(cassette, word) for word in ("new", "anything")] == ["new", "old"]
            assert "was recorded once, but was requested more often" in ask(cassette, "anything")


class TestModes:
    """The modes are those of vcrpy."""

    def test_once_asks_once(self, path: Path, real: FakeServer) -> None:
        """If there is a recording, the network is not used, with or without a key."""
        for _ in range(2):
            with recording(path, real) as cassette:
                assert ask(cassette, "a") == "a"
        assert len(real.requests) == 1
        with recording(path, real) as cassette:
            assert not cassette.recording
            assert "messages[0].content differs" in ask(cassette, "b")
        assert len(real.requests) == 1

    def test_none_never_asks(self, path: Path, real: FakeServer) -> None:
        """Without a recording it raises; with one it records nothing new."""
        with pytest.raises(RecordingError) as caught, recording(path, real, mode="none"):
            pass
        assert str(caught.value) == (
            f"there is no recording {path}, and the mode 'none' creates none: run the test once"
            " with another mode"
        )
        with recording(path, real) as cassette:
            ask(cassette, "a")
        with recording(path, real, mode="none") as cassette:
            assert ask(cassette, "a") == "a"
            assert "The mode 'none' records nothing new" in ask(cassette, "b")
        assert len(real.requests) == 1

    @pytest.mark.parametrize("tail", ["", "whole", "half"])
    def test_new_episodes_are_added(self, path: Path, real: FakeServer, tail: str) -> None:
        """What is there stays, however the run ends, and is not requested again."""
        with recording(path, real, mode="new_episodes") as cassette:
            ask(cassette, "a")
        made = path.read_text()
        path.write_text({"whole": made.rstrip(), "half": made + '{"t'}.get(tail, made))
        with recording(path, real, mode="new_episodes") as cassette:
            assert [ask(cassette, word) for word in "aab"] == [*"aab"]
        assert path.read_text().startswith(made)
        assert [request.json["messages"][0]["content"] for request in real.requests] == [*"aab"]
        with Cassette(path, mode="new_episodes") as cassette:
            assert not cassette.recording
            assert [ask(cassette, word) for word in "baa"] == [*"baa"]
            assert ask(cassette, "c") == (
                "POST /chat/completions was recorded, but with other values: messages[0].content"
                " differs. To record it, set OPENAI_API_KEY"
            )
        assert path.stat().st_mode & 0o777 == 0o600

    def test_nothing_new_leaves_the_recording_as_it_is(self, path: Path, real: FakeServer) -> None:
        """Errors leave it as it is, too."""
        with recording(path, real, mode="new_episodes") as cassette:
            ask(cassette, "a")
        made = path.read_bytes()
        real.add(error(401), error(401))
        for mode in ("new_episodes", "all"):
            with recording(path, real, mode=mode) as cassette:
                ask(cassette, "b")
            assert path.read_bytes() == made
        assert [*path.parent.iterdir()] == [path]

    def test_all_records_again(self, path: Path, real: FakeServer) -> None:
        """Nothing is replayed and the old recording is replaced, but not without a key."""
        with recording(path, real) as cassette:
            ask(cassette, "a")
            ask(cassette, "b")
        with recording(path, real, mode="all") as cassette:
            assert ask(cassette, "a") == "a"
        assert len(real.requests) == 3
        assert len(read_recording(path)) == 1
        with pytest.raises(
            RecordingError, match=r"no key to replace the recording .*: set OPENAI_API_KEY"
        ):
            Cassette(path, mode="all")

    @pytest.mark.parametrize("mode", MODES)
    def test_without_key_and_recording_none_works(self, path: Path, mode: Any) -> None:
        """Without a key and a recording, every mode reports that the recording is missing."""
        with pytest.raises(RecordingError, match="there is no recording"):
            Cassette(path, mode=mode)

    def test_another_mode_is_refused(self, path: Path) -> None:
        """A wrong mode is an error at once, and so is a name where a list is expected."""
        wrong: Any = "twice"
        with pytest.raises(ValueError, match="one of none, once, new_episodes, all, not 'twice'"):
            Cassette(path, mode=wrong)
        with pytest.raises(TypeError, match="ignore must be a list of names"):
            Cassette(path, ignore="user")


def test_streams_at_the_same_time_are_kept_apart(path: Path) -> None:
    """Each has its own lines, in the order of the requests."""
    gate = hold()
    with FakeServer() as real:
        real.add([chat_chunk("a"), gate, *chat_answer("b")], chat_answer("c"))
        with recording(path, real) as cassette:
            got: list[str] = []
            thread = threading.Thread(target=lambda: got.append(ask(cassette, "slow")))
            thread.start()
            assert gate.reached.wait(60)
            assert ask(cassette, "fast") == "c"
            gate.release()
            thread.join()
    assert got == ["ab"]
    assert [replay(path, exchange=n) is not None for n in (0, 1)] == [True, True]
    with Cassette(path) as cassette:
        assert [ask(cassette, "fast"), ask(cassette, "slow")] == ["c", "ab"]


def test_a_disk_that_is_full_leaves_the_old_recording(
    path: Path, real: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is raised, and nothing half is left behind."""
    with recording(path, real) as cassette:
        ask(cassette, "a")
    made = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("openai_scan.testing.cassette.write_all", full)
    with pytest.raises(OSError, match="no space left"), recording(path, real, mode="all") as again:
        ask(again, "b")
    assert path.read_bytes() == made
    assert [*path.parent.iterdir()] == [path]


def test_a_recording_of_a_source_has_no_digests(path: Path) -> None:
    """Only a cassette has digests, of the requests that it has seen."""
    with StreamerV2(record(chat_answer("Hi"), path)) as s:
        s.read()
    assert "asked" not in path.read_text()
