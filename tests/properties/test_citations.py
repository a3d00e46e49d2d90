from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent_knowledge.citations.finish import finish
from agent_knowledge.citations.markers import find_markers
from agent_knowledge.citations.verify import Evidence, verify
from agent_knowledge.types import Passage

pieces = st.sampled_from(
    [
        *["[1]", "[2]", "[9]", "[1, 9]", "[", "]", "【9】", "[^2]", "[1-3]", "(", "`", "```", "\n"],
        *[
            " ",
            ". ",
            "Shoes cost $4.50",
            "word",
            "é😀",
            "。",
            "- ",
            "[x]",
            "\n\n",
            "=",
            ",",
            "9",
            ":",
        ],
    ]
)
answers = st.lists(pieces, max_size=30).map("".join) | st.text(max_size=80)
policies = st.sampled_from(["annotate", "strip", "repair", "refuse"])
TEXTS = ("Shoes cost $4.50. A word.", "Nothing of the kind.")
PASSAGES = tuple(
    Passage(source="s", document="d", title="", uri="", text=t, start=0, end=len(t)) for t in TEXTS
)


@given(answers, policies)
@example("[x]`[1]`[1]`", "strip")  # taking one marker out turns another out of code
@settings(max_examples=400)
def test_a_finished_answer_names_only_passages_and_slices_exactly(answer: str, policy):
    finished = finish(answer, PASSAGES, policy)
    known = {"1", "2"}
    assert all(set(m.ids) <= known for m in find_markers(finished.text, known))
    for citation in finished.citations:
        assert 0 <= citation.start < citation.end <= len(finished.text)
        assert citation.passage == PASSAGES[citation.number - 1]
    for claim in finished.claims:
        said = finished.text[claim.start : claim.end]
        assert said == said.strip()
        assert any(f"{i}" in said for i in claim.cites)
        if policy in {"strip", "repair"} and claim.cites:
            assert claim.supported


@given(answers)
def test_verify_takes_any_answer(answer: str):
    passages = {str(n): Evidence(text=t) for n, t in enumerate(TEXTS, 1)}
    found = verify(answer, passages)
    assert not set(found.fabricated) & set(passages)
    for claim in found.claims:
        assert 0 <= claim.score <= 1
        if claim.quote:
            text = passages[claim.quote.passage].text
            assert text[claim.quote.start : claim.quote.end].strip()
