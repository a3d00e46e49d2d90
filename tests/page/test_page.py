"""The page as somebody without a browser sees it: what it says, keeps and refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest
from markupsafe import Markup
from starlette.testclient import TestClient
from starlette.types import Message

from agent_knowledge import Answerer, KnowledgeConfig, index_sources
from agent_knowledge.cli.labelled import read_cases
from agent_knowledge.errors import ConfigError, EndpointError
from agent_knowledge.ledger import Ledger, RungResult, Trial
from agent_knowledge.page.app import PageSettings, build_page
from agent_knowledge.page.talks import MOST_CHARACTERS, MOST_TALKS, MOST_TURNS, ShownTurn, Talks
from agent_knowledge.page.turns import NoAnswer, replies
from agent_knowledge.page.views import ago, sentence
from agent_knowledge.types import Task
from agent_knowledge.types.filters import Scope
from tests.page.conftest import HERE, RETURNS, Asked

GAP = "Who is the current CEO?"
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)> \u202e{{ 7777 * 7777 }} ' onclick='x"
)


def text_of(html: str) -> str:
    """What a reader sees of it."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


@pytest.mark.parametrize("path", ["/", "/sources", "/ladder", "/?agent=desk", "/?agent=nobody"])
def test_every_page_answers_and_names_no_foreign_address(page: TestClient, path: str) -> None:
    came = page.get(path)
    assert came.status_code == 200
    assert not re.search(r"""(?:src|href|action|url\()\s*=?\s*["']?(?:https?:)?//""", came.text)
    nonces = set(re.findall(r'nonce="([^"]+)"', came.text))
    assert len(nonces) == 1
    policy = came.headers["content-security-policy"]
    assert f"script-src 'nonce-{nonces.pop()}'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<[^>]+\s(?:style|on\w+)=", came.text)


def test_each_page_has_a_nonce_of_its_own(page: TestClient) -> None:
    policies = {page.get("/").headers["content-security-policy"] for _ in range(3)}
    assert len(policies) == 3


def test_an_answer_tells_its_route_citation_evidence_and_what_was_rejected(ask: Asked) -> None:
    html = ask(RETURNS)
    said = text_of(html)
    for part in ("Route: Retrieval confidence 0.9", "30 days", "Says what is stated", "Why retr"):
        assert part in said
    assert re.search(r"All evidence together Direct : 0\.\d\d Retrieval : 0\.\d\d", said)
    assert "Rejected Direct A prompt alone is not enough" in said
    assert "facts-need-retrieval" in said
    assert re.search(r"Does a source hold it\? : retrieval \+\d\.\d\d , few-shot", said)
    assert "<mark>" in html
    assert re.search(
        r"What the model is handed .* \[1\] \S.* \(handbook/refunds-and-returns.md\)", said
    )


def test_a_gap_is_told_in_words(ask: Asked) -> None:
    said = text_of(ask(GAP))
    assert re.search(r"Route: Retrieval confidence [\d.]+ gap", said)
    assert "Gap in the sources Facts are needed, and no source holds them (handbook, faq)" in said


def test_what_no_passage_says_is_told_in_words(says: Callable[..., Asked]) -> None:
    said = text_of(says("The return window is 45 days [1].")(RETURNS))
    assert "not supported" in said
    assert "1 of 1 cited statement, underlined below" in said
    assert "The return window is 45 days" in said


def test_an_answer_that_cites_nothing_is_told_in_words(says: Callable[..., Asked]) -> None:
    said = text_of(says("The return window is 30 days.")(RETURNS))
    assert re.search(r"Route: Retrieval confidence [\d.]+ no citation", said)
    assert "No citation Nothing is cited, although passages were given." in said


def test_facts_in_a_gap_are_told_in_words(says: Callable[..., Asked]) -> None:
    said = text_of(says("The chief executive is Ada Lovelace, since 1843.")(GAP))
    assert "Facts are stated in a gap" in said


def test_a_model_that_fails_is_told_and_no_turn_of_the_history(says: Callable[..., Asked]) -> None:
    ask = says(EndpointError("the model is down"), "The return window is 30 days [1].")
    failed = ask(RETURNS)
    assert 'role="alert"' in failed
    assert "No answer the model is down" in text_of(failed)
    assert "30 days" in text_of(ask(RETURNS))


def test_what_nobody_foresaw_is_told_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    def opened() -> Answerer:
        msg = "the key is sk-4711"
        raise RuntimeError(msg)

    [told] = replies(opened, Task(RETURNS))
    assert isinstance(told, NoAnswer)
    assert "RuntimeError" in told.reason
    assert "4711" not in told.reason
    assert "a turn of the page failed: RuntimeError" in caplog.text
    assert "in opened" in caplog.text
    assert "4711" not in caplog.text


def test_an_endpoint_that_cannot_be_opened_is_told_and_the_next_rung_answers(ask: Asked) -> None:
    said = text_of(ask("Put this ticket into its queue: two payments showed up on my card."))
    assert "The endpoint failed The next rung answered in its place." in said
    assert "DEMO_BASE_URL is not set" in said
    assert "Route: Few-shot" in said


@pytest.mark.parametrize("path", ["/", "/sources", "/ladder"])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", ""]
)
def test_another_host_is_refused(page: TestClient, path: str, host: str) -> None:
    came = page.get(path, headers={"host": host})
    assert came.status_code == 421
    assert "support" not in came.text


@pytest.mark.parametrize("host", ["localhost:7860", "127.0.0.1", "[::1]:7860", "LOCALHOST"])
def test_this_machine_is_called_by_its_names(page: TestClient, host: str) -> None:
    assert page.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": HERE, "sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_another_origin_is_refused(page: TestClient, headers: dict[str, str]) -> None:
    for path in ("/ask", "/feedback"):
        assert page.post(path, data={"task": RETURNS}, headers=headers).status_code == 403


@pytest.mark.parametrize("headers", [{}, {"origin": HERE, "sec-fetch-site": "same-origin"}])
def test_its_own_origin_is_taken(page: TestClient, headers: dict[str, str]) -> None:
    came = page.post("/ask", data={"task": RETURNS, "agent": "support"}, headers=headers)
    assert came.status_code == 303


@pytest.mark.parametrize("sent", [b"x" * (2**21 + 1), (b"x" * 2**20 for _ in range(3))])
def test_more_than_is_accepted_is_refused(page: TestClient, sent: object) -> None:
    came = page.post("/ask", content=sent)  # pyright: ignore[reportArgumentType]
    assert came.status_code == 413
    assert "2,097,152 bytes" in came.text


async def test_half_a_question_is_not_asked(page: TestClient) -> None:
    came: list[Message] = [
        {"type": "http.request", "body": b"agent=support&task=How", "more_body": True}
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return came.pop(0) if came else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1:7860"), (b"content-length", b"99")]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/ask",
        "query_string": b"",
        "headers": headers,
    }
    await page.app(scope, receive, send)
    assert not sent


def test_a_method_that_is_none_changes_nothing(page: TestClient) -> None:
    assert page.get("/ask").status_code == 405
    assert page.put("/", content=b"x").status_code == 405
    assert page.get("/nothing").status_code == 404
    assert "frame-ancestors 'none'" in page.get("/nothing").headers["content-security-policy"]


def test_hostile_text_is_shown_as_text(says: Callable[..., Asked]) -> None:
    html = says(f"The window is 30 days [1]. {HOSTILE}")(HOSTILE)
    assert "<script" not in html
    assert "<img" not in html
    assert not re.search(r"<[^>]+\sonclick=", html)
    assert "60481729" not in html
    assert "\u202e" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_hostile_names_and_failures_are_shown_as_text(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "<img src=x onerror=alert(1)>.jsonl").write_text("{")
    (tmp_path / "docs" / "a.md").write_text(f"# {HOSTILE}\n\n{HOSTILE}\n")
    written = """
        sources: {docs: {path: docs, description: "<b>bold</b>"}}
        agents: {desk: {sources: [docs], description: "</title><script>x</script>"}}
    """
    config = KnowledgeConfig.parse(written).at(tmp_path)
    index_sources(config)
    client = TestClient(build_page(config, PageSettings(cases=tmp_path)), base_url=HERE)
    shown = client.get("/sources").text + client.get("/").text + Asked(client)(HOSTILE, "desk")
    assert len(re.findall("<script", shown)) == 2  # ours, one a page
    assert "<img" not in shown
    assert "<b>" not in shown
    assert "&lt;img src=x onerror=alert(1)&gt;.jsonl" in shown


def test_a_conversation_is_followed_up_and_two_do_not_mix(page: TestClient) -> None:
    one, other = Asked(page), Asked(page)
    one("Do you ship to Norway?")
    other(RETURNS)
    assert one.talk != other.talk
    followed = one("And how long does it take?")
    assert 'id="turn-2"' in followed
    shown = page.get("/", params={"talk": one.talk, "agent": "support"}).text
    assert ("Norway" in shown, RETURNS in shown) == (True, False)
    assert "Norway" not in page.get("/", params={"talk": other.talk, "agent": "support"}).text


def test_an_id_that_nobody_was_given_is_never_taken_over(page: TestClient) -> None:
    asked = Asked(page)
    asked.talk = "an-id-of-somebody-else"
    asked(RETURNS)
    assert asked.talk != "an-id-of-somebody-else"
    assert len(asked.talk) >= 24


def test_another_agent_begins_another_conversation(ask: Asked) -> None:
    ask(RETURNS)
    before = ask.talk
    assert 'id="turn-1"' in ask("Write a warm line about our candles.", agent="writer")
    assert ask.talk != before


def test_the_oldest_conversations_and_turns_go_first() -> None:
    talks = Talks()
    first = talks.get("", "a")
    for number in range(MOST_TURNS + 1):
        turn = ShownTurn(task=Task(f"question {number}"), strategy=None, said=Markup())
        talks.add(first, turn, None)
    held = talks.get(first.id, "a")
    assert (held.id, len(held.turns), held.turns[-1].number) == (
        first.id,
        MOST_TURNS,
        MOST_TURNS + 1,
    )
    for _ in range(MOST_TALKS):
        talks.add(talks.get("", "a"), held.turns[0], None)
    assert talks.get(first.id, "a").id != first.id


def test_large_turns_are_held_within_a_limit_of_memory() -> None:
    talks, large = Talks(), Task("x" * 1_900_000)  # as many characters as a request may have
    ids: list[str] = []
    for _ in range(3):
        talk = talks.get("", "a")
        ids.append(talk.id)
        for _ in range(MOST_TURNS // 2):
            talks.add(talk, ShownTurn(task=large, strategy=None, said=Markup()), None)
    held = [talk for talk in (talks.get(id_, "a") for id_ in ids) if talk.turns]
    assert sum(len(turn.task.text) for talk in held for turn in talk.turns) <= MOST_CHARACTERS
    assert [talk.id for talk in held] == ids[-1:]
    for _ in range(MOST_TURNS // 2):
        talks.add(held[0], ShownTurn(task=large, strategy=None, said=Markup()), None)
    last = talks.get(ids[-1], "a")
    assert last.turns[-1].number == MOST_TURNS
    assert last.characters <= MOST_CHARACTERS


def test_without_script_a_question_is_answered(page: TestClient) -> None:
    came = page.post("/ask", data={"task": RETURNS, "agent": "support"})
    assert came.status_code == 303
    shown = page.get(came.headers["location"].partition("#")[0])
    assert "30 days" in text_of(shown.text)
    assert "Why retrieval" in text_of(shown.text)
    assert page.get(came.headers["location"].partition("#")[0]).text.count('class="turn"') == 1


def test_feedback_is_a_case_that_check_reads(page: TestClient, ask: Asked, tmp_path: Path) -> None:
    ask("Do you ship to Norway?")
    ask("And how long does it take?")
    fields = {"agent": "support", "talk": ask.talk, "turn": "2", "expected": "direct"}
    told = page.post("/feedback", data=fields, headers={"accept": "application/json"}).json()
    assert told == {"kept": "Kept as a case in feedback/support.jsonl"}
    page.post("/feedback", data={**fields, "turn": "1", "expected": "retrieval"})
    assert page.post("/feedback", data={**fields, "expected": "few_shot"}).status_code == 303
    file = tmp_path / "feedback" / "support.jsonl"
    first, second = read_cases(str(file))
    assert (first.task.text, first.expected) == ("Do you ship to Norway?", ("retrieval",))
    assert (second.task.text, second.expected) == ("And how long does it take?", ("few_shot",))
    assert second.task.history[0].content == "Do you ship to Norway?"
    shown = page.get("/", params={"talk": ask.talk, "agent": "support"}).text
    assert shown.count("Kept as a case") == 2


def test_feedback_is_its_owners_alone_unless_they_say_otherwise(
    page: TestClient, ask: Asked, tmp_path: Path
) -> None:
    ask(RETURNS)
    fields = {"agent": "support", "talk": ask.talk, "turn": "1", "expected": "direct"}
    file = tmp_path / "feedback" / "support.jsonl"
    for mode in (0o600, 0o640):
        page.post("/feedback", data=fields)
        assert file.stat().st_mode & 0o777 == mode
        file.chmod(0o640)


def test_feedback_that_cannot_be_kept_says_why(
    page: TestClient, ask: Asked, tmp_path: Path
) -> None:
    ask(RETURNS)
    (tmp_path / "feedback").mkdir()
    (tmp_path / "feedback" / "support.jsonl").write_bytes(b'{"task": "caf\xe9"}\n')
    fields = {"agent": "support", "talk": ask.talk, "turn": "1", "expected": "direct"}
    told = page.post("/feedback", data=fields, headers={"accept": "application/json"}).json()
    assert "Not kept" in told["kept"]
    assert "no UTF-8" in told["kept"]


def test_feedback_to_nothing_is_refused(page: TestClient, ask: Asked, tmp_path: Path) -> None:
    ask(RETURNS)
    fields = {"agent": "support", "talk": ask.talk, "turn": "1", "expected": "../../x"}
    told = page.post("/feedback", data=fields, headers={"accept": "application/json"}).json()
    assert "Not kept" in told["kept"]
    for change in ({"turn": "7"}, {"turn": "x"}, {"turn": "1" * 5000}, {"talk": "x"}):
        assert page.post("/feedback", data={**fields, **change}).status_code == 404
    assert not (tmp_path / "feedback").exists()


def test_sources_tell_documents_age_and_failures(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# Lamps\n\nLamps are brass.\n")
    (tmp_path / "docs" / "broken.jsonl").write_text("{")
    written = """
        sources: {docs: {path: docs}, new: {path: new}, search: {external: true}}
        agents: {desk: {sources: [docs, new, search]}, bare: {}}
    """
    config = KnowledgeConfig.parse(written).at(tmp_path)
    index_sources(config, ["docs"])
    client = TestClient(build_page(config, PageSettings(cases=tmp_path)), base_url=HERE)
    said = text_of(client.get("/sources?agent=desk").text)
    assert "docs last run incomplete files Documents 1 Passages 1 Indexed just now" in said
    assert "Unreadable 1 What could not be read broken.jsonl line 1" in said
    assert "new cannot be searched" in said
    assert "agent-knowledge index new" in said
    assert "search external external search Searched by the host's own means" in said
    assert "bare has no source" in text_of(client.get("/sources?agent=bare").text)


def test_a_page_of_one_tenant_shows_no_other(tmp_path: Path) -> None:
    rows = [
        {"id": who, "title": f"Code of {who}", "text": f"The door code is {code}.", "owner": who}
        for who, code in (("anna", 1111), ("bert", 2222))
    ]
    (tmp_path / "docs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    written = """
        sources: {docs: {path: docs.jsonl, tenant: owner}}
        agents: {desk: {sources: [docs], tenant: who}}
    """
    config = KnowledgeConfig.parse(written).at(tmp_path)
    index_sources(config)
    settings = PageSettings(cases=tmp_path, scope=Scope(tenant="anna"))
    client = TestClient(build_page(config, settings), base_url=HERE)
    html = Asked(client)("What is the door code of bert?&tenant=bert", "desk")
    assert "1111" in html
    assert "2222" not in html
    shown = client.get("/sources?agent=desk&tenant=bert")
    assert "Passages 1" in text_of(shown.text)
    nobody = TestClient(build_page(config, PageSettings(cases=tmp_path)), base_url=HERE)
    told = Asked(nobody)("What is the door code?", "desk")
    assert 'role="alert"' in told
    assert "1111" not in told


def test_the_ladder_tells_trials(tmp_path: Path) -> None:
    config = KnowledgeConfig.parse("agents: {desk: {}}").at(tmp_path)
    client = TestClient(build_page(config, PageSettings(cases=tmp_path)), base_url=HERE)
    assert "No trial of desk is on record" in text_of(client.get("/ladder").text)
    rungs = tuple(
        RungResult(
            rung=rung,
            model="m",
            n=60,
            score=score,
            ci=(score - 0.1, score + 0.1),
            latency_p50_ms=12,
            latency_p95_ms=30,
            tokens_in=80,
            tokens_out=5,
        )
        for rung, score in (("prompt", 0.4), ("few_shot", 0.9))
    )
    trial = Trial(
        id="t", at="2026-11-01T10:00:00+00:00", agent="desk", metric="exact", cases="c", n=60,
        model="m", rungs=rungs, recommended="few_shot", why="It is <b>better</b>.",
    )  # fmt: skip
    Ledger(config.store_path).append(trial)
    shown = client.get("/ladder").text
    said = text_of(shown)
    assert "Few-shot is the lowest rung that serves. It is <b>better</b>." in said
    assert "<b>" not in shown
    assert "Few-shot recommended 0.900 95 % interval 0.800 to 1.000" in said


def test_who_is_not_asked_is_loaded_for_nobody(shop: KnowledgeConfig, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nobody"):
        build_page(shop, PageSettings(cases=tmp_path, agent="nobody"))
    with pytest.raises(ConfigError, match="none is defined"):
        build_page(KnowledgeConfig(), PageSettings(cases=tmp_path))


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2026-11-27T11:59:40+00:00", "just now"),
        ("2026-11-27T11:58:59", "1 minute ago"),
        ("2026-11-27T09:00:00+00:00", "3 hours ago"),
        ("2026-11-25T12:00:00+00:00", "2 days ago"),
        ("2025-11-20T12:00:00+00:00", "1 year ago"),
        ("2026-11-28T12:00:00+00:00", "just now"),
        ("someday", "someday"),
    ],
)
def test_an_age_is_told_in_words(at: str, said: str) -> None:
    assert ago(at, datetime(2026, 11, 27, 12, tzinfo=UTC)) == said


def test_a_name_keeps_its_small_letter() -> None:
    assert sentence("the task asks") == "The task asks"
    assert sentence("triage-ft serves it") == "triage-ft serves it"


def test_lines_of_json_are_what_a_stream_gives(page: TestClient) -> None:
    headers = {"accept": "application/x-ndjson"}
    came = page.post("/ask", data={"task": RETURNS, "agent": "support"}, headers=headers)
    rows = [json.loads(line) for line in came.text.splitlines()]
    assert "30 days" in "".join(row["piece"] for row in rows[:-1])
    assert rows[-1]["at"] == f"/?agent=support&talk={rows[-1]['talk']}"
