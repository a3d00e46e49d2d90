"""What the lab writes for readers: a trial's report and advice, each one HTML file.

A page holds its style, no script and nothing to load, and forbids itself both. Every value put into
a page is escaped, so that a model's answer in it stays a text whatever it holds. The forms are in
the folder `templates`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from agent_knowledge.errors import InputError
from agent_knowledge.ledger import MIN_CASES, RungComparison, RungResult, Trial
from agent_knowledge.trials.advice import Advice
from agent_knowledge.trials.costs import GAPS, Money, about, money_rows, usd, usd_range
from agent_knowledge.trials.recommend import CasesNeeded, served_line
from agent_knowledge.types import RUNGS, Rung, without_surrogates


def render(template: str, values: Mapping[str, object]) -> str:
    """Fill a template; what goes into HTML is escaped, Markdown takes it as it is.

    Args:
        template: Name of the file.
        values: All that it names.
    """
    return without_surrogates(_environment().get_template(template, globals=_KNOWN).render(values))


def save(text: str, path: Path) -> None:
    """Write a page.

    Raises:
        InputError: It cannot be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        msg = f"cannot write {str(path)!r} ({error.strerror}); give a path that can be written"
        raise InputError(msg) from error


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("agent_knowledge.trials"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _span(ends: tuple[float, float], spec: str) -> str:
    return f"{ends[0]:{spec}} to {ends[1]:{spec}}"


_KNOWN: dict[str, Any] = {"figure": format, "span": _span}
"""What every template may call."""


MOST_CASES = 200
"""Cases in the table at most: those on which the rungs differ most."""
_EXCERPT_CHARACTERS = 600
_HASH_CHARACTERS = 12
"""The beginning of a hash; the ledger has the whole."""
_MOST_LABELS = 20
"""Labels in a matrix at most; the ledger has all of them."""
_SAME = 1e-9
"""Scores closer than rounding makes them are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOutcome:
    """One case, what was answered on each rung, and how that was scored.

    Attributes:
        case: The case's id.
        task: What was asked.
        expected: What counts as right; any of them does.
        answers: Per rung, what was answered; a rung that failed has none.
        scores: Per rung that answered, 0..1; 0 where the answer broke its form.
        errors: Per rung without an answer that anybody would be shown, what went wrong.
        digest: The case's hash, by which another trial's is the same.
        tags: The case's.
    """

    case: str
    task: str
    expected: tuple[str, ...]
    answers: Mapping[Rung, str] = field(default_factory=dict[Rung, str])
    scores: Mapping[Rung, float] = field(default_factory=dict[Rung, float])
    errors: Mapping[Rung, str] = field(default_factory=dict[Rung, str])
    digest: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """What a trial came to.

    Attributes:
        trial: The figures, and what they speak for.
        outcomes: What became of each case.
        met: A rung that may serve reaches the target; True where there is none.
        needed: How many cases would tell two rungs apart.
        notes: What a reader should know beside the figures.
    """

    trial: Trial
    outcomes: tuple[CaseOutcome, ...]
    met: bool
    needed: CasesNeeded
    notes: tuple[str, ...]


def write_report(measured: TrialResult, path: Path) -> None:
    """Write a trial's report.

    Args:
        measured: What was measured.
        path: Of the HTML file; its folder is made.

    Raises:
        InputError: It cannot be written there.
    """
    save(render_report(measured), path)


def render_report(measured: TrialResult) -> str:
    """The report as text; see `write_report`."""
    trial, outcomes = measured.trial, measured.outcomes
    rows = parted(outcomes)
    values = {
        "trial": trial,
        "when": _when(trial),
        "rungs": RUNGS,
        "metrics": list(dict.fromkeys(name for row in trial.rungs for name in row.metrics)),
        "effort": _effort(trial.rungs),
        "slowest_ms": _most(row.latency_p50_ms for row in trial.rungs),
        "n_outcomes": len(outcomes),
        "n_parted": len(rows),
        "shown": rows[:MOST_CASES],
        "tags": list(dict.fromkeys(tag for row in trial.rungs for tag in row.slices)),
        "answered": {row.rung: _answered(row) for row in trial.rungs},
        "notes": measured.notes,
        "needed": measured.needed,
        "measured": _measured(trial),
        "served_line": served_line,
        "verdict": verdict,
        "tone": _tone,
        "lags": _lags,
        "behind": _behind,
        "percent": _percent,
        "excerpt": _excerpt,
    }
    return render("report.html", values)


def _answered(row: RungResult) -> list[str]:
    """The columns of a rung's matrix; nothing where it would be too large to read."""
    if len(row.confusion) > _MOST_LABELS:
        return []
    others = (label for said in row.confusion.values() for label in said)
    return list(dict.fromkeys((*row.confusion, *others)))


def verdict(found: RungComparison, needed: int | None = None) -> str:
    """What a comparison says, in words; no winner where it says none.

    Args:
        found: The comparison.
        needed: Cases that would tell the two apart, where a number would.
    """
    more = needed is not None and needed > MIN_CASES
    wanted = f"; about {needed:,} cases would tell" if more else ""
    low, high = (f"{abs(end) * 100:.1f}" for end in found.ci)
    if found.n < MIN_CASES:
        return f"too few cases to tell: {found.n} of at least {MIN_CASES}{wanted}"
    if found.ci[0] > 0:
        return f"{found.rung} is better, by {low} to {high} points"
    if found.ci[1] < 0:
        return f"{found.rung} is worse, by {high} to {low} points"
    return f"no winner: the interval holds zero{wanted}"


def parted(outcomes: Sequence[CaseOutcome]) -> list[CaseOutcome]:
    """The cases that some rungs did better on or failed on, those with most between them first."""
    rows = [row for row in outcomes if _between(row) > _SAME or row.errors]
    return sorted(rows, key=_between, reverse=True)


def _effort(rungs: Sequence[RungResult]) -> dict[str, object]:
    """What the third bar shows: the cost of tasks; where costs tell nothing, tokens of a prompt."""
    unpriced = ", ".join(dict.fromkeys(r.model for r in rungs if r.cost_usd_per_1k is None))
    costs = [row.cost_usd_per_1k or 0 for row in rungs]
    if not unpriced and any(costs):
        title = "cost of 1,000 tasks, $"
        return {"name": "cost", "title": title, "of": costs, "most": _most(costs), "note": ""}
    tokens = [row.tokens_in for row in rungs]
    note = "Every rung costs nothing, so its tokens are shown."
    if unpriced:
        note = f"No price is known of {unpriced}: put one under prices to see costs."
    title = "tokens of a prompt"
    return {"name": "tokens in", "title": title, "of": tokens, "most": _most(tokens), "note": note}


def _most(values: Iterable[float]) -> float:
    """The largest, to divide by."""
    return max(values, default=0) or 1


def _percent(share: float) -> str:
    """A length in a bar."""
    return f"{min(max(share, 0), 1) * 100:.4g}%"


def _tone(found: RungComparison) -> str:
    if found.n < MIN_CASES:
        return ""
    return "good" if found.ci[0] > 0 else "bad" if found.ci[1] < 0 else ""


def _lags(row: CaseOutcome, rung: Rung) -> bool:
    """Whether a rung that answered did worse on a case than the best one."""
    return rung in row.scores and row.scores[rung] < max(row.scores.values()) - _SAME


def _behind(row: CaseOutcome) -> str:
    """The classes of a case that one rung or another fell behind on."""
    return " ".join(f"behind-{RUNGS.index(r)}" for r in RUNGS if r in row.scores and _lags(row, r))


def _between(row: CaseOutcome) -> float:
    scores = row.scores.values()
    return max(scores) - min(scores) if scores else 0


def _excerpt(text: str) -> str:
    if len(text) <= _EXCERPT_CHARACTERS:
        return text
    return f"{text[:_EXCERPT_CHARACTERS]}… ({len(text):,} characters)"


def _measured(trial: Trial) -> list[tuple[str, str]]:
    """What the trial ran with, as names and values."""
    budget, made = trial.latency_budget_ms, _hash(trial.examples)
    return [
        ("trial", trial.id),
        ("time", _when(trial)),
        ("agent", trial.agent),
        ("metric", trial.metric),
        ("cases", f"{trial.n} ({_hash(trial.cases)})"),
        *((f"cases left out ({why})", f"{n}") for why, n in trial.excluded.items()),
        ("model", trial.model),
        ("example set", f"{trial.example_set} ({made})" if trial.example_set else ""),
        ("fine-tuned endpoint", trial.endpoint or ""),
        ("its model", trial.endpoint_model),
        ("target", "" if trial.target is None else f"{trial.target:g}"),
        ("latency budget", "" if budget is None else f"{budget:,} ms"),
        *((f"{name} (prompt)", _hash(version)) for name, version in trial.versions.items()),
        *trial.conditions.items(),
        *((f"{name} (documents)", _hash(version)) for name, version in trial.documents.items()),
    ]


def _hash(text: str) -> str:
    return text[:_HASH_CHARACTERS]


def _when(trial: Trial) -> str:
    return trial.at.replace("T", " ").replace("+00:00", " UTC")


_USUAL = 100_000.0
"""Tasks a month that the bars reach to, where neither a break-even nor a volume is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Month:
    """What a month costs at one volume; shares are of the dearest month shown."""

    volume: str
    mark: str
    below: str
    tuned: str
    below_share: float
    tuned_shares: tuple[float, float]


def write_advice(advice: Advice, path: Path) -> None:
    """Write advice as a page.

    Raises:
        InputError: It cannot be written there.
    """
    save(render_advice(advice), path)


def render_advice(advice: Advice) -> str:
    """The page as text."""
    money = advice.money
    values = {
        "advice": advice,
        "gaps": GAPS,
        "rows": money_rows(money) if money else [],
        "months": _months(money) if money and money.below_usd_per_task is not None else [],
        "series": RUNGS.index(money.load.rung) if money else 0,
        "percent": _percent,
    }
    return render("advice.html", values)


def _months(money: Money) -> list[_Month]:
    """What a month costs at each volume that matters; the price of the rung below must be known."""
    even, volume = money.break_even_per_month or (), money.terms.volume_per_month
    marks = {x: "break-even" for x in even if x > 0}
    if volume:
        marks[volume] = "your volume"
    end = _round_up(1.1 * max(marks, default=_USUAL / 1.1))
    volumes = sorted({*marks, end})
    below = [money.below_usd_per_month(x) or 0 for x in volumes]
    tuned = [money.tuned_usd_per_month(x) for x in volumes]
    top = _most([*below, *(most for _, most in tuned)])
    return [
        _Month(
            volume=about(x),
            mark=marks.get(x, ""),
            below=usd(low),
            tuned=usd_range(ends),
            below_share=low / top,
            tuned_shares=(ends[0] / top, ends[1] / top),
        )
        for x, low, ends in zip(volumes, below, tuned, strict=True)
    ]


def _round_up(value: float) -> float:
    """The next of 1, 2, 5 and 10 times a power of ten."""
    size = 10.0 ** math.floor(math.log10(value))
    return next(m * size for m in (1, 2, 5, 10) if m * size >= value * (1 - 1e-9))
