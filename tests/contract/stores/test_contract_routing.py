"""What a router does with what a store answers is the same whatever the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from agent_knowledge import KnowledgeConfig, KnowledgeRouter, index_sources, load_router
from agent_knowledge.cli.doctor import examine
from agent_knowledge.errors import SourceError
from agent_knowledge.testing import HashEmbedder
from agent_knowledge.types import Task
from tests.unit.langchain.covered_questions import COVERED
from tests.unit.test_screened_sources import CLEAN, ORDER
from tests.unit.test_screened_sources import QUESTION as SAIL

COVERED_ASKED = tuple(question for question, _ in COVERED)[::2][:20]
GAPS = (
    "Who founded the company, and in which year?",
    "How many people work for you?",
    "Do you take on apprentices?",
    "Can I hire a hall for a wedding?",
    "Which bank finances the company?",
    "Do you sell mattresses?",
    "Can you tune my piano?",
    "Do you have a branch in Madrid?",
    "How do I become a supplier of yours?",
    "What did the company earn last year?",
    "Do you offer courses in woodcarving?",
    "Which languages do your managers speak?",
    "Can I bring my dog to the dentist?",
    "What is the capital of Mongolia?",
    "How do I reset the router of my office?",
    "When does the last tram leave for the airport?",
    "Which vaccine do I need for Kenya?",
    "How do I file my tax return online?",
    "Who won the chess championship in 1972?",
    "How much does a ticket for the opera cost?",
)
"""Questions that the sample shop's handbook answers, and others that it does not."""
TEXTS = {
    "refunds.md": "Refunds take ten days at Harbour House.",
    "islands.md": "Parcels to the islands take nine days, refunds or not.",
    "vouchers.md": "Vouchers are valid for three years after refunds.",
}
ASKED = Task("How long do refunds take?", strategy="retrieval")
EMBEDDER = HashEmbedder(64)


class Kept(NamedTuple):
    """Where sources are kept.

    Attributes:
        store: What a configuration says of the store.
        down: The same of one of the kind that cannot serve.
        place: What a report has to name of that one.
    """

    store: str
    down: str
    place: str


def _default(request: pytest.FixtureRequest, folder: Path) -> Kept:
    (folder / "file").write_text("no folder")
    return Kept("{path: kept}", "{path: file/kept}", "file")


def _qdrant(request: pytest.FixtureRequest, folder: Path) -> Kept:
    down = "{kind: qdrant, path: down, url: 'http://app:hidden-word@127.0.0.1:9', timeout_s: 1}"
    return Kept("{kind: qdrant, path: kept}", down, "127.0.0.1:9")


def _postgres(request: pytest.FixtureRequest, folder: Path) -> Kept:
    server = request.getfixturevalue("postgres_server")
    name = server.make_database()
    request.addfinalizer(lambda: server.drop_database(name))
    up, down = server.url(name), "postgresql://app:hidden-word@127.0.0.1:9/shop"
    form = "{{kind: pgvector, path: {}, url: '{}', timeout_s: {}}}"
    return Kept(form.format("kept", up, 5), form.format("down", down, 1), "127.0.0.1:9")


KINDS: Mapping[str, Callable[[pytest.FixtureRequest, Path], Kept]] = {
    "default": _default,
    "qdrant": _qdrant,
    "postgres": _postgres,
}


@pytest.fixture(
    params=["default", "qdrant", pytest.param("postgres", marks=pytest.mark.slow)],
)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    return KINDS[request.param](request, tmp_path)


def configured(
    store: str, folder: Path, docs: str = "{path: docs}", more: str = ""
) -> KnowledgeConfig:
    """An agent with a source, and perhaps others that the host searches."""
    sources = "".join(f", {name}: {{external: true}}" for name in more.split())
    names = ", ".join(["docs", *more.split()])
    agents = f"{{desk: {{sources: [{names}]}}}}"
    text = f"store: {store}\nsources: {{docs: {docs}{sources}}}\nagents: {agents}"
    return KnowledgeConfig.parse(text).at(folder)


def indexed(store: str, folder: Path, more: str = "") -> KnowledgeConfig:
    (folder / "docs").mkdir()
    for name, text in TEXTS.items():
        (folder / "docs" / name).write_text(text)
    config = configured(store, folder, more=more)
    assert index_sources(config, embedding=EMBEDDER).complete
    return config


def auc(router: KnowledgeRouter) -> float:
    """Share of pairs of a covered question and another that coverage puts in the right order."""
    decisions = router.route_many([*COVERED_ASKED, *GAPS])
    found = [decision.signals.coverage["docs"] or 0.0 for decision in decisions]
    yes, no = found[: len(COVERED_ASKED)], found[len(COVERED_ASKED) :]
    return sum((a > b) + (a == b) / 2 for a in yes for b in no) / (len(yes) * len(no))


@pytest.mark.slow
def test_coverage_tells_what_is_there_from_what_is_not(
    kept: Kept, shop: KnowledgeConfig, tmp_path: Path
):
    docs = f"{{path: '{shop.folder / 'handbook'}'}}"
    found: list[float] = []
    for place, store in (("a", "{path: kept}"), ("b", kept.store)):
        (tmp_path / place).mkdir()
        config = configured(store, tmp_path / place, docs)
        assert index_sources(config).complete
        with load_router(config) as router:
            found.append(auc(router))
    default, own = found
    assert len(COVERED_ASKED) == len(GAPS) == 20
    assert default > 0.9
    assert own >= 0.9 * default


def test_a_source_that_is_down_leaves_the_others_serving(kept: Kept, tmp_path: Path):
    def working(query: str, k: int) -> Sequence[str]:
        return ["Refunds on the web take three days."]

    def broken(query: str, k: int) -> Sequence[str]:
        raise ConnectionError("the web is down")

    config = indexed(kept.store, tmp_path, more="web")
    with load_router(config, embedding=EMBEDDER, retrievers={"web": broken}) as router:
        knowledge = router.prepare(ASKED)
    assert {passage.source for passage in knowledge.passages} == {"docs"}
    assert any("web" in line for line in knowledge.left_out)

    config = configured(kept.down, tmp_path, more="web")
    with load_router(config, embedding=EMBEDDER, retrievers={"web": working}) as router:
        knowledge = router.prepare(ASKED)
    assert {passage.source for passage in knowledge.passages} == {"web"}
    assert any(kept.place in line for line in knowledge.left_out)
    assert "hidden-word" not in str(knowledge)

    with (
        load_router(config, embedding=EMBEDDER, retrievers={"web": broken}) as router,
        pytest.raises(SourceError),
    ):
        router.prepare(ASKED)


def test_screened_passages_are_flagged_or_left_out(kept: Kept, tmp_path: Path):
    (tmp_path / "docs").mkdir()
    text = f"# Letters\n\n## The sail\n\n{CLEAN}\n\n## The sail again\n\nThe new sail. {ORDER}\n"
    (tmp_path / "docs" / "sail.md").write_text(text)

    def served(screen: str, indexed_as: str) -> dict[bool, bool]:
        """Per passage, whether it holds the order and whether that is flagged."""
        for policy in (indexed_as, screen):
            config = configured(kept.store, tmp_path, f"{{path: docs, screen: {policy}}}")
            if policy == indexed_as:
                assert index_sources(config, embedding=EMBEDDER).complete
        with load_router(config, embedding=EMBEDDER) as router:
            passages = router.prepare(SAIL).passages
        assert any(CLEAN in passage.text for passage in passages)
        return {ORDER in passage.text: bool(passage.suspicious) for passage in passages}

    assert served("flag", "flag") == {False: False, True: True}
    assert served("drop", "flag") == {False: False}
    assert served("drop", "drop") == {False: False}
    assert served("allow", "drop") == {False: False}  # it is not in the store
    assert served("allow", "allow") == {False: False, True: False}


def test_a_reranker_reorders_and_its_failure_changes_nothing(kept: Kept, tmp_path: Path):
    def longest(query: str, texts: Sequence[str]) -> Sequence[float]:
        return [len(text) for text in texts]

    def broken(query: str, texts: Sequence[str]) -> Sequence[float]:
        raise ConnectionError("no reranker today")

    config = indexed(kept.store, tmp_path)

    def order(reranker: object) -> tuple[list[str], str | None, tuple[str, ...]]:
        with load_router(config, embedding=EMBEDDER, reranker=reranker) as router:  # pyright: ignore[reportArgumentType] - or none
            knowledge = router.prepare(ASKED)
        texts = [passage.text for passage in knowledge.passages]
        return texts, knowledge.decision.plan.reranked_by, knowledge.left_out

    plain, by, left_out = order(None)
    assert (len(plain), by, left_out) == (3, None, ())
    texts, by, _ = order(longest)
    assert (texts, by) == (sorted(plain, key=len, reverse=True), "longest")
    assert texts != plain
    texts, by, left_out = order(broken)
    assert (texts, by) == (plain, None)
    assert any("broken was to rerank" in line for line in left_out)


def test_doctor_names_the_store_that_is_down(kept: Kept, tmp_path: Path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("Refunds take ten days.")
    checks = {check.what: check for check in examine(configured(kept.down, tmp_path))}
    assert checks["store"].state == "failed"
    assert kept.place in checks["store"].detail
    assert checks["embedding"].state == checks["model default"].state == "ok"
    assert checks["source docs"].state == checks["agent desk"].state == "failed"
    assert "hidden-word" not in str(checks)
