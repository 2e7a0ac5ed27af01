"""`models`: list those of a server, and set the default model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openai_scan.cli import main
from openai_scan.testing import FakeServer, error, json_answer

MODELS = {
    "object": "list",
    "data": [
        {"id": "zeta", "object": "model", "created": 1, "owned_by": "me"},
        {"id": "alpha", "object": "model"},
    ],
}


def test_the_models_are_listed_in_order(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each line is a name, or with `--json` an object."""
    server.add(json_answer(MODELS), json_answer(MODELS))
    assert main(["models"]) == 0
    assert capsys.readouterr() == ("alpha\nzeta\n", "")
    assert main(["models", "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["alpha", "zeta"]
    assert json.loads(lines[1])["owned_by"] == "me"


def test_a_server_without_a_list_is_one_sentence(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command prints the server's own message."""
    server.add(error(404, "Not here."))
    assert main(["models"]) == 1
    assert "Not here." in capsys.readouterr().err


def test_the_default_model(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is set, printed and removed; the environment takes precedence."""
    monkeypatch.delenv("OPENAI_MODEL", raising=False)
    assert main(["models", "default"]) == 1
    assert capsys.readouterr().err == "openai-scan: no default model is set\n"
    assert main(["models", "default", "gpt-5"]) == 0
    assert main(["models", "default"]) == 0
    assert (home / "settings.json").stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("OPENAI_MODEL", "other")
    assert main(["models", "default"]) == 0
    assert capsys.readouterr().out == "gpt-5\nother\n"
    monkeypatch.delenv("OPENAI_MODEL")
    assert main(["models", "default", "--unset"]) == 0
    assert main(["models", "default"]) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["x", "--unset"], "Either a NAME or --unset"),
        ([" "], "The name is empty"),
        (["\udcff"], "Invalid value for '[NAME]': it is not text"),
    ],
)
def test_what_is_no_model_is_wrong_usage(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is set."""
    assert main(["models", "default", *arguments]) == 2
    assert capsys.readouterr().err == (
        f"openai-scan: {sentence}; see openai-scan models default --help\n"
    )


def test_other_commands_ask_it_too(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`bench` uses the default model as well."""
    monkeypatch.delenv("OPENAI_MODEL")
    assert main(["bench", server.base_url]) == 2
    assert "--model" in capsys.readouterr().err
    assert main(["models", "default", "gpt-5"]) == 0
    server.strict = False
    server.always = error(500)
    main(["bench", server.base_url, "--streams", "1", "--at-once", "1"])
    assert server.requests[0].json["model"] == "gpt-5"
