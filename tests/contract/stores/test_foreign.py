"""Vector stores and retrievers of others as sources: tried with those of LangChain for real."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_chroma import Chroma
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import InMemoryVectorStore, VectorStore
from langchain_qdrant import QdrantVectorStore
from qdrant_client.models import Distance
from test_contract_filters import ANEW, METADATA
from test_contract_filters import FILTERS as ANY

from agent_knowledge import KnowledgeConfig, load_router
from agent_knowledge.errors import (
    ConfigError,
    SourceError,
    StoreUnavailableError,
    TenantMissingError,
)
from agent_knowledge.retrieval.others.finders import finder_of
from agent_knowledge.retrieval.others.index import ForeignIndex, ForeignSource
from agent_knowledge.testing import HashEmbedder
from agent_knowledge.types import Passage
from agent_knowledge.types.filters import EVERYTHING, Filter, Scope
from agent_knowledge.types.search import COSINE, Query, SearchResult

OURS = HashEmbedder(64)
TOPICS = ("refund", "parcel", "island", "voucher", "garden", "ladder", "kettle", "harbour")


class Embedding(Embeddings):
    """The hash embedder as LangChain has it; turned, it is another model's space."""

    def __init__(self, turned: bool = False) -> None:
        self.turned = turned

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        vectors = OURS.embed(texts)
        return (np.roll(vectors, 7, axis=1) if self.turned else vectors).tolist()

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def texts(count: int = 96) -> list[str]:
    return [
        f"Note {i} about a {TOPICS[i % 8]} and the {TOPICS[i // 8 % 8]} number{i} of it."
        for i in range(count)
    ]


def metadata(count: int = 96) -> list[dict[str, Any]]:
    return [
        {
            "year": 2000 + i % 12,
            "lang": ("en", "de", 'f"r')[i % 3],
            "open": i % 2 == 0,
            "weight": i / 4,
            "tenant": ("acme", "beta")[i % 2],
            "title": f"Note {i}",
            **({"team": "post"} if i % 5 == 0 else {}),
        }
        for i in range(count)
    ]


def in_memory(embedding: Embeddings) -> VectorStore:
    return InMemoryVectorStore(embedding)


def chroma(embedding: Embeddings) -> VectorStore:
    return Chroma(f"notes-{next(_NUMBERS)}", embedding)  # squared distances


def qdrant(embedding: Embeddings) -> VectorStore:
    return QdrantVectorStore.construct_instance(embedding, client_options={"location": ":memory:"})


def qdrant_distance(embedding: Embeddings) -> VectorStore:
    return QdrantVectorStore.construct_instance(
        embedding, client_options={"location": ":memory:"}, distance=Distance.EUCLID
    )


_NUMBERS = count()
STORES = {"in_memory": in_memory, "chroma": chroma, "qdrant": qdrant}
Make = Callable[[Embeddings], VectorStore]


@pytest.fixture(params=STORES)
def make(request: pytest.FixtureRequest) -> Make:
    return STORES[request.param]


def filled(make: Make, *, turned: bool = False) -> VectorStore:
    store = make(Embedding(turned))
    store.add_texts(texts(), metadata())
    return store


def index_of(given: object, tenant: str | None = None, folder: Path | None = None) -> ForeignIndex:
    source = ForeignSource(name="notes", description="Notes about a refund", tenant=tenant)
    return ForeignIndex(source, finder_of("notes", given, OURS), folder)


def ask(
    index: ForeignIndex, text: str, k: int = 50, scope: Scope = EVERYTHING
) -> tuple[SearchResult, list[Passage]]:
    query = Query(text=text, vector=OURS.embed([text])[0])
    result = index.search([query], ["notes"], k, scope)[0]["notes"]
    hits = sorted(result.hits, key=lambda hit: -hit.dense)
    return result, list(index.passages(hits, scope))


def test_scores_of_our_own_embedding_become_its_cosines(make: Make):
    result, passages = ask(index_of(filled(make)), texts()[17])
    assert passages[0].text == texts()[17]
    assert passages[0].title == "Note 17"
    cosines = OURS.embed([one.text for one in passages]) @ result.query.vector
    hits = sorted(result.hits, key=lambda hit: -hit.dense)
    assert result.scale == COSINE
    assert [hit.dense for hit in hits] == pytest.approx(cosines.tolist(), abs=5e-3)
    assert result.usual == pytest.approx(
        (OURS.embed(texts()) @ result.query.vector).mean(), abs=0.05
    )


@pytest.mark.parametrize("make", [in_memory, chroma, qdrant, qdrant_distance])
def test_distances_and_similarities_are_told_apart(make: Make):
    index = index_of(filled(make, turned=True))
    held, _ = ask(index, texts()[17])
    other, _ = ask(index, "Who wrote the opera about whales?")
    assert held.scale not in {COSINE, other.query.text}
    assert held.cosine > other.cosine
    assert held.cosine > held.statistics.near > held.usual


def test_coverage_tells_what_is_there_from_what_is_not(make: Make, tmp_path: Path):
    config = KnowledgeConfig.parse(
        f"store: {{path: {tmp_path}}}\n"
        "sources: {notes: {external: true, description: Notes about a refund}}\n"
        "agents: {x: {sources: [notes]}}"
    )
    router = load_router(config, embedding=OURS, retrievers={"notes": filled(make)})
    held = [router.route(f"What about the refund number{i}?") for i in range(0, 96, 8)]
    gaps = [router.route(f"How do whales sing in ocean {i}?") for i in range(12)]
    told = [[d.signals.coverage["notes"] for d in decisions] for decisions in (held, gaps)]
    assert np.mean(np.array(told[0])[:, None] > np.array(told[1])[None, :]) > 0.9


FILTERS: Sequence[dict[str, Any]] = (
    {"lang": "de"},
    {"lang": 'f"r'},
    {"year": 2003},
    {"year": 2003.0},
    {"weight": 2.5},
    {"weight": 3},
    {"open": True},
    {"lang": ["de", "xx"], "open": False},
    {"year": {"gte": 2003, "lt": 2007}},
    {"weight": {"gt": 3}},
    {"team": {"exists": True}},
    {"team": {"exists": False}, "year": 2001},
    {"title": "Note 17"},
    {"year": "2003"},
    {"team' OR 1=1 --": "x"},
    {"$or": "x"},
    {"lang": "x' OR '1'='1"},
)


@pytest.mark.parametrize("written", FILTERS, ids=str)
def test_each_langchain_store_is_filtered(make: Make, written: dict[str, Any]):
    index = index_of(filled(make))
    scope = Scope(filter=Filter.of(written))
    result, passages = ask(index, "Note about a refund", scope=scope)
    wanted = {
        text
        for text, fields in zip(texts(), metadata(), strict=True)
        if scope.filter.matches(fields)
    }
    assert {one.text for one in passages} <= wanted
    assert len(result.hits) == min(50, len(wanted))


def kept(metadata: dict[str, Any], make: Make) -> dict[str, Any]:
    """What of any metadata a store takes; Chroma has no mixed lists, and no range over lists."""
    if make is not chroma:
        return metadata
    plain = {
        name: value
        for name, value in metadata.items()
        if not name.startswith("$")
        and (not isinstance(value, list) or (value and all(isinstance(v, str) for v in value)))
    }
    return {"kept": True, **plain}


@ANEW
@given(metadata=st.lists(METADATA, min_size=1, max_size=12), filters=st.lists(ANY, max_size=6))
def test_a_filter_finds_all_that_a_scan_finds_and_nothing_else(
    make: Make, metadata: Sequence[dict[str, Any]], filters: Sequence[dict[str, object]]
):
    store = make(Embedding())
    store.add_texts(
        [f"apple n{n}" for n in range(len(metadata))], [kept(m, make) for m in metadata]
    )
    index = index_of(store)
    _, everything = ask(index, "apple")
    assert len(everything) == len(metadata)
    for written in filters:
        scope = Scope(filter=Filter.of(written))
        result, _ = ask(index, "apple", scope=scope)
        expected = {one.text for one in everything if scope.filter.matches(one.fields)}
        assert {one.text for one in index.passages(list(result.hits))} == expected
        assert result.statistics.passages == len(expected)


def test_what_lies_outside_a_filter_is_not_measured(make: Make):
    store = make(Embedding())
    store.add_texts(["open daily", "zebra crossing"], [{"lang": "en"}, {"lang": "de"}])
    result, _ = ask(index_of(store), "zebra", scope=Scope(filter=Filter.of({"lang": "en"})))
    assert (len(result.hits), result.known, result.terms_found) == (1, 0, 0)


def test_no_tenant_sees_another(make: Make):
    index = index_of(filled(make), tenant="tenant")
    scope = Scope(tenant="acme")
    result, passages = ask(index, texts()[17], scope=scope)  # a text of the other's
    assert len(passages) == 48
    assert {one.fields["tenant"] for one in passages} == {"acme"}
    assert (
        index.passages([*ask(index, texts()[17], scope=Scope(tenant="beta"))[0].hits], scope) == ()
    )
    assert ask(index, "refund", scope=Scope(tenant="nobody"))[1] == []
    with pytest.raises(TenantMissingError, match="keeps its tenants apart"):
        ask(index, "refund")
    with pytest.raises(TenantMissingError, match="keeps its tenants apart"):
        index.statistics("notes")
    widened = Scope(tenant="acme", filter=Filter.of({"tenant": "beta"}))
    assert ask(index, texts()[17], scope=widened)[1] == []
    assert result.statistics.passages <= 96


def test_two_tenants_may_own_the_same_text(make: Make):
    store = make(Embedding())
    owners = ("acme", "beta")
    store.add_texts(["Same text."] * 2, [{"tenant": one, "document_id": "d"} for one in owners])
    index = index_of(store, tenant="tenant")
    results = {one: ask(index, "Same text.", scope=Scope(tenant=one))[0] for one in owners}
    for one in owners:
        (read,) = index.passages(list(results[one].hits), Scope(tenant=one))
        assert read.fields["tenant"] == one


def test_a_store_without_a_search_of_its_own_is_told():
    class AsyncOnly(InMemoryVectorStore):
        def similarity_search_with_score(self, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError("use the asynchronous one")

        similarity_search = similarity_search_with_score_by_vector = similarity_search_with_score

    with pytest.raises(SourceError, match="use the asynchronous one"):
        ask(index_of(AsyncOnly(Embedding())), "refund")


def test_what_a_tenant_measures_is_of_its_own_documents_alone():
    store = filled(in_memory)
    index = index_of(store, tenant="tenant")
    before, _ = ask(index, "refund of island", scope=Scope(tenant="acme"))
    store.add_texts(
        [f"Island refund {i}" for i in range(60)], [{"tenant": "beta"} for _ in range(60)]
    )
    after, _ = ask(index_of(store, tenant="tenant"), "refund of island", scope=Scope(tenant="acme"))
    assert (after.known, after.usual, after.cosine) == (before.known, before.usual, before.cosine)


class Ranked(BaseRetriever):
    """A retriever that tells no scores."""

    store: Any

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        return self.store.similarity_search(query, k=10)


def pairs(query: str, k: int) -> list[tuple[Document, float]]:
    return filled(in_memory).similarity_search_with_score(query, k=k)


def bare(query: str, k: int) -> list[str]:
    return [document.page_content for document, _ in pairs(query, k)]


@pytest.mark.parametrize(
    ("given", "scale"),
    [
        (lambda: Ranked(store=filled(in_memory)), "rank"),
        (lambda: filled(in_memory).as_retriever(), COSINE),
        (lambda: filled(in_memory).as_retriever(search_kwargs={"k": 3, "filter": None}), "rank"),
        (lambda: pairs, "scores of notes"),
        (lambda: bare, "rank"),
    ],
    ids=["retriever", "plain store retriever", "own store retriever", "pairs", "texts"],
)
def test_whatever_finds_documents_is_a_source(given: Callable[[], object], scale: str):
    result, passages = ask(index_of(given()), texts()[17])
    assert result.scale == scale
    assert passages[0].text == texts()[17]
    assert result.terms_found > 0.9
    assert result.known == 1
    unknown, _ = ask(index_of(given()), "opera whales")
    assert unknown.known < 0.5


def test_what_finds_nothing_that_is_known_is_refused():
    with pytest.raises(ConfigError, match="is a int; accepted are a LangChain VectorStore"):
        index_of(3)


class Down(InMemoryVectorStore):
    def similarity_search_with_score_by_vector(self, *args: Any, **kwargs: Any) -> Any:
        raise ConnectionError("postgresql://me:secret@db:5432/x refused")


def long(query: str, k: int) -> list[Document]:
    return [Document("word " * 30_000)]


def odd(query: str, k: int) -> list[object]:
    return [{"page_content": "a mapping"}]


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        (Down(Embedding()), StoreUnavailableError, "see that it runs"),
        (long, SourceError, "at most 100,000 are accepted"),
        (odd, SourceError, "gave a dict"),
        (lambda query, k: 1 / 0, SourceError, "ZeroDivisionError"),
    ],
)
def test_what_fails_says_what_and_no_password(given: object, kind: type[Exception], said: str):
    with pytest.raises(kind, match="source 'notes'") as failed:
        ask(index_of(given), "refund")
    assert said in str(failed.value)
    assert "secret" not in str(failed.value)


def test_what_a_walk_measured_is_kept_and_used_by_the_next_process(tmp_path: Path):
    class Counting(InMemoryVectorStore):
        searches = 0

        def similarity_search_with_score_by_vector(self, *args: Any, **kwargs: Any) -> Any:
            Counting.searches += 1
            return super().similarity_search_with_score_by_vector(*args, **kwargs)

    store = filled(Counting)
    first, _ = ask(index_of(store, folder=tmp_path), "refund")
    walked = Counting.searches
    again, _ = ask(index_of(store, folder=tmp_path), "refund")
    assert (walked > 20, Counting.searches) == (True, walked + 1)
    assert (again.usual, again.cosine, again.known) == (first.usual, first.cosine, first.known)
    store.add_texts([f"More {text}" for text in texts()])
    ask(index_of(store, folder=tmp_path), "refund")
    assert Counting.searches > 2 * walked  # it has doubled, and is measured anew


@pytest.fixture
def module(tmp_path: Path) -> Iterator[Path]:
    """A configuration's folder with a module of the host's."""
    (tmp_path / "hostshop.py").write_text(
        "from langchain_core.documents import Document\n"
        "from langchain_core.vectorstores import InMemoryVectorStore\n"
        "from agent_knowledge.testing import HashEmbedder\n"
        "from langchain_core.embeddings import Embeddings\n"
        "class E(Embeddings):\n"
        "    def embed_documents(self, texts): return HashEmbedder(64).embed(texts).tolist()\n"
        "    def embed_query(self, text): return self.embed_documents([text])[0]\n"
        "def make(texts=('Refunds take ten days.',)):\n"
        "    store = InMemoryVectorStore(E())\n"
        "    store.add_texts(list(texts))\n"
        "    return store\n"
        "ready = make()\n"
        "def search(query, k):\n"
        "    return ready.similarity_search_with_score(query, k)\n"
    )
    yield tmp_path
    sys.modules.pop("hostshop", None)


def configured(folder: Path, retriever: str, options: str = "{}") -> KnowledgeConfig:
    (folder / "agent-knowledge.yaml").write_text(
        f"sources: {{shop: {{retriever: '{retriever}', options: {options}}}}}\n"
        "agents: {x: {sources: [shop]}}\n"
    )
    return KnowledgeConfig.from_yaml(folder / "agent-knowledge.yaml")


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("make", "{}", "Refunds take ten days."),
        ("make", "{texts: [Parcels are free.]}", "Parcels are free."),
        ("ready", "{}", "Refunds take ten days."),
        ("search", "{}", "Refunds take ten days."),
    ],
)
def test_a_retriever_is_named_in_the_configuration(
    module: Path, name: str, options: str, text: str
):
    config = configured(module, f"hostshop:{name}", options)
    router = load_router(config, embedding=OURS, imports=["hostshop"])
    assert [passage.text for passage in router.retrieve("How long do refunds take?")] == [text]
    assert router.route("How long do refunds take?").signals.coverage["shop"] is not None


@pytest.mark.parametrize(
    ("name", "options", "imports", "said"),
    [
        ("make", "{}", [], "imported only where the host allows it"),
        ("make", "{}", ["other"], "imported only where the host allows it"),
        ("make", "{wrong: 1}", ["hostshop"], "sources.shop.retriever: 'hostshop:make' failed when"),
        ("ready", "{k: 1}", ["hostshop"], "sources.shop.options: 'hostshop:ready' is no function"),
    ],
)
def test_a_retriever_is_imported_only_from_where_the_host_allows(
    module: Path, name: str, options: str, imports: list[str], said: str
):
    with pytest.raises(ConfigError) as refused:
        load_router(
            configured(module, f"hostshop:{name}", options), embedding=OURS, imports=imports
        )
    assert said in str(refused.value)
