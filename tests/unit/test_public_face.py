from __future__ import annotations

import importlib.metadata
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import agent_knowledge

ROOT = Path(__file__).parents[2]
HEAVY = ("chromadb", "onnxruntime", "langchain", "langchain_core", "pydantic", "numpy", "bm25s")


def test_the_public_names_are_sorted_and_each_once():
    assert agent_knowledge.__all__ == sorted(set(agent_knowledge.__all__))


@pytest.mark.parametrize("name", agent_knowledge.__all__)
def test_every_public_name_can_be_imported_and_is_documented(name: str):
    value = getattr(agent_knowledge, name)
    assert value.__name__ == name
    assert value.__doc__
    assert name in dir(agent_knowledge)


def test_the_names_of_the_design_are_there():
    promised = {"KnowledgeConfig", "KnowledgeRouter", "Task", "Decision", "Passage", "Citation"}
    jobs = {"load_router", "load_answerer", "load_model", "load_verifier", "evaluate"}
    assert promised | jobs <= set(agent_knowledge.__all__)


def test_what_is_taken_is_typed_as_what_it_is():
    taking = ["load_router", "load_answerer", "load_model", "load_verifier", "index_sources"]
    for name in (*taking, "evaluate", "TrialSettings", "KnowledgeRouter", "Answerer"):
        told = inspect.signature(getattr(agent_knowledge, name)).parameters.values()
        vague = [p.name for p in told if re.search(r"\b(object|Any)\b", str(p.annotation))]
        assert not vague, f"{name}: {vague}"


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md", "examples"])
def test_what_a_newcomer_copies_imports_from_no_inner_module(page: str):
    files = sorted((ROOT / page).glob("*.py")) or [ROOT / page]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    imported = re.findall(r"(?:from|import) (agent_knowledge[\w.]*)", text)
    assert imported
    assert set(imported) <= {"agent_knowledge", "agent_knowledge.langchain"}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'agent_knowledge' has no attribute 'Rooter'"):
        agent_knowledge.Rooter  # noqa: B018


def test_the_version_is_that_of_the_distribution():
    installed = importlib.metadata.version("langchain-agent-knowledge")
    assert agent_knowledge.__version__ == installed


def loaded_after(statement: str) -> set[str]:
    """Names of the top packages that a fresh interpreter holds after a statement."""
    code = f"{statement}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_the_package_loads_nothing_heavy():
    assert not loaded_after("import agent_knowledge") & set(HEAVY)


def test_values_and_errors_need_the_standard_library_alone():
    statement = "from agent_knowledge import Task, Decision, Passage, AgentKnowledgeError"
    assert not loaded_after(statement) & set(HEAVY)


def test_reading_a_configuration_loads_no_model_and_no_store():
    loaded = loaded_after("from agent_knowledge import KnowledgeConfig")
    assert not loaded & {"chromadb", "onnxruntime", "langchain", "langchain_core", "numpy"}
