"""Running the command line as a user does, in this process so that it is quick."""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent_knowledge import KnowledgeConfig
from agent_knowledge.cli import main


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def rows(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


class CommandLine:
    """The command line in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str, stdin: str | bytes = "") -> Ran:
        out, err = io.StringIO(), io.StringIO()
        before = Path.cwd(), sys.argv, sys.stdin
        os.chdir(self.folder)
        sys.argv = ["agent-knowledge", *arguments]
        given = stdin if isinstance(stdin, bytes) else stdin.encode()
        sys.stdin = io.TextIOWrapper(io.BytesIO(given), encoding="utf-8")
        try:
            with redirect_stdout(out), redirect_stderr(err):
                try:
                    main()
                    code = 0
                except SystemExit as leave:
                    code = int(leave.code or 0)
        finally:
            os.chdir(before[0])
            sys.argv, sys.stdin = before[1:]
        return Ran(code, out.getvalue(), err.getvalue())


@pytest.fixture
def here(tmp_path: Path) -> CommandLine:
    """The command line in an empty folder."""
    return CommandLine(tmp_path)


@pytest.fixture(scope="session")
def in_shop(shop: KnowledgeConfig) -> CommandLine:
    """The command line in the indexed sample shop."""
    return CommandLine(shop.folder)
