"""What the routing bench lets be learnt before each task is judged."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from agent_knowledge.embedding.minilm import DIMENSIONS, MiniLM
from agent_knowledge.types import NEEDS
from tools.bench import routing_sets
from tools.train import need_data
from tools.train.need_data import OWN, Tasks


def write(file: Path, rows: list[dict[str, object]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


class NoVectors:
    """Embeds nothing: which rows are learnt rests on no vector."""

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        return np.zeros((len(texts), DIMENSIONS), dtype=np.float32)


def prompts(family: str, licence: str = "MIT") -> list[dict[str, object]]:
    """Two a need, one of them with a second label."""
    return [
        {
            "id": f"{family}:{need}-{place}",
            "task": f"{family} {need} {place}",
            "need": need,
            "second": "retrieval" if place else None,
            "fresh": False,
            "hops": "single",
            "licence": licence,
        }
        for need in NEEDS
        for place in (0, 1)
    ]


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tasks:
    """Three open families, a closed one, and prompts of our own."""
    open_ones = [row for family in ("koala", "arenahard", "seed") for row in prompts(family)]
    write(tmp_path / need_data.TASKS, [*open_ones, *prompts("closed", "none seen")])
    write(tmp_path / "prompts/some.jsonl", prompts("own"))
    monkeypatch.setattr(need_data, "PROMPTS", tmp_path / "prompts")
    return need_data.read_tasks(tmp_path, cast("MiniLM", NoVectors()))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    history = [{"role": "user", "content": "the Pine Lodge"}]
    write(
        tmp_path / routing_sets.TURNS,
        [
            {"task": "is there parking", "history": history, "need": "retrieval"},
            {"task": "book it", "history": history, "need": "direct"},
        ],
    )
    write(tmp_path / routing_sets.QUESTIONS, [{"query": "how do I stream?"}])
    write(tmp_path / routing_sets.REQUESTS, [{"input": f"card {n}"} for n in range(300)])
    examples = [{"input": f"{of} {n}", "output": of} for of in ("lost", "fee") for n in range(20)]
    write(tmp_path / routing_sets.EXAMPLES, examples)
    return tmp_path


def test_every_prompt_is_judged_once_by_what_saw_no_prompt_of_its_family(tasks: Tasks):
    needs = routing_sets.needs(tasks)
    judged = [place for fold in needs.folds for place in fold.judged]
    assert sorted(judged) == list(range(len(needs.tasks)))
    for fold in needs.folds:
        families = {needs.tasks[place].text.split()[0] for place in fold.judged}
        learnt = {text.split()[0] for text, _ in routing_sets.lessons(needs, tasks, fold)}
        assert len(families) == 1
        assert learnt == {"koala", "arenahard", "seed", OWN} - families


def test_a_prompt_stands_beside_its_own_label(tasks: Tasks):
    needs = routing_sets.needs(tasks)
    assert [task.text.split()[1] for task in needs.tasks] == list(needs.gold)
    for text, need in routing_sets.lessons(needs, tasks, needs.folds[0]):
        assert text.split()[1] == need


def test_a_turn_either_needs_the_faq_or_not(tasks: Tasks, data: Path):
    dialogue = routing_sets.dialogue(data, tasks)
    assert dialogue.gold == ("retrieval", "rest")
    assert [message.content for message in dialogue.tasks[0].history] == ["the Pine Lodge"]
    (fold,) = dialogue.folds
    assert not fold.held_out
    learnt = routing_sets.lessons(dialogue, tasks, fold)
    assert {name for _, name in learnt} == {"retrieval", "rest"}
    assert not {text for text, _ in learnt} & {task.text for task in dialogue.tasks}


def test_nothing_is_fitted_to_the_families_of_the_mixed_agents_direct_tasks(
    tasks: Tasks, data: Path
):
    mixed = routing_sets.mixed(data, tasks)
    (fold,) = mixed.folds
    learnt = {text.split()[0] for text, _ in routing_sets.lessons(mixed, tasks, fold)}
    direct = [
        task.text for task, gold in zip(mixed.tasks, mixed.gold, strict=True) if gold == "direct"
    ]
    assert sorted(direct) == ["arenahard direct 0", "koala direct 0"]
    assert fold.held_out
    assert learnt == {"seed", OWN}


def test_the_mixed_agent_is_asked_and_shown_the_same_every_time(tasks: Tasks, data: Path):
    first, again = routing_sets.mixed(data, tasks), routing_sets.mixed(data, tasks)
    assert first.tasks == again.tasks
    assert first.examples == again.examples
    assert Counter(first.gold)["few_shot"] == 200
    shown = Counter(example["output"] for example in routing_sets.shown_examples(data))
    assert shown == {"lost": 10, "fee": 10}


def test_at_most_two_hundred_tasks_are_timed_and_they_span_the_set(tasks: Tasks, data: Path):
    mixed = routing_sets.mixed(data, tasks)
    assert len(mixed.timed) <= routing_sets.TIMED
    assert {task.text.split()[0] for task in mixed.timed} >= {"how", "card"}
