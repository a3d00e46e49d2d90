"""What stands beside the package: workflows, image, compose file and forms."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from agent_knowledge.cli.app import app
from tools.floors import floors

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
COMMANDS = typer.main.get_command(app).commands
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def jobs() -> dict[str, Any]:
    return {
        f"{file.stem}.{name}": job
        for file in WORKFLOWS
        for name, job in yaml.safe_load(file.read_text())["jobs"].items()
    }


def test_workflows_call_make_by_targets_that_are_there():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    runs = [step["run"] for job in jobs().values() for step in job["steps"] if "run" in step]
    runs = [
        run.replace("${{ matrix.versions }}", versions)
        for run in runs
        for versions in (jobs()["ci.test"]["strategy"]["matrix"]["versions"])
    ]
    called = {shlex.split(run)[1] for run in runs if run.startswith("make ")}
    assert called >= {"check", "docs", "test-floor", "test-latest", "test-slow", "test-page"}
    assert called <= targets


def test_ci_tries_every_python_that_the_package_names():
    named = [one.rsplit(" ", 1)[1] for one in PROJECT["classifiers"] if "Python :: 3." in one]
    assert jobs()["ci.test"]["strategy"]["matrix"]["python"] == named


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_may_write_nothing_and_ends(workflow: Path):
    told = yaml.safe_load(workflow.read_text())
    assert told["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] <= 60 for job in told["jobs"].values())


def test_a_newer_python_has_its_own_oldest_releases():
    lines = floors(PROJECT)
    assert "numpy==2.0; python_version < '3.13'" in lines
    assert "numpy==2.3.2; python_version >= '3.14'" in lines
    named = {re.split(r"[>;]", str(one))[0] for one in PROJECT["dependencies"]}
    assert {line.split("==")[0] for line in lines} == named


def test_the_image_installs_what_extras_are_called():
    installed = re.search(r"pip install[^']*'\.\[([\w,-]+)\]'", DOCKERFILE)
    assert installed
    extras = installed[1].split(",")
    assert {"ui", "mcp", "postgres"} <= set(extras) <= set(PROJECT["optional-dependencies"])


def test_the_image_copies_what_the_build_reads_and_no_more():
    needed = {"pyproject.toml", PROJECT["readme"], *PROJECT["license-files"], "agent_knowledge"}
    copied = re.findall(r"^COPY ([\w. ]+) \./\S*$", DOCKERFILE, re.MULTILINE)
    assert set(" ".join(copied).split()) == needed
    let_in = (ROOT / ".dockerignore").read_text().split("\n")
    assert {line[1:] for line in let_in if line.startswith("!")} == needed


def test_the_image_runs_as_nobody_in_particular():
    last = DOCKERFILE.rsplit("FROM", 1)[1]
    assert last.index("USER knowledge") < last.index("ENTRYPOINT")
    assert "ADD http" not in DOCKERFILE
    assert "curl" not in DOCKERFILE


def test_every_service_runs_a_command_that_is_there():
    ran = [
        service["command"][0] for service in COMPOSE["services"].values() if "command" in service
    ]
    ran += [yaml.safe_load(re.search(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)[1])[0]]
    assert ran
    assert set(ran) <= set(COMMANDS)


def test_compose_names_what_the_configuration_and_the_page_read():
    page = COMPOSE["services"]["page"]
    assert set(page["environment"]) == {"DATABASE_URL", "AGENT_KNOWLEDGE_PASSWORD"}
    guide = (ROOT / "docs/containers.md").read_text()
    assert 'url: "${DATABASE_URL}"' in guide
    asked = set(re.findall(r"\$\{(\w+)", (ROOT / "compose.yaml").read_text()))
    assert not {name for name in asked if name not in guide}
    assert page["ports"] == ["127.0.0.1:7860:7860"]


def test_forms_have_what_their_reader_needs():
    for file in sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")):
        form = yaml.safe_load(file.read_text())
        if file.stem != "config":
            assert {"name", "description", "body"} <= set(form), file.name
            ids = [part["id"] for part in form["body"] if part["type"] != "markdown"]
            assert len(ids) == len(set(ids))
            assert all(part["attributes"]["label"] for part in form["body"] if "id" in part)
