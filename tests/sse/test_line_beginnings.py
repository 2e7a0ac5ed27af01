"""How a line begins, as far as it has come."""

from __future__ import annotations

import pytest

from openai_scan.sse.beginnings import begins_as_events, begins_bare, begins_plain, is_page

MARK = b"\xef\xbb\xbf"


@pytest.mark.parametrize("bracket", [b"{", b"[", b"<"])
@pytest.mark.parametrize("before", [b"", b" ", b"\t", MARK, MARK + b"  ", 63 * b" "])
def test_bare_text_begins_with_a_bracket(before: bytes, bracket: bytes) -> None:
    """A byte order mark and up to 63 blanks may come before it; only a page begins with `<`."""
    line = before + bracket + b"a"
    assert begins_bare(line) is True
    assert is_page(line) is (bracket == b"<")
    assert begins_plain(line)


def test_a_blank_beginning_is_not_clear_yet() -> None:
    """Until too many blanks have come. A name of a field may also go on."""
    assert begins_as_events(b"event") is None
    assert begins_bare(b"") is None
    assert begins_bare(63 * b" ") is None
    assert begins_bare(64 * b" ") is False
    assert begins_bare(64 * b" " + b"{") is False
    assert begins_bare(b"a{") is False


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (b"data: 1", True),
        (b"dat", True),
        (b"\n\n{", True),
        (b"\n\n<html>", True),
        (b"\x1f\x8b\x08", True),
        (b"\x1f\x8b\x08\x00\x00\x00", False),
        (b"the model", False),
    ],
)
def test_what_is_plain_need_not_be_unpacked(start: bytes, *, expected: bool) -> None:
    """Unless it is clear that it is neither an event stream nor bare text."""
    assert begins_plain(start) is expected
