"""The page, driven as a person would: ask, stop, reload, and a server that comes and goes."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import openai_scan.errors
from openai_scan.relay import Limits, Relay
from openai_scan.testing import (
    FakeServer,
    ToolCall,
    chat_answer,
    chat_calls,
    chat_chunk,
    chat_usage,
    cut,
    done,
    error,
    hold,
)
from openai_scan.testing.hold import Hold
from relay.memory_store import MemoryStore
from relay.page.reader import Reader
from relay.page.serving import KINDS, Fault, Serving
from relay.page.tabs import Tabs

END = [chat_chunk(finish_reason="stop"), done()]
EVIL = "<img src=x onerror='window.isBroken = true'><b>bold</b>"

both = pytest.mark.parametrize("kind", KINDS)


def answer(*steps: Any) -> list[Any]:
    """Return the steps of an answer, in which each string is a text chunk."""
    return [chat_chunk(step) if isinstance(step, str) else step for step in steps]


def begun(page: Reader, api: FakeServer, *rest: Any) -> Hold:
    """Ask something, and return the hold that keeps the answer at its first word.

    Args:
        page: The page.
        api: The server that answers.
        rest: What follows, as for `answer()`.
    """
    held = hold()
    api.add(answer("Hello", held, *rest))
    page.ask("Hi")
    page.until_said("Hi", "Hello")
    return held


def refusals(page: Reader, *words: str) -> None:
    """Remove the console's complaints about refused requests, those that have all of *words*."""
    taken = [each for each in page.tabs.complaints if all(word in each for word in words)]
    assert taken
    for complaint in taken:
        page.tabs.complaints.remove(complaint)


class TestConversation:
    """Questions and answers."""

    @both
    def test_an_answer_shows_while_it_comes(self, page: Reader, api: FakeServer) -> None:
        """The server sends the second token only when the page shows the first one."""
        held = begun(page, api, " there", chat_chunk(finish_reason="stop"), chat_usage(3, 2))
        page.until_status("Answering…")
        assert page.tabs.run("document.querySelector('article.model').ariaBusy") == "true"
        held.release()
        page.until_about("2 tokens, first after ")
        page.until_idle()
        assert page.said == ["Hi", "Hello there"]
        assert page.tabs.run("document.querySelector('article.model').ariaBusy") is None
        assert page.tabs.run("document.activeElement.id") == "question"
        assert page.status == ""
        assert api.requests[0].json["model"] == "large"

    @both
    def test_nothing_that_is_said_becomes_markup(self, page: Reader, api: FakeServer) -> None:
        """Questions, answers, reasoning and names of calls are shown as text."""
        api.add(
            [chat_chunk(reasoning_content=EVIL), chat_chunk(EVIL), *END],
            chat_calls(ToolCall(EVIL, {"a": EVIL})),
        )
        page.ask(EVIL)
        page.until_said(EVIL, EVIL)
        page.until_idle()
        page.ask(EVIL)
        page.until_about(
            "The model wants to call functions, which this page does not do: <img src=x"
        )
        page.tabs.reload()
        page.until_said(EVIL, EVIL, EVIL, "")
        assert page.tabs.run("document.querySelectorAll('main img, main b').length") == 0
        assert page.tabs.run("window.isBroken") is None

    def test_a_conversation_continues_until_a_new_one(self, page: Reader, api: FakeServer) -> None:
        """Each question is sent with those before it. Each conversation has its own address."""
        for count, question in enumerate(("One", "Two", "Three")):
            api.add(chat_answer(f"Answer {count}"))
            page.ask(question)
            page.until_about("5 tokens")
            page.until_idle()
            if question == "Two":
                first = page.address
                page.tabs.click("#new")
                assert page.said == []
                assert page.address == page.url
        asked = [[one["content"] for one in request.json["messages"]] for request in api.requests]
        assert asked == [["One"], ["One", "Answer 0", "Two"], ["Three"]]
        assert page.tabs.run("document.title") == "Three - Chat"
        page.tabs.go_back()
        page.until_said()
        page.tabs.go_back()
        page.until_said("One", "Answer 0", "Two", "Answer 1")
        assert page.address == first
        assert page.tabs.run("document.title") == "One - Chat"

    def test_what_the_model_thought_is_folded(self, page: Reader, api: FakeServer) -> None:
        """You can unfold the reasoning, while the answer arrives and after a reload."""
        held = hold()
        thoughts = [chat_chunk(reasoning_content=word) for word in ("First,", " second.")]
        api.add([*thoughts, chat_chunk("Hello"), held, *END])
        page.ask("Hi")
        page.until_said("Hi", "Hello")
        reasoning = "document.querySelector('article details')"
        for _ in range(2):
            assert not page.tabs.run(f"{reasoning}.open")
            assert page.tabs.run(f"{reasoning}.textContent") == "ReasoningFirst, second."
            page.tabs.click("article summary")
            assert page.tabs.run(f"{reasoning}.open")
            held.release()
            page.until_idle()
            page.tabs.reload()
            page.until_said("Hi", "Hello")

    def test_a_model_can_be_chosen(self, page: Reader, api: FakeServer) -> None:
        """The page remembers the choice."""
        page.tabs.until("!document.getElementById('models').hidden")
        names = "[...document.getElementById('model').options].map((one) => one.value)"
        assert page.tabs.run(names) == ["large", "small"]
        page.tabs.run(
            "const one = document.getElementById('model'); one.value = 'small';"
            " one.dispatchEvent(new Event('change'))"
        )
        page.tabs.reload()
        page.tabs.until("document.getElementById('model').value === 'small'")
        api.add(chat_answer("Hello"))
        page.ask("Hi")
        page.until_said("Hi", "Hello")
        assert api.requests[0].json["model"] == "small"

    def test_a_message_can_be_copied(self, page: Reader, api: FakeServer) -> None:
        """This works even while it arrives."""
        page.tabs.grant_clipboard()
        held = hold()
        api.add(answer("Hello <b>", held, "there</b>", *END))
        page.ask("Hi")
        page.until_said("Hi", "Hello <b>")
        page.tabs.click("article.model footer button")
        page.until_status("The message is copied.")
        assert page.tabs.run("navigator.clipboard.readText()") == "Hello <b>"
        held.release()
        page.until_idle()
        page.tabs.click("article.user footer button")
        page.tabs.until("document.querySelector('article.user button').textContent === 'Copied'")
        assert page.tabs.run("navigator.clipboard.readText()") == "Hi"


class TestStop:
    """Stopping an answer."""

    @both
    @pytest.mark.parametrize("how", ["the button", "the Escape key"])
    def test_what_has_come_stays(self, page: Reader, api: FakeServer, how: str) -> None:
        """The model server sees the disconnect, and a reload shows the same text."""
        api.add(answer("Hello", hold()))
        page.ask("Hi")
        page.until_said("Hi", "Hello")
        if how == "the button":
            page.tabs.click("#stop")
        else:
            page.tabs.press("Escape")
        page.until_idle()
        assert api.hung_up.wait(10)
        assert page.about.startswith("Stopped. First text after ")
        assert page.status == "Stopped."
        assert page.tabs.run("document.activeElement.id") == "question"
        page.tabs.reload()
        page.until_said("Hi", "Hello")
        page.until_about("Stopped.")

    def test_it_can_be_pressed_before_the_question_has_arrived(
        self, page: Reader, api: FakeServer, serving: Serving
    ) -> None:
        """The answer is then stopped as soon as it has started."""
        api.strict = False  # it may be stopped before the model is asked
        api.add(answer("Hello", hold()))
        page.type("Hi")
        page.tabs.run(
            "document.getElementById('ask').requestSubmit();"
            " document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))"
        )
        page.until_about("Stopped.")
        page.until_idle()
        assert [asked for asked in serving.asked if asked.startswith("POST /streams/")] != []


class TestReloads:
    """A page that is left and opened again."""

    @both
    def test_in_the_middle_and_after_the_end(self, page: Reader, api: FakeServer) -> None:
        """The answer continues, as if nothing had happened."""
        held = begun(page, api, " there", *END)
        page.tabs.reload()
        page.until_said("Hi", "Hello")
        page.until_status("Answering…")
        held.release()
        page.until_said("Hi", "Hello there")
        page.until_idle()
        page.tabs.reload()
        page.until_said("Hi", "Hello there")
        assert page.about == "5 tokens"
        assert len(api.requests) == 1

    @both
    def test_two_tabs_show_the_same(self, page: Reader, api: FakeServer) -> None:
        """A tab also shows what is asked in the other one, and that it is stopped there."""
        held = begun(page, api, " there", *END)
        api.add(answer("Bye", hold()))
        first = page.tabs.tab
        second = page.open_tab(page.address)
        page.until_said("Hi", "Hello")
        held.release()
        page.until_idle()
        page.ask("And now?")
        for tab in (first, second):
            page.tabs.use(tab)
            page.until_said("Hi", "Hello there", "And now?", "Bye")
        page.tabs.press("Escape")
        for tab in (first, second):
            page.tabs.use(tab)
            page.until_about("Stopped.")
            page.until_idle()

    def test_no_more_than_four_answers_are_followed(self, page: Reader, api: FakeServer) -> None:
        """Browsers limit connections: a fifth tab waits, but Stop works there."""
        api.add(answer("Hello", hold()))
        page.ask("Hi")
        page.until_said("Hi", "Hello")
        for _ in range(3):
            page.open_tab(page.address)
            page.until_said("Hi", "Hello")
        page.open_tab(page.address)
        page.until_status("This browser shows four answers at a time.")
        assert page.said == ["Hi", ""]
        page.tabs.press("Escape")
        page.until_said("Hi", "Hello")
        page.until_about("Stopped.")

    @pytest.mark.parametrize(("has_locks", "connected"), [(True, 3), (False, 4)])
    def test_a_tab_follows_no_more_than_four(
        self, page: Reader, api: FakeServer, has_locks: bool, connected: int
    ) -> None:
        """If the browser has locks, the answer that the page itself shows is one of the four."""
        api.add(answer("Hello", hold()))
        page.ask("Hi")
        page.until_said("Hi", "Hello")
        if not has_locks:
            page.tabs.run("Object.defineProperty(navigator, 'locks', {value: undefined})")
        page.tabs.run(
            "window.seen = {connected: 0, waiting: 0, ended: 0};"
            " const show = {reset() {}, delta() {}, connected: () => seen.connected++,"
            " waiting: () => seen.waiting++};"
            " Promise.all([import('./server.mjs'), fetch(`conversations/${location.hash.slice(1)}`)"
            ".then((response) => response.json())]).then(([{follow}, {messages}]) => {"
            " for (let n = 0; n < 5; n++)"
            " follow(messages[1].id, show, new AbortController().signal).then(() => seen.ended++);"
            " })"
        )
        page.tabs.until(f"seen.connected === {connected} && seen.waiting === {5 - connected}")
        page.tabs.press("Escape")
        page.tabs.until("seen.ended === 5")

    def test_a_task_that_stopped_waiting_is_not_woken(self, page: Reader) -> None:
        """Its timer is cleared, since the page shows another conversation by then."""
        told = page.tabs.run(
            "(async () => {"
            " for (let n = 0; n < 4; n++) navigator.locks.request(`relay-${n}`,"
            " () => new Promise((resolve) => { window.free = resolve; }));"
            " const {follow} = await import('./server.mjs');"
            " const real = [setTimeout, clearTimeout], due = new Map();"
            " window.setTimeout = (act, time) => { due.set(due.size, act); return due.size - 1; };"
            " window.clearTimeout = (timer) => due.delete(timer);"
            " const ended = new AbortController();"
            " const following = follow('a'.repeat(16), {waiting() {}}, ended.signal);"
            " const before = due.size;"
            " ended.abort();"
            " await following.catch(() => {});"
            " [window.setTimeout, window.clearTimeout] = real;"
            " return [before, due.size]; })()"
        )
        assert told == [1, 0]

    def test_what_was_not_sent_is_sent_after_a_reload(
        self, page: Reader, api: FakeServer, serving: Serving
    ) -> None:
        """The page sends it with the same id, so that it is answered once."""
        api.add(chat_answer("Hello there"))
        serving.faults.extend([Fault("/streams", 503)] * 2)
        page.ask("Hi")
        page.until_status("The server cannot answer at the moment. Sending again…")
        page.tabs.reload()
        page.until_said("Hi", "Hello there")
        page.until_idle()
        page.tabs.reload()
        page.until_said("Hi", "Hello there")
        refusals(page, "503", "/streams")

    def test_a_conversation_that_is_not_there(self, page: Reader) -> None:
        """Another user's conversation looks the same. A malformed id starts a new conversation."""
        page.open(f"{page.url}#AAAAAAAAAAAAAAAAAAAAAAAA")
        page.until_status("This conversation does not exist, or it is not yours.")
        page.open(f"{page.url}#../streams")
        page.tabs.until("!document.getElementById('hint').hidden")
        assert page.status == ""


class TestLostConnections:
    """A server that is gone for a while, or refuses."""

    @both
    def test_the_server_is_gone_and_back(
        self, page: Reader, api: FakeServer, serving: Serving
    ) -> None:
        """The page reconnects by itself and continues, and the text is exact."""
        held, more = hold(), hold()
        api.add(answer("Hello", held, " there", more, ".", *END))
        page.ask("Hi")
        page.until_said("Hi", "Hello")
        serving.stop()
        page.until_status("The server cannot be reached. Reconnecting…")
        held.release()
        serving.start()
        page.until_said("Hi", "Hello there")
        page.until_status("Answering…")
        more.release()
        page.until_idle()
        assert page.said == ["Hi", "Hello there."]
        assert len(api.requests) == 1
        refusals(page, "net::ERR_")

    @pytest.mark.parametrize(
        ("status", "sentence"),
        [
            (401, "You are not signed in. Sign in, then reload this page."),
            (404, "This conversation does not exist, or it is not yours."),
            (429, "You have asked too often, or several of your answers are still running."),
            (500, "The server failed (HTTP status 500)."),
            (503, "The server cannot answer at the moment."),
        ],
    )
    def test_a_status_does_not_end_it(
        self, page: Reader, api: FakeServer, serving: Serving, status: int, sentence: str
    ) -> None:
        """The page reconnects and says why. An `EventSource` alone would silently give up."""
        held = hold()
        api.add(answer("Hello", held, " there", *END))
        serving.faults.append(Fault("/streams/", status))
        serving.faults.append(Fault("/conversations/", status))
        page.ask("Hi")
        page.until_status(sentence)
        assert page.status.endswith(" Reconnecting…")
        page.until_said("Hi", "Hello")
        held.release()
        page.until_said("Hi", "Hello there")
        page.until_idle()
        refusals(page, str(status), "/streams/")
        refusals(page, str(status), "/conversations/")

    def test_the_cursor_goes_with_it(
        self, page: Reader, api: FakeServer, serving: Serving, relay: Relay
    ) -> None:
        """The page reconnects with its cursor, so the text that it has is not sent again."""
        held = begun(page, api, " there", *END)
        page.tabs.run(
            "window.cursors = []; const Before = EventSource;"
            " window.EventSource = class extends Before { constructor(url) { super(url);"
            " cursors.push(url.split('?')[1]); } }"
        )
        page.tabs.run("dispatchEvent(new Event('online'))")
        page.tabs.until("window.cursors.length === 1")
        held.release()
        page.until_said("Hi", "Hello there")
        assert page.tabs.run("window.cursors[0]").startswith("after=1-")

    def test_an_answer_that_ended_meanwhile_is_shown_as_it_is_stored(
        self, page: Reader, api: FakeServer, serving: Serving
    ) -> None:
        """This works even if its stream no longer exists."""
        held = begun(page, api, " there", *END)
        serving.stop()
        held.release()
        serving.faults.extend([Fault("/streams/", 404)] * 3)
        serving.start()
        page.until_said("Hi", "Hello there")
        page.until_idle()
        assert page.about.startswith("5 tokens")
        refusals(page, "net::ERR_")

    def test_a_question_is_sent_again(
        self, page: Reader, api: FakeServer, serving: Serving
    ) -> None:
        """The page retries until the server has accepted the question."""
        api.add(chat_answer("Hello there"))
        serving.stop()
        page.ask("Hi")
        page.until_status("The server cannot be reached. Sending again…")
        serving.start()
        page.until_said("Hi", "Hello there")
        page.until_idle()
        refusals(page, "net::ERR_CONNECTION_REFUSED")

    def test_sending_again_can_be_stopped(
        self, page: Reader, serving: Serving, api: FakeServer
    ) -> None:
        """The text is then back in the field."""
        serving.stop()
        page.ask("Hi")
        page.until_status("The server cannot be reached. Sending again…")
        page.tabs.press("Escape")
        page.until_idle()
        assert (page.said, page.typed) == ([], "Hi")
        serving.start()
        api.add(chat_answer("Hello there"))
        page.tabs.press("Enter")
        page.until_said("Hi", "Hello there")
        refusals(page, "net::ERR_CONNECTION_REFUSED")

    def test_stop_is_sent_again(self, page: Reader, serving: Serving, api: FakeServer) -> None:
        """The page retries until the server accepts it."""
        api.add(answer("Hello", hold()))
        page.ask("Hi")
        page.until_said("Hi", "Hello")
        serving.faults.append(Fault("/streams/", 503))
        page.tabs.press("Escape")
        page.until_about("Stopped.")
        refusals(page, "503", "/stop")


class TestRefusals:
    """A question that the server refuses."""

    @pytest.mark.parametrize(
        ("fault", "sentence"),
        [
            (Fault("/streams", 400), "The server does not accept this message."),
            (Fault("/streams", 401), "You are not signed in. Sign in, then reload this page."),
            (Fault("/streams", 403), "The server does not accept requests from this page."),
            (
                Fault("/streams", 429, {"Retry-After": "7"}),
                (
                    "You have asked too often, or several of your answers are still running. Try"
                    " again in 7 seconds."
                ),
            ),
            (Fault("/streams", 500), "The server failed (HTTP status 500)."),
            (
                Fault("/streams", 302, {"Location": "/"}),
                "You are not signed in. Sign in, then reload this page.",
            ),
        ],
        ids=lambda given: str(given.status) if isinstance(given, Fault) else "",
    )
    def test_it_is_explained_and_what_was_typed_is_kept(
        self, page: Reader, serving: Serving, fault: Fault, sentence: str
    ) -> None:
        """The text is back in the field, so that you can send it again."""
        serving.faults.append(fault)
        page.ask("Hi")
        page.until_status(sentence)
        page.until_idle()
        assert (page.said, page.typed) == ([], "Hi")
        assert page.tabs.run("document.getElementById('status').className") == "wrong"
        if fault.status != 302:
            refusals(page, str(fault.status), "/streams")

    def test_what_was_typed_meanwhile_is_kept_too(
        self, page: Reader, serving: Serving, api: FakeServer
    ) -> None:
        """It follows the refused text in the field. The reason stays on the page."""
        api.add(chat_answer("Hello there"))
        page.ask("Hi")
        page.until_said("Hi", "Hello there")
        page.until_idle()
        serving.faults.extend([Fault("/streams", 503), Fault("/streams", 403)])
        page.ask("One")
        page.until_status("The server cannot answer at the moment. Sending again…")
        page.type("Two")
        page.until_status("The server does not accept requests from this page.")
        page.until_idle()
        page.tabs.until(
            "performance.getEntriesByType('resource').some((one) =>"
            " one.name.includes('/conversations/'))"
        )
        assert (page.said, page.typed) == (["Hi", "Hello there"], "One\n\nTwo")
        assert page.status.startswith("The server does not accept requests from this page.")
        refusals(page, "503", "/streams")
        refusals(page, "403", "/streams")

    def test_the_limits_of_the_relay(self, page: Reader, relay: Relay, api: FakeServer) -> None:
        """The relay refuses a prompt that is too long, and too many answers at a time."""
        relay.limits = Limits(prompt=9, running=1)
        page.ask("0123456789")
        page.until_status("The message is too long for this server.")
        refusals(page, "413", "/streams")
        held = begun(page, api, *END)
        page.tabs.click("#new")
        page.ask("Again")
        page.until_status("You have asked too often, or several of your answers are still running.")
        assert (page.said, page.typed) == ([], "Again")
        refusals(page, "429", "/streams")
        held.release()

    def test_without_a_user_nothing_is_shown(
        self, page: Reader, serving: Serving, api: FakeServer
    ) -> None:
        """The page opens, and says only that the user has to sign in."""
        api.add(chat_answer("Hello there"))
        page.ask("Hi")
        page.until_said("Hi", "Hello there")
        page.until_idle()
        serving.user = None
        page.tabs.reload()
        page.until_status("You are not signed in. Sign in, then reload this page.")
        assert page.said == []
        serving.user = "bob"
        page.tabs.reload()
        page.until_status("This conversation does not exist, or it is not yours.")
        assert page.said == []
        refusals(page, "401")


class TestEnds:
    """The page says in plain words how an answer ended."""

    @pytest.mark.parametrize(
        ("script", "sentence"),
        [
            (
                chat_answer("Hello", finish_reason="length"),
                "The answer was cut off at the length limit.",
            ),
            (
                chat_answer("Hello", finish_reason="content_filter"),
                "A content filter cut the answer off.",
            ),
            (
                [chat_chunk("Hello"), cut()],
                "The connection to the model server broke",
            ),
            (
                [chat_chunk(refusal="Hello"), *END],
                "The model refuses to answer.",
            ),
        ],
        ids=["length", "filter", "cut", "refusal"],
    )
    def test_what_has_come_is_shown(
        self, page: Reader, api: FakeServer, script: list[Any], sentence: str
    ) -> None:
        """The text is shown with the reason, at once and after a reload."""
        api.add(script)
        page.ask("Hi")
        page.until_about(sentence)
        assert page.said == ["Hi", "Hello"]
        page.until_idle()
        page.tabs.reload()
        page.until_said("Hi", "Hello")
        page.until_about(sentence)
        assert page.tabs.run("document.querySelector('article.model small').className") == "wrong"

    def test_the_words_of_another_server_are_not_shown(self, page: Reader, api: FakeServer) -> None:
        """The page shows the kind of error, but not the model server's message."""
        api.add(error(401, "the key sk-secret is not valid"))
        page.ask("Hi")
        page.until_about("The model server rejected the API key of this server.")
        assert "secret" not in str(page.tabs.run("document.documentElement.outerHTML"))
        assert page.status == "The answer is not complete."

    def test_every_error_has_a_sentence(self, page: Reader, relay: Relay) -> None:
        """This covers the library and the relay. A few errors show only the name of their class."""
        errors = [
            name
            for name, kind in inspect.getmembers(openai_scan.errors, inspect.isclass)
            if issubclass(kind, openai_scan.ScanError)
        ]
        relays = ["GaveUp", "LogLost", "Shutdown", "TooLong", "WorkerLost"]
        told = page.tabs.run(
            "import('./words.mjs').then(({ending}) => "
            f"{[*errors, *relays, 'Unknown']}.filter((error) =>"
            " ending({status: 'failed', error}).text.includes(`(${error})`)))"
        )
        assert told == [
            "APIError",
            "RecordingError",
            "RedirectError",
            "ScanError",
            "StreamCancelledError",
            "Unknown",
        ]

    def test_an_answer_that_is_not_saved_yet(
        self, page: Reader, api: FakeServer, store: MemoryStore
    ) -> None:
        """The answer is whole, and the page shows when it is saved."""
        held = begun(page, api, " there", *END)
        store.is_down = True
        held.release()
        page.until_about("Not saved yet: the server goes on trying.")
        page.until_idle()
        assert page.said == ["Hi", "Hello there"]
        store.is_down = False
        page.until_about("5 tokens")
        assert page.said == ["Hi", "Hello there"]
        page.tabs.complaints.clear()  # about status 503, if the store was asked while it was down


class TestLooks:
    """Sizes, colours, keys, and accessibility."""

    @pytest.fixture
    def phone(self, page: Reader) -> Any:
        """Make the window narrow and dark for the test."""
        page.tabs.look(width=320, height=560, dark=True, phone=True)
        yield page
        page.tabs.look(width=900, height=900, dark=False)

    def test_it_fits_on_a_phone(self, phone: Reader, api: FakeServer) -> None:
        """Nothing is wider than the screen, and all controls are at least 44 pixels high."""
        api.add(chat_answer("word " * 99 + "w" * 300))
        phone.ask("q" * 300)
        phone.until_about("5 tokens")
        assert phone.tabs.run("document.documentElement.scrollWidth <= innerWidth")
        assert phone.tabs.run("document.getElementById('log').scrollWidth <= innerWidth")
        sizes = (
            "[...document.querySelectorAll('button:not([hidden]), select, textarea')]"
            ".map((one) => one.offsetHeight).filter((height) => height < 44)"
        )
        assert phone.tabs.run(sizes) == []

    def test_it_is_dark_where_that_is_preferred(self, phone: Reader) -> None:
        """Otherwise it is light."""
        ground = "getComputedStyle(document.body).backgroundColor"
        assert phone.tabs.run(ground) == "rgb(23, 22, 19)"
        phone.tabs.look(width=320, height=560, dark=False, phone=True)
        assert phone.tabs.run(ground) == "rgb(251, 250, 248)"

    def test_the_keyboard_is_enough(self, page: Reader, api: FakeServer) -> None:
        """Shift+Enter begins a new line, Enter sends, and Tab reaches everything."""
        api.add(chat_answer("Hello there"))
        page.type("One")
        page.tabs.press_with_shift("Enter")
        page.tabs.insert("two")
        assert page.typed == "One\ntwo"
        page.tabs.press("Enter")
        page.until_said("One\ntwo", "Hello there")
        page.until_idle()
        reached = []
        for _ in range(7):
            page.tabs.press("Tab")
            reached.append(
                page.tabs.run("document.activeElement.id || document.activeElement.textContent")
            )
        assert reached[0] == "send"
        assert {"model", "new", "log", "Copy"} <= set(reached)

    def test_a_screen_reader_is_told_what_it_needs(self, page: Reader, api: FakeServer) -> None:
        """Every field has a name, the messages are a log, the state is a status."""
        held = begun(page, api, *END)
        nameless = (
            "[...document.querySelectorAll('select, textarea, button')].filter((one) =>"
            " !one.labels?.length && !one.textContent.trim()).length"
        )
        assert page.tabs.run(nameless) == 0
        roles = page.tabs.run("[...document.querySelectorAll('[role]')].map((one) => one.role)")
        assert roles == ["log", "status"]
        described = "document.getElementById(question.getAttribute('aria-describedby')).textContent"
        assert "Escape stops" in page.tabs.run(described)
        held.release()
        page.until_idle()

    def test_nothing_moves_at_the_end(self, page: Reader, api: FakeServer) -> None:
        """The message and the field stay where they were while the answer came."""
        held = begun(page, api, chat_chunk(finish_reason="stop"), chat_usage(1, 1))
        places = (
            "['article.model p', 'article.model footer', '#question', '#ask'].map((one) => {"
            " const box = document.querySelector(one).getBoundingClientRect();"
            " return [box.top, box.height]; })"
        )
        before = page.tabs.run(places)
        held.release()
        page.until_about("1 token, first after")
        assert page.tabs.run(places) == before

    def test_nothing_moves_where_that_is_not_wanted(self, page: Reader, api: FakeServer) -> None:
        """If the user prefers reduced motion, the mark of a pending answer does not blink."""
        api.add(answer(hold()))
        page.ask("Hi")
        moving = "document.querySelector('article.model')?.getAnimations({subtree: true}).length"
        page.tabs.until(f"{moving} > 0")
        page.tabs.prefer_less_motion()
        page.tabs.until(f"{moving} === 0")
        page.tabs.look(width=900, height=900, dark=False)
        page.tabs.press("Escape")
        page.until_about("Stopped.")

    def test_a_long_answer_is_followed_unless_one_reads_back(
        self, page: Reader, api: FakeServer
    ) -> None:
        """If you have scrolled up, the page stays there."""
        held, more = hold(), hold()
        line = "line\n" * 60
        api.add(answer(line, held, line, more, line, *END))
        page.ask("Hi")
        left = "(log.scrollHeight - log.scrollTop - log.clientHeight)"
        page.tabs.until(f"log.scrollHeight > 1000 && {left} < 2")
        held.release()
        page.tabs.until(f"log.scrollHeight > 2500 && {left} < 2")
        page.tabs.run("log.scrollTop = 100")
        more.release()
        page.until_idle()
        page.tabs.until("log.scrollHeight > 4000")
        assert page.tabs.run("log.scrollTop") == 100

    def test_the_policy_keeps_scripts_out(self, page: Reader, tabs: Tabs) -> None:
        """Neither inline scripts nor `eval()` run."""
        tabs.run(
            "const one = document.createElement('script'); one.textContent = 'isBroken = 1';"
            " document.body.append(one)"
        )
        assert tabs.run("window.isBroken") is None
        refused = "(() => { try { return eval('1'); } catch { return 'refused'; } })()"
        assert tabs.run(refused) == "refused"
        refusals(page, "Content Security Policy")
