from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_knowledge.routing.few_shot import ExampleChooser
from agent_knowledge.text import words
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
    chosen = ExampleChooser.of(examples).choose(TASK, 2)
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
    assert ExampleChooser.of(examples).choose(TASK, 1)[0].output == "b"


def test_elsewhere_near_duplicates_give_way_to_something_different():
    examples = Examples.of(
        ("a", "A long answer about the one thing.", unit(1, 0.30)),
        ("a again", "Nearly the same answer.", unit(1, 0.31)),
        ("a once more", "Nearly the same answer, again.", unit(1, 0.32)),
        ("b", "Something else entirely.", unit(1, -0.6)),
        ("far", "Nothing to do with it.", unit(-1, 0)),
    )
    assert [e.input for e in ExampleChooser.of(examples).choose(TASK, 2)] == ["a", "b"]


def test_long_outputs_are_no_labels_however_often_they_repeat():
    text = "A paragraph that says the same thing as the other one, word for word, twice."
    examples = Examples.of(("a", text, unit(1, 0.1)), ("b", text, unit(1, -0.9)))
    assert len(ExampleChooser.of(examples).choose(TASK, 2)) == 2


def test_an_agent_with_fewer_examples_shows_those():
    examples = Examples.of(("a", "1", unit(1, 0)), ("b", "2", unit(1, 1)))
    assert [e.input for e in ExampleChooser.of(examples).choose(TASK, 9)] == ["a", "b"]


def test_an_example_that_is_the_task_is_never_shown_however_it_is_written():
    examples = Examples.of(
        ("Where is my parcel?", "It is under way to you, as a rule.", unit(1, 0)),
        ("where is MY parcel", "It is late, and we are sorry for it.", unit(1, 0)),
        ("Where is my invoice?", "It came with the parcel, on paper.", unit(1, 0.4)),
    )
    shown = ExampleChooser.of(examples).choose(TASK, 3, "  Where  is my parcel...")
    assert [e.input for e in shown] == ["Where is my invoice?"]
    only = Examples.of(("Where is my parcel?", "It is under way.", unit(1, 0)))
    assert ExampleChooser.of(only).choose(TASK, 3, "where is my parcel") == ()


def test_the_task_lends_its_own_label_no_weight():
    near, far = ("refund please", "billing", unit(1, 0.6)), ("refund it", "billing", unit(1, 0.7))
    others = [("parcel lost", "shipping", unit(1, 0.3)), ("parcel late", "shipping", unit(1, 0.4))]
    itself = ("I want my money", "billing", unit(1, 0))
    examples = Examples.of(itself, near, far, *others)
    assert ExampleChooser.of(examples).choose(TASK, 1)[0].output == "billing"
    assert ExampleChooser.of(examples).choose(TASK, 1, "I want my money!")[0].output == "shipping"


def test_of_near_duplicates_the_nearest_is_shown_and_others_take_the_place():
    examples = Examples.of(
        ("refund now", "billing", unit(1, 0.10)),
        ("Refund, now!", "billing", unit(1, 0.30)),
        ("refund right now", "billing", unit(1, 0.11)),
        ("my money", "billing", unit(1, 0.60)),
        ("parcel lost", "shipping", unit(1, 0.9)),
        ("parcel late", "shipping", unit(1, 1.4)),
    )
    shown = ExampleChooser.of(examples).choose(TASK, 3)
    assert [e.input for e in shown] == ["refund now", "parcel lost", "my money"]


def test_near_inputs_of_different_outputs_tell_the_outputs_apart():
    examples = Examples.of(
        ("fee for paying", "payment fee", unit(1, 0.10)),
        ("a fee for paying", "payment fee", unit(1, 0.90)),
        ("fee for cash", "cash fee", unit(1, 0.11)),
        ("a fee for cash", "cash fee", unit(1, 0.91)),
    )
    shown = ExampleChooser.of(examples).choose(TASK, 2)
    assert {e.output for e in shown} == {"payment fee", "cash fee"}


ROWS = st.lists(
    st.tuples(
        st.text(min_size=1, max_size=3),
        st.sampled_from(["x", "y", "z", "a longer output " * 6]),
        st.tuples(st.floats(-1, 1), st.floats(0.1, 1)).map(lambda v: unit(*v)),
    ),
    min_size=1,
    max_size=12,
)


def fold(text: str) -> str:
    return " ".join(words(text.casefold())) or text.strip()


@settings(deadline=None)
@given(ROWS, st.integers(1, 8), st.integers(0, 11))
def test_whichever_example_the_task_is_that_one_is_not_shown(rows: list, k: int, place: int):
    task, _, vector = rows[place % len(rows)]
    chosen = ExampleChooser.of(Examples.of(*rows)).choose(vector, k, task)
    assert fold(task) == "" or fold(task) not in {fold(e.input) for e in chosen}


@settings(deadline=None)
@given(ROWS, st.integers(1, 8))
def test_never_more_than_k_each_once_and_the_best_first(rows: list, k: int):
    examples = Examples.of(*rows)
    chosen = ExampleChooser.of(examples).choose(TASK, k)
    assert len({fold(e.input) for e in chosen}) == len(chosen)
    assert 1 <= len(chosen) <= k
    scores = [e.score for e in chosen]
    assert all(score is not None and -1.001 <= score <= 1.001 for score in scores)
    outputs = [e.output for e in chosen]
    all_outputs = {output for _, output, _ in rows}
    if max(map(len, all_outputs)) <= 60 and len(rows) >= 2 * len(all_outputs):
        once_each = len({fold(given) for given, *_ in rows}) == len(rows)
        assert not once_each or len(set(outputs[: len(all_outputs)])) == min(k, len(all_outputs))
    else:
        assert scores == sorted(scores, reverse=True)


def test_the_likeliest_label_may_have_half_of_the_places():
    slopes = {
        "billing": (0.0, 0.3, 0.6),
        "shipping": (1, 1.6),
        "returns": (3, 9),
        "account": (40, 90),
    }
    rows = [
        (f"{label} {slope}", label, unit(1, slope))
        for label, held in slopes.items()
        for slope in held
    ]
    chooser = ExampleChooser.of(Examples.of(*rows))
    shown = chooser.choose(TASK, 5, selection="weighted")
    labels = [example.output for example in shown]
    assert labels[:3] == ["billing"] * 3
    assert len(set(labels)) == 3
    assert len({e.output for e in chooser.choose(TASK, 4)}) == 4
    assert len({e.output for e in chooser.choose(TASK, 2, selection="weighted")}) == 2
