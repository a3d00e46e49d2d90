"""`log`: what the log of decisions comes to, and its tasks as cases."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from agent_knowledge.cli import show
from agent_knowledge.cli.options import CONFIG, Config, Json
from agent_knowledge.cli.terminal import complain
from agent_knowledge.config import KnowledgeConfig
from agent_knowledge.errors import InputError, nearest, shown
from agent_knowledge.ledger.decisions import LoggedTurn, read_turns
from agent_knowledge.ledger.log_summary import Latency, LoggedTask, LogSummary, summarise
from agent_knowledge.types import STRATEGIES, Strategy, to_dict
from agent_knowledge.types.answers import FLAGS

_AGO = re.compile(r"(\d{1,6})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 168}
_MARKS: dict[Strategy, str] = {"direct": "░", "retrieval": "█", "few_shot": "▓", "fine_tuned": "▒"}
_STYLES = {"direct": "cyan", "retrieval": "green", "few_shot": "magenta", "fine_tuned": "yellow"}
_BAR = 24
"""Characters of the bar of the day with the most turns: a line fits 80 columns."""
_SHOWN_DAYS = 31
"""Days that have a bar, the last ones; --json has all. A limit of what is shown."""
_SHOWN = 10
"""Tasks that are listed of each kind; --json has all. A limit of what is shown."""


def log(
    *,
    config: Config = CONFIG,
    since: Annotated[
        str | None,
        typer.Option("--since", help="How far back: 12h, 7d, 4w, or a date such as 2026-11-01."),
    ] = None,
    agent: Annotated[
        str | None, typer.Option("--agent", "-a", help="Whose turns; default: everybody's.")
    ] = None,
    to_cases: Annotated[
        Path | None,
        typer.Option(
            "--to-cases", help="Write its tasks with their routes to a new file, for check."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell what was decided over time: strategies, gaps, unsupported claims, latency.

    Reads what routers and answerers of the configuration have kept, where its `log:` has them.
    """
    from agent_knowledge.build.logs import log_file
    from agent_knowledge.build.parts import read_config

    known = read_config(config)
    if agent is not None and agent not in known.agents:
        msg = f"--agent: {agent!r} is unknown; {nearest(agent, known.agents)}"
        raise InputError(msg)
    rows = read_turns(log_file(known), _since(since), agent)
    if to_cases is not None:
        _write_cases(rows, to_cases, known)
        return
    summary = summarise(rows)
    show.output(to_dict(summary), _told(summary, known), as_json=as_json)


def _since(given: str | None) -> str:
    """The ISO time, UTC, from which on rows count.

    Raises:
        InputError: It says no time.
    """
    if given is None:
        return ""
    try:
        if ago := _AGO.fullmatch(given.strip()):
            hours = int(ago[1]) * _HOURS[ago[2]]
            moment = datetime.now(UTC) - timedelta(hours=hours)
        else:
            moment = datetime.fromisoformat(given.strip())
    except (ValueError, OverflowError) as error:
        msg = f"--since {shown(given)} says no time; give 12h, 7d, 4w, or a date as 2026-11-01"
        raise InputError(msg) from error
    moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")


def _told(found: LogSummary, config: KnowledgeConfig) -> Text:
    """A summary for a person."""
    if not found.turns:
        where = "nothing is logged; add `log: {}` to the configuration, and use it"
        return Text(where if config.log is None else "nothing is logged yet, or nothing that fits")
    text = Text()
    text.append_text(_days(found))
    text.append(f"\n\n{_counted(found.turns)}", style="bold")
    text.append(f", {found.answered} of them answered")
    for word, count in (("unsure", found.unsure), ("after a rung that failed", found.fallbacks)):
        text.append(f", {count} {word}" if count else "")
    errors = ", ".join(f"{count} {kind}" for kind, count in found.errors.items())
    text.append(f"\nerrors: {errors}" if errors else "", style="red")
    text.append(f"\ngaps: {found.gaps}", style="yellow" if found.gaps else "")
    text.append_text(_tasks(found.gap_tasks))
    style = "yellow" if found.unsupported else ""
    text.append(f"\nunsupported claims: {found.unsupported} of {found.claims}", style=style)
    text.append_text(_tasks(found.unsupported_tasks))
    for flag, meaning in FLAGS.items():
        if count := found.flags.get(flag, 0):
            text.append(f"\n{count} answers: {meaning}", style="yellow")
    text.append(f"\n{_latency('decided', found.decided)}")
    text.append(f"\n{_latency('answered', found.answering)}" if found.answering.turns else "")
    if found.dropped:
        missing = f"{_counted(found.dropped)} missing: the log fell behind"
        text.append(f"\n{missing}", style="red")
    return text


def _counted(turns: int) -> str:
    return f"{turns} turn{'' if turns == 1 else 's'}"


def _days(found: LogSummary) -> Text:
    """A bar a day, as long as the day had turns, with a legend of its marks."""
    used: list[Strategy] = [strategy for strategy in STRATEGIES if found.strategies.get(strategy)]
    text = Text("            ")
    for strategy in used:
        text.append(f"{_MARKS[strategy]} {strategy}  ", style=_STYLES[strategy])
    earlier = len(found.days) - _SHOWN_DAYS
    text.append(f"\n{earlier} earlier days (--json has all)" if earlier > 0 else "", style="dim")
    days = found.days[-_SHOWN_DAYS:]
    most = max(sum(day.strategies.values()) for day in days)
    for day in days:
        text.append(f"\n{day.day}  ")
        drawn = 0
        for strategy, cells in _cells(day.strategies, most).items():
            text.append(_MARKS[strategy] * cells, style=_STYLES[strategy])
            drawn += cells
        text.append(" " * (_BAR + 1 - drawn))
        counts = ", ".join(f"{s} {day.strategies[s]}" for s in used if day.strategies.get(s))
        text.append(f"{sum(day.strategies.values())}: {counts}", style="dim")
    return text


def _cells(counts: Mapping[Strategy, int], most: int) -> dict[Strategy, int]:
    """Characters of each strategy in a bar.

    They are rounded where they end, so that a bar is as long as its day, whatever its parts are.
    """
    cells: dict[Strategy, int] = {}
    seen = drawn = 0
    for strategy in STRATEGIES:
        seen += counts.get(strategy, 0)
        end = max(round(seen * _BAR / most), 1 if seen else 0)
        cells[strategy], drawn = end - drawn, end
    return cells


def _tasks(tasks: Sequence[LoggedTask]) -> Text:
    text = Text()
    for one in tasks[:_SHOWN]:
        times = f"{one.times} times: " if one.times > 1 else ""
        text.append(f"\n  {times}{show.excerpt(one.task)}", style="dim")
    more = len(tasks) - _SHOWN
    return text.append(f"\n  and {more} more (--json has all)" if more > 0 else "", style="dim")


def _latency(what: str, taken: Latency) -> str:
    if taken.p50_ms is None or taken.p95_ms is None:
        return ""
    return f"{what} in {taken.p50_ms:,.0f} ms at the median, {taken.p95_ms:,.0f} ms at p95"


def _write_cases(rows: Sequence[LoggedTurn], file: Path, config: KnowledgeConfig) -> None:
    """Write the tasks of a log, each once, with the strategy that was last chosen for it.

    Raises:
        InputError: No row has its text, several agents' have, or the file cannot be made anew.
    """
    kept = [row for row in rows if row.task and not row.error]
    if not kept:
        state = f"log.text is {config.log.text}" if config.log else "there is no `log:`"
        why = state if not config.log or config.log.text != "whole" else "none was logged yet"
        msg = f"--to-cases: the log has no task as text ({why}); set log.text: whole and use it"
        raise InputError(msg)
    if len(agents := sorted({row.agent for row in kept})) > 1:
        msg = f"--to-cases: the log has tasks of {', '.join(agents)}, and check takes those of one"
        raise InputError(f"{msg}; name it by --agent")
    cases = list(_cases(kept))
    try:
        # For its owner alone, as the log: it is what people asked.
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
            out.writelines(json.dumps(case) + "\n" for case in cases)
    except OSError as error:
        msg = f"--to-cases: cannot make {str(file)!r} ({error.strerror}); give a path of its own"
        raise InputError(msg) from error
    less = len(rows) - len(kept)
    left_out = f"; {_counted(less)} without text, or ended in an error" if less else ""
    complain(f"{len(cases)} cases{left_out}; read them before they count as right")


def _cases(rows: Sequence[LoggedTurn]) -> Iterator[dict[str, Any]]:
    latest = {(row.task, row.history): row for row in rows}
    for number, ((task, history), row) in enumerate(latest.items(), start=1):
        turns = [{"role": turn.role, "content": turn.content} for turn in history]
        asked = {"id": str(number), "task": task, **({"history": turns} if turns else {})}
        yield {**asked, "expected": row.strategy}
