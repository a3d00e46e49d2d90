"""The page as somebody with a browser has it: by the keyboard, narrow, dark, and without script."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from agent_knowledge import Answerer, KnowledgeConfig, KnowledgeRouter
from agent_knowledge.models.chat import Chat
from tests.browser.conftest import Opener

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
pytest.importorskip("playwright", reason="the extra `browser` is not installed")

from axe_playwright_python.sync_playwright import Axe  # noqa: E402
from playwright.sync_api import expect  # noqa: E402

from tools.pictures.page import CITED, GAP, MOST_BYTES, ask, open_citation, served, take  # noqa: E402

TRIAGE = 'Which queue does this belong to: "Two identical payments showed up on my card."'


def overflow(page: Page) -> int:
    """Pixels that stand out at the side."""
    return page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )


def test_a_question_is_answered_with_its_route_and_a_citation_opens_by_the_keyboard(
    visit: Opener,
) -> None:
    page = visit()
    turn = ask(page, CITED)
    expect(turn).to_be_focused()
    chip = turn.get_by_role("button", name="Route: Retrieval confidence 0.9")
    expect(chip).to_have_attribute("aria-expanded", "true")
    card = open_citation(turn)
    expect(card.locator("mark")).to_contain_text("31 January")
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    page.keyboard.press("Enter")
    passage = turn.locator("blockquote").first
    expect(passage).to_be_visible()
    expect(passage.locator("mark")).to_contain_text("31 January")


def test_the_story_opens_and_closes_and_is_on_the_right(visit: Opener) -> None:
    page = visit()
    turn = ask(page, CITED)
    story = turn.get_by_role("region", name="Why retrieval")
    expect(story).to_contain_text("facts-need-retrieval")
    expect(story).to_contain_text("Rejected")
    said, told = turn.locator(".said").bounding_box(), story.bounding_box()
    assert said
    assert told
    assert told["x"] >= said["x"] + said["width"]
    story.get_by_text("Evidence in detail").click()
    expect(story).to_contain_text("What would change it")
    turn.get_by_role("button", name="Route").press("Enter")
    expect(story).to_be_hidden()


def test_a_conversation_goes_on_and_is_there_again_after_a_reload(visit: Opener) -> None:
    page = visit()
    ask(page, "Do you ship to Norway?")
    second = ask(page, "And how long does it take?")
    expect(second.locator(".story")).to_be_visible()
    expect(page.locator(".turn").first.locator(".story")).to_be_hidden()
    page.get_by_role("link", name="Sources").click()
    page.get_by_role("link", name="Chat").click()
    expect(page.locator(".turn")).to_have_count(2)
    page.get_by_role("link", name="New conversation").click()
    expect(page.locator(".turn")).to_have_count(0)


def test_agents_are_switched(visit: Opener) -> None:
    page = visit()
    page.locator(".picker summary").press("Enter")
    page.get_by_role("link", name="writer").press("Enter")
    expect(page.get_by_role("heading", name="Ask writer")).to_be_attached()
    expect(page.get_by_text("Writes short texts in the shop's voice").last).to_be_visible()
    turn = ask(page, "Say that a candle burns for forty hours.")
    expect(turn.get_by_role("button", name="Route")).to_be_visible()
    assert "agent=writer" in page.url


def test_a_question_that_is_offered_is_asked(visit: Opener) -> None:
    page = visit("/?agent=desk")
    page.get_by_role("button", name="Put this ticket into its queue").press("Enter")
    expect(page.locator(".turn .ak-said")).to_have_text("warranty")
    expect(page.locator(".hello")).to_have_count(0)


def test_a_gap_is_plainly_told(visit: Opener) -> None:
    turn = ask(visit(), GAP)
    expect(turn.get_by_role("button", name="Route")).to_contain_text("gap")
    expect(turn.get_by_role("note").first).to_contain_text("no source holds them")


def test_the_endpoint_serves_what_it_was_tuned_for(visit: Opener) -> None:
    turn = ask(visit(), TRIAGE)
    expect(turn.get_by_role("button", name="Route: Fine-tuned")).to_be_visible()
    expect(turn.locator(".ak-said")).to_have_text("billing")


def test_an_endpoint_that_fails_is_told_and_the_next_rung_answers(
    shop: KnowledgeConfig, opened: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEMO_BASE_URL", "http://127.0.0.1:9/v1")
    with served(shop, tmp_path) as address:
        page = opened.new_page()
        page.goto(address)
        turn = ask(page, TRIAGE)
        expect(turn.get_by_role("note").first).to_contain_text("The endpoint failed")
        expect(turn.get_by_role("button", name="Route: Few-shot")).to_be_visible()
        expect(turn.locator(".ak-said")).to_have_text("billing")
        page.close()


def test_feedback_is_told_where_it_is_kept(visit: Opener) -> None:
    turn = ask(visit(), CITED)
    turn.get_by_role("button", name="Direct", exact=True).click()
    expect(turn.locator(".kept")).to_contain_text("Kept as a case in")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing_and_nothing_stands_out(visit: Opener, width: int, scheme: str) -> None:
    page = visit(width=width, scheme=scheme)
    found: list[object] = []

    def look(where: str) -> None:
        assert overflow(page) == 0, where
        faults = Axe().run(page).response["violations"]
        found.extend((where, fault["id"], fault["nodes"][0]["html"][:200]) for fault in faults)

    look("start")
    page.locator(".picker summary").click()
    look("picker")
    page.keyboard.press("Escape")
    open_citation(ask(page, CITED))
    look("citation")
    gap = ask(page, GAP)
    gap.get_by_text("Evidence in detail").click()
    look("gap")
    for tab in ("Sources", "Ladder"):
        page.get_by_role("link", name=tab).click()
        look(tab)
    assert not found


def test_nothing_is_fetched_from_elsewhere(visit: Opener, address: str) -> None:
    page = visit()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in ("/", "/sources", "/ladder"):
        page.goto(address + path)
    ask(visit(), CITED)
    assert len(asked) >= 3
    assert not [url for url in asked if not url.startswith(address)]


def test_with_the_password_it_is_asked_as_ever(
    shop: KnowledgeConfig, opened: Browser, tmp_path: Path
) -> None:
    with served(shop, tmp_path, password="correct horse") as address:
        credentials: Any = {"username": "any", "password": "correct horse"}
        context = opened.new_context(http_credentials=credentials)
        page = context.new_page()
        page.goto(address)
        turn = ask(page, CITED)
        expect(turn).to_contain_text("31 January")
        turn.get_by_role("button", name="Yes").click()
        expect(turn.locator(".kept")).to_contain_text("Kept as a case in")
        context.close()


def test_without_script_it_is_asked_and_answers(opened: Browser, address: str) -> None:
    context = opened.new_context(java_script_enabled=False, viewport={"width": 360, "height": 800})
    page = context.new_page()
    page.goto(address)
    page.get_by_role("textbox", name="Ask").fill(CITED)
    page.get_by_role("button", name="Ask").click()
    turn = page.locator(".turn")
    expect(turn).to_contain_text("31 January")
    expect(turn.locator(".story")).to_be_visible()
    turn.get_by_role("button", name="Yes").click()
    expect(page.locator(".kept")).to_contain_text("Kept as a case in")
    context.close()


class Halting(BaseChatModel):
    """Says half of its answer, and the rest when it is let go on."""

    go_on: Event

    @property
    def _llm_type(self) -> str:
        return "halting"

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        raise NotImplementedError

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        yield ChatGenerationChunk(message=AIMessageChunk("The return window "))
        self.go_on.wait(30)
        yield ChatGenerationChunk(message=AIMessageChunk("is 30 days [1]."))


def test_an_answer_is_shown_as_it_comes_and_whoever_types_on_asks_the_next(
    support: KnowledgeRouter, shop: KnowledgeConfig, opened: Browser, tmp_path: Path
) -> None:
    model = Halting(go_on=Event())
    answerer = Answerer(support, Chat(model=model, name="halting"))
    with served(shop, tmp_path, {"support": answerer}) as address:
        page = opened.new_page()
        page.goto(address)
        field = page.get_by_role("textbox", name="Ask")
        field.fill("How long is the return window?")
        field.press("Enter")
        expect(page.locator("#pending")).to_contain_text("The return window")
        expect(page.get_by_role("status").first).to_have_text("Looking it up…")
        model.go_on.set()
        expect(page.locator(".turn")).to_contain_text("is 30 days")
        expect(page.locator("#pending")).to_be_hidden()
        page.keyboard.type("And")
        expect(field).to_have_value("And")
        page.close()


def test_a_server_that_is_gone_is_told_and_the_question_is_kept(
    opened: Browser, address: str
) -> None:
    page = opened.new_page()
    page.goto(address)
    page.route("**/ask", lambda route: route.abort())
    field = page.get_by_role("textbox", name="Ask")
    field.fill(CITED)
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    expect(field).to_have_value(CITED)
    page.close()


def test_the_pictures_of_the_docs(opened: Browser, address: str, tmp_path: Path) -> None:
    """AGENT_KNOWLEDGE_PICTURES names a folder to keep them in."""
    folder = Path(os.environ.get("AGENT_KNOWLEDGE_PICTURES", tmp_path))
    files = take(opened, address, folder)
    assert len(files) == 10
    assert all(file.stat().st_size < MOST_BYTES for file in files)
