"""The page, driven as a person would: type, send, stop, a wrong key, no server, a reload."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pages import ROOT, blocks_of

from openai_scan.testing import FakeServer, chat_chunk, cut, error, hold, json_answer
from openai_scan.web.serving import PageServer
from web.browser import Browser

PAGE = ROOT / "docs/how-to/in-the-browser.md"
STATUS = "document.getElementById('status').textContent"
LAST = "[...document.querySelectorAll('article p')].at(-1)"
ANSWER = "document.getElementById('answer').textContent"
IS_IDLE = "!document.getElementById('send').hidden && !document.getElementById('send').disabled"
MODELS = json_answer({"data": [{"id": name, "object": "model"} for name in ("b", "a")]})


@pytest.fixture
def api() -> Iterator[FakeServer]:
    """Start a server that accepts requests from pages."""
    with FakeServer(pages="*") as server:
        yield server


@pytest.fixture
def page(browser: Browser, site: PageServer, api: FakeServer) -> Browser:
    """Open the page, and enter the server and a key."""
    if browser.run("location.href") != site.url:
        browser.open(site.url)
        browser.until(f"{STATUS} === 'Ready.'")
    browser.click("#new")
    enter(browser, api.base_url, "sk-mine")
    return browser


def enter(page: Browser, url: str, key: str) -> None:
    """Fill in the form."""
    page.run("document.getElementById('settings').open = true")
    for name, value in (("url", url), ("key", key), ("model", "m")):
        page.type(f"[name={name}]", value)


def said(page: Browser, place: int = -1) -> Any:
    """Return the text of a message, the last one by default."""
    return page.run(f"[...document.querySelectorAll('article p')].at({place}).textContent")


def about(page: Browser) -> Any:
    """Return the note below the last answer."""
    return page.run("[...document.querySelectorAll('article small')].at(-1).textContent")


def answer(*steps: Any) -> list[Any]:
    """Return the steps of an answer, in which each string is a text chunk."""
    return [chat_chunk(step) if isinstance(step, str) else step for step in steps]


END = [chat_chunk(finish_reason="stop"), b"data: [DONE]\n\n"]


def test_it_streams(page: Browser, api: FakeServer) -> None:
    """The server sends the second token only when the page shows the first one."""
    held = hold()
    api.add(answer("Hello", held, " there", *END))
    page.type("#question", "Hi")
    page.press("Enter")
    page.until(f"{LAST}?.textContent === 'Hello'")
    assert page.run(STATUS) == "Answering…"
    held.release()
    page.until(IS_IDLE)
    assert (said(page, 0), said(page)) == ("Hi", "Hello there")
    assert about(page).startswith("about 3 tokens, first after ")
    assert page.run("document.activeElement.id") == "question"


def test_a_conversation_continues_until_a_new_one(page: Browser, api: FakeServer) -> None:
    """Each question is sent with those before it and their answers."""
    for count in range(3):
        api.add(answer("Hello", *END))
        page.type("#question", "Hi")
        page.press("Enter")
        page.until(f"document.querySelectorAll('article small').length === {count % 2 + 1}")
        page.until(IS_IDLE)
        if count == 1:
            page.click("#new")
    asked = [[one["content"] for one in request.json["messages"]] for request in api.requests]
    assert asked == [["Hi"], ["Hi", "Hello", "Hi"], ["Hi"]]
    assert page.run("document.querySelectorAll('article').length") == 2


@pytest.mark.parametrize("how", ["the button", "the Escape key"])
def test_stop(page: Browser, api: FakeServer, how: str) -> None:
    """The server sees the disconnect, and the text so far stays."""
    api.add(answer("Hello", hold()))
    page.type("#question", "Hi")
    page.press("Enter")
    page.until(f"{LAST}?.textContent === 'Hello'")
    if how == "the button":
        page.click("#stop")
    else:
        page.press("Escape")
    page.until(IS_IDLE)
    assert api.hung_up.wait(10)
    assert said(page) == "Hello"
    assert about(page).startswith("Stopped: about 2 tokens")


def test_stop_in_the_pause_before_a_retry(page: Browser, api: FakeServer) -> None:
    """The page shows the reason for the pause, and sends nothing more."""
    api.add(error(429, "slow down", retry_after=59))
    page.type("#question", "Hi")
    page.press("Enter")
    page.until(f"{STATUS}.startsWith('slow down')")
    assert page.run(STATUS).endswith(": retrying")
    page.click("#stop")
    page.until(IS_IDLE)
    assert said(page) == ""
    assert about(page).startswith("Stopped: about 0 tokens")
    assert len(api.requests) == 1


def test_an_answer_that_breaks_off(page: Browser, api: FakeServer) -> None:
    """The text remains, the page says that it is incomplete, and the next question works."""
    held = hold()
    api.add(answer("Hello", held, cut()), answer("Bye", *END))
    page.type("#question", "Hi")
    page.press("Enter")
    page.until(f"{LAST}?.textContent === 'Hello'")
    held.release()
    page.until(IS_IDLE)
    assert said(page) == "Hello"
    assert about(page).startswith("the connection broke during the answer: ")
    assert page.run(STATUS) == "The answer is incomplete."
    page.type("#question", "And now?")
    page.press("Enter")
    page.until(f"{LAST}?.textContent === 'Bye'")
    page.until(IS_IDLE)
    assert [one["content"] for one in api.requests[1].json["messages"]] == ["And now?"]


def test_what_fails_in_the_page_itself_is_said(page: Browser, api: FakeServer) -> None:
    """The page reports a fault of its own, and the next question works."""
    api.add(answer("Hello", *END), answer("Bye", *END))
    page.run("Text.prototype.appendData = () => { throw new Error('no paper'); }")
    try:
        page.type("#question", "Hi")
        page.press("Enter")
        page.until(f"{STATUS}.startsWith('The page has failed: ')")
        assert page.run(STATUS).endswith("no paper")
        assert page.run("document.querySelector('[aria-busy]')") is None
    finally:
        page.run("Text.prototype.appendData = CharacterData.prototype.appendData")
    page.type("#question", "Hi")
    page.press("Enter")
    page.until(f"{LAST}?.textContent === 'Bye'")
    page.until(IS_IDLE)


def test_the_models_are_listed(page: Browser, api: FakeServer) -> None:
    """The first one is chosen if none is."""
    api.add(MODELS)
    page.type("[name=model]", " ")
    page.press("Tab")
    page.run("document.forms.server.model.value = ''")
    page.click("#list")
    page.until(f"{STATUS} === '2 models'")
    assert page.run("document.forms.server.model.value") == "a"
    assert page.run("[...document.querySelectorAll('#names option')].map((one) => one.value)") == [
        "a",
        "b",
    ]


def test_a_wrong_key_is_explained(page: Browser, api: FakeServer) -> None:
    """The page shows the server's message without the key."""
    api.add(error(401, "no such key: sk-mine", code="invalid_api_key"))
    api.add(error(401, "no such key: sk-mine-0", code="invalid_api_key"))
    page.click("#list")
    page.until(f"{STATUS}.startsWith('no such key')")
    enter(page, api.base_url, "sk-mine-0")
    page.type("#question", "Hi")
    page.press("Enter")
    page.until(IS_IDLE)
    assert about(page).startswith("no such key: [key] (HTTP status 401")
    assert page.run("document.querySelector('article small').className") == "wrong"
    assert page.run(STATUS) == "There is no answer."
    assert page.run("document.getElementById('question').value") == "Hi"  # to be sent again


@pytest.mark.parametrize("why", ["gone", "not for pages"])
def test_a_server_that_cannot_be_reached_is_explained(page: Browser, why: str) -> None:
    """A page cannot tell whether the server is down or does not allow it (CORS)."""
    with FakeServer(pages=None) as server:
        url = server.base_url
        if why == "not for pages":
            check_unreachable(page, url)
            assert server.requests == []
    if why == "gone":
        check_unreachable(page, url)


def check_unreachable(page: Browser, url: str) -> None:
    """Check that the page says why there is no answer."""
    enter(page, url, "sk-mine")
    page.type("#question", "Hi")
    page.press("Enter")
    page.until(IS_IDLE)
    assert about(page).startswith(f"no answer from {url}: ")
    assert "(CORS)" in about(page)


def test_an_answer_is_never_markup(page: Browser, api: FakeServer) -> None:
    """HTML in an answer, a model's name or an error is shown as text."""
    evil = "<img src=x onerror='window.isBroken = true'>"
    models = {"data": [{"id": evil, "object": "model"}]}
    api.add(json_answer(models), answer(evil, *END), error(400, evil))
    page.click("#list")
    page.until(f"{STATUS} === '1 models'")
    for count in (1, 2):
        page.type("#question", evil)
        page.press("Enter")
        page.until(f"document.querySelectorAll('article small').length === {count}")
        page.until(IS_IDLE)
    assert said(page, 1) == evil
    assert about(page).startswith(evil)
    assert page.run("document.querySelectorAll('main img').length") == 0
    assert page.run("window.isBroken") is None


def test_the_policy_keeps_scripts_out(page: Browser) -> None:
    """Inline scripts, strings and modules from elsewhere do not run."""
    page.run(
        "const one = document.createElement('script'); one.textContent = 'window.isBroken = 1';"
        " document.body.append(one)"
    )
    page.run("setTimeout('window.isBroken = 2')")
    page.run("import('data:text/javascript,window.isBroken = 3').catch(() => null)")
    page.run("new Promise((resolve) => setTimeout(resolve))")  # after the other timer
    assert page.run("window.isBroken") is None


def test_a_browser_that_cannot_suspend_python_is_reported(
    browser: Browser, site: PageServer
) -> None:
    """The page says so at once, not only when you ask the first question."""
    with browser.prepared("delete WebAssembly.Suspending; delete WebAssembly.promising"):
        browser.open(site.url)
        browser.until(f"{STATUS}.includes('(JSPI)')")
    assert "Use Chrome or Edge 137, Firefox 153, Safari 27, or later." in browser.run(STATUS)
    assert browser.run("document.getElementById('send').disabled")
    browser.open("about:blank")


def test_a_reload_forgets_the_key(page: Browser) -> None:
    """The key is only in memory."""
    page.reload()
    page.until(f"{STATUS} === 'Ready.'")
    assert page.run("document.forms.server.key.value") == ""
    stored = "localStorage.length + sessionStorage.length + document.cookie.length"
    assert page.run(stored) == 0


def test_nothing_can_be_sent_before_python_is_loaded(page: Browser) -> None:
    """This includes a reload, after which Firefox restores the state of a page."""
    send = "document.getElementById('send').disabled"
    look = f"addEventListener('load', () => {{ window.seen = {send}; }})"
    with page.prepared(look):
        page.reload()
        page.until(f"{STATUS} === 'Ready.'")
    assert page.run("window.seen") is True
    assert page.run(send) is False


def test_it_fits_on_a_phone(page: Browser, api: FakeServer) -> None:
    """Nothing is wider than the screen, and all buttons are at least 44 pixels high."""
    api.add(answer("word " * 99 + "w" * 300, *END))
    page.look(width=360, height=640, dark=True, phone=True)
    try:
        page.type("#question", "Hi")
        page.press("Enter")
        page.until("document.querySelector('article small')")
        assert page.run("document.documentElement.scrollWidth <= innerWidth")
        heights = (
            "[...document.querySelectorAll('button:not([hidden])')].map((one) => one.offsetHeight)"
        )
        assert all(height == 0 or height >= 44 for height in page.run(heights))
    finally:
        page.look(width=900, height=900, dark=False)


def test_every_field_has_a_name(page: Browser) -> None:
    """A screen reader needs the names."""
    nameless = (
        "[...document.querySelectorAll('input, textarea, button')].filter((one) =>"
        " !one.labels?.length && !one.textContent.trim()).length"
    )
    assert page.run(nameless) == 0


def test_the_page_in_the_documentation_works(
    browser: Browser, site_folder: Path, bundle: Path, api: FakeServer
) -> None:
    """Only the server's address is changed."""
    blocks = blocks_of(PAGE)
    page, policy = (block.code for block in blocks if block.language == "html")
    (script,) = (block.code for block in blocks if block.language == "js")
    folder = site_folder / "own"
    folder.mkdir(exist_ok=True)
    origin = api.base_url.removesuffix("/v1")
    files = {"index.html": page + policy, "page.mjs": script}
    for name, text in files.items():
        (folder / name).write_text(text.replace("https://api.openai.com", origin), "utf-8")
    shutil.copy(bundle, folder / "bundle.zip")
    (folder / "pyodide").symlink_to(site_folder / "pyodide")
    with PageServer(str(folder), 0) as server:
        browser.open(server.url)
        browser.until("document.forms[0].onsubmit")
        held = hold()
        api.add(answer("Hello", held, " there", *END), error(400, "no"), answer("Bye", hold()))
        browser.type("[name=key]", "sk-mine")
        for shown, then in (("Hello", " there"), (" [no", ""), ("Bye", "")):
            browser.type("[name=question]", "Hi")
            browser.press("Enter")
            browser.until(f"{ANSWER}.includes({shown!r})")
            held.release()
            browser.until(f"{ANSWER}.includes({shown + then!r})")
        browser.click("[name=stop]")
        assert api.hung_up.wait(10)
        browser.until(f"{ANSWER}.endsWith(' [the stream was cancelled]')")
        browser.open("about:blank")
    assert api.requests[0].key == "sk-mine"
