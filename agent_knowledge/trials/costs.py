"""What fine-tuning costs and saves: training runs and a host against the tokens of a prompt.

The guide's costs are fixed (training, hosting, one more run for each update); what a fine-tuned
model saves grows with the number of tasks that its gate lets it serve; the others stay on the rung
below. Where the two meet is the volume at which it breaks even. What is unknown is counted as
nothing, so that a figure is then a lower bound, and named. Prices are the configuration's.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from agent_knowledge.config import KnowledgeConfig, expand, label
from agent_knowledge.config.sections import PriceConfig
from agent_knowledge.errors import ConfigError
from agent_knowledge.routing.rules import CHEAPEST_RUN_USD, DEAREST_RUN_USD
from agent_knowledge.trials.recommend import percent
from agent_knowledge.types import Rung

PACKAGED = "extractive"
"""The packaged model runs on one's own machine and costs nothing."""
_FREE = PriceConfig(input=0, output=0)


def prices_of(config: KnowledgeConfig) -> dict[str, PriceConfig]:
    """A configuration's prices, that of its default model also under what reports call it."""
    spec, key = config.models.default, "models.default"
    found = dict(config.prices)
    with suppress(ConfigError):  # a variable that is not set fails what calls the model
        model, name = expand(spec, key), label(spec, key)
        known = [found[n] for n in (model, model.partition(":")[2], spec) if n in found]
        if known:
            found.setdefault(name, known[0])
    return found


def price_of(prices: Mapping[str, PriceConfig], *names: str) -> PriceConfig | None:
    """The price of a model.

    Args:
        prices: By name, as configured.
        names: What the model goes by: its own name, with its provider or without, or its
            endpoint's; the first one that has a price counts.
    """
    for name in (*names, *(name.partition(":")[2] for name in names)):
        if name in prices:
            return prices[name]
    return _FREE if PACKAGED in names else None


def cost_usd(
    price: PriceConfig, tokens_in: float, tokens_out: float, tokens_cached: float = 0
) -> float:
    """What a prompt and its answer cost, in US dollars.

    Args:
        price: Of the model.
        tokens_in: Of the prompt.
        tokens_out: Of the answer.
        tokens_cached: Of the prompt's, what the provider had read already.
    """
    cached = price.input if price.cached_input is None else price.cached_input
    read = price.input * (tokens_in - tokens_cached) + cached * tokens_cached
    return (read + price.output * tokens_out) / 1_000_000


Range = tuple[float, float]
"""Least and most."""
Gap = Literal["price", "tuned_price", "runs_per_year", "hosting", "share"]
"""What the money rests on and nobody told."""
GAPS: dict[Gap, tuple[str, str]] = {
    "price": ("the price of the model below", "prices.MODEL in the configuration"),
    "tuned_price": (
        "the price of the fine-tuned model (counted as free)",
        "prices.MODEL in the configuration, and without an endpoint --tuned-model MODEL",
    ),
    "runs_per_year": (
        "training runs a year (counted as one)",
        "--runs-per-year N, or --changes-per-year N",
    ),
    "hosting": (
        "the host of the fine-tuned model (counted as free)",
        "--hosting-usd N, or hosting_usd_per_month of the endpoint",
    ),
    "share": (
        "the share of the tasks that its gate would let it serve (counted as all)",
        "agent-knowledge evaluate, with an endpoint for the set in the configuration",
    ),
}
"""What each gap is, and what tells it."""
_MONTHS = 12
"""Of a year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a task takes, in tokens.

    Attributes:
        rung: The rung that a fine-tuned model would stand in for.
        below_in: Prompt tokens of a task there.
        below_out: Answer tokens of a task there.
        tuned_in: Prompt tokens of a task for the fine-tuned model.
        tuned_out: Answer tokens of it.
        origin: Where the figures come from.
        estimated: They are no measurement.
    """

    rung: Rung
    below_in: float
    below_out: float
    tuned_in: float
    tuned_out: float
    origin: str
    estimated: bool

    @property
    def saved_in(self) -> float:
        """Prompt tokens of examples and passages that a task would save."""
        return self.below_in - self.tuned_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is known of prices and volumes; None where nobody told.

    Attributes:
        price: Of the model that answers on the rung below.
        tuned_price: Of the fine-tuned model.
        usd_per_run: Least and most of one training run; the guide's unless told.
        runs_per_year: Training runs in the first year: the first, and one for each update.
        hosting_usd_per_month: Of the fine-tuned model's host.
        volume_per_month: Tasks a month.
        share: Of the tasks, what the gate would let the fine-tuned model serve, 0..1.
    """

    price: PriceConfig | None = None
    tuned_price: PriceConfig | None = None
    usd_per_run: Range = (CHEAPEST_RUN_USD, DEAREST_RUN_USD)
    runs_per_year: float | None = None
    hosting_usd_per_month: float | None = None
    volume_per_month: float | None = None
    share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What fine-tuning costs and saves, and from which volume on it pays.

    Attributes:
        load: What a task takes.
        terms: Prices, training, hosting.
    """

    load: Load
    terms: Terms

    @property
    def training_usd_per_month(self) -> Range:
        """Training runs, spread over a year."""
        (least, most), told = self.terms.usd_per_run, self.terms.runs_per_year
        runs = 1.0 if told is None else told
        return runs * least / _MONTHS, runs * most / _MONTHS

    @property
    def fixed_usd_per_month(self) -> Range:
        """Training and hosting, whatever the volume."""
        least, most = self.training_usd_per_month
        hosting = self.terms.hosting_usd_per_month or 0
        return least + hosting, most + hosting

    @property
    def below_usd_per_task(self) -> float | None:
        """A task on the rung below; None where its price is unknown."""
        price, load = self.terms.price, self.load
        return cost_usd(price, load.below_in, load.below_out) if price else None

    @property
    def tuned_usd_per_task(self) -> float:
        """A task that the fine-tuned model serves."""
        return cost_usd(self.terms.tuned_price or _FREE, self.load.tuned_in, self.load.tuned_out)

    @property
    def share(self) -> float:
        """Of the tasks, what it serves, 0..1: all where nobody told."""
        return 1.0 if self.terms.share is None else self.terms.share

    @property
    def outcome(self) -> Literal["at", "never", "unknown"]:
        """It breaks even `at` a volume; `never`, as a task saves nothing; or `unknown`."""
        saved = self.saved_usd_per_task
        return "unknown" if saved is None else "at" if saved > 0 else "never"

    @property
    def break_even_per_month(self) -> Range | None:
        """Tasks a month at which both cost the same, from the cheapest training run to the dearest.

        None unless `outcome` is `at`.
        """
        saved, (least, most) = self.saved_usd_per_task, self.fixed_usd_per_month
        return (least / saved, most / saved) if saved and saved > 0 else None

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What is unknown. `price` leaves the outcome unknown; each other one is counted as least.

        That is no hosting, free tokens, a single run, every task served.
        """
        terms = self.terms
        known: dict[Gap, object] = {
            "price": terms.price,
            "tuned_price": terms.tuned_price,
            "runs_per_year": terms.runs_per_year,
            "hosting": terms.hosting_usd_per_month,
            "share": terms.share,
        }
        return tuple(gap for gap, value in known.items() if value is None)

    @property
    def lower_bound(self) -> bool:
        """Fine-tuning costs at least this, and breaks even at this volume at the earliest."""
        left_below = self.share < 1  # whose cost nobody knows without the price below
        return any(gap != "price" or left_below for gap in self.gaps)

    @property
    def saved_usd_per_task(self) -> float | None:
        """What a task costs less on average, whoever serves it; below 0 where it costs more."""
        if self.below_usd_per_task is None:
            return None
        return self.share * (self.below_usd_per_task - self.tuned_usd_per_task)

    def below_usd_per_month(self, volume: float) -> float | None:
        """The rung below, at a volume of tasks a month; None where its price is unknown."""
        return None if self.below_usd_per_task is None else volume * self.below_usd_per_task

    def tuned_usd_per_month(self, volume: float) -> Range:
        """The fine-tuned model, and the rung below for what it does not serve, at a volume."""
        least, most = self.fixed_usd_per_month
        below = (1 - self.share) * (self.below_usd_per_task or 0)
        tasks = volume * (self.share * self.tuned_usd_per_task + below)
        return least + tasks, most + tasks


def about(number: float) -> str:
    """A number to three digits, as an estimate bears: 1,300,000."""
    return f"{float(f'{number:.3g}'):,.0f}"


def about_range(span: Range) -> str:
    """Two of them, or one where they are the same."""
    least, most = map(about, span)
    return least if least == most else f"{least} to {most}"


def money_rows(money: Money) -> list[tuple[str, str]]:
    """What is reckoned, as names and figures; of use in any table."""
    load, terms, below = money.load, money.terms, money.below_usd_per_task
    runs = "1 at least" if terms.runs_per_year is None else f"{terms.runs_per_year:,.3g}"
    rows = [
        ("figures", load.origin),
        ("prompt tokens below", f"{load.below_in:,.0f} a task on {load.rung}"),
        ("prompt tokens fine-tuned", f"{load.tuned_in:,.0f} a task ({load.saved_in:,.0f} saved)"),
        ("tasks that it would serve", _share(money)),
        ("1,000 tasks below", usd(below and below * 1_000)),
        ("1,000 tasks fine-tuned", _at_least(money, "tuned_price", money.tuned_usd_per_task)),
        ("training runs in the first year", runs),
        ("a training run", usd_range(terms.usd_per_run)),
        ("training a month", usd_range(money.training_usd_per_month)),
        ("hosting a month", usd(terms.hosting_usd_per_month)),
        ("break-even, tasks a month", break_even(money)),
    ]
    volume = terms.volume_per_month
    if volume is not None:
        rows.append((f"{volume:,.0f} tasks below", usd(money.below_usd_per_month(volume))))
        tuned = usd_range(money.tuned_usd_per_month(volume))
        least = f"{tuned}{' at least' * money.lower_bound}"
        rows.append((f"{volume:,.0f} tasks fine-tuned", least))
    return rows


def break_even(money: Money) -> str:
    """The volume at which it breaks even, in words."""
    even = money.break_even_per_month
    if even is None:
        if money.outcome == "unknown":
            return "unknown: the price of the model below is"
        return f"never: {no_saving(money)}"
    return f"{about_range(even)}{', at least' * money.lower_bound}"


def no_saving(reckoned: Money) -> str:
    """Why a task saves nothing, in words."""
    if reckoned.share == 0:
        return "its gate would let it serve none of the trial's cases"
    return "a task costs no less on the fine-tuned model"


def _share(money: Money) -> str:
    if money.terms.share is None:
        return "unknown, counted as all"
    return f"{percent(money.share)} of the trial's cases; the rest stays on {money.load.rung}"


def _at_least(money: Money, gap: Gap, usd_per_task: float) -> str:
    figure = usd(usd_per_task * 1_000)
    return f"{figure} at least" if gap in money.gaps else figure


def usd(amount: float | None) -> str:
    """An amount in dollars: cents from a dollar on, below it as many digits as tell it."""
    if amount is None:
        return "unknown"
    return f"${amount:,.2f}" if amount >= 1 or amount == 0 else f"${amount:.3g}"


def usd_range(span: Range) -> str:
    """Two amounts, or one where they are the same."""
    least, most = map(usd, span)
    return least if least == most else f"{least} to {most}"
