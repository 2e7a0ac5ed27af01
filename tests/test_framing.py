"""Where an answer ends, according to its headers; and which header lines are unambiguous."""

from __future__ import annotations

import http.client
import io

import pytest

from openai_scan.transport.session.framing import Framing, framing, is_clear_line

CHUNKED = "Transfer-Encoding: chunked"


def framed(
    *lines: str, version: str = "HTTP/1.1", status: int = 200
) -> tuple[int | None, bool, bool]:
    """Return the length of the body, whether it is chunked, and whether that is clear."""
    text = "".join(f"{line}\r\n" for line in lines) + "\r\n"
    found = framing(version, status, http.client.parse_headers(io.BytesIO(text.encode("latin-1"))))
    assert isinstance(found, Framing)
    return found.length, found.chunked, found.clear


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((CHUNKED,), (None, True, True)),
        (("transfer-encoding:\t Chunked ",), (None, True, True)),
        ((CHUNKED, CHUNKED), (None, True, False)),
        (("Transfer-Encoding: chunked, gzip",), (None, True, False)),
        ((CHUNKED, "Content-Length: 5"), (None, True, False)),
        (("Content-Length: 5",), (5, False, True)),
        (("Content-Length: 0",), (0, False, True)),
        (("Content-Length: 005",), (5, False, True)),
        (("Content-Length: 9999999999999",), (9999999999999, False, True)),
        (("Content-Length: 5, 5",), (5, False, False)),
        (("Content-Length: 5", "Content-Length: 05"), (5, False, False)),
        (("Content-Length: 5", "Transfer-Encoding: identity"), (5, False, False)),
        (("Content-Length: 5", "Transfer-Encoding: gzip, chunked"), (5, False, False)),
        (("Content-Length: 5", "Connection: keep-alive"), (5, False, True)),
        (("Content-Length: 5", "Connection: x, CLOSE"), (5, False, False)),
        ((CHUNKED, "Connection: close"), (None, True, False)),
        ((), (None, False, False)),
        (("Transfer-Encoding: identity",), (None, False, False)),
        (("Content-Length: 5", "no header"), (5, False, False)),
        (("no header", "Content-Length: 5"), (None, False, False)),
        ((": no name", "Content-Length: 5"), (5, False, False)),
        (("Content-Length: 5", "From nobody"), (5, False, False)),
    ],
)
def test_the_headers_say_where_the_body_ends(
    lines: tuple[str, ...], expected: tuple[int | None, bool, bool]
) -> None:
    """What RFC 9112 merely tolerates leaves a doubt."""
    assert framed(*lines) == expected


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.2", "HTTP/2", ""])
def test_another_version_leaves_a_doubt(version: str) -> None:
    """With HTTP/1.0, for example, keeping a connection is only a custom."""
    assert framed(CHUNKED, version=version) == (None, True, False)
    assert framed("Content-Length: 5", version=version) == (5, False, False)
    assert framed(version=version, status=204) == (0, False, False)


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize(
    ("lines", "clear"),
    [
        ((), True),
        (("Content-Length: 0",), True),
        (("Content-Length: 5",), False),
        (("Content-Length: x",), False),
        (("Content-Length: 0", "Content-Length: 0"), False),
        ((CHUNKED,), False),
        (("Connection: close",), False),
    ],
)
def test_some_answers_have_no_body(status: int, lines: tuple[str, ...], clear: bool) -> None:
    """An answer with status 204 or 304 has no body, even if its headers announce one.

    Another program on the way may believe them, so the connection is not reused then.
    """
    assert framed(*lines, status=status) == (0, False, clear)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("Content-Length: 1_0",), "its Content-Length is not a number of bytes"),
        (("Content-Length: X5",), "its Content-Length is not a number of bytes"),
        (("Content-Length: \x0b5",), "its Content-Length is not a number of bytes"),
        (("Content-Length: ",), "its Content-Length is not a number of bytes"),
        (
            ("Content-Length: 5", "Content-Length: -5"),
            "its Content-Length is not a number of bytes",
        ),
        (("Content-Length: 10000000000000",), "its Content-Length is not a number of bytes"),
        (("Content-Length: 5, 6",), "the answer has two different Content-Lengths"),
        (
            ("Content-Length: 5", "Content-Length: 5", "Content-Length: 6"),
            "the answer has two different Content-Lengths",
        ),
        (
            (CHUNKED, "Content-Length: 5, 6"),
            "the answer has two different Content-Lengths",
        ),
        (
            ("Content-Length: 5", "Content-Length: 6"),
            "the answer has two different Content-Lengths",
        ),
    ],
)
def test_a_length_that_is_none_is_an_error(lines: tuple[str, ...], message: str) -> None:
    """Without a valid length, the end of the answer is unknown."""
    with pytest.raises(http.client.HTTPException) as caught:
        framed(*lines)
    assert str(caught.value) == message


@pytest.mark.parametrize("status", [204, 304])
def test_two_lengths_differ_also_where_there_is_no_body(status: int) -> None:
    """Two different lengths are refused: another program may believe one of them."""
    with pytest.raises(http.client.HTTPException, match="two different Content-Lengths"):
        framed("Content-Length: 0", "Content-Length: 5", status=status)


@pytest.mark.parametrize(
    ("line", "clear"),
    [
        (b"A: b\r\n", True),
        (b"A: b\n", True),
        (b"\r\n", True),
        (b"\n", True),
        (b"A: b", False),
        (b"A: b\r", False),
        (b"", False),
        (b" b\r\n", False),
        (b"\tb\r\n", False),
        (b"A: b\rc\r\n", False),
        (b"A: b\r\r\n", False),
        (b"A: \0\r\n", False),
        (b"\r\r\n", False),
    ],
)
def test_a_line_is_one_for_every_program(line: bytes, clear: bool) -> None:
    """A clear line neither continues the line before, nor can be read as two lines."""
    assert is_clear_line(line) is clear
