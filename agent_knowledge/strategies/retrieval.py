"""Retrieval: the passages that a plan's sources yield, best first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest

from agent_knowledge.errors import SourceError
from agent_knowledge.ports import PassageIndex, Retriever
from agent_knowledge.sources.fusion import fuse
from agent_knowledge.types import Passage, Plan, Probe


def retrieve(
    plan: Plan,
    probes: Mapping[str, Probe],
    index: PassageIndex | None,
    external: Mapping[str, Retriever],
) -> tuple[tuple[Passage, ...], tuple[str, ...]]:
    """Collect up to `plan.k` passages.

    The probes that measured coverage already hold the candidates of the indexed sources; they are
    fused together, so that the best passage of any source comes first. External sources keep
    their own order and take turns with them.

    Returns:
        The passages, and one line for each external source that failed.

    Raises:
        SourceError: Every source of the plan failed.
    """
    found: list[Sequence[Passage]] = []
    failed: list[str] = []
    chosen = [probes[name] for name in plan.sources if name in probes]
    if chosen and index is not None:
        found.append(index.passages(fuse(chosen)[: plan.k]))
    for name in plan.sources:
        if name in probes:
            continue
        try:
            found.append(_ask(name, plan, external))
        except SourceError as error:
            failed.append(str(error))
    if failed and not found:
        raise SourceError("; ".join(failed))
    return _take_turns(found)[: plan.k], tuple(failed)


def _ask(name: str, plan: Plan, external: Mapping[str, Retriever]) -> Sequence[Passage]:
    if name not in external:
        msg = f"source {name!r} is external; pass retrievers={{{name!r}: ...}} to load_router"
        raise SourceError(msg)
    try:
        return external[name].retrieve(plan.query, plan.k)
    except SourceError:
        raise
    except Exception as error:
        msg = f"source {name!r} failed ({type(error).__name__}: {error})"
        raise SourceError(msg) from error


def _take_turns(lists: Sequence[Sequence[Passage]]) -> tuple[Passage, ...]:
    turns = chain.from_iterable(zip_longest(*lists))
    return tuple(passage for passage in turns if passage is not None)
