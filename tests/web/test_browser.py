"""What only a browser does: it asks servers for permission (CORS), and hides what they withhold."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openai_scan.testing import FakeServer, chat_answer, chat_chunk, error, hold, transcript_answer
from openai_scan.testing.steps import Reply
from openai_scan.web.serving import PageServer
from web.browser import Browser

ENDED = ["completed", None, "None"]
KEY = "sk-secret-1234"


@pytest.fixture
def page(browser: Browser, site: PageServer) -> Browser:
    """Open the page that runs scenarios, unless it is open already."""
    if not browser.run("window.isReady"):
        browser.open(f"{site.url}engine.html")
        browser.until("window.isReady")
    return browser


def start(page: Browser, name: str, **arguments: Any) -> None:
    """Start a scenario."""
    page.run(f"start({json.dumps(name)}, {json.dumps(json.dumps(arguments))})")


def result(page: Browser) -> Any:
    """Wait for the scenario, and return its result."""
    page.until("window.outcome")
    outcome = page.run("window.outcome")
    assert "error" not in outcome, outcome["error"]
    return outcome["value"]


def run(page: Browser, name: str, **arguments: Any) -> Any:
    """Run a scenario."""
    start(page, name, **arguments)
    return result(page)


@pytest.mark.parametrize("scenario", ["text_in_page", "text_later"])
def test_each_token_comes_before_the_next_is_sent(page: Browser, scenario: str) -> None:
    """This holds for both clients."""
    held = hold()
    with FakeServer(pages="*") as server:
        server.add([chat_chunk("a"), held, chat_chunk("b"), b"data: [DONE]\n\n"])
        start(page, scenario, url=server.base_url)
        page.until("notes.length === 1")
        held.release()
        assert result(page) == ENDED
    assert page.run("notes") == ["a", "b"]


def test_a_browser_that_cannot_suspend_python(browser: Browser, site: PageServer) -> None:
    """`Client` explains that and sends nothing; `AsyncClient` streams as everywhere."""
    held = hold()
    with browser.prepared("delete WebAssembly.Suspending; delete WebAssembly.promising"):
        browser.open(f"{site.url}engine.html")
        browser.until("window.isReady")
    with FakeServer(pages="*") as server:
        outcome, kind, text = run(browser, "text_in_page", url=server.base_url)
        assert (outcome, kind, server.requests) == ("failed", "ConfigurationError", [])
        assert (
            "cannot suspend Python while it waits for the network (JSPI): use AsyncClient" in text
        )
        server.add([chat_chunk("a"), held, chat_chunk("b"), b"data: [DONE]\n\n"])
        start(browser, "text_later", url=server.base_url)
        browser.until("notes.length === 1")
        held.release()
        assert result(browser) == ENDED
    browser.open("about:blank")


def test_the_page_lives_on_in_the_pause_before_a_retry(page: Browser) -> None:
    """A timer of the page runs in the pause; if the pause blocks the page, it does not."""
    orders = []
    for freezes in (False, True):
        with FakeServer(pages="*") as server:
            server.add(error(429, retry_after=0.3), chat_answer("Hi there"))
            url = server.base_url
            order, outcome = run(page, "order_around_pause", url=url, freezes=freezes)
        assert outcome == "completed"
        orders.append(order)
    assert orders[0] == ["request", "renewed", "timer of the page", "request"]
    assert orders[1][:3] == ["request", "renewed", "request"]


def test_the_server_is_asked_for_two_headers_only(page: Browser) -> None:
    """The client sends only headers that most servers allow, as the fake server does."""
    with FakeServer(pages="*") as server:
        server.add(chat_answer("Hi"))
        assert run(page, "text_in_page", url=server.base_url) == ENDED
        (seen,) = server.requests
    assert "idempotency-key" not in seen.headers
    assert seen.headers["user-agent"].startswith("Mozilla/")


def test_one_header_more_is_refused(page: Browser) -> None:
    """If the server does not allow a header that you set, the browser blocks the request."""
    with FakeServer(pages="*") as server:
        kind, text = run(page, "with_header_in_page", url=server.base_url)
        assert server.requests == []
    assert (kind, "(CORS)" in text) == ("TransportError", True)


@pytest.mark.parametrize("pages", ["*", "https://other.test"])
def test_what_a_server_exposes_is_seen(page: Browser, pages: str) -> None:
    """If the server does not allow the page, the page sees no answer at all."""
    with FakeServer(pages=pages) as server:
        server.add(error(429, f"slow down, {KEY}", retry_after=7))
        found = run(page, "refused", url=server.base_url, allow_browser=True)
        server.strict = False
    if pages == "*":
        assert (found[0], found[3]) == ("RateLimitError", 7.0)
        assert "slow down, [key]" in found[1]
    else:
        assert (found[0], "(CORS)" in found[1]) == ("TransportError", True)


def test_a_browser_hides_where_a_redirect_leads(page: Browser) -> None:
    """The client does not follow it, and the error says that the target is hidden."""
    with FakeServer(pages="*") as server:
        headers = {"Location": f"{server.base_url}/chat/completions"}
        server.add(Reply(status=307, headers=headers, body=b""))
        kind, text, *_ = run(page, "refused", url=server.base_url, allow_browser=True)
    assert (kind, "does not say where" in text) == ("RedirectError", True)


def test_a_key_in_a_page_has_to_be_allowed(page: Browser) -> None:
    """A key in a page needs `allow_browser=True`."""
    text = run(page, "constructed", location=None, api_key=KEY)
    assert "pass allow_browser=True" in text
    assert run(page, "constructed", location=None, api_key=KEY, allow_browser=True) is None


def test_a_form_is_sent(page: Browser) -> None:
    """The browser chooses the boundary."""
    with FakeServer(pages="*") as server:
        server.add(transcript_answer("Hi"))
        found = run(page, "uploaded", url=server.base_url, size=1024, allow_browser=True)
        (seen,) = server.requests
    assert (found, seen.form["file"]) == ("Hi", bytes(range(256)) * 4)
