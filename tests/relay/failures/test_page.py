"""The page in the documentation shows all cases, and each case is tested."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import page
from .cases import CASES

pytestmark = pytest.mark.unmeasured


def test_each_case_is_played() -> None:
    """Each case is named in a test file, unless it is one of those generated for a point."""
    tests = "".join(file.read_text() for file in Path(__file__).parent.glob("test_*.py"))
    assert [
        name for name, case in CASES.items() if case.point is None and f'"{name}"' not in tests
    ] == []


def test_the_page_is_what_the_cases_say() -> None:
    """If you change a case, write the page again with `python -m relay.failures.page`."""
    assert page.PAGE.read_text() == page.text()
