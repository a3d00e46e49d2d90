from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent_knowledge.prompts import read_passages, render_prompt, split_prompt
from agent_knowledge.text import count_tokens, sentences, words
from agent_knowledge.types import Passage

anything = st.text(st.characters(codec=None), max_size=300)
prose = st.lists(
    st.sampled_from(
        [
            "Word",
            " ",
            "\n",
            "\n\n",
            ". ",
            "- ",
            "# ",
            "> ",
            "|",
            "[1]",
            "。",
            "```",
            "\r\n",
            "é",
            "😀",
        ]
    ),
    max_size=40,
).map("".join)
markup = st.lists(
    st.sampled_from(
        [
            "Sources. Fence 0123456789abcdef:\n",
            "<passage-",
            "</passage-",
            "\n",
            ">",
            '"',
            "Task ",
            "x",
        ]
    ),
    max_size=20,
).map("".join)


@given(anything | prose)
def test_sentences_slice_in_order_without_outer_space(text: str):
    previous = 0
    for start, end in sentences(text):
        assert previous <= start < end
        assert text[start:end] == text[start:end].strip()
        previous = end


@given(prose.map(lambda text: text.replace("```", "\n")))  # a fence line holds no words
def test_no_word_is_lost_between_sentences(text: str):
    assert "".join(text[a:b] for a, b in sentences(text)).count("Word") == text.count("Word")


@given(anything)
def test_words_and_tokens_take_any_text(text: str):
    assert all(word and not word.isspace() for word in words(text))
    assert 0 <= count_tokens(text) <= len(text)


@given(st.lists(st.tuples(anything | markup, anything | markup), max_size=4), anything | markup)
def test_what_is_rendered_reads_back(passages: list[tuple[str, str]], task: str):
    given_ = [
        Passage(source="s", document="d", title=t, uri=t, text=x, start=0, end=len(x))
        for t, x in passages
    ]
    prompt = render_prompt(given_, task)
    read = read_passages(prompt)
    assert [(p.number, p.text) for p in read] == [(n, x) for n, (_, x) in enumerate(passages, 1)]
    assert split_prompt(prompt)[1] == task
