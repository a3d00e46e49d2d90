"""What answers cost, by the configuration's table of prices."""

from __future__ import annotations

from collections.abc import Mapping

from agent_knowledge.config.schema import PriceConfig

PACKAGED = "extractive"
"""The packaged model runs on one's own machine and costs nothing."""
_FREE = PriceConfig(input=0, output=0)


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
