"""A metric of one's own: a function `(task, answer, expected) -> score` of the host's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

from agent_knowledge.build.imports import imported
from agent_knowledge.errors import ConfigError, InputError, shown
from agent_knowledge.types import Task

OwnMetric: TypeAlias = Callable[[Task, str, Sequence[str]], float]
"""Given the task, the answer without its markers and what counts as right, a score from 0 to 1."""


def load_metric(spec: str, folder: Path, allowed: Sequence[str] = ()) -> OwnMetric:
    """Import a metric, where the host allows its module, and have its scores checked.

    Args:
        spec: `package.module:function`.
        folder: The configuration's; looked at last.
        allowed: Modules that the host allows, beside those of the environment.

    Raises:
        ConfigError: It is not allowed, or cannot be imported or called.
    """
    found = imported(spec, "--metric", allowed=allowed, folder=folder)
    if not callable(found):
        msg = f"--metric {spec!r} is no function; give one as (task, answer, expected) -> score"
        raise ConfigError(msg)

    def metric(task: Task, answer: str, expected: Sequence[str]) -> float:
        try:
            score: Any = cast("Callable[..., Any]", found)(task, answer, expected)
        except Exception as error:
            msg = f"--metric {spec!r} failed ({type(error).__name__}: {error}); mend it, and run it"
            raise InputError(f"{msg} again: what was answered is kept") from error
        if not isinstance(score, int | float) or not 0 <= score <= 1:
            msg = f"--metric {spec!r} gave {shown(score)}; it has to give a number from 0 to 1"
            raise InputError(msg)
        return float(score)

    return metric
