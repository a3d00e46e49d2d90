"""What a person reads in a terminal; plain text when it is piped."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import typer
from rich.text import Text

from agent_knowledge.citations.notes import (
    address,
    excerpt,
    heading,
    lines,
    notes,
    one_line,
    place,
    visible,
)
from agent_knowledge.cli.terminal import Terminal
from agent_knowledge.types import Decision, to_dict
from agent_knowledge.types.addresses import relative_address
from agent_knowledge.types.answers import FLAGS, Answer


def output(row: Mapping[str, Any], text: Text, *, as_json: bool) -> None:
    """Print a row as JSON, or its readable form."""
    if as_json:
        typer.echo(json.dumps(row))
    else:
        echo(text)


def echo(text: Text | str = "") -> None:
    """Print for a person: wrapped to a terminal's width; plain and unwrapped when piped."""
    console = Terminal()
    console.print(text, soft_wrap=not console.is_terminal)


def decision(made: Decision) -> Text:
    """A decision as a short story: the route, why, and what was rejected."""
    text = Text()
    text.append(made.strategy, style="bold green")
    text.append(f"  confidence {made.confidence:.2f}", style="dim")
    flags = [flag for flag, on in (("gap", made.gap), ("unsure", made.unsure)) if on]
    text.append(f"  ({', '.join(flags)})" if flags else "", style="yellow")
    text.append("\n" + _plan(made))
    for reason in made.reasons:
        text.append("\n  because   ", style="dim")
        text.append(f"{reason.rule}: ", style="cyan")
        text.append(reason.text)
    for row in made.rejected:
        text.append("\n  rejected  ", style="dim")
        text.append(f"{row.strategy}: ", style="magenta")
        text.append(f"{row.rule}: {row.text}", style="dim")
    return text


def _plan(made: Decision) -> str:
    plan = made.plan
    parts: list[str] = []
    if plan.sources:
        parts.append(f"{plan.k} passages of {', '.join(plan.sources)}")
    if plan.endpoint:
        parts.append(f"endpoint {plan.endpoint} (examples of {plan.examples} if it fails)")
    elif plan.examples:
        parts.append(f"examples of {plan.examples}")
    if plan.clarify:
        parts.append(f"a question back: {plan.clarify}")
    return "  plan      " + ("; ".join(parts) or "the system prompt alone")


def passages(rows: Sequence[Mapping[str, Any]]) -> Text:
    """Passages, best first."""
    if not rows:
        return Text("no passage found")
    text = Text()
    for number, row in enumerate(rows, start=1):
        text.append("\n" if number > 1 else "")
        text.append(f"[{number}] ", style="bold")
        text.append(one_line(row["title"] or row["document"]), style="cyan")
        text.append(f"  {_place(row)}  {row['score']:.2f}\n", style="dim")
        text.append(excerpt(row["text"]) + "\n")
    return text


def examples(name: str | None, rows: Sequence[Mapping[str, Any]]) -> Text:
    """Worked examples, best first."""
    if name is None:
        return Text("the agent has no example set")
    text = Text(f"examples of {name}", style="bold")
    for row in rows:
        text.append(f"\n  {row['score']:.2f}  ", style="dim")
        text.append(f"{excerpt(row['input'])} -> ")
        text.append(excerpt(row["output"]), style="green")
    return text


def answer(made: Answer) -> Text:
    """An answer with its sources."""
    text = Text(visible(made.text))
    used = {citation.number: citation.passage for citation in made.citations}
    doubtful = {c.number for c in made.citations if not c.supported}
    for number, passage in sorted(used.items()):
        text.append(f"\n  [{number}] ", style="bold")
        text.append(heading(passage), style="cyan")
        text.append(f"  {_place(to_dict(passage))}", style="dim")
        if number in doubtful:
            text.append("  (not found to say this)", style="yellow")
    for start, end in set(made.ungrounded) - set(made.uncited):
        text.append(f"\n! not in the sources: “{excerpt(made.text[start:end])}”", style="yellow")
    return text.append_text(_footers(made))


def _footers(made: Answer) -> Text:
    """What else there is to say of an answer, a line each."""
    text = Text()
    if made.fabricated:
        markers = ", ".join(made.fabricated)
        text.append(f"\n  removed markers that name no passage: {markers}", style="yellow")
    for flag in made.flags:
        text.append(f"\n! {FLAGS[flag]}", style="yellow")
    for fault in made.faults:
        text.append(f"\n  not in its form: {fault}", style="yellow")
    for line in (*made.fallbacks, *made.knowledge.left_out):
        text.append(f"\n  note: {line}", style="yellow")
    return text


def footnotes(made: Answer) -> Text:
    """An answer with a footnote for each passage that it names: where it is and what it says."""
    text = Text(visible(made.text))
    found = notes(made)
    text.append("" if found else "\n\nno sources: nothing in this answer cites a passage", "yellow")
    for number, note in enumerate(found):
        passage = note.passage
        uri = f" ({where})" if (where := address(passage)) else ""
        stands = ", ".join(filter(None, [f"{place(passage)}{uri}", lines(passage)]))
        text.append("\n" if number else "\n\n")
        text.append(f"[{note.number}] ", style="bold")
        text.append(heading(passage), style="cyan")
        text.append(f" — {stands}", style="dim")
        for start, end in note.quotes:
            text.append(f"\n    “{excerpt(passage.text[start:end])}”", style="green")
        for remark in note.remarks:
            why = f" ({excerpt(remark.reason)})" if remark.reason else ""
            text.append(f"\n    ! {remark.text}: “{excerpt(remark.said)}”{why}", style="yellow")
    for start, end in made.uncited:
        text.append(f"\n! no source given: “{excerpt(made.text[start:end])}”", style="yellow")
    return text.append_text(_footers(made))


def _place(row: Mapping[str, Any]) -> str:
    """Source and document; the address too where it says more."""
    source, document, uri = row["source"], row["document"], row["uri"]
    says_more = uri and uri not in {document, relative_address(source, document)}
    return one_line(f"{source}: {document}" + (f" ({uri})" if says_more else ""))
