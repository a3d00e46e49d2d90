"""The log of decisions: nothing is kept unasked, and what is kept is told and becomes cases."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver

from agent_knowledge import KnowledgeConfig, Task, load_answerer, load_router
from agent_knowledge.build.logs import load_log, log_file
from agent_knowledge.config import LogConfig
from agent_knowledge.errors import MissingExtraError
from agent_knowledge.langchain import KnowledgeMiddleware
from agent_knowledge.ledger.decisions import DecisionLog, LoggedTurn, read_turns
from agent_knowledge.observing import observed_by
from agent_knowledge.types import Message
from tests.e2e.conftest import CommandLine
from tests.scripted import ScriptedModel
from tests.small import QUESTION, SAID, small_router

REFUND = "How long is the return window?"
MAIL = "I am jane.doe@example.com. How long is the return window?"
GAP = "How tall is the Eiffel Tower, according to the handbook?"


def logged(shop: KnowledgeConfig, folder: Path, **wish: Any) -> KnowledgeConfig:
    """The shop's configuration with a log of its own."""
    log = LogConfig(path=str(folder / "kept" / "log.jsonl"), **wish)
    return shop.model_copy(update={"log": log}).at(shop.folder)


def rows_of(config: KnowledgeConfig) -> list[dict[str, Any]]:
    """All lines of a log, once they are written."""
    log = load_log(config)
    assert log
    assert log.flush(30)
    return [json.loads(line) for line in log.file.read_text().splitlines()]


@pytest.fixture
def desk(shop: KnowledgeConfig, tmp_path: Path) -> Iterator[CommandLine]:
    """The command line with a log that keeps texts as they are, and some turns in it."""
    config = logged(shop, tmp_path, text="whole", redact=False)
    written = (shop.folder / "agent-knowledge.yaml").read_text()
    path = json.dumps(str(log_file(config)))
    file = shop.folder / "logged.yaml"
    file.write_text(f"{written}\nlog: {{path: {path}, text: whole, redact: false}}\n")
    here = CommandLine(shop.folder)
    answerer = load_answerer(config, "support")
    answerer.answer(REFUND)
    answerer.router.route(Task("And then?", history=(Message("user", REFUND),)))
    answerer.router.route(GAP)
    rows_of(config)
    yield lambda *arguments: here(*arguments, "-c", "logged.yaml")  # pyright: ignore[reportReturnType]
    file.unlink()


def test_nothing_is_kept_by_default(in_shop: CommandLine, shop: KnowledgeConfig) -> None:
    before = sorted(shop.store_path.iterdir())
    load_answerer(shop, "support").answer(REFUND)
    assert sorted(shop.store_path.iterdir()) == before
    assert load_log(shop) is None
    ran = in_shop("log")
    assert ran.code == 0
    assert "add `log: {}` to the configuration" in ran.out


def test_a_decision_and_its_answer_are_one_turn(shop: KnowledgeConfig, tmp_path: Path) -> None:
    config = logged(shop, tmp_path)
    answer = load_answerer(config, "support").answer(REFUND)
    decided, answered = rows_of(config)
    assert decided["id"] == answered["id"]
    assert decided["answered_ms"] is None
    assert answered["answered_ms"] >= answered["decided_ms"] > 0
    (turn,) = read_turns(log_file(config))
    assert (turn.strategy, turn.agent, turn.model) == ("retrieval", "support", answer.model)
    assert turn.claims == len(answer.claims) > 0
    assert turn.sources == answer.decision.plan.sources


@pytest.mark.parametrize("text", ["none", "hash"])
def test_hash_keeps_no_text(shop: KnowledgeConfig, tmp_path: Path, text: Any) -> None:
    config = logged(shop, tmp_path, text=text)
    answerer = load_answerer(config, "support")
    answerer.answer(REFUND)
    answerer.answer(Task(REFUND, history=(Message("user", "I bought a lamp."),)))
    kept = json.dumps(rows_of(config))
    for word in ("return", "window", "days", "lamp"):
        assert word not in kept
    digests = {row["digest"] for row in rows_of(config)}
    assert len(digests) == 1
    assert (digests == {""}) == (text == "none")


def test_personal_data_is_taken_out_first(shop: KnowledgeConfig, tmp_path: Path) -> None:
    config = logged(shop, tmp_path, text="whole")
    history = (Message("user", "Write to max@example.org, please."),)
    load_answerer(config, "support").answer(Task(MAIL, history=history))
    kept = json.dumps(rows_of(config))
    assert "example.com" not in kept
    assert "example.org" not in kept
    assert "I am <EMAIL_ADDRESS>. How long is the return window?" in kept


def test_without_the_extra_nothing_starts_unredacted(
    shop: KnowledgeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "agent_knowledge.screening.personal", None)
    config = logged(shop, tmp_path, text="whole")
    with pytest.raises(MissingExtraError, match=r"personal-data.*text: hash.*redact: false"):
        load_router(config, "support")
    for wish in ({"text": "hash"}, {"text": "whole", "redact": False}):
        load_router(logged(shop, tmp_path, **wish), "support")


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "deep" / "log.jsonl", text="whole")
    with observed_by(log):
        small_router().route(QUESTION)
    assert log.flush(30)
    assert stat.S_IMODE(log.file.stat().st_mode) == 0o600


def test_a_log_that_cannot_be_written_ends_no_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    log = DecisionLog(tmp_path / "file" / "log.jsonl")
    router = small_router()
    with observed_by(log):
        decisions = [router.route(QUESTION) for _ in range(3)]
    assert log.flush(30)
    assert len(decisions) == 3
    assert caplog.text.count("cannot write") == 1


def test_a_full_queue_drops_and_tells(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    slow, free = Event(), Event()

    def redact(text: str) -> str:
        slow.set()
        assert free.wait(30)
        return text

    log = DecisionLog(tmp_path / "log.jsonl", text="whole", redact=redact, most_waiting=1)
    router = small_router()
    with observed_by(log):
        router.route(QUESTION)
        assert slow.wait(30)
        for _ in range(3):  # one may wait
            router.route(QUESTION)
        assert not log.flush(0)
        free.set()
        assert log.flush(30)
        router.route(QUESTION)
    assert log.flush(30)
    assert [turn.dropped for turn in read_turns(log.file)] == [0, 2, 0]
    assert caplog.text.count("too many turns wait") == 1


def test_cases_and_probes_are_nobodys_tasks(
    shop: KnowledgeConfig, desk: CommandLine, tmp_path: Path
) -> None:
    file = tmp_path / "kept" / "log.jsonl"
    before = file.read_text()
    cases = tmp_path / "routes.jsonl"
    cases.write_text(json.dumps({"task": REFUND, "expected": "retrieval"}))
    assert desk("check", "--cases", str(cases), "-a", "support").code == 0
    desk("doctor", "-a", "support")
    assert file.read_text() == before


def test_it_is_told_on_80_columns(desk: CommandLine) -> None:
    told = desk("log").out
    assert "3 turns, 1 of them answered" in told
    assert "retrieval" in told
    assert "unsupported claims: 0 of" in told
    assert "decided in" in told
    assert "answered in" in told
    assert max(map(len, told.splitlines())) <= 80
    found = desk("log", "--json").json
    assert found["turns"] == 3
    assert sum(found["strategies"].values()) == 3
    assert found["answering"]["turns"] == 1
    assert found["decided"]["p95_ms"] >= found["decided"]["p50_ms"] > 0


def test_it_can_be_narrowed(desk: CommandLine) -> None:
    assert desk("log", "--since", "1h", "--json").json["turns"] == 3
    assert desk("log", "--since", "2999-01-01", "--json").json["turns"] == 0
    assert desk("log", "--agent", "support", "--json").json["turns"] == 3
    for wrong, told in (
        (("--since", "yesterday"), "give 12h, 7d, 4w"),
        (("--agent", "suport"), "did you mean 'support'"),
    ):
        ran = desk("log", *wrong)
        assert ran.code == 2
        assert told in ran.err


def test_cases_of_a_log_are_read_by_check(desk: CommandLine, tmp_path: Path) -> None:
    cases = tmp_path / "cases.jsonl"
    ran = desk("log", "--to-cases", str(cases))
    assert ran.code == 0
    assert "3 cases" in ran.err
    assert stat.S_IMODE(cases.stat().st_mode) == 0o600
    followed = [row for row in map(json.loads, cases.read_text().splitlines()) if "history" in row]
    assert followed[0]["history"] == [{"role": "user", "content": REFUND}]
    assert desk("check", "--cases", str(cases), "-a", "support").code == 0
    assert desk("ask", "Put this into its queue: I was charged twice", "-a", "desk").code == 0
    mixed = desk("log", "--to-cases", str(tmp_path / "mixed.jsonl"))
    assert (mixed.code, "of desk, support" in mixed.err) == (2, True), "check takes one agent's"
    assert "1 turn," in desk("log", "--agent", "desk").out
    again = desk("log", "--to-cases", str(cases), "--agent", "support")
    assert again.code == 2
    assert "give a path of its own" in again.err


def test_without_texts_there_are_no_cases(in_shop: CommandLine, tmp_path: Path) -> None:
    ran = in_shop("log", "--to-cases", str(tmp_path / "cases.jsonl"))
    assert ran.code == 2
    assert "set log.text: whole" in ran.err
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes do not fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # that threads and forks are a risk
def test_a_process_that_was_forked_in_mid_write_logs_its_own_turns(tmp_path: Path) -> None:
    slow, free = Event(), Event()

    def redact(text: str) -> str:
        slow.set()
        assert free.wait(30)
        return text

    log = DecisionLog(tmp_path / "log.jsonl", text="whole", redact=redact)
    router = small_router()
    with observed_by(log):
        router.route(QUESTION)
        assert slow.wait(30)
        child = os.fork()
        if not child:
            free.set()
            router.route("And in Norway?")
            os._exit(0 if log.flush(10) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    free.set()
    assert log.flush(30)
    assert [turn.task for turn in read_turns(log.file)] == ["And in Norway?", QUESTION]


def test_a_long_turn_is_told_without_its_text(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "log.jsonl", text="whole")
    with observed_by(log):
        small_router().route(Task(QUESTION, history=(Message("user", "so " * 9_000),)))
    assert log.flush(30)
    (turn,) = read_turns(log.file)
    assert (turn.task, turn.history) == ("", ())
    assert turn.digest


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_the_turns_of_an_agent_are_logged_with_their_answers(tmp_path: Path, mode: str) -> None:
    log = DecisionLog(tmp_path / "log.jsonl")
    router = small_router()
    router.observers = (log,)
    model = ScriptedModel(replies=[SAID])
    agent: Any = create_agent(
        model, middleware=[KnowledgeMiddleware(router)], checkpointer=InMemorySaver()
    )
    thread: Any = {"configurable": {"thread_id": "1"}}
    for _ in range(2):
        turn = {"messages": [HumanMessage(QUESTION)]}
        if mode == "sync":
            agent.invoke(turn, thread)
        else:
            asyncio.run(agent.ainvoke(turn, thread))
    assert log.flush(30)
    turns = read_turns(log.file)
    assert [turn.claims for turn in turns] == [1, 1]
    assert all(turn.answered_ms and turn.decided_ms for turn in turns)


def test_rows_of_one_answer_are_joined_in_whatever_order_they_come(tmp_path: Path) -> None:
    from agent_knowledge.ledger.records import Records  # noqa: PLC0415

    records = Records(tmp_path / "log.jsonl", LoggedTurn)
    told: dict[str, Any] = {"at": "2026-11-27T01:00:00.000+00:00", "agent": "a", "confidence": 1.0}
    records.append(LoggedTurn(id="x", strategy="few_shot", answered_ms=9.0, dropped=1, **told))
    records.append(LoggedTurn(id="x", strategy="fine_tuned", dropped=1, **told))
    records.append(LoggedTurn(id="y", strategy="direct", **told))
    records.append(LoggedTurn(id="y", strategy="direct", **told))  # asked twice, not answered
    first, *others = read_turns(records.file)
    assert (first.strategy, first.answered_ms, first.dropped) == ("few_shot", 9.0, 2)
    assert [other.id for other in others] == ["y", "y"]


@pytest.mark.slow
def test_a_process_that_ends_has_written_its_turns(
    desk: CommandLine, shop: KnowledgeConfig
) -> None:
    command = [sys.executable, "-m", "agent_knowledge", "-v", "route", REFUND]
    ran = subprocess.run(
        [*command, "-c", "logged.yaml", "-a", "support"],
        cwd=shop.folder,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "INFO agent_knowledge: support: retrieval" in ran.stderr
    assert REFUND not in ran.stderr
    assert desk("log", "--json").json["turns"] == 4
