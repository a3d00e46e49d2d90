"""What a trial says that the endpoint would serve, and what the router lets it serve afterwards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.messages import BaseMessage
from lxml import html

from agent_knowledge import KnowledgeConfig, index_sources, load_router
from agent_knowledge.ledger import FILE, Ledger, OpenGate, Trial
from agent_knowledge.trials.cases import CaseSet, TrialCase
from agent_knowledge.trials.evaluate import evaluate
from agent_knowledge.trials.pages import TrialResult, render_report
from agent_knowledge.trials.setup import TrialSettings
from agent_knowledge.types import Decision, Task
from tests.unit.trials.desk import Counting

ASKED = {
    "exchange_rate": "which exchange rate do you apply to my payment",
    "card_arrival": "when will my new card arrive in the post",
    "atm_limit": "how much cash can I withdraw at an ATM in a day",
    "top_up_failed": "why did my top up not go through",
}
"""They read like questions of fact, and are put into an intent all the same."""
SEEN = ("{}", "hello, {}", "please tell me: {}", "{}?", "so {}", "hi there, {}")
NEW = (
    "{}, I am asking for my mother",
    "{}, the branch was closed today",
    "{}, we leave for Norway on Friday",
    "{}, my account is three weeks old",
    "{}, my colleague has the same bank",
    "{}, your leaflet does not tell",
    "{}, I opened the account with my husband",
    "{}, the chat was offline all morning",
    "{}, my daughter studies in Leeds",
    "{}, I could not find it in the app",
    "{}, nobody at the counter knew",
    "{}, I write from my phone",
    "{}, I have been a customer for ten years",
    "{}, my bus leaves in ten minutes",
    "{}, the last letter got lost",
)
"""Said in passing, so that none restates an example."""
RATES = """# Exchange rates

Which exchange rate do we apply to your payment? We apply the exchange rate of the card network on
the day of your payment, and add 0.5 % at the weekend.
"""
YAML = """
sources: {terms: {path: terms}}
examples: {intents: {file: intents.jsonl}}
endpoints:
  tuned: {model: "openai:tuned", serves: intents, training: {examples: 2400}}
agents:
  bare: {examples: [intents], endpoint: tuned}
  informed: {examples: [intents], endpoint: tuned, sources: [terms]}
  cautious: {examples: [intents], endpoint: tuned, policy: {citations: always}}
  beaten: {examples: [intents], endpoint: tuned}
  without: {examples: [intents]}
"""


def worded(ways: Sequence[str]) -> list[tuple[str, str]]:
    return [(way.format(text), intent) for intent, text in ASKED.items() for way in ways]


def right(messages: Sequence[BaseMessage]) -> str:
    """The intent, as a model knows it that was trained on such messages."""
    return next(intent for intent, text in ASKED.items() if text in messages[-1].text)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeConfig:
    """A bank that sorts messages by their intent, with and without a document on rates."""
    folder = tmp_path_factory.mktemp("bank")
    rows = [json.dumps({"input": text, "output": intent}) for text, intent in worded(SEEN)]
    (folder / "intents.jsonl").write_text("\n".join(rows))
    (folder / "terms").mkdir()
    (folder / "terms" / "rates.md").write_text(RATES)
    config = KnowledgeConfig.parse(YAML).at(folder)
    index_sources(config)
    return config


def cases(times: int = 1) -> CaseSet:
    """Twenty of them, or so many times as many: 60 are enough to prove something."""
    asked = worded(NEW[: 5 * times])
    made = [
        TrialCase(id=str(n), task=Task(text), expected=(intent,))
        for n, (text, intent) in enumerate(asked)
    ]
    return CaseSet(cases=tuple(made))


def unknowing(messages: Sequence[BaseMessage]) -> str:
    """No intent at all."""
    return "no idea"


def tried(bank: KnowledgeConfig, agent: str, made: CaseSet | None = None, **more: Any) -> Trial:
    """A trial on record, which the endpoint wins unless other models are given."""
    settings: dict[str, Any] = {"model": Counting(unknowing), "endpoint": Counting(right), **more}
    return evaluate(bank, made or cases(), agent, TrialSettings(**settings))


def routed(bank: KnowledgeConfig, agent: str, made: CaseSet | None = None) -> list[Decision]:
    """The very cases of the trial, with the trial on record."""
    return load_router(bank, agent).route_many([case.task for case in (made or cases()).cases])


def told(trial: Trial) -> str:
    """What the report says."""
    shown = TrialResult(trial=trial, outcomes=(), met=True, needed={}, notes=())
    return html.fromstring(render_report(shown)).text_content()


def test_an_agent_without_sources_has_the_very_cases_of_its_trial_served(
    bank: KnowledgeConfig,
) -> None:
    enough = cases(3)
    trial = tried(bank, "bare", enough)
    assert trial.open_gate == OpenGate(endpoint="tuned", served=60)
    assert trial.open_gate.share == 1.0
    decisions = routed(bank, "bare", enough)
    assert {made.strategy for made in decisions} == {"fine_tuned"}
    assert any(made.signals.need["retrieval"] > 0.8 for made in decisions)  # by the text alone
    assert "with its gate open tuned would serve 60 of 60 cases (100 %)" in told(trial)


def test_an_agent_with_sources_has_what_a_source_covers_looked_up(bank: KnowledgeConfig) -> None:
    trial = tried(bank, "informed", rungs=("prompt",))
    decisions = routed(bank, "informed")
    looked_up = [
        case.expected[0]
        for case, made in zip(cases().cases, decisions, strict=True)
        if made.strategy == "retrieval"
    ]
    assert set(looked_up) == {"exchange_rate"}  # what the document is about
    gate = trial.open_gate
    assert gate is not None
    assert gate.served == 20 - len(looked_up)
    assert sum(gate.refused.values()) == len(looked_up)
    assert max(gate.refused, key=lambda rule: gate.refused[rule]) == "no-new-facts"
    assert f"; the rest: no-new-facts {gate.refused['no-new-facts']}" in told(trial)


def test_it_is_told_of_an_endpoint_that_lost_and_opens_nothing(bank: KnowledgeConfig) -> None:
    trial = tried(bank, "beaten", model=Counting(right), endpoint=Counting(unknowing))
    assert trial.open_gate == OpenGate(endpoint="tuned", served=20)
    for made in routed(bank, "beaten"):
        rules = [row.rule for row in made.rejected if row.strategy == "fine_tuned"]
        assert (made.strategy, rules) == ("few_shot", ["ladder-tried"])


def test_rules_that_no_trial_opens_are_named_with_their_counts(bank: KnowledgeConfig) -> None:
    gate = tried(bank, "cautious", rungs=("prompt",)).open_gate
    assert gate == OpenGate(endpoint="tuned", served=0, refused={"no-citations": 20})
    assert gate.share == 0


def test_without_an_endpoint_for_the_set_nothing_is_told(bank: KnowledgeConfig) -> None:
    trial = tried(bank, "without", rungs=("prompt",))
    assert trial.open_gate is None
    assert "gate" not in told(trial)


def test_the_ledger_keeps_it_and_reads_what_was_written_before(bank: KnowledgeConfig) -> None:
    trial = tried(bank, "cautious", rungs=("prompt",))
    file = bank.store_path / FILE
    assert Ledger(bank.store_path).trials("cautious")[-1] == trial
    row = json.loads(file.read_text().splitlines()[-1])
    del row["open_gate"], row["checksum"]
    with file.open("a") as out:
        out.write(json.dumps(row) + "\n")
    assert Ledger(bank.store_path).trials("cautious")[-1] == replace(trial, open_gate=None)
