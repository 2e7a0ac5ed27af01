"""Families that are imported when a call first needs one."""

from __future__ import annotations

import json
import subprocess
import sys

from openai_scan.client.later import responses
from openai_scan.events.responses import Response

_LOADED = """
import json, sys
from openai_scan import {client}
{client}("k")
print(json.dumps([name for name in sys.modules if name.count(".") == 3 and ".events." in name]))
"""


def families_loaded_by(client: str) -> set[str]:
    """Return the families that are loaded by making a client."""
    script = _LOADED.format(client=client)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    return {name.split(".")[2] for name in json.loads(done.stdout)} - {"decoding"}


def test_a_client_that_has_asked_nothing_has_loaded_no_family() -> None:
    """Families would double the time that it takes to import the client."""
    assert families_loaded_by("Client") == set()
    assert families_loaded_by("AsyncClient") == set()


def test_what_is_asked_for_is_what_the_module_has() -> None:
    """Its repr names the module."""
    assert responses.Response is Response
    assert repr(responses) == "Later('openai_scan.events.responses')"
