from __future__ import annotations

from agent_knowledge.models.extract import answer_spans
from agent_knowledge.models.minilm import MiniLM
from agent_knowledge.prompts import WrittenPassage

EMBEDDER = MiniLM()
"""Loads nothing before it is asked."""


def passages(*texts: str, title: str = "") -> list[WrittenPassage]:
    return [
        WrittenPassage(number=n, title=title, uri="", text=text) for n, text in enumerate(texts, 1)
    ]


def answer(
    question: str, given: list[WrittenPassage], embedder: MiniLM | None = None
) -> list[tuple[str, int]]:
    return [(found.text, found.number) for found in answer_spans(question, given, embedder)]


def test_the_sentence_that_covers_the_question_answers_it():
    given = passages("We sell shoes. Parcels leave daily.", "Refunds of shoes take 30 days. Bye.")
    assert answer("How long do refunds take?", given) == [("Refunds of shoes take 30 days.", 2)]


def test_parts_of_a_question_are_answered_in_the_order_of_the_passages():
    given = passages("Shipping costs $4.50.", "The warranty lasts two years.")
    found = answer("How long is the warranty and what does shipping cost?", given)
    assert found == [("Shipping costs $4.50.", 1), ("The warranty lasts two years.", 2)]


def test_a_question_or_heading_lends_its_words_to_the_answer_below():
    given = passages("Can I return sale items? No, never.")
    assert answer("Can I return sale items?", given, EMBEDDER) == [("No, never.", 1)]
    given = passages("# Refund window\n\nThirty days.")
    assert answer("What is the refund window?", given, EMBEDDER) == [("Thirty days.", 1)]
    given = passages("No, it costs extra.", title="Is parking free?")
    assert answer("Is parking free?", given, EMBEDDER) == [("No, it costs extra.", 1)]


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


def test_a_row_of_a_table_answers_by_itself() -> None:
    table = (
        "| Product | Warranty |\n|---|---|\n| LED bulbs | 2 years |\n| Old lamps | 1 year |\n"
        "| Hearth candles | 60 days |"
    )
    passage = WrittenPassage(number=1, title="Warranty > By product line", uri="", text=table)
    found = answer_spans("What is the warranty on LED bulbs?", [passage], EMBEDDER)
    assert [sentence.text for sentence in found] == ["LED bulbs: Warranty: 2 years"]


def test_a_word_that_opens_an_answer_stays_with_it() -> None:
    text = "Yes. We ship lamps to the islands by ferry."
    passage = WrittenPassage(number=1, title="", uri="", text=text)
    found = answer_spans("Do you ship lamps to the islands?", [passage], EMBEDDER)
    assert [sentence.text for sentence in found] == [text]


def test_what_leans_on_the_sentence_before_takes_it_along() -> None:
    text = "Damaged parcels are refunded by the courier desk. It takes twelve days in Zone 4. Bye."
    found = answer("How many days in Zone 4?", passages(text))
    assert found == [
        ("Damaged parcels are refunded by the courier desk.", 1),
        ("It takes twelve days in Zone 4.", 1),
    ]


def test_what_leans_on_nothing_that_is_shown_stands_under_its_heading() -> None:
    given = passages("They take twelve days in Zone 4.", title="Delivery > Bulky parcels")
    assert answer("How many days in Zone 4?", given) == [
        ("Bulky parcels: They take twelve days in Zone 4.", 1)
    ]
    given = passages("They take twelve days in Zone 4.", title="How long do parcels take?")
    assert answer("How many days in Zone 4?", given) == [
        ("How long do parcels take? They take twelve days in Zone 4.", 1)
    ]


def test_of_two_that_answer_the_one_that_stands_alone_is_quoted() -> None:
    given = passages("This takes twelve days in Zone 4.", "Parcels take twelve days in Zone 4.")
    given = [*given, *passages("Nothing else is known of Zone 4.")]
    ((text, _),) = answer("How many days do parcels take in Zone 4?", given)
    assert text == "Parcels take twelve days in Zone 4."


def test_sentences_of_a_passage_keep_its_order_whichever_is_better() -> None:
    text = "The warranty lasts two years. Lamps are made in Leeds by our own workshop."
    found = answer(
        "Where are lamps made by the workshop, and how long is the warranty?", [*passages(text)]
    )
    assert [sentence for sentence, _ in found] == [
        "The warranty lasts two years.",
        "Lamps are made in Leeds by our own workshop.",
    ]


def test_a_further_sentence_that_hardly_adds_anything_is_left_out() -> None:
    given = passages(
        "The delivery address can be changed until the parcel has left.",
        "Express delivery costs 12.50 euros.",
        "Please be kind to the driver.",
    )
    assert answer("Can I change the delivery address of a parcel?", given) == [
        ("The delivery address can be changed until the parcel has left.", 1)
    ]


def test_of_two_passages_the_one_that_another_names_is_quoted_with_it() -> None:
    novel, press, other = (
        WrittenPassage(number=number, title=title, uri="", text=text)
        for number, title, text in (
            (1, "Mara Ilves", "The first novel was published by Two Penny Press."),
            (2, "Two Penny Press", "Two Penny Press is a small house in Narva."),
            (3, "Old Mill Press", "Old Mill Press is a small house in Tartu."),
        )
    )
    question = "Which small house printed the novel of Mara Ilves?"
    assert [f.number for f in answer_spans(question, [novel, other, press], EMBEDDER)] == [1, 2]


def test_a_list_goes_with_the_words_that_open_it() -> None:
    text = (
        "We ask for three things when you return a lamp:\n\n- the receipt\n- its box\n- the bulb\n"
        "\nHave a good day."
    )
    assert answer("What do you ask for when I return a lamp?", passages(text)) == [
        (
            "We ask for three things when you return a lamp: the receipt; its box; the bulb.",
            1,
        )
    ]


def test_a_list_that_nothing_opens_stands_under_its_heading() -> None:
    given = passages("- lit candles\n- gift cards", title="Returns > What stays sold")
    assert answer("Can I return gift cards?", given) == [
        ("What stays sold: lit candles; gift cards", 1)
    ]


def test_a_name_with_a_mark_in_it_is_not_cut() -> None:
    given = passages("Pick Me Up! is a British weekly.")
    assert answer("Is Pick Me Up British?", given) == [("Pick Me Up! is a British weekly.", 1)]


def test_code_gives_way_to_prose() -> None:
    code = 'refund = client.refunds.create(order="A1", days=30, reason="refund days")'
    given = passages(f"```\n{code}\n```", "Refunds of an order take 30 days.")
    assert answer("How many days does the refund of an order take?", given)[0][1] == 2


def test_a_doubtful_question_takes_more_evidence() -> None:
    given = passages("Parcels leave the warehouse daily.", "We sell shoes.")
    question = "Do you insure parcels in the warehouse?"
    assert answer_spans(question, given, EMBEDDER)
    assert not answer_spans(question, given, EMBEDDER, doubtful=True)


def test_code_comes_whole_with_the_sentence_that_introduces_it() -> None:
    code = "get(url,\n    timeout=None)"
    text = f"Timeouts are on.\n\nTo turn timeouts off, pass `None`:\n\n```py\n{code}\n```\n"
    (found,) = answer_spans("How do I turn timeouts off?", passages(text), EMBEDDER)
    assert found.text == "To turn timeouts off, pass `None`:"
    assert found.code == code


def test_half_a_block_of_code_tags_and_pointers_are_no_answer() -> None:
    pointer = "See timeouts for how to turn timeouts off."
    cut = f"timeout=None)\n```\n\n</div>\n\n{pointer}\n\n```py\nturn(off"
    assert not answer("How do I turn timeouts off?", passages(cut), EMBEDDER)


def test_markup_is_taken_off() -> None:
    text = "Set **the [timeout](a.md#b)** with :option:`--wait <w>` or ``wait``, <b>never</b> both."
    (found,) = answer_spans("How do I set the timeout with --wait?", passages(text), EMBEDDER)
    assert found.text == "Set the timeout with `--wait ` or `wait`, never both."
