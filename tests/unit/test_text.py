from __future__ import annotations

import time

import pytest

from agent_knowledge.text import content_words, count_tokens, sentences, words


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


def test_sentences_end_at_full_stops_and_not_at_abbreviations_or_decimals():
    text = "Dr. Smith paid $4.50 for it. It arrived, e.g. on Monday! Did it?"
    assert split(text) == ["Dr. Smith paid $4.50 for it.", "It arrived, e.g. on Monday!", "Did it?"]


def test_soft_wrapped_lines_belong_to_one_sentence_and_blank_lines_end_one():
    assert split("one line\nwraps here\n\nnext block") == ["one line\nwraps here", "next block"]
    assert split("one line\r\nwraps here\r\n\r\nnext") == ["one line\r\nwraps here", "next"]


def test_list_items_headings_and_table_rows_are_blocks_without_their_signs():
    text = "## Fees\nBase fee\n- first item\n  goes on\n* second\n1. third\n"
    text += "| a | b |\n|---|---|\n| c | d |"
    assert split(text) == [
        "Fees",
        "Base fee",
        "first item\n  goes on",
        "second",
        "third",
        "| a | b |",
        "| c | d |",
    ]


def test_a_quotation_is_read_without_its_sign_and_a_number_in_a_line_is_no_list():
    assert split("> It wraps\nhere.") == ["It wraps\nhere."]
    assert split("In the year\n2019. Then more") == ["In the year\n2019.", "Then more"]


def test_each_line_of_code_stands_alone():
    assert split("See:\n```py\nx = 1\ny = 2\n```\nDone.") == ["See:", "x = 1", "y = 2", "Done."]


def test_markers_stay_with_their_sentence():
    assert split("It is 30 days [1]. Really.[2] More.") == [
        "It is 30 days [1].",
        "Really.[2]",
        "More.",
    ]


def test_cjk_sentences_and_lone_surrogates_keep_offsets():
    assert split("你好。再见。") == ["你好。", "再见。"]
    assert split("a\ud83d\ude00b. Next.") == ["a\ud83d\ude00b.", "Next."]


def test_a_sentence_beyond_any_reason_is_cut_between_words():
    pieces = split("word " * 1000)
    assert len(pieces) > 1
    assert all(piece.startswith("word") and piece.endswith("word") for piece in pieces)


def test_words_keep_numbers_contractions_and_scripts_whole():
    assert words("It's $4.50 or 1,000 kg of v1.5, DON’T") == [
        *["it's", "4.50", "or", "1,000", "kg", "of", "v1.5", "don't"],
    ]
    assert words("café") == words("cafe\u0301")
    assert words("ﬁne") == ["fine"]
    assert words("नमस्ते दुनिया") == ["नमस्ते", "दुनिया"]
    assert words("你好") == ["你", "好"]
    assert words("a_b") == ["a", "b"]


def test_content_words_leave_the_stop_words_out():
    assert content_words("What is the refund window for shoes?") == ["refund", "window", "shoes"]


def test_token_estimate_knows_scripts():
    assert count_tokens("") == 0
    assert count_tokens("four") == 1
    assert count_tokens("你好世界") == 4
    assert count_tokens("a" * 400) == 100
    assert count_tokens("я" * 400) == 200


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "a. ",
        "()\"'[",
        "字。",
        "\n",
        "- a\n",
        "|",
        "> ",
        "\u0301\u0316",
        "1,",
        "a'",
        '?" ',
        " ",
    ],
)
def test_hostile_input_takes_linear_time(unit: str):
    text = (unit * 400_000)[:400_000]
    started = time.perf_counter()
    sentences(text)
    words(text)
    count_tokens(text)
    assert time.perf_counter() - started < 15  # quadratic would take minutes
