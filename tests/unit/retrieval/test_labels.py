from __future__ import annotations

import numpy as np

from agent_knowledge.retrieval.labels import Classes, has_labels
from tests.unit.fakes import Examples, unit

LABELLED = Examples.of(
    ("a1", "a", unit(1, 0.0)),
    ("a2", "a", unit(1, 0.2)),
    ("b1", "b", unit(0, 1.0)),
    ("b2", "b", unit(0.2, 1)),
)
OPEN = Examples.of(("a", "One answer.", unit(1, 0)), ("b", "Another answer.", unit(0, 1)))


def test_labels_are_short_outputs_that_repeat():
    assert has_labels(LABELLED)
    assert not has_labels(OPEN)


def test_a_set_of_labels_has_a_class_each_and_an_open_one_a_class_an_example():
    assert [group.tolist() for group in Classes.of(LABELLED).members] == [[0, 1], [2, 3]]
    assert [group.tolist() for group in Classes.of(OPEN).members] == [[0], [1]]


def test_the_nearer_class_fits_better():
    task = unit(1, 0.1)
    scores, fits = Classes.of(LABELLED).fits(LABELLED.vectors @ task, task)
    assert scores.argmax() == fits.argmax() == 0
    assert fits[1] < 0


def test_what_is_usual_of_few_examples_is_drawn_to_what_is_usual_elsewhere():
    twins = Examples.of(("a", "x", unit(1, 0)), ("b", "x", unit(1, 0)))
    assert 0.65 < Classes.of(twins).usual[0] < 1
    assert np.isclose(Classes.of(OPEN).usual[0], 0.65)
