"""The bench of agents, on a tiny one: its rows, its columns, and what the peers are told."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agent_knowledge import Task
from agent_knowledge.routing.need import DecisionFit, LogisticFit, Weights, load_weights
from agent_knowledge.testing import HashEmbedder
from agent_knowledge.types import Strategy
from tests.unit.tools.tiny_agent import EXAMPLES, NAME, ROWS, write_agent, write_rows
from tools.bench import agents as bench
from tools.bench.agents_peers import GENERAL, general_requests, lessons, peers
from tools.bench.agents_table import Judged, figures
from tools.data.agent_folders import indexed
from tools.data.agents import Kind, LabelledTask, read_agents
from tools.data.embedding import RememberingMiniLM
from tools.data.split import part_of
from tools.train import folds
from tools.train.decision_data import left_out_fits

DIRECT = [f"Write {n} rhymes about rain" for n in range(GENERAL + 9)]


@pytest.fixture(scope="module")
def embedder() -> RememberingMiniLM:
    return RememberingMiniLM()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with the need set and one agent."""
    write_agent(tmp_path / "agents")
    of = {"need": "direct", "second": None}
    write_rows(
        tmp_path / "need/tasks.jsonl",
        [
            {"task": "Who won in 1974?", "need": "retrieval", "second": None},
            {"task": "What is love?", "need": "direct", "second": "retrieval"},
            *({"task": text, **of} for text in DIRECT),
        ],
    )
    return tmp_path


@pytest.fixture
def fitted_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of training in which the packaged weights stand for those that have not seen it."""
    monkeypatch.setattr(folds, "CACHE", tmp_path / "cache")
    fold, fits = folds.fold_folder(folds.fold_of(NAME)), left_out_fits(NAME)
    for file in (fold / "text_layers.onnx", fold / "text_heads.json", fits):
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folds.PACKAGE / file.name, file)
    return tmp_path / "cache"


def always_retrieval() -> Weights:
    """Fits by which everything speaks for a look-up."""
    surely, never = (LogisticFit(weights={}, centers={}, bias=bias) for bias in (20.0, -20.0))
    packaged = load_weights("minilm")
    decision = DecisionFit(retrieval=surely, few_shot=never)
    return replace(packaged, fits=replace(packaged.fits, decision=decision))


def labelled(kind: Kind, expected: Strategy, *also: Strategy) -> LabelledTask:
    return LabelledTask(id="x", kind=kind, task=Task("x"), expected=expected, also=also)


def cells(row: str) -> list[str]:
    """The numbers of a row, without its name."""
    return row[34:].replace("|", " ").split()


def test_figures_count_what_is_accepted_as_well_and_keep_kinds_apart():
    tasks = (
        labelled("covered", "retrieval", "few_shot"),
        labelled("covered", "retrieval"),
        labelled("general", "direct"),
    )
    judged = Judged(
        tasks=tasks,
        named=("few_shot", "direct", "direct"),
        confidence=(1.0, 0.5, 1.0),
        found=(True, False),
    )
    of = figures(judged)
    measured = {kind: share for kind, share in of.by_kind.items() if share is not None}
    assert measured == {"covered": 0.5, "general": 1.0}
    assert of.accuracy == pytest.approx(2 / 3)
    assert of.macro_f1 == pytest.approx((0 + 2 / 3) / 2)
    assert of.ece == pytest.approx(0.5 / 3)
    assert (of.found, of.handed) == (0.5, None)
    twice = figures(Judged.together([judged, judged]))
    assert twice == of


def test_peers_are_told_descriptions_headings_examples_and_the_same_requests(data: Path):
    general = general_requests(data)
    assert list(general) == DIRECT[:GENERAL]
    (agent,) = read_agents(data / "agents")
    with indexed(agent, HashEmbedder()) as here:
        told = lessons(here, general)
    assert len(told) == len({text for text, _ in told})
    of = {route: [text for text, of in told if of == route] for _, route in told}
    assert of["retrieval"] == [
        "Timetable, fares and rules of the Lum ferry",
        "Fares",
        "Bicycles",
        "The Lum ferry",
        "Rules on board",
        "Dogs",
        "what passengers ask",
        "Prams",
    ]
    first, *inputs = of["few_shot"]
    assert first == "Sort a note from the pier: crew, repair or lost"
    assert inputs == [example["input"] for example in EXAMPLES]
    assert of["direct"] == ["Helps the desk of the Lum ferry", *general]


def test_titles_of_restructured_text_are_headings_too(data: Path):
    home = data / "agents" / NAME
    config = home / "agent-knowledge.yaml"
    config.write_text(config.read_text().replace("docs/**/*.md", "docs/**/*"))
    text = "Tides\n=====\n\nHigh at noon.\n\nEbb and flow\n------------\n\n    # no title\n"
    (home / "docs" / "tides.rst").write_text(text)
    (agent,) = read_agents(data / "agents")
    with indexed(agent, HashEmbedder()) as here:
        told = dict(lessons(here, ()))
    assert {"Tides", "Ebb and flow"} <= set(told)
    assert "no title" not in told


@pytest.mark.parametrize("name", ["5 nearest neighbours", "MiniLM, linear SVM"])
def test_a_peer_knows_again_what_it_was_told(name: str, data: Path, embedder: RememberingMiniLM):
    (agent,) = read_agents(data / "agents")
    with indexed(agent, embedder) as here:
        told = lessons(here, general_requests(data))
    judged = peers(embedder, None)[name](told, agent.tasks)
    of = {task.id: named for task, named in zip(judged.tasks, judged.named, strict=True)}
    assert of["b1"] == "few_shot"
    assert of["n1"] == "direct"
    assert all(1 / 3 <= sure <= 1 for sure in judged.confidence)


def test_the_table_has_a_row_an_agent_one_for_all_and_one_a_peer(
    data: Path, embedder: RememberingMiniLM, capsys: pytest.CaptureFixture[str]
):
    agents, general = read_agents(data / "agents"), general_requests(data)
    bench.print_rows(agents, lambda _: (embedder, None), peers(embedder, None), general)
    rows = capsys.readouterr().out.splitlines()
    named = {row[:34].strip(): cells(row) for row in rows}
    assert list(named) == [
        NAME,
        "ours, all agents",
        "5 nearest neighbours",
        "MiniLM, linear SVM",
        "majority",
    ]
    ours, majority = named[NAME], named["majority"]
    assert named["ours, all agents"] == ours
    assert ours[0] == "5"
    assert ours[-2] == "1.000"  # bicycles and prams are found
    # Always retrieval: right for both covered tasks and the follow-up, and for neither other.
    kinds = ["1.000", "-", "1.000", "-", "0.000", "0.000", "-", "-"]
    accuracy, macro_f1, ece = "0.600", "0.250", "0.000"
    assert majority == ["5", *kinds, accuracy, macro_f1, ece, "-", "-"]


def test_an_agent_is_routed_by_the_weights_that_are_given_for_it(
    data: Path, embedder: RememberingMiniLM, capsys: pytest.CaptureFixture[str]
):
    opened: list[str] = []

    def weights_for(agent: str) -> tuple[RememberingMiniLM, Weights]:
        opened.append(agent)
        return embedder, always_retrieval()

    bench.print_rows(read_agents(data / "agents"), weights_for, {}, ())
    row, *_ = capsys.readouterr().out.splitlines()
    assert opened == [NAME]
    # Right for covered tasks and the follow-up, and for neither other.
    assert cells(row)[1:9] == ["1.000", "-", "1.000", "-", "0.000", "0.000", "-", "-"]


def test_what_has_not_seen_an_agent_routes_it(
    data: Path, fitted_without_it: Path, capsys: pytest.CaptureFixture[str]
):
    agents = read_agents(data / "agents")
    title, weights_for = bench.choose_weights(agents, packaged=False)
    assert title == bench.LEFT_OUT
    assert not capsys.readouterr().err
    encoder, weights = weights_for(NAME)
    assert weights is not None
    assert encoder is weights_for(NAME)[0]  # each text is read once, whoever's it is
    bench.print_rows(agents, weights_for, {}, ())
    assert capsys.readouterr().out.startswith(NAME)


@pytest.mark.parametrize("file", ["text_layers.onnx", "text_heads.json", "decision.json"])
def test_where_such_weights_lack_it_is_said_how_they_are_made(
    file: str, data: Path, fitted_without_it: Path, capsys: pytest.CaptureFixture[str]
):
    next(fitted_without_it.rglob(file)).unlink()
    title, weights_for = bench.choose_weights(read_agents(data / "agents"), packaged=False)
    assert title == bench.UNSEEN
    assert weights_for(NAME)[1] is None
    said = capsys.readouterr().err
    assert f"have not seen {NAME}" in said
    assert said.count("  python -m tools.train.text ") == folds.FOLDS
    assert "  python -m tools.train.decision --data DATA\n" in said


def test_packaged_weights_give_no_result_for_agents_that_they_were_fitted_to(
    data: Path,
):
    unseen = read_agents(data / "agents")
    assert bench.choose_weights(unseen, packaged=True)[0] == bench.UNSEEN
    with_ours = (*unseen, *read_agents(folds.OWN_AGENTS))
    assert bench.choose_weights(with_ours, packaged=True)[0] == bench.FITTED


def test_what_is_absent_is_said_and_is_no_failure(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["agents", *arguments])
        bench.main()
        return capsys.readouterr().out

    assert "pass --data FOLDER or --folder FOLDER" in run("--data", str(data / "elsewhere"))
    (data / "need/tasks.jsonl").unlink()
    without_peers = run("--data", str(data), "--agents", NAME)
    no_peers, title, _, head, ours, *_ = without_peers.splitlines()
    assert "so no peers: pass --data FOLDER" in no_peers
    assert title == f"{bench.UNSEEN}; part: all"
    other = "development" if part_of(NAME) == "test" else "test"
    assert f"no agents (part: {other}) in " in run("--data", str(data), "--part", other)
    assert cells(head)[:2] == ["tasks", "covered"]
    assert ours.startswith(NAME)
    assert "nearest neighbours" not in without_peers
    with pytest.raises(SystemExit, match="2"):
        run("--data", str(data), "--agents", "fery")
    assert "did you mean 'ferry'?" in capsys.readouterr().err


def test_an_agent_that_cannot_be_laid_out_is_left_out(
    data: Path, embedder: RememberingMiniLM, capsys: pytest.CaptureFixture[str]
):
    broken = data / "agents" / "broken"
    broken.mkdir()
    write_rows(broken / "tasks.jsonl", ROWS)
    bench.print_rows(read_agents(data / "agents"), lambda _: (embedder, None), {}, ())
    said = capsys.readouterr()
    assert said.err.startswith("broken: no configuration at ")
    assert NAME in said.out
    assert "broken" not in said.out
