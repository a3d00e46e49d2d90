"""Agents with labelled tasks: read, scored, and laid out as a user would have them."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_knowledge import Message, Passage, Task
from agent_knowledge.errors import InputError, RunError
from agent_knowledge.testing import HashEmbedder
from agent_knowledge.trials.decision_scores import codes
from agent_knowledge.types import Strategy
from tests.unit.tools.tiny_agent import FILES, NAME, ROWS, write_agent, write_rows
from tools.data.agent_folders import IndexedAgent, indexed
from tools.data.agents import LabelledTask, read_agents, truth_of


@pytest.fixture
def agents(tmp_path: Path) -> Path:
    write_agent(tmp_path / "agents")
    return tmp_path / "agents"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexedAgent]:
    folder = tmp_path_factory.mktemp("agents")
    write_agent(folder)
    (agent,) = read_agents(folder)
    with indexed(agent, HashEmbedder()) as opened:
        yield opened


def passage(source: str, document: str) -> Passage:
    return Passage(source=source, document=document, title="", uri="", text="", start=0, end=0)


def labelled(*relevant: str, expected: Strategy = "retrieval", also: tuple[Strategy, ...] = ()):
    return LabelledTask(
        id="x",
        kind="covered",
        task=Task("x"),
        expected=expected,
        also=also,
        relevant=frozenset(relevant),
    )


def test_an_agent_is_read_with_its_tasks_in_order(agents: Path):
    (agents / "draft").mkdir()
    (agent,) = read_agents(agents)
    assert (agent.name, agent.folder) == (NAME, agents / NAME)
    assert [one.id for one in agent.tasks] == [row["id"] for row in ROWS]
    followup, bare = agent.tasks[2], agent.tasks[3]
    assert followup.task == Task(
        "and dogs?",
        history=(
            Message("user", "May bicycles come on board?"),
            Message("assistant", "Yes, for 4 crowns."),
        ),
        id="f1",
    )
    assert followup.relevant == {"docs/rules/index.md"}
    assert (bare.expected, bare.example_set) == ("few_shot", "desk")


def test_where_there_is_no_folder_there_is_no_agent(tmp_path: Path):
    assert read_agents(tmp_path / "absent") == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "chat"}, r"line 2.*\nkind\n.*'covered'"),
        ({"expected": "rag"}, r"line 2.*\nexpected\n.*'retrieval'"),
        ({"releevant": []}, r"line 2.*\nreleevant\n"),
        ({"id": "c1"}, r"line 2: id 'c1' was given before"),
    ],
)
def test_a_faulty_line_is_told_with_its_number(agents: Path, change: dict[str, object], said: str):
    write_rows(agents / NAME / "tasks.jsonl", [ROWS[0], {**ROWS[1], **change}])
    with pytest.raises(InputError, match=rf"tasks\.jsonl.*{said}"):
        read_agents(agents)


def test_what_is_accepted_as_well_is_right_and_counts_as_the_label():
    tasks = [labelled(also=("few_shot",)), labelled(expected="direct")]
    assert tasks[0].accepts("retrieval")
    assert tasks[0].accepts("few_shot")
    assert not tasks[0].accepts("direct")
    truth = truth_of(tasks)
    assert truth.right(codes(["few_shot", "direct"])).tolist() == [True, True]
    assert truth.right(codes(["direct", "few_shot"])).tolist() == [False, False]
    assert truth.f1(codes(["retrieval", "direct"])) == {"direct": 1.0, "retrieval": 1.0}


def test_a_document_is_named_with_or_without_its_sources_folder(here: IndexedAgent):
    root, nested = passage("guide", "index.md"), passage("guide", "rules/index.md")
    for names in ("docs/rules/index.md", "rules/index.md"):
        assert here.finds(labelled("docs/fares.md", names), [root, nested])
        assert not here.finds(labelled(names), [root])
    assert here.finds(labelled("prams"), [root, passage("faq", "prams")])
    assert not here.finds(labelled("docs/prams"), [passage("faq", "prams")])
    assert not here.finds(labelled(), [root, nested])


def test_a_laid_out_agent_answers_from_its_documents_and_not_from_its_labels(here: IndexedAgent):
    router = here.router()
    asked = here.agent.tasks[0]
    assert here.finds(asked, router.retrieve(asked.task, 1))
    assert router.few_shot("the winch is leaking oil")[0] == "desk"
    assert not (here.config.folder / "tasks.jsonl").exists()


def test_the_agents_own_folder_stays_as_it_is_though_it_is_read_only(agents: Path):
    (agent,) = read_agents(agents)
    before = {file: file.read_bytes() for file in agent.folder.rglob("*") if file.is_file()}
    for file in before:
        file.chmod(stat.S_IREAD)
    with indexed(agent, HashEmbedder()) as here:
        assert here.config.folder != agent.folder
        (here.config.folder / "docs/fares.md").write_text(FILES["docs/index.md"])
    after = {file: file.read_bytes() for file in agent.folder.rglob("*") if file.is_file()}
    assert after == before


def test_an_agent_whose_documents_are_gone_is_refused(agents: Path):
    (agents / NAME / "faq.jsonl").unlink()
    (agent,) = read_agents(agents)
    with (
        pytest.raises(RunError, match=r"'ferry'.*source 'faq'.*faq\.jsonl"),
        indexed(agent, HashEmbedder()),
    ):
        pass
