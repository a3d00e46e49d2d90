"""Retrieval: the passages that a plan's sources yield, best first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain, zip_longest

from agent_knowledge.errors import SourceError
from agent_knowledge.ports import Embedder, PassageIndex, Retriever
from agent_knowledge.retrieval.fusion import fuse
from agent_knowledge.routing.admission import LOOKED_AT, admit
from agent_knowledge.routing.resources import Shelf
from agent_knowledge.types import Passage, Plan
from agent_knowledge.types.search import CANDIDATES, Hit, Hits, Query, SearchResult

_SEARCHES = 3
"""Times that a task is searched for at most: a hit is lost only to an index run that ends between
the search and the reading, which it hardly does twice."""
_FOUND_FIRST = 2
"""Best passages whose text is followed to what it names, for a task of several look-ups."""


def retrieve(
    plan: Plan, results: Mapping[str, SearchResult], shelf: Shelf
) -> tuple[tuple[Passage, ...], tuple[str, ...]]:
    """Collect up to `plan.k` passages that may be shown.

    The searches that measured coverage have found the candidates already; they are fused together,
    so that the best passage of any source comes first. External sources keep their own order and
    take turns with them.

    Returns:
        The passages, and one line for each external source that failed and each passage that was
        left out for what it says to a model.

    Raises:
        SourceError: Every source of the plan failed.
    """
    found: list[Sequence[Passage]] = []
    failed: list[str] = []
    chosen = [results[name] for name in plan.sources if name in results]
    if chosen and shelf.index is not None:
        found.append(_read(plan, chosen, shelf.index, shelf.embedder))
    for name in plan.sources:
        if name in results:
            continue
        try:
            found.append(_ask(name, plan, shelf.external))
        except SourceError as error:
            failed.append(str(error))
    if failed and not found:
        raise SourceError("; ".join(failed))
    admitted = admit(_take_turns(found), plan.k, shelf.screener)
    return admitted.items, (*failed, *admitted.left_out)


def _read(
    plan: Plan, chosen: Sequence[SearchResult], index: PassageIndex, embedder: Embedder
) -> tuple[Passage, ...]:
    """Read the best; what was indexed anew since the search is searched once more."""
    passages: tuple[Passage, ...] = ()
    for _ in range(_SEARCHES):
        hits = _look_twice(plan, chosen, index, embedder) if plan.multi_hop else fuse(chosen)
        hits = hits[: LOOKED_AT * plan.k]
        passages = index.passages(hits)
        if len(passages) == len(hits):
            break
        query, names = chosen[0].query, [result.source for result in chosen]
        chosen = list(index.search([query], names, CANDIDATES)[0].values())
    return passages


def _look_twice(
    plan: Plan, chosen: Sequence[SearchResult], index: PassageIndex, embedder: Embedder
) -> tuple[Hit, ...]:
    """Unite what the question finds, what its parts find, and what the best of that names.

    Following what a passage names to the document that goes by it is the second look-up of a
    question such as "where was the director of X born", whose answer shares no word with it.
    """
    names = [result.source for result in chosen]
    vectors = embedder.embed(plan.sub_queries)
    asked = [
        Query(text=text, vector=vector)
        for text, vector in zip(plan.sub_queries, vectors, strict=True)
    ]
    parts = index.search(asked, names, CANDIDATES) if asked else []
    first = fuse(chosen, parts)[:_FOUND_FIRST]
    further = index.related(chosen[0].query, first, names, CANDIDATES)
    return fuse([_with_further(result, further) for result in chosen], parts)


def _with_further(result: SearchResult, further: Mapping[str, Hits]) -> SearchResult:
    if result.source not in further:
        return result
    return replace(result, hits=result.hits.joined(further[result.source]))


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
