"""A request as it goes out: URL, query, headers and body, and the secrets in it."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from memory_wire import MemoryWire

from openai_scan import Timeout
from openai_scan._version import __version__
from openai_scan.transport import Request, RetryPolicy, Transport, Upload
from openai_scan.transport.key import Key, Secrets, secrets_of
from openai_scan.transport.request import check_header, fields, merged, plain
from openai_scan.transport.sender import Sender

pytestmark = pytest.mark.usefixtures("wire")

KEY = "sk-secret-1234"
URL = "http://memory.test/v1"


def sender(base_url: str = URL, **more: Any) -> Sender:
    """Return what packs requests to a server."""
    return Sender(base_url, **{"key": KEY, "wire": MemoryWire(), **more})


class TestPacking:
    """All that a request consists of is text and bytes."""

    def test_a_post_has_json_and_the_key_of_its_call(self) -> None:
        """The request says what it sends, what it accepts, and who sends it."""
        request = Request(method="POST", path="/x", query={"a": 1}, body={"q": "\u00fc"})
        parcel = sender(query={"v": "2"}).pack(request, "call", "text/event-stream")
        assert attrs.asdict(parcel) == {
            "method": "POST",
            "url": f"{URL}/x",
            "query": (("v", "2"), ("a", "1")),
            "headers": {
                "Accept": "text/event-stream, application/json",
                "Accept-Encoding": "identity",
                "User-Agent": f"openai_scan/{__version__}",
                "Idempotency-Key": "call",
                "Content-Type": "application/json",
                "Authorization": f"Bearer {KEY}",
            },
            "data": b'{"q": "\\u00fc"}',
            "uploads": (),
            "dispensable": {"Accept-Encoding", "Idempotency-Key", "User-Agent"},
        }

    def test_a_call_accepts_what_it_expects(self) -> None:
        """One media type is named once."""
        request = Request(method="GET", path="/x")
        for accept, sent in (
            ("application/json", "application/json"),
            ("text/event-stream", "text/event-stream, application/json"),
        ):
            assert sender().pack(request, "call", accept).headers["Accept"] == sent

    def test_a_get_has_neither(self) -> None:
        """A GET changes nothing, so it needs no idempotency key."""
        parcel = sender(key="").pack(Request(method="GET", path="/x"), "call", "a/b")
        assert list(parcel.headers) == ["Accept", "Accept-Encoding", "User-Agent"]
        assert (parcel.data, parcel.query) == (None, ())

    def test_what_the_user_sets_is_not_dispensable(self) -> None:
        """A wire must not drop a header that you set, in any case, for one request or for all."""
        request = Request(method="POST", path="/x", headers={"user-agent": "a"})
        parcel = sender(headers={"IDEMPOTENCY-KEY": "b"}).pack(request, "call", "a/b")
        assert parcel.dispensable == {"Accept-Encoding"}

    def test_an_empty_body_is_one(self) -> None:
        """An empty body is sent as `{}`, since some calls have no arguments."""
        parcel = sender().pack(Request(method="POST", path="/x", body={}), "call", "a/b")
        assert parcel.data == b"{}"

    def test_a_form_has_fields_and_files(self) -> None:
        """There is no Content-Type, since the wire sets it."""
        upload = Upload("file", "a.mp3", b"data")
        request = Request(method="POST", path="/x", body={"n": [1, True]}, uploads=(upload,))
        parcel = sender().pack(request, "call", "a/b")
        assert parcel.data == (("n[]", "1"), ("n[]", "true"))
        assert parcel.uploads == (upload,)
        assert "Content-Type" not in parcel.headers
        bare = Request(method="POST", path="/x", uploads=(upload,))
        assert sender().pack(bare, "call", "a/b").data == ()

    def test_headers_of_the_request_come_before_those_of_all(self) -> None:
        """Both replace what is standard; the key is the last word."""
        of_all = sender(key_header="api-key", headers={"User-Agent": "u", "X": "1", "Y": "1"})
        request = Request(method="GET", path="/x", headers={"x": "2", "accept": "a"})
        assert of_all.pack(request, "call", "a/b").headers == {
            "accept": "a",
            "Accept-Encoding": "identity",
            "User-Agent": "u",
            "x": "2",
            "Y": "1",
            "api-key": KEY,
        }

    def test_queries_are_one(self) -> None:
        """The query of the request replaces that of all requests."""
        request = Request(method="GET", path="/x", query={"a": 2, "b": None, "c": [1, 2]})
        both = sender(query={"a": "1", "d": "4"})
        assert both.pack(request, "call", "a/b").query == (
            ("a", "2"),
            ("d", "4"),
            ("c[]", "1"),
            ("c[]", "2"),
        )
        assert both.url(request) == f"{URL}/x?a=2&d=4&c%5B%5D=1&c%5B%5D=2"
        assert sender().url(Request(method="GET", path="/X")) == f"{URL}/X"

    @pytest.mark.parametrize("part", ["of all", "of the request"])
    def test_every_header_is_checked(self, part: str) -> None:
        """Headers of the request and headers of all requests are checked."""
        bad = {"X-A": "a\nb"}
        request = Request(method="GET", path="/x", headers=bad if part != "of all" else {})
        with pytest.raises(ValueError, match="the header X-A contains a line break"):
            sender(headers=bad if part == "of all" else {}).pack(request, "call", "a/b")

    def test_what_is_sent_is_copied(self) -> None:
        """A dict that the caller changes later changes nothing."""
        headers, query = {"X": "1"}, {"a": "1"}
        before = sender(headers=headers, query=query)
        headers["X"] = query["a"] = "2"
        parcel = before.pack(Request(method="GET", path="/x"), "call", "a/b")
        assert (parcel.headers["X"], parcel.query) == ("1", (("a", "1"),))

    @pytest.mark.wires("blocking")
    def test_it_says_where_requests_go(self) -> None:
        """The repr shows the base URL and nothing else."""
        assert repr(sender(headers={"X": "1"})) == f"Sender({URL!r})"
        transport = Transport(URL, key=KEY, wire=MemoryWire(blocking=True))
        assert repr(transport) == f"Transport({URL!r})"


class TestHints:
    """What this library knows of a refusal, and the server does not say."""

    GONE = (
        "OpenAI shut down its Assistants API on 2026-08-26: set base_url to a server that offers"
        " it, or move to create_response_stream"
    )
    RESUMED = (
        "only a response created with background=True can be resumed, and not for long;"
        " retrieve_response returns it once it is finished"
    )

    @pytest.mark.parametrize(
        ("base_url", "path", "status", "hint"),
        [
            ("https://api.openai.com/v1", "/threads/t/runs", 404, GONE),
            ("https://api.openai.com/v1", "/assistants", 404, GONE),
            ("https://api.openai.com/v1", "/assistants", 400, None),
            ("https://api.openai.com/v1", "/responses/threads", 404, None),
            ("https://openai.test/v1", "/threads", 404, None),
            ("https://api.openai.com.test/v1", "/threads", 404, None),
        ],
    )
    def test_an_api_that_was_switched_off(
        self, base_url: str, path: str, status: int, hint: str | None
    ) -> None:
        """Only OpenAI's own server has switched off the Assistants API."""
        assert sender(base_url).hint(Request(method="GET", path=path), status, "") == hint

    @pytest.mark.parametrize(("status", "hint"), [(400, RESUMED), (404, RESUMED), (409, None)])
    def test_an_answer_that_cannot_be_resumed(self, status: int, hint: str | None) -> None:
        """A request for the rest of an answer is recognized by `starting_after`."""
        request = Request(method="GET", path="/responses/r", query={"starting_after": 0})
        assert sender().hint(request, status, "") == hint
        assert sender().hint(attrs.evolve(request, query={"after": 0}), status, "") is None


class TestFields:
    """A form and a query hold only text."""

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ({"a": "x", "b": 1, "c": 1.5}, [("a", "x"), ("b", "1"), ("c", "1.5")]),
            ({"a": True, "b": False, "c": None}, [("a", "true"), ("b", "false")]),
            ({"a": [1, [2]], "b": ("c",)}, [("a[]", "1"), ("a[][]", "2"), ("b[]", "c")]),
            ({"a": {"b": {"c": 1}}}, [("a[b][c]", "1")]),
            ({"a": Timeout(1, 2, 3, 4)}, [(f"a[{name}]", str(n)) for name, n in
                (("connect", 1), ("first_byte", 2), ("idle", 3), ("event_idle", 4))]),
        ],
    )  # fmt: skip
    def test_each_value_has_its_name(self, value: Any, expected: list[tuple[str, str]]) -> None:
        """Names are those of OpenAI's own client, and a null is left out."""
        assert list(fields(value)) == expected

    def test_one_of_our_objects_is_sent_without_its_nulls(self) -> None:
        """The objects in it stay what they are, and are sent in turn."""
        inner = Timeout()
        request = Request(method="GET", path="/x", timeout=inner)
        sent = plain(request)
        assert sent["timeout"] is inner
        assert "onward" not in sent
        with pytest.raises(TypeError, match=r"^object cannot be sent as JSON$"):
            plain(object())

    def test_headers_are_merged_whatever_their_case(self) -> None:
        """The later one counts, in its own case and in the place of the first."""
        assert list(merged({"A": "1", "B": "1"}, {"a": "2"}).items()) == [("a", "2"), ("B", "1")]


class TestHeaders:
    """What cannot be sent is refused in words that show no value."""

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("X", 1, "the names and values of headers must be strings"),
            (1, "X", "the names and values of headers must be strings"),
            ("a b", "v", "the name of a header is malformed"),
            ("", "v", "the name of a header is malformed"),
            ("X", "v\n", "the header X ends with a line break: strip it"),
            ("X", "v\r", "the header X ends with a line break: strip it"),
            ("X", " v", "the header X begins with a space: strip it"),
            ("X", "\tv", "the header X begins with a space: strip it"),
            ("X", "v\x00", "the header X contains a line break or another control character"),
            ("X", "v\x7f", "the header X contains a line break or another control character"),
            ("X", "\u0100", "the header X contains a character that is not Latin-1"),
        ],
    )
    def test_it_is_reported(self, name: Any, value: Any, message: str) -> None:
        """The message has the name of the header, if the name is valid."""
        with pytest.raises((TypeError, ValueError)) as caught:
            check_header(name, value)
        assert str(caught.value) == message

    @pytest.mark.parametrize("value", ["", "v ", "a\tb", "\xff", "a b"])
    def test_anything_else_is_sent(self, value: str) -> None:
        """Bytes beyond ASCII too, as far as HTTP can carry them."""
        check_header("!#$%&'*+.^_`|~-09azAZ", value)


class TestSecrets:
    """What may not be shown, in any of the forms that a server repeats it in."""

    def test_a_value_is_one_with_all_its_parts(self) -> None:
        """What follows a scheme, what is encoded in a value, and each cookie are secrets too."""
        assert list(secrets_of([("Authorization", "basic dTpwOnE=")])) == [
            *("basic dTpwOnE=", "dTpwOnE=", "u:p:q", "p:q"),
            "",  # the value of a cookie without a name
        ]
        assert list(secrets_of([("Cookie", "a=b=c; d = e f")])) == [
            *("a=b=c; d = e f", "d = e f", "b=c", "e f")
        ]
        assert list(secrets_of([("X-Token", "s   t u"), ("X", "y")])) == ["s   t u", "t u", ""]

    @pytest.mark.parametrize("wrong", ["dTpw!", "dTpwO", "\u00fc"])
    def test_what_is_not_encoded_is_no_longer_secret(self, wrong: str) -> None:
        """Invalid Base64 has no decoded parts; the value itself is still a secret."""
        found = list(secrets_of([("Authorization", f"Basic {wrong}")]))
        assert found == [f"Basic {wrong}", wrong, ""]

    @pytest.mark.parametrize(
        "form",
        [
            'a/b \u00fc"+12',
            "a/b%20%C3%BC%22%2B12",
            "a%2Fb%20%C3%BC%22%2B12",
            "a%2Fb+%C3%BC%22%2B12",
            'a/b \\u00fc\\"+12',
            'a/b \u00fc\\"+12',
            'a/b \u00c3\u00bc"+12',
        ],
    )  # fmt: skip
    def test_it_is_found_in_every_form(self, form: str) -> None:
        """The forms are: as it is, in URLs, forms and JSON, and in bytes taken for Latin-1."""
        secrets = Secrets(['a/b \u00fc"+12'])
        assert secrets.redact(f"<{form}>") == "<[key]>"
        assert secrets.redact(f"{form}{form}") == "[key][key]"

    @pytest.mark.parametrize(
        ("secret", "shown"), [("1234567", "1234567"), ("12345678", "[key]"), ("123456789", "[key]")]
    )
    def test_a_short_one_is_not_looked_for(self, secret: str, shown: str) -> None:
        """It would be found in ordinary words."""
        assert Secrets([secret]).redact(secret) == shown

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("12345678", "[key]"),
            ("a 12345678", "a [key]"),
            ("a 1234567", "a 1234567"),
            ("12345678 12345678", "12345678 [key]"),
            ("1234567890 12345678.", "[key] 12345678."),
            ("123456781234567", "123456781234567"),
            ("", ""),
        ],
    )
    def test_the_beginning_of_one_at_the_end_of_a_text_is_hidden(
        self, text: str, shown: str
    ) -> None:
        """The text may have been cut there."""
        assert Secrets(["1234567890"]).redact(text) == shown

    def test_as_much_of_it_is_hidden_as_there_is(self) -> None:
        """The longest beginning at the end of a text is hidden."""
        secrets = Secrets(["aaaaaaaaaaaab"])
        assert secrets.redact("caaaaaaaaaaaaa") == "ca[key]"

    def test_the_longest_is_hidden_first(self) -> None:
        """If a secret contains another one, hiding the shorter first would leave the rest."""
        assert Secrets(["abcdefgh", "abcdefgh-ijkl"]).redact("abcdefgh-ijkl.") == "[key]."
        assert Secrets(["bcdefghi", "abcdefghi"]).redact("abcdefghi.") == "[key]."

    def test_a_key_is_one(self) -> None:
        """The key is sent in one header, and is a secret in every text."""
        assert list(Key("a").secrets()) == ["a"]
        assert Key("a").headers() == {"Authorization": "Bearer a"}
        assert Key("a", "api-key").headers() == {"api-key": "a"}
        assert Key("", "api-key").headers() == {}

    def test_each_part_of_a_request_may_have_one(self) -> None:
        """Secrets of all requests are hidden everywhere, and those of one request in its texts."""
        of_all = sender(headers={"X-Token": "header-all"}, query={"sig": "query-all"})
        request = Request(
            method="GET", path="/x", headers={"X-Key": "header-one"}, query={"auth": ["query-one"]}
        )
        text = f"{KEY} header-all query-all header-one query-one"
        assert of_all.redactor(request)(text) == "[key] [key] [key] [key] [key]"
        other = Request(method="GET", path="/x")
        assert of_all.redactor(other)(text) == "[key] [key] [key] header-one query-one"
        assert of_all.redactor(other) == of_all.redact


class TestSettings:
    """Limits and policies refuse what they cannot mean."""

    @pytest.mark.parametrize("name", ["connect", "first_byte", "idle", "event_idle", "total"])
    @pytest.mark.parametrize("seconds", [0, -1, float("nan")])
    def test_a_limit_is_a_positive_number(self, name: str, seconds: float) -> None:
        """None means no limit."""
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words are compared
            Timeout(**{name: seconds})
        assert (
            str(caught.value)
            == f"{name} must be a positive number of seconds or None, not {seconds!r}"
        )
        Timeout(**{name: 0.001})
        Timeout(**{name: None})

    @pytest.mark.parametrize("attempts", [0, -1])
    def test_there_is_one_attempt_at_least(self, attempts: int) -> None:
        """With no attempts, nothing would be sent."""
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words are compared
            RetryPolicy(attempts=attempts)
        assert str(caught.value) == (
            f"attempts must be 1 (the first attempt) or more, not {attempts}"
        )
        RetryPolicy(attempts=1)

    @pytest.mark.parametrize("name", ["wait_initial", "wait_max", "max_retry_after"])
    @pytest.mark.parametrize("seconds", [-0.5, float("inf"), float("nan")])
    def test_a_wait_is_a_number_of_seconds(self, name: str, seconds: float) -> None:
        """It may be 0, but neither negative nor infinite."""
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words are compared
            RetryPolicy(**{name: seconds})  # type: ignore[arg-type] # that is the point
        assert str(caught.value) == f"{name} must be a number of seconds, at least 0, not {seconds}"
        RetryPolicy(**{name: 0})  # type: ignore[arg-type] # mypy takes it for any field
