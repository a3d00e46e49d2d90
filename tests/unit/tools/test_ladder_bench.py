"""The bench of the ladder, from the data to the routes, with scripted servers for its models."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent_knowledge.demo.completions import CompletionsServer, StubReply
from agent_knowledge.ledger import Ledger
from tests.unit.trials.test_open_gate import NEW
from tools.bench.ladder import Servers, climb

ASKED = {
    "card_arrival": "my new card has not arrived in the post",
    "lost_card": "I lost my card and need it blocked",
    "exchange_rate": "which exchange rate do you apply to my payment",
    "top_up_failed": "my top up did not go through",
}
WAYS = ("{}", "please help, {}", "{} since monday", "hello, {}", "so {}", "{} again", "{} today")
"""What is trained on; the cases say more (`NEW`), so that none restates it."""


def messages(times: int) -> list[dict[str, str]]:
    return [
        {"input": f"{way.format(text)}{' !' * n}", "output": label}
        for n in range(times)
        for label, text in ASKED.items()
        for way in WAYS
    ]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    def write(file: str, rows: list[dict[str, object]]) -> None:
        path = tmp_path / "data" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    write("intents/banking77/train.jsonl", [dict(row) for row in messages(20)])
    ways = (*NEW, *(f"{way}, too" for way in NEW))
    asked = [
        {"input": way.format(text), "output": label}
        for label, text in ASKED.items()
        for way in ways
    ]
    write("intents/banking77/test.jsonl", [dict(row) for row in asked])
    for name, thing in (("docs_rag", "parrot"), ("hotpot", "lighthouse")):
        text = f"The {thing} of Anvaria is called Lum and was first described in 1871 by Orla Venn."
        write(f"retrieval/{name}/corpus.jsonl", [{"id": thing, "title": thing, "text": text}])
        asked = {"id": "q", "query": f"Who first described the {thing} of Anvaria?"}
        row = {**asked, "relevant": [thing], "answer": "Orla Venn"}
        write(f"retrieval/{name}/queries.jsonl", [row])
    return tmp_path / "data"


def told(text: str) -> str:
    """The right label, as a model knows it that was trained on these messages."""
    return next(label for label, asked in ASKED.items() if asked in text)


def guess(text: str) -> str:
    """A model that knows some labels, and reads what is put before it."""
    if "Anvaria" in text:
        return "Orla Venn [1]" if "1871" in text else "nobody"
    return told(text) if "card" in text else "unknown"


@contextmanager
def serving(answer: Callable[[str], str]) -> Iterator[str]:
    def respond(text: str) -> StubReply:
        return StubReply(text=answer(text), prompt_tokens=9, completion_tokens=2)

    with CompletionsServer(respond, "scripted") as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.url
        server.shutdown()
        thread.join()


@pytest.mark.slow
def test_each_kind_of_task_goes_where_the_trials_say(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OPENAI_BASE_URL", "")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with serving(guess) as url, serving(told) as tuned_url:
        servers = Servers(url=url, model="small", tuned_url=tuned_url, tuned_model="trained")
        lines = list(climb(data, servers, 60, tmp_path / "out"))
    said = "\n".join(lines)
    before, after = (
        next(n for n, line in enumerate(lines) if line.startswith(start))
        for start in ("routed before", "routed with the ledger")
    )
    assert "60 few_shot" in lines[before]
    assert "no trial of intents-ft on intents is on record" in lines[before + 1]
    assert "fine_tuned           1.000" in said
    assert "60 fine_tuned" in lines[after]
    facts = lines[after + 1]
    assert facts.startswith("routed with the ledger, 2 facts: 2 retrieval")
    refused = said[said.index(facts) :]
    assert refused.count("fine_tuned refused") in {1, 2}
    assert "as: no-new-facts" in refused
    trials = Ledger(tmp_path / "out" / ".agent-knowledge").trials()
    assert [trial.agent for trial in trials] == ["bank", "reader"]
    assert trials[1].recommended is None  # two questions prove nothing
    reports = sorted(file.name for file in (tmp_path / "out").rglob("*.html"))
    assert reports == ["facts.html", "pattern.html"]
