"""The log of decisions that a configuration asks for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from agent_knowledge.config import KnowledgeConfig
from agent_knowledge.errors import MissingExtraError
from agent_knowledge.ledger.decisions import FILE, DecisionLog, LogText
from agent_knowledge.screening.redacting import EXTRA, redact


def load_log(config: KnowledgeConfig) -> DecisionLog | None:
    """The log, one a file and process; None where the configuration asks for none.

    Raises:
        ConfigError: Its path is none.
        MissingExtraError: Texts are to be redacted, and nobody can.
    """
    if config.log is None:
        return None
    return _log(log_file(config), config.log.text, redacts=config.log.redact)


def log_file(config: KnowledgeConfig) -> Path:
    """Where the log is kept, or would be.

    Raises:
        ConfigError: The path is none.
    """
    if config.log is None or config.log.path is None:
        return config.store_path / FILE
    return config.resolve(config.log.path, "log.path")


@cache
def _log(file: Path, text: LogText, *, redacts: bool) -> DecisionLog:
    redacting = _redaction() if redacts and text == "whole" else None
    return DecisionLog(file, text=text, redact=redacting)


def _redaction() -> Callable[[str], str]:
    try:
        from agent_knowledge.screening.personal import PersonalData
    except ImportError as error:
        msg = (
            "log: text: whole with redact: true needs what finds personal data and secrets: "
            f"{EXTRA}; or keep a hash of each task (text: hash), or the text as it is "
            "(redact: false)"
        )
        raise MissingExtraError(msg) from error
    return partial(redact, detector=PersonalData())
