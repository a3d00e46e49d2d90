from __future__ import annotations

import time
from dataclasses import dataclass, field

import pytest
from langchain_core.documents import Document

from agent_knowledge import CitationVerifier, load_verifier
from agent_knowledge.citations.evidence import GivenPassage, GivenPassages
from agent_knowledge.config import ModelsConfig
from agent_knowledge.errors import ConfigError, InputError
from agent_knowledge.types import Passage
from agent_knowledge.types.answers import Opinion
from tests.loopback import loopback
from tests.scripted import ScriptedModel, filled
from tests.unit.fakes import passage

TEXT = "Shoes can be returned within 30 days."
TRUE = f"{TEXT[:-1]} [1]."


@dataclass
class Judge:
    """Says what it is told to say, or raises it."""

    says: Opinion | Exception
    name: str = "second"
    asked: list[tuple[str, list[str]]] = field(default_factory=list[tuple[str, list[str]]])

    def judge(self, claim: str, passages: list[str]) -> Opinion:
        self.asked.append((claim, passages))
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


@pytest.mark.parametrize(
    "given",
    [
        [TEXT],
        [passage(TEXT)],
        [GivenPassage(text=TEXT, title="Shoes")],
        [Document(page_content=TEXT, metadata={"source": "shoes.md"})],
        {"1": TEXT},
        {"1": Document(page_content=TEXT)},
    ],
)
def test_it_takes_passages_as_callers_have_them(given: GivenPassages):
    found = CitationVerifier().verify(f"{TRUE} So is gift wrapping [9].", given)
    assert [claim.supported for claim in found.claims] == [True, False]
    assert found.fabricated == ("9",)


def test_markers_may_name_any_ids():
    found = CitationVerifier().verify("Shoes can be returned within 30 days [p1].", {"p1": TEXT})
    assert found.claims[0].cites == ("p1",)
    assert found.claims[0].supported


@pytest.mark.parametrize("given", [TEXT, [3], {"1": None}])
def test_anything_else_is_refused_with_what_is_accepted(given: object):
    with pytest.raises(InputError, match="give"):
        CitationVerifier().verify(TRUE, given)  # pyright: ignore[reportArgumentType]


def test_a_document_of_langchain_keeps_its_place():
    document = Document(
        page_content="Paid within 14 days.",
        metadata={"source": "faq", "document": "q1", "uri": "https://x.y", "start": 40},
    )
    asked: list[Passage] = []

    def stored(one: Passage) -> str:
        asked.append(one)
        return "Paid within 14 days."

    verifier = CitationVerifier(documents=stored)
    verifier.verify("It is “paid within 14 days” [1].", [document])
    (one,) = asked
    assert (one.source, one.document, one.uri, one.start, one.end) == (
        *("faq", "q1", "https://x.y"),
        *(40, 60),
    )


def test_both_verdicts_are_shown_and_the_packaged_one_decides():
    judge = Judge(Opinion(judge="?", supported=False, reason="no\nreason \x1b"))
    (claim,) = (
        CitationVerifier(judge=judge).verify(TRUE, [GivenPassage(text=TEXT, title="Shoes")]).claims
    )
    assert claim.supported
    assert claim.opinion == Opinion(judge="second", supported=False, reason="no reason")
    assert judge.asked == [(TEXT, [f"Shoes\n{TEXT}"])]


def test_a_judge_that_fails_changes_nothing_and_is_told():
    verifier = CitationVerifier(judge=Judge(RuntimeError("sk-secret")))
    (claim,) = verifier.finish(TRUE, [passage(TEXT)]).claims
    assert claim.supported
    assert claim.opinion == Opinion(
        judge="second", supported=None, reason="it failed (RuntimeError)"
    )


def test_nobody_is_asked_about_a_claim_without_a_passage():
    judge = Judge(Opinion(judge="second", supported=True))
    (claim,) = CitationVerifier(judge=judge).verify("Made up [9].", [TEXT]).claims
    assert (claim.opinion, judge.asked) == (None, [])


def test_a_chat_model_may_be_the_judge():
    model = ScriptedModel(
        replies=[filled("SupportOfClaim", verdict="not_supported", reason="says 14")]
    )
    (claim,) = load_verifier(judge=model).verify(TRUE, [TEXT]).claims
    assert claim.supported
    assert claim.opinion == Opinion(judge="ScriptedModel", supported=False, reason="says 14")
    with pytest.raises(ConfigError, match="extractive"):
        load_verifier(judge="extractive")


def test_the_packaged_embedder_knows_other_words():
    text, said = (
        "Parcels are dispatched within two days.",
        "Orders are sent out in 2 days",
    )
    by_words, by_meaning = (
        verifier.verify(f"{said} [1].", [text]).claims[0].score
        for verifier in (CitationVerifier(), load_verifier())
    )
    assert by_meaning > by_words


def test_a_judge_that_hangs_is_waited_for_no_longer_than_its_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with loopback([30.0]) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
        limits = ModelsConfig(timeout_s=0.2, budget_s=0.3)
        judged = load_verifier(judge="openai:m", limits=limits)
        began = time.monotonic()
        (claim,) = judged.verify(TRUE, [TEXT]).claims
        assert time.monotonic() - began < 5
    assert claim.supported
    assert claim.opinion
    assert "time-out" in claim.opinion.reason
