from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_knowledge.strategies.few_shot import choose_examples
from tests.unit.fakes import Examples, unit

TASK = unit(1, 0)


def test_of_a_set_of_labels_each_of_the_best_labels_is_shown_once():
    examples = Examples.of(
        ("refund now", "billing", unit(1, 0.1)),
        ("refund please", "billing", unit(1, 0.2)),
        ("parcel lost", "shipping", unit(1, 0.5)),
        ("parcel late", "shipping", unit(1, 0.9)),
        ("hello", "other", unit(0, 1)),
        ("hi", "other", unit(-1, 1)),
    )
    chosen = choose_examples(examples, TASK, 2)
    assert [(e.input, e.output) for e in chosen] == [
        ("refund now", "billing"),
        ("parcel lost", "shipping"),
    ]
    assert chosen[0].score is not None
    np.testing.assert_allclose(chosen[0].score, unit(1, 0.1) @ TASK, rtol=1e-6)


def test_a_label_with_one_stray_neighbour_gives_way_to_one_that_is_near_throughout():
    examples = Examples.of(
        ("stray", "a", unit(1, 0.1)),
        ("far", "a", unit(-1, 0.1)),
        ("near", "b", unit(1, 0.2)),
        ("near too", "b", unit(1, 0.3)),
    )
    assert choose_examples(examples, TASK, 1)[0].output == "b"


def test_elsewhere_near_duplicates_give_way_to_something_different():
    examples = Examples.of(
        ("a", "A long answer about the one thing.", unit(1, 0.30)),
        ("a again", "Nearly the same answer.", unit(1, 0.31)),
        ("a once more", "Nearly the same answer, again.", unit(1, 0.32)),
        ("b", "Something else entirely.", unit(1, -0.6)),
        ("far", "Nothing to do with it.", unit(-1, 0)),
    )
    assert [e.input for e in choose_examples(examples, TASK, 2)] == ["a", "b"]


def test_long_outputs_are_no_labels_however_often_they_repeat():
    text = "A paragraph that says the same thing as the other one, word for word, twice."
    examples = Examples.of(("a", text, unit(1, 0.1)), ("b", text, unit(1, -0.9)))
    assert len(choose_examples(examples, TASK, 2)) == 2


def test_an_agent_with_fewer_examples_shows_those():
    examples = Examples.of(("a", "1", unit(1, 0)), ("b", "2", unit(1, 1)))
    assert [e.input for e in choose_examples(examples, TASK, 9)] == ["a", "b"]


ROWS = st.lists(
    st.tuples(
        st.text(min_size=1, max_size=3),
        st.sampled_from(["x", "y", "z", "a longer output " * 6]),
        st.tuples(st.floats(-1, 1), st.floats(0.1, 1)).map(lambda v: unit(*v)),
    ),
    min_size=1,
    max_size=12,
)


@settings(deadline=None)
@given(ROWS, st.integers(1, 8))
def test_never_more_than_k_each_once_and_the_best_first(rows: list, k: int):
    examples = Examples.of(*rows)
    chosen = choose_examples(examples, TASK, k)
    assert 1 <= len(chosen) <= k
    scores = [e.score for e in chosen]
    assert all(score is not None and -1.001 <= score <= 1.001 for score in scores)
    outputs = [e.output for e in chosen]
    all_outputs = {output for _, output, _ in rows}
    if max(map(len, all_outputs)) <= 60 and len(rows) >= 2 * len(all_outputs):
        assert len(set(outputs[: len(all_outputs)])) == min(k, len(all_outputs))
    else:
        assert scores == sorted(scores, reverse=True)
