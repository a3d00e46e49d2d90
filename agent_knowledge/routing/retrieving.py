"""Retrieval: the passages that a plan's sources yield, best first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain, zip_longest
from typing import NamedTuple

from agent_knowledge.config import SourceConfig
from agent_knowledge.errors import SourceError, without_password
from agent_knowledge.ports import PassageIndex
from agent_knowledge.retrieval.fusion import fuse
from agent_knowledge.retrieval.joined import missing_tenant
from agent_knowledge.retrieval.reading.fields import tenant_of
from agent_knowledge.routing.admission import LOOKED_AT, admit
from agent_knowledge.routing.reranking import Ordered
from agent_knowledge.routing.resources import Shelf
from agent_knowledge.types import Passage, Plan
from agent_knowledge.types.filters import Fields, Filter
from agent_knowledge.types.search import CANDIDATES, Hit, Hits, Query, SearchResult

_SEARCHES = 3
"""Times that a task is searched for at most: a hit is lost only to an index run that ends between
the search and the reading, which it hardly does twice."""
_FOUND_FIRST = 2
"""Best passages whose text is followed to what it names, for a task of several look-ups."""


class Retrieved(NamedTuple):
    """What a plan's sources yield.

    Attributes:
        passages: Best first.
        left_out: One line for each source that failed, for a reranker that did, and for each
            passage that was left out for what it says to a model.
        reranked_by: Who put them into their order; None where the search did.
    """

    passages: tuple[Passage, ...]
    left_out: tuple[str, ...]
    reranked_by: str | None = None


def retrieve(plan: Plan, results: Mapping[str, SearchResult], shelf: Shelf) -> Retrieved:
    """Collect up to `plan.k` passages that may be shown.

    The searches that measured coverage have found the candidates already; they are fused together,
    so that the best passage of any source comes first. External sources keep their own order and
    take turns with them. A reranker orders all of them together.

    Raises:
        SourceError: Every source of the plan failed.
    """
    found: list[Sequence[Passage]] = []
    asked = [results[name] for name in plan.sources if name in results]
    chosen, failed = _answered(asked)
    if chosen and shelf.index is not None:
        passages, lost = _read(plan, chosen, shelf.index, shelf)
        found.append(passages)
        failed += lost
    for name in plan.sources:
        if name in results:
            continue
        try:
            found.append(_ask(name, plan, shelf))
        except SourceError as error:
            failed.append(str(error))
    if failed and not found:
        raise SourceError("; ".join(dict.fromkeys(failed)))
    ordered = Ordered(passages=_take_turns(found))
    if shelf.reranking:
        ordered = shelf.reranking.order(plan.query, ordered.passages)
    admitted = admit(ordered.passages, plan.k, shelf.screener)
    lines = dict.fromkeys((*failed, ordered.failure))
    left_out = (*filter(None, lines), *admitted.left_out)
    return Retrieved(admitted.items, left_out, ordered.reranked_by)


def _answered(results: Iterable[SearchResult]) -> tuple[list[SearchResult], list[str]]:
    """The answers of sources that could be asked, and why the others could not."""
    made = list(results)
    return [one for one in made if not one.failure], [one.failure for one in made if one.failure]


def _read(
    plan: Plan, chosen: Sequence[SearchResult], index: PassageIndex, shelf: Shelf
) -> tuple[tuple[Passage, ...], list[str]]:
    """Read the best; what was indexed anew since the search is searched once more.

    Returns:
        The passages, and why sources that had answered could not be asked again.
    """
    passages: tuple[Passage, ...] = ()
    failed: list[str] = []
    most = max(LOOKED_AT * plan.k, shelf.reranking.top if shelf.reranking else 0)
    for _ in range(_SEARCHES):
        hits = _look_twice(plan, chosen, index, shelf) if plan.multi_hop else fuse(chosen)
        hits = hits[:most]
        passages = index.passages(hits, shelf.scope)
        if len(passages) == len(hits):
            break
        query, names = chosen[0].query, [result.source for result in chosen]
        again = index.search([query], names, CANDIDATES, shelf.scope)[0]
        chosen, lost = _answered(again.values())
        failed += lost
    return passages, failed


def _look_twice(
    plan: Plan, chosen: Sequence[SearchResult], index: PassageIndex, shelf: Shelf
) -> tuple[Hit, ...]:
    """Unite what the question finds, what its parts find, and what the best of that names.

    Following what a passage names to the document that goes by it is the second look-up of a
    question such as "where was the director of X born", whose answer shares no word with it.
    """
    names = [result.source for result in chosen]
    vectors = shelf.embedder.embed(plan.sub_queries)
    asked = [
        Query(text=text, vector=vector)
        for text, vector in zip(plan.sub_queries, vectors, strict=True)
    ]
    parts = index.search(asked, names, CANDIDATES, shelf.scope) if asked else []
    first = fuse(chosen, parts)[:_FOUND_FIRST]
    further = index.related(chosen[0].query, first, names, CANDIDATES, shelf.scope)
    return fuse([_with_further(result, further) for result in chosen], parts)


def _with_further(result: SearchResult, further: Mapping[str, Hits]) -> SearchResult:
    if result.source not in further:
        return result
    return replace(result, hits=result.hits.joined(further[result.source]))


def _ask(name: str, plan: Plan, shelf: Shelf) -> Sequence[Passage]:
    """Ask an external source, which heeds no scope by itself: what lies outside is left out."""
    if name not in shelf.external:
        msg = f"source {name!r} is external; pass retrievers={{{name!r}: ...}} to load_router"
        raise SourceError(msg)
    spec = shelf.bounds.get(name, _UNBOUND)
    if spec.tenant and not shelf.scope.tenant:
        raise missing_tenant(name)
    within = Filter.of(spec.filter).joined(shelf.scope.filter)
    bounded = bool(within or spec.tenant)
    try:
        found = shelf.external[name].retrieve(plan.query, plan.k * (LOOKED_AT if bounded else 1))
    except SourceError:
        raise
    except Exception as error:
        why = without_password(str(error))
        msg = f"source {name!r} failed ({type(error).__name__}: {why})"
        raise SourceError(msg) from error
    if not bounded:
        return found
    return [one for one in found if _lies_within(one, within, spec.tenant, shelf.scope.tenant)]


_UNBOUND = SourceConfig(external=True)


def _lies_within(passage: Passage, within: Filter, field: str | None, tenant: str | None) -> bool:
    own = {"document": passage.document, "title": passage.title, "uri": passage.uri}
    fields: Fields = {**own, **({"date": passage.date} if passage.date else {}), **passage.fields}
    return within.matches(fields) and (field is None or tenant_of(fields, field) == tenant)


def _take_turns(lists: Sequence[Sequence[Passage]]) -> tuple[Passage, ...]:
    turns = chain.from_iterable(zip_longest(*lists))
    return tuple(passage for passage in turns if passage is not None)
