from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from agent_knowledge.prompts import fence_for, render_passages
from agent_knowledge.routing.gathering import fit
from agent_knowledge.text import count_tokens
from agent_knowledge.types import Example, Passage
from tests.unit.fakes import passage

TEXTS = st.text(max_size=400) | st.text("ab ", max_size=4000) | st.text("語 x", max_size=400)
PASSAGES = st.lists(
    st.builds(passage, TEXTS, start=st.integers(0, 50), title=st.text(max_size=20)), max_size=6
)
EXAMPLES = st.lists(st.builds(Example, input=TEXTS, output=TEXTS), max_size=6)


def cost_of(example: Example) -> int:
    return count_tokens(example.input) + count_tokens(example.output)


@settings(deadline=None)
@given(PASSAGES, EXAMPLES, st.integers(64, 3000))
def test_what_is_kept_fits_and_is_a_beginning_of_what_was_given(
    passages: list[Passage], examples: list[Example], tokens: int
):
    fitted = fit(passages, examples, tokens)
    texts = sum(count_tokens(kept.text) for kept in fitted.passages)
    assert texts + sum(map(cost_of, fitted.examples)) <= tokens
    assert fitted.examples == tuple(examples[: len(fitted.examples)])
    assert fitted.passages[1:] == tuple(passages[1 : len(fitted.passages)])
    for kept, given_ in zip(fitted.passages, passages, strict=False):
        assert (kept.start, kept.end) == (given_.start, given_.start + len(kept.text))
        assert given_.text.startswith(kept.text)
    if passages:
        assert fitted.passages[0].text or not passages[0].text


@settings(deadline=None)
@given(PASSAGES.filter(bool), EXAMPLES, st.integers(64, 3000))
def test_with_their_fences_passages_still_fit(
    passages: list[Passage], examples: list[Example], tokens: int
):
    fitted = fit(passages, examples, tokens)
    written = render_passages(fitted.passages, fence_for(fitted.passages))
    spent = count_tokens(written) + sum(map(cost_of, fitted.examples))
    declaration_tokens = 8
    assert spent <= tokens + declaration_tokens


def test_what_fits_is_kept_whole_and_nothing_is_reported():
    passages = [passage("one"), passage("two")]
    fitted = fit(passages, [Example(input="i", output="o")], 500)
    assert fitted.passages == tuple(passages)
    assert (len(fitted.examples), fitted.left_out) == (1, ())


def test_what_is_left_out_is_said():
    passages = [passage("word " * 200), passage("b"), passage("c")]
    fitted = fit(passages, [Example(input="i" * 400, output="o")] * 2, 100)
    assert fitted.left_out == (
        "the end of the first passage did not fit context_tokens",
        "2 passages did not fit context_tokens",
        "2 examples did not fit context_tokens",
    )
    only_second = fit([passage("a"), passage("word " * 200)], (), 100)
    assert only_second.left_out == ("1 passage did not fit context_tokens",)


def test_a_passage_is_cut_after_a_word():
    kept = fit([passage("lorem ipsum dolor " * 60, start=7)], (), 100).passages[0]
    assert kept.text.endswith(("lorem", "ipsum", "dolor"))
    assert count_tokens(kept.text) > 60
    assert (kept.start, kept.end) == (7, 7 + len(kept.text))


def test_examples_take_a_third_beside_passages_and_everything_without():
    examples = [Example(input="x" * 36, output="y" * 4)] * 30  # 10 tokens each
    assert len(fit([passage("p")], examples, 300).examples) == 10
    assert len(fit((), examples, 300).examples) == 30


def test_what_stands_around_an_example_counts():
    examples = [Example(input="x" * 36, output="y" * 4)] * 30  # 10 tokens each
    assert len(fit((), examples, 300, frame_tokens=10).examples) == 15


@settings(deadline=None)
@given(PASSAGES, EXAMPLES, st.integers(64, 3000))
def test_all_passages_are_kept_whole_where_that_is_asked_and_examples_keep_to_their_share(
    passages: list[Passage], examples: list[Example], tokens: int
):
    fitted = fit(passages, examples, tokens, all_passages=True)
    assert fitted.passages == tuple(passages)
    assert fitted.examples == fit(passages, examples, tokens).examples
    assert not any("passage" in line for line in fitted.left_out)
