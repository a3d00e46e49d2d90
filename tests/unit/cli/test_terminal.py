"""What comes from outside shows in a terminal and does not act there."""

from __future__ import annotations

import ast
import io
import itertools
import os
import pty
import re
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

import agent_knowledge.cli
from agent_knowledge.build.indexing import IndexSummary
from agent_knowledge.cli import app, show
from agent_knowledge.cli.indexing import (
    _sentences,  # pyright: ignore[reportPrivateUsage]
    summary_row,
)
from agent_knowledge.cli.progress import Lines, bars
from agent_knowledge.cli.terminal import Terminal, complain, echo_lines, echo_table, shown
from agent_knowledge.errors import InputError
from agent_knowledge.retrieval.reports import IndexReport
from agent_knowledge.types import Example, to_dict
from tests.unit.citations.rendering.answers_made import REFUNDS, made

HOSTILE = (
    "\x1b]0;owned\x07\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\\x1b[2J\x1b[31m"
    "\x9b2J\u202egnp.exe\u2066\r\x08[bold]b[/bold] [link=https://evil.example]x[/link] :warning:"
)
ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
PASSAGE = replace(REFUNDS, title=HOSTILE, document=HOSTILE, uri=HOSTILE, text=HOSTILE)


def printed(text: Text | str) -> str:
    out = io.StringIO()
    with redirect_stdout(out):
        show.echo(text)
    return out.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        HOSTILE,
        Text(HOSTILE),
        show.passages([to_dict(PASSAGE)]),
        show.examples(HOSTILE, [to_dict(Example(input=HOSTILE, output=HOSTILE, score=1.0))]),
        show.answer(made(f"{HOSTILE} [1].", (PASSAGE,))),
        show.footnotes(made(f"{HOSTILE} [1].", (PASSAGE,))),
        show.answer(replace(made(HOSTILE, ()), fallbacks=(HOSTILE,), faults=(HOSTILE,))),
    ],
    ids=["str", "text", "passages", "examples", "answer", "footnotes", "notes"],
)
def test_what_is_printed_does_not_act(text: Text | str) -> None:
    told = printed(text)
    assert not ACTS.search(told)
    assert "[bold]b[/bold]" in " ".join(told.split())
    assert ":warning:" in told


def test_tables_lines_and_messages_do_not_act_either() -> None:
    out, err = io.StringIO(), io.StringIO()
    table = Table("a")
    table.add_row(HOSTILE)
    with redirect_stdout(out), redirect_stderr(err):
        echo_table(table)
        echo_lines(HOSTILE)
        complain(HOSTILE)
    for told in (out.getvalue(), err.getvalue()):
        assert "owned" in told
        assert not ACTS.search(told)


def test_lines_stay_lines() -> None:
    assert shown("a\r\nb\nc\td") == "a\nb\nc\td"


def test_an_index_run_tells_file_names_as_they_are_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report = IndexReport(
        source="s",
        added=0,
        updated=0,
        unchanged=0,
        deleted=0,
        failed=((f"{HOSTILE}.md", HOSTILE),),
        digest="",
        passages=0,
        embedded=0,
        elapsed_s=0.0,
        mended=(HOSTILE,),
        suspicious=((f"{HOSTILE}.md", HOSTILE),),
    )
    summary = IndexSummary(reports=(report,), errors={}, examples={}, set_errors={})
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        echo_lines(_sentences(summary_row(summary)))
        with bars(Terminal(stderr=True)) as told:
            told(HOSTILE, 1, 0)
            told(HOSTILE, 1, 1)
        Lines(complain, itertools.count(step=60).__next__)(HOSTILE, 1, 1)
    assert all(told in out.getvalue() for told in ("failed", "mended", "suspicious"))
    assert not ACTS.search(out.getvalue() + err.getvalue())


def test_an_error_that_ends_a_command_does_not_act(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise InputError(HOSTILE)

    monkeypatch.setattr(app, "app", fail)
    err = io.StringIO()
    with redirect_stderr(err), pytest.raises(SystemExit):
        app.run()
    assert "owned" in err.getvalue()
    assert not ACTS.search(err.getvalue())


def test_colours_of_our_own_reach_a_terminal() -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal, redirect_stdout(terminal):
        show.echo(Text(HOSTILE, style="bold"))
    told = os.read(ours, 10_000).decode()
    os.close(ours)
    codes = re.findall("\x1b(?:\\[[0-9;]*m|.)", told)
    assert codes
    assert set(codes) <= {"\x1b[1m", "\x1b[0m"}


def test_nothing_else_prints_what_is_not_json() -> None:
    """Each call that prints is in `terminal`, prints JSON, or the version."""
    folder = Path(next(iter(agent_knowledge.cli.__path__)))
    found: list[str] = []
    for file in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and file.name != "terminal.py":
                called = ast.unparse(node.func)
                given = ast.unparse(node.args[0]) if node.args else ""
                prints = called in {"print", "Console", "sys.stdout.write", "sys.stderr.write"}
                echoes = called == "typer.echo" and not given.startswith("json.dumps(")
                if prints or (echoes and given != "__version__"):
                    found.append(f"{file.name}: {ast.unparse(node)}")
    assert found == []
    assert "agent_knowledge.cli.terminal" in sys.modules


def test_a_table_that_is_too_wide_becomes_several_with_the_names_in_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "40")
    table = Table(box=None)
    for n in range(6):
        table.add_column(f"column {n}", no_wrap=n < 5)
    for name in ("retrieval+few_shot", "prompt"):
        table.add_row(
            name, *(str(10**n) for n in range(1, 5)), "a model's name that is far too long"
        )
    out = io.StringIO()
    with redirect_stdout(out):
        echo_table(table)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()).splitlines()
    assert max(map(len, lines)) <= 40
    assert sum("retrieval+few_shot" in line for line in lines) == 3
    for cell in ("10000", "column 4", "column 5", " long"):
        assert any(cell in line for line in lines)
