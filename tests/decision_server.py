"""A decision model on loopback: it answers in the wire form that it is asked in.

OpenAI's (`input`, a list of questions) or System One's (`state`, questions by name). What it says
is scripted by the questions' names; `tests.loopback` has what servers do wrong below that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

from tests.loopback import Loopback, Reply, Script, head, loopback

Said = float | Mapping[str, float] | Callable[[Sequence[str]], Mapping[str, float]] | str
"""A probability; one for each option; what makes them of the options' order; or one of these:"""
REFUSED, MISSING = "refused", "missing"


def first_option(preferred: float, really: Mapping[str, float]) -> Said:
    """Says what is so, and favours whatever stands first."""

    def shares(options: Sequence[str]) -> dict[str, float]:
        raised = {o: really[o] * (preferred if o == options[0] else 1.0) for o in options}
        return {option: p / sum(raised.values()) for option, p in raised.items()}

    return shares


def answering(**said: Said) -> Callable[[dict[str, Any]], Script]:
    """A reply to any request: what is scripted, else 0.5, or every option alike."""

    def reply(body: dict[str, Any]) -> Script:
        told = _openais(body, said) if "input" in body else _system_ones(body, said)
        usage = {"input_tokens": 9, "output_tokens": 0}
        return [head(), json.dumps({"model": "m", "answers": told, "usage": usage}).encode()]

    return reply


@contextmanager
def decision_server(*replies: Reply, **said: Said) -> Generator[Loopback]:
    """Serve while the block runs: replies one by one, or what is scripted by name."""
    with loopback(*(replies or (answering(**said),))) as server:
        yield server


def _openais(body: dict[str, Any], said: Mapping[str, Said]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for question in body["questions"]:
        name, options = question["name"], [c["value"] for c in question.get("choices", ())]
        told = _said(said, name, options)
        if told == REFUSED:
            rows.append({"type": "refusal", "name": name})
        elif chosen := _choice(told):
            shares = [{"value": o, "probability": p} for o, p in chosen[1].items()]
            row = {"type": "choice", "name": name, "choice": chosen[0], "confidence": 0.1}
            rows.append({**row, "probabilities": shares})
        elif told != MISSING:
            rows.append({"type": "predicate", "name": name, "probability": told})
    return rows


def _system_ones(body: dict[str, Any], said: Mapping[str, Said]) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for name, question in body["questions"].items():
        told = _said(said, name, list(question.get("criteria", ())))
        if chosen := _choice(told):
            row = {"type": "choice", "choice": chosen[0], "confidence": 0.1}
            rows[name] = {**row, "probabilities": chosen[1]}
        elif not isinstance(told, str):  # who refuses leaves the answer out
            rows[name] = {"type": "noul", "noul": told}
    return rows


def _said(said: Mapping[str, Said], name: str, options: Sequence[str]) -> Any:
    told = said.get(name, dict.fromkeys(options, 1 / max(len(options), 1)) if options else 0.5)
    return told(options) if callable(told) else told


def _choice(told: object) -> tuple[str, dict[str, float]] | None:
    """What was chosen of a question with options, and their probabilities; None of another one."""
    if not isinstance(told, Mapping):
        return None
    shares = dict(cast("Mapping[str, float]", told))
    return max(shares, key=lambda option: shares[option]), shares
