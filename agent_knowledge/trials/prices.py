"""What answers cost, by the configuration's table of prices."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from agent_knowledge.config import KnowledgeConfig, expand, label
from agent_knowledge.config.sections import PriceConfig
from agent_knowledge.errors import ConfigError

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


def cost_usd(price: PriceConfig, tokens_in: float, tokens_out: float) -> float:
    """What a prompt and its answer cost, in US dollars."""
    return (price.input * tokens_in + price.output * tokens_out) / 1_000_000
