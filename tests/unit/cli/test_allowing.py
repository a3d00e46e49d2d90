"""The option by which a command's user allows what a configuration imports."""

from __future__ import annotations

import os

import pytest
import typer
from typer.testing import CliRunner

from agent_knowledge.build.imports import VARIABLE
from agent_knowledge.cli.allowing import allowing


def test_a_module_is_allowed_for_one_run_beside_those_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = typer.Typer()

    @app.command()
    @allowing
    def tell(name: str, *, loud: bool = False) -> None:
        typer.echo(f"{name} {loud} {os.environ[VARIABLE]}")

    monkeypatch.setenv(VARIABLE, "a")
    ran = CliRunner().invoke(app, ["x", "--allow-imports", "b", "--loud", "--allow-imports", "c.d"])
    assert ran.output == "x True a,b,c.d\n"
    assert os.environ[VARIABLE] == "a"
