"""The simulation of trials: it asks the package's own statistics and gate."""

from __future__ import annotations

from tools.bench.trials import World, opened


def test_failures_and_copies_no_longer_open_the_gate_and_a_better_model_still_does() -> None:
    before, now = opened(World(cases=60, failing=0.3), 5, 1)
    assert before.any()
    assert not now.any()
    before, now = opened(World(cases=12, copies=5, lead=0.2), 20, 1)
    assert before.any()
    assert not now.any()
    assert opened(World(cases=200, below=0.5, lead=0.3), 3, 2)[1].all()
