"""Values that a forked child makes again."""

from __future__ import annotations

import itertools
import os

import pytest
from forks import failed, fork

from openai_scan.transport.per_process import PerProcess


# Python warns of a fork beside threads; other tests may have left some.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_has_a_value_of_its_own() -> None:
    """Its parent keeps the one it had."""
    one = PerProcess(itertools.count(1).__next__)
    assert one.value == 1

    def look() -> None:
        assert one.value == 2

    assert not failed(fork(look))
    assert one.value == 1


def test_a_system_that_cannot_fork_needs_one_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows and browsers cannot."""
    monkeypatch.delattr(os, "register_at_fork")
    assert PerProcess(lambda: 1).value == 1
