"""The report of a trial: one HTML file with what was measured, what follows, and where rungs part.

It opens offline, prints, and holds no script (`page`); its charts are inline SVG (`chart`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from agent_knowledge.ledger import MIN_CASES, Comparison, RungResult, Trial
from agent_knowledge.markup import Html, element, joined
from agent_knowledge.trials.charts import Point, Words, scatter
from agent_knowledge.trials.open_gate import served_line
from agent_knowledge.trials.outcome import CaseOutcome
from agent_knowledge.trials.pages import facts, page, save, section, table
from agent_knowledge.types import RUNGS, Rung

MOST_CASES = 200
"""Cases in the table at most: those on which the rungs differ most."""
_EXCERPT_CHARACTERS = 600
_HASH_CHARACTERS = 12
_SAME = 1e-9
_READ_ME = (
    "An interval holds the true value of such cases 95 times in 100 (bootstrap). Points that would"
    " cover each other are drawn side by side."
)


def write_report(trial: Trial, outcomes: Sequence[CaseOutcome], path: Path) -> None:
    """Write a trial's report.

    Args:
        trial: What was measured.
        outcomes: What became of each case.
        path: Of the HTML file; its folder is made.

    Raises:
        InputError: It cannot be written there.
    """
    save(render_report(trial, outcomes), path)


def render_report(trial: Trial, outcomes: Sequence[CaseOutcome]) -> str:
    """The report as text; see `write_report`."""
    return page(
        f"Trial of {trial.agent}: the rungs measured",
        element("h1", f"Which rung does {trial.agent} need?"),
        element("p", f"{_when(trial)}, {trial.n} cases, {trial.metric}", at={"class": "quiet"}),
        _recommendation(trial),
        *([element("p", served_line(trial.open_gate))] if trial.open_gate else []),
        section("The rungs", _rungs(trial), *_charts(trial)),
        *_compared(trial),
        section("Where the rungs part", *_parted(trial, outcomes)),
        section("What was measured", _ground(trial)),
    )


def verdict(found: Comparison) -> str:
    """What a comparison says, in words; no winner where it says none."""
    low, high = (f"{abs(end) * 100:.1f}" for end in found.ci)
    if found.n < MIN_CASES:
        return f"too few cases to tell: {found.n} of at least {MIN_CASES}"
    if found.ci[0] > 0:
        return f"{found.rung} is better, by {low} to {high} points"
    if found.ci[1] < 0:
        return f"{found.rung} is worse, by {high} to {low} points"
    return "no winner: the interval holds zero"


def parted(outcomes: Sequence[CaseOutcome]) -> list[CaseOutcome]:
    """The cases that some rungs did better on than others, those with most between them first."""
    rows = [row for row in outcomes if _between(row) > _SAME]
    return sorted(rows, key=_between, reverse=True)


def _recommendation(trial: Trial) -> Html:
    named = trial.recommended
    head = f"Recommended: {named}" if named else "Nothing is recommended"
    box = {"class": "answer" if named else "answer open"}
    return element("div", element("p", element("strong", head)), element("p", trial.why), at=box)


def _rungs(trial: Trial) -> Html:
    metrics = list(dict.fromkeys(name for row in trial.rungs for name in row.metrics))
    head = ["rung", "score", "95 % interval", "p50 ms", "p95 ms", "tokens in", "tokens out"]
    head += ["$ per 1,000 tasks", "answered", "failed", *metrics, "model"]
    rows = [
        [
            row.rung,
            f"{row.score:.3f}",
            f"{row.ci[0]:.3f} to {row.ci[1]:.3f}",
            f"{row.latency_p50_ms:,.0f}",
            f"{row.latency_p95_ms:,.0f}",
            f"{row.tokens_in:,.0f}",
            f"{row.tokens_out:,.0f}",
            "no price" if row.cost_usd_per_1k is None else f"{row.cost_usd_per_1k:,.3f}",
            f"{row.n:,}",
            f"{row.errors:,}",
            *(f"{row.metrics[name]:.3f}" if name in row.metrics else "" for name in metrics),
            row.model,
        ]
        for row in trial.rungs
    ]
    caption = f"Each rung on the same cases, lowest first; score: {trial.metric}, from 0 to 1"
    return table(caption, head, rows, kind="figures told")


def _charts(trial: Trial) -> Iterator[Html]:
    if not trial.rungs:
        return
    late = _chart(trial, "latency", "median time of an answer, ms", lambda r: r.latency_p50_ms)
    yield element("div", _cost_chart(trial), late, at={"class": "charts"})
    yield element("p", _READ_ME, at={"class": "quiet"})


def _cost_chart(trial: Trial) -> Html:
    """Quality against cost; against the tokens of a prompt where costs tell nothing."""
    unpriced = [row.model for row in trial.rungs if row.cost_usd_per_1k is None]
    if not unpriced and any(row.cost_usd_per_1k for row in trial.rungs):
        costs = "cost of 1,000 tasks, $"
        return _chart(trial, "cost", costs, lambda row: row.cost_usd_per_1k or 0)
    models = ", ".join(dict.fromkeys(unpriced))
    note = f"No price is known of {models}: put one under prices to see costs."
    note = note if unpriced else "Every rung costs nothing, so its tokens are shown."
    return _chart(trial, "tokens in", "tokens of a prompt", lambda row: row.tokens_in, note)


def _chart(
    trial: Trial, against: str, axis: str, x: Callable[[RungResult], float], note: str = ""
) -> Html:
    points = [
        Point(
            label=row.rung,
            series=RUNGS.index(row.rung),
            x=x(row),
            y=row.score,
            low=row.ci[0],
            high=row.ci[1],
        )
        for row in trial.rungs
    ]
    told = "; ".join(
        f"{p.label}: {p.y:.3f} ({p.low:.3f} to {p.high:.3f}) at {p.x:,.4g}" for p in points
    )
    title = f"Quality against {against}, per rung"
    words = Words(
        key=against.replace(" ", "-"),
        title=title,
        description=f"{axis} across, {trial.metric} upwards. {told}.",
        x=axis,
        y=trial.metric,
    )
    caption = f"{title}, with 95 % intervals. {note}".strip()
    return element("figure", scatter(points, words), element("figcaption", caption))


def _compared(trial: Trial) -> Iterator[Html]:
    if not trial.comparisons:
        return
    rows = [
        [
            f"{found.rung} beside {found.against}",
            f"{found.difference:+.3f}",
            f"{found.ci[0]:+.3f} to {found.ci[1]:+.3f}",
            f"{found.n:,}",
            element("td", verdict(found), at={"class": _tone(found)}),
        ]
        for found in trial.comparisons
    ]
    head = ["rungs", "difference", "95 % interval", "cases", "what it says"]
    caption = "Differences in score, case by case (paired)"
    yield section("Rung beside rung", table(caption, head, rows, kind="figures told"))


def _tone(found: Comparison) -> str:
    if found.n < MIN_CASES:
        return ""
    return "good" if found.ci[0] > 0 else "bad" if found.ci[1] < 0 else ""


def _parted(trial: Trial, outcomes: Sequence[CaseOutcome]) -> Iterator[Html]:
    rungs: list[Rung] = [row.rung for row in trial.rungs]
    rows = parted(outcomes)
    alike = f"On {len(outcomes) - len(rows)} of {len(outcomes)} cases all rungs score the same."
    yield element("p", alike)
    if not rows:
        return
    shown = rows[:MOST_CASES]
    which = f"the {len(shown)} of {len(rows)}" if len(rows) > len(shown) else f"all {len(rows)}"
    caption = f"Cases on which rungs differ, most first: {which}"
    yield _choice(rungs)
    yield _case_table(caption, rungs, shown)


def _choice(rungs: Sequence[Rung]) -> Html:
    """Buttons that leave only the cases that one rung fell behind on; the page's style acts."""
    labels: list[Html] = []
    names = [("all", "all"), *((str(RUNGS.index(rung)), f"{rung} fell behind") for rung in rungs)]
    for key, label in names:
        button = {"type": "radio", "name": "behind", "id": f"behind-{key}"}
        checked = {"checked": "checked"} if key == "all" else {}
        labels.append(element("label", element("input", at={**button, **checked}), f" {label}"))
    return element("fieldset", element("legend", "Show the cases where"), *labels)


def _case_table(caption: str, rungs: Sequence[Rung], shown: Sequence[CaseOutcome]) -> Html:
    head = ["task", "expected", *rungs]
    names = [element("th", name, at={"scope": "col"}) for name in head]
    body = [_case(row, rungs) for row in shown]
    inner = (
        element("caption", caption),
        element("thead", element("tr", *names)),
        element("tbody", *body),
    )
    box = {"class": "wide", "role": "region", "tabindex": "0", "aria-label": caption}
    return element("div", element("table", *inner, at={"class": "cases"}), at=box)


def _case(row: CaseOutcome, rungs: Sequence[Rung]) -> Html:
    best = max(row.scores.values(), default=0)
    behind = [rung for rung in rungs if row.scores.get(rung, best) < best - _SAME]
    kinds = " ".join(f"behind-{RUNGS.index(rung)}" for rung in behind)
    task = joined([element("code", row.case), "\n", _excerpt(row.task)])
    cells = [element("td", _excerpt("\nor\n".join(row.expected)), at={"dir": "auto"})]
    cells += [_answer(row, rung, best) for rung in rungs]
    head = element("th", task, at={"scope": "row", "dir": "auto"})
    return element("tr", head, *cells, at={"class": kinds})


def _answer(row: CaseOutcome, rung: Rung, best: float) -> Html:
    """A rung's score, then its answer or what went wrong."""
    if rung not in row.scores and rung not in row.answers and rung not in row.errors:
        return element("td", "not run")
    score = row.scores.get(rung, 0.0)
    tone = "good" if score >= best - _SAME else "bad"
    said = row.answers.get(rung)
    text = _excerpt(said) if said is not None else f"failed: {row.errors.get(rung, 'no answer')}"
    return element("td", element("b", f"{score:.2f}", at={"class": tone}), text, at={"dir": "auto"})


def _ground(trial: Trial) -> Html:
    rows = [
        ("trial", trial.id),
        ("time", _when(trial)),
        ("agent", trial.agent),
        ("metric", trial.metric),
        ("cases", f"{trial.n} ({_hash(trial.cases)})"),
        ("model", trial.model),
        ("example set", _named(trial.example_set, trial.examples)),
        ("fine-tuned endpoint", trial.endpoint or ""),
        ("its model", trial.endpoint_model),
        ("target", "" if trial.target is None else f"{trial.target:g}"),
        ("latency budget", "" if trial.latency_budget_ms is None else _ms(trial)),
        *((f"{name} (prompt)", _hash(made)) for name, made in trial.versions.items()),
        *((f"{name} (documents)", _hash(made)) for name, made in trial.documents.items()),
    ]
    return facts(rows)


def _ms(trial: Trial) -> str:
    return f"{trial.latency_budget_ms:,} ms"


def _named(name: str | None, made: str) -> str:
    return f"{name} ({_hash(made)})" if name else ""


def _hash(text: str) -> str:
    """The beginning of a hash; the ledger has the whole."""
    return text[:_HASH_CHARACTERS]


def _when(trial: Trial) -> str:
    return trial.at.replace("T", " ").replace("+00:00", " UTC")


def _between(row: CaseOutcome) -> float:
    scores = row.scores.values()
    return max(scores) - min(scores) if scores else 0


def _excerpt(text: str) -> str:
    if len(text) <= _EXCERPT_CHARACTERS:
        return text
    return f"{text[:_EXCERPT_CHARACTERS]}… ({len(text):,} characters)"
