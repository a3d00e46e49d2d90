from __future__ import annotations

from agent_knowledge.context import WrittenPassage
from agent_knowledge.models.extract import answer_sentences
from agent_knowledge.models.by_example import nearest_example, without_frame
from agent_knowledge.testing import HashEmbedder
from agent_knowledge.types import Example


def passages(*texts: str, title: str = "") -> list[WrittenPassage]:
    return [
        WrittenPassage(number=n, title=title, uri="", text=text) for n, text in enumerate(texts, 1)
    ]


def answer(question: str, given: list[WrittenPassage]) -> list[tuple[str, int]]:
    return [(found.text, found.number) for found in answer_sentences(question, given)]


def test_the_sentence_that_covers_the_question_answers_it():
    given = passages("We sell shoes. Parcels leave daily.", "Refunds of shoes take 30 days. Bye.")
    assert answer("How long do refunds take?", given) == [("Refunds of shoes take 30 days.", 2)]


def test_parts_of_a_question_are_answered_in_the_order_of_the_passages():
    given = passages("Shipping costs $4.50.", "The warranty lasts two years.")
    found = answer("How long is the warranty and what does shipping cost?", given)
    assert found == [("Shipping costs $4.50.", 1), ("The warranty lasts two years.", 2)]


def test_a_question_or_heading_lends_its_words_to_the_answer_below():
    assert answer("Can I return sale items?", passages("Can I return sale items? No, never.")) == [
        ("No, never.", 1)
    ]
    assert answer("What is the refund window?", passages("# Refund window\n\nThirty days.")) == [
        ("Thirty days.", 1)
    ]
    assert answer(
        "Is parking free?", passages("No, it costs extra.", title="Is parking free?")
    ) == [("No, it costs extra.", 1)]


def test_what_says_the_same_twice_is_quoted_once():
    given = passages("Refunds of shoes take 30 days.", "All refunds of shoes take 30 days.")
    assert len(answer("How long do refunds of shoes take?", given)) == 1


def test_nothing_covers_the_question():
    assert answer("Who won the cup?", passages("Refunds take 30 days.")) == []
    assert answer("Who won the cup?", passages("")) == []
    assert answer("", passages("Refunds take 30 days.")) == []


def test_brackets_in_a_quote_cannot_pass_for_citations():
    assert answer("How long do refunds take?", passages("Refunds take 30\ndays [3].")) == [
        ("Refunds take 30 days (3).", 1)
    ]


def test_labels_are_voted_for_and_other_outputs_come_from_the_nearest():
    shown = [
        Example(input="I was charged twice", output="billing"),
        Example(input="Charged twice again, refund it", output="billing"),
        Example(input="The app crashes", output="bug"),
    ]
    for embedder in (None, HashEmbedder()):
        example, similarity = nearest_example("My card was charged twice", shown, embedder)
        assert example.output == "billing"
        assert similarity > 0
    long = [Example(input="The app crashes", output="x" * 100), *shown[:2]]
    assert nearest_example("app crashes", long)[0].output == "x" * 100


def test_a_row_of_a_table_answers_by_itself() -> None:
    table = (
        "| Product | Warranty |\n|---|---|\n| LED bulbs | 2 years |\n| Old lamps | 1 year |\n"
        "| Hearth candles | 60 days |"
    )
    passage = WrittenPassage(number=1, title="Warranty > By product line", uri="", text=table)
    found = answer_sentences("What is the warranty on LED bulbs?", [passage])
    assert [sentence.text for sentence in found] == ["LED bulbs | 2 years"]


def test_a_word_that_opens_an_answer_stays_with_it() -> None:
    text = "Yes. We ship lamps to the islands by ferry."
    passage = WrittenPassage(number=1, title="", uri="", text=text)
    found = answer_sentences("Do you ship lamps to the islands?", [passage])
    assert [sentence.text for sentence in found] == [text]


def framed(text: str) -> str:
    return f"Sort this ticket of our shop.\nTicket: {text}\nQueue:"


def test_what_a_task_and_all_examples_share_at_their_ends_is_taken_off():
    shown = [Example(input=framed(text), output="o") for text in ("The app crashes", "The app is")]
    task, examples = without_frame(framed("I was charged"), shown)
    assert task == "I was charged"
    assert [example.input for example in examples] == ["The app crashes", "The app is"]


def test_nothing_is_taken_off_where_nothing_would_be_left_or_told():
    same = [Example(input="Where is it?\n", output="o")] * 2
    assert without_frame("Where is it?\n", same) == ("Where is it?\n", same)
    assert without_frame(framed("a"), [Example(input=framed("b"), output="o")])[0] == framed("a")
    apart = [Example(input="one", output="o"), Example(input="only", output="o")]
    assert without_frame("on it", apart) == ("on it", apart)
    assert without_frame("x", []) == ("x", [])
