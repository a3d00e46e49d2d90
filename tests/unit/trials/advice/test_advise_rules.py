"""Advice: the ladder walked with what is known, each answer with its rule and its source."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from lxml import html

from agent_knowledge.config import AgentProfile, EndpointConfig, KnowledgeConfig
from agent_knowledge.config.sections import ExampleSetConfig, Policy, PriceConfig, SourceConfig
from agent_knowledge.ledger import OpenGate, RungComparison, RungResult, Trial
from agent_knowledge.routing.rules import RULES
from agent_knowledge.trials.advice import Advice, Costs, advise, load_of, terms_of
from agent_knowledge.trials.ground import Ground, Told
from agent_knowledge.trials.pages import render_advice
from agent_knowledge.trials.questions import ChecklistAnswer
from agent_knowledge.types import Example, Rung

PRICES = {"big": PriceConfig(input=2, output=10), "small": PriceConfig(input=0.5, output=2)}
COSTS = Costs(prices=PRICES, model="big")
TOLD = Told(changes_per_year=2, facts=False, expertise=True)
EXAMPLES = tuple(Example(input="x" * 40, output="y" * 8) for _ in range(600))


def agent(**more: Any) -> AgentProfile:
    sets = {"triage": ExampleSetConfig(file="triage.jsonl")}
    return AgentProfile(**{"name": "support", "examples": sets, **more})


def ground(**more: Any) -> Ground:
    known: dict[str, Any] = {
        "agent": agent(),
        "example_set": "triage",
        "examples": EXAMPLES,
        "digest": "d1",
        "told": TOLD,
    }
    return Ground(**{**known, **more})


def result(rung: Rung, score: float, tokens: float = 100, p95: float = 500) -> RungResult:
    return RungResult(
        rung=rung,
        model="big",
        n=100,
        score=score,
        ci=(score - 0.05, score + 0.05),
        latency_p50_ms=p95 / 2,
        latency_p95_ms=p95,
        tokens_in=tokens,
        tokens_out=10,
    )


def trial(*rungs: RungResult, **more: Any) -> Trial:
    known: dict[str, Any] = {
        "id": "t1",
        "at": "2026-05-03T10:00:00+00:00",
        "agent": "support",
        "metric": "exact match",
        "cases": "c",
        "n": 100,
        "model": "big",
        "rungs": rungs,
        "example_set": "triage",
        "examples": "d1",
        "versions": agent().versions_for("triage"),
    }
    return Trial(**{**known, **more})


FELL_SHORT = trial(result("prompt", 0.5), result("few_shot", 0.7, 900), target=0.9)
GATE = OpenGate(endpoint="ft", served=60, refused={"no-new-facts": 40})


def answer(advice: Advice, key: str) -> ChecklistAnswer:
    return next(row for row in advice.findings if row.key == key)


def test_where_nothing_was_measured_the_lowest_rung_is_tried_first() -> None:
    made = advise(ground(), COSTS)
    assert made.verdict == "try_first"
    assert made.headline == "Try first: prompt"
    assert (
        made.command
        == "agent-knowledge evaluate --agent support --set triage --cases FILE --target SCORE"
    )
    assert [row.rule for row in made.instead] == ["prompt-first"]
    ladder = answer(made, "ladder")
    assert (ladder.answer, ladder.tell) == ("unknown", made.command)


def test_a_rung_that_the_trial_left_out_is_tried_first() -> None:
    made = advise(ground(trials=(trial(result("prompt", 0.5)),)), COSTS)
    assert made.headline == "Try first: few_shot"
    assert "few_shot not measured" in made.why[0].text


def test_a_trial_on_other_examples_counts_for_nothing() -> None:
    made = advise(ground(digest="d2", trials=(FELL_SHORT,)), COSTS)
    assert made.verdict == "try_first"
    assert "no trial of support on triage since its examples changed" in made.why[0].text


def test_a_trial_of_another_prompt_or_model_counts_for_nothing() -> None:
    for changed in (ground(agent=agent(system_prompt="new")), ground(model="bigger")):
        made = advise(replace(changed, trials=(FELL_SHORT,)), COSTS)
        assert made.verdict == "try_first"
        assert "no trial of support on triage since" in made.why[0].text


def test_too_few_cases_prove_nothing() -> None:
    few = replace(FELL_SHORT, n=30)
    made = advise(ground(trials=(few,)), COSTS)
    assert made.verdict == "try_first"
    assert "30 cases were measured; 50 are needed" in made.why[0].text


def test_a_lower_rung_that_serves_ends_it() -> None:
    serves = replace(FELL_SHORT, recommended="few_shot", why="it meets 0.7")
    made = advise(ground(trials=(serves,)), COSTS)
    assert made.verdict == "dont"
    assert made.headline == "Don't fine-tune: ladder-tried"
    assert "few_shot serves: it meets 0.7" in made.why[0].text
    assert answer(made, "ladder").origin == "trial t1 of 2026-05-03"


def test_the_best_of_the_rungs_below_may_still_be_not_enough() -> None:
    best = replace(FELL_SHORT, target=None, recommended="few_shot", why="it beats prompt")
    made = advise(ground(trials=(best,)), COSTS)
    assert made.verdict == "try_first"
    assert "nobody said what would be enough: prompt 0.500, few_shot 0.700" in made.why[0].text


def test_it_may_pay_once_the_rungs_below_fell_short_and_all_is_known() -> None:
    costs = replace(COSTS, tuned_model="small", hosting_usd_per_month=100, volume_per_month=1e6)
    made = advise(ground(trials=(FELL_SHORT,)), costs)
    assert made.verdict == "may_pay"
    assert not made.instead
    assert made.command == ""
    # few_shot: 900 x $2 + 10 x $10 a million = $0.0019; the prompt's 100 x $0.5 + 10 x $2 =
    # $0.00007. Three runs (one and two changes) at $50 and $500: $12.50 and $125 a month, with
    # the host $112.50 and $225. Over $0.00183: 61,475 and 122,951 tasks.
    assert made.money
    assert made.money.break_even_per_month == pytest.approx((61_475.41, 122_950.82))
    assert made.headline == (
        "Fine-tuning may pay: it breaks even at no less than 61,500 to 123,000 tasks a month;"
        " 1,000,000 are above that"
    )


def test_what_it_saves_is_multiplied_by_the_share_that_its_gate_lets_it_serve() -> None:
    costs = replace(COSTS, tuned_model="small", hosting_usd_per_month=100)
    gated = ground(trials=(replace(FELL_SHORT, open_gate=GATE),))
    made = advise(gated, costs)
    # $0.00183 on six tasks of ten, as above: $112.50 and $225 over $0.001098.
    assert made.money
    assert made.money.break_even_per_month == pytest.approx((102_459.02, 204_918.03))
    assert made.headline == (
        "Fine-tuning may pay: it breaks even at 102,000 to 205,000 tasks a month,"
        " of which it would serve 60 %"
    )
    page = html.fromstring(render_advice(made)).text_content()
    assert "60 % of the trial's cases; the rest stays on few_shot" in page
    shut = replace(FELL_SHORT, open_gate=OpenGate(endpoint="ft", served=0, refused={"x": 100}))
    none = advise(ground(trials=(shut,)), costs)
    assert "its gate would let it serve none of the trial's cases" in none.headline


def test_a_share_that_no_trial_told_is_unknown_and_counts_as_all() -> None:
    page = render_advice(advise(ground(trials=(FELL_SHORT,)), COSTS))
    assert "unknown, counted as all" in page
    assert "Unknown: the share of the tasks that its gate would let it serve" in page


def test_rungs_below_that_fell_short_by_too_little_to_tell_leave_it_open() -> None:
    near = replace(FELL_SHORT, target=0.72)
    made = advise(ground(trials=(near,)), COSTS)
    assert made.headline.startswith("Try first: measure again")
    assert "more cases are needed to tell what reaches 0.72" in made.why[0].text


def test_what_nobody_knows_is_named_with_what_tells_it_and_never_guessed() -> None:
    made = advise(ground(trials=(FELL_SHORT,), told=Told()), COSTS)
    assert made.verdict == "unknown"
    assert made.headline == "Unknown: stable-data, no-new-facts, expertise-cost"
    tells = {row.key: row.tell for row in made.findings if row.stand == "unknown"}
    assert tells == {
        "changes": "--changes-per-year N",
        "facts": "--facts or --no-facts",
        "expertise": "--expertise or --no-expertise",
    }


@pytest.mark.parametrize(
    ("known", "rule"),
    [
        ({"agent": agent(policy=Policy(citations="always"))}, "no-citations"),
        ({"examples": EXAMPLES[:150]}, "enough-data"),
        ({"examples": EXAMPLES[:450]}, "enough-data"),
        ({"told": replace(TOLD, changes_per_year=52)}, "stable-data"),
        ({"told": replace(TOLD, facts=True)}, "no-new-facts"),
        ({"told": replace(TOLD, expertise=False)}, "expertise-cost"),
        ({"told": replace(TOLD, reason="latency")}, "fits-the-case"),
    ],
)
def test_each_broken_rule_ends_it_and_names_what_the_guide_offers(
    known: dict[str, Any], rule: str
) -> None:
    made = advise(ground(trials=(FELL_SHORT,), **known), COSTS)
    assert made.verdict == "dont"
    assert [row.rule for row in made.why] == [rule]
    assert made.instead
    assert all(row.text == RULES[row.rule].text for row in made.instead)


def test_all_broken_rules_are_named_in_the_guides_order() -> None:
    policy = Policy(citations="always")
    told = replace(TOLD, expertise=False)
    made = advise(ground(agent=agent(policy=policy), examples=EXAMPLES[:9], told=told), COSTS)
    assert [row.rule for row in made.why] == ["enough-data", "no-citations", "expertise-cost"]


def test_every_answer_has_a_rule_and_a_source_or_a_way_to_tell() -> None:
    policy = Policy(latency_budget_ms=300)
    sources = {"handbook": SourceConfig(path="docs", changes="weekly"), "faq": SourceConfig()}
    for g in (ground(), ground(agent=agent(policy=policy, sources=sources)), ground(told=Told())):
        for row in advise(g, COSTS).findings:
            assert row.rule in RULES
            assert row.origin or row.tell
            assert bool(row.tell) or row.stand != "unknown"


def test_an_endpoint_says_what_it_was_trained_on_and_for() -> None:
    endpoint = EndpointConfig.model_validate(
        {"model": "small", "serves": "triage", "reason": "style", "training": {"examples": 2400}}
    )
    served = agent(endpoint=endpoint, endpoint_name="ft")
    made = advise(ground(agent=served, examples=EXAMPLES[:9]), COSTS)
    assert answer(made, "examples").answer == "2,400"
    assert answer(made, "examples").origin == "endpoints.ft.training.examples"
    assert answer(made, "case").origin == "endpoints.ft.reason"


def test_an_endpoint_that_did_not_beat_a_rung_below_ends_it() -> None:
    endpoint = EndpointConfig(model="small", serves="triage")
    served = agent(endpoint=endpoint, endpoint_name="ft")
    low = RungComparison(
        rung="fine_tuned", against="few_shot", difference=0.1, ci=(-0.1, 0.3), n=100
    )
    rungs = (*FELL_SHORT.rungs, result("fine_tuned", 0.8))
    high = replace(low, against="prompt", ci=(0.1, 0.5))
    tried = replace(
        FELL_SHORT, rungs=rungs, comparisons=(low, high), endpoint="ft", endpoint_model="small"
    )
    made = advise(ground(agent=served, trials=(tried,)), COSTS)
    assert made.verdict == "dont"
    assert "ft did not beat few_shot on triage" in made.why[0].text
    won = replace(tried, comparisons=(replace(low, ci=(0.02, 0.18)), high))
    made = advise(ground(agent=served, trials=(won,)), COSTS)
    assert made.verdict == "may_pay"
    assert answer(made, "ladder").answer == "yes"


def test_passages_that_helped_in_a_trial_mean_that_facts_are_needed() -> None:
    sourced = agent(sources={"handbook": SourceConfig(path="docs")})
    helped = RungComparison(
        rung="retrieval", against="prompt", difference=0.3, ci=(0.2, 0.4), n=100
    )
    tried = replace(FELL_SHORT, comparisons=(helped,))
    told = replace(TOLD, facts=None)
    found = answer(advise(ground(agent=sourced, trials=(tried,), told=told), COSTS), "facts")
    assert (found.answer, found.stand) == ("yes", "against")
    gain = "+0.300 (+0.200 to +0.400)"
    assert found.origin == f"trial t1 of 2026-05-03: retrieval beside prompt {gain}"
    unclear = replace(tried, comparisons=(replace(helped, ci=(-0.1, 0.4)),))
    made = advise(ground(agent=sourced, trials=(unclear,), told=told), COSTS)
    assert answer(made, "facts").answer == "unknown"
    idle = replace(tried, comparisons=(replace(helped, ci=(-0.2, 0.01)),))
    made = advise(ground(agent=sourced, trials=(idle,), told=told), COSTS)
    assert answer(made, "facts").answer == "no"


def test_late_rungs_speak_for_it_and_rungs_in_time_do_not() -> None:
    for budget, said, stand in ((300, "no", "for"), (900, "yes", "neutral")):
        hasty = agent(policy=Policy(latency_budget_ms=budget))
        found = answer(advise(ground(agent=hasty, trials=(FELL_SHORT,)), COSTS), "latency")
        assert (found.answer, found.stand) == (said, stand)
        assert "prompt 500 ms, few_shot 500 ms" in found.text


def test_what_is_answered_sooner_is_multiplied_by_that_share_too() -> None:
    hasty = agent(policy=Policy(latency_budget_ms=300))
    rungs = (*FELL_SHORT.rungs, result("fine_tuned", 0.95, p95=100))

    def said(gate: OpenGate | None) -> str:
        tried = replace(FELL_SHORT, rungs=rungs, open_gate=gate)
        return answer(advise(ground(agent=hasty, trials=(tried,)), COSTS), "latency").text

    sooner = "fine_tuned is 200 ms sooner than few_shot (medians), on"
    assert said(GATE).endswith(f"{sooner} the 60 % that it would serve: 120 ms a task")
    assert said(None).endswith(f"{sooner} a share of the tasks that is unknown and counted as all")
    slow = replace(FELL_SHORT, rungs=(*FELL_SHORT.rungs, result("fine_tuned", 0.95, p95=900)))
    text = answer(advise(ground(agent=hasty, trials=(slow,)), COSTS), "latency").text
    assert "sooner" not in text


def test_tokens_come_from_the_trial_where_there_is_one() -> None:
    tuned = result("fine_tuned", 0.95, tokens=80)
    tried = replace(FELL_SHORT, rungs=(*FELL_SHORT.rungs, tuned))
    load = load_of(ground(trials=(tried,)))
    assert load
    assert (load.rung, load.below_in, load.tuned_in, load.estimated) == ("few_shot", 900, 80, False)
    assert load.origin == "trial t1 of 2026-05-03"
    bare = load_of(ground(trials=(FELL_SHORT,)))
    assert bare
    assert (bare.tuned_in, bare.estimated) == (100, True)
    assert "taken to be the bare one" in bare.origin


def test_tokens_are_an_estimate_where_nothing_was_measured() -> None:
    # Four characters a token: an input is 10 tokens, an output 2, four examples 48; the system
    # prompt's 20 characters are 5.
    load = load_of(ground(agent=agent(system_prompt="s" * 20)))
    assert load
    assert (load.rung, load.estimated) == ("few_shot", True)
    assert (load.below_in, load.below_out) == (5 + 10 + 48, 2)
    assert (load.tuned_in, load.saved_in) == (15, 48)
    capped = load_of(ground(agent=agent(policy=Policy(context_tokens=64)), examples=(BIG,) * 9))
    assert capped
    assert capped.saved_in == 64


BIG = Example(input="x" * 400, output="y" * 400)


def test_without_a_set_passages_are_what_is_saved_and_without_either_nothing() -> None:
    sourced = AgentProfile(name="a", sources={"handbook": SourceConfig(path="docs")})
    load = load_of(Ground(agent=sourced))
    assert load
    assert (load.rung, load.saved_in) == ("retrieval", 2000)
    assert load_of(Ground(agent=AgentProfile(name="a"))) is None
    assert advise(Ground(agent=AgentProfile(name="a")), COSTS).money is None


def test_terms_come_from_the_configuration_unless_told() -> None:
    endpoint = EndpointConfig(model="small", serves="triage", hosting_usd_per_month=70)
    served = ground(agent=agent(endpoint=endpoint, endpoint_name="ft"))
    terms = terms_of(served, COSTS)
    assert terms.tuned_price == PRICES["small"]
    assert (terms.hosting_usd_per_month, terms.runs_per_year) == (70, 3)
    assert terms.usd_per_run == (50, 500)
    told = replace(COSTS, hosting_usd_per_month=5, runs_per_year=9, usd_per_run=80)
    terms = terms_of(served, told)
    assert (terms.hosting_usd_per_month, terms.runs_per_year) == (5, 9)
    assert terms.usd_per_run == (80, 80)


def test_a_page_shows_the_verdict_the_answers_and_a_chart_and_escapes_names() -> None:
    hostile = ground(agent=agent(name="<script>"), trials=(FELL_SHORT,))
    page = render_advice(advise(hostile, replace(COSTS, volume_per_month=5_000)))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    for part in ("may pay", "expertise-cost", "your volume", "break-even", 'class="bar'):
        assert part in page


def test_a_page_without_a_price_has_figures_and_no_chart() -> None:
    page = render_advice(advise(ground(), replace(COSTS, prices={})))
    assert "<svg" not in page
    assert "unknown: the price of the model below is" in page


def test_the_packaged_model_costs_nothing_so_its_tokens_never_pay() -> None:
    made = advise(ground(), Costs(prices={}, model="extractive"))
    assert made.money
    assert made.money.outcome == "never"
    assert 'class="bar' in render_advice(made)


def test_a_configuration_has_the_words_that_changes_may_be() -> None:
    for word in ("never", "yearly", "monthly", "weekly", "daily", "hourly"):
        text = f"sources: {{s: {{path: d, changes: {word}}}}}\nagents: {{a: {{sources: [s]}}}}"
        config = KnowledgeConfig.parse(text)
        found = answer(advise(Ground(agent=config.agent("a")), COSTS), "documents")
        assert found.origin == f"sources.s.changes: {word}"
