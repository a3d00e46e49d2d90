"""Variables of the environment in a configuration's strings, as `${NAME}`."""

from __future__ import annotations

import hashlib
import os
import re

from agent_knowledge.errors import ConfigError, hide

_PACKAGED = frozenset({"extractive", "minilm"})
"""What goes by its name whoever says it: no secret, and much depends on it."""
_VARIABLE = re.compile(r"\$\{([^{}]*)\}")


def expand(text: str, key: str) -> str:
    """Replace each `${NAME}` by the environment's value.

    Args:
        text: A string of the configuration.
        key: Its key path, for the message.

    Raises:
        ConfigError: A variable is not set; the message names it and the key, never a value.
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            msg = f"{key}: the environment variable {name} is not set; export {name}=... first"
            raise ConfigError(msg)
        hide(os.environ[name], match.group())
        return os.environ[name]

    return _VARIABLE.sub(value, text)


def label(text: str, key: str) -> str:
    """Name what a string of the configuration names without telling what a variable holds.

    Args:
        text: A string of the configuration.
        key: Its key path, for the message.

    Returns:
        The string as written; where it names variables, with eight hexadecimal digits that change
        with what they hold, as `openai:${MODEL}#5f0c1a9e`: what was measured with another model
        must be known to be.

    Raises:
        ConfigError: A variable is not set.
    """
    if not _VARIABLE.search(text):
        return text
    value = expand(text, key)
    if value in _PACKAGED:
        return value
    return f"{text}#{hashlib.sha256(value.encode()).hexdigest()[:8]}"
