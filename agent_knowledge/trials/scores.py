"""What each case of a trial scored, kept beside the ledger so that two trials can be paired.

One file a trial, of hashes and figures: no task and no answer is in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from agent_knowledge.trials.journal import FOLDER
from agent_knowledge.trials.pages import TrialResult

_SCORES = "scores"
_FORM = TypeAdapter(dict[str, dict[str, float]])
CaseScores = Mapping[str, Mapping[str, float]]
"""By the case's hash, by rung."""


def keep_scores(store: Path, measured: TrialResult) -> None:
    """Write what each case scored.

    Raises:
        OSError: The store cannot be written.
    """
    file = _file(store, measured.trial.id)
    file.parent.mkdir(parents=True, exist_ok=True)
    scores = {outcome.digest: dict(outcome.scores) for outcome in measured.outcomes}
    file.write_text(json.dumps(scores), encoding="utf-8")


def read_scores(store: Path, trial: str) -> CaseScores:
    """What each case of a trial scored; nothing where that was not kept, or is damaged."""
    try:
        return _FORM.validate_json(_file(store, trial).read_bytes())
    except (OSError, ValidationError):
        return {}


def _file(store: Path, trial: str) -> Path:
    return store / FOLDER / _SCORES / f"{trial}.json"
