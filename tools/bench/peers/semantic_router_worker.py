"""semantic-router behind JSON lines, in the virtual environment that its client makes.

A line in: `{"train": [[text, route], ...], "judge": [text, ...]}`.
A line out: `{"named": [route or null, ...], "confidence": [number, ...], "how": text}`.

Its guide says to fit on queries that no route holds, so some training rows are kept from the routes
while it fits, and given to them afterwards. Of its three ways to add up the nearest
utterances it takes the one that its own report of the fit finds the most accurate. Fits and
judgements run on a loop of our own, since its own hands every query to a thread, at ten times the
cost.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from semantic_router import IndexedRouter, Route  # pyright: ignore[reportMissingImports]
from semantic_router.encoders import DenseEncoder  # pyright: ignore[reportMissingImports]

from agent_knowledge.models.minilm import MiniLM

HELD = 200
"""Training rows that it is fitted on; a tenth of them where that is fewer."""
AGGREGATIONS = ("mean", "max", "sum")
Row = Sequence[str]
"""A text and its route."""

_MINILM = MiniLM()
_KNOWN: dict[str, list[float]] = {}


class Encoder(DenseEncoder):  # pyright: ignore[reportUntypedBaseClass]
    """The packaged MiniLM, embedding each text once."""

    name: str = "minilm"

    def __call__(self, docs: list[Any]) -> list[list[float]]:
        """Embed texts."""
        new = [text for text in dict.fromkeys(docs) if text not in _KNOWN]
        _KNOWN.update(zip(new, _MINILM.embed(new).tolist(), strict=True))
        return [_KNOWN[text] for text in docs]


def main() -> None:
    """Answer until the input ends."""
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Fit and judge."""
    router, how = fit(request["train"])
    choices = asyncio.run(_choices(router, request["judge"]))
    return {
        "named": [choice.name for choice in choices],
        "confidence": [choice.confidence for choice in choices],
        "how": how,
    }


def fit(rows: Sequence[Row]) -> tuple[Any, str]:
    """Route by the rows, with the confidence and the aggregation that its own fit finds best."""
    step = max(10, len(rows) // HELD)
    held, kept = rows[::step], [row for place, row in enumerate(rows) if place % step]
    asked, names = [text for text, _ in held], [name for _, name in held]
    fits: list[tuple[float, str, Any]] = []
    for aggregation in AGGREGATIONS:
        router = _router(kept, aggregation=aggregation)
        report = asyncio.run(router.afit(asked, names))
        fits.append((report.accuracy, aggregation, router.calibrator))
    _, best, calibrator = max(fits, key=lambda made: made[0])
    how = f"semantic-router {version('semantic-router')}, aggregation {best}"
    return _router(rows, aggregation=best, calibrator=calibrator), how


async def _choices(router: Any, texts: Sequence[str]) -> list[Any]:
    return [await router.acall(text) for text in texts]


def _router(rows: Sequence[Row], **options: Any) -> Any:
    routes = [
        Route(name=name, utterances=[text for text, of in rows if of == name])
        for name in sorted({of for _, of in rows})
    ]
    return IndexedRouter(encoder=Encoder(), routes=routes, **options)


if __name__ == "__main__":
    main()
