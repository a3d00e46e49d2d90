"""`tune --source`: the coverage of one source, fitted to questions of its own."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from agent_knowledge.cli import show
from agent_knowledge.cli.batch import Line, read_lines
from agent_knowledge.cli.progress import waiting
from agent_knowledge.errors import ConfigError, InputError, nearest, shown

if TYPE_CHECKING:
    from agent_knowledge.config import KnowledgeConfig
    from agent_knowledge.trials.source_fit import SourceTuning
    from agent_knowledge.types.filters import Scope

_KEYS = {"id", "question", "covered"}


def read_questions(source: str) -> list[tuple[str, bool]]:
    """Read questions, each with whether a source covers it.

    Args:
        source: Path of a file of JSON lines; `-` for standard input.

    Raises:
        InputError: The file cannot be read, or with what is wrong in all bad lines at once.
    """
    read: list[tuple[str, bool]] = []
    faults: list[str] = []
    for line in read_lines(source, "--questions"):
        try:
            read.append(_question(line))
        except InputError as error:
            faults.append(f"line {line.number}: {error}")
    if faults:
        listed = "\n  ".join(faults)
        msg = f"--questions {source!r}:\n  {listed}"
        raise InputError(msg)
    return read


def _question(line: Line) -> tuple[str, bool]:
    if line.error:
        raise InputError(line.error)
    if unknown := sorted(set(line.row) - _KEYS):
        msg = f"unknown keys {', '.join(unknown)}; known: {', '.join(sorted(_KEYS))}"
        raise InputError(msg)
    question, covered = line.row.get("question"), line.row.get("covered")
    if not isinstance(question, str) or not question.strip():
        msg = f"'question' is {shown(question)}; give a text"
        raise InputError(msg)
    if not isinstance(covered, bool):
        msg = f"'covered' is {shown(covered)}; give true or false"
        raise InputError(msg)
    return question, covered


def tune_source(
    name: str,
    questions: str,
    path: Path,
    agent: str | None,
    scope: Scope,
    *,
    write: bool,
    as_json: bool,
) -> None:
    """Fit a source's coverage, tell what that came to, and keep it where that is asked for."""
    from agent_knowledge.build import load_router, read_config
    from agent_knowledge.build.stores import FITS
    from agent_knowledge.trials import source_fit

    config = read_config(path)
    if name not in config.sources:
        msg = f"--source: {name!r} is unknown; {nearest(name, config.sources)}"
        raise ConfigError(msg)
    rows = read_questions(questions)
    source_fit.require_questions([covered for _, covered in rows])
    router = load_router(config, agent or _agent_with(name, config)).scoped(scope)
    router.require_tenant()
    with waiting("fitting"):
        tuning = source_fit.tune_source(router, name, rows)
    file = config.store_path / FITS / f"{name}.json"
    written = write and tuning.better
    if written:
        source_fit.keep(tuning, file)
    row = {"source": name, **asdict(tuning), "better": tuning.better, "written": written}
    show.output(row, _told(name, tuning, file, written=written), as_json=as_json)


def _agent_with(name: str, config: KnowledgeConfig) -> str:
    found = [agent for agent, spec in config.agents.items() if name in spec.sources]
    if not found:
        msg = f"--source: no agent has the source {name!r}; add it to one"
        raise ConfigError(msg)
    return found[0]


def _told(name: str, tuning: SourceTuning, file: Path, *, written: bool) -> Text:
    count = f"{tuning.questions} questions, {tuning.covered} of them covered"
    text = Text().append(f"{name}: {count}", style="bold")
    text.append(f"\n  {'':<22}packaged  fitted, on held-out folds", style="dim")
    before, after = asdict(tuning.before), asdict(tuning.after)
    for what, was in before.items():
        text.append(f"\n  {what.replace('_', ' '):<22}{was:>8.3f}  {after[what]:>6.3f}")
    text.append(f"\n  by chance alone p = {tuning.p_value:.2g}\n\n", style="dim")
    if not tuning.better:
        text.append("Keep the packaged fit: ", style="bold yellow")
        return text.append(f"{tuning.doubt}; nothing to write.")
    if written:
        return text.append(f"written to {file}", style="green")
    return text.append("The fit helps; let --write keep it.", style="bold")
