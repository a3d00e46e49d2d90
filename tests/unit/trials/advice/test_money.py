"""What fine-tuning costs and saves, against figures worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent_knowledge.config.sections import PriceConfig
from agent_knowledge.trials.costs import Load, Money, Terms, about_range

LOAD = Load(
    rung="few_shot",
    below_in=900,
    below_out=10,
    tuned_in=100,
    tuned_out=10,
    origin="by hand",
    estimated=True,
)
TERMS = Terms(
    price=PriceConfig(input=2, output=10),
    tuned_price=PriceConfig(input=4, output=10),
    runs_per_year=6,
    hosting_usd_per_month=120,
    share=1.0,
)


def test_the_break_even_is_where_what_is_saved_pays_for_training_and_hosting() -> None:
    made = Money(load=LOAD, terms=TERMS)
    # Below: 900 tokens at $2 and 10 at $10 a million: 0.0018 + 0.0001 = $0.0019.
    assert made.below_usd_per_task == pytest.approx(0.0019)
    # Fine-tuned: 100 tokens at $4 and 10 at $10: 0.0004 + 0.0001 = $0.0005. Saved: $0.0014.
    assert made.tuned_usd_per_task == pytest.approx(0.0005)
    assert made.saved_usd_per_task == pytest.approx(0.0014)
    # 6 runs a year at $50 and $500 are $300 and $3,000 a year: $25 and $250 a month.
    assert made.training_usd_per_month == pytest.approx((25, 250))
    # With the host: $145 and $370. Over $0.0014: 103,571 and 264,286 tasks.
    assert made.fixed_usd_per_month == pytest.approx((145, 370))
    assert made.outcome == "at"
    assert made.break_even_per_month == pytest.approx((103_571.43, 264_285.71))
    assert (made.gaps, made.lower_bound) == ((), False)


def test_at_the_break_even_both_cost_the_same() -> None:
    made = Money(load=LOAD, terms=TERMS)
    assert made.break_even_per_month
    least, most = made.break_even_per_month
    assert made.below_usd_per_month(least) == pytest.approx(made.tuned_usd_per_month(least)[0])
    assert made.below_usd_per_month(most) == pytest.approx(made.tuned_usd_per_month(most)[1])


def test_a_month_costs_what_its_tasks_and_the_fixed_part_cost() -> None:
    made = Money(load=LOAD, terms=TERMS)
    # 200,000 tasks: $380 below; fine-tuned $100 for tokens beside $145 and $370.
    assert made.below_usd_per_month(200_000) == pytest.approx(380)
    assert made.tuned_usd_per_month(200_000) == pytest.approx((245, 470))


def test_tasks_that_the_gate_leaves_to_the_rung_below_save_nothing() -> None:
    made = Money(load=LOAD, terms=replace(TERMS, share=0.8))
    # $0.0014 on eight tasks of ten: $0.00112 a task. $145 and $370 over it: 129,464 and 330,357.
    assert made.saved_usd_per_task == pytest.approx(0.00112)
    assert made.break_even_per_month == pytest.approx((129_464.29, 330_357.14))
    # 200,000 tasks: 160,000 fine-tuned at $0.0005 and 40,000 below at $0.0019 are $156.
    assert made.tuned_usd_per_month(200_000) == pytest.approx((301, 526))
    assert made.break_even_per_month
    least, most = made.break_even_per_month
    assert made.below_usd_per_month(least) == pytest.approx(made.tuned_usd_per_month(least)[0])
    assert made.below_usd_per_month(most) == pytest.approx(made.tuned_usd_per_month(most)[1])


def test_a_gate_that_lets_nothing_through_never_pays() -> None:
    made = Money(load=LOAD, terms=replace(TERMS, share=0))
    assert (made.outcome, made.break_even_per_month) == ("never", None)


def test_an_unknown_share_counts_as_all_and_makes_a_lower_bound() -> None:
    made = Money(load=LOAD, terms=replace(TERMS, share=None))
    assert made.break_even_per_month == Money(load=LOAD, terms=TERMS).break_even_per_month
    assert (made.gaps, made.lower_bound) == (("share",), True)


def test_what_stays_on_a_rung_of_unknown_price_makes_a_lower_bound() -> None:
    made = Money(load=LOAD, terms=replace(TERMS, share=0.8, price=None))
    assert (made.gaps, made.lower_bound) == (("price",), True)
    assert made.tuned_usd_per_month(200_000) == pytest.approx((225, 450))


def test_one_price_of_a_run_gives_one_break_even() -> None:
    # 6 runs at $140 are $70 a month, with the host $190: 190 / 0.0014 = 135,714.
    made = Money(load=LOAD, terms=replace(TERMS, usd_per_run=(140, 140)))
    assert made.break_even_per_month == pytest.approx((135_714.29, 135_714.29))
    assert about_range(made.break_even_per_month or (0, 0)) == "136,000"


def test_it_never_pays_where_a_task_costs_no_less() -> None:
    # 100 tokens at $18 and 10 at $10: 0.0018 + 0.0001 = $0.0019, as below.
    dear = replace(TERMS, tuned_price=PriceConfig(input=18, output=10))
    assert Money(load=LOAD, terms=dear).outcome == "never"
    assert Money(load=LOAD, terms=dear).break_even_per_month is None
    free = replace(TERMS, price=PriceConfig(input=0, output=0))
    assert Money(load=LOAD, terms=free).outcome == "never"


def test_an_unknown_price_below_leaves_the_break_even_unknown() -> None:
    made = Money(load=LOAD, terms=replace(TERMS, price=None))
    assert (made.outcome, made.break_even_per_month) == ("unknown", None)
    assert made.saved_usd_per_task is None
    assert made.below_usd_per_month(1_000) is None
    assert (made.gaps, made.lower_bound) == (("price",), False)


def test_what_is_unknown_counts_as_nothing_and_makes_a_lower_bound() -> None:
    price = PriceConfig(input=2, output=10)
    made = Money(load=LOAD, terms=Terms(price=price))
    # One run a year: $4.17 and $41.67 a month, no host, free tokens: over $0.0019 a task.
    assert made.fixed_usd_per_month == pytest.approx((4.1667, 41.6667), rel=1e-4)
    assert made.break_even_per_month == pytest.approx((2_192.98, 21_929.82), abs=0.01)
    assert made.gaps == ("tuned_price", "runs_per_year", "hosting", "share")
    assert made.lower_bound
    for known in (TERMS, replace(TERMS, hosting_usd_per_month=None)):
        fuller = Money(load=LOAD, terms=replace(known, price=price)).break_even_per_month
        assert fuller
        assert fuller[0] > made.break_even_per_month[0]


def test_a_host_of_nothing_is_no_gap() -> None:
    assert Money(load=LOAD, terms=replace(TERMS, hosting_usd_per_month=0)).gaps == ()
