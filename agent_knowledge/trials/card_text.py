"""The data card as Markdown."""

from __future__ import annotations

from agent_knowledge.trials.data_card import (
    EXTRA,
    FEW_A_LABEL,
    SHOWN_ROWS,
    Card,
    Labels,
    LeftOut,
    Personal,
    Split,
    listed,
)


def render(card: Card) -> str:
    """Write a card."""
    tokens = card.tokens
    sections = {
        f"# Training data: {card.set}": (
            f"Made {card.made} by langchain-agent-knowledge {card.package} from the example set"
            f" `{card.set}`, with the prompt of the agent `{card.agent}`, as {card.format}."
            f" Licence of the data: {card.licence}."
        ),
        "## Before training": "\n".join(
            f"- {line}" for line in card.warnings or ("Nothing was found.",)
        ),
        "## Rows": _rows(card),
        "## Split": _split(card.split, by_label=card.labels is not None),
        "## Labels": _labels(card.labels) if card.labels else "",
        "## Length": (
            f"Estimated tokens of a whole row: {tokens.p50:,} in the middle, {tokens.p95:,} at"
            f" 95 %, {tokens.longest:,} at most."
        ),
        "## Personal data": _personal(card.personal),
        "## Where it comes from": "\n".join(
            [
                "| what | hash |\n|---|---|",
                f"| examples | `{card.examples}` |",
                *(f"| {name} | `{value}` |" for name, value in card.versions.items()),
                *(f"| `{name}`, SHA-256 | `{value}` |" for name, value in card.files.items()),
            ]
        ),
    }
    return "\n\n".join(f"{title}\n\n{text}" for title, text in sections.items() if text) + "\n"


def _rows(card: Card) -> str:
    left_out = card.left_out
    counts = {
        "in the set's file": card.rows,
        "repeated, left out": len(left_out.duplicates),
        "of one input with different outputs, left out": sum(map(len, left_out.conflicts)),
        "with an empty output, left out": len(left_out.empty_outputs),
        "near-duplicates of cases to measure on, left out": len(left_out.cases),
        "`train.jsonl`": card.split.train,
        "`validation.jsonl`": card.split.validation,
    }
    table = "\n".join(f"| {what} | {count:,} |" for what, count in counts.items())
    return (
        f"| rows | count |\n|---|---|\n{table}\n\nA row's number is its example's place in the"
        f" set's file, from 1, blank lines not counted.{_conflicts(left_out)}"
    )


def _conflicts(left_out: LeftOut) -> str:
    if not left_out.conflicts:
        return ""
    lines = [f"- rows {listed(rows)}" for rows in left_out.conflicts[:SHOWN_ROWS]]
    more = len(left_out.conflicts) - SHOWN_ROWS
    if more > 0:
        lines.append(f"- and {more:,} more, in card.json")
    return "\n\nOne input, different outputs:\n\n" + "\n".join(lines)


def _split(split: Split, *, by_label: bool) -> str:
    return (
        f"Inputs at a cosine of {split.threshold} or more (MiniLM) are near-duplicates. They make"
        f" {split.groups:,} groups, the largest of {split.largest_group:,} rows; a group is on one"
        f" side only. Asked for: {split.share:.0%} for validation"
        f"{', of each label' if by_label else ''}; seed {split.seed}."
    )


def _labels(labels: Labels) -> str:
    lines = [f"{labels.count:,} labels, of {labels.smallest:,} to {labels.largest:,} rows."]
    if labels.few:
        few = ", ".join(f"{label} ({count})" for label, count in labels.few.items())
        lines.append(f"Fewer than {FEW_A_LABEL} rows: {few}.")
    if labels.not_validated:
        lines.append(f"Without a row in validation: {', '.join(labels.not_validated)}.")
    return "\n\n".join(lines)


def _personal(personal: Personal) -> str:
    if personal.by is None:
        return f"Not checked: {EXTRA}"
    what = (
        f"Looked for by {personal.by}: addresses of mail, telephone numbers, cards, accounts and"
        " identity numbers, by form and check digit. Names of people and postal addresses were not"
        " looked for."
    )
    if not personal.found:
        return f"{what}\n\nNone was found."
    rows = "\n".join(
        f"| {kind} | {len(found):,} | {listed(found)} |" for kind, found in personal.found.items()
    )
    return f"{what}\n\n| kind | rows | which |\n|---|---|---|\n{rows}"
